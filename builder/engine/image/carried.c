#include "image/carried.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/stream.h"
#include "image/mediatype.h"

enum { TEXT_MAX_BYTES = 4 * 1024 * 1024, MAX_HANGING = 1000, MAX_DEPTH = 8 };

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
	EB_AUTOBUF(b, TEXT_MAX_BYTES);
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

/* p->manifest becomes what d says, with all that it lists. */
static int read_manifest(const struct img_env *env, const struct img_image *i,
			 const struct oci_descriptor *d, struct img_platform *p,
			 struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { 0 };
	int r = read_text(env, i, d, &p->manifest, err);

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

static int read_platform(const struct img_env *env, const struct img_image *i,
			 const struct oci_manifest *index, struct img_platform *p,
			 struct eb_error **err)
{
	const struct oci_descriptor *d = img_find_platform(index, p->arch);

	if (!d)
		return eb_throw(err, EB_E_NOT_FOUND, "image '%s': its index lists no linux/%s",
				img_recipe(i->chain)->name, p->arch);
	return read_manifest(env, i, d, p, err);
}

static bool is_locked(const struct rcp_lock *l, const char *kind, const char *sha256)
{
	for (size_t i = 0; i < l->n_blobs; i++)
		if (strcmp(l->blobs[i].kind, kind) == 0 && strcmp(l->blobs[i].sha256, sha256) == 0)
			return true;
	return false;
}

/* What the index lists about the platforms that were read; a lock from before it was looked for
 * lists none of it. */
static int read_attestations(const struct img_env *env, struct img_image *i,
			     const struct oci_manifest *index, struct eb_error **err)
{
	const struct rcp_lock *lock = i->chain->stage[0].lock;
	int r = 0;

	i->attestations = eb_xcalloc(index->n_items + 1, sizeof(*i->attestations));
	for (size_t k = 0; k < index->n_items && r >= 0; k++) {
		const struct oci_descriptor *d = &index->items[k];
		const char *about = oci_descriptor_attests(d);

		for (size_t n = 0; about && n < i->n_platforms && r >= 0; n++) {
			const struct img_platform *p = &i->platforms[n];

			if (strcmp(p->manifest.desc.digest.text, about) != 0 ||
			    !is_locked(lock, RCP_BLOB_ATTESTATION, oci_digest_hex(&d->digest)))
				continue;
			i->attestations[i->n_attestations].arch = p->arch;
			r = read_manifest(env, i, d, &i->attestations[i->n_attestations++], err);
			about = NULL;
		}
	}
	return r;
}

/* ---- what hangs on it ---- */

/* What is about platforms that stay behind would be about nothing. */
static bool is_about(const struct img_image *i, const char *digest)
{
	if (strcmp(i->index.desc.digest.text, digest) == 0)
		return true;
	for (size_t k = 0; k < i->n_platforms; k++)
		if (strcmp(i->platforms[k].manifest.desc.digest.text, digest) == 0)
			return true;
	for (size_t k = 0; k < i->n_attestations; k++)
		if (strcmp(i->attestations[k].manifest.desc.digest.text, digest) == 0)
			return true;
	for (size_t k = 0; k < i->n_hanging; k++)
		if (strcmp(i->hanging[k].desc.digest.text, digest) == 0)
			return true;
	return false;
}

static int add_part(struct img_image *i, struct img_text *t, struct eb_error **err)
{
	int r = eb_grow(&i->hanging, &i->alloc_hanging, i->n_hanging + 1, sizeof(*i->hanging),
			MAX_HANGING, "blobs that hang on an image", err);

	if (r < 0)
		return r;
	i->hanging[i->n_hanging++] = *t;
	*t = (struct img_text){ .text = NULL };
	return 0;
}

static bool is_document(const struct oci_descriptor *d)
{
	return oci_media_type_is_index(d->media_type) || oci_media_type_is_manifest(d->media_type);
}

static int read_tree(const struct img_env *env, struct img_image *i, const struct oci_descriptor *d,
		     unsigned int depth, struct eb_error **err);

static int read_parts(const struct img_env *env, struct img_image *i, const struct oci_manifest *m,
		      unsigned int depth, struct eb_error **err)
{
	int r = 0;

	for (size_t k = 0; k <= m->n_items && r >= 0; k++) {
		const struct oci_descriptor *d = k ? &m->items[k - 1] : &m->config;
		EB_CLEANUP(img_text_release_p) struct img_text t = { .text = NULL };

		if (k == 0 && m->is_index)
			continue;
		if (m->is_index && is_document(d)) {
			r = read_tree(env, i, d, depth + 1, err);
			continue;
		}
		oci_descriptor_copy(d, &t.desc);
		r = add_part(i, &t, err);
	}
	return r;
}

static int read_tree(const struct img_env *env, struct img_image *i, const struct oci_descriptor *d,
		     unsigned int depth, struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { 0 };
	EB_CLEANUP(img_text_release_p) struct img_text t = { .text = NULL };
	int r;

	if (depth > MAX_DEPTH)
		return eb_throw(err, EB_E_LIMIT, "%s: more than %d documents inside one another",
				d->digest.text, MAX_DEPTH);
	r = read_text(env, i, d, &t, err);
	if (r >= 0)
		r = oci_manifest_parse(t.text, t.desc.size, &m, err);
	if (r >= 0)
		r = add_part(i, &t, err);
	return r < 0 ? r : read_parts(env, i, &m, depth, err);
}

static int read_hanging(const struct img_env *env, struct img_image *i,
			const struct rcp_locked_blob *b, struct eb_error **err)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = b->size };
	autofree char *digest = eb_xasprintf("sha256:%s", b->sha256);
	int r = oci_digest_parse(digest, &d.digest, err);

	d.media_type = eb_xstrdup(b->media_type);
	oci_descriptor_annotate(&d, BND_ANN_SIGNS, b->signs);
	if (strcmp(b->kind, RCP_BLOB_SIGNATURE) != 0)
		oci_descriptor_annotate(&d, BND_ANN_HANGS, b->kind);
	return r < 0 ? r : read_tree(env, i, &d, 0, err);
}

