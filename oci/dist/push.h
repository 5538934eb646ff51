/* Bringing images into a registry: every blob is sent once, whatever the number of repositories
 * that need it, the largest first; into the others it is mounted. Documents follow when all blobs
 * are there, what is listed before what lists it; the last target comes last of all. Killed at any
 * time, the next run sends only what is missing. */
#pragma once

#include "dist/graph.h"
#include "dist/registry.h"

struct eb_pool;
struct eb_progress;

struct oci_push_target {
	const char *repo;
	const char *tag; /* NULL = by its digest alone */
	struct oci_descriptor root;
	const char *name;      /* for messages: the image */
	const char *from_repo; /* of this registry, where the blobs may be; NULL = none known */

	/* result */
	bool there; /* nothing had to be done */
};

struct oci_push_options {
	struct eb_pool *pool; /* so many requests at once */
	struct eb_progress *progress;
	bool plan; /* look only; the result says what would be sent */
	/* A repository of the registry that may have a blob which its target lacks, to mount it
	 * from; NULL = none is known. Called by several threads; may be NULL itself. */
	const char *(*where)(void *ctx, const struct oci_digest *d);
	void *where_ctx;
};

struct oci_push_result {
	size_t targets_there, documents, blobs_there, blobs_mounted, blobs_sent;
	uint64_t bytes_sent; /* without what was sent twice */
};

/* Errors name image, blob or document, and registry. */
int oci_push(struct oci_registry *r, const struct oci_source *src, struct oci_push_target *targets,
	     size_t n, const struct oci_push_options *o, struct oci_push_result *ret,
	     struct eb_error **err) EB_MUST_CHECK;
