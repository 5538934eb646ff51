/* The `go` part of recipes: programs built for each architecture, locked by what came out. */
#pragma once

#include "image/env.h"

struct rcp_lock;
struct rcp_recipe;

/* Build the recipe's programs for each of its architectures and add them, and the modules that are
 * in them, to the lock `now`. An `old` lock (may be NULL) that answers the recipe's question is
 * taken over; what was built before from the same and is in the cache still is not built again.
 * Nothing if the recipe has none. Errors: those of pkg_go_build(), with the place in the recipe. */
int img_programs_lock(const struct img_env *env, const struct rcp_recipe *rcp,
		      const struct rcp_lock *old, struct rcp_lock *now,
		      struct eb_error **err) EB_MUST_CHECK;
/* Make what the lock names for arch and the cache lacks: taken from a --sources directory or built
 * again, which must give the same (EB_E_DIGEST). */
int img_programs_remake(const struct img_env *env, const struct rcp_recipe *rcp,
			const struct rcp_lock *lock, const char *arch,
			struct eb_error **err) EB_MUST_CHECK;
