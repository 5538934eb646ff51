#include "bundle/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/stream.h"
#include "bundle/canonical.h"
#include "bundle/documents.h"
#include "bundle/rendered.h"
#include "bundle/source.h"
#include "dist/graph.h"
#include "image/carried.h"
#include "image/mediatype.h"

enum { TOOL_MAX_BYTES = 256 * 1024 * 1024 };

static char *image_name(const struct bnd_def *def, const struct bnd_def_image *d,
			const struct img_image *image)
{
	autofree char *tag = bnd_def_tag(d, image->version);

	return eb_xasprintf("%s/%s:%s", def->registry, d->name, tag);
}

int bnd_plan_load(const struct bnd_def *def, struct img_session *s, struct bnd_plan *ret,
		  struct eb_error **err)
{
	EB_CLEANUP(bnd_plan_release_p) struct bnd_plan p = { .def = def, .session = s };

	p.images = eb_xcalloc(def->n_images, sizeof(*p.images));
	for (size_t i = 0; i < def->n_images; i++) {
		int64_t epoch;
		int r = img_chain_load(def->images[i].dir, &p.images[i].chain, err);

		if (r < 0)
			return r;
		p.images[i].def = &def->images[i];
		p.n_images = i + 1;
		epoch = img_epoch(img_session_env(s), &p.images[i].chain);
		if (epoch > p.epoch_sec)
			p.epoch_sec = epoch;
	}
	*ret = p;
	p = (struct bnd_plan){ 0 };
	return 0;
}

void bnd_plan_release(struct bnd_plan *p)
{
	for (size_t i = 0; i < p->n_images; i++) {
		img_image_release(&p->images[i].image);
		img_chain_release(&p->images[i].chain);
		free(p->images[i].name);
	}
	free(p->images);
	bnd_layout_release(&p->layout);
	oci_descriptor_release(&p->root);
	oci_manifest_release(&p->root_index);
	*p = (struct bnd_plan){ 0 };
}

/* Architectures on which all of the image's layers come from a shared cache. */
static void find_made(struct bnd_plan *p, struct img_need *need, struct eb_arena *arena)
{
	const struct rcp_recipe *rcp = img_recipe(need->chain);
	const char *const *arches = need->arches ? need->arches : rcp->architectures;
	size_t n_arches = need->arches ? need->n_arches : rcp->n_architectures;
	const char **made = eb_arena_alloc(arena, (n_arches + 1) * sizeof(*made));

	for (size_t i = 0; i < n_arches; i++) {
		bool all = img_has_arch(need->chain, arches[i]);

		for (size_t s = 0; s < need->chain->n && all; s++) {
			struct img_chain upto = img_chain_upto(need->chain, s);

			all = img_stage_is_made(p->session, &upto, arches[i]);
		}
		if (all)
			made[need->n_made++] = arches[i];
	}
	need->made = made;
}

int bnd_plan_fetch(struct bnd_plan *p, const struct bnd_plan_options *o, struct eb_error **err)
{
	autofree struct img_need *needs = eb_xcalloc(p->n_images, sizeof(*needs));
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *arena = eb_arena_new();

	for (size_t i = 0; i < p->n_images; i++) {
		needs[i] = (struct img_need){ .chain = &p->images[i].chain,
					      .arches = o->arches,
					      .n_arches = o->n_arches };
		if (img_session_env(p->session)->shared && o->trust == IMG_TRUST_LOCK)
			find_made(p, &needs[i], arena);
	}
	return img_fetch(img_session_env(p->session), needs, p->n_images, err);
}

/* ---- documents ---- */

static int add_text(struct bnd_plan *p, const struct img_text *t, struct eb_error **err)
{
	return bnd_layout_add(&p->layout, BND_DOCUMENT, &t->desc.digest, t->desc.size,
			      eb_xmemdup(t->text, t->desc.size), err);
}

static int add_platform(struct bnd_plan *p, const struct img_platform *pl, struct eb_error **err)
{
	int r = add_text(p, &pl->manifest, err);

	if (r >= 0)
		r = add_text(p, &pl->config, err);
	for (size_t k = 0; k < pl->n_layers && r >= 0; k++)
		r = bnd_layout_add(&p->layout, BND_DATA, &pl->layers[k].digest, pl->layers[k].size,
				   NULL, err);
	return r;
}

