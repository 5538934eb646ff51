#include "pkg/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/http.h"
#include "base/progress.h"
#include "base/stream.h"
#include "httpd.h"
#include "pkg/mirror.h"
#include "pkg/partial.h"
#include "testlib.h"

enum { FILE_BYTES = 200000, MAX_FILES = 40 };

/* What most tests here need: a cache, a mirror and its files f0, f1, ... */
struct world {
	struct pkg_cache cache;
	struct httpd *a, *b; /* b is a second mirror, NULL at first */
	const char *urls[2];
	struct pkg_mirrors mirrors;
	struct eb_http_options http;
	struct pkg_fetch_options o;
	struct pkg_source sources[MAX_FILES];
	char data[MAX_FILES][FILE_BYTES];
	char sha[MAX_FILES][65], what[MAX_FILES][64], path[MAX_FILES][64];
	size_t n;
};

static struct world *world_new(size_t n)
{
	struct world *w = eb_xcalloc(1, sizeof(*w));
	autoerror struct eb_error *e = NULL;

	CHECK_OK(pkg_cache_open(test_path("cache"), &w->cache, &e), e);
	w->a = httpd_start();
	w->urls[0] = httpd_url(w->a, "/debian");
	w->mirrors.urls = w->urls;
	w->mirrors.n = 1;
	w->http.backoff_msec = 4;
	w->http.stall_timeout_sec = 1;
	w->o.cache = &w->cache;
	w->o.mirrors = &w->mirrors;
	w->o.http = &w->http;
	w->n = n;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < FILE_BYTES; k++)
			w->data[i][k] = (char)(i * 31 + k * 7 + k / 251);
		eb_sha256_hex(w->data[i], FILE_BYTES, w->sha[i]);
		snprintf(w->what[i], sizeof(w->what[i]), "package p%zu 1.0", i);
		snprintf(w->path[i], sizeof(w->path[i]), "pool/p%zu.deb", i);
		w->sources[i] = (struct pkg_source){ .what = w->what[i],
						     .archive = "debian",
						     .path = w->path[i],
						     .sha256 = w->sha[i],
						     .size = FILE_BYTES };
	}
	return w;
}

static void world_free(struct world **w)
{
	httpd_stop((*w)->a);
	httpd_stop((*w)->b);
	pkg_cache_release(&(*w)->cache);
	free(*w);
}
#define AUTOWORLD(name, n) EB_CLEANUP(world_free) struct world *name = world_new(n)

static void second_mirror(struct world *w)
{
	w->b = httpd_start();
	w->urls[1] = httpd_url(w->b, "/mirror/debian");
	w->mirrors.n = 2;
}

/* Let server d (w->a or w->b) answer for file i. */
static void serve(struct world *w, struct httpd *d, size_t i, struct httpd_reply r)
{
	autofree char *path = eb_xasprintf("%s/%s", d == w->a ? "/debian" : "/mirror/debian",
					   w->path[i]);

	if (!r.body) {
		r.body = w->data[i];
		r.size = FILE_BYTES;
	}
	httpd_reply(d, path, &r);
}

static void serve_all(struct world *w)
{
	for (size_t i = 0; i < w->n; i++)
		serve(w, w->a, i, (struct httpd_reply){ 0 });
}

static int fetch(struct world *w, struct eb_error **err)
{
	return pkg_fetch(&w->o, w->sources, w->n, err);
}

static bool has(const struct world *w, size_t i)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	EB_AUTOBUF(b, FILE_BYTES);

	return pkg_cache_read(&w->cache, w->sha[i], FILE_BYTES, "x", &in, NULL) >= 0 &&
	       eb_read_all(in, &b, "x", NULL) >= 0;
}

static const char *partial_path(const struct world *w, size_t i)
{
	return test_path("cache/partial/%s", w->sha[i]);
}

static int64_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? -1 : st.st_size;
}

static void put(const char *path, const void *p, size_t n)
{
	autoerror struct eb_error *e = NULL;

	CHECK_OK(eb_file_write(path, p, n, 0644, &e), e);
}

