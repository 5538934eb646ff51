#include "pkg/cache_care.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/pool.h"
#include "testlib.h"

/* A cache with two sources, a derived result and, by hand, the rest. */
static void fill(struct pkg_cache *c, char one[static 65], char two[static 65])
{
	struct eb_error *e = NULL;
	const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

	CHECK_OK(pkg_cache_open(test_path("cache"), c, &e), e);
	CHECK_OK(pkg_cache_store_text(c, "one", 3, one, &e), e);
	CHECK_OK(pkg_cache_store_text(c, "twoo", 4, two, &e), e);
	CHECK_OK(pkg_cache_derived_put(c, "kind-1", "key", "value", 5, &e), e);
	CHECK_INT(mkdir(test_path("cache/partial"), 0700), 0);
	CHECK_INT(mkdir(test_path("cache/damaged"), 0700), 0);
	CHECK_OK(eb_file_write(test_path("cache/partial/stopped"), "12", 2, 0600, &e), e);
	CHECK_OK(eb_file_write(test_path("cache/partial/busy"), "123", 3, 0600, &e), e);
	CHECK_OK(eb_file_write(test_path("cache/damaged/x"), "1", 1, 0600, &e), e);
	CHECK_OK(eb_file_write(test_path("cache/sources/sha256/.old.tmp"), "1", 1, 0600, &e), e);
	CHECK_OK(eb_file_write(test_path("cache/derived/kind-1/.new.tmp"), "1", 1, 0600, &e), e);
	CHECK_INT(utimensat(AT_FDCWD, test_path("cache/sources/sha256/.old.tmp"), old, 0), 0);
}

TEST(cache_care, measure_counts_by_kind)
{
	EB_CLEANUP(pkg_cache_release_p) struct pkg_cache c = { .dir = { .fd = -1 } };
	struct pkg_cache_usage u[PKG_CACHE_KINDS];
	struct eb_error *e = NULL;
	char one[65], two[65];

	fill(&c, one, two);
	CHECK_OK(pkg_cache_measure(&c, u, &e), e);
	CHECK_INT(u[PKG_CACHE_SOURCE].files, 2);
	CHECK_INT(u[PKG_CACHE_SOURCE].bytes, 7);
	CHECK_INT(u[PKG_CACHE_PARTIAL].files, 2);
	CHECK_INT(u[PKG_CACHE_PARTIAL].bytes, 5);
	CHECK_INT(u[PKG_CACHE_DERIVED].files, 1);
	CHECK_INT(u[PKG_CACHE_DAMAGED].files, 1);
	CHECK_INT(u[PKG_CACHE_LEFTOVER].files, 2);
}

TEST(cache_care, verify_removes_damaged_sources)
{
	EB_CLEANUP(pkg_cache_release_p) struct pkg_cache c = { .dir = { .fd = -1 } };
	EB_CLEANUP(eb_pool_free_p) struct eb_pool *pool = eb_pool_new(2);
	struct eb_error *e = NULL;
	char one[65], two[65];
	uint64_t size;

	fill(&c, one, two);
	CHECK_INT(chmod(test_path("cache/sources/sha256/%s", one), 0600), 0);
	int fd = open(test_path("cache/sources/sha256/%s", one), O_WRONLY);
	CHECK_INT(pwrite(fd, "X", 1, 1), 1);
	close(fd);
	for (int turn = 0; turn < 3; turn++) {
		EB_CLEANUP(pkg_cache_check_release_p) struct pkg_cache_check k = { 0 };

		CHECK_OK(pkg_cache_verify(&c, turn == 0, pool, NULL, &k, &e), e);
		CHECK_INT(k.checked.files, turn < 2 ? 2 : 1);
		CHECK_INT(k.n_damaged, turn < 2);
		CHECK_STR(k.damaged[0], turn < 2 ? one : NULL);
	}
	CHECK_INT(pkg_cache_find(&c, one, &size, NULL), -EB_E_NOT_FOUND);
	fd = pkg_cache_find(&c, two, &size, &e);
	CHECK_OK(fd, e);
	close(fd);
}

