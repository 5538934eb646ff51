#include "bundle/push.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/stream.h"
#include "dist/origin.h"
#include "dist/ref.h"
#include "image/mediatype.h"
#include "sign/simple_signing.h"

void bnd_push_result_release(struct bnd_push_result *r)
{
	for (size_t i = 0; i < r->n_targets; i++) {
		free(r->targets[i].name);
		free(r->targets[i].repo);
		free(r->targets[i].tag);
	}
	free(r->targets);
	*r = (struct bnd_push_result){ .targets = NULL };
}

/* The bundle's blobs, and before them the signature as cosign keeps it and indexes that were
 * rewritten. */
struct overlay {
	const struct bnd_bundle *bundle;
	struct oci_source base;
	struct oci_simple_signature sig;
	struct rewritten {
		struct oci_descriptor desc;
		char *text;
	} * rewritten;
	size_t n_rewritten;
};

static void overlay_release(struct overlay *o)
{
	oci_simple_signature_release(&o->sig);
	for (size_t i = 0; i < o->n_rewritten; i++) {
		oci_descriptor_release(&o->rewritten[i].desc);
		free(o->rewritten[i].text);
	}
	free(o->rewritten);
}
EB_DEFINE_RELEASE(struct overlay, overlay_release)

static const char *find_extra(const struct overlay *o, const struct oci_digest *d)
{
	if (o->sig.config && oci_digest_eq(d, &o->sig.config_desc.digest))
		return o->sig.config;
	if (o->sig.manifest && oci_digest_eq(d, &o->sig.manifest_desc.digest))
		return o->sig.manifest;
	for (size_t i = 0; i < o->n_rewritten; i++)
		if (oci_digest_eq(d, &o->rewritten[i].desc.digest))
			return o->rewritten[i].text;
	return NULL;
}

/* Left behind on purpose, and by every image. */
static bool is_absent(const struct overlay *o, const struct oci_digest *d)
{
	if (oci_archive_find_blob(o->bundle->archive, d))
		return false;
	for (size_t i = 0; i < o->bundle->n_images; i++)
		for (size_t k = 0; k < o->bundle->images[i].n_absent; k++)
			if (oci_digest_eq(&o->bundle->images[i].absent[k], d))
				return true;
	return false;
}

static int overlay_text(void *ctx, const struct oci_descriptor *d, char **ret,
			struct eb_error **err)
{
	const struct overlay *o = ctx;
	const char *text = find_extra(o, &d->digest);

	if (!text && is_absent(o, &d->digest))
		return OCI_SOURCE_ABSENT;
	if (!text)
		return o->base.text(o->base.ctx, d, ret, err);
	*ret = eb_xstrdup(text);
	return 0;
}

static int overlay_blob(void *ctx, const struct oci_descriptor *d, uint64_t offset,
			struct eb_reader **ret, struct eb_error **err)
{
	const struct overlay *o = ctx;
	const char *text = find_extra(o, &d->digest);

	if (!text)
		return o->base.blob(o->base.ctx, d, offset, ret, err);
	*ret = eb_reader_mem(text + offset, d->size - offset);
	return 0;
}

/* ---- where things go ---- */

static char *below(const char *prefix, const char *path)
{
	return *prefix ? eb_xasprintf("%s/%s", prefix, path) : eb_xstrdup(path);
}

static int place(struct bnd_push_result *res, const char *name, const char *prefix,
		 const struct oci_descriptor *what, struct eb_error **err)
{
	EB_CLEANUP(oci_ref_release_p) struct oci_ref ref = { .host = NULL };
	struct bnd_push_target *t = &res->targets[res->n_targets];
	int r = oci_ref_parse(name, &ref, err);

	if (r < 0)
		return r;
	res->n_targets++;
	t->name = eb_xstrdup(name);
	t->repo = below(prefix, ref.repo);
	t->tag = eb_xstrdup(ref.tag ? ref.tag : "latest");
	t->digest = what->digest;
	t->root = what;
	r = oci_repo_check(t->repo, err);
	if (r < 0)
		return eb_prefix(err, r, "image %s", name);
	for (size_t i = 0; i + 1 < res->n_targets; i++)
		if (strcmp(res->targets[i].repo, t->repo) == 0 &&
		    strcmp(res->targets[i].tag, t->tag) == 0)
			return eb_throw(err, EB_E_CONFLICT, "%s and %s would both be %s:%s",
					res->targets[i].name, name, t->repo, t->tag);
	return 0;
}

