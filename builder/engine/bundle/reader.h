/* A bundle file seen from its root: the small documents, each verified by its digest while read.
 * Blobs are read through the archive. What is not reached from the root is not in here. */
#pragma once

#include "image/archive.h"

struct bnd_image {
	char *name;		    /* "ess.internal/redis:8.0.2-3" */
	struct oci_descriptor desc; /* of its index, or of its only manifest */
	struct oci_manifest index;  /* without what is not in the bundle; made up for the latter */
	struct oci_manifest *platforms; /* index.n_items of them */
	/* What an upstream image's index lists and was left behind on purpose: the index is as its
	 * makers wrote it, the definition says what came along. */
	struct oci_digest *absent;
	size_t n_absent;
};

struct bnd_signature {
	struct oci_descriptor desc; /* of its manifest, as in index.json */
	struct oci_manifest manifest;
};

struct bnd_bundle {
	struct oci_archive *archive; /* owned */
	struct oci_descriptor root;
	struct oci_manifest root_index;
	struct oci_descriptor bundle_desc;
	struct oci_manifest bundle_manifest;
	json_t *definition;
	struct bnd_image *images;
	size_t n_images;
	struct bnd_signature *signatures; /* those that say they sign the root */
	size_t n_signatures;
};

/* Errors: EB_E_FORMAT (no bundle: the message says what it looks like instead), EB_E_DIGEST,
 * EB_E_LIMIT, EB_E_UNSUPPORTED (a newer format). */
int bnd_open(const char *path, struct bnd_bundle *ret, struct eb_error **err) EB_MUST_CHECK;
/* im->desc and im->index are what the root says and that document; b->definition is set. Take out
 * of the index what was left behind; or make one for a manifest, which is moved to ret_single.
 * EB_E_FORMAT when it is neither. */
int bnd_image_settle(const struct bnd_bundle *b, struct bnd_image *im,
		     struct oci_manifest *ret_single, struct eb_error **err) EB_MUST_CHECK;
void bnd_image_release(struct bnd_image *im);
void bnd_close(struct bnd_bundle *b);
EB_DEFINE_RELEASE(struct bnd_bundle, bnd_close)
/* The layer of the bundle manifest with this media type, or NULL. */
const struct oci_descriptor *bnd_part(const struct bnd_bundle *b, const char *media_type);
