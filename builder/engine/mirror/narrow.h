/* Some platforms of an image instead of all. */
#pragma once

#include "dist/graph.h"

struct mir_narrowed {
	struct oci_descriptor root;
	char *text; /* of root when it is a new index; NULL = a document of the source */
	/* Of a sparse index, which is d itself: what it lists that comes along, what does not. */
	struct oci_descriptor *kept;
	size_t n_kept;
	struct oci_digest *absent;
	size_t n_absent;
	char *platforms; /* those that are in it: "linux/amd64, linux/arm64" */
};
void mir_narrowed_release(struct mir_narrowed *n);
EB_DEFINE_RELEASE(struct mir_narrowed, mir_narrowed_release)

/* Of the index `text` (its descriptor is d) the platforms that are wanted: "linux/arm64" takes any
 * variant, "linux/arm/v7" that one. One of them alone is its manifest as it is; several make a new
 * index, written canonically, with the attestations that belong to them: many registries refuse an
 * index that lists what they do not have. With `sparse` it stays the old one. No platforms are all.
 * *ret_all: the image has no others, or is no index: it stays as it is and *ret is not set.
 * EB_E_NOT_FOUND, naming what there is, when it has none of them. */
int mir_narrow(const struct oci_descriptor *d, const char *text, const char *const *platforms,
	       size_t n, bool sparse, bool *ret_all, struct mir_narrowed *ret,
	       struct eb_error **err) EB_MUST_CHECK;
