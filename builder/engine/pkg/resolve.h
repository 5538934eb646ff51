/* From a recipe to its lock: which Debian packages, exactly, its last stage adds to what the
 * earlier stages have, for each architecture; of which suites; and which libraries do the
 * compressing on each host. */
#pragma once

#include "pkg/debrepo.h"

struct rcp_lock;

/* Resolve the last stage of chain.
 * parent_locks  one per earlier stage (chain->n - 1 of them): their packages are taken as installed
 * old           the lock so far, or NULL: suites may not go back behind its dates (and the
 * parents') ret           packages, suites, codecs, epoch (the newest date of a suite, or of a
 * parent's lock) and inputs; no results. The same inputs give the same lock. What an earlier stage
 * excludes is excluded here too, unless it is wanted here. Codecs are locked for each host that can
 * build (amd64, arm64), whatever the image's architectures. Errors: those of pkg_release_load();
 * EB_E_UNSOLVABLE and EB_E_NOT_FOUND with the place of the offending word in the recipe, if there
 * is one. */
int pkg_resolve(const struct pkg_repo_options *o, const struct rcp_chain *chain,
		struct rcp_lock *const *parent_locks, const struct rcp_lock *old,
		struct rcp_lock **ret, struct eb_error **err) EB_MUST_CHECK;
