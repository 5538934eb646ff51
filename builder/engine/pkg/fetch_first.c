/* Fetching what nobody knows the hash of yet. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/stream.h"
#include "base/url.h"
#include "pkg/fetch_job.h"

/* As for other files of unknown size. */
static const uint64_t max_first_bytes = (uint64_t)8 << 30;

struct first {
	const struct pkg_fetch_options *o;
	const struct pkg_source *s;
	int fd;	       /* what came so far */
	uint64_t have; /* bytes */
	bool page;
	struct eb_buf causes;
	int code; /* of the first cause, positive */
};

/* ---- into the cache ---- */

static int keep(struct first *f, int fd, uint64_t size, char ret_sha256[static 65],
		uint64_t *ret_size, struct eb_error **err)
{
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *hash = eb_writer_hash(NULL);
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = eb_reader_region(fd, 0, size);
	char hex[EB_SHA256_HEX + 1];
	int r;

	if (f->s->size != UINT64_MAX && f->s->size != size)
		return eb_throw(err, EB_E_DIGEST, "expected %llu bytes, found %llu",
				(unsigned long long)f->s->size, (unsigned long long)size);
	r = eb_copy(in, hash, NULL, err);
	if (r < 0)
		return r;
	eb_writer_hash_hex(hash, hex);
	r = pkg_cache_store(f->o->cache, hex, size, eb_reader_region(fd, 0, size), f->s->what, err);
	if (r < 0)
		return r;
	memcpy(ret_sha256, hex, sizeof(hex));
	*ret_size = size;
	return 0;
}

/* A cause, after which the next place is asked. */
static void note(struct first *f, const char *where, int code, const char *why)
{
	eb_buf_addf(&f->causes, "%s%s: %s", f->causes.len ? "; " : "", where, why);
	if (!f->code)
		f->code = code;
}

/* ---- places ---- */

/* 1 when it was there and is kept. */
static int from_path(struct first *f, const char *path, char ret_sha256[static 65],
		     uint64_t *ret_size, struct eb_error **err)
{
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	r = keep(f, fd, (uint64_t)st.st_size, ret_sha256, ret_size, err);
	return r < 0 ? eb_prefix(err, r, "%s: '%s'", f->s->what, path) : 1;
}

static int from_dirs(struct first *f, char ret_sha256[static 65], uint64_t *ret_size,
		     struct eb_error **err)
{
	const char *const *dir = f->o->source_dirs;
	autofree char *path = fetch_url_path(f->s->url);
	const char *slash = path ? strrchr(path, '/') : NULL;
	int r = 0;

	for (; dir && *dir && path && eb_path_is_clean(path) && r == 0; dir++) {
		autofree char *full = eb_xasprintf("%s/%s", *dir, path);
		autofree char *base = eb_xasprintf("%s/%s", *dir, slash ? slash + 1 : path);

		r = from_path(f, full, ret_sha256, ret_size, err);
		if (r == 0)
			r = from_path(f, base, ret_sha256, ret_size, err);
	}
	return r;
}

static int on_body(void *ctx, uint64_t at, const void *p, size_t n, struct eb_error **err)
{
	struct first *f = ctx;
	const char *from = p;

	if (ftruncate(f->fd, (off_t)at) < 0)
		return eb_throw_errno(err, "%s: write to the cache", f->s->what);
	f->have = at;
	if (at == 0)
		f->page = fetch_is_page(from, n);
	while (n > 0) {
		ssize_t did = pwrite(f->fd, from, n, (off_t)f->have);

		if (did < 0 && errno == EINTR)
			continue;
		if (did < 0)
			return eb_throw_errno(err, "%s: write to the cache", f->s->what);
		from += did;
		n -= (size_t)did;
		f->have += (uint64_t)did;
	}
	return 0;
}

static bool wants_page(const char *url)
{
	autofree char *path = fetch_url_path(url);
	const char *dot = path ? strrchr(path, '.') : NULL;

	return dot && (strcmp(dot, ".html") == 0 || strcmp(dot, ".htm") == 0);
}

