#include "pkg/zip.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <zlib.h>

#include "base/stream.h"
#include "pkg/zip_write.h"
#include "testlib.h"

enum { CAP = 1 << 20, LOCAL = 30, CENTRAL = 46 };

static const struct pkg_zip_limits small = { 4, 1000, 600, 50, 20 };

/* "a" with "alpha", "d/b" with "beta". */
static void two(struct eb_buf *b)
{
	struct pkg_zip_writer w;

	pkg_zip_writer_init(&w, b);
	pkg_zip_writer_add(&w, "a", "alpha", 5);
	pkg_zip_writer_add(&w, "d/b", "beta", 4);
	pkg_zip_writer_end(&w);
}

static int open_it(const struct eb_buf *b, struct pkg_zip **ret, struct eb_error **err)
{
	return pkg_zip_open_mem(b->data, b->len, &pkg_zip_default_limits, ret, err);
}

/* Opens what two() gives after one byte became another. */
static int bent(size_t at, int value, struct eb_error **err)
{
	EB_CLEANUP(pkg_zip_free_p) struct pkg_zip *z = NULL;
	EB_AUTOBUF(b, CAP);

	two(&b);
	b.data[at] = (char)value;
	return open_it(&b, &z, err);
}

/* Offset of the first entry of the directory. */
static size_t directory(void)
{
	return LOCAL + 1 + 5 + LOCAL + 3 + 4;
}

static int content(const struct pkg_zip *z, size_t i, struct eb_buf *b, struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	int r = pkg_zip_read(z, i, &in, err);

	return r < 0 ? r : eb_read_all(in, b, "member", err);
}

/* One deflated member "z" of n bytes, all 'x' or of some pattern. */
static void deflated(struct eb_buf *b, size_t n, bool vary)
{
	autofree unsigned char *plain = eb_xmalloc(n), *packed = NULL;
	struct pkg_zip_writer w;
	z_stream s = { 0 };
	size_t max = n + 1000, size;
	uint32_t v[3];

	for (size_t i = 0; i < n; i++)
		plain[i] = vary ? (unsigned char)(i * i >> 3) : 'x';
	packed = eb_xmalloc(max);
	CHECK_INT(deflateInit2(&s, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	s.next_in = plain;
	s.avail_in = (uInt)n;
	s.next_out = packed;
	s.avail_out = (uInt)max;
	CHECK_INT(deflate(&s, Z_FINISH), Z_STREAM_END);
	size = max - s.avail_out;
	deflateEnd(&s);
	pkg_zip_writer_init(&w, b);
	pkg_zip_writer_add(&w, "z", packed, size);
	pkg_zip_writer_end(&w);
	v[0] = (uint32_t)crc32_z(0, plain, n);
	v[1] = (uint32_t)size;
	v[2] = (uint32_t)n;
	b->data[8] = b->data[LOCAL + 1 + size + 10] = 8;
	memcpy(b->data + 14, v, sizeof(v));
	memcpy(b->data + LOCAL + 1 + size + 16, v, sizeof(v));
}

TEST(zip, members_come_in_directory_order_with_data)
{
	EB_CLEANUP(pkg_zip_free_p) struct pkg_zip *z = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);
	EB_AUTOBUF(text, CAP);

	two(&b);
	CHECK_OK(open_it(&b, &z, &e), e);
	CHECK_INT(z->n, 2);
	CHECK_STR(z->members[0].path, "a");
	CHECK_STR(z->members[1].path, "d/b");
	CHECK_INT(z->members[1].size, 4);
	CHECK_INT(z->members[1].mtime_sec, 315532800); /* 1980-01-01 */
	CHECK(!z->members[0].executable);
	CHECK_INT(pkg_zip_find(z, "d/b"), 1);
	CHECK(pkg_zip_find(z, "d") == SIZE_MAX);
	CHECK_OK(content(z, 1, &text, &e), e);
	CHECK_STR(eb_buf_str(&text), "beta");
}

TEST(zip, open_of_a_file_reads_the_same)
{
	EB_CLEANUP(pkg_zip_free_p) struct pkg_zip *z = NULL;
	autofd int fd = memfd_create("zip", MFD_CLOEXEC);
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);
	EB_AUTOBUF(text, CAP);

	two(&b);
	CHECK_INT(write(fd, b.data, b.len), (long long)b.len);
	CHECK_OK(pkg_zip_open(fd, b.len, &pkg_zip_default_limits, &z, &e), e);
	CHECK_OK(content(z, 0, &text, &e), e);
	CHECK_STR(eb_buf_str(&text), "alpha");
}

TEST(zip, deflated_member_is_inflated_and_checked)
{
	EB_CLEANUP(pkg_zip_free_p) struct pkg_zip *z = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);
	EB_AUTOBUF(text, CAP);

	deflated(&b, 100000, true);
	CHECK_OK(open_it(&b, &z, &e), e);
	CHECK_OK(content(z, 0, &text, &e), e);
	CHECK_INT(text.len, 100000);
	CHECK_INT((unsigned char)text.data[999], (999 * 999 >> 3) & 255);
	/* A byte of the compressed data. */
	b.data[LOCAL + 1 + 20] ^= 0x55;
	eb_buf_clear(&text);
	CHECK_FAIL(content(z, 0, &text, &e), EB_E_FORMAT, "member 'z'", e);
}