/* "ess.internal/quickstart:1.0": where the whole is. */
static int root_name(const struct bnd_bundle *b, char **ret, struct eb_error **err)
{
	const char *reference, *version;
	EB_AUTOBUF(tag, OCI_TAG_MAX_BYTES);
	int r = eb_json_get_str(b->definition, "reference", &reference, err);

	if (r >= 0)
		r = eb_json_get_str(b->definition, "version", &version, err);
	if (r < 0)
		return eb_prefix(err, r, "definition");
	/* As everybody does with what a tag cannot hold. */
	for (const char *p = version; *p; p++)
		eb_buf_addc(&tag, strchr("+~:", *p) ? '_' : *p);
	*ret = eb_xasprintf("%s:%s", reference, tag.len ? eb_buf_str(&tag) : "latest");
	return 0;
}

static bool has_layer(const struct oci_manifest *m, const struct oci_descriptor *d)
{
	const char *sig = oci_descriptor_annotation(d, OCI_ANN_COSIGN_SIGNATURE);

	for (size_t i = 0; i < m->n_items; i++) {
		const char *other = oci_descriptor_annotation(&m->items[i],
							      OCI_ANN_COSIGN_SIGNATURE);

		if (oci_digest_eq(&m->items[i].digest, &d->digest) && sig && other &&
		    strcmp(sig, other) == 0)
			return true;
	}
	return false;
}

/* What others have signed there stays, behind ours. */
static int add_theirs(struct oci_registry *r, const struct bnd_push_target *t,
		      struct oci_manifest *all, struct eb_error **err)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .media_type = NULL };
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .media_type = NULL };
	autofree char *text = NULL;
	struct eb_error *e = NULL;
	int code = oci_registry_manifest(r, t->repo, t->tag, &text, &d, &e);

	if (code == -EB_E_NOT_FOUND) {
		eb_error_free(e);
		return 0;
	}
	if (code < 0)
		return eb_error_forward(err, e);
	code = oci_manifest_parse(text, d.size, &m, err);
	if (code < 0)
		return eb_prefix(err, code, "%s:%s", t->repo, t->tag);
	for (size_t i = 0; i < m.n_items && !m.is_index; i++)
		if (!has_layer(all, &m.items[i]))
			oci_manifest_add(all, &m.items[i]);
	return 0;
}

/* All signatures in one manifest under the root's ".sig" tag. */
static int combine_signatures(const struct bnd_bundle *b, struct oci_registry *r,
			      const struct bnd_push_target *t, struct oci_simple_signature *ret,
			      struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest all;
	int e;

	oci_manifest_init(&all, false);
	for (size_t i = 0; i < b->n_signatures; i++)
		for (size_t k = 0; k < b->signatures[i].manifest.n_items; k++)
			oci_manifest_add(&all, &b->signatures[i].manifest.items[k]);
	e = add_theirs(r, t, &all, err);
	if (e >= 0)
		oci_simple_combine(all.items, all.n_items, ret);
	return e;
}

static int place_signature(struct bnd_push_result *res, const struct bnd_bundle *b,
			   struct oci_registry *r, const char *prefix, const char *root,
			   struct overlay *o, struct eb_error **err)
{
	EB_CLEANUP(oci_ref_release_p) struct oci_ref ref = { .host = NULL };
	struct bnd_push_target *t = &res->targets[res->n_targets++];
	char tag[160];
	int e;

	eb_ignore(oci_ref_parse(root, &ref, NULL));
	oci_digest_tag(&b->root.digest, ".sig", tag);
	t->name = eb_xasprintf("signatures of %s", root);
	t->repo = below(prefix, ref.repo ? ref.repo : "");
	t->tag = eb_xstrdup(tag);
	e = combine_signatures(b, r, t, &o->sig, err);
	t->digest = o->sig.manifest_desc.digest;
	t->root = &o->sig.manifest_desc;
	return e;
}

/* Where the image is that d is about (or one of its manifests, or what hangs on it); NULL =
 * nowhere. */