/* 1 when it came and is kept, 0 with a cause noted. */
static int from_url(struct first *f, struct eb_http *http, const char *url,
		    char ret_sha256[static 65], uint64_t *ret_size, struct eb_error **err)
{
	struct eb_http_get get = { .url = url,
				   .max_bytes = f->s->size != UINT64_MAX ? f->s->size
									 : max_first_bytes,
				   .what = f->s->what,
				   .ctx = f,
				   .body = on_body };
	struct eb_http_get *gets[] = { &get };
	autofree char *shown = eb_url_show(url);
	int r;

	f->have = 0;
	f->page = false;
	if (ftruncate(f->fd, 0) < 0)
		return eb_throw_errno(err, "%s: write to the cache", f->s->what);
	r = eb_http_get_all(http, gets, 1, NULL, NULL, NULL);
	if (r < 0) {
		int code = get.error->code;

		if (code < EB_E_USAGE)
			return eb_error_forward(err, get.error);
		note(f, shown, code, get.error->message);
		eb_error_free(get.error);
		return 0;
	}
	if (f->page && !wants_page(url)) {
		note(f, shown, EB_E_FORMAT, "what came is a web page");
		return 0;
	}
	r = keep(f, f->fd, f->have, ret_sha256, ret_size, err);
	return r < 0 ? eb_prefix(err, r, "%s: %s", f->s->what, shown) : 1;
}

static int from_network(struct first *f, char ret_sha256[static 65], uint64_t *ret_size,
			struct eb_error **err)
{
	EB_CLEANUP(eb_http_free_p) struct eb_http *http = NULL;
	EB_AUTODIR(dir);
	EB_AUTOTMP(tmp);
	int r = eb_http_new(f->o->http, &http, err);

	if (r >= 0)
		r = eb_dir_sub(&f->o->cache->dir, "partial", true, 0700, &dir, err);
	if (r >= 0)
		r = eb_tmpfile_open(&f->o->cache->dir, "partial/first", 0600, &tmp, err);
	if (r < 0)
		return r;
	f->fd = tmp.fd;
	r = from_url(f, http, f->s->url, ret_sha256, ret_size, err);
	for (size_t i = 0; r == 0 && f->s->more_urls && f->s->more_urls[i]; i++)
		if (!fetch_is_file_url(f->s->more_urls[i]))
			r = from_url(f, http, f->s->more_urls[i], ret_sha256, ret_size, err);
	return r;
}

static int from_file_urls(struct first *f, char ret_sha256[static 65], uint64_t *ret_size,
			  struct eb_error **err)
{
	int r = 0;

	if (fetch_is_file_url(f->s->url)) {
		r = from_path(f, fetch_file_path(f->s->url), ret_sha256, ret_size, err);
		if (r == 0)
			note(f, fetch_file_path(f->s->url), EB_E_NOT_FOUND, "not there");
	}
	for (size_t i = 0; r == 0 && f->s->more_urls && f->s->more_urls[i]; i++)
		if (fetch_is_file_url(f->s->more_urls[i]))
			r = from_path(f, fetch_file_path(f->s->more_urls[i]), ret_sha256, ret_size,
				      err);
	return r;
}

static int throw_nowhere(struct first *f, struct eb_error **err)
{
	int r;

	if (f->o->offline) {
		r = eb_throw(err, EB_E_OFFLINE,
			     "%s: nothing is known of it yet, and --offline forbids the network",
			     f->s->what);
		return eb_hint(err, r,
			       "run the same command without --offline, give --sources DIR, or "
			       "write its sha256 into the recipe");
	}
	r = eb_throw(err, f->code, "%s: %s", f->s->what, eb_buf_str(&f->causes));
	return eb_hint(err, r, "check the URL in the recipe, or give --sources DIR");
}

int pkg_fetch_first(const struct pkg_fetch_options *o, const struct pkg_source *s,
		    char ret_sha256[static 65], uint64_t *ret_size, struct eb_error **err)
{
	struct first f = { .o = o, .s = s, .fd = -1 };
	int r;

	eb_buf_init(&f.causes, FETCH_MAX_CAUSES);
	r = from_dirs(&f, ret_sha256, ret_size, err);
	if (r == 0)
		r = from_file_urls(&f, ret_sha256, ret_size, err);
	if (r == 0 && !o->offline && !fetch_is_file_url(s->url))
		r = from_network(&f, ret_sha256, ret_size, err);
	if (r == 0)
		r = throw_nowhere(&f, err);
	eb_buf_release(&f.causes);
	return r < 0 ? r : 0;
}
