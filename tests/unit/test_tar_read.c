#include <archive.h>
#include <archive_entry.h>

#include "base/stream.h"
#include "image/tar_read.h"
#include "tar_build.h"
#include "testlib.h"

enum { CAP = 64 << 20 };

static int open_buf(const struct eb_buf *b, enum oci_tar_filter filter,
		    const struct oci_tar_limits *lim, struct oci_tar_reader **ret,
		    struct eb_error **err)
{
	return oci_tar_open(eb_reader_mem(b->data, b->len), filter, lim, ret, err);
}

/* Walk all members and their data; the number of members or the failure. */
static int walk_limits(const struct eb_buf *b, enum oci_tar_filter filter,
		       const struct oci_tar_limits *lim, struct eb_error **err)
{
	EB_CLEANUP(oci_tar_reader_free_p) struct oci_tar_reader *t = NULL;
	int n = 0, r = open_buf(b, filter, lim, &t, err);
	struct oci_tar_entry e;
	char buf[1000];
	ssize_t got;

	while (r >= 0 && (r = oci_tar_next(t, &e, err)) > 0) {
		uint64_t total = 0;

		n++;
		while ((got = oci_tar_data(t, buf, sizeof(buf), err)) > 0)
			total += (uint64_t)got;
		if (got < 0)
			return (int)got;
		CHECK_INT(total, e.size);
	}
	return r < 0 ? r : n;
}

static int walk(const struct eb_buf *b, struct eb_error **err)
{
	return walk_limits(b, OCI_TAR_PLAIN, &oci_tar_default_limits, err);
}

static void compress(const struct eb_buf *in, int filter, struct eb_buf *out)
{
	struct archive *a = archive_write_new();
	struct archive_entry *e = archive_entry_new();
	char *room = malloc(CAP);
	size_t used = 0;

	CHECK_INT(archive_write_add_filter(a, filter), ARCHIVE_OK);
	archive_write_set_format_raw(a);
	archive_write_set_bytes_in_last_block(a, 1);
	CHECK_INT(archive_write_open_memory(a, room, CAP, &used), ARCHIVE_OK);
	archive_entry_set_filetype(e, AE_IFREG);
	CHECK_INT(archive_write_header(a, e), ARCHIVE_OK);
	CHECK_INT(archive_write_data(a, in->data, in->len), in->len);
	archive_write_free(a);
	archive_entry_free(e);
	eb_buf_clear(out);
	eb_buf_add(out, room, used);
	free(room);
}

