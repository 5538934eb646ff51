#include "pkg/ar.h"

#include "base/stream.h"
#include "mkdeb.h"
#include "testlib.h"

#define AR(a, buf)                                                                                 \
	EB_CLEANUP(pkg_ar_free_p)                                                                  \
	struct pkg_ar *a = pkg_ar_new(eb_reader_mem((buf).data, (buf).len))

TEST(ar, next_gives_members_in_order)
{
	autoerror struct eb_error *e = NULL;
	struct pkg_ar_member m;
	EB_AUTOBUF(b, 4096);
	EB_AUTOBUF(text, 100);

	mkdeb_ar_begin(&b);
	mkdeb_ar_member(&b, "odd", "abc", 3);
	mkdeb_ar_member(&b, "slash/", "defg", 4);
	mkdeb_ar_member(&b, "empty", "", 0);
	AR(a, b);
	CHECK_INT(pkg_ar_next(a, &m, &e), 1);
	CHECK_STR(m.name, "odd");
	CHECK_INT(m.size, 3);
	/* Not read: dropped. */
	CHECK_INT(pkg_ar_next(a, &m, &e), 1);
	CHECK_STR(m.name, "slash");
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *r = pkg_ar_reader(a);
	CHECK_OK(eb_read_all(r, &text, "text", &e), e);
	CHECK_STR(eb_buf_str(&text), "defg");
	CHECK_INT(pkg_ar_next(a, &m, &e), 1);
	CHECK_STR(m.name, "empty");
	CHECK_INT(pkg_ar_next(a, &m, &e), 0);
	CHECK_INT(pkg_ar_next(a, &m, &e), 0);
}

/* What an archive of one good member and then `bytes` gives at its second member. */
static int second_member(const char *bytes, size_t n, struct eb_error **err)
{
	struct pkg_ar_member m;
	EB_AUTOBUF(b, 4096);
	int r;

	mkdeb_ar_begin(&b);
	mkdeb_ar_member(&b, "first", "ab", 2);
	eb_buf_add(&b, bytes, n);
	AR(a, b);
	r = pkg_ar_next(a, &m, err);
	return r <= 0 ? r : pkg_ar_next(a, &m, err);
}

TEST(ar, next_refuses_malformed_headers)
{
	static const struct {
		const char *header, *message;
	} cases[] = {
		/* name            time        uid   gid   mode    size      end */
		{ "x               0           0     0     100644  2         `!ab",
		  "ar member at offset 70: member header does not end" },
		{ "                0           0     0     100644  2         `\nab",
		  "member without a name" },
		{ "a b             0           0     0     100644  2         `\nab",
		  "member name has the byte 0x20" },
		{ "../x            0           0     0     100644  2         `\nab",
		  "member name has the byte 0x2f" },
		{ "//              0           0     0     100644  2         `\nab",
		  "member name has the byte 0x2f" },
		{ "x               0           0     0     100644  -2        `\nab",
		  "size: '-2' is not a number" },
		{ "x               0           0     0     100644            `\nab",
		  "size: expected a number, found nothing" },
		{ "x               0           0     0     100644  0x2       `\nab",
		  "size: '0x2' is not a number" },
		{ "x               0           0     0     100648  2         `\nab",
		  "mode: '100648' is not a number" },
		{ "x               12 3        0     0     100644  2         `\nab",
		  "time: '12 3' is not a number" },
	};
	autoerror struct eb_error *e = NULL;

	for (size_t i = 0; i < EB_ARRAY_LEN(cases); i++)
		CHECK_FAIL(second_member(cases[i].header, strlen(cases[i].header), &e), EB_E_FORMAT,
			   cases[i].message, e);
	CHECK_FAIL(second_member("short", 5, &e), EB_E_FORMAT,
		   "file ends inside the member header at offset 70", e);
}

TEST(ar, next_refuses_what_is_no_ar)
{
	autoerror struct eb_error *e = NULL;
	struct pkg_ar_member m;
	EB_AUTOBUF(b, 100);

	eb_buf_adds(&b, "!<thin>\nxxxxxxxx");
	AR(a, b);
	CHECK_FAIL(pkg_ar_next(a, &m, &e), EB_E_FORMAT, "does not begin with !<arch>", e);
	b.len = 3;
	AR(short_one, b);
	CHECK_FAIL(pkg_ar_next(short_one, &m, &e), EB_E_FORMAT, "not an ar archive", e);
}

TEST(ar, next_refuses_truncated_and_unpadded_members)
{
	autoerror struct eb_error *e = NULL;
	struct pkg_ar_member m;
	EB_AUTOBUF(b, 4096);

	mkdeb_ar_begin(&b);
	mkdeb_ar_member(&b, "odd", "abc", 3);
	b.data[b.len - 1] = 'x';
	AR(wrong_pad, b);
	CHECK_INT(pkg_ar_next(wrong_pad, &m, &e), 1);
	CHECK_FAIL(pkg_ar_next(wrong_pad, &m, &e), EB_E_FORMAT, "padding at offset 71 is byte 0x78",
		   e);
	b.len -= 1;
	AR(no_pad, b);
	CHECK_INT(pkg_ar_next(no_pad, &m, &e), 1);
	CHECK_FAIL(pkg_ar_next(no_pad, &m, &e), EB_E_FORMAT, "padding at offset 71", e);
	b.len -= 1;
	AR(cut, b);
	CHECK_INT(pkg_ar_next(cut, &m, &e), 1);
	CHECK_FAIL(pkg_ar_next(cut, &m, &e), EB_E_FORMAT,
		   "file ends at offset 70, 1 bytes before its member does", e);
}

TEST(ar, next_limits_members)
{
	autoerror struct eb_error *e = NULL;
	struct pkg_ar_member m;
	EB_AUTOBUF(b, 8192);
	int r;

	mkdeb_ar_begin(&b);
	for (int i = 0; i < 40; i++)
		mkdeb_ar_member(&b, "_x", "", 0);
	AR(a, b);
	do
		r = pkg_ar_next(a, &m, &e);
	while (r > 0);
	CHECK_FAIL(r, EB_E_LIMIT, "more than 32 members", e);
}
