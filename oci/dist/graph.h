/* Everything below one manifest or index: its documents with their texts, and the blobs they list,
 * each once. */
#pragma once

#include "image/manifest.h"

struct eb_reader;

enum {
	OCI_GRAPH_MAX_DEPTH = 8,
	OCI_GRAPH_MAX_NODES = 16384,
	OCI_GRAPH_MAX_BLOBS = 200000,
	OCI_GRAPH_MAX_BYTES = 256 * 1024 * 1024, /* of texts */
};

enum { OCI_SOURCE_ABSENT = 1 };

/* Where documents and blobs come from; shared by threads. */
struct oci_source {
	void *ctx;
	/* The verified text of a document (heap, NUL-terminated). OCI_SOURCE_ABSENT: it is not
	 * there and is not to be missed; what lists it is then read as if it did not. */
	int (*text)(void *ctx, const struct oci_descriptor *d, char **ret, struct eb_error **err);
	/* Bytes of a blob from `offset` on, not verified. */
	int (*blob)(void *ctx, const struct oci_descriptor *d, uint64_t offset,
		    struct eb_reader **ret, struct eb_error **err);
};

struct oci_node {
	struct oci_descriptor desc; /* as its parent has it */
	char *text;
	struct oci_manifest doc;
	unsigned int level; /* 0 = lists no other document; else one more than what it lists */
};

struct oci_graph {
	struct oci_node
		*nodes; /* what is listed comes before what lists it; the root is the last */
	size_t n_nodes, alloc_nodes;
	struct oci_descriptor *blobs;
	size_t n_blobs, alloc_blobs;
	uint64_t text_bytes, blob_bytes;
};

/* Read all documents below root. Errors: those of the source, EB_E_LIMIT, EB_E_FORMAT, naming the
 * document. */
int oci_graph_load(const struct oci_source *src, const struct oci_descriptor *root,
		   struct oci_graph *ret, struct eb_error **err) EB_MUST_CHECK;
void oci_graph_release(struct oci_graph *g);
EB_DEFINE_RELEASE(struct oci_graph, oci_graph_release)
const struct oci_node *oci_graph_root(const struct oci_graph *g);
const struct oci_node *oci_graph_find(const struct oci_graph *g, const struct oci_digest *d);
