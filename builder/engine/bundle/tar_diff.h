/* Two tars side by side, streamed: the first member in which they differ, and where in it. */
#pragma once

#include "base/cleanup.h"

struct eb_error;
struct eb_reader;

struct bnd_tar_difference {
	char *member; /* its path */
	char *detail; /* "content: the first differing byte is at offset 12 (100 and 104 bytes)" */
};
void bnd_tar_difference_release(struct bnd_tar_difference *d);
EB_DEFINE_RELEASE(struct bnd_tar_difference, bnd_tar_difference_release)

/* Plain tars; a is called "expected", b "made". 1 with *ret filled, 0 when every member is the same
 * in all that a layer can hold. Takes ownership of both readers. Errors: those of reading. */
int bnd_tar_compare(struct eb_reader *a, struct eb_reader *b, struct bnd_tar_difference *ret,
		    struct eb_error **err) EB_MUST_CHECK;
