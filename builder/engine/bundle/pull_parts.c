#include "bundle/pull_parts.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "bundle/canonical.h"
#include "dist/registry.h"
#include "dist/origin.h"
#include "image/mediatype.h"
#include "sign/simple_signing.h"

enum { DEFINITION_MAX_BYTES = 64 * 1024 * 1024, MAX_SIGNATURES = 1000 };

void bnd_pull_parts_release(struct bnd_pull_parts *p)
{
	bnd_close(&p->bundle);
	oci_graph_release(&p->graph);
	for (size_t i = 0; i < p->n_texts; i++)
		free(p->texts[i].text);
	free(p->texts);
	*p = (struct bnd_pull_parts){ .registry = NULL };
}

/* text is taken. */
static void keep_text(struct bnd_pull_parts *p, const struct oci_digest *digest, char *text)
{
	p->texts[p->n_texts++] = (struct bnd_pull_text){ *digest, text };
}

static int parse_node(const struct bnd_pull_parts *p, const struct oci_descriptor *d,
		      struct oci_manifest *ret, struct eb_error **err)
{
	const struct oci_node *n = oci_graph_find(&p->graph, &d->digest);

	if (!n)
		return eb_throw(err, EB_E_FORMAT, "%s is no document", d->digest.text);
	return oci_manifest_parse(n->text, n->desc.size, ret, err);
}

static int load_image(struct bnd_pull_parts *p, const struct oci_descriptor *d,
		      struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest single = { 0 };
	struct bnd_image *im = &p->bundle.images[p->bundle.n_images];
	const char *name = oci_descriptor_annotation(d, BND_ANN_NAME);
	int r;

	if (!name)
		return eb_throw(err, EB_E_FORMAT, "the root lists %s without a name",
				d->digest.text);
	p->bundle.n_images++;
	im->name = eb_xstrdup(name);
	oci_descriptor_copy(d, &im->desc);
	r = parse_node(p, d, &im->index, err);
	if (r >= 0)
		r = bnd_image_settle(&p->bundle, im, &single, err);
	if (r >= 0)
		im->platforms = eb_xcalloc(im->index.n_items + 1, sizeof(*im->platforms));
	for (size_t i = 0; r >= 0 && i < im->index.n_items; i++)
		r = parse_node(p, &im->index.items[i], &im->platforms[i], err);
	return r < 0 ? eb_prefix(err, r, "image %s", name) : 0;
}

static int load_definition(struct bnd_pull_parts *p, struct eb_error **err)
{
	const struct oci_descriptor *d = bnd_part(&p->bundle, BND_MT_DEFINITION);
	char *text = NULL;
	int r;

	if (!d)
		return eb_throw(err, EB_E_FORMAT, "the bundle manifest lists no definition");
	r = oci_registry_blob_text(p->registry, p->repo, d, DEFINITION_MAX_BYTES, &text, err);
	if (r < 0)
		return r;
	keep_text(p, &d->digest, text);
	r = eb_json_parse(text, d->size, DEFINITION_MAX_BYTES, &p->bundle.definition, err);
	return r < 0 ? eb_prefix(err, r, "definition") : 0;
}

static int load_bundle(struct bnd_pull_parts *p, struct eb_error **err)
{
	struct bnd_bundle *b = &p->bundle;
	int r = parse_node(p, &b->root, &b->root_index, err);

	if (r < 0)
		return r;
	if (!b->root_index.is_index || !b->root_index.artifact_type ||
	    strcmp(b->root_index.artifact_type, BND_MT_BUNDLE) != 0 || b->root_index.n_items == 0)
		return eb_hint(err,
			       eb_throw(err, EB_E_FORMAT, "%s is an image, no bundle",
					b->root.digest.text),
			       "fetch images with 'ess-bundle copy'");
	b->images = eb_xcalloc(b->root_index.n_items, sizeof(*b->images));
	oci_descriptor_copy(&b->root_index.items[0], &b->bundle_desc);
	r = parse_node(p, &b->bundle_desc, &b->bundle_manifest, err);
	if (r >= 0 && b->bundle_manifest.is_index)
		r = eb_throw(err, EB_E_FORMAT, "the root does not begin with a bundle manifest");
	if (r >= 0)
		r = load_definition(p, err);
	for (size_t i = 1; i < b->root_index.n_items && r >= 0; i++)
		r = load_image(p, &b->root_index.items[i], err);
	return r;
}

/* ---- signatures ---- */

/* As it stands in a bundle: each signature has a manifest of its own. */
static int add_signature(struct bnd_pull_parts *p, const struct oci_descriptor *layer,
			 struct eb_error **err)
{
	EB_CLEANUP(oci_simple_signature_release_p) struct oci_simple_signature s = { 0 };
	struct bnd_signature *sig = &p->bundle.signatures[p->bundle.n_signatures];
	struct oci_digest signs;
	char *payload = NULL;
	int r;

