/* The frame of the command line. A command is one file cmd_<name>.c with one `const struct cmd`:
 *
 *   struct args { const char *output; bool offline; };
 *
 *   static int run(struct cmd_env *env, void *argp, int argc, char **argv, struct eb_error **err)
 *   {
 *           const struct args *a = argp;
 *           ...
 *           env_printf(env, "%s\n", digest);      // data on stdout
 *           return 0;
 *   }
 *
 *   static const struct opt options[] = {
 *           { "output", 'o', .kind = OPT_STRING, .arg = "FILE", .required = true,
 *             .help = "write the bundle to FILE", .offset = offsetof(struct args, output) },
 *           { "offline", .kind = OPT_FLAG, .help = "open no network connection",
 *             .offset = offsetof(struct args, offline) },
 *           OPT_END,
 *   };
 *
 *   const struct cmd cmd_build = {
 *           .name = "build", .group = CMD_BUILD, .summary = "build a bundle from its definition",
 *           .synopsis = "[OPTION]... -o FILE DIR",
 *           .description = "Paragraphs, parted by an empty line; --help wraps them.",
 *           .options = options, .args_size = sizeof(struct args), .uses = CMD_JOBS,
 *           .min_args = 1, .max_args = 1, .run = run,
 *   };
 *
 * and one line in the table of cmd.c, one manual page builder/man/ess-bundle-<name>.1.scd. Every
 * command also takes --help, --quiet, --verbose and --progress; `uses` adds --json and --jobs. */
#pragma once

#include "cli/env.h"
#include "cli/opt.h"

enum cmd_group { CMD_BUILD, CMD_LOOK, CMD_TRUST, CMD_REGISTRY, CMD_OTHER, CMD_HIDDEN, CMD_GROUPS };

enum cmd_uses {
	CMD_JSON = 1u << 0, /* --json: env->json, and failures as JSON too */
	CMD_JOBS = 1u << 1, /* -j, --jobs N: size of env_pool() */
};

enum { CMD_ANY_ARGS = 1 << 20 };

struct cmd {
	const char *name; /* "build" or two words, "image build" */
	enum cmd_group group;
	const char *summary;	   /* at most 60 characters, lower case, no full stop */
	const char *synopsis;	   /* what follows the name in "Usage:" */
	const char *description;   /* NULL or paragraphs parted by "\n\n" */
	const struct opt *options; /* ends with OPT_END; NULL = none */
	size_t args_size;	   /* of the struct behind the options' offsets */
	const void *defaults;	   /* such a struct to start from; NULL = zeros */
	unsigned int uses;	   /* enum cmd_uses */
	int min_args, max_args;
	const char *const *words; /* what completion offers as arguments; NULL = files */
	/* Returns 0, a negative code with *err filled, or a positive exit status of its own (say 1
	 * for "they differ"; must be documented). args is the filled struct; argv[0..argc) are the
	 * arguments. Main thread. */
	int (*run)(struct cmd_env *env, void *args, int argc, char **argv, struct eb_error **err);
};

/* All commands, sorted by name; NULL at the end. */
const struct cmd *const *cmd_table(void);
/* The command that argv begins with; *ret_words is how many words its name has. EB_E_USAGE names
 * the nearest one. */
int cmd_find(int argc, char **argv, const struct cmd **ret, int *ret_words,
	     struct eb_error **err) EB_MUST_CHECK;

/* Option tables that the frame adds. Offsets are those of struct cmd_env's `common`. */
extern const struct opt cmd_common_options[];
/* The added table of a command with these `uses`. */
const struct opt *cmd_uses_options(unsigned int uses);

/* The whole program: returns the exit status. argv[0] is the program. */
int cmd_main(int argc, char **argv);