static int64_t now_msec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- all is well ---- */

struct counter {
	struct eb_progress base;
	uint64_t total, done;
	unsigned int started, finished;
	char name[32], text[2048];
};

static unsigned int count_start(struct eb_progress *p, const char *name, enum eb_unit unit,
				uint64_t total)
{
	struct counter *c = (struct counter *)p;

	CHECK_INT(unit, EB_UNIT_BYTES);
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->total = total;
	return ++c->started;
}

static void count_advance(struct eb_progress *p, unsigned int task, uint64_t by)
{
	(void)task;
	((struct counter *)p)->done += by;
}

static void count_finish(struct eb_progress *p, unsigned int task)
{
	(void)task;
	((struct counter *)p)->finished++;
}

static void count_message(struct eb_progress *p, const char *line)
{
	struct counter *c = (struct counter *)p;
	size_t n = strlen(c->text);

	snprintf(c->text + n, sizeof(c->text) - n, "%s\n", line);
}

static const struct eb_progress_ops counter_ops = { count_start, count_advance, count_finish,
						    count_message };

TEST(fetch, many_files_then_nothing_to_do)
{
	autoerror struct eb_error *e = NULL;
	struct counter c = { .base = { &counter_ops } };
	AUTOWORLD(w, MAX_FILES);
	struct stat st;
	size_t asked;

	serve_all(w);
	w->o.progress = &c.base;
	CHECK_OK(fetch(w, &e), e);
	for (size_t i = 0; i < w->n; i++)
		CHECK(has(w, i));
	CHECK_INT(httpd_n_requests(w->a), MAX_FILES);
	CHECK_STR(c.name, "fetch");
	CHECK_INT(c.total, (uint64_t)MAX_FILES * FILE_BYTES);
	CHECK_INT(c.done, c.total);
	CHECK_INT(c.started, 1);
	CHECK_INT(c.finished, 1);
	CHECK_HAS(c.text, "fetched 40 files");
	CHECK_INT(stat(test_path("cache/sources/sha256/%s", w->sha[0]), &st), 0);
	CHECK_INT(st.st_mode & 07777, 0444);
	CHECK_INT(rmdir(test_path("cache/partial")), 0); /* nothing left */
	asked = httpd_n_requests(w->a);
	CHECK_OK(fetch(w, &e), e);
	CHECK_INT(httpd_n_requests(w->a), asked);
	CHECK_INT(c.started, 1);
}

TEST(fetch, duplicate_hashes_are_fetched_once)
{
	autoerror struct eb_error *e = NULL;
	AUTOWORLD(w, 2);

	serve_all(w);
	w->sources[1] = w->sources[0];
	w->sources[1].path = "pool/other-name.deb";
	CHECK_OK(fetch(w, &e), e);
	CHECK_INT(httpd_n_requests(w->a), 1);
}

TEST(fetch, unknown_size)
{
	autoerror struct eb_error *e = NULL;
	AUTOWORLD(w, 3);

	serve_all(w);
	serve(w, w->a, 1, (struct httpd_reply){ .mode = HTTPD_NO_LENGTH });
	serve(w, w->a, 2, (struct httpd_reply){ .mode = HTTPD_DROP, .after = 5000, .times = 1 });
	for (size_t i = 0; i < w->n; i++)
		w->sources[i].size = UINT64_MAX;
	CHECK_OK(fetch(w, &e), e);
	CHECK(has(w, 0) && has(w, 1) && has(w, 2));
}

TEST(fetch, unknown_size_with_whole_partial_file)
{
	autoerror struct eb_error *e = NULL;
	AUTOWORLD(w, 1);

	serve_all(w);
	w->sources[0].size = UINT64_MAX;
	CHECK_INT(mkdir(test_path("cache/partial"), 0700), 0);
	put(partial_path(w, 0), w->data[0], FILE_BYTES);
	CHECK_OK(fetch(w, &e), e);
	CHECK(has(w, 0));
	CHECK(httpd_sent(w->a) < 1000);
}

