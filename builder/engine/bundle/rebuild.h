/* Does a bundle come out again from the recipes and locks inside it? */
#pragma once

#include "bundle/plan.h"
#include "bundle/reader.h"

/* Extract the bundle's source into the empty directory dir, which belongs to the caller, and load
 * its definition: recipes are those in it. Errors: EB_E_NOT_FOUND (no source in the bundle), those
 * of reading it. */
int bnd_rebuild_load(const struct bnd_bundle *b, const char *dir, struct bnd_def **ret,
		     struct eb_error **err) EB_MUST_CHECK;
/* How the bundle was compressed. */
int bnd_rebuild_compression(const struct bnd_bundle *b, enum eb_codec_kind *ret,
			    struct eb_error **err) EB_MUST_CHECK;
/* The clock it was built with when that was not the locks' own, else -1. p is loaded, not made. */
int bnd_rebuild_epoch(const struct bnd_bundle *b, const struct bnd_plan *p, int64_t *ret_sec,
		      struct eb_error **err) EB_MUST_CHECK;
/* Its architectures, sorted: heap array, the strings are b's. */
const char **bnd_rebuild_arches(const struct bnd_bundle *b, size_t *ret_n);

enum bnd_rebuild_kind {
	BND_SAME,
	BND_DIFF_IMAGES,      /* another number of them or other names */
	BND_DIFF_PLATFORMS,   /* of an image */
	BND_DIFF_LAYERS,      /* another number of them */
	BND_DIFF_CONTENT,     /* of a layer */
	BND_DIFF_COMPRESSION, /* of a layer whose content is the same */
	BND_DIFF_DOCUMENT,    /* configuration, manifest, index, definition, source, tool, root */
};

/* The first difference, the base of the others: layers before what lists them. */
struct bnd_rebuild_difference {
	enum bnd_rebuild_kind kind;
	char *image, *platform; /* NULL = none to be named */
	char *what;		/* the layer or document */
	char *expected, *made;	/* digests or counts */
	/* of BND_DIFF_CONTENT, set by bnd_rebuild_look_closer() */
	char *member, *detail;
	/* where it is, for that function: indexes into the plan and the bundle */
	size_t image_i, platform_i, bundle_platform_i, stage_i, layer_i, manifest_layer_i;
};
void bnd_rebuild_difference_release(struct bnd_rebuild_difference *d);
EB_DEFINE_RELEASE(struct bnd_rebuild_difference, bnd_rebuild_difference_release)
const char *bnd_rebuild_kind_name(enum bnd_rebuild_kind kind); /* "content", ... */

/* p is made. */
int bnd_rebuild_compare(const struct bnd_bundle *b, const struct bnd_plan *p,
			struct bnd_rebuild_difference *ret, struct eb_error **err) EB_MUST_CHECK;
/* Make the layer of a BND_DIFF_CONTENT once more and find the member and byte: streamed against the
 * bundle's own, nothing is stored. */
int bnd_rebuild_look_closer(const struct bnd_bundle *b, const struct bnd_plan *p,
			    struct bnd_rebuild_difference *d, struct eb_error **err) EB_MUST_CHECK;
