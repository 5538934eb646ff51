#include "bundle/reader.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/mediatype.h"
#include "sign/simple_signing.h"

enum { DEFINITION_MAX_BYTES = 64 * 1024 * 1024, MAX_PAYLOADS = 16 };

void bnd_image_release(struct bnd_image *im)
{
	for (size_t k = 0; im->platforms && k < im->index.n_items; k++)
		oci_manifest_release(&im->platforms[k]);
	free(im->platforms);
	free(im->absent);
	free(im->name);
	oci_descriptor_release(&im->desc);
	oci_manifest_release(&im->index);
}

void bnd_close(struct bnd_bundle *b)
{
	for (size_t i = 0; i < b->n_images; i++)
		bnd_image_release(&b->images[i]);
	free(b->images);
	for (size_t i = 0; i < b->n_signatures; i++) {
		oci_descriptor_release(&b->signatures[i].desc);
		oci_manifest_release(&b->signatures[i].manifest);
	}
	free(b->signatures);
	json_decref(b->definition);
	oci_manifest_release(&b->bundle_manifest);
	oci_descriptor_release(&b->bundle_desc);
	oci_manifest_release(&b->root_index);
	oci_descriptor_release(&b->root);
	oci_archive_free(b->archive);
	*b = (struct bnd_bundle){ 0 };
}

const struct oci_descriptor *bnd_part(const struct bnd_bundle *b, const char *media_type)
{
	for (size_t i = 0; i < b->bundle_manifest.n_items; i++)
		if (strcmp(b->bundle_manifest.items[i].media_type, media_type) == 0)
			return &b->bundle_manifest.items[i];
	return NULL;
}

static int find_root(struct bnd_bundle *b, struct eb_error **err)
{
	const struct oci_manifest *index = oci_archive_index(b->archive);
	const struct oci_descriptor *root = NULL;

	for (size_t i = 0; i < index->n_items; i++) {
		if (!oci_descriptor_annotation(&index->items[i], BND_ANN_ROOT))
			continue;
		if (root)
			return eb_throw(err, EB_E_FORMAT, "index.json names two roots");
		root = &index->items[i];
	}
	if (!root) {
		int r = eb_throw(err, EB_E_FORMAT,
				 "an OCI image layout with %zu entries, but not a bundle: "
				 "index.json names no root",
				 index->n_items);

		return eb_hint(err, r, "make bundles with 'ess-bundle build'");
	}
	oci_descriptor_copy(root, &b->root);
	return 0;
}

static int check_format(const struct oci_manifest *root, struct eb_error **err)
{
	const char *format = oci_manifest_annotation(root, BND_ANN_FORMAT);

	if (!root->is_index || !root->artifact_type ||
	    strcmp(root->artifact_type, BND_MT_BUNDLE) != 0)
		return eb_throw(err, EB_E_FORMAT, "the root is not of type %s", BND_MT_BUNDLE);
	if (!format || strcmp(format, "1") != 0)
		return eb_throw(err, EB_E_UNSUPPORTED,
				"bundle format %s; this program reads format 1",
				format ? format : "(none)");
	return 0;
}

/* What is below an index is not looked at, so it may not stand where a manifest has to. */
static int refuse_index(const struct oci_manifest *m, const struct oci_descriptor *d,
			struct eb_error **err)
{
	return m->is_index ? eb_throw(err, EB_E_FORMAT, "%s is an index, expected a manifest",
				      d->digest.text)
			   : 0;
}

/* Does the list of the definition, which the root covers, name this digest? */
static bool came_along(const json_t *list, const struct oci_digest *d)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		const char *digest = json_string_value(json_object_get(one, "digest"));

		if (digest && strcmp(digest, d->text) == 0)
			return true;
	}
	return false;
}