static const struct bnd_push_target *hangs_on(const struct bnd_push_result *res,
					      const struct bnd_bundle *b,
					      const struct oci_digest *about)
{
	for (size_t i = 0; i < res->n_targets; i++)
		if (oci_digest_eq(&res->targets[i].digest, about))
			return &res->targets[i];
	for (size_t i = 0; i < b->n_images; i++)
		for (size_t k = 0; k < b->images[i].index.n_items; k++)
			if (oci_digest_eq(&b->images[i].index.items[k].digest, about))
				return &res->targets[i];
	return NULL;
}

/* Another manifest that is under the tag already stays: it is this registry's owner's. */
static int is_free(struct oci_registry *r, const char *repo, const char *tag,
		   const struct oci_digest *digest, struct eb_error **err)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor there = { .media_type = NULL };
	autoerror struct eb_error *e = NULL;
	int code = oci_registry_head(r, repo, tag, &there, &e);

	if (code < 0 && code != -EB_E_NOT_FOUND)
		return eb_error_forward(err, EB_TAKE_PTR(e));
	return code < 0 || oci_digest_eq(&there.digest, digest);
}

/* What hangs on an upstream's image goes to where it was beside it. Returns 1 when it has its place
 * or will never have one. */
static int place_hanging(struct bnd_push_result *res, const struct bnd_bundle *b,
			 struct oci_registry *r, const struct oci_descriptor *d,
			 struct eb_error **err)
{
	const char *text = oci_descriptor_annotation(d, BND_ANN_SIGNS);
	const char *how = oci_descriptor_annotation(d, BND_ANN_HANGS);
	struct bnd_push_target *t = &res->targets[res->n_targets];
	const struct bnd_push_target *image;
	autofree char *suffix = eb_xasprintf(".%.20s", how ? how : "sig");
	bool by_tag = !how || strcmp(how, "referrer") != 0;
	struct oci_digest about;
	char tag[160];
	int free_there = 1;

	if (!text || oci_digest_parse(text, &about, NULL) < 0)
		return 1;
	image = hangs_on(res, b, &about);
	if (!image)
		return 0;
	oci_digest_tag(&about, suffix, tag);
	if (by_tag)
		free_there = is_free(r, image->repo, tag, &d->digest, err);
	if (free_there <= 0)
		return free_there < 0 ? free_there : 1;
	t->name = eb_xasprintf("%s of %s", how ? how : "signatures", image->name);
	t->repo = eb_xstrdup(image->repo);
	t->tag = by_tag ? eb_xstrdup(tag) : NULL;
	t->digest = d->digest;
	t->root = d;
	res->n_targets++;
	return 1;
}

/* What hangs on what hangs is found when that has its place. */
static int place_all_hanging(struct bnd_push_result *res, const struct bnd_bundle *b,
			     struct oci_registry *reg, struct eb_error **err)
{
	const struct oci_manifest *m = &b->bundle_manifest;
	autofree bool *done = eb_xcalloc(m->n_items + 1, sizeof(*done));
	bool more = true;

	while (more) {
		more = false;
		for (size_t i = 0; i < m->n_items; i++) {
			int r = done[i] ? 0 : place_hanging(res, b, reg, &m->items[i], err);

			if (r < 0)
				return r;
			done[i] = done[i] || r;
			more = more || r;
		}
	}
	return 0;
}

/* ---- an index of which not all is there ---- */

static int rewrite(const struct bnd_image *im, struct overlay *o, const struct oci_descriptor **ret,
		   struct eb_error **err)
{
	struct rewritten *w = &o->rewritten[o->n_rewritten];
	autofree char *text = NULL;
	autojson json_t *j = NULL;
	json_t *list;
	size_t n;
	int r = oci_archive_blob_text(o->bundle->archive, &im->desc, OCI_MANIFEST_MAX_BYTES, &text,
				      &n, err);

	if (r >= 0)
		r = eb_json_parse(text, n, OCI_MANIFEST_MAX_BYTES, &j, err);
	if (r >= 0)
		r = eb_json_get_array(j, "manifests", &list, err);
	if (r < 0)
		return eb_prefix(err, r, "image %s", im->name);
	for (size_t i = json_array_size(list); i-- > 0;) {
		const char *digest = eb_json_text(json_array_get(list, i), "digest");

		for (size_t k = 0; k < im->n_absent; k++)
			if (strcmp(im->absent[k].text, digest) == 0) {
				json_array_remove(list, i);
				break;
			}
	}
	w->text = eb_json_canonical(j, &n);
	oci_descriptor_of(im->desc.media_type, w->text, n, &w->desc);
	o->n_rewritten++;
	*ret = &w->desc;
	return 0;
}