TEST(cache_care, gc_removes_what_nobody_needs)
{
	EB_CLEANUP(pkg_cache_release_p) struct pkg_cache c = { .dir = { .fd = -1 } };
	struct pkg_cache_usage u[PKG_CACHE_KINDS];
	struct eb_error *e = NULL;
	char one[65], two[65];
	const char *const keep[] = { two };
	struct pkg_cache_gc_options o = { .keep = keep, .n_keep = 1, .now_sec = time(NULL) };

	fill(&c, one, two);
	autofd int busy = open(test_path("cache/partial/busy"), O_RDONLY);
	CHECK_INT(flock(busy, LOCK_EX), 0);
	for (int turn = 0; turn < 3; turn++) {
		o.dry_run = turn == 0;
		CHECK_OK(pkg_cache_gc(&c, &o, u, &e), e);
		for (int k = 0; k < PKG_CACHE_KINDS; k++)
			CHECK_INT(u[k].files, k != PKG_CACHE_MODULE && turn < 2);
		CHECK_INT(u[PKG_CACHE_SOURCE].bytes, turn < 2 ? 3 : 0);
	}
	CHECK_INT(access(test_path("cache/sources/sha256/%s", one), F_OK), -1);
	CHECK_INT(access(test_path("cache/sources/sha256/%s", two), F_OK), 0);
	CHECK_INT(access(test_path("cache/partial/busy"), F_OK), 0);
	CHECK_INT(access(test_path("cache/partial/stopped"), F_OK), -1);
	CHECK_INT(access(test_path("cache/derived/kind-1/key"), F_OK), -1);
	CHECK_INT(access(test_path("cache/derived/kind-1/.new.tmp"), F_OK), 0);
}

TEST(cache_care, gc_without_keep_leaves_sources)
{
	EB_CLEANUP(pkg_cache_release_p) struct pkg_cache c = { .dir = { .fd = -1 } };
	struct pkg_cache_gc_options o = { .now_sec = time(NULL) };
	struct pkg_cache_usage u[PKG_CACHE_KINDS];
	struct eb_error *e = NULL;
	char one[65], two[65];

	fill(&c, one, two);
	CHECK_OK(pkg_cache_gc(&c, &o, u, &e), e);
	CHECK_INT(u[PKG_CACHE_SOURCE].files, 0);
	CHECK_INT(access(test_path("cache/sources/sha256/%s", one), F_OK), 0);
}

TEST(cache_care, age_removes_downloads_long_stopped)
{
	EB_CLEANUP(pkg_cache_release_p) struct pkg_cache c = { .dir = { .fd = -1 } };
	const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	struct eb_error *e = NULL;
	char one[65], two[65];
	int busy;

	CHECK_OK(pkg_cache_open(test_path("cache"), &c, &e), e);
	pkg_cache_age(&c, 2000000000); /* nothing there yet */
	pkg_cache_release(&c);
	fill(&c, one, two);
	CHECK_OK(eb_file_write(test_path("cache/partial/fresh"), "12", 2, 0600, &e), e);
	CHECK_INT(utimensat(AT_FDCWD, test_path("cache/partial/stopped"), old, 0), 0);
	CHECK_INT(utimensat(AT_FDCWD, test_path("cache/partial/busy"), old, 0), 0);
	pkg_cache_age(&c, 1000 + 14 * 86400);
	CHECK_INT(access(test_path("cache/partial/stopped"), F_OK), 0);
	busy = open(test_path("cache/partial/busy"), O_RDONLY | O_CLOEXEC);
	CHECK_INT(flock(busy, LOCK_EX), 0);
	pkg_cache_age(&c, 1000 + 14 * 86400 + 1);
	CHECK_INT(access(test_path("cache/partial/stopped"), F_OK), -1);
	CHECK_INT(access(test_path("cache/partial/busy"), F_OK), 0);
	CHECK_INT(access(test_path("cache/partial/fresh"), F_OK), 0);
	CHECK_INT(access(test_path("cache/damaged/x"), F_OK), 0);
	close(busy);
}

