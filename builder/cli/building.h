/* What 'build' and 'image build' share. */
#pragma once

#include "cli/env.h"
#include "cli/opt.h"

struct bnd_def;
struct rnd_values;
struct setup;

/* Part of the args struct. */
struct building_args {
	const char *output, *key;
	struct opt_list arches, cache_from, cache_to;
	const struct rnd_values *rendered; /* as in struct bnd_plan_options; not an option */
};

#define BUILDING_OFFSET(type, field) (offsetof(type, build) + offsetof(struct building_args, field))
#define BUILDING_OPTIONS(type)                                                                     \
	{ "output",                                                                                \
	  'o',                                                                                     \
	  .required = true,                                                                        \
	  .kind = OPT_STRING,                                                                      \
	  .arg = "FILE",                                                                           \
	  .help = "write to FILE",                                                                 \
	  .offset = BUILDING_OFFSET(type, output) },                                               \
		{ "cache-from", .kind = OPT_LIST, .arg = "REPOSITORY",                             \
		  .help = "take results from this registry's; may be given again",                 \
		  .offset = BUILDING_OFFSET(type, cache_from) },                                   \
		{ "cache-to", .kind = OPT_LIST, .arg = "REPOSITORY",                               \
		  .help = "keep results there for others; may be given again",                     \
		  .offset = BUILDING_OFFSET(type, cache_to) },                                     \
	{                                                                                          \
		"arch", .kind = OPT_WORDS, .arg = "A,B",                                           \
			.help = "only these architectures, by default all of each recipe",         \
			.offset = BUILDING_OFFSET(type, arches)                                    \
	}

/* Fetch, plan, write; or find that nothing is to be done. Prints the digest of the root, or of the
 * image with `layout_only`. */
int building_run(struct cmd_env *env, const struct building_args *a, struct setup *s,
		 const struct bnd_def *def, bool layout_only, struct eb_error **err) EB_MUST_CHECK;
