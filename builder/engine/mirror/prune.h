/* Taking away again what a list has brought and does not mean any more. Only what its state knows,
 * only as long as it is what was brought, never the last tag of a repository, and nothing of an
 * entry of which something failed this time. */
#pragma once

#include "mirror/gather.h"
#include "mirror/mirror_state.h"

enum mir_fate {
	MIR_PRUNE,     /* to be deleted */
	MIR_PRUNED,    /* it was */
	MIR_GONE,      /* somebody else did; it is forgotten */
	MIR_TAKEN,     /* it is something else now, so it is not ours; it is forgotten */
	MIR_KEPT,      /* `why` */
	MIR_NOT_PRUNED /* `error` */
};

struct mir_pruned {
	size_t record; /* in the state */
	char *ref;     /* "HOST/REPO:TAG", "HOST/REPO@DIGEST" */
	enum mir_fate fate;
	const char *why;
	bool late;	/* that it is kept was found out while deleting */
	bool by_digest; /* the list asks for something of its repository without a tag */
	struct eb_error *error;
};

struct mir_pruning {
	struct mir_pruned *items; /* by repository, as in the state */
	size_t n;
};
void mir_pruning_release(struct mir_pruning *p);
EB_DEFINE_RELEASE(struct mir_pruning, mir_pruning_release)

/* What would be deleted from r, which is l->to's; deletes nothing, and does not touch the state.
 * items: all of this run. A repository that cannot be looked at is one that is not pruned. */
void mir_prune_plan(const struct mir_list *l, const struct mir_net *net, struct oci_registry *r,
		    const struct mir_items *items, const struct mir_state *s,
		    struct mir_pruning *ret);
/* Delete what is MIR_PRUNE, tag by tag. A registry that deletes by digest only is asked to do so
 * where no tag that stays needs the document, be it inside an index. What is gone leaves the state.
 */
void mir_prune(const struct mir_net *net, struct oci_registry *r, struct mir_pruning *p,
	       struct mir_state *s);
