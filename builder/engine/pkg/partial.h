/* Downloads under way: partial/<hex> of the cache. The process that writes one holds its lock; the
 * bytes stay when it dies, and whoever comes next goes on behind them after hashing them again. */
#pragma once

#include "base/cleanup.h"

struct eb_error;
struct pkg_cache;
struct pkg_partial;

enum pkg_partial_state {
	PKG_PARTIAL_MINE,   /* locked, *ret is set */
	PKG_PARTIAL_BUSY,   /* another process has it */
	PKG_PARTIAL_STORED, /* no need: the cache has the whole */
};

/* Returns a state, or a negative code. size UINT64_MAX = unknown. c must outlive *ret. */
int pkg_partial_open(const struct pkg_cache *c, const char *sha256, uint64_t size,
		     struct pkg_partial **ret, struct eb_error **err) EB_MUST_CHECK;
/* Unlocks; the bytes stay, unless there are none. */
struct pkg_partial *pkg_partial_free(struct pkg_partial *p);
EB_DEFINE_CLEANUP(struct pkg_partial *, pkg_partial_free)
/* Bytes had so far. */
uint64_t pkg_partial_have(const struct pkg_partial *p);
int pkg_partial_add(struct pkg_partial *p, const void *data, size_t n,
		    struct eb_error **err) EB_MUST_CHECK;
/* Drop all bytes. */
int pkg_partial_restart(struct pkg_partial *p, struct eb_error **err) EB_MUST_CHECK;
/* Give it its name in the cache if size and hash are right. EB_E_DIGEST otherwise, which leaves it
 * as it is. */
int pkg_partial_publish(struct pkg_partial *p, struct eb_error **err) EB_MUST_CHECK;
/* Wait until no other process has it locked. */
int pkg_partial_wait(const struct pkg_cache *c, const char *sha256,
		     struct eb_error **err) EB_MUST_CHECK;
