/* Results of builds, kept for others in registries: programs, bytecode and layers that a lock
 * names, by the key of what they are made of. Each is an artifact of type IMG_MT_SHARED under the
 * tag KIND-KEY, whose layers are the result's blobs. A lock says which blobs these must be, and
 * they come into the source cache by their digests: a cache can save work, and change nothing. It
 * can also fail no build: what goes wrong with it is remembered for the user, and a registry that
 * does not answer is not asked again. One thread at a time. */
#pragma once

#include "image/upstream.h"

struct img_shared;
struct oci_digest;
struct oci_source;

#define IMG_MT_SHARED "application/vnd.ess.cache.v1+json"

struct img_shared_options {
	const struct img_upstream *upstream; /* opens registries */
	const struct pkg_cache *cache;
	struct eb_pool *pool;
	struct eb_progress *progress;
	const char *const *from, *const *to; /* "[http://|https://]HOST/REPOSITORY" */
	size_t n_from, n_to;
};

/* Opens no connection. EB_E_USAGE names the place that cannot be read. */
int img_shared_new(const struct img_shared_options *o, struct img_shared **ret,
		   struct eb_error **err) EB_MUST_CHECK;
struct img_shared *img_shared_free(struct img_shared *s);
EB_DEFINE_CLEANUP(struct img_shared *, img_shared_free)

struct img_shared_blob {
	const char *media_type;
	const struct oci_digest *digest;
	uint64_t size;
};
/* Have exactly these blobs in the source cache: they are, or one of the places has them under the
 * key. s may be NULL, and kind is a few letters. */
bool img_shared_get(struct img_shared *s, const char *kind, const char *key, const char *what,
		    const struct img_shared_blob *blobs, size_t n);
/* Keep them in all places that results go to. blobs_of gives their bytes (its text is not used);
 * NULL = they are in the source cache. */
void img_shared_put(struct img_shared *s, const char *kind, const char *key, const char *what,
		    const struct img_shared_blob *blobs, size_t n,
		    const struct oci_source *blobs_of);
/* The same for one file of the source cache. */
bool img_shared_get_file(struct img_shared *s, const char *kind, const char *key, const char *what,
			 const char *sha256, uint64_t size);
void img_shared_put_file(struct img_shared *s, const char *kind, const char *key, const char *what,
			 const char *sha256, uint64_t size);

struct img_shared_counts {
	size_t had, kept; /* results that came from a place, and that went to one */
};
struct img_shared_counts img_shared_count(const struct img_shared *s);
/* What went wrong with place i, NULL = nothing; places are those of `from` and then those of `to`.
 */
const char *img_shared_complaint(const struct img_shared *s, size_t i);
