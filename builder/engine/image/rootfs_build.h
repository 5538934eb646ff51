/* From a chain of recipes with locks to the tree of one architecture. */
#pragma once

#include "image/inputs.h"
#include "rootfs/tree.h"

struct img_rootfs {
	struct rfs_tree *tree;
	struct img_inputs inputs; /* by rfs_origin.input; strings of the locks and the tree */
};

int img_rootfs_build(const struct img_env *env, const struct img_chain *c, const char *arch,
		     struct img_rootfs *ret, struct eb_error **err) EB_MUST_CHECK;
void img_rootfs_release(struct img_rootfs *r);
EB_DEFINE_RELEASE(struct img_rootfs, img_rootfs_release)
