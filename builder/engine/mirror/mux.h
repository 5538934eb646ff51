/* Many sources as one: documents and blobs are asked for by digest alone, and come from where the
 * image that lists them is. */
#pragma once

#include "dist/graph.h"

struct mir_item;

struct mir_mux; /* its source may be used by threads; adding may not */

enum { MIR_MUX_MAX_ENTRIES = 4 * 1000 * 1000 };

struct mir_mux *mir_mux_new(void) EB_MALLOC;
struct mir_mux *mir_mux_free(struct mir_mux *m);
EB_DEFINE_CLEANUP(struct mir_mux *, mir_mux_free)
/* The document d, and whatever is below it, is in src (borrowed); when it is known already, nothing
 * changes. text (borrowed, may be NULL): the document itself, when src has it not; repo (the same):
 * where it is brought. */
void mir_mux_add(struct mir_mux *m, const struct oci_digest *d, const struct oci_source *src,
		 const char *text, const char *repo);
/* What was added before is at its destination now. */
void mir_mux_settle(struct mir_mux *m);
/* The repository of what was settled with this document or blob in it; NULL = none. Thread-safe. */
const char *mir_mux_repo(struct mir_mux *m, const struct oci_digest *d);
/* Lives as long as m. EB_E_NOT_FOUND for what no document that was read lists. */
struct oci_source mir_mux_source(struct mir_mux *m);

/* What one image sees of a source: not what is left out of its sparse index. Borrows both. */
struct mir_view {
	const struct oci_source *all;
	const struct mir_item *item;
};
struct oci_source mir_view_source(struct mir_view *v);
