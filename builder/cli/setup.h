/* What the building commands share: the options about sources, and the environment of the engine
 * made from them. */
#pragma once

#include "base/http.h"
#include "cli/env.h"
#include "cli/opt.h"
#include "cli/remote.h"
#include "image/env.h"
#include "image/upstream.h"
#include "pkg/debrepo.h"
#include "pkg/gobuild.h"
#include "pkg/mirror.h"
#include "pkg/pip.h"

enum { SETUP_MAX_TIMEOUT = 86400, SETUP_MAX_TRIES = 100 };

/* Part of the args struct of a command that fetches. */
struct setup_args {
	bool offline, no_snapshot;
	struct opt_list sources, mirrors, registry_mirrors;
	uint64_t timeout_sec, tries; /* 0 = the default */
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
		{ "mirror", .kind = OPT_LIST, .arg = "URL",                                        \
		  .help = "Debian mirror to try before apt's own; may be given again",             \
		  .offset = SETUP_OFFSET(type, mirrors) },                                         \
		{ "registry-mirror", .kind = OPT_LIST, .arg = "HOST=HOST2[/PREFIX]",               \
		  .help = "ask HOST2 for images of HOST; may be given again",                      \
		  .offset = SETUP_OFFSET(type, registry_mirrors) },                                \
		{ "no-snapshot", .kind = OPT_FLAG,                                                 \
		  .help = "do not ask Debian's snapshot service when the mirrors fail",            \
		  .offset = SETUP_OFFSET(type, no_snapshot) },                                     \
		{ "timeout",                                                                       \
		  .kind = OPT_U64,                                                                 \
		  .arg = "SEC",                                                                    \
		  .help = "give up on a server silent for SEC seconds, by default 30",             \
		  .offset = SETUP_OFFSET(type, timeout_sec),                                       \
		  .max = SETUP_MAX_TIMEOUT },                                                      \
	{                                                                                          \
		"tries", .kind = OPT_U64, .arg = "N",                                              \
			 .help = "ask each server N times, by default 4",                          \
			 .offset = SETUP_OFFSET(type, tries), .max = SETUP_MAX_TRIES               \
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

/* Everything lives as long as the struct, which must stay where it is; release it last. */
struct setup {
	struct pkg_cache cache;
	struct pkg_mirrors *mirrors;
	struct eb_http_options http;
	char *temp_dir;		  /* absolute */
	const char **source_dirs; /* --sources, and where our own programs are */
	struct pkg_pip pip;
	struct pkg_fetch_options fetch;
	struct pkg_repo_options repo;
	struct pkg_go_options go;
	struct img_upstream upstream;
	struct remote_args remote_args;
	struct remote *remote; /* made when a registry is asked for the first time */
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