TEST(zip, data_that_is_not_what_the_directory_says_is_refused)
{
	EB_CLEANUP(pkg_zip_free_p) struct pkg_zip *z = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);
	EB_AUTOBUF(text, CAP);

	two(&b);
	b.data[LOCAL + 1] = 'A';
	CHECK_OK(open_it(&b, &z, &e), e);
	CHECK_FAIL(content(z, 0, &text, &e), EB_E_FORMAT, "checksum", e);
	z = pkg_zip_free(z);
	eb_buf_clear(&b);
	deflated(&b, 1000, false);
	/* One byte less in both headers. */
	b.data[22] = b.data[b.len - 22 - CENTRAL - 1 + 24] = (char)(999 & 255);
	CHECK_OK(open_it(&b, &z, &e), e);
	eb_buf_clear(&text);
	CHECK_FAIL(content(z, 0, &text, &e), EB_E_FORMAT, "longer than", e);
}

TEST(zip, headers_that_disagree_are_refused)
{
	autoerror struct eb_error *e = NULL;

	CHECK_FAIL(bent(0, 'X', &e), EB_E_FORMAT, "member 'a': the header at 0", e);
	CHECK_FAIL(bent(LOCAL, 'x', &e), EB_E_FORMAT, "the header at 0", e);
	CHECK_FAIL(bent(18, 9, &e), EB_E_FORMAT, "the header at 0", e);
	CHECK_FAIL(bent(directory(), 0, &e), EB_E_FORMAT, "entry 0 of the central", e);
	/* The second member at the place of the first: its name is not there. */
	CHECK_FAIL(bent(directory() + CENTRAL + 1 + 42, 0, &e), EB_E_FORMAT, "member 'd/b'", e);
}

TEST(zip, what_is_not_supported_says_so)
{
	size_t d = directory();
	autoerror struct eb_error *e = NULL;

	CHECK_FAIL(bent(d + 8, 1, &e), EB_E_UNSUPPORTED, "member 'a' is encrypted", e);
	CHECK_FAIL(bent(d + 10, 12, &e), EB_E_UNSUPPORTED, "compression method 12", e);
	CHECK_FAIL(bent(d + 41, 0xa1, &e), EB_E_UNSUPPORTED, "found a symbolic link", e);
	CHECK_FAIL(bent(d + 41, 0x11, &e), EB_E_UNSUPPORTED, "found something else", e);
}

TEST(zip, names_that_lead_elsewhere_are_refused)
{
	static const char *const bad[] = {
		"../x", "/x", "a/../b", "a//b", "./a", "a\\b", "a\nb", ""
	};
	autoerror struct eb_error *e = NULL;

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++) {
		EB_CLEANUP(pkg_zip_free_p) struct pkg_zip *z = NULL;
		struct pkg_zip_writer w;
		EB_AUTOBUF(b, CAP);

		pkg_zip_writer_init(&w, &b);
		pkg_zip_writer_add(&w, bad[i], "x", 1);
		pkg_zip_writer_end(&w);
		CHECK_FAIL(open_it(&b, &z, &e), EB_E_FORMAT, "member '", e);
	}
}

TEST(zip, duplicate_and_overlapping_members_are_refused)
{
	EB_CLEANUP(pkg_zip_free_p) struct pkg_zip *z = NULL;
	struct pkg_zip_writer w;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);

	pkg_zip_writer_init(&w, &b);
	pkg_zip_writer_add(&w, "a", "1", 1);
	pkg_zip_writer_add(&w, "a", "1", 1);
	pkg_zip_writer_end(&w);
	CHECK_FAIL(open_it(&b, &z, &e), EB_E_FORMAT, "member 'a' is there twice", e);
	/* The second entry of the directory points at the first member. */
	memset(b.data + b.len - 22 - 5, 0, 4);
	CHECK_FAIL(open_it(&b, &z, &e), EB_E_FORMAT, "overlap", e);
}

TEST(zip, limits_are_told)
{
	EB_CLEANUP(pkg_zip_free_p) struct pkg_zip *z = NULL;
	struct pkg_zip_writer w;
	char text[700] = { 0 };
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);

	for (size_t i = 0; i < 5; i++) {
		eb_buf_clear(&b);
		pkg_zip_writer_init(&w, &b);
		for (size_t k = 0; k < (i == 0 ? 5 : 2); k++) {
			char name[3] = { 'n', (char)('0' + k), '\0' };

			pkg_zip_writer_add(&w, i == 3 ? "a-name-of-more-than-twenty" : name, text,
					   i == 1   ? 700
					   : i == 2 ? 550
						    : 1);
		}
		pkg_zip_writer_end(&w);
		if (i == 4)
			continue;
		CHECK_FAIL(pkg_zip_open_mem(b.data, b.len, &small, &z, &e), EB_E_LIMIT, "", e);
	}
	CHECK_OK(pkg_zip_open_mem(b.data, b.len, &small, &z, &e), e);
}

TEST(zip, bomb_is_refused_before_it_is_read)
{
	EB_CLEANUP(pkg_zip_free_p) struct pkg_zip *z = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);

	deflated(&b, (size_t)20 << 20, false);
	CHECK_FAIL(open_it(&b, &z, &e), EB_E_LIMIT, "member 'z': 20971520 bytes out of", e);
}

TEST(zip, damaged_end_is_refused)
{
	EB_CLEANUP(pkg_zip_free_p) struct pkg_zip *z = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);

	two(&b);
	for (size_t n = 0; n < b.len; n++)
		CHECK_FAIL(pkg_zip_open_mem(b.data, n, &pkg_zip_default_limits, &z, &e),
			   EB_E_FORMAT, "is no zip archive", e);
	CHECK_FAIL(bent(b.len - 22 + 16, 1, &e), EB_E_FORMAT, "does not end where", e);
	CHECK_FAIL(bent(b.len - 22 + 8, 1, &e), EB_E_UNSUPPORTED, "several volumes", e);
	eb_buf_addc(&b, 'x');
	CHECK_FAIL(open_it(&b, &z, &e), EB_E_FORMAT, "is no zip archive", e);
}
