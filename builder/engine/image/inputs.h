/* What goes into an image on one architecture: the lines of its locks as inputs, stage by stage, in
 * the order in which they are put into the tree. */
#pragma once

#include "image/chain.h"
#include "pkg/input.h"

/* What the recipe says of an input. All NULL: it follows from something else, such as what a
 * package depends on. */
struct img_asked {
	const struct rcp_pos *pos;
	const struct rcp_archive *archive;
	const struct rcp_entry *file;
	const struct rcp_go *program;
};

struct img_inputs {
	struct pkg_input *items;
	struct img_asked *asked; /* by item */
	size_t n;
	size_t *first; /* items of stage s: first[s] to first[s + 1] - 1 */
};

/* Strings are those of the locks and recipes, or of `arena`. EB_E_CONFLICT, with the hint to lock
 * again, when a lock lacks what its recipe asks for. */
int img_inputs_list(const struct img_chain *c, const char *arch, struct eb_arena *arena,
		    struct img_inputs *ret, struct eb_error **err) EB_MUST_CHECK;
void img_inputs_release(struct img_inputs *i);
EB_DEFINE_RELEASE(struct img_inputs, img_inputs_release)
