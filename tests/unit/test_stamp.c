#include "bundle/stamp.h"

#include <sys/stat.h>

#include "pkg/cache.h"
#include "testlib.h"

struct fixture {
	struct pkg_cache cache;
	struct oci_digest root;
	const char *path;
};

static void start(struct fixture *f)
{
	autoerror struct eb_error *e = NULL;

	CHECK_OK(pkg_cache_open(test_path("cache"), &f->cache, &e), e);
	oci_digest_of("x", 1, &f->root);
	f->path = test_path("out.tar");
	CHECK_OK(eb_file_write(f->path, "bytes", 5, 0644, &e), e);
	bnd_stamp_note(&f->cache, "key", f->path, &f->root);
}

static void end(struct fixture *f)
{
	pkg_cache_release(&f->cache);
}
EB_DEFINE_RELEASE(struct fixture, end)

#define FIXTURE(f)                                                                                 \
	EB_CLEANUP(end_p) struct fixture f;                                                        \
	autoerror struct eb_error *e = NULL;                                                       \
	struct oci_digest root;                                                                    \
	start(&f)

TEST(stamp, unchanged_file_is_known)
{
	FIXTURE(f);

	CHECK_OK(bnd_stamp_check(&f.cache, "key", f.path, &root, &e), e);
	CHECK_STR(root.text, f.root.text);
}

TEST(stamp, other_key_or_path_is_not)
{
	FIXTURE(f);

	CHECK_INT(bnd_stamp_check(&f.cache, "other", f.path, &root, NULL), -EB_E_NOT_FOUND);
	CHECK_OK(eb_file_write(test_path("two.tar"), "bytes", 5, 0644, &e), e);
	CHECK_INT(bnd_stamp_check(&f.cache, "key", test_path("two.tar"), &root, NULL),
		  -EB_E_NOT_FOUND);
	CHECK_FAIL(bnd_stamp_check(&f.cache, "key", test_path("none"), &root, &e), EB_E_NOT_FOUND,
		   "none' does not exist", e);
}

TEST(stamp, touched_or_replaced_file_is_not)
{
	FIXTURE(f);

	CHECK_OK(eb_file_write(f.path, "bytes", 5, 0644, &e), e);
	CHECK_FAIL(bnd_stamp_check(&f.cache, "key", f.path, &root, &e), EB_E_NOT_FOUND,
		   "was changed", e);
	bnd_stamp_note(&f.cache, "key", f.path, &f.root);
	CHECK_OK(bnd_stamp_check(&f.cache, "key", f.path, &root, &e), e);
	CHECK_INT(truncate(f.path, 4), 0);
	CHECK_FAIL(bnd_stamp_check(&f.cache, "key", f.path, &root, &e), EB_E_NOT_FOUND,
		   "was changed", e);
}

TEST(stamp, same_file_by_another_path_is_known)
{
	FIXTURE(f);

	CHECK_INT(mkdir(test_path("sub"), 0755), 0);
	CHECK_OK(bnd_stamp_check(&f.cache, "key", test_path("sub/../out.tar"), &root, &e), e);
}
