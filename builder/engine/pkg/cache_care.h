/* Looking after the source cache: how large it is, whether it is sound, and making it smaller.
 * Other processes may use it meanwhile; what they have under way is left alone. */
#pragma once

#include "pkg/cache.h"

struct eb_pool;
struct eb_progress;

enum pkg_cache_kind {
	PKG_CACHE_SOURCE,
	PKG_CACHE_MODULE,   /* of Go: its module cache */
	PKG_CACHE_PARTIAL,  /* downloads that stopped or are under way */
	PKG_CACHE_DERIVED,  /* results of ours, and Go's build cache */
	PKG_CACHE_DAMAGED,  /* moved out of the way by a reader */
	PKG_CACHE_LEFTOVER, /* temporary files of runs that were killed */
	PKG_CACHE_KINDS,
};
const char *pkg_cache_kind_name(enum pkg_cache_kind kind); /* "sources", "partial", ... */

struct pkg_cache_usage {
	uint64_t files, bytes;
};
/* ret: by kind. */
int pkg_cache_measure(const struct pkg_cache *c, struct pkg_cache_usage ret[static PKG_CACHE_KINDS],
		      struct eb_error **err) EB_MUST_CHECK;

struct pkg_cache_check {
	struct pkg_cache_usage checked;
	char **damaged; /* hashes, sorted, NULL-terminated */
	size_t n_damaged;
};
void pkg_cache_check_release(struct pkg_cache_check *k);
EB_DEFINE_RELEASE(struct pkg_cache_check, pkg_cache_check_release)
/* Hash every source; those that are not what their name says are removed unless dry_run. */
int pkg_cache_verify(const struct pkg_cache *c, bool dry_run, struct eb_pool *pool,
		     struct eb_progress *progress, struct pkg_cache_check *ret,
		     struct eb_error **err) EB_MUST_CHECK;

struct pkg_cache_gc_options {
	const char *const *keep; /* hashes of sources, sorted by bytes; NULL = all of them */
	size_t n_keep;
	bool dry_run;
	int64_t now_sec; /* leftovers younger than a day may belong to a run */
};
/* Remove sources that are not kept (with a list of those, Go's modules, too: programs made from
 * them are sources), partial downloads that nobody has under way, everything derived, damaged files
 * and old leftovers. What belongs to a build of a Go program stays while one is under way. removed:
 * what went, or with dry_run would go. */
int pkg_cache_gc(const struct pkg_cache *c, const struct pkg_cache_gc_options *o,
		 struct pkg_cache_usage removed[static PKG_CACHE_KINDS],
		 struct eb_error **err) EB_MUST_CHECK;
/* Remove downloads that nobody has gone on with for two weeks: the archive has moved on by then and
 * their file is asked for by no lock. For those who fetch; without error, as it only saves space.
 */
void pkg_cache_age(const struct pkg_cache *c, int64_t now_sec);
