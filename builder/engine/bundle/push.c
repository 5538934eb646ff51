#include "bundle/push.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/stream.h"
#include "dist/ref.h"
#include "dist/origin.h"
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

/* The bundle's blobs, and before them the signature as cosign keeps it. */
struct overlay {
	struct oci_source base;
	struct oci_simple_signature sig;
};

static const char *find_extra(const struct overlay *o, const struct oci_digest *d)
{
	if (o->sig.config && oci_digest_eq(d, &o->sig.config_desc.digest))
		return o->sig.config;
	if (o->sig.manifest && oci_digest_eq(d, &o->sig.manifest_desc.digest))
		return o->sig.manifest;
	return NULL;
}

static int overlay_text(void *ctx, const struct oci_descriptor *d, char **ret,
			struct eb_error **err)
{
	const struct overlay *o = ctx;
	const char *text = find_extra(o, &d->digest);

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

/* The image, or one of its platforms, that a carried signature is about; NULL = none. */
static const struct bnd_push_target *signed_target(const struct bnd_push_result *res,
						   const struct bnd_bundle *b,
						   const struct oci_digest *signs)
{
	for (size_t i = 0; i < b->n_images; i++) {
		const struct bnd_image *im = &b->images[i];

		if (oci_digest_eq(&im->desc.digest, signs))
			return &res->targets[i];
		for (size_t k = 0; k < im->index.n_items; k++)
			if (oci_digest_eq(&im->index.items[k].digest, signs))
				return &res->targets[i];
	}
	return NULL;
}

/* What upstream signed goes under cosign's tag again, beside the image. Another manifest that is
 * there already stays: it is this registry's owner's. */
static int place_carried(struct bnd_push_result *res, const struct bnd_bundle *b,
			 struct oci_registry *r, const struct oci_descriptor *d,
			 struct eb_error **err)
{
	const char *text = oci_descriptor_annotation(d, BND_ANN_SIGNS);
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor there = { .media_type = NULL };
	struct bnd_push_target *t = &res->targets[res->n_targets];
	const struct bnd_push_target *image;
	autoerror struct eb_error *e = NULL;
	struct oci_digest signs;
	char tag[160];
	int code;

	if (!text || oci_digest_parse(text, &signs, NULL) < 0)
		return 0;
	image = signed_target(res, b, &signs);
	if (!image)
		return 0;
	oci_digest_tag(&signs, ".sig", tag);
	code = oci_registry_head(r, image->repo, tag, &there, &e);
	if (code < 0 && code != -EB_E_NOT_FOUND)
		return eb_error_forward(err, EB_TAKE_PTR(e));
	if (code >= 0 && !oci_digest_eq(&there.digest, &d->digest))
		return 0;
	t->name = eb_xasprintf("signatures of %s", image->name);
	t->repo = eb_xstrdup(image->repo);
	t->tag = eb_xstrdup(tag);
	t->digest = d->digest;
	t->root = d;
	res->n_targets++;
	return 0;
}

/* Registries take no index before all that it lists. */
static int refuse_partial(const struct bnd_bundle *b, struct eb_error **err)
{
	for (size_t i = 0; i < b->n_images; i++)
		if (b->images[i].n_absent)
			return eb_hint(err,
				       eb_throw(err, EB_E_UNSUPPORTED,
						"image %s: %zu platforms that its index lists are "
						"not in the bundle, and registries want them all",
						b->images[i].name, b->images[i].n_absent),
				       "build the bundle with all platforms of that image");
	return 0;
}

static int place_all(const struct bnd_bundle *b, struct oci_registry *reg, const char *prefix,
		     struct overlay *o, struct bnd_push_result *res, struct eb_error **err)
{
	autofree char *root = NULL;
	int r = refuse_partial(b, err);

	if (r >= 0)
		r = root_name(b, &root, err);
	res->targets = eb_xcalloc(b->n_images + b->bundle_manifest.n_items + 2,
				  sizeof(*res->targets));
	for (size_t i = 0; i < b->n_images && r >= 0; i++)
		r = place(res, b->images[i].name, prefix, &b->images[i].desc, err);
	for (size_t i = 0; i < b->bundle_manifest.n_items && r >= 0; i++)
		r = place_carried(res, b, reg, &b->bundle_manifest.items[i], err);
	if (r < 0)
		return r;
	if (b->n_signatures)
		r = place_signature(res, b, reg, prefix, root, o, err);
	return r < 0 ? r : place(res, root, prefix, &b->root, err);
}

int bnd_push(const struct bnd_bundle *b, struct oci_registry *r, const char *prefix,
	     const struct oci_push_options *o, struct bnd_push_result *ret, struct eb_error **err)
{
	EB_CLEANUP(bnd_push_result_release_p) struct bnd_push_result res = { .targets = NULL };
	struct overlay over = { .base = oci_source_archive(b->archive) };
	const struct oci_source src = { &over, overlay_text, overlay_blob };
	autofree struct oci_push_target *targets = NULL;
	int e = place_all(b, r, prefix, &over, &res, err);

	targets = eb_xcalloc(res.n_targets + 1, sizeof(*targets));
	for (size_t i = 0; i < res.n_targets && e >= 0; i++)
		targets[i] = (struct oci_push_target){ .repo = res.targets[i].repo,
						       .tag = res.targets[i].tag,
						       .name = res.targets[i].name,
						       .root = *res.targets[i].root };
	if (e >= 0)
		e = oci_push(r, &src, targets, res.n_targets, o, &res.sum, err);
	for (size_t i = 0; i < res.n_targets && e >= 0; i++)
		res.targets[i].there = targets[i].there;
	for (size_t i = 0; i < res.n_targets; i++)
		res.targets[i].root = NULL;
	oci_simple_signature_release(&over.sig);
	if (e < 0)
		return e;
	*ret = res;
	res = (struct bnd_push_result){ .targets = NULL };
	return 0;
}
