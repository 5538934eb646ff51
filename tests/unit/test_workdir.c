#include "pkg/workdir.h"

#include <sys/stat.h>

#include "testlib.h"

TEST(workdir, release_removes_all_but_what_links_lead_to)
{
	autofree char *outside = eb_xstrdup(test_path("outside")), *path = NULL, *link = NULL;
	autoerror struct eb_error *e = NULL;
	struct stat st;

	CHECK_OK(eb_file_write(outside, "x", 1, 0644, &e), e);
	{
		PKG_AUTOWORKDIR(w);

		CHECK_OK(pkg_workdir_make(test_dir(), "test", &w, &e), e);
		CHECK_OK(pkg_workdir_write(&w, "a/b/c", "text", 4, 0600, &e), e);
		path = eb_xstrdup(w.path);
		link = eb_xasprintf("%s/a/link", path);
		CHECK_INT(symlink(test_dir(), link), 0);
		CHECK_INT(stat(path, &st), 0);
		CHECK_INT(st.st_mode & 0777, 0700);
	}
	CHECK(stat(path, &st) < 0);
	CHECK_INT(stat(outside, &st), 0);
}

TEST(workdir, write_stays_inside)
{
	PKG_AUTOWORKDIR(w);
	autoerror struct eb_error *e = NULL;

	CHECK_OK(pkg_workdir_make(test_dir(), "test", &w, &e), e);
	CHECK(pkg_workdir_write(&w, "../x", "text", 4, 0600, &e) < 0);
	eb_error_clear(&e);
	CHECK(pkg_workdir_make(test_path("none"), "test", &w, &e) < 0);
	CHECK_HAS(e->message, "make a directory in '");
}
