/* From a chain of recipes with locks to the tree of one architecture. */
#pragma once

#include "image/chain.h"
#include "rootfs/tree.h"

struct img_rootfs {
	struct rfs_tree *tree;
	const struct rcp_locked_package **inputs; /* by rfs_origin.input; borrowed from the locks */
	size_t n_inputs;
};

int img_rootfs_build(const struct img_env *env, const struct img_chain *c, const char *arch,
		     struct img_rootfs *ret, struct eb_error **err) EB_MUST_CHECK;
void img_rootfs_release(struct img_rootfs *r);
EB_DEFINE_RELEASE(struct img_rootfs, img_rootfs_release)
