/* Evaluating Jsonnet over libjsonnet, shut in:
 *
 * - imports are answered from a set of files in memory, never from the disk: beside the file that
 *   asks, then at the top of the set; absolute paths and those that climb out of it are refused;
 * - a program that runs away cannot take us along: it is evaluated in a child process with limits
 *   on processor time and memory, and the result comes back over a pipe. (libjsonnet has a limit on
 *   the depth of its stack only, and ends the process when memory runs out.) The child is made by
 *   fork() although threads may be there: it calls nothing of ours but memory allocation, which the
 *   C library keeps usable across fork().
 *
 * What the library may call besides std: std.native("sha256")(text) gives the hash in lower-case
 * hex digits. */
#pragma once

#include <jansson.h>

#include "base/cleanup.h"

struct eb_error;
struct rnd_fileset;

struct rnd_jsonnet_limits {
	unsigned int stack;   /* frames */
	unsigned int cpu_sec; /* processor time; five times of it by the clock */
	size_t memory_bytes;  /* on top of what the process has */
	size_t output_bytes;  /* of the JSON that comes out */
};
extern const struct rnd_jsonnet_limits rnd_jsonnet_default_limits;

/* Evaluate the file `entry` of the sorted set and call what it gives with ctx. lim NULL = default.
 * *ret is a new reference.
 * Errors: EB_E_NOT_FOUND (no such file), EB_E_LIMIT naming the limit, EB_E_UNSUPPORTED (libjsonnet
 * is not installed), EB_E_FORMAT: what Jsonnet says, with its place. When the program itself said
 * `error "values: PATH: text"` the message is "PATH: text", and *ret_path is PATH (heap), else it
 * is left alone. Threads: safe. */
int rnd_jsonnet_eval(const struct rnd_fileset *files, const char *entry, const json_t *ctx,
		     const struct rnd_jsonnet_limits *lim, json_t **ret, char **ret_path,
		     struct eb_error **err) EB_MUST_CHECK;