TEST(fetch, plain_url)
{
	autoerror struct eb_error *e = NULL;
	AUTOWORLD(w, 1);

	serve_all(w);
	w->sources[0].archive = w->sources[0].path = NULL;
	w->sources[0].url = httpd_url(w->a, "/debian/pool/p0.deb");
	w->o.mirrors = NULL;
	CHECK_OK(fetch(w, &e), e);
	CHECK(has(w, 0));
}

TEST(fetch, malformed_source_fails)
{
	autoerror struct eb_error *e = NULL;
	AUTOWORLD(w, 1);

	w->sources[0].path = "../../etc/passwd";
	CHECK_FAIL(fetch(w, &e), EB_E_FORMAT, "'../../etc/passwd' is not a path", e);
	w->sources[0].path = NULL;
	CHECK_FAIL(fetch(w, &e), EB_E_FORMAT, "package p0 1.0: neither a URL", e);
	w->sources[0].sha256 = "12";
	CHECK_FAIL(fetch(w, &e), EB_E_FORMAT, "'12' is not a SHA-256", e);
}

/* ---- this machine ---- */

TEST(fetch, source_dirs_by_hash_path_archive_name_and_cache)
{
	const char *const dirs[] = { test_path("src1"), test_path("src2"), NULL };
	autoerror struct eb_error *e = NULL;
	uint64_t sockets = eb_http_sockets_opened();
	AUTOWORLD(w, 5);

	CHECK_INT(mkdir(dirs[0], 0755), 0);
	CHECK_INT(mkdir(dirs[1], 0755), 0);
	CHECK_INT(mkdir(test_path("src1/pool"), 0755), 0);
	CHECK_INT(mkdir(test_path("src2/debian"), 0755), 0);
	CHECK_INT(mkdir(test_path("src2/debian/pool"), 0755), 0);
	CHECK_INT(mkdir(test_path("src2/sources"), 0755), 0);
	CHECK_INT(mkdir(test_path("src2/sources/sha256"), 0755), 0);
	put(test_path("src1/%s", w->sha[0]), w->data[0], FILE_BYTES);
	put(test_path("src1/pool/p1.deb"), w->data[1], FILE_BYTES);
	put(test_path("src2/debian/pool/p2.deb"), w->data[2], FILE_BYTES);
	put(test_path("src2/p3.deb"), w->data[3], FILE_BYTES);
	put(test_path("src2/sources/sha256/%s", w->sha[4]), w->data[4], FILE_BYTES);
	w->o.source_dirs = dirs;
	w->o.offline = true;
	w->o.mirrors = NULL;
	CHECK_OK(fetch(w, &e), e);
	for (size_t i = 0; i < w->n; i++)
		CHECK(has(w, i));
	CHECK_INT(eb_http_sockets_opened(), sockets);
}

TEST(fetch, wrong_file_in_source_dir_is_named_and_passed_over)
{
	const char *const dirs[] = { test_path("src"), NULL };
	autoerror struct eb_error *e = NULL;
	AUTOWORLD(w, 1);

	CHECK_INT(mkdir(dirs[0], 0755), 0);
	put(test_path("src/p0.deb"), w->data[0], FILE_BYTES - 1);
	w->o.source_dirs = dirs;
	CHECK_INT(fetch(w, &e), -EB_E_DIGEST);
	CHECK_HAS(e->message, "package p0 1.0: ");
	CHECK_HAS(e->message, "/src/p0.deb: content: expected 200000 bytes, found 199999");
	CHECK_HAS(e->message, "; 127.0.0.1:");
	CHECK_HAS(e->message, ": HTTP 404");
	eb_error_clear(&e);
	serve_all(w);
	CHECK_OK(fetch(w, &e), e);
	CHECK(has(w, 0));
}

TEST(fetch, missing_source_dir_fails)
{
	const char *const dirs[] = { test_path("nowhere"), NULL };
	autoerror struct eb_error *e = NULL;
	AUTOWORLD(w, 1);

	w->o.source_dirs = dirs;
	CHECK_FAIL(fetch(w, &e), ENOENT, "/nowhere'", e);
}