static int add_image(struct bnd_plan *p, const struct img_image *image, struct eb_error **err)
{
	int r = add_text(p, &image->index, err);

	for (size_t i = 0; i < image->n_platforms && r >= 0; i++)
		r = add_platform(p, &image->platforms[i], err);
	for (size_t i = 0; i < image->n_attestations && r >= 0; i++)
		r = add_platform(p, &image->attestations[i], err);
	return r;
}

static int plan_images(struct bnd_plan *p, const struct bnd_plan_options *o, struct eb_error **err)
{
	for (size_t i = 0; i < p->n_images; i++) {
		struct bnd_plan_image *im = &p->images[i];
		int r = img_image_plan(p->session, &im->chain, o->arches, o->n_arches, o->trust,
				       &im->image, err);

		if (r < 0)
			return r;
		im->name = image_name(p->def, im->def, &im->image);
		r = add_image(p, &im->image, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int bnd_plan_part(struct bnd_plan *p, struct oci_manifest *m, const char *media_type,
		  const char *title, enum bnd_class class, char *text, size_t n,
		  struct eb_error **err)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { 0 };

	oci_descriptor_of(media_type, text, n, &d);
	oci_descriptor_annotate(&d, OCI_ANN_TITLE, title);
	oci_manifest_add(m, &d);
	return bnd_layout_add(&p->layout, class, &d.digest, n, text, err);
}

/* What hangs on carried images lies in the bundle manifest: so the root covers it, and each says
 * what it is about, for whoever puts it where it was again. */
static int add_hanging(struct bnd_plan *p, struct oci_manifest *m, struct eb_error **err)
{
	int r = 0;

	for (size_t i = 0; i < p->n_images; i++) {
		const struct img_image *image = &p->images[i].image;

		for (size_t k = 0; k < image->n_hanging && r >= 0; k++) {
			const struct img_text *t = &image->hanging[k];

			oci_manifest_add(m, &t->desc);
			r = bnd_layout_add(&p->layout, BND_DATA, &t->desc.digest, t->desc.size,
					   t->text ? eb_xmemdup(t->text, t->desc.size) : NULL, err);
		}
	}
	if (r >= 0 && m->n_items > OCI_MAX_LAYERS)
		return eb_throw(err, EB_E_LIMIT,
				"the images bring %zu blobs of signatures and others along; a "
				"bundle lists at most %d",
				m->n_items, OCI_MAX_LAYERS);
	return r;
}

static int add_source(struct bnd_plan *p, struct oci_manifest *m, struct eb_error **err)
{
	autofree const struct img_chain **chains = eb_xcalloc(p->n_images, sizeof(*chains));
	EB_AUTOBUF(tar, BND_SOURCE_MAX_BYTES);
	size_t n;
	int r;

	for (size_t i = 0; i < p->n_images; i++)
		chains[i] = &p->images[i].chain;
	r = bnd_source_tar(p->def, chains, p->n_images, p->epoch_sec, &tar, err);
	if (r < 0)
		return r;
	n = tar.len;
	return bnd_plan_part(p, m, BND_MT_SOURCE, "source.tar", BND_DATA, eb_buf_take(&tar), n,
			     err);
}

static int add_tool(struct bnd_plan *p, struct oci_manifest *m, struct eb_error **err)
{
	autofree char *path = NULL;
	EB_AUTOBUF(text, TOOL_MAX_BYTES);
	int r;

	if (!p->def->tool)
		return 0;
	path = eb_xasprintf("%s/%s", p->def->tool_dir, p->def->tool);
	r = eb_file_read(path, &text, err);
	if (r < 0)
		return r;
	p->layout.has_tool = true;
	p->layout.tool_size = text.len;
	p->layout.tool = eb_xmemdup(eb_buf_str(&text), text.len);
	return bnd_plan_part(p, m, BND_MT_TOOL, "ess-bundle", BND_DATA,
			     eb_xmemdup(eb_buf_str(&text), text.len), text.len, err);
}

/* The manifest of the bundle itself: definition, source, tool. */
static int make_bundle_manifest(struct bnd_plan *p, struct oci_descriptor *ret,
				struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m;
	char *definition = bnd_definition_json(p);
	char *text;
	size_t n;
	int r;

	oci_manifest_init(&m, false);
	m.artifact_type = eb_xstrdup(BND_MT_BUNDLE);
	oci_descriptor_of(OCI_MT_EMPTY, "{}", 2, &m.config);
	bnd_annotate(p, &m);
	r = bnd_layout_add(&p->layout, BND_DOCUMENT, &m.config.digest, 2, eb_xstrdup("{}"), err);
	if (r < 0)
		free(definition);
	else
		r = bnd_plan_part(p, &m, BND_MT_DEFINITION, "definition.json", BND_DOCUMENT,
				  definition, strlen(definition), err);
	if (r >= 0)
		r = add_source(p, &m, err);
	if (r >= 0)
		r = add_tool(p, &m, err);
	if (r >= 0)
		r = bnd_add_rendered(p, &m, err);
	if (r >= 0)
		r = add_hanging(p, &m, err);
	if (r < 0)
		return r;
	text = oci_manifest_write(&m, &n);
	oci_descriptor_of(OCI_MT_MANIFEST, text, n, ret);
	ret->artifact_type = eb_xstrdup(BND_MT_BUNDLE);
	return bnd_layout_add(&p->layout, BND_DOCUMENT, &ret->digest, n, text, err);
}

/* One digest over all: the bundle's manifest and every image. */
static int make_root(struct bnd_plan *p, struct eb_error **err)
{
	struct oci_manifest *root = &p->root_index;
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor bundle = { 0 };
	char *text;
	size_t n;
	int r = make_bundle_manifest(p, &bundle, err);

	if (r < 0)
		return r;
	oci_manifest_init(root, true);
	root->artifact_type = eb_xstrdup(BND_MT_BUNDLE);
	bnd_annotate(p, root);
	oci_manifest_annotate(root, BND_ANN_FORMAT, "1");
	oci_manifest_add(root, &bundle);
	for (size_t i = 0; i < p->n_images; i++) {
		EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { 0 };

		oci_descriptor_copy(&p->images[i].image.index.desc, &d);
		oci_descriptor_annotate(&d, BND_ANN_NAME, p->images[i].name);
		oci_manifest_add(root, &d);
	}
	text = oci_manifest_write(root, &n);
	oci_descriptor_of(OCI_MT_INDEX, text, n, &p->root);
	p->root.artifact_type = eb_xstrdup(BND_MT_BUNDLE);
	return bnd_layout_add(&p->layout, BND_DOCUMENT, &p->root.digest, n, text, err);
}

/* The images alone, for an archive that is no bundle. */
static void make_layout_index(struct bnd_plan *p)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest index = { 0 };

	oci_manifest_init(&index, true);
	for (size_t i = 0; i < p->n_images; i++) {
		EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { 0 };

		oci_descriptor_copy(&p->images[i].image.index.desc, &d);
		oci_descriptor_annotate(&d, OCI_ANN_REF_NAME, p->images[i].name);
		oci_descriptor_annotate(&d, OCI_ANN_CONTAINERD_NAME, p->images[i].name);
		oci_manifest_add(&index, &d);
	}
	p->layout.index_json = oci_manifest_write(&index, &p->layout.index_size);
	p->layout.index_space = p->layout.index_size + 1;
	oci_descriptor_release(&p->root);
	oci_descriptor_copy(&p->images[0].image.index.desc, &p->root);
}

static int make_index(struct bnd_plan *p, const struct bnd_plan_options *o, struct eb_error **err)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor signature = { 0 };
	int r = 0;

	if (o->sign)
		r = o->sign(o->sign_ctx, &p->root, &p->layout, &signature, err);
	if (r >= 0)
		r = bnd_index_write(&p->root, &p->root_index, &signature, o->sign ? 1 : 0,
				    &p->layout, err);
	return r;
}

