/* For commands that only touch a bundle that was verified. */
#pragma once

#include "cli/env.h"
#include "cli/opt.h"

struct bnd_bundle;

/* Part of the args struct. */
struct verified_args {
	const char *key;
	bool digests_only;
};

#define VERIFIED_OFFSET(type, field)                                                               \
	(offsetof(type, verify) + offsetof(struct verified_args, field))
#define VERIFIED_OPTIONS(type)                                                                     \
	{ "key",                                                                                   \
	  'k',                                                                                     \
	  .kind = OPT_STRING,                                                                      \
	  .arg = "PUB",                                                                            \
	  .help = "public key that must have signed the bundle",                                   \
	  .offset = VERIFIED_OFFSET(type, key) },                                                  \
	{                                                                                          \
		"digests-only", .kind = OPT_FLAG, .help = "check for damage, not who signed",      \
				.offset = VERIFIED_OFFSET(type, digests_only)                      \
	}

/* Verify all of the bundle at path and open it. Without a key, --digests-only must say that nobody
 * wants one: EB_E_SIGNATURE otherwise. */
int verified_open(struct cmd_env *env, const struct verified_args *a, const char *path,
		  struct bnd_bundle *ret, struct eb_error **err) EB_MUST_CHECK;
