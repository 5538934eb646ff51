/* A bundle out of a registry: the same bytes as the file that was pushed. Its layout follows from
 * the documents, so every blob is written to its place, several at once. What was received stays in
 * FILE.part when it fails or is killed, and the next run fetches only what is missing there. */
#pragma once

#include "dist/ref.h"
#include "image/digest.h"

struct eb_error;
struct eb_pool;
struct eb_progress;
struct oci_key;
struct oci_registry;

struct bnd_pull_options {
	struct eb_pool *pool; /* so many requests at once */
	struct eb_progress *progress;
	const struct oci_key *key; /* must have signed the root; NULL = digests only */
	bool plan; /* look only: what is missing, and is there room? No file is written */
};

struct bnd_pull_result {
	struct oci_digest root;
	uint64_t file_bytes, fetched_bytes; /* the latter of blobs, without what was there */
	size_t signatures;
	/* of a plan: what would be fetched; what the file system has to spare, UINT64_MAX = unknown
	 */
	uint64_t missing_bytes, free_bytes;
};

/* ref's repository and version; the file appears as `path` when it is whole. Errors: EB_E_FORMAT
 * when what is there is no bundle, EB_E_SIGNATURE, EB_E_CONFLICT when another run writes it. */
int bnd_pull(struct oci_registry *r, const struct oci_ref *ref, const char *path,
	     const struct bnd_pull_options *o, struct bnd_pull_result *ret,
	     struct eb_error **err) EB_MUST_CHECK;
