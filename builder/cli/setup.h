/* What the building commands share: the options about sources, and the environment of the engine
 * made from them. */
#pragma once

#include "cli/env.h"
#include "cli/opt.h"
#include "image/env.h"
#include "pkg/debrepo.h"
#include "pkg/mirror.h"

/* Part of the args struct of a command that fetches. */
struct setup_args {
	bool offline;
	struct opt_list sources, mirrors;
	const char *keyring;
	unsigned int compress; /* index into setup_compressions; 0 = as the bundle says */
};

extern const char *const setup_compressions[];

/* The entries of an option table for a struct that has `struct setup_args setup`. */
#define SETUP_OFFSET(type, field) (offsetof(type, setup) + offsetof(struct setup_args, field))
#define SETUP_OPTIONS(type)                                                                        \
	{ "offline", .kind = OPT_FLAG, .help = "open no network connection",                       \
	  .offset = SETUP_OFFSET(type, offline) },                                                 \
		{ "sources", .kind = OPT_LIST, .arg = "DIR",                                       \
		  .help = "look for sources in DIR first; may be given again",                     \
		  .offset = SETUP_OFFSET(type, sources) },                                         \
	{                                                                                          \
		"mirror", .kind = OPT_LIST, .arg = "URL",                                          \
			  .help = "Debian mirror to try before apt's own; may be given again",     \
			  .offset = SETUP_OFFSET(type, mirrors)                                    \
	}
#define SETUP_COMPRESS(type)                                                                       \
	{                                                                                          \
		"compress", .kind = OPT_ENUM, .arg = "HOW", .choices = setup_compressions,         \
			    .help = "compress layers with", .offset = SETUP_OFFSET(type, compress) \
	}
#define SETUP_KEYRING(type)                                                                        \
	{                                                                                          \
		"keyring", .kind = OPT_STRING, .arg = "FILE",                                      \
			   .help = "keys that may sign an archive, by default Debian's",           \
			   .offset = SETUP_OFFSET(type, keyring)                                   \
	}

/* Everything lives as long as the struct; release it last. */
struct setup {
	struct pkg_cache cache;
	struct pkg_mirrors *mirrors;
	struct pkg_fetch_options fetch;
	struct pkg_repo_options repo;
	struct img_env env;
};
int setup_init(struct setup *s, struct cmd_env *env, const struct setup_args *a,
	       enum eb_codec_kind compression, struct eb_error **err) EB_MUST_CHECK;
void setup_release(struct setup *s);
EB_DEFINE_RELEASE(struct setup, setup_release)
/* The compression the user asked for, or `otherwise`. */
enum eb_codec_kind setup_compression(const struct setup_args *a, enum eb_codec_kind otherwise);
/* Debian's name of this machine's architecture. */
const char *setup_host_arch(void);
