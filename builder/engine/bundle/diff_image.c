#include "bundle/diff_image.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/span.h"
#include "bundle/diff_files.h"
#include "image/mediatype.h"

static const json_t *named(const json_t *list, const char *key, const char *value)
{
	json_t *one;
	size_t i;

	json_array_foreach(list, i, one) if (strcmp(eb_json_text(one, key), value) == 0) return one;
	return NULL;
}

const json_t *bnd_packages_of(const struct bnd_bundle *b, const char *ref, const char *platform)
{
	const json_t *im = named(json_object_get(b->definition, "images"), "ref", ref);
	const json_t *p = named(json_object_get(im, "platforms"), "platform", platform);

	return json_object_get(p, "packages");
}

/* ---- packages ---- */

static int by_bytes(const void *pa, const void *pb)
{
	return strcmp(*(const char *const *)pa, *(const char *const *)pb);
}

/* The keys of both objects, sorted; NULL-terminated, borrowed. */
static const char **keys_of(const json_t *a, const json_t *b)
{
	size_t n = 0, kept = 0;
	const char **keys = eb_xcalloc(json_object_size(a) + json_object_size(b) + 1,
				       sizeof(*keys));
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)a, key, v) keys[n++] = key;
	json_object_foreach((json_t *)(uintptr_t)b, key, v) keys[n++] = key;
	if (n)
		qsort(keys, n, sizeof(*keys), by_bytes);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || strcmp(keys[i], keys[kept - 1]) != 0)
			keys[kept++] = keys[i];
	keys[kept] = NULL;
	return keys;
}

/* name -> version */
static json_t *by_name(const json_t *list)
{
	json_t *map = eb_json_object(), *one;
	size_t i;

	json_array_foreach(list, i, one)
		eb_json_set_str(map, eb_json_text(one, "name"), eb_json_text(one, "version"));
	return map;
}

static json_t *package(const char *name, const json_t *version)
{
	json_t *j = eb_json_object();

	eb_json_set_str(j, "name", name);
	eb_json_set_str(j, "version", json_string_value(version));
	return j;
}

static json_t *diff_packages(const json_t *old_list, const json_t *new_list)
{
	autojson json_t *olds = by_name(old_list), *news = by_name(new_list);
	autofree const char **keys = keys_of(olds, news);
	json_t *j = eb_json_object(), *added = eb_json_array(), *removed = eb_json_array(),
	       *changed = eb_json_array();

	for (size_t i = 0; keys[i]; i++) {
		json_t *a = json_object_get(olds, keys[i]), *b = json_object_get(news, keys[i]);
		json_t *one;

		if (a && b && json_equal(a, b))
			continue;
		if (!a || !b) {
			eb_json_push(a ? removed : added, package(keys[i], a ? a : b));
			continue;
		}
		one = eb_json_object();
		eb_json_set_str(one, "name", keys[i]);
		eb_json_set_str(one, "old", json_string_value(a));
		eb_json_set_str(one, "new", json_string_value(b));
		eb_json_push(changed, one);
	}
	eb_json_set(j, "added", added);
	eb_json_set(j, "removed", removed);
	eb_json_set(j, "changed", changed);
	return j;
}

/* ---- layers ---- */

static json_t *layer_json(const struct bnd_layers *l, size_t i)
{
	const struct oci_descriptor *d = &l->manifest->items[i];
	const char *holds = oci_descriptor_annotation(d, BND_ANN_LAYER_GROUP);
	json_t *j = eb_json_object();

	if (holds)
		eb_json_set(j, "holds", eb_json_str(holds));
	eb_json_set_str(j, "digest", d->digest.text);
	eb_json_set_str(j, "diff_id", l->config.diff_ids[i].text);
	eb_json_set_u64(j, "size_bytes", d->size);
	return j;
}

static bool has_layer(const struct bnd_layers *l, const struct oci_digest *d)
{
	for (size_t i = 0; i < l->manifest->n_items; i++)
		if (oci_digest_eq(&l->manifest->items[i].digest, d))
			return true;
	return false;
}

/* The layer of `in` that took the place of `holds`: the one that says it holds the same and is not
 * shared. SIZE_MAX = none. */
static size_t counterpart(const struct bnd_layers *in, const struct bnd_layers *other,
			  const char *holds, const bool *taken)
{
	for (size_t i = 0; holds && i < in->manifest->n_items; i++) {
		const struct oci_descriptor *d = &in->manifest->items[i];
		const char *h = oci_descriptor_annotation(d, BND_ANN_LAYER_GROUP);

		if (h && !taken[i] && strcmp(h, holds) == 0 && !has_layer(other, &d->digest))
			return i;
	}
	return SIZE_MAX;
}

static json_t *pair_json(const struct bnd_layers *a, size_t i, const struct bnd_layers *b, size_t k)
{
	json_t *j = eb_json_object(), *old_layer = layer_json(a, i);

	eb_json_set_str(j, "holds", json_string_value(json_object_get(old_layer, "holds")));
	eb_json_set(j, "content",
		    json_boolean(!oci_digest_eq(&a->config.diff_ids[i], &b->config.diff_ids[k])));
	eb_json_set(j, "old", old_layer);
	eb_json_set(j, "new", layer_json(b, k));
	return j;
}

