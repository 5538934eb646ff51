/* The source cache: files by SHA-256, shared by concurrent processes.
 *
 *   sources/sha256/<hex>      verified when they were stored, read-only
 *   partial/<hex>             a download under way: locked (flock) by the process that has it, kept
 *                             across a kill so that the next run goes on where it stopped
 *   derived/<kind>/<key>      small results of work (package indexes, image results), each with
 *                             its own SHA-256 in its first line, so a damaged one is made anew
 *
 * A file appears under its name only when whole and verified. Readers verify again while they read.
 */
#pragma once

#include "base/dir.h"

struct eb_reader;

struct pkg_cache {
	struct eb_dir dir;
};

int pkg_cache_open(const char *path, struct pkg_cache *ret, struct eb_error **err) EB_MUST_CHECK;
void pkg_cache_release(struct pkg_cache *c);
EB_DEFINE_RELEASE(struct pkg_cache, pkg_cache_release)
/* fd of a stored source and its size, or EB_E_NOT_FOUND (cheap; err may be NULL). */
int pkg_cache_find(const struct pkg_cache *c, const char *sha256, uint64_t *ret_size,
		   struct eb_error **err) EB_MUST_CHECK;
/* A reader that verifies. what is for messages; a damaged file is named, with its path in the
 * cache and the hint to remove it, and is moved out of the way so that the next run fetches it. */
int pkg_cache_read(const struct pkg_cache *c, const char *sha256, uint64_t size, const char *what,
		   struct eb_reader **ret, struct eb_error **err) EB_MUST_CHECK;
/* Store what `in` gives (takes ownership), which must be size bytes with that hash. */
int pkg_cache_store(const struct pkg_cache *c, const char *sha256, uint64_t size,
		    struct eb_reader *in, const char *what, struct eb_error **err) EB_MUST_CHECK;
/* Store text of unknown hash; ret_sha256 gets it. */
int pkg_cache_store_text(const struct pkg_cache *c, const void *p, size_t n,
			 char ret_sha256[static 65], struct eb_error **err) EB_MUST_CHECK;
/* Derived results. get: EB_E_NOT_FOUND when missing or damaged. */
struct eb_buf;
int pkg_cache_derived_get(const struct pkg_cache *c, const char *kind, const char *key,
			  struct eb_buf *out, struct eb_error **err) EB_MUST_CHECK;
int pkg_cache_derived_put(const struct pkg_cache *c, const char *kind, const char *key,
			  const void *p, size_t n, struct eb_error **err) EB_MUST_CHECK;
/* Forget all of a kind: one of them turned out to be wrong, so none is to be believed. Without
 * error: what cannot be removed is found wrong again. */
void pkg_cache_derived_drop(const struct pkg_cache *c, const char *kind);
