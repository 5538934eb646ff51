#include "pkg/wheel_file.h"

#include "testlib.h"

TEST(wheel_file, name_has_one_normal_form)
{
	autofree char *a = pkg_wheel_name("Zope.Interface__Extra-.x");

	CHECK_STR(a, "zope-interface-extra-x");
	CHECK(pkg_wheel_same_name("PyYAML", "pyyaml"));
	CHECK(pkg_wheel_same_name("typing_extensions", "Typing-Extensions"));
	CHECK(!pkg_wheel_same_name("six", "sixx"));
}

TEST(wheel_file, parse_splits_the_parts)
{
	EB_CLEANUP(pkg_wheel_file_release_p) struct pkg_wheel_file f = { 0 };
	EB_CLEANUP(pkg_wheel_file_release_p) struct pkg_wheel_file g = { 0 };
	autoerror struct eb_error *e = NULL;

	CHECK_OK(pkg_wheel_file_parse("A_b-1.0+x-cp310-abi3-manylinux_2_28_x86_64.whl", &f, &e), e);
	CHECK_STR(f.name, "a-b");
	CHECK_STR(f.version, "1.0+x");
	CHECK_STR(f.python, "cp310");
	CHECK_STR(f.abi, "abi3");
	CHECK_STR(f.platform, "manylinux_2_28_x86_64");
	CHECK_OK(pkg_wheel_file_parse("a-1-7-py2.py3-none-any.whl", &g, &e), e);
	CHECK_STR(g.python, "py2.py3");
	CHECK_STR(g.platform, "any");
}

TEST(wheel_file, parse_refuses_other_names)
{
	static const char *const bad[] = { "a-1-py3-none.whl",	       "a-1-py3-none-any.zip",
					   "a--py3-none-any.whl",      "../a-1-py3-none-any.whl",
					   "a-1-2-3-py3-none-any.whl", "a b-1-py3-none-any.whl",
					   ".a-1-py3-none-any.whl",    "" };
	autoerror struct eb_error *e = NULL;

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++) {
		struct pkg_wheel_file f = { 0 };

		CHECK_FAIL(pkg_wheel_file_parse(bad[i], &f, &e), EB_E_FORMAT, "NAME-VERSION", e);
	}
}
