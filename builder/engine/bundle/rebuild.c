#include "bundle/rebuild.h"

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/span.h"
#include "bundle/extract.h"
#include "bundle/select.h"
#include "bundle/source.h"
#include "image/config.h"
#include "image/mediatype.h"
#include "image/tar_read.h"
#include "recipe/yaml.h"

static const struct {
	enum bnd_rebuild_kind kind;
	const char *name;
} kind_names[] = {
	{ BND_SAME, "same" },
	{ BND_DIFF_IMAGES, "images" },
	{ BND_DIFF_PLATFORMS, "platforms" },
	{ BND_DIFF_LAYERS, "layers" },
	{ BND_DIFF_CONTENT, "content" },
	{ BND_DIFF_COMPRESSION, "compression" },
	{ BND_DIFF_DOCUMENT, "document" },
};

const char *bnd_rebuild_kind_name(enum bnd_rebuild_kind kind)
{
	for (size_t i = 0; i < EB_ARRAY_LEN(kind_names); i++)
		if (kind_names[i].kind == kind)
			return kind_names[i].name;
	return "";
}

void bnd_rebuild_difference_release(struct bnd_rebuild_difference *d)
{
	free(d->image);
	free(d->platform);
	free(d->what);
	free(d->expected);
	free(d->made);
	free(d->member);
	free(d->detail);
	*d = (struct bnd_rebuild_difference){ 0 };
}

/* ---- the source ---- */

static int extract_source(const struct bnd_bundle *b, const struct eb_dir *dir,
			  struct eb_error **err)
{
	static const struct bnd_extract_options o = { .same_owner = false };
	const struct oci_descriptor *d = bnd_part(b, BND_MT_SOURCE);
	EB_CLEANUP(oci_tar_reader_free_p) struct oci_tar_reader *t = NULL;
	EB_CLEANUP(bnd_extract_free_p) struct bnd_extract *x = NULL;
	struct oci_tar_limits lim = oci_tar_default_limits;
	struct bnd_extract_result res;
	struct eb_reader *in;
	int r;

	if (!d)
		return eb_throw(err, EB_E_NOT_FOUND,
				"the bundle does not hold the recipes it was made from");
	lim.total_bytes = BND_SOURCE_MAX_BYTES;
	r = oci_archive_blob(b->archive, d, &in, err);
	if (r >= 0)
		r = oci_tar_open(in, OCI_TAR_PLAIN, &lim, &t, err);
	if (r < 0)
		return r;
	x = bnd_extract_new(dir->fd, &o);
	r = bnd_extract_layer(x, t, err);
	return r < 0 ? r : bnd_extract_finish(x, &res, err);
}

/* Wherever the definition found its recipes, here they are siblings. */
static void point_at_recipes(struct bnd_def *def, const char *dir)
{
	for (size_t i = 0; i < def->n_images; i++) {
		struct bnd_def_image *im = &def->images[i];
		const char *slash;
		size_t n = strlen(im->dir);

		while (n > 1 && im->dir[n - 1] == '/')
			n--;
		slash = memrchr(im->dir, '/', n);
		im->dir = eb_arena_printf(def->arena, "%s/recipes/%.*s", dir,
					  (int)(slash ? im->dir + n - slash - 1 : (ptrdiff_t)n),
					  slash ? slash + 1 : im->dir);
	}
}

int bnd_rebuild_load(const struct bnd_bundle *b, const char *dir, struct bnd_def **ret,
		     struct eb_error **err)
{
	EB_CLEANUP(bnd_def_free_p) struct bnd_def *def = NULL;
	autofree char *where = NULL;
	EB_AUTODIR(d);
	const char *name;
	int r = eb_dir_open(dir, false, &d, err);

	if (r >= 0)
		r = extract_source(b, &d, err);
	if (r >= 0)
		r = eb_json_get_str(b->definition, "name", &name, err);
	if (r < 0)
		return eb_prefix(err, r, "source of the bundle");
	where = eb_xasprintf("%s/bundles/%s", dir, name);
	r = bnd_def_read(where, &def, err);
	if (r < 0)
		return eb_prefix(err, r, "source of the bundle");
	point_at_recipes(def, dir);
	*ret = EB_TAKE_PTR(def);
	return 0;
}

int bnd_rebuild_compression(const struct bnd_bundle *b, enum eb_codec_kind *ret,
			    struct eb_error **err)
{
	const char *name;
	int r = eb_json_get_str(b->definition, "compression", &name, err);