/* In the lock's order; what hangs on something that hangs comes after that. */
static int read_all_hanging(const struct img_env *env, struct img_image *i, struct eb_error **err)
{
	const struct rcp_lock *lock = i->chain->stage[0].lock;
	autofree bool *read = eb_xcalloc(lock->n_blobs + 1, sizeof(*read));
	bool more = true;
	int r = 0;

	while (more && r >= 0) {
		more = false;
		for (size_t k = 0; k < lock->n_blobs && r >= 0; k++) {
			const struct rcp_locked_blob *b = &lock->blobs[k];

			if (read[k] || !b->signs || !is_about(i, b->signs))
				continue;
			read[k] = more = true;
			r = read_hanging(env, i, b, err);
		}
	}
	return r;
}

/* What the digest of the recipe names. */
static const struct rcp_locked_blob *find_top(const struct rcp_lock *l, const char *digest)
{
	for (size_t i = 0; i < l->n_blobs; i++)
		if (strcmp(l->blobs[i].sha256, digest + strlen("sha256:")) == 0 &&
		    (strcmp(l->blobs[i].kind, RCP_BLOB_INDEX) == 0 ||
		     strcmp(l->blobs[i].kind, RCP_BLOB_MANIFEST) == 0))
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

static int read_top(const struct img_env *env, const struct rcp_locked_blob *b,
		    const char *const *arches, size_t n_arches, struct img_image *ret,
		    struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest top = { 0 };
	const struct rcp_recipe *rcp = img_recipe(ret->chain);
	int r = read_locked(env, ret, b, &ret->index, err);

	if (r >= 0)
		r = oci_manifest_parse(ret->index.text, ret->index.desc.size, &top, err);
	for (size_t i = 0; i < rcp->n_architectures && r >= 0; i++) {
		struct img_platform *p = &ret->platforms[ret->n_platforms];

		if (!asked_for(rcp->architectures[i], arches, n_arches))
			continue;
		p->arch = rcp->architectures[i];
		ret->n_platforms++;
		if (!top.is_index) {
			/* Nothing but this says what it is for. */
			ret->index.desc.platform.os = eb_xstrdup("linux");
			ret->index.desc.platform.architecture = eb_xstrdup(p->arch);
			return read_manifest(env, ret, &ret->index.desc, p, err);
		}
		r = read_platform(env, ret, &top, p, err);
	}
	return r < 0 ? r : read_attestations(env, ret, &top, err);
}

int img_carried_plan(const struct img_env *env, const char *const *arches, size_t n_arches,
		     struct img_image *ret, struct eb_error **err)
{
	const struct rcp_lock *lock = ret->chain->stage[0].lock;
	const struct rcp_recipe *rcp = img_recipe(ret->chain);
	const struct rcp_locked_blob *b = find_top(lock, rcp->image.digest);
	int r;

	if (!b)
		return eb_hint(err,
			       eb_throw(err, EB_E_CONFLICT, "%s lists no index %s", lock->file,
					rcp->image.digest),
			       "run 'ess-bundle lock' and review the diff");
	r = read_top(env, b, arches, n_arches, ret, err);
	return r < 0 ? r : read_all_hanging(env, ret, err);
}
