#include "cli/cmd.h"

#include <errno.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "cli/help.h"
#include "cli/ui.h"

extern const struct cmd cmd_build, cmd_cache_gc, cmd_cache_list, cmd_cache_verify, cmd_cli_json,
	cmd_completion, cmd_copy, cmd_delete, cmd_diff, cmd_help, cmd_image_build, cmd_inspect,
	cmd_keygen, cmd_lock, cmd_login, cmd_logout, cmd_mirror, cmd_mirror_config, cmd_pull,
	cmd_push, cmd_rebuild, cmd_render, cmd_serve, cmd_sign, cmd_tags, cmd_unpack,
	cmd_values_check, cmd_values_defaults, cmd_values_explain, cmd_verify, cmd_version;

/* Sorted by name; NULL at the end. */
static const struct cmd *const known[] = {
	&cmd_cli_json,	     &cmd_build,	 &cmd_cache_gc,	    &cmd_cache_list,
	&cmd_cache_verify,   &cmd_completion,	 &cmd_copy,	    &cmd_delete,
	&cmd_diff,	     &cmd_help,		 &cmd_image_build,  &cmd_inspect,
	&cmd_keygen,	     &cmd_lock,		 &cmd_login,	    &cmd_logout,
	&cmd_mirror,	     &cmd_mirror_config, &cmd_pull,	    &cmd_push,
	&cmd_rebuild,	     &cmd_render,	 &cmd_serve,	    &cmd_sign,
	&cmd_tags,	     &cmd_unpack,	 &cmd_values_check, &cmd_values_defaults,
	&cmd_values_explain, &cmd_verify,	 &cmd_version,	    NULL,
};

const struct cmd *const *cmd_table(void)
{
	return known;
}

const struct opt cmd_common_options[] = {
	{ "help", 'h', .kind = OPT_FLAG, .help = "show this help",
	  .offset = offsetof(struct cmd_common, help) },
	{ "quiet", 'q', .kind = OPT_FLAG, .help = "say nothing but warnings and errors",
	  .offset = offsetof(struct cmd_common, quiet) },
	{ "verbose", 'v', .kind = OPT_COUNT, .help = "log what is done; twice: in detail",
	  .offset = offsetof(struct cmd_common, verbose) },
	{ "progress", .kind = OPT_ENUM, .arg = "HOW", .choices = ui_mode_names,
	  .help = "show progress on stderr as", .offset = offsetof(struct cmd_common, progress) },
	OPT_END,
};

#define JSON_OPTION                                                                                \
	{                                                                                          \
		"json", .kind = OPT_FLAG, .help = "print the result, and a failure, as JSON",      \
			.offset = offsetof(struct cmd_common, json)                                \
	}
#define JOBS_OPTION                                                                                \
	{                                                                                          \
		"jobs", 'j', .kind = OPT_U64, .arg = "N", .max = 256,                              \
			     .help = "work with N threads, by default one per CPU",                \
			     .offset = offsetof(struct cmd_common, jobs)                           \
	}

const struct opt *cmd_uses_options(unsigned int uses)
{
	static const struct opt none[] = { OPT_END }, json[] = { JSON_OPTION, OPT_END },
				jobs[] = { JOBS_OPTION, OPT_END },
				both[] = { JOBS_OPTION, JSON_OPTION, OPT_END };

	if ((uses & CMD_JSON) && (uses & CMD_JOBS))
		return both;
	return uses & CMD_JSON ? json : uses & CMD_JOBS ? jobs : none;
}

/* How many words of argv the name of c takes, 0 when argv does not begin with it. */
static int match(const struct cmd *c, int argc, char **argv)
{
	const char *second = strchr(c->name, ' ');
	size_t n = second ? (size_t)(second - c->name) : strlen(c->name);

	if (argc < 1 || strlen(argv[0]) != n || memcmp(argv[0], c->name, n) != 0)
		return 0;
	if (!second)
		return 1;
	return argc >= 2 && strcmp(argv[1], second + 1) == 0 ? 2 : 0;
}

static bool is_first_word(const char *word)
{
	size_t n = strlen(word);

	for (const struct cmd *const *c = cmd_table(); *c; c++)
		if (strncmp((*c)->name, word, n) == 0 && (*c)->name[n] == ' ')
			return true;
	return false;
}

int cmd_find(int argc, char **argv, const struct cmd **ret, int *ret_words, struct eb_error **err)
{
	const char *names[EB_ARRAY_LEN(known)] = { NULL }, *near;
	autofree char *shown = NULL;
	size_t n = 0;

	for (const struct cmd *const *c = cmd_table(); *c; c++) {
		int words = match(*c, argc, argv);

		if (words) {
			*ret = *c;
			*ret_words = words;
			return 0;
		}
		if ((*c)->group != CMD_HIDDEN)
			names[n++] = (*c)->name;
	}
	if (is_first_word(argv[0]))
		shown = eb_xasprintf("%s%s%s", argv[0], argc > 1 ? " " : "",
				     argc > 1 ? argv[1] : "");
	else
		shown = eb_xstrdup(argv[0]);
	near = eb_nearest(shown, names);
	if (near)
		return eb_throw(err, EB_E_USAGE, "unknown command '%s' (did you mean '%s'?)", shown,
				near);
	return eb_throw(err, EB_E_USAGE, "unknown command '%s'", shown);
}

