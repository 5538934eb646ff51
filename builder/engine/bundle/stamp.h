/* "Nothing to do": a note in the cache that an output file holds what a key stands for. The file
 * counts as unchanged while its inode, size and times are the same. */
#pragma once

#include "image/digest.h"

struct eb_error;
struct pkg_cache;

/* *ret_root is filled when path is still what was noted for key. Any doubt is EB_E_NOT_FOUND. */
int bnd_stamp_check(const struct pkg_cache *c, const char *key, const char *path,
		    struct oci_digest *ret_root, struct eb_error **err) EB_MUST_CHECK;
void bnd_stamp_note(const struct pkg_cache *c, const char *key, const char *path,
		    const struct oci_digest *root);