	if (r >= 0)
		r = eb_codec_parse(name, ret, err);
	return r < 0 ? eb_prefix(err, r, "definition") : 0;
}

int bnd_rebuild_epoch(const struct bnd_bundle *b, const struct bnd_plan *p, int64_t *ret_sec,
		      struct eb_error **err)
{
	uint64_t epoch;
	int r = eb_json_get_u64(b->definition, "epoch", INT64_MAX, &epoch, err);

	if (r < 0)
		return eb_prefix(err, r, "definition");
	*ret_sec = (int64_t)epoch == p->epoch_sec ? -1 : (int64_t)epoch;
	return 0;
}

static int by_bytes(const void *pa, const void *pb)
{
	return strcmp(*(const char *const *)pa, *(const char *const *)pb);
}

const char **bnd_rebuild_arches(const struct bnd_bundle *b, size_t *ret_n)
{
	size_t n = 0, kept = 0;
	const char **list;

	for (size_t i = 0; i < b->n_images; i++)
		n += b->images[i].index.n_items;
	list = eb_xcalloc(n + 1, sizeof(*list));
	n = 0;
	for (size_t i = 0; i < b->n_images; i++)
		for (size_t k = 0; k < b->images[i].index.n_items; k++)
			if (b->images[i].index.items[k].platform.architecture)
				list[n++] = b->images[i].index.items[k].platform.architecture;
	if (n)
		qsort(list, n, sizeof(*list), by_bytes);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || strcmp(list[i], list[kept - 1]) != 0)
			list[kept++] = list[i];
	list[kept] = NULL;
	*ret_n = kept;
	return list;
}

/* ---- comparing ---- */

struct compare {
	const struct bnd_bundle *b;
	const struct bnd_plan *p;
	struct bnd_rebuild_difference *d;
};

/* 1: a difference of this kind. */
static int differ(struct compare *c, enum bnd_rebuild_kind kind, const char *what,
		  const char *expected, const char *made)
{
	c->d->kind = kind;
	c->d->what = what ? eb_xstrdup(what) : NULL;
	c->d->expected = eb_xstrdup(expected);
	c->d->made = eb_xstrdup(made);
	return 1;
}

static int differ_counts(struct compare *c, enum bnd_rebuild_kind kind, size_t expected,
			 size_t made)
{
	autofree char *x = eb_xasprintf("%zu", expected), *y = eb_xasprintf("%zu", made);

	return differ(c, kind, NULL, x, y);
}

static int compare_document(struct compare *c, const char *what, const struct oci_digest *expected,
			    const struct oci_digest *made)
{
	if (oci_digest_eq(expected, made))
		return 0;
	return differ(c, BND_DIFF_DOCUMENT, what, expected->text, made->text);
}

static int compare_layer(struct compare *c, const struct img_layer_info *made,
			 const struct oci_descriptor *d, const struct oci_digest *diff_id)
{
	if (!oci_digest_eq(&made->result.diff_id, diff_id))
		return differ(c, BND_DIFF_CONTENT, made->name, diff_id->text,
			      made->result.diff_id.text);
	if (!oci_digest_eq(&made->result.digest, &d->digest))
		return differ(c, BND_DIFF_COMPRESSION, made->name, d->digest.text,
			      made->result.digest.text);
	return 0;
}

static int compare_layers(struct compare *c, const struct oci_manifest *m,
			  const struct oci_config *cfg, const struct img_platform *pl)
{
	size_t n = pl->n_layers, at = 0;

	if (n != m->n_items || n != cfg->n_diff_ids)
		return differ_counts(c, BND_DIFF_LAYERS, m->n_items, n);
	for (size_t s = 0; s < pl->n_stages; s++) {
		for (size_t i = 0; i < pl->stage[s]->n; i++, at++) {
			if (!compare_layer(c, &pl->stage[s]->items[i], &m->items[at],
					   &cfg->diff_ids[at]))
				continue;
			c->d->stage_i = s;
			c->d->layer_i = i;
			c->d->manifest_layer_i = at;
			return 1;
		}
	}
	return 0;
}

static int compare_platform(struct compare *c, const struct oci_descriptor *d,
			    const struct oci_manifest *m, const struct img_platform *pl,
			    struct eb_error **err)
{
	EB_CLEANUP(oci_config_release_p) struct oci_config cfg = { 0 };
	autofree char *text = NULL;
	size_t n;
	int r = oci_archive_blob_text(c->b->archive, &m->config, OCI_MANIFEST_MAX_BYTES, &text, &n,
				      err);

