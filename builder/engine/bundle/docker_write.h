/* Images into an archive that `docker load` takes (format v1.2), and podman, skopeo and containerd:
 *
 *   manifest.json          configurations, tags and layers of each image
 *   <hex of config>.json   the configurations, byte for byte
 *   <hex of diffID>.tar    the layers, uncompressed, each once
 *
 * No directories, no `repositories` (of format v1.0). The bytes follow from configurations and tags
 * alone, whatever the layers were compressed with. Image manifests are lost. */
#pragma once

#include "bundle/layout_write.h"

/* images: manifests of one platform each; tags from their names, which have to be references in
 * full, names without one (full_name not set, or a digest only) leave the image without a tag; the
 * same configuration twice is one image with both tags. Every layer is checked against its digest
 * and its diffID. Errors: EB_E_USAGE (an index), EB_E_UNSUPPORTED (no image), those of the
 * source. */
int bnd_write_docker(const char *path, const struct oci_source *src,
		     const struct bnd_image_in *images, size_t n, const struct bnd_write_options *o,
		     struct eb_error **err) EB_MUST_CHECK;
