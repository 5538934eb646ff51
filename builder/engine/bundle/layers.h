/* The layers of one image on one platform, read as tars: every byte is verified, compressed by the
 * manifest's digest and plain by the configuration's diff id. */
#pragma once

#include "bundle/reader.h"
#include "image/config.h"
#include "image/tar_read.h"

struct eb_progress;

struct bnd_layers {
	const struct bnd_bundle *bundle;     /* borrowed */
	const struct oci_manifest *manifest; /* borrowed */
	struct oci_config config;
	uint64_t bytes; /* compressed, of all */

	/* May be set by the caller: advanced by compressed bytes. */
	struct eb_progress *progress;
	unsigned int task;
};

/* EB_E_FORMAT when configuration and manifest do not have the same number of layers. */
int bnd_layers_open(const struct bnd_bundle *b, const struct oci_manifest *m,
		    struct bnd_layers *ret, struct eb_error **err) EB_MUST_CHECK;
void bnd_layers_release(struct bnd_layers *l);
EB_DEFINE_RELEASE(struct bnd_layers, bnd_layers_release)
/* The plain tar of layer i. Its content is to be believed only once a read has given 0. */
int bnd_layers_plain(const struct bnd_layers *l, size_t i, struct eb_reader **ret,
		     struct eb_error **err) EB_MUST_CHECK;
/* Its members; what they say is to be believed only once oci_tar_next() has given 0. */
int bnd_layers_tar(const struct bnd_layers *l, size_t i, struct oci_tar_reader **ret,
		   struct eb_error **err) EB_MUST_CHECK;
/* What an error about layer i begins with: "layer 3 (glibc)"; heap. */
char *bnd_layers_name(const struct bnd_layers *l, size_t i);

enum bnd_whiteout {
	BND_PLAIN_FILE,
	BND_WHITEOUT, /* hides what lower layers have under that name */
	BND_OPAQUE,   /* hides what lower layers have in that directory */
	BND_IGNORED,  /* another mark of the same scheme, meaningless in an image */
};
/* What a path of a layer stands for (image-spec, layer.md#whiteouts); *ret is what a whiteout or
 * opaque whiteout hides (heap). EB_E_FORMAT: whiteouts of nothing, of "." or "..", members inside a
 * whiteout. */
int bnd_whiteout_parse(const char *path, enum bnd_whiteout *ret_kind, char **ret,
		       struct eb_error **err) EB_MUST_CHECK;
