/* Planning an image that is carried as it is: its documents come out of the source cache, each
 * verified by the digest that leads to it. */
#pragma once

#include "image/image.h"

/* The platforms of ret->chain's recipe that are asked for (NULL = all), the index, what it lists
 * about them, and what hangs on one of these. ret->version is set, ret->platforms has room. Errors:
 * EB_E_CONFLICT when the lock lacks something, EB_E_DIGEST, EB_E_NOT_FOUND (cache). */
int img_carried_plan(const struct img_env *env, const char *const *arches, size_t n_arches,
		     struct img_image *ret, struct eb_error **err) EB_MUST_CHECK;
/* A layer of it out of the cache, verified while it is read. */
int img_carried_layer(const struct img_env *env, const struct img_image *i,
		      const struct oci_descriptor *layer, struct eb_reader **ret,
		      struct eb_error **err) EB_MUST_CHECK;
/* The first entry of an index for Linux on `arch`, or NULL. */
const struct oci_descriptor *img_find_platform(const struct oci_manifest *index, const char *arch);
