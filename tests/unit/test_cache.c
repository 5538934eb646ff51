#include "pkg/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/stream.h"
#include "testlib.h"

#define AUTOCACHE(name)                                                                            \
	EB_CLEANUP(pkg_cache_release_p) struct pkg_cache name = { .dir = { .fd = -1 } }

static const char hello[] = "hello";
static const char hello_sha[] = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

static void open_cache(struct pkg_cache *c)
{
	autoerror struct eb_error *e = NULL;

	CHECK_OK(pkg_cache_open(test_path("cache"), c, &e), e);
}

static void store_hello(const struct pkg_cache *c)
{
	autoerror struct eb_error *e = NULL;

	CHECK_OK(pkg_cache_store(c, hello_sha, 5, eb_reader_mem(hello, 5), "package hello", &e), e);
}

static const char *source_file(void)
{
	return test_path("cache/sources/sha256/%s", hello_sha);
}

static void overwrite(const char *path, const char *text)
{
	autoerror struct eb_error *e = NULL;

	CHECK_OK(eb_file_write(path, text, strlen(text), 0444, &e), e);
}

TEST(cache, open_makes_a_private_directory)
{
	AUTOCACHE(c);
	struct stat st;

	open_cache(&c);
	CHECK_INT(stat(test_path("cache"), &st), 0);
	CHECK_INT(st.st_mode & 07777, 0700);
}

TEST(cache, open_file_in_place_of_directory_fails)
{
	autoerror struct eb_error *e = NULL;
	AUTOCACHE(c);

	overwrite(test_path("cache"), "x");
	CHECK_INT(pkg_cache_open(test_path("cache"), &c, &e), -ENOTDIR);
	CHECK_HAS(e->message, "cache '");
	CHECK_HAS(e->hint, "ESS_BUNDLE_CACHE");
}

TEST(cache, open_foreign_directory_is_refused)
{
	autoerror struct eb_error *e = NULL;
	AUTOCACHE(c);

	if (geteuid() != 0)
		test_skip("needs root to give a directory away");
	CHECK_INT(mkdir(test_path("cache"), 0777), 0);
	CHECK_INT(chown(test_path("cache"), 12345, 12345), 0);
	CHECK_INT(pkg_cache_open(test_path("cache"), &c, &e), -EPERM);
	CHECK_HAS(e->message, "belongs to uid 12345");
	CHECK_HAS(e->hint, "ESS_BUNDLE_CACHE");
}

TEST(cache, open_unwritable_directory_is_refused)
{
	const char *path = test_path("cache");
	int status = 0;
	pid_t pid;

	CHECK_INT(mkdir(path, 0755), 0);
	CHECK_INT(chmod(test_dir(), 0755), 0);
	if (geteuid() == 0)
		CHECK_INT(chown(path, 12345, 12345), 0);
	CHECK_INT(chmod(path, 0555), 0);
	pid = fork();
	if (pid == 0) {
		autoerror struct eb_error *e = NULL;
		struct pkg_cache c;
		int r;

		if (geteuid() == 0 && (setgid(12345) < 0 || setuid(12345) < 0))
			_exit(3);
		r = pkg_cache_open(path, &c, &e);
		_exit(r == -EACCES && strstr(e->message, "cannot be written to") && e->hint ? 0
											    : 1);
	}
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(status, 0);
}

TEST(cache, store_then_find_and_read)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	EB_AUTOBUF(b, 100);
	AUTOCACHE(c);
	struct stat st;
	uint64_t size = 0;
	int fd;

	open_cache(&c);
	CHECK_FAIL(pkg_cache_find(&c, hello_sha, &size, &e), EB_E_NOT_FOUND, hello_sha, e);
	CHECK_INT(pkg_cache_find(&c, hello_sha, &size, NULL), -EB_E_NOT_FOUND);
	store_hello(&c);
	fd = pkg_cache_find(&c, hello_sha, &size, &e);
	CHECK_OK(fd, e);
	close(fd);
	CHECK_INT(size, 5);
	CHECK_INT(stat(source_file(), &st), 0);
	CHECK_INT(st.st_mode & 07777, 0444);
	CHECK_OK(pkg_cache_read(&c, hello_sha, 5, "package hello", &in, &e), e);
	pkg_cache_release(&c); /* the reader stands on its own */
	CHECK_OK(eb_read_all(in, &b, "x", &e), e);
	CHECK_STR(eb_buf_str(&b), "hello");
}

TEST(cache, find_malformed_hash_fails)
{
	autoerror struct eb_error *e = NULL;
	uint64_t size;
	AUTOCACHE(c);

	open_cache(&c);
	CHECK_FAIL(pkg_cache_find(&c, "../../../etc/passwd", &size, &e), EB_E_FORMAT,
		   "'../../../etc/passwd' is not a SHA-256", e);
	CHECK_FAIL(pkg_cache_store(&c, "ABC", 5, eb_reader_mem(hello, 5), "x", &e), EB_E_FORMAT,
		   "x: 'ABC'", e);
}

