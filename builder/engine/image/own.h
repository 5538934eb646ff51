/* Programs of our own in images: built from the same sources as this one, and found by their name
 * in the directories of sources, among which the caller names the one beside the program. */
#pragma once

#include "image/env.h"

/* Take it into the cache and say what it is. url: see RCP_OWN_URL; what: for messages. Errors:
 * EB_E_NOT_FOUND when no directory has it. */
int img_own_find(const struct img_env *env, const char *url, const char *what,
		 char ret_sha256[static 65], uint64_t *ret_size,
		 struct eb_error **err) EB_MUST_CHECK;
/* Have the one in the cache that a lock names. Errors: EB_E_DIGEST when what is here is another,
 * EB_E_NOT_FOUND; dir is the recipe's, for the hint. */
int img_own_have(const struct img_env *env, const char *url, const char *what, const char *sha256,
		 uint64_t size, const char *dir, struct eb_error **err) EB_MUST_CHECK;
