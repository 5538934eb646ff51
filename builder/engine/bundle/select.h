/* Naming one image of a bundle, and one of its platforms. */
#pragma once

#include "bundle/reader.h"

/* name: all of "ess.internal/matrix/redis:8.0-1", or that without the host, without the tag, or
 * only the last part of the path ("redis", "redis:8.0-1"). Errors: EB_E_NOT_FOUND with the nearest
 * name or all of them, EB_E_USAGE when several answer. */
int bnd_select_image(const struct bnd_bundle *b, const char *name, const struct bnd_image **ret,
		     struct eb_error **err) EB_MUST_CHECK;
/* platform: "linux/amd64", "linux/arm64/v8"; NULL = Linux on host_arch, else the only one. *ret is
 * an index into im->platforms. Errors: EB_E_NOT_FOUND listing those there are. */
int bnd_select_platform(const struct bnd_image *im, const char *platform, const char *host_arch,
			size_t *ret, struct eb_error **err) EB_MUST_CHECK;
/* "linux/amd64", "unknown" (heap). */
char *bnd_platform_name(const struct oci_descriptor *d);
/* Does `name` call this image? */
bool bnd_image_is_called(const struct bnd_image *im, const char *name);
/* The part of an image's name between host and tag: "matrix/redis"; heap. */
char *bnd_image_path(const char *name);
