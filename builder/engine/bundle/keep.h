/* Which sources the locks of recipes and bundles name: what a cache must keep for them. */
#pragma once

#include "base/cleanup.h"

struct eb_error;

struct bnd_keep {
	struct eb_arena *arena;
	const char **hashes;
	size_t n, alloc;
	size_t recipes; /* whose locks were read */
};
void bnd_keep_release(struct bnd_keep *k);
EB_DEFINE_RELEASE(struct bnd_keep, bnd_keep_release)

/* Add what dir needs: a recipe's directory, a bundle definition's, or one that holds such
 * directories ("recipes"). Recipes without a lock name nothing. Errors: EB_E_NOT_FOUND when dir is
 * none of that, those of reading. */
int bnd_keep_add(struct bnd_keep *k, const char *dir, struct eb_error **err) EB_MUST_CHECK;
/* Sort, each once: then hashes[0..n) is what pkg_cache_gc() takes. */
void bnd_keep_finish(struct bnd_keep *k);
