/* A layer of somebody else's image, read as an archive, on top of the tree of those before it. */
#pragma once

#include "pkg/index.h"

struct rfs_tree;

/* Apply the layer as runtimes do (image-spec, layer.md): what it hides goes first (".wh.NAME" one
 * entry, ".wh..wh..opq" all that its directory had), then its entries come, each in the place of
 * whatever was there; a directory over a directory changes its attributes alone. Owners, modes and
 * extended attributes stay as they are. EB_E_FORMAT: a hard link to what is no file. The tree is of
 * no use after a failure. */
int pkg_layer_to_tree(struct rfs_tree *t, unsigned int origin, const struct pkg_index *x,
		      struct eb_error **err) EB_MUST_CHECK;