TEST(tar_read, next_gives_back_what_was_written)
{
	static const struct oci_xattr xattrs[] = { { "security.capability", "\0\1=\n", 4 },
						   { "user.z", "", 0 } };
	char longest[301];
	struct oci_tar_entry in[] = {
		{ .path = "", .type = '5', .mode = 0755, .mtime_sec = 5 },
		{ .path = "dir", .type = '5', .mode = 01777, .mtime_sec = 5 },
		{ .path = "dir/file",
		  .type = '0',
		  .mode = 04755,
		  .uid = 3000000,
		  .gid = 7,
		  .size = 3,
		  .mtime_sec = -5,
		  .xattrs = xattrs,
		  .n_xattrs = 2 },
		{ .path = "dir/hard", .type = '1', .mode = 04755, .link = "dir/file" },
		{ .path = "dir/soft", .type = '2', .mode = 0777, .link = "/../etc/\xc3\xa9" },
		{ .path = "gr\xc3\xbc\xc3\x9f"
			  "e",
		  .type = '0',
		  .mode = 0600 },
		{ .path = longest, .type = '0', .mode = 0600, .size = 1 },
		{ .path = "latin\xe9", .type = '0', .mode = 0600 },
		{ .path = "fifo", .type = '6', .mode = 0600 },
	};
	EB_CLEANUP(oci_tar_reader_free_p) struct oci_tar_reader *t = NULL;
	autoerror struct eb_error *e = NULL;
	struct oci_tar_entry got;
	EB_AUTOBUF(b, CAP);

	memset(longest, 'n', 298);
	memcpy(longest + 298, "\xc3\xa9", 3); /* pax, and not in the C locale's characters */
	for (size_t i = 0; i < EB_ARRAY_LEN(in); i++)
		tb_member(&b, &in[i], "xyz");
	tb_end(&b);
	CHECK_OK(open_buf(&b, OCI_TAR_PLAIN, &oci_tar_default_limits, &t, &e), e);
	for (size_t i = 0; i < EB_ARRAY_LEN(in); i++) {
		char data[8] = "";

		CHECK_OK(oci_tar_next(t, &got, &e), e);
		CHECK_STR(got.path, in[i].path);
		CHECK_INT(got.type, in[i].type);
		CHECK_INT(got.mode, in[i].mode);
		CHECK_INT(got.uid, in[i].uid);
		CHECK_INT(got.gid, in[i].gid);
		CHECK_INT(got.size, in[i].size);
		CHECK_INT(got.mtime_sec, in[i].mtime_sec);
		CHECK_STR(got.link, in[i].link);
		CHECK_INT(got.n_xattrs, in[i].n_xattrs);
		for (size_t x = 0; x < got.n_xattrs; x++) {
			CHECK_STR(got.xattrs[x].name, xattrs[x].name);
			CHECK_INT(got.xattrs[x].size, xattrs[x].size);
			CHECK_INT(memcmp(got.xattrs[x].value, xattrs[x].value, xattrs[x].size), 0);
		}
		CHECK_INT(oci_tar_data(t, data, sizeof(data), &e), got.size);
		CHECK_INT(memcmp(data, "xyz", got.size), 0);
		CHECK_INT(oci_tar_data(t, data, sizeof(data), &e), 0);
	}
	CHECK_INT(oci_tar_next(t, &got, &e), 0);
	CHECK_INT(oci_tar_next(t, &got, &e), 0);
}

TEST(tar_read, next_cleans_dot_slash_and_trailing_slash)
{
	static const char *const rows[][2] = { { "./", "" },
					       { ".", "" },
					       { "./a/", "a" },
					       { "./a/b", "a/b" },
					       { "..a/.b", "..a/.b" } };
	EB_CLEANUP(oci_tar_reader_free_p) struct oci_tar_reader *t = NULL;
	autoerror struct eb_error *e = NULL;
	struct oci_tar_entry got;
	EB_AUTOBUF(b, CAP);

	for (size_t i = 0; i < EB_ARRAY_LEN(rows); i++)
		tb_header(&b, rows[i][0], '5', "", 0);
	tb_header(&b, "./l", '1', "./a/b", 0);
	tb_end(&b);
	CHECK_OK(open_buf(&b, OCI_TAR_PLAIN, &oci_tar_default_limits, &t, &e), e);
	for (size_t i = 0; i < EB_ARRAY_LEN(rows); i++) {
		CHECK_OK(oci_tar_next(t, &got, &e), e);
		CHECK_STR(got.path, rows[i][1]);
	}
	CHECK_OK(oci_tar_next(t, &got, &e), e);
	CHECK_STR(got.link, "a/b");
}

TEST(tar_read, next_gnu_long_names_are_read)
{
	EB_CLEANUP(oci_tar_reader_free_p) struct oci_tar_reader *t = NULL;
	autoerror struct eb_error *e = NULL;
	struct oci_tar_entry got;
	char name[200], link[200];
	EB_AUTOBUF(b, CAP);

	memset(name, 'a', 199);
	memset(link, 'b', 199);
	name[199] = link[199] = '\0';
	tb_extended(&b, 'K', link);
	tb_extended(&b, 'L', name);
	tb_header(&b, "short", '2', "short", 0);
	tb_end(&b);
	CHECK_OK(open_buf(&b, OCI_TAR_PLAIN, &oci_tar_default_limits, &t, &e), e);
	CHECK_INT(oci_tar_next(t, &got, &e), 1);
	CHECK_STR(got.path, name);
	CHECK_STR(got.link, link);
}

