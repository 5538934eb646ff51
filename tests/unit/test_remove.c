#include "base/remove.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "testlib.h"

TEST(remove, everything_below_goes_whatever_its_mode)
{
	autoerror struct eb_error *e = NULL;
	struct stat st;

	CHECK_INT(mkdir(test_path("d"), 0755), 0);
	CHECK_INT(mkdir(test_path("d/sub"), 0755), 0);
	CHECK_OK(eb_file_write(test_path("d/sub/f"), "x", 1, 0444, &e), e);
	CHECK_INT(chmod(test_path("d/sub"), 0555), 0);
	CHECK_INT(chmod(test_path("d"), 0), 0);
	CHECK_OK(eb_remove_tree(AT_FDCWD, test_path("d"), &e), e);
	CHECK_INT(lstat(test_path("d"), &st), -1);
}

TEST(remove, links_are_not_followed)
{
	autoerror struct eb_error *e = NULL;
	struct stat st;

	CHECK_INT(mkdir(test_path("other"), 0755), 0);
	CHECK_OK(eb_file_write(test_path("other/f"), "x", 1, 0644, &e), e);
	CHECK_INT(mkdir(test_path("d"), 0755), 0);
	CHECK_INT(symlink(test_path("other"), test_path("d/link")), 0);
	CHECK_OK(eb_remove_tree(AT_FDCWD, test_path("d"), &e), e);
	CHECK_INT(stat(test_path("other/f"), &st), 0);
	CHECK_INT(lstat(test_path("d"), &st), -1);
}

TEST(remove, file_goes_and_nothing_is_fine)
{
	autoerror struct eb_error *e = NULL;

	CHECK_OK(eb_file_write(test_path("f"), "x", 1, 0644, &e), e);
	CHECK_OK(eb_remove_tree(AT_FDCWD, test_path("f"), &e), e);
	CHECK_OK(eb_remove_tree(AT_FDCWD, test_path("f"), &e), e);
}