TEST(fetch, file_url_mirrors)
{
	static const char *const forms[] = { "file:%s", "file://%s", "copy:%s",
					     "file://localhost%s" };
	AUTOWORLD(w, 4);

	CHECK_INT(mkdir(test_path("debian"), 0755), 0);
	CHECK_INT(mkdir(test_path("debian/pool"), 0755), 0);
	for (size_t i = 0; i < w->n; i++) {
		autoerror struct eb_error *e = NULL;
		char url[4096];

		put(test_path("debian/pool/p%zu.deb", i), w->data[i], FILE_BYTES);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(url, sizeof(url), forms[i], test_path("debian"));
#pragma GCC diagnostic pop
		w->urls[0] = url;
		w->o.offline = i % 2;
		CHECK_OK(pkg_fetch(&w->o, &w->sources[i], 1, &e), e);
		CHECK(has(w, i));
	}
	CHECK_INT(size_of(partial_path(w, 0)), -1);
}

TEST(fetch, offline_opens_no_socket_and_names_what_is_missing)
{
	autoerror struct eb_error *e = NULL;
	uint64_t sockets = eb_http_sockets_opened();
	AUTOWORLD(w, 4);

	serve_all(w);
	CHECK_OK(pkg_fetch(&w->o, &w->sources[1], 1, &e), e);
	CHECK(eb_http_sockets_opened() > sockets);
	sockets = eb_http_sockets_opened();
	w->o.offline = true;
	CHECK_INT(fetch(w, &e), -EB_E_OFFLINE);
	CHECK_HAS(e->message, "package p0 1.0 is not in the cache");
	CHECK_HAS(e->message, "(3 missing)");
	CHECK_HAS(e->hint, "without --offline, or give --sources DIR");
	CHECK_INT(eb_http_sockets_opened(), sockets);
	eb_error_clear(&e);
	CHECK_OK(pkg_fetch(&w->o, &w->sources[1], 1, &e), e);
	CHECK_INT(httpd_n_requests(w->a), 1);
}

/* ---- faults of one mirror ---- */

TEST(fetch, every_fault_of_the_first_mirror_is_survived_by_a_second)
{
	static const struct httpd_reply faults[] = {
		{ .mode = HTTPD_STATUS, .status = 404 },
		{ .mode = HTTPD_STATUS, .status = 403 },
		{ .mode = HTTPD_STATUS, .status = 500 },
		{ .mode = HTTPD_STATUS, .status = 503, .retry_after = "0" },
		{ .mode = HTTPD_STATUS, .status = 429 },
		{ .mode = HTTPD_DROP, .after = 1000 },
		{ .mode = HTTPD_WRONG_BYTES },
		{ .mode = HTTPD_SHORT_LENGTH, .after = 100 },
		{ .mode = HTTPD_LONG_LENGTH, .after = 100 },
		{ .mode = HTTPD_TRUNCATED, .after = 100 },
		{ .mode = HTTPD_HTML },
		{ .mode = HTTPD_GARBAGE },
		{ .mode = HTTPD_REDIRECT, .location = "p0.deb" },
		{ .mode = HTTPD_MUTE },
	};
	AUTOWORLD(w, EB_ARRAY_LEN(faults));

	second_mirror(w);
	w->http.attempts = 2;
	for (size_t i = 0; i < w->n; i++) {
		autoerror struct eb_error *e = NULL;

		serve(w, w->a, i, faults[i]);
		serve(w, w->b, i, (struct httpd_reply){ 0 });
		CHECK_OK(pkg_fetch(&w->o, &w->sources[i], 1, &e), e);
		CHECK(has(w, i));
		CHECK_INT(size_of(partial_path(w, i)), -1);
	}
	CHECK_INT(httpd_n_requests(w->b), EB_ARRAY_LEN(faults));
}

