/* What a command may know of the world: environment variables, clock, CPU count, terminal and the
 * standard streams are read here and nowhere else, and passed down. */
#pragma once

#include <jansson.h>

#include "base/cleanup.h"

struct eb_error;
struct eb_pool;
struct eb_progress;
struct eb_writer;
struct ui;

/* Filled by the options that every command has. */
struct cmd_common {
	bool help, quiet, json;
	unsigned int verbose;  /* 1 = debug, 2 = trace */
	unsigned int progress; /* enum ui_mode */
	uint64_t jobs;	       /* 0 = one per CPU */
};

struct cmd_env {
	struct cmd_common common;
	bool json;		      /* --json was given */
	bool quiet;		      /* --quiet was given */
	struct eb_progress *progress; /* never NULL while a command runs */

	/* private to env.c */
	struct ui *ui;
	struct eb_pool *pool;
	struct eb_writer *out;
	char *cache_dir;
	const char **client;
	char *programs_dir;
	int out_errno; /* first failure on stdout */
};

/* Starts the progress display and the log from `common`. */
void env_init(struct cmd_env *env);
/* Ends the display (the terminal is left clean), frees the rest. */
void env_release(struct cmd_env *env);

/* The source cache's directory: ESS_BUNDLE_CACHE, else $XDG_CACHE_HOME/ess-bundle, else
 * ~/.cache/ess-bundle. *ret lives as long as env. EB_E_USAGE when none of them is set. */
int env_cache_dir(struct cmd_env *env, const char **ret, struct eb_error **err) EB_MUST_CHECK;
/* Environment ("NAME=value", NULL-terminated) for the clients of package registries: their own
 * variables (PIP_*, GOPROXY and the like), proxies, certificates, PATH and HOME. Lives as long as
 * env. */
const char *const *env_client(struct cmd_env *env);
/* Where the programs are that are built with this one, for images: "own" beside it, or where `make
 * install` puts them; NULL when there is no such place. Lives as long as env. */
const char *env_programs_dir(struct cmd_env *env);
/* Where temporary files go: TMPDIR, else /tmp. Static storage. */
const char *env_temp_dir(void);
/* SOURCE_DATE_EPOCH in seconds, or -1 when unset. EB_E_USAGE when it is no number. */
int env_source_date_epoch(int64_t *ret_sec, struct eb_error **err) EB_MUST_CHECK;
/* The wall clock, for checking expiry dates only, never for output bytes. Seconds. */
int64_t env_now_sec(void);
/* The pool of --jobs threads, made at the first call. */
struct eb_pool *env_pool(struct cmd_env *env);
/* Number of --jobs, resolved. */
unsigned int env_jobs(struct cmd_env *env);

/* A password: from COSIGN_PASSWORD (may be empty), else asked on the terminal without echo (twice
 * with `confirm`). EB_E_USAGE when there is neither. Free with env_password_free(), which wipes. */
int env_password(const char *what, bool confirm, char **ret, struct eb_error **err) EB_MUST_CHECK;
/* The same from the terminal alone; EB_E_USAGE when there is none. */
int env_ask_password(const char *what, char **ret, struct eb_error **err) EB_MUST_CHECK;
void env_password_free(char **password);

/* Data on stdout. Failures (disk full, reader gone) are kept and reported when the command ends. */
void env_printf(struct cmd_env *env, const char *fmt, ...) EB_PRINTF(2, 3);
/* A JSON document, indented, keys sorted, and a newline. Takes ownership of j. */
void env_print_json(struct cmd_env *env, json_t *j);
/* A line about what happened, on stderr beside the progress display; nothing with --quiet. */
void env_note(struct cmd_env *env, const char *fmt, ...) EB_PRINTF(2, 3);
/* The same, but also with --quiet: for what the user must not miss. */
void env_warn(struct cmd_env *env, const char *fmt, ...) EB_PRINTF(2, 3);
/* stdout as a stream, for bytes; owned by env, shares its failure state. */
struct eb_writer *env_stdout(struct cmd_env *env);
/* Write out what is buffered; errno code of the first failure on stdout (EPIPE: the reader left).
 */
int env_flush(struct cmd_env *env, struct eb_error **err) EB_MUST_CHECK;
