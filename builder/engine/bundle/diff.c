#include "bundle/diff.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/progress.h"
#include "bundle/diff_image.h"
#include "bundle/layers.h"
#include "bundle/select.h"
#include "image/mediatype.h"

struct diff {
	const struct bnd_bundle *old_bundle, *new_bundle;
	bool with_files;
	struct eb_progress *progress;
};

static json_t *bundle_json(const struct bnd_bundle *b)
{
	json_t *j = eb_json_object();
	static const char *const copied[] = { "name", "version" };

	eb_json_set(j, "file", eb_json_str(oci_archive_path(b->archive)));
	for (size_t i = 0; i < EB_ARRAY_LEN(copied); i++)
		eb_json_set_str(j, copied[i],
				json_string_value(json_object_get(b->definition, copied[i])));
	eb_json_set_str(j, "root", b->root.digest.text);
	return j;
}

static json_t *image_json(const struct bnd_image *im)
{
	json_t *j = eb_json_object();

	eb_json_set(j, "ref", eb_json_str(im->name));
	eb_json_set_str(j, "digest", im->desc.digest.text);
	return j;
}

/* ---- platforms ---- */

static int diff_pair(const struct diff *d, const struct bnd_image *a, size_t i,
		     const struct bnd_image *b, size_t k, const char *platform, json_t *j,
		     struct eb_error **err)
{
	EB_CLEANUP(bnd_layers_release_p) struct bnd_layers x = { 0 }, y = { 0 };
	int r = bnd_layers_open(d->old_bundle, &a->platforms[i], &x, err);
	unsigned int task;

	if (r >= 0)
		r = bnd_layers_open(d->new_bundle, &b->platforms[k], &y, err);
	if (r < 0)
		return r;
	task = d->with_files ? eb_progress_start(d->progress, b->name, EB_UNIT_BYTES, 0) : 0;
	x.progress = y.progress = d->progress;
	x.task = y.task = task;
	r = bnd_diff_platform(&x, &y, bnd_packages_of(d->old_bundle, a->name, platform),
			      bnd_packages_of(d->new_bundle, b->name, platform), d->with_files, j,
			      err);
	if (task)
		eb_progress_finish(d->progress, task);
	return r;
}

static size_t find_platform(const struct bnd_image *im, const char *name)
{
	for (size_t i = 0; i < im->index.n_items; i++) {
		autofree char *one = bnd_platform_name(&im->index.items[i]);

		if (strcmp(one, name) == 0)
			return i;
	}
	return SIZE_MAX;
}

static json_t *platform_json(json_t *list, const char *name, const char *change)
{
	json_t *j = eb_json_object();

	eb_json_set_str(j, "platform", name);
	eb_json_set_str(j, "change", change);
	eb_json_push(list, j);
	return j;
}

static int diff_platforms(const struct diff *d, const struct bnd_image *a,
			  const struct bnd_image *b, json_t *list, struct eb_error **err)
{
	for (size_t i = 0; i < a->index.n_items; i++) {
		autofree char *name = bnd_platform_name(&a->index.items[i]);
		size_t k = find_platform(b, name);
		int r;

		if (oci_descriptor_attests(&a->index.items[i]))
			continue;
		if (k == SIZE_MAX) {
			platform_json(list, name, "removed");
			continue;
		}
		if (oci_digest_eq(&a->index.items[i].digest, &b->index.items[k].digest))
			continue;
		r = diff_pair(d, a, i, b, k, name, platform_json(list, name, "changed"), err);
		if (r < 0)
			return eb_prefix(err, r, "%s", name);
	}
	for (size_t k = 0; k < b->index.n_items; k++) {
		autofree char *name = bnd_platform_name(&b->index.items[k]);

		if (!oci_descriptor_attests(&b->index.items[k]) &&
		    find_platform(a, name) == SIZE_MAX)
			platform_json(list, name, "added");
	}
	return 0;
}

/* ---- images ---- */

/* The image of b that im is to be compared with: of the same name, else of the same name without
 * host and tag. */
static size_t find_image(const struct bnd_bundle *b, const struct bnd_image *im, const bool *taken)
{
	autofree char *path = bnd_image_path(im->name);

	for (size_t i = 0; i < b->n_images; i++)
		if (!taken[i] && strcmp(b->images[i].name, im->name) == 0)
			return i;
	for (size_t i = 0; i < b->n_images; i++) {
		autofree char *other = bnd_image_path(b->images[i].name);

		if (!taken[i] && strcmp(path, other) == 0)
			return i;
	}
	return SIZE_MAX;
}