TEST(tar_read, next_hostile_names_are_refused)
{
	static const struct {
		const char *name;
		char type;
		const char *link, *message;
	} rows[] = {
		{ "/etc/passwd", '0', "", "path '/etc/passwd' is absolute" },
		{ "/", '5', "", "is absolute" },
		{ "../x", '0', "", "path '../x' has a '..' component" },
		{ "a/../../x", '0', "", "'..' component" },
		{ "a/..", '5', "", "'..' component" },
		{ "..", '5', "", "'..' component" },
		{ "a//b", '0', "", "simplest form" },
		{ "a/./b", '0', "", "simplest form" },
		{ "././a", '0', "", "simplest form" },
		{ ".//a", '0', "", "simplest form" },
		{ "a//", '5', "", "simplest form" },
		{ ".", '0', "", "simplest form" },
		{ "", '0', "", "no name" },
		{ "l", '1', "/etc/passwd", "hard link target '/etc/passwd' is absolute" },
		{ "l", '1', "../x", "hard link target '../x' has a '..'" },
		{ "l", '1', "a/../b", "hard link target" },
		{ "l", '2', "", "symbolic link to nothing" },
		{ "a\nb/../c", '0', "", "path 'a?b/../c' has" },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(rows); i++) {
		autoerror struct eb_error *e = NULL;
		EB_AUTOBUF(b, CAP);

		tb_file(&b, "first", "");
		tb_header(&b, rows[i].name, rows[i].type, rows[i].link, 0);
		tb_end(&b);
		CHECK_FAIL(walk(&b, &e), EB_E_FORMAT, rows[i].message, e);
	}
}

TEST(tar_read, next_devices_and_sparse_are_unsupported)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);
	char sparse[128];

	tb_header(&b, "dev/null", '3', "", 0);
	tb_end(&b);
	CHECK_INT(walk(&b, &e), -EB_E_UNSUPPORTED);
	CHECK_HAS(e->message, "tar, member 'dev/null': is a device node");
	CHECK_HAS(e->hint, "leave it out");
	eb_error_clear(&e);
	b.data[156] = '4';
	tb_patch(&b, 0, 0, "dev/sda\0", 8);
	CHECK_FAIL(walk(&b, &e), EB_E_UNSUPPORTED, "device node", e);
	/* Old GNU sparse: one 512-byte piece at 1 MiB of a 2 MiB file. */
	eb_buf_clear(&b);
	tb_header(&b, "holes", 'S', "", 512);
	memset(sparse, 0, sizeof(sparse));
	memcpy(sparse,
	       "00004000000\0"
	       "00000001000",
	       24);
	tb_patch(&b, 0, 386, sparse, 96);
	tb_patch(&b, 0, 483, "00010000000", 12);
	tb_patch(&b, 0, 257, "ustar  ", 8);
	tb_zeros(&b, 512);
	tb_end(&b);
	CHECK_FAIL(walk(&b, &e), EB_E_UNSUPPORTED, "sparse file", e);
	/* pax sparse 1.0 */
	eb_buf_clear(&b);
	tb_extended(&b, 'x',
		    "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
		    "25 GNU.sparse.name=holes\n"
		    "31 GNU.sparse.realsize=1048576\n");
	tb_header(&b, "GNUSparseFile.0/holes", '0', "", 512 + 512);
	tb_data(&b, "1\n524288\n512\n", 13);
	tb_zeros(&b, 512);
	tb_end(&b);
	CHECK_FAIL(walk(&b, &e), EB_E_UNSUPPORTED, "sparse file", e);
}

