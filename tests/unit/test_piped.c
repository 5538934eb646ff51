#include "pkg/piped.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/span.h"
#include "base/stream.h"
#include "pkg/program.h"
#include "testlib.h"

static const char *const env[] = { "PATH=/usr/bin:/bin", NULL };

#define SHELL(name, script)                                                                        \
	const char *const name##_argv[] = { "/bin/sh", "-c", script, NULL };                       \
	const struct pkg_program name = { .argv = name##_argv, .env = env }

TEST(piped, program_reads_what_is_written)
{
	EB_CLEANUP(pkg_piped_free_p) struct pkg_piped *p = NULL;
	autofree char *script = eb_xasprintf("cat >'%s'", test_path("got"));
	const char *const argv[] = { "sh", "-c", script, NULL };
	const struct pkg_program sh = { .argv = argv, .env = env };
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(got, 100);

	CHECK_OK(pkg_piped_start(&sh, PKG_PIPE_IN, &p, &e), e);
	CHECK_INT(write(pkg_piped_fd(p), "some text", 9), 9);
	CHECK_OK(pkg_piped_finish(p, &e), e);
	CHECK_OK(eb_file_read(test_path("got"), &got, &e), e);
	CHECK_STR(eb_buf_str(&got), "some text");
}

TEST(piped, failure_shows_the_last_words)
{
	EB_CLEANUP(pkg_piped_free_p) struct pkg_piped *p = NULL;
	EB_CLEANUP(pkg_piped_free_p) struct pkg_piped *killed = NULL;
	autoerror struct eb_error *e = NULL;
	SHELL(sh, "echo first >&2; echo 'it is \033full' >&2; echo >&2; exit 3");
	SHELL(dies, "kill -9 $$");

	CHECK_OK(pkg_piped_start(&sh, PKG_PIPE_IN, &p, &e), e);
	CHECK_FAIL(pkg_piped_finish(p, &e), EB_E_PROGRAM, "sh failed (3): it is ?full", e);
	CHECK_OK(pkg_piped_start(&dies, PKG_PIPE_IN, &killed, &e), e);
	CHECK_FAIL(pkg_piped_finish(killed, &e), EB_E_PROGRAM, "signal 9: no message", e);
}

TEST(piped, missing_program_is_named_with_a_hint)
{
	const char *const argv[] = { "no-such-program", NULL };
	const struct pkg_program none = { .argv = argv, .env = env, .install = "install it" };
	EB_CLEANUP(pkg_piped_free_p) struct pkg_piped *p = NULL;
	autoerror struct eb_error *e = NULL;

	CHECK_INT(pkg_piped_start(&none, PKG_PIPE_IN, &p, &e), -EB_E_NOT_FOUND);
	CHECK_HAS(e->message, "no-such-program is not installed");
	CHECK_STR(e->hint, "install it");
	CHECK(!p);
}

TEST(piped, reader_ends_only_when_the_program_was_content)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *good = NULL;
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *bad = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 100);
	EB_AUTOBUF(half, 100);
	SHELL(content, "echo all of it");
	SHELL(fails, "echo half; echo sorry >&2; exit 1");

	CHECK_OK(pkg_piped_reader(&content, &good, &e), e);
	CHECK_OK(eb_read_all(good, &b, "output", &e), e);
	CHECK_STR(eb_buf_str(&b), "all of it\n");
	CHECK_OK(pkg_piped_reader(&fails, &bad, &e), e);
	CHECK_FAIL(eb_read_all(bad, &half, "output", &e), EB_E_PROGRAM, "sh failed (1): sorry", e);
}

TEST(piped, reader_freed_early_kills_the_program)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	autoerror struct eb_error *e = NULL;
	char line[16] = "";
	uint64_t pid;
	SHELL(stays, "echo $$; exec sleep 100");

	CHECK_OK(pkg_piped_reader(&stays, &in, &e), e);
	CHECK(eb_read(in, line, sizeof(line) - 1, &e) > 0);
	CHECK_OK(eb_parse_u64(eb_span_trim(eb_span_str(line)), INT32_MAX, &pid, &e), e);
	CHECK_INT(kill((pid_t)pid, 0), 0);
	in = eb_reader_free(in);
	CHECK(kill((pid_t)pid, 0) < 0 && errno == ESRCH);
}
