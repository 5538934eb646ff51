#include "bundle/pull_blob.h"

#include <fcntl.h>
#include <unistd.h>

#include "testlib.h"

enum { SIZE = 1000000, OFFSET = 4096 };

static const struct bnd_blob blob = { .offset = OFFSET, .size = SIZE };

static int new_file(void)
{
	int fd = open(test_path("part"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	CHECK(fd >= 0);
	CHECK_INT(posix_fallocate(fd, 0, OFFSET + SIZE + OFFSET), 0);
	CHECK_INT(pwrite(fd, "before", 6, 0), 6);
	CHECK_INT(pwrite(fd, "behind", 6, OFFSET + SIZE), 6);
	return fd;
}

TEST(pull_blob, nothing_is_reached_of_space_set_aside)
{
	autofd int fd = new_file();

	CHECK_INT(bnd_pull_reached(fd, &blob), 0);
}

TEST(pull_blob, reached_is_behind_the_last_byte_that_is_not_zero)
{
	static const uint64_t ends[] = { 1, 4096, 262144, 262145, 600001, SIZE };
	autofree char *data = eb_xcalloc(1, SIZE);
	autofd int fd = new_file();

	for (size_t i = 0; i < EB_ARRAY_LEN(ends); i++) {
		data[ends[i] - 1] = 'x';
		CHECK_INT(pwrite(fd, data, ends[i], OFFSET), ends[i]);
		CHECK_INT(bnd_pull_reached(fd, &blob), ends[i]);
	}
}

TEST(pull_blob, zeros_inside_are_kept)
{
	autofree char *data = eb_xcalloc(1, 700000);
	autofd int fd = new_file();

	data[0] = data[699990] = 1;
	CHECK_INT(pwrite(fd, data, 700000, OFFSET), 700000);
	CHECK_INT(bnd_pull_reached(fd, &blob), 699991);
}