TEST(tar_read, limits_are_named)
{
	struct oci_tar_limits lim = { .entries = 2,
				      .total_bytes = 10,
				      .header_bytes = 100000,
				      .path_bytes = 20,
				      .depth = 3,
				      .ratio = 100 };
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);

	tb_file(&b, "a", "12345");
	tb_file(&b, "b", "12345");
	tb_end(&b);
	CHECK_INT(walk_limits(&b, OCI_TAR_PLAIN, &lim, &e), 2);
	b.len -= OCI_TAR_END_BYTES;
	tb_file(&b, "c", "");
	tb_end(&b);
	CHECK_FAIL(walk_limits(&b, OCI_TAR_PLAIN, &lim, &e), EB_E_LIMIT,
		   "tar, after member 'b': more than 2 members (limit 'entries')", e);
	eb_buf_clear(&b);
	tb_file(&b, "big", "12345678901");
	tb_end(&b);
	CHECK_FAIL(walk_limits(&b, OCI_TAR_PLAIN, &lim, &e), EB_E_LIMIT,
		   "tar, member 'big': with it the members come to more than 10 bytes (limit "
		   "'total_bytes')",
		   e);
	eb_buf_clear(&b);
	tb_file(&b, "n2345678901234567890x", "");
	tb_end(&b);
	CHECK_FAIL(walk_limits(&b, OCI_TAR_PLAIN, &lim, &e), EB_E_LIMIT, "limit 'path_bytes'", e);
	eb_buf_clear(&b);
	tb_file(&b, "a/b/c", "");
	tb_file(&b, "a/b/c/d", "");
	tb_end(&b);
	CHECK_FAIL(walk_limits(&b, OCI_TAR_PLAIN, &lim, &e), EB_E_LIMIT, "limit 'depth'", e);
}

TEST(tar_read, header_bombs_are_stopped_while_read)
{
	struct oci_tar_limits lim = oci_tar_default_limits;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(text, CAP);
	EB_AUTOBUF(b, CAP);

	lim.header_bytes = 100000;
	eb_buf_adds(&text, "900012 comment=");
	while (text.len < 900011)
		eb_buf_addc(&text, 'x');
	eb_buf_addc(&text, '\n');
	tb_file(&b, "first", "x");
	tb_extended(&b, 'x', text.data);
	tb_file(&b, "a", "");
	tb_end(&b);
	CHECK_FAIL(walk_limits(&b, OCI_TAR_PLAIN, &lim, &e), EB_E_LIMIT,
		   "tar, after member 'first': the headers of one member are larger than 100000 "
		   "bytes (limit 'header_bytes')",
		   e);
	/* The same by a GNU long name, and by many global headers in a row. */
	eb_buf_clear(&b);
	tb_extended(&b, 'L', text.data);
	tb_file(&b, "a", "");
	tb_end(&b);
	CHECK_FAIL(walk_limits(&b, OCI_TAR_PLAIN, &lim, &e), EB_E_LIMIT, "'header_bytes'", e);
	eb_buf_clear(&b);
	for (int i = 0; i < 1000; i++)
		tb_extended(&b, 'g', "13 comment=x\n");
	tb_file(&b, "a", "");
	tb_end(&b);
	CHECK(walk_limits(&b, OCI_TAR_PLAIN, &lim, &e) < 0);
	eb_error_clear(&e);
	/* libarchive has a limit, too. */
	eb_buf_clear(&b);
	tb_header(&b, "x", 'x', "", 3 << 20);
	tb_zeros(&b, 3 << 20);
	CHECK_FAIL(walk(&b, &e), EB_E_LIMIT, "'header_bytes'", e);
	/* A large header below the limit is fine. */
	lim.header_bytes = 1000000;
	eb_buf_clear(&b);
	tb_extended(&b, 'x', text.data);
	tb_file(&b, "a", "");
	tb_end(&b);
	CHECK_OK(walk_limits(&b, OCI_TAR_PLAIN, &lim, &e), e);
}

