/* A set of small named text files: the Jsonnet library with what it imports, from a directory or
 * out of a bundle. Names are relative, clean paths with "/" between parts. */
#pragma once

#include "base/cleanup.h"

struct eb_error;

struct rnd_file {
	char *name;
	char *text; /* NUL-terminated */
	size_t n;   /* bytes, without the NUL */
};

struct rnd_fileset {
	struct rnd_file *items; /* sorted by name after rnd_fileset_sort() */
	size_t n, alloc;
	size_t total_bytes;
};

enum {
	RND_FILES_MAX = 1000,
	RND_FILE_MAX_BYTES = 2 * 1024 * 1024,
	RND_FILES_MAX_BYTES = 16 * 1024 * 1024, /* of all together */
	RND_FILES_MAX_DEPTH = 8,
};

/* Add a copy of text. Errors: EB_E_FORMAT (no clean name, a NUL in the text, two of one name are
 * found by rnd_fileset_sort()), EB_E_LIMIT. */
int rnd_fileset_add(struct rnd_fileset *f, const char *name, const char *text, size_t n,
		    struct eb_error **err) EB_MUST_CHECK;
/* Add every regular file below the directory `path`, named prefix + its path there; what begins
 * with a dot is left out, links are not followed. */
int rnd_fileset_add_dir(struct rnd_fileset *f, const char *path, const char *prefix,
			struct eb_error **err) EB_MUST_CHECK;
/* Sort by name; EB_E_CONFLICT for a name twice. Call before rnd_fileset_find(). */
int rnd_fileset_sort(struct rnd_fileset *f, struct eb_error **err) EB_MUST_CHECK;
const struct rnd_file *rnd_fileset_find(const struct rnd_fileset *f, const char *name);
void rnd_fileset_release(struct rnd_fileset *f);
EB_DEFINE_RELEASE(struct rnd_fileset, rnd_fileset_release)
