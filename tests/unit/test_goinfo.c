#include "pkg/gobuild_private.h"
#include "testlib.h"

static const char h1[] = "h1:HWfxfKvi5k1czMVqLV/htGmPgEBhrqHMxpfyMvfhyVo=";

static int parse(const char *text, struct pkg_go_result *r, struct eb_error **err)
{
	return go_info_parse(text, strlen(text), "example.org/m", "v1.0.0", "go1.26.8", r, err);
}

TEST(goinfo, modules_are_listed_with_what_replaces_them)
{
	EB_CLEANUP(pkg_go_result_release_p) struct pkg_go_result r = { 0 };
	autoerror struct eb_error *e = NULL;
	autofree char *text = eb_xasprintf("/a: b: go1.26.8\n"
					   "\tpath\texample.org/m/cmd/x\n"
					   "\tmod\texample.org/m\t(devel)\t\n"
					   "\tdep\texample.org/z\tv1.2.3\t%s\n"
					   "\tdep\texample.org/old\tv1.0.0\n"
					   "\t=>\texample.org/new\tv1.1.0\t%s\n"
					   "\tdep\texample.org/a\tv0.0.1\t%s\n"
					   "\tbuild\tGOARCH=amd64\n",
					   h1, h1, h1);

	CHECK_OK(parse(text, &r, &e), e);
	CHECK_INT(r.n_modules, 4);
	CHECK_STR(r.modules[0].module, "example.org/m");
	CHECK_STR(r.modules[0].version, "v1.0.0");
	CHECK_STR(r.modules[1].module, "example.org/a");
	CHECK_STR(r.modules[2].module, "example.org/new");
	CHECK_STR(r.modules[2].version, "v1.1.0");
	CHECK_STR(r.modules[2].h1, h1);
	CHECK_STR(r.modules[3].module, "example.org/z");
}

TEST(goinfo, another_toolchain_is_refused)
{
	EB_CLEANUP(pkg_go_result_release_p) struct pkg_go_result r = { 0 };
	autoerror struct eb_error *e = NULL;

	CHECK_FAIL(parse("/a: go1.26.9\n", &r, &e), EB_E_PROGRAM,
		   "expected a program made by go1.26.8, found 'go1.26.9'", e);
	CHECK_FAIL(parse("", &r, &e), EB_E_PROGRAM, "found ''", e);
	CHECK_FAIL(parse("nothing here", &r, &e), EB_E_PROGRAM, "found ''", e);
}

TEST(goinfo, directory_in_place_of_a_module_is_refused)
{
	EB_CLEANUP(pkg_go_result_release_p) struct pkg_go_result r = { 0 };
	autoerror struct eb_error *e = NULL;

	CHECK_FAIL(
		parse("/a: go1.26.8\n\tdep\texample.org/z\tv1.2.3\n\t=>\t./z\t(devel)\t\n", &r, &e),
		EB_E_UNSUPPORTED, "./z (devel) has no sum", e);
}

TEST(goinfo, malformed_lines_are_refused)
{
	static const char *const bad[] = { "\tdep\n", "\tdep\tx\n", "\tdep\t\tv1\n",
					   "\t=>\tx\tv1\th1:\n" };

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++) {
		EB_CLEANUP(pkg_go_result_release_p) struct pkg_go_result r = { 0 };
		autofree char *text = eb_xasprintf("/a: go1.26.8\n%s", bad[i]);
		autoerror struct eb_error *e = NULL;

		CHECK_FAIL(parse(text, &r, &e), EB_E_FORMAT, "module list of a program", e);
	}
}

TEST(goinfo, sum_depends_on_the_lines_not_their_order)
{
	const struct pkg_go_module a[] = { { "a", "v1", "h1:x" }, { "b", "v1", "h1:y" } };
	const struct pkg_go_module b[] = { { "b", "v1", "h1:y" }, { "a", "v1", "h1:x" } };
	const struct pkg_go_module c[] = { { "b", "v2", "h1:y" }, { "a", "v1", "h1:x" } };
	char x[65], y[65], z[65];

	pkg_go_gosum(a, 2, x);
	pkg_go_gosum(b, 2, y);
	pkg_go_gosum(c, 2, z);
	CHECK_STR(x, y);
	CHECK(strcmp(x, z) != 0);
}
