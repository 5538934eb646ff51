#include "dist/graph.h"

#include "base/error.h"
#include "base/mem.h"

void oci_graph_release(struct oci_graph *g)
{
	for (size_t i = 0; i < g->n_nodes; i++) {
		oci_descriptor_release(&g->nodes[i].desc);
		oci_manifest_release(&g->nodes[i].doc);
		free(g->nodes[i].text);
	}
	for (size_t i = 0; i < g->n_blobs; i++)
		oci_descriptor_release(&g->blobs[i]);
	free(g->nodes);
	free(g->blobs);
	*g = (struct oci_graph){ .nodes = NULL };
}

const struct oci_node *oci_graph_root(const struct oci_graph *g)
{
	return &g->nodes[g->n_nodes - 1];
}

const struct oci_node *oci_graph_find(const struct oci_graph *g, const struct oci_digest *d)
{
	for (size_t i = 0; i < g->n_nodes; i++)
		if (oci_digest_eq(&g->nodes[i].desc.digest, d))
			return &g->nodes[i];
	return NULL;
}

static int add_blob(struct oci_graph *g, const struct oci_descriptor *d, struct eb_error **err)
{
	int r;

	for (size_t i = 0; i < g->n_blobs; i++)
		if (oci_digest_eq(&g->blobs[i].digest, &d->digest)) {
			if (g->blobs[i].size == d->size)
				return 0;
			return eb_throw(err, EB_E_FORMAT,
					"blob %s is listed with %llu and %llu bytes",
					d->digest.text, (unsigned long long)g->blobs[i].size,
					(unsigned long long)d->size);
		}
	r = eb_grow(&g->blobs, &g->alloc_blobs, g->n_blobs + 1, sizeof(*g->blobs),
		    OCI_GRAPH_MAX_BLOBS, "blobs", err);
	if (r < 0)
		return r;
	oci_descriptor_copy(d, &g->blobs[g->n_blobs++]);
	g->blob_bytes += d->size;
	return 0;
}

static bool is_document(const struct oci_descriptor *d)
{
	return oci_media_type_is_index(d->media_type) || oci_media_type_is_manifest(d->media_type);
}

static int load(const struct oci_source *src, struct oci_graph *g, const struct oci_descriptor *d,
		unsigned int depth, unsigned int *ret_level, struct eb_error **err);

/* What an index lists may be blobs as well (image-spec, image-index.md: any media type). */
static int load_items(const struct oci_source *src, struct oci_graph *g, struct oci_node *n,
		      unsigned int depth, struct eb_error **err)
{
	size_t kept = 0;
	int r = n->doc.is_index ? 0 : add_blob(g, &n->doc.config, err);

	for (size_t i = 0; i < n->doc.n_items; i++) {
		struct oci_descriptor *d = &n->doc.items[i];
		unsigned int level = 0;
		bool document = n->doc.is_index && is_document(d);

		if (r >= 0)
			r = document ? load(src, g, d, depth + 1, &level, err)
				     : add_blob(g, d, err);
		if (document && r == OCI_SOURCE_ABSENT) {
			oci_descriptor_release(d);
			continue;
		}
		if (document && r >= 0 && n->level <= level)
			n->level = level + 1;
		n->doc.items[kept++] = *d;
	}
	n->doc.n_items = kept;
	return r < 0 ? r : 0;
}

static int load_node(const struct oci_source *src, struct oci_graph *g,
		     const struct oci_descriptor *d, unsigned int depth, struct oci_node *n,
		     struct eb_error **err)
{
	int r;

	if (depth > OCI_GRAPH_MAX_DEPTH)
		return eb_throw(err, EB_E_LIMIT, "more than %d indexes inside one another",
				OCI_GRAPH_MAX_DEPTH);
	if (d->size > OCI_MANIFEST_MAX_BYTES || g->text_bytes + d->size > OCI_GRAPH_MAX_BYTES)
		return eb_throw(err, EB_E_LIMIT,
				"a document of %llu bytes, after %llu bytes of others",
				(unsigned long long)d->size, (unsigned long long)g->text_bytes);
	oci_descriptor_copy(d, &n->desc);
	r = src->text(src->ctx, d, &n->text, err);
	if (r < 0 || r == OCI_SOURCE_ABSENT)
		return r;
	g->text_bytes += d->size;
	r = oci_manifest_parse(n->text, d->size, &n->doc, err);
	return r < 0 ? r : load_items(src, g, n, depth, err);
}

static void node_release(struct oci_node *n)
{
	oci_descriptor_release(&n->desc);
	oci_manifest_release(&n->doc);
	free(n->text);
}
EB_DEFINE_RELEASE(struct oci_node, node_release)

static int load(const struct oci_source *src, struct oci_graph *g, const struct oci_descriptor *d,
		unsigned int depth, unsigned int *ret_level, struct eb_error **err)
{
	EB_CLEANUP(node_release_p) struct oci_node n = { .level = 0 };
	const struct oci_node *known = oci_graph_find(g, &d->digest);
	int r;

	if (known) {
		*ret_level = known->level;
		return 0;
	}
	r = load_node(src, g, d, depth, &n, err);
	if (r == OCI_SOURCE_ABSENT && depth > 0)
		return r;
	if (r == OCI_SOURCE_ABSENT)
		r = eb_throw(err, EB_E_NOT_FOUND, "is not there");
	if (r >= 0)
		r = eb_grow(&g->nodes, &g->alloc_nodes, g->n_nodes + 1, sizeof(*g->nodes),
			    OCI_GRAPH_MAX_NODES, "documents", err);
	if (r < 0)
		return eb_prefix(err, r, "%s", d->digest.text);
	*ret_level = n.level;
	g->nodes[g->n_nodes++] = n;
	n = (struct oci_node){ .level = 0 };
	return 0;
}

int oci_graph_load(const struct oci_source *src, const struct oci_descriptor *root,
		   struct oci_graph *ret, struct eb_error **err)
{
	EB_CLEANUP(oci_graph_release_p) struct oci_graph g = { .nodes = NULL };
	unsigned int level;
	int r = load(src, &g, root, 0, &level, err);

	if (r < 0)
		return r;
	*ret = g;
	g = (struct oci_graph){ .nodes = NULL };
	return 0;
}
