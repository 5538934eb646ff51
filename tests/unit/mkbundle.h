/* Small bundles for tests, with layers and documents as the test says, written by the real writer.
 * Call in this order: layers of a platform, the platform, ... the image, ... write. */
#pragma once

#include <jansson.h>

#include "base/buf.h"
#include "base/codec.h"

struct oci_digest;

struct mkb;
struct mkb *mkb_new(void);
struct mkb *mkb_free(struct mkb *m);
EB_DEFINE_CLEANUP(struct mkb *, mkb_free)
/* A layer of the platform under way; tar without its end is ended here. holds: annotation, or
 * NULL. */
void mkb_layer(struct mkb *m, const struct eb_buf *tar, const char *holds, enum eb_codec_kind kind);
/* The next layer's entry in the configuration is this instead of the right one. */
void mkb_wrong_diff_id(struct mkb *m, const struct oci_digest *d);
/* A Debian package of the platform under way. */
void mkb_package(struct mkb *m, const char *name, const char *version);
/* End the platform; config is the OCI "config" object (taken, may be NULL). */
void mkb_platform(struct mkb *m, const char *arch, json_t *config);
void mkb_image(struct mkb *m, const char *ref);
void mkb_write(struct mkb *m, const char *path);
/* All of it for one image "ess.internal/one:1" on amd64 with one plain layer. */
void mkb_one(const struct eb_buf *tar, const char *path);
