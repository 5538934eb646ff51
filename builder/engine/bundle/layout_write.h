/* Images into an OCI image layout of somebody else's: a folder, or one tar file. */
#pragma once

#include "dist/graph.h"

struct eb_pool;
struct eb_progress;
struct eb_writer;

struct bnd_image_in {
	const struct oci_graph *graph;
	const char *name; /* org.opencontainers.image.ref.name; NULL = none */
	bool full_name;	  /* it is a whole reference: io.containerd.image.name too */
	/* An index that has the name instead of the graph's root; what else it lists is left out.
	 * NULL = none. Not for bnd_write_docker(). */
	const struct oci_node *index;
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
/* The same bytes into a stream, one blob after the other, without a copy in between. */
int bnd_write_stream(struct eb_writer *out, const struct oci_source *src,
		     const struct bnd_image_in *images, size_t n, const struct bnd_write_options *o,
		     struct eb_error **err) EB_MUST_CHECK;
/* Into a folder, which is made if need be. What is in it stays, blobs that are there are not
 * written again, and an image of the same name is replaced in index.json. */
int bnd_write_folder(const char *path, const struct oci_source *src,
		     const struct bnd_image_in *images, size_t n, const struct bnd_write_options *o,
		     struct eb_error **err) EB_MUST_CHECK;

/* Private to layout_write.c and layout_stream.c: index.json and documents of the images in their
 * places, and how many bytes of blobs have to be filled; a blob of src into out, verified. */
struct bnd_layout;
int bnd_layout_images(struct bnd_layout *l, const struct bnd_image_in *images, size_t n,
		      uint64_t *ret_bytes, struct eb_error **err) EB_MUST_CHECK;
int bnd_copy_blob(const struct oci_source *src, const struct oci_descriptor *d,
		  struct eb_writer *out, struct eb_progress *progress, unsigned int task,
		  struct eb_error **err) EB_MUST_CHECK;
