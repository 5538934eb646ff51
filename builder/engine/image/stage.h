/* The layers that one stage of a chain adds, on one architecture: measured once, then known by
 * their key from the lock or the cache, and written where the caller wants them. */
#pragma once

#include <jansson.h>

#include "image/chain.h"
#include "image/layer.h"

struct img_layer_info {
	char *name; /* of the group, img_split */
	char *by;   /* what made it, for the history; NULL = the recipe */
	struct oci_layer_result result;
};

struct img_layers {
	char key[65];
	struct img_layer_info *items;
	size_t n;
	bool from_note; /* known from the cache alone */
	json_t *config; /* the OCI "config" object that comes with them (base.h), or NULL */
};
void img_layers_release(struct img_layers *l);
EB_DEFINE_RELEASE(struct img_layers, img_layers_release)

/* Results of stages that were asked for already, so that a base shared by many images is looked at
 * once. Not thread-safe. */
struct img_session;
struct img_session *img_session_new(const struct img_env *env) EB_MALLOC;
struct img_session *img_session_free(struct img_session *s);
EB_DEFINE_CLEANUP(struct img_session *, img_session_free)
const struct img_env *img_session_env(const struct img_session *s);
/* Codecs that had to be taken from the system: the caller tells the user. */
bool img_session_used_fallback(const struct img_session *s);

enum img_trust {
	IMG_TRUST_LOCK,	   /* believe the results in the lock, then the cache */
	IMG_TRUST_PARENTS, /* measure, but believe the stages below (lock) */
	IMG_TRUST_NOTHING, /* measure (rebuild) */
};
/* The layers of the last stage of c. *ret lives as long as the session. With IMG_TRUST_LOCK a lock
 * that has results for another key is EB_E_CONFLICT (the recipe was changed since), naming the
 * recipe; one that has them only for its own clock, while the build has another, counts as having
 * none. Packages must be in the cache (img_fetch). */
int img_stage_layers(struct img_session *s, const struct img_chain *c, const char *arch,
		     enum img_trust trust, const struct img_layers **ret,
		     struct eb_error **err) EB_MUST_CHECK;

/* Have the layers of the last stage that its lock names: from a shared cache, in the source cache;
 * false when they have to be made. True also for an image that is carried. */
bool img_stage_is_made(struct img_session *s, const struct img_chain *c, const char *arch);
/* Keep them in the shared caches that results go to; blobs_of gives their bytes. */
struct oci_source;
void img_stage_share(struct img_session *s, const struct img_chain *c, const char *arch,
		     const struct img_layers *l, const struct oci_source *blobs_of);

/* Where layer i goes: a writer (freed by the callee), or NULL to skip it. */
typedef struct eb_writer *(*img_place)(void *ctx, size_t i);
/* Make the layers of the last stage again and write them; what comes out must be `expect`, else
 * EB_E_DIGEST names the image, the layer and whether content or only compression differs. */
int img_stage_write(struct img_session *s, const struct img_chain *c, const char *arch,
		    const struct img_layers *expect, img_place place, void *ctx,
		    struct eb_error **err) EB_MUST_CHECK;