static json_t *diff_layers(const struct bnd_layers *a, const struct bnd_layers *b)
{
	autofree bool *taken = eb_xcalloc(b->manifest->n_items + 1, sizeof(*taken));
	json_t *j = eb_json_object(), *added = eb_json_array(), *removed = eb_json_array(),
	       *changed = eb_json_array();
	uint64_t shared = 0;

	for (size_t i = 0; i < a->manifest->n_items; i++) {
		const struct oci_descriptor *d = &a->manifest->items[i];
		size_t k;

		if (has_layer(b, &d->digest)) {
			shared++;
			continue;
		}
		k = counterpart(b, a, oci_descriptor_annotation(d, BND_ANN_LAYER_GROUP), taken);
		if (k == SIZE_MAX) {
			eb_json_push(removed, layer_json(a, i));
			continue;
		}
		taken[k] = true;
		eb_json_push(changed, pair_json(a, i, b, k));
	}
	for (size_t k = 0; k < b->manifest->n_items; k++)
		if (!taken[k] && !has_layer(a, &b->manifest->items[k].digest))
			eb_json_push(added, layer_json(b, k));
	eb_json_set_u64(j, "shared", shared);
	eb_json_set(j, "added", added);
	eb_json_set(j, "removed", removed);
	eb_json_set(j, "changed", changed);
	return j;
}

/* ---- configuration ---- */

/* One level: lists of "NAME=value" become members, so that one variable can be named. */
static json_t *flat_config(const struct oci_config *c)
{
	json_t *flat = eb_json_object(), *v, *line;
	char created[32];
	const char *key;
	size_t i;

	if (c->created_sec >= 0) {
		eb_format_time(c->created_sec, created);
		eb_json_set_str(flat, "created", created);
	}
	json_object_foreach(c->config, key, v)
	{
		if (strcmp(key, "Env") != 0) {
			eb_json_set(flat, key, json_incref(v));
			continue;
		}
		json_array_foreach(v, i, line)
		{
			const char *text = json_string_value(line);
			size_t n = text ? strcspn(text, "=") : 0;
			autofree char *name = text ? eb_xasprintf("Env %.*s", (int)n, text) : NULL;

			if (name)
				eb_json_set_str(flat, name, text[n] ? text + n + 1 : "");
		}
	}
	return flat;
}

static void add_differing(json_t *list, const char *front, const json_t *a, const json_t *b)
{
	autofree const char **keys = keys_of(a, b);

	for (size_t i = 0; keys[i]; i++) {
		json_t *x = json_object_get(a, keys[i]), *y = json_object_get(b, keys[i]);
		autofree char *name = eb_xasprintf("%s%s", front, keys[i]);
		json_t *one;

		if (x && y && json_equal(x, y))
			continue;
		one = eb_json_object();
		eb_json_set(one, "key", eb_json_str(name));
		eb_json_set(one, "old", x ? json_incref(x) : json_null());
		eb_json_set(one, "new", y ? json_incref(y) : json_null());
		eb_json_push(list, one);
	}
}

static json_t *diff_config(const struct bnd_layers *a, const struct bnd_layers *b)
{
	autojson json_t *x = flat_config(&a->config), *y = flat_config(&b->config);
	json_t *list = eb_json_array();

	add_differing(list, "", x, y);
	add_differing(list, "annotation ", a->manifest->annotations, b->manifest->annotations);
	return list;
}

/* Bytes of the new side's blobs that the old bundle does not have. */
static uint64_t new_bytes(const struct bnd_bundle *old_bundle, const struct oci_manifest *m)
{
	uint64_t sum = oci_archive_find_blob(old_bundle->archive, &m->config.digest)
			       ? 0
			       : m->config.size;

	for (size_t i = 0; i < m->n_items; i++)
		if (!oci_archive_find_blob(old_bundle->archive, &m->items[i].digest))
			sum += m->items[i].size;
	return sum;
}

int bnd_diff_platform(const struct bnd_layers *a, const struct bnd_layers *b,
		      const json_t *old_packages, const json_t *new_packages, bool with_files,
		      json_t *j, struct eb_error **err)
{
	uint64_t left_out = 0;
	json_t *files;
	int r = 0;

	eb_json_set(j, "packages", diff_packages(old_packages, new_packages));
	eb_json_set(j, "layers", diff_layers(a, b));
	eb_json_set(j, "config", diff_config(a, b));
	eb_json_set_u64(j, "new_bytes", new_bytes(a->bundle, b->manifest));
	if (with_files)
		r = bnd_diff_files(a, b, &files, &left_out, err);
	if (r < 0 || !with_files)
		return r;
	eb_json_set(j, "files", files);
	if (left_out)
		eb_json_set_u64(j, "files_left_out", left_out);
	return 0;
}
