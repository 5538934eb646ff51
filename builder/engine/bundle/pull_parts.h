/* Inside bundle/pull: the documents of a bundle in a registry, and the layout that follows. */
#pragma once

#include "bundle/reader.h"
#include "bundle/writer.h"
#include "dist/graph.h"
#include "dist/ref.h"

struct oci_registry;

/* A small blob that is known without asking for it again. */
struct bnd_pull_text {
	struct oci_digest digest;
	char *text;
};

struct bnd_pull_parts {
	struct oci_registry *registry; /* borrowed */
	const char *repo;	       /* borrowed */
	struct oci_graph graph;
	struct bnd_bundle bundle; /* without an archive */
	struct bnd_pull_text *texts;
	size_t n_texts;
};
void bnd_pull_parts_release(struct bnd_pull_parts *p);

/* EB_E_FORMAT when it is no bundle. */
int bnd_pull_parts(struct oci_registry *r, const struct oci_ref *ref, struct bnd_pull_parts *ret,
		   struct eb_error **err) EB_MUST_CHECK;
/* The canonical layout, with the text of every document. */
int bnd_pull_layout(const struct bnd_pull_parts *p, struct bnd_layout *ret,
		    struct eb_error **err) EB_MUST_CHECK;
