/* One platform of an image in two bundles. Private to diff.c. */
#pragma once

#include "bundle/layers.h"

struct bnd_image;

/* Add "packages", "layers", "config", "new_bytes" and, with_files, "files" to the object j. */
int bnd_diff_platform(const struct bnd_layers *old_layers, const struct bnd_layers *new_layers,
		      const json_t *old_packages, const json_t *new_packages, bool with_files,
		      json_t *j, struct eb_error **err) EB_MUST_CHECK;
/* What definition.json says about the packages of an image's platform; borrowed, may be NULL. */
const json_t *bnd_packages_of(const struct bnd_bundle *b, const char *ref, const char *platform);