static int place_images(const struct bnd_bundle *b, const char *prefix, enum bnd_sparse sparse,
			struct overlay *o, struct bnd_push_result *res, struct eb_error **err)
{
	int r = 0;

	o->rewritten = eb_xcalloc(b->n_images + 1, sizeof(*o->rewritten));
	for (size_t i = 0; i < b->n_images && r >= 0; i++) {
		const struct bnd_image *im = &b->images[i];
		const struct oci_descriptor *what = &im->desc;
		bool rewritten = im->n_absent && sparse == BND_SPARSE_REWRITE;

		if (rewritten)
			r = rewrite(im, o, &what, err);
		if (r >= 0)
			r = place(res, im->name, prefix, what, err);
		if (r >= 0 && rewritten) {
			res->targets[i].rewritten = true;
			res->with_root = false;
		}
	}
	return r;
}

static int place_all(const struct bnd_bundle *b, struct oci_registry *reg, const char *prefix,
		     enum bnd_sparse sparse, struct overlay *o, struct bnd_push_result *res,
		     struct eb_error **err)
{
	autofree char *root = NULL;
	int r = root_name(b, &root, err);

	res->targets = eb_xcalloc(b->n_images + b->bundle_manifest.n_items + 2,
				  sizeof(*res->targets));
	res->with_root = true;
	if (r >= 0)
		r = place_images(b, prefix, sparse, o, res, err);
	if (r >= 0)
		r = place_all_hanging(res, b, reg, err);
	if (r < 0 || !res->with_root)
		return r;
	if (b->n_signatures)
		r = place_signature(res, b, reg, prefix, root, o, err);
	return r < 0 ? r : place(res, root, prefix, &b->root, err);
}

/* Registries are free to refuse an index of which they have not all, and most do. */
static int explain_sparse(const struct bnd_bundle *b, const struct bnd_push_result *res, int r,
			  struct eb_error **err)
{
	if (r == -EB_E_AUTH || r == -EB_E_DIGEST || !res->with_root)
		return r;
	for (size_t i = 0; i < b->n_images; i++)
		if (b->images[i].n_absent)
			return eb_hint(err, r,
				       "the index of image %s lists %zu manifests that are not in "
				       "the bundle, and this registry may want them: build the "
				       "bundle with all of them, allow such indexes in the "
				       "registry, or send a shorter index with --sparse=rewrite",
				       b->images[i].name, b->images[i].n_absent);
	return r;
}

int bnd_push(const struct bnd_bundle *b, struct oci_registry *r, const char *prefix,
	     enum bnd_sparse sparse, const struct oci_push_options *o, struct bnd_push_result *ret,
	     struct eb_error **err)
{
	EB_CLEANUP(bnd_push_result_release_p) struct bnd_push_result res = { .targets = NULL };
	EB_CLEANUP(overlay_release_p)
	struct overlay over = { .bundle = b, .base = oci_source_archive(b->archive) };
	const struct oci_source src = { &over, overlay_text, overlay_blob };
	autofree struct oci_push_target *targets = NULL;
	int e = place_all(b, r, prefix, sparse, &over, &res, err);

	if (e < 0)
		return e;
	targets = eb_xcalloc(res.n_targets + 1, sizeof(*targets));
	for (size_t i = 0; i < res.n_targets; i++)
		targets[i] = (struct oci_push_target){ .repo = res.targets[i].repo,
						       .tag = res.targets[i].tag,
						       .name = res.targets[i].name,
						       .root = *res.targets[i].root };
	e = oci_push(r, &src, targets, res.n_targets, o, &res.sum, err);
	if (e < 0)
		return explain_sparse(b, &res, e, err);
	for (size_t i = 0; i < res.n_targets; i++) {
		res.targets[i].there = targets[i].there;
		res.targets[i].root = NULL;
	}
	*ret = res;
	res = (struct bnd_push_result){ .targets = NULL };
	return 0;
}
