#include "pkg/partial.h"

#include <sys/stat.h>
#include <unistd.h>

#include "pkg/cache.h"
#include "testlib.h"

static const char hello_sha[] = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

#define AUTOCACHE(name)                                                                            \
	EB_CLEANUP(pkg_cache_release_p) struct pkg_cache name = { .dir = { .fd = -1 } }
#define AUTOPARTIAL(name) EB_CLEANUP(pkg_partial_free_p) struct pkg_partial *name = NULL

static void open_cache(struct pkg_cache *c)
{
	autoerror struct eb_error *e = NULL;

	CHECK_OK(pkg_cache_open(test_path("cache"), c, &e), e);
}

static int open_partial(const struct pkg_cache *c, uint64_t size, struct pkg_partial **ret)
{
	autoerror struct eb_error *e = NULL;
	int r = pkg_partial_open(c, hello_sha, size, ret, &e);

	CHECK_OK(r, e);
	return r;
}

static bool exists(const char *dir)
{
	return access(test_path("cache/%s/%s", dir, hello_sha), F_OK) == 0;
}

TEST(partial, publish_whole)
{
	autoerror struct eb_error *e = NULL;
	AUTOCACHE(c);
	AUTOPARTIAL(p);
	AUTOPARTIAL(q);
	struct stat st;

	open_cache(&c);
	CHECK_INT(open_partial(&c, 5, &p), PKG_PARTIAL_MINE);
	CHECK_OK(pkg_partial_add(p, "hel", 3, &e), e);
	CHECK_INT(pkg_partial_have(p), 3);
	CHECK_FAIL(pkg_partial_publish(p, &e), EB_E_DIGEST, "expected 5 bytes, found 3", e);
	CHECK_OK(pkg_partial_add(p, "lo", 2, &e), e);
	CHECK_OK(pkg_partial_publish(p, &e), e);
	p = pkg_partial_free(p);
	CHECK(!exists("partial"));
	CHECK_INT(stat(test_path("cache/sources/sha256/%s", hello_sha), &st), 0);
	CHECK_INT(st.st_mode & 07777, 0444);
	CHECK_INT(open_partial(&c, 5, &q), PKG_PARTIAL_STORED);
	CHECK(q == NULL);
	CHECK(!exists("partial"));
}

TEST(partial, publish_wrong_content_fails_until_restarted)
{
	autoerror struct eb_error *e = NULL;
	AUTOCACHE(c);
	AUTOPARTIAL(p);

	open_cache(&c);
	CHECK_INT(open_partial(&c, UINT64_MAX, &p), PKG_PARTIAL_MINE);
	CHECK_OK(pkg_partial_add(p, "hallo", 5, &e), e);
	CHECK_FAIL(pkg_partial_publish(p, &e), EB_E_DIGEST, hello_sha, e);
	CHECK(!exists("sources/sha256"));
	CHECK_OK(pkg_partial_restart(p, &e), e);
	CHECK_INT(pkg_partial_have(p), 0);
	CHECK_OK(pkg_partial_add(p, "hello", 5, &e), e);
	CHECK_OK(pkg_partial_publish(p, &e), e);
	CHECK(exists("sources/sha256"));
}

TEST(partial, bytes_stay_for_the_next_one)
{
	autoerror struct eb_error *e = NULL;
	AUTOCACHE(c);
	AUTOPARTIAL(p);
	AUTOPARTIAL(q);

	open_cache(&c);
	CHECK_INT(open_partial(&c, 5, &p), PKG_PARTIAL_MINE);
	CHECK_OK(pkg_partial_add(p, "hel", 3, &e), e);
	p = pkg_partial_free(p);
	CHECK_INT(open_partial(&c, 5, &q), PKG_PARTIAL_MINE);
	CHECK_INT(pkg_partial_have(q), 3);
	CHECK_OK(pkg_partial_add(q, "lo", 2, &e), e);
	CHECK_OK(pkg_partial_publish(q, &e), e);
}

TEST(partial, empty_and_overlong_files_do_not_stay)
{
	autoerror struct eb_error *e = NULL;
	AUTOCACHE(c);
	AUTOPARTIAL(p);

	open_cache(&c);
	CHECK_INT(open_partial(&c, 5, &p), PKG_PARTIAL_MINE);
	CHECK(exists("partial"));
	p = pkg_partial_free(p);
	CHECK(!exists("partial"));
	CHECK_OK(eb_file_write(test_path("cache/partial/%s", hello_sha), "helloo", 6, 0600, &e), e);
	CHECK_INT(open_partial(&c, 5, &p), PKG_PARTIAL_MINE);
	CHECK_INT(pkg_partial_have(p), 0);
}

TEST(partial, second_owner_is_told_busy)
{
	autoerror struct eb_error *e = NULL;
	AUTOCACHE(c);
	AUTOPARTIAL(p);
	AUTOPARTIAL(q);

	open_cache(&c);
	CHECK_INT(open_partial(&c, 5, &p), PKG_PARTIAL_MINE);
	CHECK_INT(open_partial(&c, 5, &q), PKG_PARTIAL_BUSY);
	CHECK(q == NULL);
	CHECK(exists("partial"));
	p = pkg_partial_free(p);
	CHECK_OK(pkg_partial_wait(&c, hello_sha, &e), e);
	CHECK_INT(open_partial(&c, 5, &q), PKG_PARTIAL_MINE);
}

TEST(partial, link_in_its_place_is_not_followed)
{
	autoerror struct eb_error *e = NULL;
	AUTOCACHE(c);
	AUTOPARTIAL(p);

	open_cache(&c);
	CHECK_OK(eb_file_write(test_path("victim"), "precious", 8, 0600, &e), e);
	CHECK_INT(mkdir(test_path("cache/partial"), 0700), 0);
	CHECK_INT(symlink(test_path("victim"), test_path("cache/partial/%s", hello_sha)), 0);
	CHECK(pkg_partial_open(&c, hello_sha, 5, &p, &e) < 0);
	CHECK_HAS(e->message, "cache/partial/2cf24dba");
	CHECK(p == NULL);
}