TEST(fetch, second_mirror_goes_on_where_the_first_stopped)
{
	autoerror struct eb_error *e = NULL;
	AUTOWORLD(w, 1);

	second_mirror(w);
	w->http.attempts = 1;
	serve(w, w->a, 0, (struct httpd_reply){ .mode = HTTPD_DROP, .after = 150000 });
	serve(w, w->b, 0, (struct httpd_reply){ 0 });
	CHECK_OK(fetch(w, &e), e);
	CHECK(has(w, 0));
	CHECK_INT(httpd_request(w->b, 0).range, 150000);
	CHECK_INT(httpd_sent(w->b), 50000);
}

TEST(fetch, wrong_bytes_of_the_first_mirror_do_not_spoil_the_second)
{
	static char bad[FILE_BYTES];
	autoerror struct eb_error *e = NULL;
	AUTOWORLD(w, 1);

	/* The first sends the beginning of another file and goes away. */
	second_mirror(w);
	w->http.attempts = 1;
	serve(w, w->a, 0,
	      (struct httpd_reply){
		      .body = bad, .size = FILE_BYTES, .mode = HTTPD_DROP, .after = 150000 });
	serve(w, w->b, 0, (struct httpd_reply){ 0 });
	CHECK_OK(fetch(w, &e), e);
	CHECK(has(w, 0));
	CHECK_INT(httpd_n_requests(w->b), 2);
	CHECK_INT(httpd_request(w->b, 1).range, -1);
}

TEST(fetch, wrong_bytes_everywhere_give_both_hashes)
{
	struct counter c = { .base = { &counter_ops } };
	autoerror struct eb_error *e = NULL;
	autofree char *sent = NULL;
	AUTOWORLD(w, 1);
	char found[65];

	second_mirror(w);
	w->o.progress = &c.base;
	serve(w, w->a, 0, (struct httpd_reply){ .mode = HTTPD_WRONG_BYTES });
	CHECK_INT(fetch(w, &e), -EB_E_DIGEST);
	sent = eb_xmemdup(w->data[0], FILE_BYTES);
	sent[FILE_BYTES - 1] ^= 1;
	eb_sha256_hex(sent, FILE_BYTES, found);
	CHECK_HAS(e->message, "package p0 1.0: 127.0.0.1:");
	CHECK_HAS(e->message, httpd_host(w->a));
	CHECK_HAS(e->message, w->sha[0]);
	CHECK_HAS(e->message, found);
	CHECK_HAS(e->message, httpd_host(w->b));
	CHECK_HAS(e->message, ": HTTP 404");
	CHECK_HAS(c.text, "package p0 1.0: 127.0.0.1:");
	CHECK_INT(c.finished, 1);
	CHECK_INT(httpd_n_requests(w->a), 1);
	CHECK_INT(size_of(partial_path(w, 0)), -1);
}

TEST(fetch, larger_file_is_a_wrong_file)
{
	autoerror struct eb_error *e = NULL;
	AUTOWORLD(w, 1);

	serve(w, w->a, 0, (struct httpd_reply){ 0 });
	w->sources[0].size = 1000;
	CHECK_FAIL(fetch(w, &e), EB_E_DIGEST, "200000 bytes long, expected at most 1000", e);
	CHECK_INT(size_of(partial_path(w, 0)), -1);
}

TEST(fetch, failing_mirrors_are_listed_with_their_last_cause)
{
	autoerror struct eb_error *e = NULL;
	AUTOWORLD(w, 1);

	second_mirror(w);
	serve(w, w->a, 0, (struct httpd_reply){ .mode = HTTPD_STATUS, .status = 503 });
	CHECK_INT(fetch(w, &e), -EB_E_NETWORK);
	CHECK_HAS(e->message, "package p0 1.0: 127.0.0.1:");
	CHECK_HAS(e->message, ": attempt 4 of 4: HTTP 503; 127.0.0.1:");
	CHECK_HAS(e->message, ": HTTP 404");
	CHECK_HAS(e->hint, "--mirror URL");
}

