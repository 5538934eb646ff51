#include "bundle/describe.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "bundle/select.h"
#include "image/config.h"
#include "image/mediatype.h"

static int add_layers(const struct bnd_bundle *b, const struct oci_manifest *m,
		      const char *platform, json_t *layers, struct eb_error **err)
{
	EB_CLEANUP(oci_config_release_p) struct oci_config cfg = { 0 };
	autofree char *text = NULL;
	size_t n;
	int r = oci_archive_blob_text(b->archive, &m->config, OCI_MANIFEST_MAX_BYTES, &text, &n,
				      err);

	if (r >= 0)
		r = oci_config_parse(text, n, &cfg, err);
	if (r < 0)
		return eb_prefix(err, r, "config %s", m->config.digest.text);
	for (size_t i = 0; i < m->n_items; i++) {
		const struct oci_descriptor *d = &m->items[i];
		json_t *j = eb_json_object();

		eb_json_set_str(j, "digest", d->digest.text);
		eb_json_set_u64(j, "size_bytes", d->size);
		if (i < cfg.n_diff_ids)
			eb_json_set_str(j, "diff_id", cfg.diff_ids[i].text);
		eb_json_set_str(j, "mediaType", d->media_type);
		eb_json_set_str(j, "holds", oci_descriptor_annotation(d, BND_ANN_LAYER_GROUP));
		eb_json_set_str(j, "platform", platform);
		eb_json_push(layers, j);
	}
	return 0;
}

/* What definition.json says about an image, or NULL. */
static json_t *defined(const struct bnd_bundle *b, const char *ref)
{
	json_t *list = json_object_get(b->definition, "images"), *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		const char *name = json_string_value(json_object_get(one, "ref"));

		if (name && strcmp(name, ref) == 0)
			return one;
	}
	return NULL;
}

/* The packages of all platforms, those that differ in nothing once. */
static json_t *packages_of(const json_t *definition)
{
	json_t *all = eb_json_array(), *platform, *package;
	autojson json_t *seen = eb_json_object();
	size_t i, k;

	json_array_foreach(json_object_get(definition, "platforms"), i, platform)
	{
		json_array_foreach(json_object_get(platform, "packages"), k, package)
		{
			autofree char *key = eb_json_canonical(package, NULL);

			if (json_object_get(seen, key))
				continue;
			eb_json_set(seen, key, json_true());
			json_array_append(all, package);
		}
	}
	return all;
}

/* Is it about the image, one of its manifests, or something in the list? */
static bool is_about(const struct bnd_image *im, const json_t *list, const char *digest)
{
	const json_t *one;
	size_t i;

	if (strcmp(im->desc.digest.text, digest) == 0)
		return true;
	for (i = 0; i < im->index.n_items; i++)
		if (strcmp(im->index.items[i].digest.text, digest) == 0)
			return true;
	json_array_foreach(list, i,
			   one) if (strcmp(eb_json_text(one, "digest"), digest) == 0) return true;
	return false;
}

/* Signatures and whatever else came along with an image that is carried. */
static json_t *hanging_on(const struct bnd_bundle *b, const struct bnd_image *im)
{
	const struct oci_manifest *m = &b->bundle_manifest;
	json_t *list = eb_json_array();

	for (size_t i = 0; i < m->n_items; i++) {
		const char *about = oci_descriptor_annotation(&m->items[i], BND_ANN_SIGNS);
		const char *how = oci_descriptor_annotation(&m->items[i], BND_ANN_HANGS);
		json_t *j;

		if (!about || !is_about(im, list, about))
			continue;
		j = eb_json_object();
		eb_json_set_str(j, "kind", how ? how : "signature");
		eb_json_set_str(j, "about", about);
		eb_json_set_str(j, "digest", m->items[i].digest.text);
		eb_json_push(list, j);
	}
	return list;
}

static int describe_image(const struct bnd_bundle *b, const struct bnd_image *im, json_t *images,
			  struct eb_error **err)
{
	json_t *j = eb_json_object(), *platforms = eb_json_array(), *layers = eb_json_array();
	const json_t *def = defined(b, im->name);
	uint64_t size = 0, attestations = 0;
	int r = 0;

