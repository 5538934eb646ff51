/* Locking what does not come from a Debian archive: archives, commits, downloaded files. */
#pragma once

#include "image/chain.h"

struct eb_buf;

/* The tar of a recipe's git archive into the cache. */
int img_git_archive(const struct img_env *env, const struct rcp_recipe *rcp,
		    const struct rcp_archive *a, char ret_sha256[static 65], uint64_t *ret_size,
		    struct eb_error **err) EB_MUST_CHECK;

/* Fill the sections archives and files of `now` for what the recipe asks for, and others_sha256.
 * What `old` (may be NULL) has for the same URL or commit is taken over, unless `update`, and
 * unless the recipe says another sum; the rest is fetched. `review` gets a line for each hash that
 * was taken from the net (or from git) and that the recipe does not say: "! archive x: ...".
 * Errors: those of fetching; EB_E_DIGEST when a file is not what the recipe says. */
int img_lock_others(const struct img_env *env, const struct rcp_recipe *rcp,
		    const struct rcp_lock *old, bool update, const char *only, struct rcp_lock *now,
		    struct eb_buf *review, struct eb_error **err) EB_MUST_CHECK;
