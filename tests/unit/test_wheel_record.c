#include "pkg/wheel_record.h"

#include "testlib.h"

static int parse(struct eb_arena *a, const char *text, struct pkg_record *r, struct eb_error **err)
{
	return pkg_record_parse(a, text, strlen(text), r, err);
}

TEST(wheel_record, parse_reads_rows_sorted)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *a = eb_arena_new();
	struct pkg_record r = { 0 };
	autoerror struct eb_error *e = NULL;

	CHECK_OK(parse(a, "b,sha256=x,3\r\n\"a,\"\"q\"\"\",sha512=y,\n\nc,,\n", &r, &e), e);
	CHECK_INT(r.n, 3);
	CHECK_STR(r.rows[0].path, "a,\"q\"");
	CHECK(r.rows[0].size == UINT64_MAX);
	CHECK_STR(r.rows[1].hash, "sha256=x");
	CHECK_INT(r.rows[1].size, 3);
	CHECK_STR(pkg_record_find(&r, "c")->hash, "");
	CHECK(!pkg_record_find(&r, "d"));
}

TEST(wheel_record, parse_refuses_what_is_no_list)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *a = eb_arena_new();
	struct pkg_record r = { 0 };
	autoerror struct eb_error *e = NULL;

	CHECK_FAIL(parse(a, "a,b,1\nc,d\n", &r, &e), EB_E_FORMAT, "line 2: expected path", e);
	CHECK_FAIL(parse(a, "a,b,c,d\n", &r, &e), EB_E_FORMAT, "line 1: expected path", e);
	CHECK_FAIL(parse(a, "a,b,-1\n", &r, &e), EB_E_FORMAT, "the size is no number", e);
	CHECK_FAIL(parse(a, "\"a,b,1\n", &r, &e), EB_E_FORMAT, "does not end", e);
	CHECK_FAIL(parse(a, "\"a", &r, &e), EB_E_FORMAT, "does not end", e);
	CHECK_FAIL(parse(a, "a\"b,,\n", &r, &e), EB_E_FORMAT, "a quote", e);
	CHECK_FAIL(parse(a, "a,,\nb,,\na,,\n", &r, &e), EB_E_FORMAT, "'a' is listed twice", e);
}

TEST(wheel_record, hash_is_that_of_the_specification)
{
	char hash[PKG_RECORD_HASH], hex[EB_SHA256_HEX + 1];
	enum eb_hash_alg alg;
	autoerror struct eb_error *e = NULL;

	pkg_record_hash("", 0, hash);
	CHECK_STR(hash, "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
	eb_sha256_hex("", 0, hex);
	CHECK(pkg_record_matches(hash, hex));
	hex[0] = '0';
	CHECK(!pkg_record_matches(hash, hex));
	CHECK_OK(pkg_record_alg(hash, &alg, &e), e);
	CHECK_INT(alg, EB_SHA256);
	CHECK_FAIL(pkg_record_alg("md5=x", &alg, &e), EB_E_UNSUPPORTED, "'md5=x'", e);
	CHECK_FAIL(pkg_record_alg("", &alg, &e), EB_E_UNSUPPORTED, "expected sha256", e);
}

TEST(wheel_record, add_quotes_what_needs_it)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *a = eb_arena_new();
	struct pkg_record r = { 0 };
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 1000);

	pkg_record_add(&b, "x,\"y\"", "sha256=z", 7);
	pkg_record_add(&b, "plain", "", UINT64_MAX);
	CHECK_STR(eb_buf_str(&b), "\"x,\"\"y\"\"\",sha256=z,7\nplain,,\n");
	CHECK_OK(parse(a, eb_buf_str(&b), &r, &e), e);
	CHECK_STR(r.rows[1].path, "x,\"y\"");
	eb_buf_clear(&b);
	pkg_record_add(&b, "a\rb", "", 1);
	CHECK_STR(eb_buf_str(&b), "\"a\rb\",,1\n");
	CHECK_OK(parse(a, eb_buf_str(&b), &r, &e), e);
	CHECK_STR(r.rows[0].path, "a\rb");
}
