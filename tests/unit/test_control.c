#include "pkg/control.h"

#include "mkdeb.h"
#include "testlib.h"

static int check(const char *text, struct eb_error **err)
{
	return pkg_control_check(eb_span_str(text), err);
}

TEST(control, field_ignores_case_and_keeps_lines)
{
	struct eb_span text = EB_SPAN(MKDEB_CONTROL "Empty:\nDepends: a,\n b\nLast: x\n"), v;

	v = pkg_control_field(text, "version");
	CHECK(eb_span_eq(v, "1.2-3"));
	v = pkg_control_field(text, "Depends");
	CHECK(eb_span_eq(v, "a,\n b"));
	v = pkg_control_field(text, "Empty");
	CHECK(v.ptr && v.len == 0);
	v = pkg_control_field(text, "Last");
	CHECK(eb_span_eq(v, "x"));
	CHECK(!pkg_control_field(text, "Vers").ptr);
}

TEST(control, check_accepts_a_good_stanza)
{
	autoerror struct eb_error *e = NULL;

	CHECK_OK(check(MKDEB_CONTROL, &e), e);
	CHECK_OK(check("\n" MKDEB_CONTROL "\n \n", &e), e);
	CHECK_OK(check("Package: g++\nVersion: 4:1.0~rc1+b2-1.1\nArchitecture: all", &e), e);
}

TEST(control, check_refuses_bad_stanzas)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "", "control: no field Package" },
		{ "Package: demo\nArchitecture: all\n", "control: no field Version" },
		{ "Package: ../../etc\nVersion: 1\nArchitecture: all\n",
		  "control: Package is '../../etc', which is no valid one" },
		{ "Package: Demo\nVersion: 1\nArchitecture: all\n", "Package is 'Demo'" },
		{ "Package: demo\nVersion: 1/2\nArchitecture: all\n", "Version is '1/2'" },
		{ "Package: demo\nVersion: 1\nArchitecture: a b\n", "Architecture is 'a b'" },
		{ "Package: demo\nVersion: 1\nPACKAGE: other\nArchitecture: all\n",
		  "control, line 3: field 'PACKAGE' is there twice" },
		{ "Package: demo\nVersion: 1\n\nArchitecture: all\n",
		  "control, line 4: a second stanza" },
		{ " x\nPackage: demo\n", "control, line 1: continuation line before any field" },
		{ "Package: demo\nno colon here\n",
		  "control, line 2: expected 'Field: value', found 'no colon here'" },
		{ "#Package: demo\n", "expected 'Field: value'" },
		{ ": demo\n", "expected 'Field: value'" },
	};
	autoerror struct eb_error *e = NULL;
	struct eb_span nul = EB_SPAN("Package: de\0mo\n");

	for (size_t i = 0; i < EB_ARRAY_LEN(cases); i++)
		CHECK_FAIL(check(cases[i].text, &e), EB_E_FORMAT, cases[i].message, e);
	CHECK_FAIL(pkg_control_check(nul, &e), EB_E_FORMAT, "NUL byte", e);
}

TEST(control, check_limits_fields)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 16384);

	for (int i = 0; i < 300; i++)
		eb_buf_addf(&b, "F%d: x\n", i);
	CHECK_FAIL(check(eb_buf_str(&b), &e), EB_E_LIMIT, "more than 256 fields", e);
}

TEST(control, replaces_honours_versions)
{
	struct eb_span v = EB_SPAN("other, demo (<< 2.0-1~), any:amd64 (>= 1),\n last (= 3)");

	CHECK(pkg_control_replaces(v, "other", "9"));
	CHECK(pkg_control_replaces(v, "demo", "1.9"));
	CHECK(!pkg_control_replaces(v, "demo", "2.0-1"));
	CHECK(!pkg_control_replaces(v, "demo", "1:0.1"));
	CHECK(pkg_control_replaces(v, "any", "1"));
	CHECK(!pkg_control_replaces(v, "any", "1~rc1"));
	CHECK(pkg_control_replaces(v, "last", "3"));
	CHECK(!pkg_control_replaces(v, "last", "3-1"));
	CHECK(!pkg_control_replaces(v, "dem", "1"));
	CHECK(!pkg_control_replaces(EB_SPAN(""), "demo", "1"));
	CHECK(!pkg_control_replaces(EB_SPAN("demo (~ 1)"), "demo", "1"));
	CHECK(!pkg_control_replaces(EB_SPAN("demo (<< 2"), "demo", "1"));
}
