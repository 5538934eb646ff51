/* Inside of pkg/gobuild: the machine's Go, the toolchain that builds, and what they say. */
#pragma once

#include "pkg/gobuild.h"

struct eb_buf;

enum { GO_MAX_OUTPUT = 4 * 1024 * 1024, GO_MAX_ENV = 96 };

struct go {
	const struct pkg_go_options *o;
	struct eb_arena *arena;
	const char *root;	   /* absolute path of the cache's go/ */
	int lock_fd;		   /* of go/lock, exclusive */
	const char *client;	   /* the program: "go" */
	const char *version;	   /* of the machine's: "go1.26.8" */
	const char *arch;	   /* of the machine, in Go's words */
	const char *proxy, *sumdb; /* as configured */
	const char **hosts;	   /* words that no message may show */
	size_t n_hosts;
	const char *tool; /* the program go of the wanted toolchain */
	const char *env[GO_MAX_ENV];
	size_t n_env;
};

/* gotool.c: find the machine's Go, read its configuration, take the lock. */
int go_open(const struct pkg_go_options *o, struct go *ret, struct eb_error **err) EB_MUST_CHECK;
void go_release(struct go *g);
EB_DEFINE_RELEASE(struct go, go_release)
/* Set g->tool to a Go of exactly that version, the machine's or one that comes as a module. */
int go_need_toolchain(struct go *g, const char *toolchain, struct eb_error **err) EB_MUST_CHECK;
/* Run argv[0] in dir with g's environment and `more` ("NAME=value", NULL-terminated). Its exit
 * status; out may be NULL. */
int go_run(struct go *g, const char *const *argv, const char *dir, const char *const *more,
	   struct eb_buf *out, struct eb_buf *messages, struct eb_error **err) EB_MUST_CHECK;
/* Bring module@version into the module cache. *ret_dir is in g's arena, ret_h1 what Go says. */
int go_download(struct go *g, const char *module, const char *version, const char **ret_dir,
		const char **ret_h1, struct eb_error **err) EB_MUST_CHECK;
/* Remove a module from the cache, so that it is fetched anew. */
void go_forget(struct go *g, const char *module, const char *version);
/* Where the module cache has it (heap). */
char *go_module_dir(const struct go *g, const char *module, const char *version);

/* goerror.c: an error from what a failing go wrote. `what` begins the message. */
int go_throw(const struct go *g, const char *text, const char *what,
	     struct eb_error **err) EB_MUST_CHECK;
/* The text as one line, without addresses, hosts, progress lines and control characters, at most
 * max bytes (heap). */
char *go_clean(const char *const *hosts, size_t n_hosts, const char *text, size_t max);

/* goinfo.c: what 'go version -m' says of a program. ret->arena is made; modules[0] is what is named
 * `main`, with an empty sum. Refused: another toolchain, a module that is a directory. */
int go_info_parse(const char *text, size_t n, const char *main, const char *main_version,
		  const char *toolchain, struct pkg_go_result *ret,
		  struct eb_error **err) EB_MUST_CHECK;