/* What a build of a Go program leaves: directories that cannot be written to, names with a dot. */
static void fill_go(struct pkg_cache *c)
{
	static const char *const dirs[] = { "go", "go/mod", "go/mod/m@v1", "go/mod/m@v1/sub",
					    "go/build" };
	struct eb_error *e = NULL;

	CHECK_OK(pkg_cache_open(test_path("cache"), c, &e), e);
	for (size_t i = 0; i < EB_ARRAY_LEN(dirs); i++)
		CHECK_INT(mkdir(test_path("cache/%s", dirs[i]), 0755), 0);
	CHECK_OK(eb_file_write(test_path("cache/go/lock"), "", 0, 0600, &e), e);
	CHECK_OK(eb_file_write(test_path("cache/go/mod/m@v1/.hidden"), "12", 2, 0444, &e), e);
	CHECK_OK(eb_file_write(test_path("cache/go/mod/m@v1/sub/a.go"), "123", 3, 0444, &e), e);
	CHECK_OK(eb_file_write(test_path("cache/go/build/x"), "1234", 4, 0644, &e), e);
	CHECK_INT(chmod(test_path("cache/go/mod/m@v1/sub"), 0555), 0);
	CHECK_INT(chmod(test_path("cache/go/mod/m@v1"), 0555), 0);
}

TEST(cache_care, modules_go_when_it_is_said_what_is_kept)
{
	EB_CLEANUP(pkg_cache_release_p) struct pkg_cache c = { .dir = { .fd = -1 } };
	const char *const keep[] = { "0" };
	struct pkg_cache_gc_options o = { .now_sec = time(NULL) };
	struct pkg_cache_usage u[PKG_CACHE_KINDS];
	struct eb_error *e = NULL;

	fill_go(&c);
	CHECK_OK(pkg_cache_measure(&c, u, &e), e);
	CHECK_INT(u[PKG_CACHE_MODULE].files, 2);
	CHECK_INT(u[PKG_CACHE_MODULE].bytes, 5);
	CHECK_INT(u[PKG_CACHE_DERIVED].bytes, 4);
	CHECK_INT(u[PKG_CACHE_LEFTOVER].files, 0);
	CHECK_OK(pkg_cache_gc(&c, &o, u, &e), e);
	CHECK_INT(u[PKG_CACHE_MODULE].files, 0);
	CHECK_INT(u[PKG_CACHE_DERIVED].files, 1);
	CHECK_INT(access(test_path("cache/go/build"), F_OK), -1);
	CHECK_INT(access(test_path("cache/go/mod/m@v1/sub/a.go"), F_OK), 0);
	o.keep = keep;
	o.n_keep = 1;
	o.dry_run = true;
	CHECK_OK(pkg_cache_gc(&c, &o, u, &e), e);
	CHECK_INT(u[PKG_CACHE_MODULE].files, 2);
	CHECK_INT(access(test_path("cache/go/mod/m@v1/sub/a.go"), F_OK), 0);
	o.dry_run = false;
	CHECK_OK(pkg_cache_gc(&c, &o, u, &e), e);
	CHECK_INT(u[PKG_CACHE_MODULE].bytes, 5);
	CHECK_INT(access(test_path("cache/go/mod"), F_OK), -1);
	CHECK_INT(access(test_path("cache/go/lock"), F_OK), 0);
}

TEST(cache_care, build_under_way_keeps_what_it_uses)
{
	EB_CLEANUP(pkg_cache_release_p) struct pkg_cache c = { .dir = { .fd = -1 } };
	struct pkg_cache_gc_options o = { .now_sec = time(NULL) };
	struct pkg_cache_usage u[PKG_CACHE_KINDS];
	struct eb_error *e = NULL;
	autofd int fd = -1;

	fill_go(&c);
	fd = open(test_path("cache/go/lock"), O_RDWR | O_CLOEXEC);
	CHECK_INT(flock(fd, LOCK_EX), 0);
	CHECK_OK(pkg_cache_gc(&c, &o, u, &e), e);
	CHECK_INT(u[PKG_CACHE_DERIVED].files, 0);
	CHECK_INT(access(test_path("cache/go/build/x"), F_OK), 0);
}