/* What the definition says about an image that is carried as it is; else NULL. */
static const json_t *carried(const struct bnd_bundle *b, const char *name)
{
	const json_t *image, *found = NULL;
	size_t i;

	json_array_foreach(json_object_get(b->definition, "images"), i, image)
	{
		const char *ref = json_string_value(json_object_get(image, "ref"));

		if (ref && strcmp(ref, name) == 0)
			found = image;
	}
	return json_object_get(found, "upstream") ? found : NULL;
}

static void drop_absent(const json_t *definition, struct bnd_image *im)
{
	const json_t *platforms = json_object_get(definition, "platforms");
	const json_t *attestations = json_object_get(definition, "attestations");
	size_t kept = 0;

	im->absent = eb_xcalloc(im->index.n_items + 1, sizeof(*im->absent));
	for (size_t i = 0; i < im->index.n_items; i++) {
		struct oci_descriptor *d = &im->index.items[i];

		if (!came_along(platforms, &d->digest) && !came_along(attestations, &d->digest)) {
			im->absent[im->n_absent++] = d->digest;
			oci_descriptor_release(d);
		} else {
			im->index.items[kept++] = *d;
		}
	}
	im->index.n_items = kept;
}

int bnd_image_settle(const struct bnd_bundle *b, struct bnd_image *im,
		     struct oci_manifest *ret_single, struct eb_error **err)
{
	const json_t *definition = carried(b, im->name);

	if (im->index.is_index) {
		if (definition)
			drop_absent(definition, im);
		return 0;
	}
	if (!definition)
		return eb_throw(err, EB_E_FORMAT, "is not an index");
	*ret_single = im->index;
	oci_manifest_init(&im->index, true);
	oci_manifest_add(&im->index, &im->desc);
	return 0;
}

static int load_image(struct bnd_bundle *b, const struct oci_descriptor *d, struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest single = { 0 };
	struct bnd_image *im = &b->images[b->n_images];
	const char *name = oci_descriptor_annotation(d, BND_ANN_NAME);
	int r;

	if (!name)
		return eb_throw(err, EB_E_FORMAT, "the root lists %s without a name",
				d->digest.text);
	b->n_images++;
	im->name = eb_xstrdup(name);
	oci_descriptor_copy(d, &im->desc);
	r = oci_archive_manifest(b->archive, d, &im->index, err);
	if (r >= 0)
		r = bnd_image_settle(b, im, &single, err);
	if (r < 0)
		return eb_prefix(err, r, "image %s", name);
	im->platforms = eb_xcalloc(im->index.n_items + 1, sizeof(*im->platforms));
	for (size_t i = 0; i < im->index.n_items; i++) {
		r = oci_archive_manifest(b->archive, &im->index.items[i], &im->platforms[i], err);
		if (r >= 0)
			r = refuse_index(&im->platforms[i], &im->index.items[i], err);
		if (r < 0)
			return eb_prefix(err, r, "image %s", name);
	}
	return 0;
}

static int load_definition(struct bnd_bundle *b, struct eb_error **err)
{
	const struct oci_descriptor *d = bnd_part(b, BND_MT_DEFINITION);
	autofree char *text = NULL;
	size_t n;
	int r;

	if (!d)
		return eb_throw(err, EB_E_FORMAT, "the bundle manifest lists no definition");
	r = oci_archive_blob_text(b->archive, d, DEFINITION_MAX_BYTES, &text, &n, err);
	if (r >= 0)
		r = eb_json_parse(text, n, DEFINITION_MAX_BYTES, &b->definition, err);
	return r < 0 ? eb_prefix(err, r, "definition") : 0;
}

static int load_bundle_manifest(struct bnd_bundle *b, struct eb_error **err)
{
	const struct oci_descriptor *d = b->root_index.n_items ? &b->root_index.items[0] : NULL;
	int r = 0;

	if (d) {
		oci_descriptor_copy(d, &b->bundle_desc);
		r = oci_archive_manifest(b->archive, d, &b->bundle_manifest, err);
		if (r >= 0)
			r = refuse_index(&b->bundle_manifest, d, err);
	}
	if (r >= 0 && (!b->bundle_manifest.artifact_type ||
		       strcmp(b->bundle_manifest.artifact_type, BND_MT_BUNDLE) != 0))
		return eb_throw(err, EB_E_FORMAT, "the root does not begin with a bundle manifest");
	return r;
}

