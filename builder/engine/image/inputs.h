/* What goes into an image on one architecture: the lines of its locks as inputs, stage by stage, in
 * the order in which they are put into the tree. */
#pragma once

#include "image/chain.h"
#include "pkg/input.h"

struct img_inputs {
	struct pkg_input *items;
	/* By item, the place in the recipe that asks for just this one; NULL: it follows from
	 * something else. */
	const struct rcp_pos **asked;
	size_t n;
	size_t *first; /* items of stage s: first[s] to first[s + 1] - 1 */
};

/* Strings are those of the locks, or of `arena`. */
void img_inputs_list(const struct img_chain *c, const char *arch, struct eb_arena *arena,
		     struct img_inputs *ret);
void img_inputs_release(struct img_inputs *i);
EB_DEFINE_RELEASE(struct img_inputs, img_inputs_release)
