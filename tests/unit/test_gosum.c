#include "pkg/gosum.h"

#include <sys/stat.h>
#include <unistd.h>

#include "testlib.h"

static void put(const char *name, const char *text)
{
	autoerror struct eb_error *e = NULL;

	CHECK_OK(eb_file_write(test_path("%s", name), text, strlen(text), 0644, &e), e);
}

/* Sums that 'go mod download' gives for these files. */
static void put_module(void)
{
	CHECK_INT(mkdir(test_path("m"), 0755), 0);
	CHECK_INT(mkdir(test_path("m/sub"), 0755), 0);
	put("m/go.mod", "module example.org/m\n");
	put("m/sub/a.go", "package sub\n");
	put("m/sub.go", "package m\n");
}

static const char want[] = "h1:wzz5v4HVxHfa+XFza2ndHWD8W78pXbuqwJslC0k6aXQ=";

TEST(gosum, directory_gives_the_sum_of_go)
{
	autoerror struct eb_error *e = NULL;
	char h1[PKG_GOSUM_BYTES];

	put_module();
	CHECK_OK(pkg_gosum_dir(test_path("m"), "example.org/m@v1.0.0", NULL, h1, &e), e);
	CHECK_STR(h1, want);
	CHECK(pkg_gosum_is_valid(h1));
}

TEST(gosum, copy_has_what_was_hashed)
{
	autoerror struct eb_error *e = NULL;
	char h1[PKG_GOSUM_BYTES];

	put_module();
	CHECK_INT(chmod(test_path("m/sub"), 0555), 0);
	CHECK_OK(pkg_gosum_dir(test_path("m"), "x@v1", test_path("copy"), h1, &e), e);
	CHECK_OK(pkg_gosum_dir(test_path("copy"), "example.org/m@v1.0.0", NULL, h1, &e), e);
	CHECK_STR(h1, want);
	/* What is copied can be written to and removed. */
	put("copy/sub/b.go", "package sub\n");
	CHECK_OK(pkg_gosum_dir(test_path("copy"), "example.org/m@v1.0.0", NULL, h1, &e), e);
	CHECK(strcmp(h1, want) != 0);
}

TEST(gosum, links_are_refused)
{
	autoerror struct eb_error *e = NULL;
	char h1[PKG_GOSUM_BYTES];

	put_module();
	CHECK_INT(symlink("/etc/passwd", test_path("m/sub/passwd")), 0);
	CHECK_FAIL(pkg_gosum_dir(test_path("m"), "x@v1", NULL, h1, &e), EB_E_FORMAT,
		   "sub/passwd' is a link", e);
}

TEST(gosum, other_things_than_files_are_refused)
{
	autoerror struct eb_error *e = NULL;
	char h1[PKG_GOSUM_BYTES];

	put_module();
	CHECK_INT(mkfifo(test_path("m/pipe"), 0644), 0);
	CHECK_FAIL(pkg_gosum_dir(test_path("m"), "x@v1", NULL, h1, &e), EB_E_FORMAT,
		   "pipe' is neither a file nor a directory", e);
}

TEST(gosum, valid_sums_only)
{
	CHECK(pkg_gosum_is_valid("h1:HWfxfKvi5k1czMVqLV/htGmPgEBhrqHMxpfyMvfhyVo="));
	CHECK(!pkg_gosum_is_valid("h2:HWfxfKvi5k1czMVqLV/htGmPgEBhrqHMxpfyMvfhyVo="));
	CHECK(!pkg_gosum_is_valid("h1:HWfxfKvi5k1czMVqLV/htGmPgEBhrqHMxpfyMvfhyVo"));
	CHECK(!pkg_gosum_is_valid("h1:HWfxfKvi5k1czMVqLV/htGmPgEBhrqHMxpfyMvfhyV=="));
	CHECK(!pkg_gosum_is_valid("h1:"));
	CHECK(!pkg_gosum_is_valid(""));
}
