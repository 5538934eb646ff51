/* A bundle as files: its image layout as a directory, or the root file system of one image. Both
 * appear under their name only when whole. What is written was verified by its digest while it was
 * read; who signed it is the caller's to check before (verify.h). */
#pragma once

#include "bundle/extract.h"
#include "bundle/reader.h"

struct eb_progress;

struct bnd_unpack_result {
	uint64_t files, bytes; /* written */
};

/* The image layout: oci-layout, index.json without its blanks, blobs/, the tool. Other programs
 * read it as oci:DIR. Errors: EB_E_CONFLICT (dir is not empty), EB_E_DIGEST, errno. */
int bnd_unpack_layout(const struct bnd_bundle *b, const char *dir, struct eb_progress *progress,
		      struct bnd_unpack_result *ret, struct eb_error **err) EB_MUST_CHECK;
/* The layers of platform `p` of im, one upon the other. Errors: those above, of
 * bnd_extract_layer(), each naming the layer. */
int bnd_unpack_image(const struct bnd_bundle *b, const struct bnd_image *im, size_t p,
		     const char *dir, const struct bnd_extract_options *o,
		     struct eb_progress *progress, struct bnd_extract_result *ret,
		     struct eb_error **err) EB_MUST_CHECK;
