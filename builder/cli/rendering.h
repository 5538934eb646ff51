/* What render, values and build share: the options that say which values, and values made from
 * them. */
#pragma once

#include "bundle/site.h"
#include "cli/env.h"
#include "cli/opt.h"
#include "render/values.h"

/* Part of the args struct. */
struct rendering_args {
	struct opt_list values, set, set_string, set_file;
	const char *profile;
};

#define RENDERING_OFFSET(type, field)                                                              \
	(offsetof(type, values) + offsetof(struct rendering_args, field))
#define RENDERING_OPTIONS(type)                                                                    \
	{ "values",                                                                                \
	  'f',                                                                                     \
	  .kind = OPT_LIST,                                                                        \
	  .arg = "FILE",                                                                           \
	  .help = "values to render with; a later file wins",                                      \
	  .offset = RENDERING_OFFSET(type, values) },                                              \
		{ "set", .kind = OPT_LIST, .arg = "KEY=VALUE",                                     \
		  .help = "set one value, like 'a.b[0]=c'; may be given again",                    \
		  .offset = RENDERING_OFFSET(type, set) },                                         \
		{ "set-string", .kind = OPT_LIST, .arg = "KEY=TEXT",                               \
		  .help = "the same, but what looks like a number stays text",                     \
		  .offset = RENDERING_OFFSET(type, set_string) },                                  \
		{ "set-file", .kind = OPT_LIST, .arg = "KEY=FILE",                                 \
		  .help = "set a value to the text of FILE",                                       \
		  .offset = RENDERING_OFFSET(type, set_file) },                                    \
	{                                                                                          \
		"profile", .kind = OPT_STRING, .arg = "NAME",                                      \
			   .help = "begin with the values of this profile of the bundle",          \
			   .offset = RENDERING_OFFSET(type, profile)                               \
	}

/* Profile, files ("-" is standard input), settings, in this order. */
int rendering_values(const struct rendering_args *a, const struct bnd_site *site,
		     struct rnd_values *ret, struct eb_error **err) EB_MUST_CHECK;
/* The site of a directory with a bundle.yaml, or of a bundle file; images with `images`, of which
 * those that have no lock go by their tag with `unlocked`. */
int rendering_site(struct cmd_env *env, const char *path, bool images, bool unlocked,
		   struct bnd_site *ret, struct eb_error **err) EB_MUST_CHECK;
