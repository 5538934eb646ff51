/* From the index of a wheel to the tree: what an installer would do, without running anything. */
#pragma once

#include "rootfs/merge.h"

struct pkg_wheel;

/* Where things go; absolute paths in the image. */
struct pkg_wheel_scheme {
	const char *library; /* purelib and platlib: "/usr/local/lib/python3.13/dist-packages" */
	const char *scripts; /* "/usr/local/bin" */
	const char *data;    /* prefix of the data scheme: "/usr/local" */
	const char *headers; /* "/usr/local/include/python3.13" */
	const char *python;  /* "/usr/bin/python3.13" */
};

/* Add the wheel's files as `origin`, with path filters and diversions as for packages. The
 * dist-info directory gets a RECORD of what was installed (sorted) and INSTALLER; signatures of the
 * old RECORD and traces of another installation are left out. Files of the data scheme go where it
 * says; a key that the scheme does not know is refused. Errors: EB_E_CONFLICT (another input has
 * the file), EB_E_FORMAT, EB_E_LIMIT. The tree is of no use afterwards. */
int pkg_wheel_to_tree(struct rfs_tree *t, unsigned int origin, const struct pkg_wheel *w,
		      const struct pkg_wheel_scheme *s, const struct rfs_merge_options *o,
		      struct eb_error **err) EB_MUST_CHECK;