int bnd_plan_make(struct bnd_plan *p, const struct bnd_plan_options *o, struct eb_error **err)
{
	int r = plan_images(p, o, err);

	p->layout.mtime_sec = p->epoch_sec;
	p->values = o->values;
	if (r >= 0 && o->layout_only) {
		make_layout_index(p);
		bnd_layout_place(&p->layout);
		return 0;
	}
	if (r >= 0)
		r = make_root(p, err);
	if (r >= 0)
		r = make_index(p, o, err);
	if (r < 0)
		return eb_prefix(err, r, "bundle '%s'", p->def->name);
	bnd_layout_place(&p->layout);
	return 0;
}

/* ---- filling ---- */

struct fill {
	struct bnd_plan *plan;
	int fd;
	const struct img_layers *layers; /* of the stage under way */
	atomic_bool *taken;		 /* by blob: somebody writes it or has */
};

static struct eb_writer *place_layer(void *ctx, size_t i)
{
	struct fill *f = ctx;
	struct bnd_blob *b = bnd_layout_find(&f->plan->layout, &f->layers->items[i].result.digest);

	if (!b || atomic_exchange(&f->taken[b - f->plan->layout.blobs], true))
		return NULL;
	return bnd_layout_blob(b, f->fd);
}

static bool all_taken(const struct fill *f, const struct img_layers *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct bnd_blob *b = bnd_layout_find(&f->plan->layout,
							   &l->items[i].result.digest);

		if (!atomic_load(&f->taken[b - f->plan->layout.blobs]))
			return false;
	}
	return true;
}

