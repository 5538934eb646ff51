/* Where images are: SRC and DST of copy. "oci:DIR[:NAME]", "oci-archive:FILE[:NAME]",
 * "docker-archive:FILE[:NAME]", "bundle:FILE[:NAME]", "containerd:[NAMESPACE/][REF]",
 * "docker://REF" or a bare reference; a bare path that exists is a bundle. */
#pragma once

#include "dist/ref.h"

enum place_kind {
	PLACE_REGISTRY,
	PLACE_FOLDER,
	PLACE_ARCHIVE,
	PLACE_DOCKER,
	PLACE_BUNDLE,
	PLACE_CONTAINERD
};

struct place {
	enum place_kind kind;
	char *path;	    /* of a file or folder */
	char *name;	    /* in it; NULL = none given. Of containerd: a reference in full */
	char *namespace;    /* of containerd; NULL = not given */
	struct oci_ref ref; /* of a registry */
};
void place_release(struct place *p);
EB_DEFINE_RELEASE(struct place, place_release)
/* Is it a reference in full, with host and tag or digest, that needs no guessing? */
bool place_is_whole_name(const char *name);
/* Errors: EB_E_USAGE, EB_E_UNSUPPORTED. */
int place_parse(const char *text, struct place *ret, struct eb_error **err) EB_MUST_CHECK;
