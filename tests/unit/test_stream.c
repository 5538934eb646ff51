#include "base/stream.h"

#include <errno.h>
#include <fcntl.h>

#include "testlib.h"

#define ABC_256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static int open_file(const char *text)
{
	autoerror struct eb_error *e = NULL;
	const char *path = test_path("file");

	CHECK_OK(eb_file_write(path, text, strlen(text), 0644, &e), e);
	return open(path, O_RDWR | O_CLOEXEC);
}

TEST(stream, region_reads_its_part_only)
{
	autoerror struct eb_error *e = NULL;
	autofd int fd = open_file("0123456789");
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *r = eb_reader_region(fd, 2, 5);
	EB_AUTOBUF(b, 100);

	CHECK_OK(eb_read_all(r, &b, "part", &e), e);
	CHECK_STR(eb_buf_str(&b), "23456");
	CHECK_INT(lseek(fd, 0, SEEK_CUR), 0); /* the position is not used */
}

TEST(stream, region_of_a_short_file_fails)
{
	autoerror struct eb_error *e = NULL;
	autofd int fd = open_file("0123");
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *r = eb_reader_region(fd, 2, 5);
	EB_AUTOBUF(b, 100);

	CHECK_FAIL(eb_read_all(r, &b, "part", &e), EB_E_FORMAT,
		   "file ends at offset 4, 3 bytes early", e);
}

TEST(stream, read_full_and_skip_need_all_bytes)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *r = eb_reader_mem("abcdef", 6);
	char p[8];

	CHECK_OK(eb_read_skip(r, 2, &e), e);
	CHECK_OK(eb_read_full(r, p, 3, &e), e);
	CHECK(memcmp(p, "cde", 3) == 0);
	CHECK_FAIL(eb_read_full(r, p, 3, &e), EB_E_FORMAT, "ends after 1 of 3 bytes", e);
	CHECK_FAIL(eb_read_skip(r, 1, &e), EB_E_FORMAT, "ends after 0 of 1 bytes", e);
}

TEST(stream, limit_allows_just_the_maximum)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(eb_reader_free_p)
	struct eb_reader *fits = eb_reader_limit(eb_reader_mem("abc", 3), 3, "thing");
	EB_CLEANUP(eb_reader_free_p)
	struct eb_reader *over = eb_reader_limit(eb_reader_mem("abcd", 4), 3, "thing");
	EB_AUTOBUF(b, 100);

	CHECK_OK(eb_read_all(fits, &b, "b", &e), e);
	CHECK_STR(eb_buf_str(&b), "abc");
	CHECK_FAIL(eb_read_all(over, &b, "b", &e), EB_E_LIMIT, "thing is larger than 3 bytes", e);
}

static int read_verified(const char *text, const char *hex, uint64_t size, struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p)
	struct eb_reader *r = eb_reader_verify(eb_reader_mem(text, strlen(text)), hex, size, "it");
	EB_AUTOBUF(b, 100);

	return eb_read_all(r, &b, "b", err);
}

TEST(stream, verify_checks_digest_and_size)
{
	autoerror struct eb_error *e = NULL;

	CHECK_OK(read_verified("abc", ABC_256, 3, &e), e);
	CHECK_OK(read_verified("abc", ABC_256, UINT64_MAX, &e), e);
	CHECK_FAIL(read_verified("abd", ABC_256, 3, &e), EB_E_DIGEST,
		   "it: expected sha256:" ABC_256 ", found sha256:", e);
	CHECK_FAIL(read_verified("ab", ABC_256, 3, &e), EB_E_DIGEST, "expected 3 bytes, found 2",
		   e);
	CHECK_FAIL(read_verified("abcd", ABC_256, 3, &e), EB_E_DIGEST,
		   "longer than the expected 3 bytes", e);
}

TEST(stream, region_writer_keeps_its_bounds)
{
	autoerror struct eb_error *e = NULL;
	autofd int fd = open_file("..........");
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *w = eb_writer_region(fd, 3, 4);
	EB_AUTOBUF(b, 100);

	CHECK_OK(eb_write(w, "ab", 2, &e), e);
	CHECK_FAIL(eb_write(w, "cde", 3, &e), EB_E_LIMIT, "more than the 4 bytes set aside", e);
	CHECK_OK(eb_write(w, "cd", 2, &e), e);
	CHECK_OK(eb_file_read(test_path("file"), &b, &e), e);
	CHECK_STR(eb_buf_str(&b), "...abcd...");
}

TEST(stream, fd_writer_reports_a_full_disk)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(eb_writer_free_p)
	struct eb_writer *w = eb_writer_fd(open("/dev/full", O_WRONLY | O_CLOEXEC), true);

	CHECK_FAIL(eb_write(w, "x", 1, &e), ENOSPC, "No space left", e);
}

TEST(stream, copy_through_hash_counts_and_hashes)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 100);
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *r = eb_reader_mem("abc", 3);
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *out = eb_writer_buf(&b);
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *w = eb_writer_hash(out);
	char hex[EB_SHA256_HEX + 1];
	uint64_t n = 0;

	CHECK_OK(eb_copy(r, w, &n, &e), e);
	CHECK_OK(eb_writer_finish(w, &e), e);
	CHECK_INT(n, 3);
	CHECK_INT(eb_writer_hash_size(w), 3);
	eb_writer_hash_hex(w, hex);
	CHECK_STR(hex, ABC_256);
	CHECK_STR(eb_buf_str(&b), "abc");
}

TEST(stream, buf_writer_stops_at_the_cap)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 4);
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *w = eb_writer_buf(&b);

	CHECK_OK(eb_write(w, "1234", 4, &e), e);
	CHECK_FAIL(eb_write(w, "5", 1, &e), EB_E_LIMIT, "larger than 4 bytes", e);
}