TEST(tar_read, truncated_anywhere_fails)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);
	size_t whole;

	tb_file(&b, "a", "12345");
	tb_file(&b, "zeros", "");
	tb_extended(&b, 'x', "18 path=elsewhere\n");
	tb_file(&b, "b", "12345");
	whole = b.len;
	tb_end(&b);
	CHECK_INT(walk(&b, &e), 3);
	for (size_t n = 0; n < whole + 512; n += n % 512 < 8 ? 1 : 63) {
		b.len = n;
		CHECK_INT(walk(&b, &e), -EB_E_FORMAT);
		eb_error_clear(&e);
	}
	b.len = whole;
	CHECK_FAIL(walk(&b, &e), EB_E_FORMAT, "without the end-of-archive blocks", e);
	b.len = whole + 512; /* one block of zeros: other readers take it */
	CHECK_INT(walk(&b, &e), 3);
}

TEST(tar_read, truncated_in_zero_data_is_not_taken_for_the_end)
{
	struct oci_tar_entry in = { .path = "z", .type = '0', .mode = 0644, .size = 4096 };
	static const char zeros[4096];
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);

	tb_member(&b, &in, zeros);
	CHECK_FAIL(walk(&b, &e), EB_E_FORMAT, "without the end-of-archive blocks", e);
	b.len = 512 + 2048;
	CHECK_FAIL(walk(&b, &e), EB_E_FORMAT, "tar, member 'z': damaged or truncated", e);
}

TEST(tar_read, bytes_after_the_end_are_refused_unless_zero)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);

	tb_file(&b, "a", "12345");
	tb_end(&b);
	tb_zeros(&b, 100000);
	CHECK_INT(walk(&b, &e), 1);
	eb_buf_addc(&b, 'x');
	CHECK_FAIL(walk(&b, &e), EB_E_FORMAT,
		   "tar, after member 'a': bytes follow the end of the archive, at or before byte "
		   "102048",
		   e);
	b.len -= 100001;
	tb_file(&b, "hidden", "x");
	tb_end(&b);
	CHECK_FAIL(walk(&b, &e), EB_E_FORMAT, "bytes follow the end of the archive", e);
}

TEST(tar_read, flipped_header_bits_are_noticed)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);

	tb_file(&b, "a", "12345");
	tb_file(&b, "b", "12345");
	tb_end(&b);
	for (size_t i = 1024; i < 1536; i++) {
		b.data[i] ^= 1;
		/* Blanks and NULs around the checksum's digits are not part of the sum. */
		if (i < 1024 + 148 || i >= 1024 + 156)
			CHECK_INT(walk(&b, &e), -EB_E_FORMAT);
		eb_error_clear(&e);
		b.data[i] ^= 1;
	}
	CHECK_INT(walk(&b, &e), 2);
}

TEST(tar_read, malformed_pax_records_are_refused)
{
	static const char *const rows[] = { "x", "5 a=b\n", "100 path=x\n", "11 path\n",
					    "-1 a=b\n" };

	for (size_t i = 0; i < EB_ARRAY_LEN(rows); i++) {
		autoerror struct eb_error *e = NULL;
		EB_AUTOBUF(b, CAP);

		tb_extended(&b, 'x', rows[i]);
		tb_file(&b, "a", "");
		tb_end(&b);
		CHECK_INT(walk(&b, &e), -EB_E_FORMAT);
	}
}

TEST(tar_read, duplicate_xattr_is_refused)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);

	tb_extended(&b, 'x', "26 SCHILY.xattr.user.a=12\n26 SCHILY.xattr.user.a=34\n");
	tb_file(&b, "a", "");
	tb_end(&b);
	CHECK_FAIL(walk(&b, &e), EB_E_FORMAT, "has extended attribute 'user.a' twice", e);
}

/* ---- compression ---- */

