/* What tree.c and tree_edit.c share; nobody else includes this. */
#pragma once

#include "rootfs/tree.h"

/* "package 'redis-server'" (heap). */
char *rfs_origin_text_(const struct rfs_tree *t, unsigned int origin);
/* Take n out of its parent's children. */
void rfs_detach_(struct rfs_node *n);
/* Mode, owner, time, size and xattrs of one name of a file to another. */
void rfs_copy_attributes_(struct rfs_node *to, const struct rfs_node *from);
/* The node stops being the file it was: another name gets the content, or one name is counted off.
 */
void rfs_drop_content_(struct rfs_tree *t, struct rfs_node *n);
/* A node now stands where a whiteout may have been noted. */
int rfs_unwhiteout_(struct rfs_tree *t, struct rfs_node *n, struct eb_error **err) EB_MUST_CHECK;
