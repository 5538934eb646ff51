#include "dist/graph.h"

#include "image/mediatype.h"
#include "testlib.h"

enum { MAX_DOCS = 32 };

/* Documents by digest. */
struct shelf {
	struct oci_descriptor descs[MAX_DOCS];
	char *texts[MAX_DOCS];
	size_t n;
};

static int shelf_text(void *ctx, const struct oci_descriptor *d, char **ret, struct eb_error **err)
{
	const struct shelf *s = ctx;

	for (size_t i = 0; i < s->n; i++)
		if (oci_digest_eq(&s->descs[i].digest, &d->digest)) {
			*ret = eb_xstrdup(s->texts[i]);
			return 0;
		}
	return eb_throw(err, EB_E_NOT_FOUND, "no such document");
}

static void shelf_release(struct shelf *s)
{
	for (size_t i = 0; i < s->n; i++) {
		oci_descriptor_release(&s->descs[i]);
		free(s->texts[i]);
	}
}
EB_DEFINE_RELEASE(struct shelf, shelf_release)

static const struct oci_descriptor *put(struct shelf *s, struct oci_manifest *m)
{
	size_t n;

	s->texts[s->n] = oci_manifest_write(m, &n);
	oci_descriptor_of(m->is_index ? OCI_MT_INDEX : OCI_MT_MANIFEST, s->texts[s->n], n,
			  &s->descs[s->n]);
	oci_manifest_release(m);
	return &s->descs[s->n++];
}

static void add_blob(struct oci_manifest *m, const char *text)
{
	struct oci_descriptor d;

	oci_descriptor_of(OCI_MT_LAYER_TAR, text, strlen(text), &d);
	oci_manifest_add(m, &d);
	oci_descriptor_release(&d);
}

static const struct oci_descriptor *image(struct shelf *s, const char *layer)
{
	struct oci_manifest m;

	oci_manifest_init(&m, false);
	oci_descriptor_of(OCI_MT_CONFIG, "{}", 2, &m.config);
	add_blob(&m, "shared");
	add_blob(&m, layer);
	return put(s, &m);
}

#define AUTOGRAPH(name) EB_CLEANUP(oci_graph_release_p) struct oci_graph name = { .nodes = NULL }
#define AUTOSHELF(name) EB_CLEANUP(shelf_release_p) struct shelf name = { .n = 0 }

TEST(graph, load_lists_each_thing_once)
{
	autoerror struct eb_error *e = NULL;
	struct oci_manifest inner, outer;
	const struct oci_descriptor *root, *a;
	AUTOSHELF(s);
	AUTOGRAPH(g);
	const struct oci_source src = { &s, shelf_text, NULL };

	a = image(&s, "a");
	oci_manifest_init(&inner, true);
	oci_manifest_add(&inner, a);
	oci_manifest_add(&inner, image(&s, "b"));
	oci_manifest_init(&outer, true);
	oci_manifest_add(&outer, a);
	oci_manifest_add(&outer, put(&s, &inner));
	add_blob(&outer, "a blob in an index");
	root = put(&s, &outer);
	CHECK_OK(oci_graph_load(&src, root, &g, &e), e);
	CHECK_INT(g.n_nodes, 4);
	CHECK_INT(g.n_blobs, 5); /* config, shared, a, b, that of the index */
	CHECK_INT(oci_graph_root(&g)->level, 2);
	CHECK(oci_digest_eq(&oci_graph_root(&g)->desc.digest, &root->digest));
	CHECK_INT(oci_graph_find(&g, &a->digest)->level, 0);
	for (size_t i = 0; i + 1 < g.n_nodes; i++)
		CHECK(g.nodes[i].level <= g.nodes[g.n_nodes - 1].level);
}

TEST(graph, load_limits_depth)
{
	autoerror struct eb_error *e = NULL;
	AUTOSHELF(s);
	AUTOGRAPH(g);
	const struct oci_source src = { &s, shelf_text, NULL };
	const struct oci_descriptor *d = image(&s, "a");

	for (int i = 0; i <= OCI_GRAPH_MAX_DEPTH; i++) {
		struct oci_manifest m;

		oci_manifest_init(&m, true);
		oci_manifest_add(&m, d);
		d = put(&s, &m);
	}
	CHECK_FAIL(oci_graph_load(&src, d, &g, &e), EB_E_LIMIT, "more than 8 indexes", e);
}

static int text_or_absent(void *ctx, const struct oci_descriptor *d, char **ret,
			  struct eb_error **err)
{
	struct eb_error *e = NULL;
	int r = shelf_text(ctx, d, ret, &e);

	(void)err;
	eb_error_free(e);
	return r < 0 ? OCI_SOURCE_ABSENT : r;
}

TEST(graph, load_passes_over_what_is_not_to_be_missed)
{
	autoerror struct eb_error *e = NULL;
	const struct oci_descriptor *a, *root;
	struct oci_descriptor d;
	struct oci_manifest m;
	AUTOSHELF(s);
	AUTOGRAPH(g);
	const struct oci_source src = { &s, text_or_absent, NULL };

	oci_manifest_init(&m, true);
	oci_descriptor_of(OCI_MT_MANIFEST, "nowhere", 7, &d);
	oci_manifest_add(&m, &d);
	a = image(&s, "a");
	oci_manifest_add(&m, a);
	root = put(&s, &m);
	CHECK_OK(oci_graph_load(&src, root, &g, &e), e);
	CHECK_INT(g.n_nodes, 2);
	CHECK_INT(g.n_blobs, 3); /* config, shared, a: the missing one is no blob */
	CHECK_INT(oci_graph_root(&g)->doc.n_items, 1);
	CHECK(oci_digest_eq(&oci_graph_root(&g)->doc.items[0].digest, &a->digest));
	CHECK_FAIL(oci_graph_load(&src, &d, &g, &e), EB_E_NOT_FOUND, "is not there", e);
	oci_descriptor_release(&d);
}

TEST(graph, load_says_what_is_missing_or_contradicts_itself)
{
	autoerror struct eb_error *e = NULL;
	struct oci_manifest m;
	struct oci_descriptor d;
	AUTOSHELF(s);
	AUTOGRAPH(g);
	const struct oci_source src = { &s, shelf_text, NULL };

	oci_manifest_init(&m, true);
	oci_descriptor_of(OCI_MT_MANIFEST, "nowhere", 7, &d);
	oci_manifest_add(&m, &d);
	CHECK_INT(oci_graph_load(&src, put(&s, &m), &g, &e), -EB_E_NOT_FOUND);
	CHECK_HAS(e->message, d.digest.text);
	eb_error_clear(&e);
	oci_descriptor_release(&d);
	oci_manifest_init(&m, false);
	oci_descriptor_of(OCI_MT_CONFIG, "{}", 2, &m.config);
	oci_descriptor_of(OCI_MT_LAYER_TAR, "{}", 2, &d);
	d.size = 3;
	oci_manifest_add(&m, &d);
	oci_descriptor_release(&d);
	CHECK_FAIL(oci_graph_load(&src, put(&s, &m), &g, &e), EB_E_FORMAT,
		   "is listed with 2 and 3 bytes", e);
}
