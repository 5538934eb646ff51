/* Which layer holds what.
 *
 * Layers are cut so that images share them and an update changes little: inputs are grouped by what
 * is updated together (packages by their source package); a large source gets a layer of its own,
 * the small ones share a few layers, chosen by a hash of the source's name so that none moves when
 * another comes or goes; what the recipe and the fix-ups made is the last layer. Layers of the
 * parent image are not repeated, only what changed since.
 *
 * In a layer directories come first, then package by package, in each the order of its archive, so
 * that a package is streamed from its archive once and an update of it changes bytes in one place.
 */
#pragma once

#include "image/chain.h"
#include "image/cut.h"
#include "pkg/input.h"
#include "rootfs/tree.h"

enum {
	IMG_MAX_LAYERS = 40,	    /* of an image, its parents' included */
	IMG_MAX_OWN = 12,	    /* sources with a layer of their own, of one stage */
	IMG_OWN_BYTES = 1 << 20,    /* from this installed size on */
	IMG_SHARED_BYTES = 2 << 20, /* small ones above it take two layers, above 4 times it four */
};

struct img_member {
	const struct rfs_node *node; /* NULL = whiteout */
	const char *path;	     /* in the layer; owned by the split's arena */
	bool cut_before;
};

struct img_group {
	const char *name;  /* "glibc", "shared 0", "image": the layer's annotation */
	const char *label; /* for the image's history: "libc6 2.41-12, libc-bin 2.41-12" */
	struct img_member *members;
	size_t n, alloc;
	uint64_t bytes; /* of file content */
};

struct img_split {
	struct eb_arena *arena;
	struct img_group *groups; /* in the order of the layers */
	size_t n;
};

/* inputs: by rfs_origin.input. inherited_layers: how many the parent image has. */
int img_split_tree(const struct rfs_tree *t, const struct pkg_input *inputs,
		   const char *recipe_name, size_t inherited_layers, struct img_split *ret,
		   struct eb_error **err) EB_MUST_CHECK;
void img_split_release(struct img_split *s);
EB_DEFINE_RELEASE(struct img_split, img_split_release)