TEST(fetch, missing_everywhere_is_not_found)
{
	autoerror struct eb_error *e = NULL;
	AUTOWORLD(w, 1);

	CHECK_FAIL(fetch(w, &e), EB_E_NOT_FOUND, ": HTTP 404", e);
	w->mirrors.n = 0;
	CHECK_FAIL(fetch(w, &e), EB_E_NOT_FOUND, "no mirror is known for archive 'debian'", e);
}

TEST(fetch, first_failure_by_order_after_the_rest_was_fetched)
{
	autoerror struct eb_error *e = NULL;
	AUTOWORLD(w, 20);

	serve_all(w);
	serve(w, w->a, 3, (struct httpd_reply){ .mode = HTTPD_STATUS, .status = 500 });
	serve(w, w->a, 9, (struct httpd_reply){ .mode = HTTPD_STATUS, .status = 404 });
	CHECK_FAIL(fetch(w, &e), EB_E_NETWORK,
		   "2 sources could not be fetched, the first: package p3 1.0: ", e);
	for (size_t i = 0; i < w->n; i++)
		CHECK(has(w, i) == (i != 3 && i != 9));
}

TEST(fetch, dead_mirror_is_asked_last_and_then_left_alone)
{
	autoerror struct eb_error *e = NULL;
	AUTOWORLD(w, MAX_FILES);

	second_mirror(w);
	w->o.parallel = 2;
	for (size_t i = 0; i < w->n; i++) {
		serve(w, w->a, i, (struct httpd_reply){ .mode = HTTPD_STATUS, .status = 500 });
		if (i != 30)
			serve(w, w->b, i, (struct httpd_reply){ 0 });
	}
	CHECK_INT(fetch(w, &e), -EB_E_NETWORK);
	CHECK_HAS(e->message, "package p30 1.0: ");
	/* Two items at the start, and the one that the other mirror lacks. */
	CHECK_INT(httpd_n_requests(w->a), 3 * 4);
	CHECK_INT(httpd_n_requests(w->b), MAX_FILES);
	eb_error_clear(&e);
	w->mirrors.n = 1;
	for (size_t i = 0; i < w->n; i++)
		eb_ignore(unlink(test_path("cache/sources/sha256/%s", w->sha[i])));
	CHECK_INT(fetch(w, &e), -EB_E_NETWORK);
	CHECK(httpd_n_requests(w->a) <= 3 * 4 + 7 * 4);
}

/* ---- disk ---- */

/* Mount a small file system on path, for this process only. */
static bool mount_small(const char *path)
{
	char map[64];
	uid_t uid = geteuid();
	int fd;

	if (uid == 0)
		return unshare(CLONE_NEWNS) == 0 &&
		       mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
		       mount("tmpfs", path, "tmpfs", 0, "size=128k") == 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return false;
	fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
	snprintf(map, sizeof(map), "0 %lu 1", (unsigned long)uid);
	if (fd < 0 || write(fd, map, strlen(map)) < 0)
		return false;
	close(fd);
	return mount("tmpfs", path, "tmpfs", 0, "size=128k") == 0;
}

/* In a child: 0 when the failure is as it should be, 77 when this machine cannot show it. */
static int fill_disk(struct world *w, bool from_dir)
{
	const char *const dirs[] = { test_path("src"), NULL };
	autoerror struct eb_error *e = NULL;
	struct pkg_cache small;
	int r;

	if (!mount_small(test_path("small")))
		return 77;
	if (pkg_cache_open(test_path("small"), &small, &e) < 0)
		return 2;
	w->o.cache = &small;
	w->o.source_dirs = from_dir ? dirs : NULL;
	r = fetch(w, &e);
	if (r != -ENOSPC || !e->hint || !strstr(e->message, "package p0 1.0: 200000 bytes are ") ||
	    !strstr(e->message, "No space left on device"))
		return 1;
	return !from_dir && !strstr(e->message, "write to '") ? 3 : 0;
}

