#include "pkg/fetch.h"

#include <sys/stat.h>

#include "base/hash.h"
#include "base/http.h"
#include "httpd.h"
#include "pkg/cache.h"
#include "testlib.h"

enum { FILE_BYTES = 200000 };

/* A cache, and a server that has a file. */
struct world {
	struct pkg_cache cache;
	struct httpd *a;
	struct eb_http_options http;
	struct pkg_fetch_options o;
	char data[FILE_BYTES], sha[65];
};

static struct world *world_new(void)
{
	struct world *w = eb_xcalloc(1, sizeof(*w));
	autoerror struct eb_error *e = NULL;

	CHECK_OK(pkg_cache_open(test_path("cache"), &w->cache, &e), e);
	w->a = httpd_start();
	w->http = (struct eb_http_options){ .backoff_msec = 4, .stall_timeout_sec = 1 };
	w->o = (struct pkg_fetch_options){ .cache = &w->cache, .http = &w->http };
	for (size_t k = 0; k < FILE_BYTES; k++)
		w->data[k] = (char)(k * 7 + k / 251);
	eb_sha256_hex(w->data, FILE_BYTES, w->sha);
	return w;
}

static void world_free(struct world **w)
{
	httpd_stop((*w)->a);
	pkg_cache_release(&(*w)->cache);
	free(*w);
}
#define AUTOWORLD(name) EB_CLEANUP(world_free) struct world *name = world_new()

static int first(struct world *w, const char *url, const char *const *more, char sha[static 65],
		 struct eb_error **err)
{
	const struct pkg_source s = {
		.what = "archive 'x'", .url = url, .more_urls = more, .size = UINT64_MAX
	};
	uint64_t size = 0;
	int r = pkg_fetch_first(&w->o, &s, sha, &size, err);

	if (r >= 0)
		CHECK_INT(size, FILE_BYTES);
	return r;
}

TEST(fetch_first, tells_the_hash)
{
	AUTOWORLD(w);
	autoerror struct eb_error *e = NULL;
	const struct httpd_reply good = { .body = w->data, .size = FILE_BYTES };
	const struct httpd_reply cut = {
		.body = w->data, .size = FILE_BYTES, .mode = HTTPD_DROP, .after = 700, .times = 1
	};
	const char *more[] = { NULL, NULL };
	char sha[65] = "";
	uint64_t size;

	httpd_reply(w->a, "/x", &good);
	CHECK_OK(first(w, httpd_url(w->a, "/x"), NULL, sha, &e), e);
	CHECK_STR(sha, w->sha);
	autofd int fd = pkg_cache_find(&w->cache, sha, &size, &e);
	CHECK(fd >= 0);
	/* A connection that breaks, and a mirror where the first place has nothing. */
	httpd_reply(w->a, "/cut", &cut);
	memset(sha, 0, sizeof(sha));
	CHECK_OK(first(w, httpd_url(w->a, "/cut"), NULL, sha, &e), e);
	CHECK_STR(sha, w->sha);
	more[0] = httpd_url(w->a, "/x");
	memset(sha, 0, sizeof(sha));
	CHECK_OK(first(w, httpd_url(w->a, "/none"), more, sha, &e), e);
	CHECK_STR(sha, w->sha);
}

TEST(fetch_first, refuses_what_is_not_asked_for)
{
	AUTOWORLD(w);
	autoerror struct eb_error *e = NULL;
	const struct httpd_reply page = { .body = w->data, .size = FILE_BYTES, .mode = HTTPD_HTML };
	char sha[65] = "";

	httpd_reply(w->a, "/x.tar.gz", &page);
	CHECK_FAIL(first(w, httpd_url(w->a, "/x.tar.gz"), NULL, sha, &e), EB_E_FORMAT,
		   "what came is a web page", e);
	CHECK_FAIL(first(w, httpd_url(w->a, "/none"), NULL, sha, &e), EB_E_NOT_FOUND,
		   "archive 'x': http://127.0.0.1", e);
	w->o.offline = true;
	CHECK_FAIL(first(w, httpd_url(w->a, "/x.tar.gz"), NULL, sha, &e), EB_E_OFFLINE,
		   "archive 'x'", e);
	CHECK_STR(sha, "");
}

TEST(fetch_first, looks_into_directories_and_file_urls)
{
	AUTOWORLD(w);
	autoerror struct eb_error *e = NULL;
	const char *dirs[] = { test_path("dir"), NULL };
	autofree char *url = eb_xasprintf("file://%s/x.tar", test_path("dir"));
	char sha[65] = "";

	CHECK_INT(mkdir(dirs[0], 0755), 0);
	CHECK_OK(eb_file_write(test_path("dir/x.tar"), w->data, FILE_BYTES, 0644, &e), e);
	w->o.offline = true;
	CHECK_OK(first(w, url, NULL, sha, &e), e);
	CHECK_STR(sha, w->sha);
	w->o.source_dirs = dirs;
	memset(sha, 0, sizeof(sha));
	CHECK_OK(first(w, "https://example.invalid/release/x.tar?y=z", NULL, sha, &e), e);
	CHECK_STR(sha, w->sha);
}

TEST(fetch_first, further_urls_are_asked_in_order)
{
	AUTOWORLD(w);
	autoerror struct eb_error *e = NULL;
	const struct httpd_reply good = { .body = w->data, .size = FILE_BYTES };
	const struct httpd_reply page = { .mode = HTTPD_HTML, .body = w->data, .size = FILE_BYTES };
	autofree char *last = eb_xstrdup(httpd_url(w->a, "/good"));
	autofree char *bad = eb_xstrdup(httpd_url(w->a, "/page"));
	const char *more[] = { bad, last, NULL };
	struct pkg_source s = { .what = "archive 'x'",
				.url = httpd_url(w->a, "/none"),
				.more_urls = more,
				.sha256 = w->sha,
				.size = UINT64_MAX };

	httpd_reply(w->a, "/good", &good);
	httpd_reply(w->a, "/page", &page);
	CHECK_OK(pkg_fetch(&w->o, &s, 1, &e), e);
	CHECK_INT(httpd_n_requests_of(w->a, "/none"), 1);
	CHECK(httpd_n_requests_of(w->a, "/page") >= 1);
	more[1] = NULL;
	s.sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
	CHECK_FAIL(pkg_fetch(&w->o, &s, 1, &e), EB_E_DIGEST, "what came is a web page", e);
}