static int copy_layer(struct fill *f, const struct bnd_plan_image *im,
		      const struct oci_descriptor *d, struct eb_error **err)
{
	const struct img_env *env = img_session_env(f->plan->session);
	struct bnd_blob *b = bnd_layout_find(&f->plan->layout, &d->digest);
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *out = NULL;
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	int r;

	if (!b || b->text || atomic_exchange(&f->taken[b - f->plan->layout.blobs], true))
		return 0;
	r = img_carried_layer(env, &im->image, d, &in, err);
	if (r < 0)
		return r;
	out = bnd_layout_blob(b, f->fd);
	r = eb_copy(in, out, NULL, err);
	return r < 0 ? r : eb_writer_finish(out, err);
}

static int copy_platform(struct fill *f, const struct bnd_plan_image *im,
			 const struct img_platform *pl, struct eb_error **err)
{
	int r = 0;

	for (size_t i = 0; i < pl->n_layers && r >= 0; i++)
		r = copy_layer(f, im, &pl->layers[i], err);
	return r;
}

/* Of an image that is carried: the layers as they lie in the cache. */
static int copy_image(struct fill *f, const struct bnd_plan_image *im, struct eb_error **err)
{
	int r = 0;

	for (size_t k = 0; k < im->image.n_platforms && r >= 0; k++)
		r = copy_platform(f, im, &im->image.platforms[k], err);
	for (size_t k = 0; k < im->image.n_attestations && r >= 0; k++)
		r = copy_platform(f, im, &im->image.attestations[k], err);
	for (size_t k = 0; k < im->image.n_hanging && r >= 0; k++)
		if (!im->image.hanging[k].text)
			r = copy_layer(f, im, &im->image.hanging[k].desc, err);
	return r;
}

