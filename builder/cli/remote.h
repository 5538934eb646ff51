/* What the commands that talk to registries share: options, and the client made from them. */
#pragma once

#include "cli/env.h"
#include "cli/opt.h"
#include "dist/creds.h"
#include "dist/registry.h"
#include "dist/transport.h"

struct remote_args {
	bool plain_http, insecure;
	const char *auth_file, *ca, *client_cert, *client_key;
	uint64_t parallel, timeout_sec, tries, max_rate; /* 0 = the default */
};

enum { REMOTE_MAX_PARALLEL = 64, REMOTE_MAX_TIMEOUT = 86400, REMOTE_MAX_TRIES = 100 };

/* The entries of an option table for a struct that has `struct remote_args remote`. */
#define REMOTE_OFFSET(type, field) (offsetof(type, remote) + offsetof(struct remote_args, field))
#define REMOTE_OPTIONS(type)                                                                       \
	{ "plain-http", .kind = OPT_FLAG, .help = "speak http, not https, with registries",        \
	  .offset = REMOTE_OFFSET(type, plain_http) },                                             \
		{ "insecure", .kind = OPT_FLAG,                                                    \
		  .help = "take whatever certificate a registry shows",                            \
		  .offset = REMOTE_OFFSET(type, insecure) },                                       \
		{ "auth-file", .kind = OPT_STRING, .arg = "FILE",                                  \
		  .help = "credentials, by default Podman's and Docker's own files",               \
		  .offset = REMOTE_OFFSET(type, auth_file) },                                      \
		{ "ca", .kind = OPT_STRING, .arg = "FILE",                                         \
		  .help = "trust these certificate authorities too",                               \
		  .offset = REMOTE_OFFSET(type, ca) },                                             \
		{ "client-cert", .kind = OPT_STRING, .arg = "FILE",                                \
		  .help = "certificate to show to registries",                                     \
		  .offset = REMOTE_OFFSET(type, client_cert) },                                    \
		{ "client-key", .kind = OPT_STRING, .arg = "FILE",                                 \
		  .help = "its private key, if in a file of its own",                              \
		  .offset = REMOTE_OFFSET(type, client_key) },                                     \
		{ "timeout",                                                                       \
		  .kind = OPT_U64,                                                                 \
		  .arg = "SEC",                                                                    \
		  .help = "give up on a server silent for SEC seconds, by default 120",            \
		  .offset = REMOTE_OFFSET(type, timeout_sec),                                      \
		  .max = REMOTE_MAX_TIMEOUT },                                                     \
	{                                                                                          \
		"tries", .kind = OPT_U64, .arg = "N",                                              \
			 .help = "try each request N times, by default 4",                         \
			 .offset = REMOTE_OFFSET(type, tries), .max = REMOTE_MAX_TRIES             \
	}
/* The same for commands that move blobs. */
#define REMOTE_TRANSFER_OPTIONS(type)                                                              \
	REMOTE_OPTIONS(type),                                                                      \
		{ "parallel",                                                                      \
		  .kind = OPT_U64,                                                                 \
		  .arg = "N",                                                                      \
		  .help = "send or fetch N things at once, by default 6",                          \
		  .offset = REMOTE_OFFSET(type, parallel),                                         \
		  .max = REMOTE_MAX_PARALLEL },                                                    \
	{                                                                                          \
		"max-rate", .kind = OPT_BYTES, .arg = "BYTES",                                     \
			    .help = "at most BYTES per second (k, M, G) each way",                 \
			    .offset = REMOTE_OFFSET(type, max_rate)                                \
	}

struct remote {
	struct oci_transport *transport;
	struct oci_creds *creds;
	struct eb_pool *pool; /* of --parallel threads */
	bool plain_http;
	char *notes;		      /* folder for half-sent uploads, NULL = none */
	struct eb_progress *progress; /* is told what is tried again, and why; NULL = nobody */
};
/* What --parallel says, or the default. */
unsigned int remote_parallel(const struct remote_args *a);
/* r stays where it is until it is released. */
int remote_init(struct remote *r, const struct remote_args *a, struct eb_error **err) EB_MUST_CHECK;
/* Uploads that break off are noted in the cache, and the next run goes on with them. Without a
 * cache they are not. */
void remote_keep_notes(struct remote *r, struct cmd_env *env);
void remote_release(struct remote *r);
EB_DEFINE_RELEASE(struct remote, remote_release)
/* push and delete: what will be asked of it. */
int remote_registry(struct remote *r, const char *host, bool push, bool delete_,
		    struct oci_registry **ret, struct eb_error **err) EB_MUST_CHECK;
