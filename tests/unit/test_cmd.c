#include "cli/cmd.h"

#include <fcntl.h>

#include "cli/help.h"
#include "testlib.h"

/* Runs the program in this process with stdout and stderr in files; *out, *errors get their text.
 */
static int run_program(const char *const *words, const char **out, const char **errors)
{
	static char texts[2][1 << 20];
	int fds[2], saved[2], argc = 0, status;
	char *argv[16];

	argv[argc++] = (char *)(uintptr_t) "ess-bundle";
	for (; *words; words++)
		argv[argc++] = (char *)(uintptr_t)*words;
	argv[argc] = NULL;
	fflush(stdout);
	for (int i = 0; i < 2; i++) {
		saved[i] = dup(i + 1);
		fds[i] = open(test_path("std%d", i), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		dup2(fds[i], i + 1);
	}
	status = cmd_main(argc, argv);
	for (int i = 0; i < 2; i++) {
		ssize_t n = pread(fds[i], texts[i], sizeof(texts[i]) - 1, 0);

		texts[i][n > 0 ? n : 0] = '\0';
		dup2(saved[i], i + 1);
		close(saved[i]);
		close(fds[i]);
	}
	*out = texts[0];
	*errors = texts[1];
	return status;
}
#define RUN(out, errors, ...) run_program((const char *const[]){ __VA_ARGS__, NULL }, out, errors)

TEST(cmd, table_is_sorted_and_complete)
{
	const char *last = "";

	for (const struct cmd *const *c = cmd_table(); *c; c++) {
		CHECK(strcmp(last, (*c)->name) < 0);
		CHECK(strlen((*c)->summary) <= 60);
		CHECK((*c)->run != NULL);
		CHECK((*c)->synopsis != NULL);
		CHECK((*c)->min_args <= (*c)->max_args);
		for (const struct opt *o = (*c)->options; o && o->name; o++) {
			CHECK(o->help != NULL);
			CHECK(opt_takes_value(o) == (o->arg != NULL));
			CHECK((o->kind == OPT_ENUM) == (o->choices != NULL));
			CHECK(o->offset < (*c)->args_size);
			CHECK(!o->required || o->kind == OPT_STRING || o->kind == OPT_LIST ||
			      o->kind == OPT_WORDS);
		}
		last = (*c)->name;
	}
}

TEST(cmd, no_option_name_is_taken_twice)
{
	for (const struct cmd *const *c = cmd_table(); *c; c++) {
		const struct opt *tables[] = { (*c)->options, cmd_uses_options((*c)->uses),
					       cmd_common_options };
		const struct opt *seen[64];
		size_t n = 0;

		for (size_t i = 0; i < 3; i++) {
			for (const struct opt *o = tables[i]; o && o->name; o++) {
				for (size_t k = 0; k < n; k++)
					CHECK(strcmp(seen[k]->name, o->name) != 0 &&
					      (!o->letter || seen[k]->letter != o->letter));
				CHECK(n < EB_ARRAY_LEN(seen));
				seen[n++] = o;
			}
		}
	}
}

TEST(cmd, main_without_command_is_usage)
{
	const char *out, *errors;

	CHECK_INT(run_program((const char *const[]){ NULL }, &out, &errors), 2);
	CHECK_STR(out, "");
	CHECK_STR(errors, "ess-bundle: no command given\n  hint: see 'ess-bundle --help'\n");
}

TEST(cmd, main_unknown_command_names_nearest)
{
	const char *out, *errors;

	CHECK_INT(RUN(&out, &errors, "versoin"), 2);
	CHECK_HAS(errors, "unknown command 'versoin' (did you mean 'version'?)");
	CHECK_INT(RUN(&out, &errors, "--jobs", "version"), 2);
	CHECK_HAS(errors, "unknown option '--jobs' before the command");
}

TEST(cmd, main_usage_error_is_short_and_points_to_help)
{
	const char *out, *errors;

	CHECK_INT(RUN(&out, &errors, "version", "--jsno"), 2);
	CHECK_STR(out, "");
	CHECK_STR(errors, "ess-bundle: unknown option '--jsno' (did you mean '--json'?)\n"
			  "  hint: see 'ess-bundle version --help'\n");
	CHECK_INT(RUN(&out, &errors, "version", "extra"), 2);
	CHECK_HAS(errors, "unexpected argument 'extra'");
	CHECK_INT(RUN(&out, &errors, "completion"), 2);
	CHECK_HAS(errors, "missing argument");
}

TEST(cmd, main_usage_error_as_json)
{
	const char *out, *errors;

	CHECK_INT(RUN(&out, &errors, "version", "--json", "--progress", "x"), 2);
	CHECK_HAS(errors, "{\"error\":{\"code\":\"USAGE\",\"message\":\"option '--progress'");
	CHECK_HAS(errors, "\"hint\":\"see 'ess-bundle version --help'\"}}\n");
	/* After "--" it is an argument, and the command did not ask for JSON. */
	CHECK_INT(RUN(&out, &errors, "version", "--", "--json"), 2);
	CHECK_HAS(errors, "ess-bundle: unexpected argument '--json'");
}

TEST(cmd, main_help_wins_over_missing_arguments)
{
	const char *out, *errors;

	CHECK_INT(RUN(&out, &errors, "completion", "--help"), 0);
	CHECK_HAS(out, "Usage: ess-bundle completion");
	CHECK_STR(errors, "");
}

TEST(cmd, main_version_and_help_go_to_stdout)
{
	const char *out, *errors;

	CHECK_INT(RUN(&out, &errors, "--version"), 0);
	CHECK_STR(out, "ess-bundle " EB_VERSION "\n");
	CHECK_INT(RUN(&out, &errors, "version"), 0);
	CHECK_STR(out, "ess-bundle " EB_VERSION "\n");
	CHECK_INT(RUN(&out, &errors, "help", "version"), 0);
	CHECK_HAS(out, "Usage: ess-bundle version");
	CHECK_INT(RUN(&out, &errors, "-h"), 0);
	CHECK_HAS(out, "Usage: ess-bundle COMMAND");
	CHECK_STR(errors, "");
}

TEST(cmd, main_closed_or_full_stdout_is_a_failure)
{
	int saved = dup(1), full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	char *argv[] = { (char *)(uintptr_t) "ess-bundle", (char *)(uintptr_t) "version", NULL };
	int saved_err = dup(2), null = open("/dev/null", O_WRONLY | O_CLOEXEC), status;

	fflush(stdout);
	dup2(full, 1);
	dup2(null, 2);
	status = cmd_main(2, argv);
	dup2(saved, 1);
	dup2(saved_err, 2);
	close(saved);
	close(saved_err);
	close(full);
	close(null);
	CHECK_INT(status, 7);
}

TEST(cmd, help_wrap_breaks_between_words)
{
	EB_AUTOBUF(b, 4096);
	char text[300];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 10 == 9 ? ' ' : 'x';
	help_wrap(&b, text, sizeof(text), 4, 0);
	for (const char *at = eb_buf_str(&b); *at; at = strchr(at, '\n') + 1) {
		CHECK(strcspn(at, "\n") <= HELP_COLUMNS);
		CHECK(strncmp(at, "    x", 5) == 0);
	}
}

TEST(env, cache_dir_follows_the_variables)
{
	autoerror struct eb_error *e = NULL;
	struct cmd_env env = { 0 };
	const char *dir;
	autofree char *home = eb_xstrdup(getenv("HOME") ? getenv("HOME") : "/");

	setenv("ESS_BUNDLE_CACHE", "/a", 1);
	setenv("XDG_CACHE_HOME", "/b", 1);
	setenv("HOME", "/c", 1);
	CHECK_OK(env_cache_dir(&env, &dir, &e), e);
	CHECK_STR(dir, "/a");
	free(env.cache_dir);
	env.cache_dir = NULL;
	unsetenv("ESS_BUNDLE_CACHE");
	CHECK_OK(env_cache_dir(&env, &dir, &e), e);
	CHECK_STR(dir, "/b/ess-bundle");
	free(env.cache_dir);
	env.cache_dir = NULL;
	setenv("XDG_CACHE_HOME", "relative", 1);
	CHECK_OK(env_cache_dir(&env, &dir, &e), e);
	CHECK_STR(dir, "/c/.cache/ess-bundle");
	free(env.cache_dir);
	env.cache_dir = NULL;
	unsetenv("XDG_CACHE_HOME");
	unsetenv("HOME");
	CHECK_FAIL(env_cache_dir(&env, &dir, &e), EB_E_USAGE, "HOME is not set", e);
	setenv("HOME", home, 1);
}

TEST(env, source_date_epoch_is_checked)
{
	autoerror struct eb_error *e = NULL;
	int64_t sec = 5;

	unsetenv("SOURCE_DATE_EPOCH");
	CHECK_OK(env_source_date_epoch(&sec, &e), e);
	CHECK_INT(sec, -1);
	setenv("SOURCE_DATE_EPOCH", "1763773844", 1);
	CHECK_OK(env_source_date_epoch(&sec, &e), e);
	CHECK_INT(sec, 1763773844);
	setenv("SOURCE_DATE_EPOCH", "yesterday", 1);
	CHECK_FAIL(env_source_date_epoch(&sec, &e), EB_E_USAGE, "SOURCE_DATE_EPOCH: 'yesterday'",
		   e);
	unsetenv("SOURCE_DATE_EPOCH");
}

TEST(env, password_from_the_environment_may_be_empty)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(env_password_free) char *p = NULL;

	setenv("COSIGN_PASSWORD", "", 1);
	CHECK_OK(env_password("the key", true, &p, &e), e);
	CHECK_STR(p, "");
	unsetenv("COSIGN_PASSWORD");
}