	if (r >= 0)
		r = oci_config_parse(text, n, &cfg, err);
	if (r < 0)
		return r;
	free(c->d->platform);
	c->d->platform = bnd_platform_name(d);
	r = compare_layers(c, m, &cfg, pl);
	if (r == 0)
		r = compare_document(c, "configuration", &m->config.digest,
				     &pl->config.desc.digest);
	if (r == 0)
		r = compare_document(c, "manifest", &d->digest, &pl->manifest.desc.digest);
	return r;
}

static const struct img_platform *find_made(const struct img_image *made, const char *arch,
					    size_t *ret)
{
	for (size_t i = 0; arch && i < made->n_platforms; i++) {
		if (strcmp(made->platforms[i].arch, arch) == 0) {
			*ret = i;
			return &made->platforms[i];
		}
	}
	return NULL;
}

static int compare_image(struct compare *c, const struct bnd_image *im,
			 const struct bnd_plan_image *made, struct eb_error **err)
{
	int r = 0;

	free(c->d->image);
	c->d->image = eb_xstrdup(im->name);
	if (strcmp(im->name, made->name) != 0)
		return differ(c, BND_DIFF_IMAGES, "name", im->name, made->name);
	if (im->index.n_items != made->image.n_platforms + made->image.n_attestations)
		return differ_counts(c, BND_DIFF_PLATFORMS, im->index.n_items,
				     made->image.n_platforms + made->image.n_attestations);
	for (size_t i = 0; i < im->index.n_items && r == 0; i++) {
		const struct oci_descriptor *d = &im->index.items[i];
		autofree char *name = bnd_platform_name(d);
		const struct img_platform *pl = find_made(&made->image, d->platform.architecture,
							  &c->d->platform_i);

		c->d->bundle_platform_i = i;
		/* Carried, as the index that lists it. */
		if (oci_descriptor_attests(d))
			continue;
		if (!pl)
			return differ(c, BND_DIFF_PLATFORMS, NULL, name, "none like it");
		r = compare_platform(c, d, &im->platforms[i], pl, err);
	}
	if (r != 0)
		return r;
	free(EB_TAKE_PTR(c->d->platform));
	return compare_document(c, "index", &im->desc.digest, &made->image.index.desc.digest);
}

static int compare_images(struct compare *c, struct eb_error **err)
{
	if (c->b->n_images != c->p->n_images)
		return differ_counts(c, BND_DIFF_IMAGES, c->b->n_images, c->p->n_images);
	for (size_t i = 0; i < c->b->n_images; i++) {
		int r;

		c->d->image_i = i;
		r = compare_image(c, &c->b->images[i], &c->p->images[i], err);
		if (r != 0)
			return r;
	}
	free(EB_TAKE_PTR(c->d->image));
	return 0;
}

/* All images are the same, so it is what lies beside them: the first part of the bundle's manifest
 * that was not made. */
static int compare_parts(struct compare *c)
{
	const struct oci_manifest *m = &c->b->bundle_manifest;

	for (size_t i = 0; i < m->n_items; i++) {
		const char *title = oci_descriptor_annotation(&m->items[i], OCI_ANN_TITLE);
		bool made = false;

		for (size_t k = 0; k < c->p->layout.n && !made; k++)
			made = oci_digest_eq(&c->p->layout.blobs[k].digest, &m->items[i].digest);
		if (!made)
			return differ(c, BND_DIFF_DOCUMENT, title ? title : m->items[i].media_type,
				      m->items[i].digest.text, "none like it");
	}
	return compare_document(c, "root", &c->b->root.digest, &c->p->root.digest);
}

int bnd_rebuild_compare(const struct bnd_bundle *b, const struct bnd_plan *p,
			struct bnd_rebuild_difference *ret, struct eb_error **err)
{
	EB_CLEANUP(bnd_rebuild_difference_release_p) struct bnd_rebuild_difference d = { 0 };
	struct compare c = { b, p, &d };
	int r = 0;

	if (!oci_digest_eq(&b->root.digest, &p->root.digest)) {
		r = compare_images(&c, err);
		if (r == 0)
			r = compare_parts(&c);
	}
	if (r < 0)
		return r;
	*ret = d;
	d = (struct bnd_rebuild_difference){ 0 };
	return 0;
}
