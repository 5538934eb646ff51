/* Work whose result is kept in the cache, done by one process at a time: whoever comes second
 * waits, and finds the result. The lock is the kernel's (flock), so it is gone with the process
 * that has it, however that ends. */
#pragma once

#include "base/cleanup.h"

struct eb_progress;
struct pkg_cache;
struct pkg_once;

/* Take the lock of key (any text) in kind, waiting for another process that has it, which is shown
 * as a task that names `what`. The caller then looks into the cache once more. NULL when there can
 * be no lock (a cache on a file system without): the work may then be done twice, no more. Not to
 * be taken again by a thread that has it. */
struct pkg_once *pkg_once_begin(const struct pkg_cache *c, const char *kind, const char *key,
				const char *what, struct eb_progress *progress) EB_MUST_CHECK;
struct pkg_once *pkg_once_end(struct pkg_once *o);
EB_DEFINE_CLEANUP(struct pkg_once *, pkg_once_end)
