#include "bundle/tar_diff.h"

#include "base/stream.h"
#include "tar_build.h"
#include "testlib.h"

static int compare(struct eb_buf *a, struct eb_buf *b, struct bnd_tar_difference *d,
		   struct eb_error **e)
{
	tb_end(a);
	tb_end(b);
	return bnd_tar_compare(eb_reader_mem(a->data, a->len), eb_reader_mem(b->data, b->len), d,
			       e);
}

/* One member each, after one that is the same. */
static void check(struct oci_tar_entry x, struct oci_tar_entry y, const char *detail)
{
	EB_CLEANUP(bnd_tar_difference_release_p) struct bnd_tar_difference d = { 0 };
	struct eb_error *e = NULL;
	EB_AUTOBUF(a, 1 << 20);
	EB_AUTOBUF(b, 1 << 20);

	tb_file(&a, "first", "same");
	tb_file(&b, "first", "same");
	tb_member(&a, &x, "data");
	tb_member(&b, &y, "data");
	CHECK_INT(compare(&a, &b, &d, &e), detail != NULL);
	CHECK_STR(d.member, detail ? x.path : NULL);
	if (detail)
		CHECK_HAS(d.detail, detail);
}

TEST(tar_diff, compare_names_what_differs)
{
	static const struct oci_xattr xa = { "user.a", "1", 1 };
	const struct oci_tar_entry f = { .path = "f", .type = '0', .mode = 0644, .size = 4 };
	const struct oci_tar_entry l = { .path = "l", .type = '2', .mode = 0777, .link = "a" };
	struct oci_tar_entry y;

	check(f, f, NULL);
	check(l, l, NULL);
	y = f, y.mode = 0600;
	check(f, y, "mode: expected 0644, made 0600");
	y = f, y.uid = 1;
	check(f, y, "owner: expected 0:0, made 1:0");
	y = f, y.mtime_sec = 9;
	check(f, y, "mtime: expected 0, made 9");
	y = f, y.path = "g";
	check(f, y, "is expected where 'g' was made");
	y = f, y.xattrs = &xa, y.n_xattrs = 1;
	check(f, y, "extended attributes");
	y = f, y.size = 3;
	check(f, y, "first differing byte is at offset 3 (expected 4 bytes, made 3)");
	y = l, y.link = "b";
	check(l, y, "link: expected to 'a', made to 'b'");
	y = l, y.type = '1';
	check(l, y, "type: expected '2', made '1'");
}

TEST(tar_diff, compare_finds_offset_in_large_content)
{
	enum { SIZE = 200000, AT = 150001 };
	EB_CLEANUP(bnd_tar_difference_release_p) struct bnd_tar_difference d = { 0 };
	const struct oci_tar_entry f = { .path = "f", .type = '0', .size = SIZE };
	autofree char *data = eb_xcalloc(1, SIZE);
	struct eb_error *e = NULL;
	EB_AUTOBUF(a, 1 << 20);
	EB_AUTOBUF(b, 1 << 20);

	tb_member(&a, &f, data);
	data[AT] = 1;
	tb_member(&b, &f, data);
	CHECK_INT(compare(&a, &b, &d, &e), 1);
	CHECK_HAS(d.detail, "offset 150001");
}

TEST(tar_diff, compare_sees_missing_and_added_members)
{
	for (int side = 0; side < 2; side++) {
		EB_CLEANUP(bnd_tar_difference_release_p) struct bnd_tar_difference d = { 0 };
		struct eb_error *e = NULL;
		EB_AUTOBUF(a, 1 << 20);
		EB_AUTOBUF(b, 1 << 20);

		tb_file(&a, "x", "1");
		tb_file(&b, "x", "1");
		tb_file(side ? &b : &a, "y", "1");
		CHECK_INT(compare(&a, &b, &d, &e), 1);
		CHECK_STR(d.member, "y");
		CHECK_HAS(d.detail, side ? "one more than expected" : "missing");
	}
}

TEST(tar_diff, compare_says_which_side_is_damaged)
{
	struct bnd_tar_difference d = { 0 };
	struct eb_error *e = NULL;
	EB_AUTOBUF(a, 1 << 20);
	EB_AUTOBUF(b, 1 << 20);

	tb_file(&a, "x", "1");
	tb_file(&b, "x", "1");
	b.data[0] = 'y'; /* the checksum is wrong now */
	CHECK_FAIL(compare(&a, &b, &d, &e), EB_E_FORMAT, "made: tar, ", e);
}