TEST(cache, store_wrong_content_leaves_nothing)
{
	autoerror struct eb_error *e = NULL;
	uint64_t size;
	AUTOCACHE(c);

	open_cache(&c);
	CHECK_FAIL(
		pkg_cache_store(&c, hello_sha, 5, eb_reader_mem("hellO", 5), "package hello", &e),
		EB_E_DIGEST, "package hello: content: expected sha256:2cf24dba", e);
	CHECK_FAIL(
		pkg_cache_store(&c, hello_sha, 5, eb_reader_mem("hello!", 6), "package hello", &e),
		EB_E_DIGEST, "longer than the expected 5 bytes", e);
	CHECK_FAIL(pkg_cache_store(&c, hello_sha, 5, eb_reader_mem("hell", 4), "package hello", &e),
		   EB_E_DIGEST, "expected 5 bytes, found 4", e);
	CHECK_INT(pkg_cache_find(&c, hello_sha, &size, NULL), -EB_E_NOT_FOUND);
	CHECK_INT(rmdir(test_path("cache/sources/sha256")), 0); /* empty */
}

TEST(cache, store_again_keeps_the_file)
{
	AUTOCACHE(c);
	struct stat a, b;

	open_cache(&c);
	store_hello(&c);
	CHECK_INT(stat(source_file(), &a), 0);
	store_hello(&c);
	CHECK_INT(stat(source_file(), &b), 0);
	CHECK_INT(a.st_ino, b.st_ino);
}

TEST(cache, store_replaces_a_file_of_other_size)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	EB_AUTOBUF(b, 100);
	AUTOCACHE(c);

	open_cache(&c);
	store_hello(&c);
	overwrite(source_file(), "hel");
	store_hello(&c);
	CHECK_OK(pkg_cache_read(&c, hello_sha, 5, "x", &in, &e), e);
	CHECK_OK(eb_read_all(in, &b, "x", &e), e);
}

TEST(cache, read_altered_file_fails_and_moves_it_away)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	EB_AUTOBUF(b, 100);
	AUTOCACHE(c);
	uint64_t size;
	int r;

	open_cache(&c);
	store_hello(&c);
	overwrite(source_file(), "hallo");
	CHECK_OK(pkg_cache_read(&c, hello_sha, 5, "package hello", &in, &e), e);
	r = eb_read_all(in, &b, "x", &e);
	CHECK_INT(r, -EB_E_DIGEST);
	CHECK_HAS(e->message, "package hello: cache file '");
	CHECK_HAS(e->message, "is damaged");
	CHECK_HAS(e->message, "found sha256:");
	CHECK_HAS(e->hint, "/damaged/2cf24dba");
	CHECK_INT(pkg_cache_find(&c, hello_sha, &size, NULL), -EB_E_NOT_FOUND);
	CHECK_INT(access(test_path("cache/damaged/%s", hello_sha), F_OK), 0);
	store_hello(&c);
}

TEST(cache, read_truncated_file_fails_at_once)
{
	autoerror struct eb_error *e = NULL;
	struct eb_reader *in = NULL;
	AUTOCACHE(c);
	uint64_t size;

	open_cache(&c);
	store_hello(&c);
	overwrite(source_file(), "hell");
	CHECK_FAIL(pkg_cache_read(&c, hello_sha, 5, "package hello", &in, &e), EB_E_DIGEST,
		   "expected 5 bytes, found 4", e);
	CHECK_INT(pkg_cache_find(&c, hello_sha, &size, NULL), -EB_E_NOT_FOUND);
}

TEST(cache, read_damaged_spares_what_another_process_put_right)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	EB_AUTOBUF(b, 100);
	AUTOCACHE(c);
	uint64_t size;
	int fd;

	open_cache(&c);
	store_hello(&c);
	overwrite(source_file(), "hallo");
	CHECK_OK(pkg_cache_read(&c, hello_sha, 5, "package hello", &in, &e), e);
	overwrite(source_file(), "hello");
	CHECK_FAIL(eb_read_all(in, &b, "x", &e), EB_E_DIGEST, "is damaged", e);
	fd = pkg_cache_find(&c, hello_sha, &size, &e);
	CHECK_OK(fd, e);
	close(fd);
}

TEST(cache, store_text_names_it_by_its_hash)
{
	autoerror struct eb_error *e = NULL;
	AUTOCACHE(c);
	char hex[65];

	open_cache(&c);
	CHECK_OK(pkg_cache_store_text(&c, hello, 5, hex, &e), e);
	CHECK_STR(hex, hello_sha);
	CHECK_INT(access(source_file(), R_OK), 0);
}

