/* Which of a repository's tags an entry of a list means. */
#pragma once

#include "mirror/mirror_list.h"

/* Older first is negative. Versions are compared as such and are newer than tags that are none;
 * others are compared by text, digits in them as numbers ("2024-9" before "2024-10"). Never 0 for
 * different tags. */
int mir_tag_cmp(const char *a, const char *b);
/* "sha256-HEX", with ".sig", ".att" or ".sbom" behind it: belongs to an image and is none itself.
 */
bool mir_tag_is_attached(const char *tag);
/* Those of tags[0..n) that im's patterns, range and exclusions let through, the newest `keep` of
 * them, newest first. *ret is an array (heap) of the given pointers. */
void mir_choose(const struct mir_image *im, char *const *tags, size_t n, const char ***ret,
		size_t *ret_n);
