#include "pkg/program.h"

#include <errno.h>
#include <sys/stat.h>

#include "testlib.h"

enum { CAP = 4096 };

static const char *const no_env[] = { NULL };

TEST(program, streams_and_status_come_back)
{
	static const char script[] = "cat; echo said >&2; echo more >&3; exit 7";
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(out, CAP);
	EB_AUTOBUF(messages, CAP);
	EB_AUTOBUF(status, CAP);
	const struct pkg_program p = { .argv = argv,
				       .env = no_env,
				       .in = "text",
				       .n_in = 4,
				       .out = &out,
				       .messages = &messages,
				       .status = &status };

	CHECK_INT(pkg_program_run(&p, &e), 7);
	CHECK_STR(eb_buf_str(&out), "text");
	CHECK_STR(eb_buf_str(&messages), "said\n");
	CHECK_STR(eb_buf_str(&status), "more\n");
}

TEST(program, nothing_of_this_process_is_inherited)
{
	const char *const argv[] = { "/bin/sh", "-c", "/usr/bin/env; pwd; cat; ls /proc/self/fd",
				     NULL };
	const char *const env[] = { "ONLY=this", NULL };
	autofree char *dir = eb_xstrdup(test_path("dir"));
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(out, CAP);
	const struct pkg_program p = { .argv = argv, .env = env, .dir = dir, .out = &out };

	CHECK_INT(mkdir(dir, 0755), 0);
	CHECK_INT(pkg_program_run(&p, &e), 0);
	CHECK_HAS(eb_buf_str(&out), "ONLY=this\n");
	CHECK_HAS(eb_buf_str(&out), dir);
	CHECK(!strstr(eb_buf_str(&out), "HOME="));
	/* 3 is the directory that ls itself reads. */
	CHECK_HAS(eb_buf_str(&out), "\n0\n1\n2\n3\n");
	CHECK(!strstr(eb_buf_str(&out), "\n4\n"));
}

TEST(program, missing_one_is_named_with_what_to_install)
{
	const char *const argv[] = { "no-such-program-here", NULL };
	autoerror struct eb_error *e = NULL;
	const struct pkg_program p = { .argv = argv, .env = no_env, .install = "install it" };

	CHECK_INT(pkg_program_run(&p, &e), -EB_E_NOT_FOUND);
	CHECK_STR(e->message, "the program no-such-program-here is not installed");
	CHECK_STR(e->hint, "install it");
}

TEST(program, missing_directory_is_no_missing_program)
{
	const char *const argv[] = { "/bin/true", NULL };
	autoerror struct eb_error *e = NULL;
	const struct pkg_program p = { .argv = argv, .env = no_env, .dir = test_path("none") };

	CHECK_FAIL(pkg_program_run(&p, &e), ENOENT, "start true", e);
}

TEST(program, death_by_signal_is_told)
{
	const char *const argv[] = { "/bin/sh", "-c", "kill -9 $$", NULL };
	autoerror struct eb_error *e = NULL;
	const struct pkg_program p = { .argv = argv, .env = no_env };

	CHECK_FAIL(pkg_program_run(&p, &e), EB_E_PROGRAM, "sh ended by signal 9", e);
}

TEST(program, too_much_output_is_refused)
{
	const char *const argv[] = { "/bin/sh", "-c", "printf %09000d 1", NULL };
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(out, CAP);
	const struct pkg_program p = { .argv = argv, .env = no_env, .out = &out };

	CHECK_FAIL(pkg_program_run(&p, &e), EB_E_LIMIT, "sh: standard output", e);
}