static int fill_image(struct fill *f, const struct bnd_plan_image *im, struct eb_error **err)
{
	if (img_recipe(&im->chain)->image.ref)
		return copy_image(f, im, err);
	for (size_t k = 0; k < im->image.n_platforms; k++) {
		const struct img_platform *pl = &im->image.platforms[k];

		for (size_t s = 0; s < pl->n_stages; s++) {
			struct img_chain upto = img_chain_upto(&im->chain, s);
			int r;

			f->layers = pl->stage[s];
			if (all_taken(f, f->layers))
				continue;
			r = img_stage_write(f->plan->session, &upto, pl->arch, f->layers,
					    place_layer, f, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

int bnd_plan_write(struct bnd_plan *p, const char *path, struct eb_error **err)
{
	autofree atomic_bool *taken = eb_xcalloc(p->layout.n, sizeof(*taken));
	struct fill f = { .plan = p, .taken = taken };
	EB_AUTOTMP(tmp);
	int r = eb_tmpfile_open(NULL, path, 0644, &tmp, err);

	if (r < 0)
		return r;
	f.fd = tmp.fd;
	r = bnd_layout_start(&p->layout, tmp.fd, err);
	for (size_t i = 0; i < p->n_images && r >= 0; i++)
		r = fill_image(&f, &p->images[i], err);
	if (r >= 0)
		r = eb_tmpfile_publish(&tmp, true, err);
	if (r == -ENOSPC || r == -EDQUOT || r == -EFBIG)
		r = eb_hint(err, r, "free some space there, or write to another place with -o");
	return r < 0 ? eb_prefix(err, r, "'%s'", path) : 0;
}

/* ---- for others ---- */

struct written {
	const struct bnd_layout *layout;
	int fd;
};

static int written_blob(void *ctx, const struct oci_descriptor *d, uint64_t offset,
			struct eb_reader **ret, struct eb_error **err)
{
	const struct written *w = ctx;
	const struct bnd_blob *b = bnd_layout_find(w->layout, &d->digest);

	if (!b || b->size != d->size)
		return eb_throw(err, EB_E_NOT_FOUND, "blob %s is not there", d->digest.text);
	*ret = eb_reader_region(w->fd, b->offset + offset, b->size - offset);
	return 0;
}

void bnd_plan_share(struct bnd_plan *p, const char *path)
{
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct written w = { &p->layout, fd };
	const struct oci_source src = { &w, NULL, written_blob };

	for (size_t i = 0; i < p->n_images && fd >= 0; i++) {
		const struct bnd_plan_image *im = &p->images[i];

		for (size_t k = 0; k < im->image.n_platforms; k++) {
			const struct img_platform *pl = &im->image.platforms[k];

			for (size_t s = 0; s < pl->n_stages; s++) {
				struct img_chain upto = img_chain_upto(&im->chain, s);

				if (!img_recipe(&upto)->image.ref)
					img_stage_share(p->session, &upto, pl->arch, pl->stage[s],
							&src);
			}
		}
	}
}

/* ---- nothing to do ---- */

/* Raise when the same plan gives another file, so that one that an older program wrote is not taken
 * to be up to date. */
#define FILE_FORMAT "ess-bundle file 4"

int bnd_plan_key(const struct bnd_plan *p, const struct bnd_plan_options *o, const char *signer,
		 char ret[static 65], struct eb_error **err)
{
	EB_CLEANUP(eb_hash_free_p) struct eb_hash *h = eb_hash_new(EB_SHA256);
	autofree const struct img_chain **chains = eb_xcalloc(p->n_images, sizeof(*chains));
	const struct img_env *env = img_session_env(p->session);
	EB_AUTOBUF(b, BND_SOURCE_MAX_BYTES);
	char hex[EB_HASH_MAX_HEX + 1];
	int r;

	for (size_t i = 0; i < p->n_images; i++)
		chains[i] = &p->images[i].chain;
	r = bnd_source_tar(p->def, chains, p->n_images, p->epoch_sec, &b, err);
	if (r < 0)
		return r;
	eb_buf_addf(&b, "%s %d %s %s %lld", FILE_FORMAT, o->layout_only, signer ? signer : "",
		    eb_codec_name(env->compression), (long long)env->epoch_sec);
	for (size_t i = 0; o->arches && i < o->n_arches; i++)
		eb_buf_addf(&b, " %s", o->arches[i]);
	if (o->values) {
		autofree char *values = eb_json_canonical(o->values->tree, NULL);

		eb_buf_adds(&b, values);
	}
	r = eb_buf_check(&b, "source of the bundle", err);
	if (r < 0)
		return r;
	eb_hash_update(h, eb_buf_str(&b), b.len);
	eb_hash_final_hex(h, hex);
	memcpy(ret, hex, 65);
	return 0;
}
