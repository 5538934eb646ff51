/* An image that is built: for each architecture a configuration and a manifest over the layers of
 * its stages, and one index over them. Small documents only, ready to be hashed and written; the
 * layers themselves are made by img_stage_write(). Or one that is carried: the same documents out
 * of the source cache (carried.h). */
#pragma once

#include "image/manifest.h"
#include "image/stage.h"

struct img_text { /* a document and what it is called by */
	char *text;
	struct oci_descriptor desc;
};

void img_text_release(struct img_text *t);
EB_DEFINE_RELEASE(struct img_text, img_text_release)

struct img_platform {
	const char *arch; /* borrowed from the recipe */
	/* Of each stage, in order; owned by the session. None when the image is carried. */
	const struct img_layers **stage;
	size_t n_stages;
	struct img_text config, manifest;
	struct oci_descriptor *layers; /* as the manifest lists them */
	size_t n_layers;
};

struct img_image {
	const struct img_chain *chain; /* borrowed */
	char *version;
	struct img_platform *platforms; /* sorted by architecture */
	size_t n_platforms;
	struct img_text index; /* or the only platform's manifest, of an image that is carried */
	/* The rest is of an image that is carried. What its index lists about its platforms
	 * (oci_descriptor_attests()): */
	struct img_platform *attestations;
	size_t n_attestations;
	/* What hangs on it: a document, annotated with what it is about (BND_ANN_SIGNS) and how it
	 * hangs there, and after it what that lists; data without its text. */
	struct img_text *hanging;
	size_t n_hanging, alloc_hanging;
};

/* The image on those of `arches` that its recipe has (NULL = all of the recipe's); EB_E_NOT_FOUND
 * when none is left. */
int img_image_plan(struct img_session *s, const struct img_chain *c, const char *const *arches,
		   size_t n_arches, enum img_trust trust, struct img_image *ret,
		   struct eb_error **err) EB_MUST_CHECK;
void img_image_release(struct img_image *i);
EB_DEFINE_RELEASE(struct img_image, img_image_release)

/* One architecture alone. */
int img_platform_plan(struct img_session *s, const struct img_chain *c, const char *arch,
		      enum img_trust trust, struct img_platform *ret,
		      struct eb_error **err) EB_MUST_CHECK;
void img_platform_release(struct img_platform *p);
EB_DEFINE_RELEASE(struct img_platform, img_platform_release)

/* Put what came out into the lock of the chain's last stage: results and layers for every
 * architecture, for env's compression, in the place of all that it had. */
void img_image_to_lock(const struct img_image *i, const struct img_env *env, struct rcp_lock *lock);