static int load_root(struct bnd_bundle *b, struct eb_error **err)
{
	int r = oci_archive_manifest(b->archive, &b->root, &b->root_index, err);

	if (r >= 0)
		r = check_format(&b->root_index, err);
	if (r < 0)
		return r;
	b->images = eb_xcalloc(b->root_index.n_items + 1, sizeof(*b->images));
	r = load_bundle_manifest(b, err);
	if (r >= 0)
		r = load_definition(b, err);
	for (size_t i = 1; i < b->root_index.n_items && r >= 0; i++)
		r = load_image(b, &b->root_index.items[i], err);
	return r;
}

/* The root does not cover a signature, and nobody may have to trust who made it: so it is held to
 * its form, or anything could be carried along in it. */
static int check_signature(const struct oci_manifest *m, struct eb_error **err)
{
	if (m->is_index || m->n_items == 0 || m->n_items > MAX_PAYLOADS)
		return eb_throw(err, EB_E_FORMAT, "expected a manifest with 1 to %d payloads",
				MAX_PAYLOADS);
	if (strcmp(m->config.media_type, OCI_MT_CONFIG) != 0 ||
	    m->config.size > OCI_PAYLOAD_MAX_BYTES)
		return eb_throw(err, EB_E_FORMAT,
				"config: expected at most %d bytes of type %s, found %llu of %s",
				OCI_PAYLOAD_MAX_BYTES, OCI_MT_CONFIG,
				(unsigned long long)m->config.size, m->config.media_type);
	for (size_t i = 0; i < m->n_items; i++)
		if (strcmp(m->items[i].media_type, OCI_MT_SIMPLE_SIGNING) != 0 ||
		    m->items[i].size > OCI_PAYLOAD_MAX_BYTES)
			return eb_throw(err, EB_E_FORMAT,
					"layers[%zu]: expected at most %d bytes of type %s, found "
					"%llu of %s",
					i, OCI_PAYLOAD_MAX_BYTES, OCI_MT_SIMPLE_SIGNING,
					(unsigned long long)m->items[i].size,
					m->items[i].media_type);
	return 0;
}

static int load_signatures(struct bnd_bundle *b, struct eb_error **err)
{
	const struct oci_manifest *index = oci_archive_index(b->archive);

	b->signatures = eb_xcalloc(index->n_items, sizeof(*b->signatures));
	for (size_t i = 0; i < index->n_items; i++) {
		const struct oci_descriptor *d = &index->items[i];
		const char *signs = oci_descriptor_annotation(d, BND_ANN_SIGNS);
		struct bnd_signature *s = &b->signatures[b->n_signatures];
		int r;

		if (!signs || strcmp(signs, b->root.digest.text) != 0)
			continue;
		b->n_signatures++;
		oci_descriptor_copy(d, &s->desc);
		r = oci_archive_manifest(b->archive, d, &s->manifest, err);
		if (r >= 0)
			r = check_signature(&s->manifest, err);
		if (r < 0)
			return eb_prefix(err, r, "signature %s", d->digest.text);
	}
	return 0;
}

int bnd_open(const char *path, struct bnd_bundle *ret, struct eb_error **err)
{
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	int r = oci_archive_open(path, &b.archive, err);

	if (r < 0)
		return r;
	r = find_root(&b, err);
	if (r >= 0)
		r = load_root(&b, err);
	if (r >= 0)
		r = load_signatures(&b, err);
	if (r < 0)
		return eb_prefix(err, r, "'%s'", path);
	*ret = b;
	b = (struct bnd_bundle){ 0 };
	return 0;
}