TEST(cache, derived_put_then_get)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 100);
	EB_AUTOBUF(raw, 200);
	AUTOCACHE(c);

	open_cache(&c);
	CHECK_FAIL(pkg_cache_derived_get(&c, "deb", "k1", &b, &e), EB_E_NOT_FOUND, "derived/deb/k1",
		   e);
	CHECK_OK(pkg_cache_derived_put(&c, "deb", "k1", hello, 5, &e), e);
	CHECK_OK(pkg_cache_derived_get(&c, "deb", "k1", &b, &e), e);
	CHECK_STR(eb_buf_str(&b), "hello");
	CHECK_OK(eb_file_read(test_path("cache/derived/deb/k1"), &raw, &e), e);
	CHECK_INT(strncmp(raw.data, "sha256:2cf24dba", 15), 0);
	CHECK_STR(raw.data + 72, "hello");
	CHECK_OK(pkg_cache_derived_put(&c, "deb", "k1", "", 0, &e), e);
	eb_buf_clear(&b);
	CHECK_OK(pkg_cache_derived_get(&c, "deb", "k1", &b, &e), e);
	CHECK_INT(b.len, 0);
}

TEST(cache, derived_drop_forgets_one_kind)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 100);
	AUTOCACHE(c);

	open_cache(&c);
	pkg_cache_derived_drop(&c, "deb");
	CHECK_OK(pkg_cache_derived_put(&c, "deb", "k1", hello, 5, &e), e);
	CHECK_OK(pkg_cache_derived_put(&c, "deb", "k2", hello, 5, &e), e);
	CHECK_OK(pkg_cache_derived_put(&c, "stage", "k1", hello, 5, &e), e);
	pkg_cache_derived_drop(&c, "deb");
	pkg_cache_derived_drop(&c, "../cache/derived/stage");
	CHECK_FAIL(pkg_cache_derived_get(&c, "deb", "k1", &b, &e), EB_E_NOT_FOUND, "not there", e);
	CHECK_FAIL(pkg_cache_derived_get(&c, "deb", "k2", &b, &e), EB_E_NOT_FOUND, "not there", e);
	CHECK_OK(pkg_cache_derived_get(&c, "stage", "k1", &b, &e), e);
	CHECK_OK(pkg_cache_derived_put(&c, "deb", "k1", hello, 5, &e), e);
}

TEST(cache, derived_get_damaged_counts_as_missing)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(raw, 200);
	AUTOCACHE(c);

	open_cache(&c);
	CHECK_OK(pkg_cache_derived_put(&c, "deb", "k1", hello, 5, &e), e);
	CHECK_OK(eb_file_read(test_path("cache/derived/deb/k1"), &raw, &e), e);
	for (size_t i = 0; i < raw.len; i++) {
		EB_AUTOBUF(b, 100);

		raw.data[i] ^= 1;
		overwrite(test_path("cache/derived/deb/k1"), raw.data);
		raw.data[i] ^= 1;
		CHECK_FAIL(pkg_cache_derived_get(&c, "deb", "k1", &b, &e), EB_E_NOT_FOUND,
			   "is damaged", e);
		CHECK_INT(b.len, 0);
	}
	for (size_t n = 0; n < raw.len; n += 7) {
		EB_AUTOBUF(b, 100);

		CHECK_OK(eb_file_write(test_path("cache/derived/deb/k1"), raw.data, n, 0600, &e),
			 e);
		CHECK_FAIL(pkg_cache_derived_get(&c, "deb", "k1", &b, &e), EB_E_NOT_FOUND,
			   "is damaged", e);
	}
}

TEST(cache, derived_get_over_the_cap_counts_as_missing)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 4);
	AUTOCACHE(c);

	open_cache(&c);
	CHECK_OK(pkg_cache_derived_put(&c, "deb", "k1", hello, 5, &e), e);
	CHECK_FAIL(pkg_cache_derived_get(&c, "deb", "k1", &b, &e), EB_E_NOT_FOUND, "k1", e);
	CHECK(!b.overflow);
}

TEST(cache, derived_path_may_not_leave_the_cache)
{
	autoerror struct eb_error *e = NULL;
	AUTOCACHE(c);

	open_cache(&c);
	CHECK_FAIL(pkg_cache_derived_put(&c, "..", "x", hello, 5, &e), EB_E_FORMAT, "'..'", e);
	CHECK_FAIL(pkg_cache_derived_put(&c, "deb", "a/b", hello, 5, &e), EB_E_FORMAT, "'a/b'", e);
	CHECK_FAIL(pkg_cache_derived_put(&c, "deb", "", hello, 5, &e), EB_E_FORMAT, "''", e);
}
