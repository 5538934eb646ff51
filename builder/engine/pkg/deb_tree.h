/* From the index of a package to the tree: filters, diversions, merged /usr, Replaces, and the
 * metadata that scanners look for. */
#pragma once

#include "rootfs/merge.h"

struct pkg_deb_index;

/* Add what the package ships, as `origin` (whose name is the package's, and whose files'
 * content.origin it becomes). Times are clamped to the options' epoch. A file that another package
 * has is a conflict that names both, unless the Replaces field of one of them settles it as dpkg
 * would: the replacing package's file stays.
 *
 * Also adds var/lib/dpkg/status.d/<package>, the control stanza with "Status: install ok
 * installed", and <package>.md5sums beside it: the layout that image scanners know from images
 * without dpkg's database.
 * Errors: EB_E_CONFLICT, EB_E_FORMAT, EB_E_LIMIT, each naming package and path. The tree is of no
 * use afterwards. */
int pkg_deb_to_tree(struct rfs_tree *t, unsigned int origin, const struct pkg_deb_index *x,
		    const struct rfs_merge_options *o, struct eb_error **err) EB_MUST_CHECK;
