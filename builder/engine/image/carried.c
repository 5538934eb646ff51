#include "image/carried.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/stream.h"
#include "image/mediatype.h"

enum { SIGNATURE_MAX_BYTES = 4 * 1024 * 1024, MAX_SIGNATURES = 1000 };

const struct oci_descriptor *img_find_platform(const struct oci_manifest *index, const char *arch)
{
	for (size_t i = 0; i < index->n_items; i++) {
		const struct oci_platform *p = &index->items[i].platform;

		if (p->os && strcmp(p->os, "linux") == 0 && p->architecture &&
		    strcmp(p->architecture, arch) == 0)
			return &index->items[i];
	}
	return NULL;
}

static int open_blob(const struct img_env *env, const struct img_image *i,
		     const struct oci_descriptor *d, struct eb_reader **ret, struct eb_error **err)
{
	const struct rcp_recipe *rcp = img_recipe(i->chain);
	autofree char *what = eb_xasprintf("image '%s' (%s): blob %s", rcp->name, rcp->image.ref,
					   d->digest.text);

	return pkg_cache_read(env->cache, oci_digest_hex(&d->digest), d->size, what, ret, err);
}

int img_carried_layer(const struct img_env *env, const struct img_image *i,
		      const struct oci_descriptor *layer, struct eb_reader **ret,
		      struct eb_error **err)
{
	return open_blob(env, i, layer, ret, err);
}

/* ret->desc becomes a copy of d. */
static int read_text(const struct img_env *env, const struct img_image *i,
		     const struct oci_descriptor *d, struct img_text *ret, struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	EB_AUTOBUF(b, SIGNATURE_MAX_BYTES);
	int r = open_blob(env, i, d, &in, err);

	if (r >= 0)
		r = eb_read_all(in, &b, d->digest.text, err);
	if (r < 0)
		return r;
	oci_descriptor_copy(d, &ret->desc);
	ret->desc.size = b.len;
	ret->text = eb_buf_take(&b);
	return 0;
}

static int read_locked(const struct img_env *env, const struct img_image *i,
		       const struct rcp_locked_blob *b, struct img_text *ret, struct eb_error **err)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = b->size };
	autofree char *digest = eb_xasprintf("sha256:%s", b->sha256);
	int r = oci_digest_parse(digest, &d.digest, err);

	d.media_type = eb_xstrdup(b->media_type);
	return r < 0 ? r : read_text(env, i, &d, ret, err);
}

static int read_platform(const struct img_env *env, const struct img_image *i,
			 const struct oci_manifest *index, struct img_platform *p,
			 struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { 0 };
	const struct oci_descriptor *d = img_find_platform(index, p->arch);
	int r;

	if (!d)
		return eb_throw(err, EB_E_NOT_FOUND, "image '%s': its index lists no linux/%s",
				img_recipe(i->chain)->name, p->arch);
	r = read_text(env, i, d, &p->manifest, err);
	if (r >= 0)
		r = oci_manifest_parse(p->manifest.text, p->manifest.desc.size, &m, err);
	if (r >= 0 && m.is_index)
		r = eb_throw(err, EB_E_FORMAT, "%s is an index inside an index", d->digest.text);
	if (r >= 0)
		r = read_text(env, i, &m.config, &p->config, err);
	if (r < 0)
		return r;
	p->layers = EB_TAKE_PTR(m.items);
	p->n_layers = m.n_items;
	m.n_items = 0;
	return 0;
}

/* Signatures of platforms that stay behind would be about nothing. */
static bool is_about(const struct img_image *i, const char *digest)
{
	if (strcmp(i->index.desc.digest.text, digest) == 0)
		return true;
	for (size_t k = 0; k < i->n_platforms; k++)
		if (strcmp(i->platforms[k].manifest.desc.digest.text, digest) == 0)
			return true;
	return false;
}

static int read_part(const struct img_env *env, struct img_image *i, const struct oci_descriptor *d,
		     struct eb_error **err)
{
	struct img_text t = { .text = NULL };
	int r = eb_grow(&i->signatures, &i->alloc_signatures, i->n_signatures + 1,
			sizeof(*i->signatures), MAX_SIGNATURES, "signatures", err);

	if (r >= 0)
		r = read_text(env, i, d, &t, err);
	if (r >= 0)
		i->signatures[i->n_signatures++] = t;
	return r;
}

static int read_signature(const struct img_env *env, struct img_image *i,
			  const struct rcp_locked_blob *b, struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { 0 };
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = b->size };
	autofree char *digest = eb_xasprintf("sha256:%s", b->sha256);
	const struct img_text *t;
	int r = oci_digest_parse(digest, &d.digest, err);

	d.media_type = eb_xstrdup(b->media_type);
	oci_descriptor_annotate(&d, BND_ANN_SIGNS, b->signs);
	if (r >= 0)
		r = read_part(env, i, &d, err);
	if (r < 0)
		return r;
	t = &i->signatures[i->n_signatures - 1];
	r = oci_manifest_parse(t->text, t->desc.size, &m, err);
	if (r < 0)
		return r;
	for (size_t k = 0; k <= m.n_items && r >= 0; k++)
		r = read_part(env, i, k ? &m.items[k - 1] : &m.config, err);
	return r;
}

static const struct rcp_locked_blob *find_index(const struct rcp_lock *l)
{
	for (size_t i = 0; i < l->n_blobs; i++)
		if (strcmp(l->blobs[i].kind, RCP_BLOB_INDEX) == 0)
			return &l->blobs[i];
	return NULL;
}

static bool asked_for(const char *arch, const char *const *arches, size_t n)
{
	for (size_t i = 0; arches && i < n; i++)
		if (strcmp(arch, arches[i]) == 0)
			return true;
	return !arches;
}

int img_carried_plan(const struct img_env *env, const char *const *arches, size_t n_arches,
		     struct img_image *ret, struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest index = { 0 };
	const struct rcp_lock *lock = ret->chain->stage[0].lock;
	const struct rcp_recipe *rcp = img_recipe(ret->chain);
	const struct rcp_locked_blob *b = find_index(lock);
	int r;

	if (!b || strcmp(b->sha256, rcp->image.digest + strlen("sha256:")) != 0)
		return eb_hint(err,
			       eb_throw(err, EB_E_CONFLICT, "%s lists no index %s", lock->file,
					rcp->image.digest),
			       "run 'ess-bundle lock' and review the diff");
	r = read_locked(env, ret, b, &ret->index, err);
	if (r >= 0)
		r = oci_manifest_parse(ret->index.text, ret->index.desc.size, &index, err);
	for (size_t i = 0; i < rcp->n_architectures && r >= 0; i++) {
		if (!asked_for(rcp->architectures[i], arches, n_arches))
			continue;
		ret->platforms[ret->n_platforms].arch = rcp->architectures[i];
		r = read_platform(env, ret, &index, &ret->platforms[ret->n_platforms++], err);
	}
	for (size_t i = 0; i < lock->n_blobs && r >= 0; i++)
		if (lock->blobs[i].signs && is_about(ret, lock->blobs[i].signs))
			r = read_signature(env, ret, &lock->blobs[i], err);
	return r;
}
