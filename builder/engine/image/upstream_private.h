/* Inside image/upstream: one image on its way into the source cache. */
#pragma once

#include "image/manifest.h"
#include "image/upstream.h"

struct oci_registry;
struct rcp_locked_blob;

/* The registry is opened when something is not in the cache. */
struct img_getter {
	const struct img_env *env;
	const struct rcp_recipe *rcp;
	struct img_place place;
	struct oci_registry *registry;
};
void img_getter_release(struct img_getter *g);
EB_DEFINE_RELEASE(struct img_getter, img_getter_release)
/* EB_E_OFFLINE when no registry may be asked. */
int img_getter_connect(struct img_getter *g, struct eb_error **err) EB_MUST_CHECK;
/* What the user knows: the image, beside what the registry's client says. Returns r. */
int img_getter_failed(const struct img_getter *g, int r, struct eb_error **err);
/* Bring blobs into the cache; a size of UINT64_MAX is any. */
int img_getter_all(struct img_getter *g, const struct rcp_locked_blob *blobs, size_t n,
		   struct eb_error **err) EB_MUST_CHECK;
/* A blob of a repository into the cache, resumed where a previous run stopped; waits for another
 * process that fetches it. EB_E_DIGEST when it is another. */
int img_blob_to_cache(struct oci_registry *registry, const char *repo,
		      const struct pkg_cache *cache, const char *sha256, uint64_t size,
		      struct eb_error **err) EB_MUST_CHECK;
/* A document whose digest is known, through the cache. kind: for messages. */
int img_getter_document(struct img_getter *g, const char *kind, const char *media_type,
			const struct oci_digest *digest, struct oci_manifest *ret,
			uint64_t *ret_size, struct eb_error **err) EB_MUST_CHECK;

/* Add a line to the lock unless it is there: a layer may come twice in an image. signs: digest of
 * what the blob hangs on, or NULL. */
void img_lock_blob(struct rcp_lock *l, const char *arch, const char *kind, const char *signs,
		   const struct oci_descriptor *d);
/* Everything that hangs on `subject` in its repository: what lies under cosign's tags, what refers
 * to it, and what refers to that. The documents are in the cache afterwards. EB_E_LIMIT when there
 * is too much of it. */
int img_lock_hangers(struct img_getter *g, const struct oci_digest *subject, struct rcp_lock *l,
		     struct eb_error **err) EB_MUST_CHECK;