	eb_json_push(images, j);
	eb_json_set(j, "platforms", platforms);
	eb_json_set(j, "layers", layers);
	for (size_t i = 0; i < im->index.n_items && r >= 0; i++) {
		autofree char *name = bnd_platform_name(&im->index.items[i]);

		for (size_t k = 0; k < im->platforms[i].n_items; k++)
			size += im->platforms[i].items[k].size;
		if (oci_descriptor_attests(&im->index.items[i])) {
			attestations++;
			continue;
		}
		eb_json_push(platforms, json_string(name));
		r = add_layers(b, &im->platforms[i], name, layers, err);
	}
	eb_json_set_str(j, "name", json_string_value(json_object_get(def, "name")));
	eb_json_set_str(j, "version", json_string_value(json_object_get(def, "version")));
	eb_json_set_str(j, "ref", im->name);
	eb_json_set_str(j, "digest", im->desc.digest.text);
	eb_json_set_u64(j, "size_bytes", size);
	eb_json_set(j, "packages", packages_of(def));
	eb_json_set_str(j, "upstream", json_string_value(json_object_get(def, "upstream")));
	if (attestations)
		eb_json_set_u64(j, "attestations", attestations);
	eb_json_set(j, "hanging", hanging_on(b, im));
	if (im->n_absent)
		eb_json_set_u64(j, "absent_platforms", im->n_absent);
	return r < 0 ? eb_prefix(err, r, "image %s", im->name) : 0;
}

static json_t *describe_signatures(const struct bnd_bundle *b)
{
	json_t *list = eb_json_array();

	for (size_t i = 0; i < b->n_signatures; i++) {
		json_t *j = eb_json_object();

		eb_json_set_str(j, "digest", b->signatures[i].desc.digest.text);
		eb_json_set_str(j, "signs", b->root.digest.text);
		eb_json_set_str(j, "type", "cosign simple signing");
		eb_json_push(list, j);
	}
	return list;
}

/* Those that were rendered when the bundle was built. */
static json_t *describe_manifests(const struct bnd_bundle *b)
{
	json_t *list = eb_json_array();

	for (size_t i = 0; i < b->bundle_manifest.n_items; i++) {
		const struct oci_descriptor *d = &b->bundle_manifest.items[i];
		json_t *j;

		if (strcmp(d->media_type, BND_MT_MANIFESTS) != 0)
			continue;
		j = eb_json_object();
		eb_json_set_str(j, "name", oci_descriptor_annotation(d, OCI_ANN_TITLE));
		eb_json_set_str(j, "digest", d->digest.text);
		eb_json_set_u64(j, "size_bytes", d->size);
		eb_json_push(list, j);
	}
	return list;
}

int bnd_describe(const struct bnd_bundle *b, json_t **ret, struct eb_error **err)
{
	autojson json_t *j = eb_json_object();
	json_t *images = eb_json_array(), *root = eb_json_object();
	static const char *const copied[] = { "name", "version", "summary", "compression",
					      "codec" };

	for (size_t i = 0; i < EB_ARRAY_LEN(copied); i++)
		eb_json_set_str(j, copied[i],
				json_string_value(json_object_get(b->definition, copied[i])));
	eb_json_set_str(root, "digest", b->root.digest.text);
	eb_json_set_str(root, "mediaType", b->root.media_type);
	eb_json_set(j, "root", root);
	eb_json_set(j, "images", images);
	eb_json_set(j, "manifests", describe_manifests(b));
	eb_json_set(j, "signatures", describe_signatures(b));
	eb_json_set_u64(j, "size_bytes", oci_archive_file_size(b->archive));
	for (size_t i = 0; i < b->n_images; i++) {
		int r = describe_image(b, &b->images[i], images, err);

		if (r < 0)
			return r;
	}
	*ret = EB_TAKE_PTR(j);
	return 0;
}
