/* Images into and out of containerd, through its own client `ctr` (DECISIONS.md says why): into it
 * as a stream that `ctr images import -` reads, out of it blob by blob with `ctr content get`. */
#pragma once

#include "bundle/layout_write.h"

/* Borrowed; outlives what is made with it. */
struct bnd_ctr {
	const char *address;	/* of the socket */
	const char *namespace;	/* of containerd's */
	const char *const *env; /* of ctr, "NAME=value", NULL-terminated */
};

struct bnd_ctr_import {
	const char *platform; /* "linux/amd64": the one whose blobs are sent; NULL = all */
	bool unpack;	      /* for the snapshotter of ctr's choice */
	/* "KEY=VALUE" for every image; n may be 0. */
	const char *const *labels;
	size_t n_labels;
};

/* Is anything listening there? EB_E_NOT_FOUND with a hint. */
int bnd_ctr_check(const struct bnd_ctr *c, struct eb_error **err) EB_MUST_CHECK;
/* All images with their names, which have to be whole; images with `index` keep its digest, though
 * the other platforms' contents are missing. Errors: those of the source, EB_E_PROGRAM with what
 * ctr said, EB_E_NOT_FOUND (no ctr, no containerd). */
int bnd_ctr_import(const struct bnd_ctr *c, const struct oci_source *src,
		   const struct bnd_image_in *images, size_t n, const struct bnd_ctr_import *im,
		   const struct bnd_write_options *o, struct eb_error **err) EB_MUST_CHECK;

/* What containerd's store holds; borrows c. */
struct oci_source bnd_ctr_source(const struct bnd_ctr *c);
/* The image record `name` (HOST/REPO:TAG or HOST/REPO@DIGEST, in full). EB_E_NOT_FOUND. */
int bnd_ctr_resolve(const struct bnd_ctr *c, const char *name, struct oci_descriptor *ret,
		    struct eb_error **err) EB_MUST_CHECK;