static int diff_image(const struct diff *d, const struct bnd_image *a, const struct bnd_image *b,
		      json_t *changed, struct eb_error **err)
{
	autofree char *path = bnd_image_path(b->name);
	json_t *j = eb_json_object(), *platforms = eb_json_array();
	int r;

	eb_json_set(j, "image", eb_json_str(path));
	eb_json_set(j, "old", image_json(a));
	eb_json_set(j, "new", image_json(b));
	eb_json_set(j, "platforms", platforms);
	eb_json_push(changed, j);
	r = diff_platforms(d, a, b, platforms, err);
	return r < 0 ? eb_prefix(err, r, "image %s", b->name) : 0;
}

static int diff_images(const struct diff *d, json_t *images, struct eb_error **err)
{
	const struct bnd_bundle *x = d->old_bundle, *y = d->new_bundle;
	autofree bool *taken = eb_xcalloc(y->n_images + 1, sizeof(*taken));
	json_t *same = eb_json_array(), *added = eb_json_array(), *removed = eb_json_array(),
	       *changed = eb_json_array();

	eb_json_set(images, "same", same);
	eb_json_set(images, "added", added);
	eb_json_set(images, "removed", removed);
	eb_json_set(images, "changed", changed);
	for (size_t i = 0; i < x->n_images; i++) {
		const struct bnd_image *a = &x->images[i], *b;
		size_t k = find_image(y, a, taken);
		int r = 0;

		if (k == SIZE_MAX) {
			eb_json_push(removed, image_json(a));
			continue;
		}
		taken[k] = true;
		b = &y->images[k];
		if (!oci_digest_eq(&a->desc.digest, &b->desc.digest) ||
		    strcmp(a->name, b->name) != 0)
			r = diff_image(d, a, b, changed, err);
		else
			eb_json_push(same, eb_json_str(b->name));
		if (r < 0)
			return r;
	}
	for (size_t k = 0; k < y->n_images; k++)
		if (!taken[k])
			eb_json_push(added, image_json(&y->images[k]));
	return 0;
}

/* ---- the bundle's own parts ---- */

static const char *part_title(const struct oci_descriptor *d)
{
	const char *title = oci_descriptor_annotation(d, OCI_ANN_TITLE);

	return title ? title : d->media_type;
}

static void add_part(json_t *list, const struct oci_descriptor *a, const struct oci_descriptor *b)
{
	json_t *j;

	if (a && b && oci_digest_eq(&a->digest, &b->digest))
		return;
	j = eb_json_object();
	eb_json_set(j, "title", eb_json_str(part_title(a ? a : b)));
	eb_json_set_str(j, "old", a ? a->digest.text : NULL);
	eb_json_set_str(j, "new", b ? b->digest.text : NULL);
	eb_json_push(list, j);
}

static json_t *diff_parts(const struct bnd_bundle *x, const struct bnd_bundle *y)
{
	json_t *list = eb_json_array();

	for (size_t i = 0; i < x->bundle_manifest.n_items; i++) {
		const struct oci_descriptor *a = &x->bundle_manifest.items[i];

		add_part(list, a, bnd_part(y, a->media_type));
	}
	for (size_t i = 0; i < y->bundle_manifest.n_items; i++) {
		const struct oci_descriptor *b = &y->bundle_manifest.items[i];

		if (!bnd_part(x, b->media_type))
			add_part(list, NULL, b);
	}
	return list;
}

static uint64_t count_new_bytes(const struct bnd_bundle *x, const struct bnd_bundle *y)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < oci_archive_count(y->archive); i++) {
		const struct oci_member *m = oci_archive_member(y->archive, i);

		if (strncmp(m->name, "blobs/", 6) == 0 && !oci_archive_find(x->archive, m->name))
			sum += m->size;
	}
	return sum;
}

int bnd_diff(const struct bnd_bundle *old_bundle, const struct bnd_bundle *new_bundle,
	     bool with_files, struct eb_progress *progress, json_t **ret, bool *ret_same,
	     struct eb_error **err)
{
	const struct diff d = { old_bundle, new_bundle, with_files, progress };
	bool same = oci_digest_eq(&old_bundle->root.digest, &new_bundle->root.digest);
	autojson json_t *j = eb_json_object();
	json_t *images = eb_json_object();
	int r;

	eb_json_set(j, "same", json_boolean(same));
	eb_json_set(j, "old", bundle_json(old_bundle));
	eb_json_set(j, "new", bundle_json(new_bundle));
	eb_json_set_u64(j, "new_bytes", count_new_bytes(old_bundle, new_bundle));
	eb_json_set(j, "parts", diff_parts(old_bundle, new_bundle));
	eb_json_set(j, "images", images);
	r = diff_images(&d, images, err);
	if (r < 0)
		return r;
	*ret = EB_TAKE_PTR(j);
	*ret_same = same;
	return 0;
}
