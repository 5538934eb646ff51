#include "image/image.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/span.h"
#include "image/base.h"
#include "image/carried.h"
#include "image/config.h"
#include "image/mediatype.h"

void img_text_release(struct img_text *t)
{
	free(t->text);
	oci_descriptor_release(&t->desc);
	t->text = NULL;
}

void img_platform_release(struct img_platform *p)
{
	img_text_release(&p->config);
	img_text_release(&p->manifest);
	for (size_t i = 0; i < p->n_layers; i++)
		oci_descriptor_release(&p->layers[i]);
	free(p->layers);
	free(p->stage);
	p->stage = NULL;
	p->layers = NULL;
	p->n_layers = 0;
}

void img_image_release(struct img_image *i)
{
	for (size_t p = 0; p < i->n_platforms; p++)
		img_platform_release(&i->platforms[p]);
	free(i->platforms);
	free(i->version);
	for (size_t k = 0; k < i->n_attestations; k++)
		img_platform_release(&i->attestations[k]);
	free(i->attestations);
	for (size_t k = 0; k < i->n_hanging; k++)
		img_text_release(&i->hanging[k]);
	free(i->hanging);
	img_text_release(&i->index);
	*i = (struct img_image){ 0 };
}

static const char *variant_of(const char *arch)
{
	return strcmp(arch, "arm64") == 0 ? "v8" : strcmp(arch, "armhf") == 0 ? "v7" : NULL;
}

static void write_config(const struct img_env *env, const struct img_chain *c,
			 struct img_platform *p)
{
	EB_CLEANUP(oci_config_release_p) struct oci_config cfg = { 0 };
	size_t n;

	cfg.architecture = eb_xstrdup(p->arch);
	cfg.os = eb_xstrdup("linux");
	cfg.variant = variant_of(p->arch) ? eb_xstrdup(variant_of(p->arch)) : NULL;
	cfg.created_sec = img_epoch(env, c);
	cfg.config = rcp_config_merge(&c->recipes, p->n_stages ? p->stage[0]->config : NULL);
	for (size_t s = 0; s < p->n_stages; s++) {
		for (size_t i = 0; i < p->stage[s]->n; i++) {
			const struct img_layer_info *l = &p->stage[s]->items[i];
			autofree char *by = eb_xasprintf("ess-bundle recipe %s: %s",
							 c->stage[s].recipe->name, l->name);

			oci_config_add_layer(&cfg, &l->result.diff_id, l->by ? l->by : by);
		}
	}
	p->config.text = oci_config_write(&cfg, &n);
	oci_descriptor_of(OCI_MT_CONFIG, p->config.text, n, &p->config.desc);
}

/* What people and registries read about an image; the same on its manifests and its index. */
static void annotate(const struct img_env *env, const struct img_chain *c, const char *version,
		     struct oci_manifest *m)
{
	const struct rcp_recipe *rcp = img_recipe(c);
	const struct rcp_upstream *base = img_base(c);
	char created[32];
	const char *key;
	json_t *value;

	eb_format_time(img_epoch(env, c), created);
	oci_manifest_annotate(m, OCI_ANN_CREATED, created);
	oci_manifest_annotate(m, OCI_ANN_TITLE, rcp->name);
	oci_manifest_annotate(m, OCI_ANN_VERSION, version);
	if (rcp->summary)
		oci_manifest_annotate(m, OCI_ANN_DESCRIPTION, rcp->summary);
	if (base) {
		oci_manifest_annotate(m, OCI_ANN_BASE_NAME, base->ref);
		oci_manifest_annotate(m, OCI_ANN_BASE_DIGEST, base->digest);
	}
	json_object_foreach(rcp->annotations, key, value)
		oci_manifest_annotate(m, key, json_string_value(value));
}