static void print_error_json(const struct eb_error *e)
{
	json_t *j = json_pack("{s:{s:s, s:s, s:s?}}", "error", "code", eb_code_name(e->code),
			      "message", e->message, "hint", e->hint);
	autofree char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;

	json_decref(j);
	if (text)
		fprintf(stderr, "%s\n", text);
}

/* The one place where a failure is shown. Returns the exit status. */
static int report(struct eb_error *e, bool json)
{
	ui_clean(e->message, false);
	if (e->hint)
		ui_clean(e->hint, false);
	if (json) {
		print_error_json(e);
	} else {
		fprintf(stderr, "ess-bundle: %s\n", e->message);
		if (e->hint)
			fprintf(stderr, "  hint: %s\n", e->hint);
	}
	return eb_code_exit_status(e->code);
}

static int print_help(struct cmd_env *env, struct eb_buf *b, struct eb_error **err)
{
	env_printf(env, "%s", eb_buf_str(b));
	return env_flush(env, err);
}

static int check_count(const struct cmd *c, int argc, char **argv, struct eb_error **err)
{
	if (argc > c->max_args)
		return eb_throw(err, EB_E_USAGE, "unexpected argument '%s'", argv[c->max_args]);
	if (argc < c->min_args)
		return eb_throw(err, EB_E_USAGE, "missing argument: usage is 'ess-bundle %s %s'",
				c->name, c->synopsis);
	return 0;
}

/* Runs c with its arguments parsed; what it printed is flushed even when it failed. */
static int run_parsed(const struct cmd *c, struct cmd_env *env, void *args, int argc, char **argv,
		      struct eb_error **err)
{
	autoerror struct eb_error *late = NULL;
	int r, flushed;

	env_init(env);
	if (env->common.help) {
		EB_AUTOBUF(b, 256 * 1024);

		help_command(c, &b);
		r = print_help(env, &b, err);
		env_release(env);
		return r;
	}
	r = c->run(env, args, argc, argv, err);
	flushed = env_flush(env, &late);
	if (r >= 0 && flushed < 0)
		r = eb_error_forward(err, EB_TAKE_PTR(late));
	env_release(env);
	return r;
}

static int run_command(const struct cmd *c, struct cmd_env *env, int argc, char **argv,
		       struct eb_error **err)
{
	static const struct opt none[] = { OPT_END };
	autofree void *args = eb_xcalloc(1, c->args_size ? c->args_size : 1);
	const struct opt_set sets[] = {
		{ c->options ? c->options : none, args },
		{ cmd_uses_options(c->uses), &env->common },
		{ cmd_common_options, &env->common },
		{ NULL, NULL },
	};
	int r, n;

	if (c->defaults)
		memcpy(args, c->defaults, c->args_size);
	r = n = opt_parse(sets, argc, argv, err);
	if (r >= 0 && !env->common.help)
		r = opt_check_required(sets, err);
	if (r >= 0 && !env->common.help)
		r = check_count(c, n, argv, err);
	if (r < 0)
		r = eb_hint(err, r, "see 'ess-bundle %s --help'", c->name);
	else
		r = run_parsed(c, env, args, n, argv, err);
	opt_release(sets);
	return r;
}

/* "ess-bundle --help", "ess-bundle image --help" and "ess-bundle --version" name no command. */
static int run_without_command(struct cmd_env *env, int argc, char **argv, bool *ret_done,
			       struct eb_error **err)
{
	bool help = argc > 0 &&
		    (strcmp(argv[argc - 1], "--help") == 0 || strcmp(argv[argc - 1], "-h") == 0);
	EB_AUTOBUF(b, 256 * 1024);
	int r;

	*ret_done = true;
	if (argc == 1 && help)
		help_program(&b);
	else if (argc == 1 && strcmp(argv[0], "--version") == 0)
		eb_buf_adds(&b, "ess-bundle " EB_VERSION "\n");
	else if (argc == 2 && help && is_first_word(argv[0]))
		help_prefix(argv[0], &b);
	else
		*ret_done = false;
	if (!*ret_done)
		return 0;
	env_init(env);
	r = print_help(env, &b, err);
	env_release(env);
	return r;
}

static int dispatch(struct cmd_env *env, int argc, char **argv, bool *ret_json,
		    struct eb_error **err)
{
	const struct cmd *c = NULL;
	int r, words = 0;
	bool done;

	if (argc == 0) {
		r = eb_throw(err, EB_E_USAGE, "no command given");
		return eb_hint(err, r, "see 'ess-bundle --help'");
	}
	r = run_without_command(env, argc, argv, &done, err);
	if (r < 0 || done)
		return r;
	if (argv[0][0] == '-')
		r = eb_throw(err, EB_E_USAGE, "unknown option '%s' before the command", argv[0]);
	else
		r = cmd_find(argc, argv, &c, &words, err);
	if (r < 0)
		return eb_hint(err, r, "see 'ess-bundle --help'");
	for (int i = words; i < argc && strcmp(argv[i], "--") != 0; i++)
		*ret_json |= (c->uses & CMD_JSON) && strcmp(argv[i], "--json") == 0;
	return run_command(c, env, argc - words, argv + words, err);
}

int cmd_main(int argc, char **argv)
{
	autoerror struct eb_error *e = NULL;
	struct cmd_env env = { 0 };
	bool json = false;
	int r = dispatch(&env, argc - 1, argv + 1, &json, &e);

	if (r >= 0)
		return r;
	if (env.out_errno == EPIPE)
		return 1; /* whoever read our output has left; that is no news to anybody */
	return report(e, json);
}