	if (strcmp(layer->media_type, OCI_MT_SIMPLE_SIGNING) != 0)
		return 0;
	r = oci_registry_blob_text(p->registry, p->repo, layer, OCI_PAYLOAD_MAX_BYTES, &payload,
				   err);
	if (r < 0)
		return r;
	/* What others hung there is theirs. */
	if (oci_simple_payload_parse(payload, layer->size, &signs, NULL, NULL) < 0 ||
	    !oci_digest_eq(&signs, &p->bundle.root.digest)) {
		free(payload);
		return 0;
	}
	oci_simple_from_layer(layer, payload, layer->size, &s);
	keep_text(p, &layer->digest, payload);
	keep_text(p, &s.config_desc.digest, EB_TAKE_PTR(s.config));
	oci_descriptor_copy(&s.manifest_desc, &sig->desc);
	r = oci_manifest_parse(s.manifest, s.manifest_desc.size, &sig->manifest, err);
	keep_text(p, &s.manifest_desc.digest, EB_TAKE_PTR(s.manifest));
	p->bundle.n_signatures++;
	return r;
}

static int load_signatures(struct bnd_pull_parts *p, struct eb_error **err)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .media_type = NULL };
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .media_type = NULL };
	autofree char *text = NULL;
	struct eb_error *e = NULL;
	char tag[160];
	int r;

	oci_digest_tag(&p->bundle.root.digest, ".sig", tag);
	r = oci_registry_manifest(p->registry, p->repo, tag, &text, &d, &e);
	if (r == -EB_E_NOT_FOUND) {
		eb_error_free(e);
		return 0;
	}
	if (r < 0)
		return eb_error_forward(err, e);
	r = oci_manifest_parse(text, d.size, &m, err);
	if (r < 0)
		return eb_prefix(err, r, "signatures");
	if (m.n_items > MAX_SIGNATURES)
		return eb_throw(err, EB_E_LIMIT, "more than %d signatures", MAX_SIGNATURES);
	p->bundle.signatures = eb_xcalloc(m.n_items + 1, sizeof(*p->bundle.signatures));
	p->texts = eb_xcalloc(3 * m.n_items + 1, sizeof(*p->texts));
	for (size_t i = 0; i < m.n_items && r >= 0; i++)
		r = add_signature(p, &m.items[i], err);
	return r;
}

/* An index of which a registry has not all may be one that was sent so on purpose: whether it may
 * be, the definition says, when that is there. */
static int text_or_absent(void *ctx, const struct oci_descriptor *d, char **ret,
			  struct eb_error **err)
{
	const struct oci_source *whole = ctx;
	struct eb_error *e = NULL;
	int r = whole->text(whole->ctx, d, ret, &e);

	if (r == -EB_E_NOT_FOUND) {
		eb_error_free(e);
		return OCI_SOURCE_ABSENT;
	}
	return r < 0 ? eb_error_forward(err, e) : r;
}

int bnd_pull_parts(struct oci_registry *reg, const struct oci_ref *ref, struct bnd_pull_parts *ret,
		   struct eb_error **err)
{
	struct bnd_pull_parts p = { .registry = reg, .repo = ref->repo };
	struct oci_repository repo = { reg, ref->repo };
	const struct oci_source whole = oci_source_repository(&repo);
	const struct oci_source src = { (void *)(uintptr_t)&whole, text_or_absent, NULL };
	int r = oci_registry_head(reg, ref->repo, oci_ref_version(ref), &p.bundle.root, err);

	if (r >= 0)
		r = oci_graph_load(&src, &p.bundle.root, &p.graph, err);
	if (r >= 0)
		r = load_signatures(&p, err);
	if (r >= 0 && !p.texts)
		p.texts = eb_xcalloc(1, sizeof(*p.texts));
	if (r >= 0)
		r = load_bundle(&p, err);
	if (r < 0) {
		bnd_pull_parts_release(&p);
		return r;
	}
	*ret = p;
	return 0;
}

/* ---- the layout ---- */

static const char *text_of(const struct bnd_pull_parts *p, const struct oci_digest *d)
{
	const struct oci_node *n = oci_graph_find(&p->graph, d);

	for (size_t i = 0; !n && i < p->n_texts; i++)
		if (oci_digest_eq(&p->texts[i].digest, d))
			return p->texts[i].text;
	return n ? n->text : NULL;
}

int bnd_pull_layout(const struct bnd_pull_parts *p, struct bnd_layout *ret, struct eb_error **err)
{
	struct bnd_layout l = { 0 };
	int r = bnd_canonical_layout(&p->bundle, &l, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < l.n; i++) {
		const char *text = text_of(p, &l.blobs[i].digest);

		l.blobs[i].text = text ? eb_xmemdup(text, l.blobs[i].size + 1) : NULL;
	}
	*ret = l;
	return 0;
}
