#include <solv/evr.h>

#include "pkg/depends.h"
#include "testlib.h"

static Pool *new_pool(void)
{
	Pool *pool = pool_create();

	pool_setdisttype(pool, DISTTYPE_DEB);
	return pool;
}

/* The groups as they are printed again, one after the other in [brackets]. */
static int roundtrip(const char *text, enum pkg_dep_kind kind, struct eb_buf *out,
		     struct eb_error **err)
{
	Pool *pool = new_pool();
	Queue q;
	int r;

	queue_init(&q);
	r = pkg_dep_parse(pool, "amd64", text, kind, &q, err);
	for (int i = 0; r == 0 && i < q.count; i++) {
		eb_buf_addc(out, '[');
		pkg_dep_text(pool, q.elements[i], out);
		eb_buf_addc(out, ']');
	}
	queue_free(&q);
	pool_free(pool);
	return r;
}

TEST(depends, parse_and_print)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ NULL, "" },
		{ " , ,", "" },
		{ "a", "[a]" },
		{ "a,b | c:any (>= 1) |d(=2:3-0)", "[a][b | c:any (>= 1) | d (= 2:3)]" },
		{ "a (<< 1), a (<= 1-2), a (>> 1~), a (< 1), a (> 1)",
		  "[a (<< 1)][a (<= 1-2)][a (>> 1~)][a (<= 1)][a (>= 1)]" },
		{ "x:native, y:amd64 (= 1), z:i386", "[x][y (= 1)][z:i386]" },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(rows); i++) {
		autoerror struct eb_error *e = NULL;
		EB_AUTOBUF(out, 4096);

		CHECK_OK(roundtrip(rows[i].text, PKG_DEP_NEEDS, &out, &e), e);
		CHECK_STR(eb_buf_str(&out), rows[i].want);
	}
}

TEST(depends, parse_limits)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(text, 1 << 20);
	EB_AUTOBUF(out, 1 << 20);

	for (unsigned int i = 0; i <= PKG_DEP_MAX_ALTERNATIVES; i++)
		eb_buf_addf(&text, "%sa%u", i ? "|" : "", i);
	CHECK_FAIL(roundtrip(eb_buf_str(&text), PKG_DEP_NEEDS, &out, &e), EB_E_LIMIT,
		   "more than 200 alternatives", e);
	eb_buf_clear(&text);
	for (unsigned int i = 0; i <= PKG_DEP_MAX_GROUPS; i++)
		eb_buf_addf(&text, "a%u,", i);
	CHECK_FAIL(roundtrip(eb_buf_str(&text), PKG_DEP_NEEDS, &out, &e), EB_E_LIMIT,
		   "more than 20000 dependencies", e);
	CHECK_FAIL(roundtrip("\xff", PKG_DEP_NEEDS, &out, &e), EB_E_FORMAT,
		   "dependency '?': expected a package name", e);
	CHECK_FAIL(roundtrip("a:", PKG_DEP_NEEDS, &out, &e), EB_E_FORMAT,
		   "expected an architecture after ':'", e);
}

/* Each version is older than the next; pairs with "=" are equal (deb-version(7), policy 5.6.12). */
TEST(depends, versions_are_ordered_as_policy_says)
{
	static const char *const rows[] = {
		"0~",	 "0",	   "1~~",   "1~~a",	"1~",	   "1",	      "=1-0",
		"=0:1",	 "1-0.1",  "1-1~",  "1-1",	"1-1+b1",  "1-1+b10", "1-1+deb13u1",
		"1-1.1", "1-10",   "1a",    "1+b",	"1.0",	   "=1.0-0",  "1.0.1",
		"1.2-1", "1.10-1", "9.9-9", "1:0.1~a1", "1:0.1-1", "2:0",
	};
	Pool *pool = new_pool();

	for (size_t i = 1; i < EB_ARRAY_LEN(rows); i++) {
		const char *a = rows[i - 1] + (rows[i - 1][0] == '=');
		const char *b = rows[i] + (rows[i][0] == '=');
		int want = rows[i][0] == '=' ? 0 : -1;
		int c = pool_evrcmp(pool, pkg_dep_version(pool, a, strlen(a)),
				    pkg_dep_version(pool, b, strlen(b)), EVRCMP_COMPARE);

		if ((c > 0) - (c < 0) != want)
			test_fail(__FILE__, __LINE__, "%s against %s gives %d", a, b, c);
		test_pass();
	}
	pool_free(pool);
}