static const struct {
	enum oci_tar_filter filter;
	int code;
	const char *name;
} codecs[] = {
	{ OCI_TAR_GZIP, ARCHIVE_FILTER_GZIP, "gzip" },
	{ OCI_TAR_XZ, ARCHIVE_FILTER_XZ, "xz" },
	{ OCI_TAR_ZSTD, ARCHIVE_FILTER_ZSTD, "zstd" },
	{ OCI_TAR_BZIP2, ARCHIVE_FILTER_BZIP2, "bzip2" },
};

/* About 200 kB that do not compress away. */
static void sample(struct eb_buf *b)
{
	uint32_t x = 1;

	for (int m = 0; m < 10; m++) {
		char data[20001], name[16];

		for (size_t i = 0; i < 20000; i++) {
			x = x * 1664525 + 1013904223;
			data[i] = (char)('a' + (x >> 24) % 26);
		}
		data[20000] = '\0';
		snprintf(name, sizeof(name), "m%d", m);
		tb_file(b, name, data);
	}
	tb_end(b);
}

TEST(tar_read, filters_read_alike)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);
	EB_AUTOBUF(z, CAP);

	sample(&b);
	CHECK_INT(walk_limits(&b, OCI_TAR_ANY, &oci_tar_default_limits, &e), 10);
	for (size_t i = 0; i < EB_ARRAY_LEN(codecs); i++) {
		compress(&b, codecs[i].code, &z);
		CHECK_OK(walk_limits(&z, codecs[i].filter, &oci_tar_default_limits, &e), e);
		CHECK_INT(walk_limits(&z, OCI_TAR_ANY, &oci_tar_default_limits, &e), 10);
		CHECK_INT(walk(&z, &e), -EB_E_FORMAT);
		eb_error_clear(&e);
		CHECK_FAIL(walk_limits(&b, codecs[i].filter, &oci_tar_default_limits, &e),
			   EB_E_FORMAT, codecs[i].name, e);
	}
}

TEST(tar_read, filters_read_concatenated_streams)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);
	EB_AUTOBUF(z, CAP);
	EB_AUTOBUF(all, CAP);

	sample(&b);
	for (size_t i = 0; i < EB_ARRAY_LEN(codecs); i++) {
		struct eb_buf half = { .data = b.data, .len = 70000, .cap = CAP };

		eb_buf_clear(&all);
		compress(&half, codecs[i].code, &z);
		eb_buf_add(&all, z.data, z.len);
		half = (struct eb_buf){ .data = b.data + 70000, .len = b.len - 70000, .cap = CAP };
		compress(&half, codecs[i].code, &z);
		eb_buf_add(&all, z.data, z.len);
		CHECK_OK(walk_limits(&all, codecs[i].filter, &oci_tar_default_limits, &e), e);
	}
}

TEST(tar_read, filters_notice_truncation_and_damage)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);
	EB_AUTOBUF(z, CAP);

	sample(&b);
	for (size_t i = 0; i < EB_ARRAY_LEN(codecs); i++) {
		size_t whole;

		compress(&b, codecs[i].code, &z);
		whole = z.len;
		for (size_t n = 0; n < whole; n += n < 40 || n + 40 > whole ? 1 : whole / 9) {
			z.len = n;
			if (walk_limits(&z, codecs[i].filter, &oci_tar_default_limits, &e) >= 0)
				test_fail(__FILE__, __LINE__, "%s cut to %zu of %zu bytes is read",
					  codecs[i].name, n, whole);
			eb_error_clear(&e);
		}
		z.len = whole;
		if (codecs[i].filter == OCI_TAR_ZSTD)
			continue; /* a frame need not have a checksum, and this one has none */
		z.data[whole / 2] ^= 0x10;
		if (walk_limits(&z, codecs[i].filter, &oci_tar_default_limits, &e) >= 0)
			test_fail(__FILE__, __LINE__, "%s with a flipped bit is read",
				  codecs[i].name);
		eb_error_clear(&e);
	}
}