TEST(fetch, full_disk_keeps_its_code_and_says_how_much)
{
	AUTOWORLD(w, 1);

	serve_all(w);
	CHECK_INT(mkdir(test_path("small"), 0700), 0);
	CHECK_INT(mkdir(test_path("src"), 0700), 0);
	put(test_path("src/p0.deb"), w->data[0], FILE_BYTES);
	for (int from_dir = 0; from_dir < 2; from_dir++) {
		int status = 0;
		pid_t pid = fork();

		if (pid == 0)
			_exit(fill_disk(w, from_dir));
		CHECK_INT(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
			test_skip("cannot mount a tmpfs of its own");
		CHECK_INT(status, 0);
	}
	CHECK_INT(httpd_n_requests(w->a), 1);
}

/* ---- resume, processes ---- */

/* A child that fetches everything; its exit status is 0 when that went well. */
static pid_t fetch_in_child(struct world *w)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(fetch(w, NULL) < 0 ? 1 : 0);
	CHECK(pid > 0);
	return pid;
}

static void wait_for_size(const char *path, int64_t size)
{
	int64_t until = now_msec() + 10000;

	while (size_of(path) < size && now_msec() < until)
		usleep(2000);
	CHECK(size_of(path) >= size);
}

TEST(fetch, killed_process_is_gone_on_with)
{
	autoerror struct eb_error *e = NULL;
	int64_t left_over;
	int status = 0;
	AUTOWORLD(w, 1);
	uint64_t before;
	size_t asked;
	pid_t pid;

	serve(w, w->a, 0,
	      (struct httpd_reply){ .mode = HTTPD_SLOW, .after = 10000, .pause_msec = 20 });
	pid = fetch_in_child(w);
	wait_for_size(partial_path(w, 0), 50000);
	CHECK_INT(kill(pid, SIGKILL), 0);
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status));
	CHECK(!has(w, 0));
	left_over = size_of(partial_path(w, 0));
	usleep(100000); /* the server notices */
	before = httpd_sent(w->a);
	asked = httpd_n_requests(w->a);
	serve(w, w->a, 0, (struct httpd_reply){ 0 });
	CHECK_OK(fetch(w, &e), e);
	CHECK(has(w, 0));
	CHECK_INT(httpd_request(w->a, asked).range, left_over);
	CHECK_INT(httpd_sent(w->a) - before, FILE_BYTES - left_over);
}

TEST(fetch, damaged_partial_file_is_dropped_and_the_file_fetched)
{
	autoerror struct eb_error *e = NULL;
	static const char zeros[FILE_BYTES + 10];
	static const size_t sizes[] = { 1, 100000, FILE_BYTES, FILE_BYTES + 10 };
	AUTOWORLD(w, EB_ARRAY_LEN(sizes));

	serve_all(w);
	CHECK_INT(mkdir(test_path("cache/partial"), 0700), 0);
	for (size_t i = 0; i < w->n; i++)
		put(partial_path(w, i), zeros, sizes[i]);
	CHECK_OK(fetch(w, &e), e);
	for (size_t i = 0; i < w->n; i++)
		CHECK(has(w, i));
}

TEST(fetch, kills_at_many_moments_never_store_a_wrong_file)
{
	autoerror struct eb_error *e = NULL;
	AUTOWORLD(w, 10);

	w->http.stall_timeout_sec = 60;
	for (size_t i = 0; i < w->n; i++)
		serve(w, w->a, i,
		      (struct httpd_reply){ .mode = HTTPD_SLOW, .after = 50000, .pause_msec = 1 });
	for (unsigned int turn = 0; turn < 12; turn++) {
		pid_t pid = fetch_in_child(w);

		usleep(1000 * turn);
		kill(pid, SIGKILL);
		CHECK_INT(waitpid(pid, NULL, 0), pid);
		for (size_t i = 0; i < w->n; i++) {
			uint64_t size;
			int fd = pkg_cache_find(&w->cache, w->sha[i], &size, NULL);

			if (fd >= 0)
				close(fd);
			CHECK(fd < 0 || has(w, i));
		}
	}
	CHECK_OK(fetch(w, &e), e);
	for (size_t i = 0; i < w->n; i++)
		CHECK(has(w, i));
	CHECK_INT(rmdir(test_path("cache/partial")), 0);
}

