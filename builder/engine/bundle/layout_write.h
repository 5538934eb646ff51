/* Images into an OCI image layout of somebody else's: a folder, or one tar file. */
#pragma once

#include "dist/graph.h"

struct eb_pool;
struct eb_progress;

struct bnd_image_in {
	const struct oci_graph *graph;
	const char *name; /* org.opencontainers.image.ref.name; NULL = none */
	bool full_name;	  /* it is a whole reference: io.containerd.image.name too */
};

struct bnd_write_options {
	struct eb_pool *pool; /* so many blobs at once */
	struct eb_progress *progress;
};

/* One uncompressed tar with all of it, the same bytes every time; it appears as `path` when whole.
 * Every blob is verified. */
int bnd_write_archive(const char *path, const struct oci_source *src,
		      const struct bnd_image_in *images, size_t n,
		      const struct bnd_write_options *o, struct eb_error **err) EB_MUST_CHECK;
/* Into a folder, which is made if need be. What is in it stays, blobs that are there are not
 * written again, and an image of the same name is replaced in index.json. */
int bnd_write_folder(const char *path, const struct oci_source *src,
		     const struct bnd_image_in *images, size_t n, const struct bnd_write_options *o,
		     struct eb_error **err) EB_MUST_CHECK;
