#include "image/tar_header.h"
#include "tar_build.h"
#include "testlib.h"

TEST(tar_header, parse_reads_ustar_gnu_and_old_blocks)
{
	struct oci_tar_entry e = { .path = "d", .type = '0', .size = 8589934591 };
	autoerror struct eb_error *err = NULL;
	struct oci_tar_block h;
	char path[257];
	EB_AUTOBUF(b, 4096);

	memset(path, 'p', 256);
	path[155] = '/';
	path[256] = '\0';
	e.path = path;
	oci_tar_header(&e, &b);
	CHECK_INT(oci_tar_block_parse(b.data, &h, &err), 1);
	CHECK_STR(h.name, path);
	CHECK_INT(h.size, 8589934591);
	CHECK_INT(h.type, '0');
	/* GNU: what is the prefix in ustar holds times. */
	eb_buf_clear(&b);
	tb_header(&b, "name", '\0', "", 7);
	tb_patch(&b, 0, 345, "14524770400", 12);
	tb_patch(&b, 0, 257, "ustar  ", 8);
	CHECK_INT(oci_tar_block_parse(b.data, &h, &err), 1);
	CHECK_STR(h.name, "name");
	CHECK_INT(h.type, '0');
	/* Before POSIX: no magic, other ways to write numbers. */
	tb_patch(&b, 0, 257, "\0\0\0\0\0\0\0\0", 8);
	tb_patch(&b, 0, 124, "      12 \0\0\0", 12);
	CHECK_INT(oci_tar_block_parse(b.data, &h, &err), 1);
	CHECK_INT(h.size, 10);
	tb_patch(&b, 0, 124, "\x80\0\0\0\0\0\0\2\0\0\0\1", 12);
	CHECK_INT(oci_tar_block_parse(b.data, &h, &err), 1);
	CHECK_INT(h.size, 8589934593);
}

TEST(tar_header, parse_zero_block_is_no_header)
{
	static const char zeros[512];
	struct oci_tar_block h;

	CHECK_INT(oci_tar_block_parse(zeros, &h, NULL), 0);
}

TEST(tar_header, parse_bad_numbers_and_checksums)
{
	static const struct {
		const char *field, *message;
	} rows[] = {
		{ "0000000000x\0", "size is not an octal number" },
		{ "            ", "size is not an octal number" },
		{ "00000 000001", "size is not an octal number" },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "size is negative" },
		{ "\x80\0\0\1\0\0\0\0\0\0\0\0", "size does not fit" },
	};
	autoerror struct eb_error *e = NULL;
	struct oci_tar_block h;
	EB_AUTOBUF(b, 4096);

	tb_header(&b, "name", '0', "", 7);
	for (size_t i = 0; i < EB_ARRAY_LEN(rows); i++) {
		tb_patch(&b, 0, 124, rows[i].field, 12);
		CHECK_FAIL(oci_tar_block_parse(b.data, &h, &e), EB_E_FORMAT, rows[i].message, e);
	}
	b.data[3] ^= 4;
	CHECK_FAIL(oci_tar_block_parse(b.data, &h, &e), EB_E_FORMAT, "header checksum is", e);
	memset(b.data + 148, 'z', 8);
	CHECK_FAIL(oci_tar_block_parse(b.data, &h, &e), EB_E_FORMAT, "header checksum is not", e);
}

TEST(tar_header, pax_next_walks_records)
{
	struct eb_span rest = EB_SPAN("12 path=a=b\n13 size=1234\n6 k=\n"), key, value;
	autoerror struct eb_error *e = NULL;

	CHECK_OK(oci_tar_pax_next(&rest, &key, &value, &e), e);
	CHECK(eb_span_eq(key, "path") && eb_span_eq(value, "a=b"));
	CHECK_OK(oci_tar_pax_next(&rest, &key, &value, &e), e);
	CHECK(eb_span_eq(key, "size") && eb_span_eq(value, "1234"));
	CHECK_INT(oci_tar_pax_next(&rest, &key, &value, &e), -EB_E_FORMAT); /* 6, but is 5 */
}

TEST(tar_header, pax_next_refuses_malformed_records)
{
	static const char *const rows[] = { "x",
					    "5",
					    "5 ",
					    " 5 a=b\n",
					    "7 a=b\n",
					    "5 a=b\n",
					    "4 =\n",
					    "5 =b\n",
					    "6 abc\n",
					    "06 a=b\n",
					    "99999999999999999999 a=b\n",
					    "-6 a=b\n",
					    "0 a=b\n" };

	for (size_t i = 0; i < EB_ARRAY_LEN(rows); i++) {
		struct eb_span rest = eb_span_str(rows[i]), key, value;
		autoerror struct eb_error *e = NULL;

		CHECK_FAIL(oci_tar_pax_next(&rest, &key, &value, &e), EB_E_FORMAT, "pax header", e);
	}
}