TEST(fetch, processes_at_the_same_time_share_the_work)
{
	enum { PROCESSES = 4 };
	pid_t pids[PROCESSES];
	AUTOWORLD(w, 20);

	/* On a slow machine no answer for a second is no reason to ask again. */
	w->http.stall_timeout_sec = 60;
	for (size_t i = 0; i < w->n; i++)
		serve(w, w->a, i,
		      (struct httpd_reply){ .mode = HTTPD_SLOW, .after = 50000, .pause_msec = 5 });
	for (size_t k = 0; k < PROCESSES; k++)
		pids[k] = fetch_in_child(w);
	for (size_t k = 0; k < PROCESSES; k++) {
		int status = -1;

		CHECK_INT(waitpid(pids[k], &status, 0), pids[k]);
		CHECK_INT(status, 0);
	}
	for (size_t i = 0; i < w->n; i++)
		CHECK(has(w, i));
	/* Nothing was fetched twice. */
	CHECK_INT(httpd_n_requests(w->a), 20);
	CHECK_INT(rmdir(test_path("cache/partial")), 0);
}

TEST(fetch, waits_for_another_process_that_then_dies)
{
	autoerror struct eb_error *e = NULL;
	struct counter c = { .base = { &counter_ops } };
	AUTOWORLD(w, 2);
	int64_t start;
	pid_t pid;

	serve_all(w);
	pid = fork();
	if (pid == 0) {
		struct pkg_partial *p = NULL;

		if (pkg_partial_open(&w->cache, w->sha[0], FILE_BYTES, &p, NULL) < 0 ||
		    pkg_partial_add(p, w->data[0], 70000, NULL) < 0)
			_exit(1);
		usleep(400000);
		_exit(0); /* without a word */
	}
	wait_for_size(partial_path(w, 0), 70000);
	start = now_msec();
	w->o.progress = &c.base;
	CHECK_OK(fetch(w, &e), e);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
	CHECK(now_msec() - start >= 200);
	CHECK(has(w, 0) && has(w, 1));
	CHECK_HAS(c.text, "waiting for another process that fetches package p0 1.0");
	CHECK_INT(httpd_request(w->a, 0).range, -1); /* p1 came first */
	CHECK_INT(httpd_request(w->a, 1).range, 70000);
	CHECK_INT(c.done, 2 * FILE_BYTES);
}

/* ---- the cache afterwards ---- */

TEST(fetch, altered_cache_file_is_noticed_moved_away_and_fetched_anew)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	autofree char *altered = NULL;
	EB_AUTOBUF(b, FILE_BYTES);
	AUTOWORLD(w, 1);
	int r;

	serve_all(w);
	CHECK_OK(fetch(w, &e), e);
	altered = eb_xmemdup(w->data[0], FILE_BYTES);
	altered[1234] ^= 4;
	put(test_path("cache/sources/sha256/%s", w->sha[0]), altered, FILE_BYTES);
	CHECK_OK(pkg_cache_read(&w->cache, w->sha[0], FILE_BYTES, w->what[0], &in, &e), e);
	r = eb_read_all(in, &b, "x", &e);
	CHECK_INT(r, -EB_E_DIGEST);
	CHECK_HAS(e->message, "package p0 1.0: cache file '");
	eb_error_clear(&e);
	CHECK_OK(fetch(w, &e), e);
	CHECK(has(w, 0));
	CHECK_INT(httpd_n_requests(w->a), 2);
}

TEST(fetch, truncated_cache_file_is_fetched_anew)
{
	autoerror struct eb_error *e = NULL;
	AUTOWORLD(w, 1);

	serve_all(w);
	CHECK_OK(fetch(w, &e), e);
	put(test_path("cache/sources/sha256/%s", w->sha[0]), w->data[0], 100);
	CHECK_OK(fetch(w, &e), e);
	CHECK(has(w, 0));
}