static void write_manifest(const struct img_env *env, const struct img_chain *c,
			   struct img_platform *p)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m;
	autofree char *version = img_version(c);
	size_t n;

	oci_manifest_init(&m, false);
	annotate(env, c, version, &m);
	oci_descriptor_copy(&p->config.desc, &m.config);
	for (size_t s = 0; s < p->n_stages; s++) {
		for (size_t i = 0; i < p->stage[s]->n; i++) {
			const struct img_layer_info *l = &p->stage[s]->items[i];
			EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { 0 };

			d.media_type = eb_xstrdup(l->result.media_type);
			d.digest = l->result.digest;
			d.size = l->result.size;
			oci_descriptor_annotate(&d, BND_ANN_LAYER_GROUP, l->name);
			oci_manifest_add(&m, &d);
		}
	}
	p->manifest.text = oci_manifest_write(&m, &n);
	oci_descriptor_of(OCI_MT_MANIFEST, p->manifest.text, n, &p->manifest.desc);
	p->layers = EB_TAKE_PTR(m.items);
	p->n_layers = m.n_items;
	m.n_items = 0;
	p->manifest.desc.platform.architecture = eb_xstrdup(p->arch);
	p->manifest.desc.platform.os = eb_xstrdup("linux");
	if (variant_of(p->arch))
		p->manifest.desc.platform.variant = eb_xstrdup(variant_of(p->arch));
}

/* The lock says what its image came out as. The layers are those that it names, so what can differ
 * is what the recipe says about the image as a whole, or a builder that writes it otherwise. */
static int check_manifest(const struct img_env *env, const struct img_chain *c,
			  const struct img_platform *p, struct eb_error **err)
{
	const struct rcp_lock *lock = c->stage[c->n - 1].lock;
	const char *codec = eb_codec_name(env->compression);
	const char *key = p->stage[c->n - 1]->key, *what = NULL, *want = NULL, *found = NULL;
	int r;

	for (size_t i = 0; i < lock->n_results && !what; i++) {
		const struct rcp_locked_result *res = &lock->results[i];

		if (strcmp(res->arch, p->arch) != 0 || strcmp(res->codec, codec) != 0 ||
		    strcmp(res->key, key) != 0)
			continue;
		if (strcmp(res->config, p->config.desc.digest.text) != 0) {
			what = "configuration";
			want = res->config;
			found = p->config.desc.digest.text;
		} else if (strcmp(res->manifest, p->manifest.desc.digest.text) != 0) {
			what = "manifest";
			want = res->manifest;
			found = p->manifest.desc.digest.text;
		}
	}
	if (!what)
		return 0;
	r = eb_throw(err, EB_E_CONFLICT,
		     "image '%s' (%s): its %s comes out as %s, %s expects %s: the recipe was "
		     "changed since",
		     img_recipe(c)->name, p->arch, what, found, lock->file, want);
	return eb_hint(err, r, "run 'ess-bundle lock %s' and review the diff", img_recipe(c)->dir);
}

int img_platform_plan(struct img_session *s, const struct img_chain *c, const char *arch,
		      enum img_trust trust, struct img_platform *ret, struct eb_error **err)
{
	EB_CLEANUP(img_platform_release_p) struct img_platform p = { .arch = arch };

	p.stage = eb_xcalloc(c->n, sizeof(*p.stage));
	p.n_stages = c->n;
	for (size_t i = 0; i < c->n; i++) {
		struct img_chain upto = img_chain_upto(c, i);
		bool believe = trust == IMG_TRUST_LOCK ||
			       (trust == IMG_TRUST_PARENTS && i + 1 < c->n);
		int r = img_stage_layers(s, &upto, arch,
					 believe ? IMG_TRUST_LOCK : IMG_TRUST_NOTHING, &p.stage[i],
					 err);

		if (r < 0)
			return r;
	}
	write_config(img_session_env(s), c, &p);
	write_manifest(img_session_env(s), c, &p);
	if (trust == IMG_TRUST_LOCK) {
		int r = check_manifest(img_session_env(s), c, &p, err);

		if (r < 0)
			return r;
	}
	*ret = p;
	p = (struct img_platform){ 0 };
	return 0;
}

static bool asked_for(const char *arch, const char *const *arches, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(arch, arches[i]) == 0)
			return true;
	return arches == NULL;
}

