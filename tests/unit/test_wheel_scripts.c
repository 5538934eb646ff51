#include "pkg/wheel_scripts.h"

#include "testlib.h"

#define PYTHON "/usr/bin/python3.13"

TEST(wheel_scripts, entry_points_become_scripts)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *a = eb_arena_new();
	struct pkg_scripts s = { 0 };
	autoerror struct eb_error *e = NULL;

	CHECK_OK(pkg_scripts_entry_points(a,
					  "# comment\n[other]\nx = y\n[console_scripts]\n"
					  "demo-run = demo.cli:App.main [extra]\n\n[gui_scripts]\n"
					  "win=demo:go\r\n",
					  PYTHON, &s, &e),
		 e);
	CHECK_INT(s.n, 2);
	CHECK_STR(s.v[0].name, "demo-run");
	CHECK_STR(s.v[0].text, "#!" PYTHON "\nimport sys\n\nfrom demo.cli import App\n\n"
			       "sys.exit(App.main())\n");
	CHECK_STR(s.v[1].name, "win");
	CHECK(s.v[1].member == SIZE_MAX);
	CHECK_OK(pkg_scripts_entry_points(a, NULL, PYTHON, &s, &e), e);
	CHECK_INT(s.n, 2);
}

TEST(wheel_scripts, entry_points_that_are_code_are_refused)
{
	static const char *const bad[] = { "x = a;import os:b", "x = a:b()",   "x = a", "x",
					   "../x = a:b",	"x = a:b\x01", "= a:b", ".x = a:b",
					   "x = a..b:c",	"x = 1a:b" };
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *a = eb_arena_new();
	autoerror struct eb_error *e = NULL;

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++) {
		autofree char *text = eb_xasprintf("[console_scripts]\n%s\n", bad[i]);
		struct pkg_scripts s = { 0 };

		CHECK_FAIL(pkg_scripts_entry_points(a, text, PYTHON, &s, &e), EB_E_FORMAT,
			   "entry_points.txt:2", e);
	}
}

TEST(wheel_scripts, kept_scripts_get_an_interpreter)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *a = eb_arena_new();
	struct pkg_scripts s = { 0 };
	autoerror struct eb_error *e = NULL;

	CHECK_OK(pkg_scripts_rewritten(a, "3 6\none\n2\n17 0\n", PYTHON, &s, &e), e);
	CHECK_INT(s.n, 2);
	CHECK_INT(s.v[0].member, 3);
	CHECK_STR(s.v[0].text, "#!" PYTHON "\none\n2\n");
	CHECK_INT(s.v[1].member, 17);
	CHECK_FAIL(pkg_scripts_rewritten(a, "3 60\none\n", PYTHON, &s, &e), EB_E_FORMAT, "damaged",
		   e);
}