TEST(tar_read, filters_refuse_bytes_after_the_end)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);
	EB_AUTOBUF(z, CAP);

	sample(&b);
	for (size_t i = 0; i < EB_ARRAY_LEN(codecs); i++) {
		compress(&b, codecs[i].code, &z);
		eb_buf_adds(&z, "garbage after the end");
		if (walk_limits(&z, codecs[i].filter, &oci_tar_default_limits, &e) >= 0)
			test_fail(__FILE__, __LINE__, "%s with garbage is read", codecs[i].name);
		eb_error_clear(&e);
	}
}

TEST(tar_read, filters_refuse_two_layers)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);
	EB_AUTOBUF(z, CAP);
	EB_AUTOBUF(zz, CAP);

	sample(&b);
	compress(&b, ARCHIVE_FILTER_GZIP, &z);
	compress(&z, ARCHIVE_FILTER_GZIP, &zz);
	CHECK_INT(walk_limits(&zz, OCI_TAR_GZIP, &oci_tar_default_limits, &e), -EB_E_FORMAT);
	eb_error_clear(&e);
	compress(&b, ARCHIVE_FILTER_XZ, &z);
	compress(&z, ARCHIVE_FILTER_XZ, &zz);
	CHECK_INT(walk_limits(&zz, OCI_TAR_XZ, &oci_tar_default_limits, &e), -EB_E_FORMAT);
	eb_error_clear(&e);
	compress(&b, ARCHIVE_FILTER_BZIP2, &z);
	compress(&z, ARCHIVE_FILTER_BZIP2, &zz);
	CHECK_FAIL(walk_limits(&zz, OCI_TAR_BZIP2, &oci_tar_default_limits, &e), EB_E_FORMAT,
		   "compressed more than once", e);
}

TEST(tar_read, filters_stop_decompression_bombs)
{
	struct oci_tar_limits lim = oci_tar_default_limits;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);
	EB_AUTOBUF(z, CAP);
	char *to;

	tb_header(&b, "zeros", '0', "", 30 << 20);
	to = eb_buf_reserve(&b, (30 << 20) + 1024);
	memset(to, 0, (30 << 20) + 1024);
	b.len += (30 << 20) + 1024;
	lim.ratio = 200;
	for (size_t i = 0; i < EB_ARRAY_LEN(codecs); i++) {
		compress(&b, codecs[i].code, &z);
		CHECK_FAIL(walk_limits(&z, codecs[i].filter, &lim, &e), EB_E_LIMIT,
			   "more than 200 times", e);
	}
}

static ssize_t broken_read(struct eb_reader *r, void *p, size_t n, struct eb_error **err)
{
	(void)r;
	(void)p;
	(void)n;
	return eb_throw(err, EB_E_DIGEST, "input is not what was promised");
}

static void broken_free(struct eb_reader *r)
{
	(void)r;
}

TEST(tar_read, errors_of_the_input_keep_their_code)
{
	static const struct eb_reader_ops ops = { broken_read, broken_free };
	struct eb_reader in = { &ops };
	struct oci_tar_reader *t = NULL;
	autoerror struct eb_error *e = NULL;

	CHECK_FAIL(oci_tar_open(&in, OCI_TAR_XZ, &oci_tar_default_limits, &t, &e), EB_E_DIGEST,
		   "not what was promised", e);
	CHECK_FAIL(oci_tar_open(&in, OCI_TAR_PLAIN, &oci_tar_default_limits, &t, &e), EB_E_DIGEST,
		   "not what was promised", e);
	CHECK_FAIL(oci_tar_open(&in, OCI_TAR_ANY, &oci_tar_default_limits, &t, &e), EB_E_DIGEST,
		   "not what was promised", e);
	CHECK(t == NULL);
}