static int by_arch(const void *pa, const void *pb)
{
	const struct img_platform *a = pa, *b = pb;

	return strcmp(a->arch, b->arch);
}

static void write_index(const struct img_env *env, struct img_image *image)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m;
	size_t n;

	oci_manifest_init(&m, true);
	annotate(env, image->chain, image->version, &m);
	for (size_t i = 0; i < image->n_platforms; i++) {
		EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { 0 };

		oci_descriptor_copy(&image->platforms[i].manifest.desc, &d);
		/* skopeo 1.18 adds it while it copies, and with it the index gets another digest */
		if (env->compression == EB_CODEC_ZSTD)
			oci_descriptor_annotate(&d, OCI_ANN_CONTAINERS_ZSTD, "true");
		oci_manifest_add(&m, &d);
	}
	image->index.text = oci_manifest_write(&m, &n);
	oci_descriptor_of(OCI_MT_INDEX, image->index.text, n, &image->index.desc);
}

static int plan_built(struct img_session *s, const char *const *arches, size_t n_arches,
		      enum img_trust trust, struct img_image *image, struct eb_error **err)
{
	const struct rcp_recipe *rcp = img_recipe(image->chain);

	for (size_t i = 0; i < rcp->n_architectures; i++) {
		int r;

		if (!asked_for(rcp->architectures[i], arches, n_arches))
			continue;
		r = img_platform_plan(s, image->chain, rcp->architectures[i], trust,
				      &image->platforms[image->n_platforms], err);
		if (r < 0)
			return r;
		image->n_platforms++;
	}
	return 0;
}

int img_image_plan(struct img_session *s, const struct img_chain *c, const char *const *arches,
		   size_t n_arches, enum img_trust trust, struct img_image *ret,
		   struct eb_error **err)
{
	EB_CLEANUP(img_image_release_p) struct img_image image = { .chain = c };
	const struct rcp_recipe *rcp = img_recipe(c);
	int r;

	image.version = img_version(c);
	image.platforms = eb_xcalloc(rcp->n_architectures, sizeof(*image.platforms));
	if (rcp->image.ref)
		r = img_carried_plan(img_session_env(s), arches, n_arches, &image, err);
	else
		r = plan_built(s, arches, n_arches, trust, &image, err);
	if (r < 0)
		return r;
	if (image.n_platforms == 0)
		return eb_throw(err, EB_E_NOT_FOUND,
				"%s: is for none of the architectures asked for", rcp->file);
	qsort(image.platforms, image.n_platforms, sizeof(*image.platforms), by_arch);
	if (!rcp->image.ref)
		write_index(img_session_env(s), &image);
	*ret = image;
	image = (struct img_image){ 0 };
	return 0;
}

void img_image_to_lock(const struct img_image *i, const struct img_env *env, struct rcp_lock *lock)
{
	const char *codec = eb_codec_name(env->compression);

	rcp_lock_clear_results(lock);
	/* Of an image that is carried, the inputs are the result. */
	if (img_recipe(i->chain)->image.ref)
		return;
	for (size_t k = 0; k < i->n_platforms; k++) {
		const struct img_platform *p = &i->platforms[k];
		const struct img_layers *own = p->stage[p->n_stages - 1];
		struct rcp_locked_result res = { .arch = p->arch,
						 .codec = codec,
						 .key = own->key,
						 .manifest = p->manifest.desc.digest.text,
						 .config = p->config.desc.digest.text,
						 .size = p->manifest.desc.size };

		rcp_lock_add_result(lock, &res);
		for (size_t n = 0; n < own->n; n++) {
			struct rcp_locked_layer y = {
				.arch = p->arch,
				.codec = codec,
				.n = (unsigned int)n,
				.name = own->items[n].name,
				.diff_id = own->items[n].result.diff_id.text,
				.digest = own->items[n].result.digest.text,
				.size = own->items[n].result.size,
				.diff_size = own->items[n].result.diff_size,
			};

			rcp_lock_add_layer(lock, &y);
		}
	}
}
