/* What hangs on an image without being listed by it: signatures, attestations and SBOMs under
 * cosign's tags (sha256-HEX.sig and its kin), and whatever names it as its subject
 * (distribution-spec, "Listing Referrers", with the tag sha256-HEX where a registry has no such
 * list). */
#include "base/error.h"
#include "base/mem.h"
#include "dist/registry.h"
#include "image/upstream_private.h"
#include "recipe/lock.h"
#include "recipe/recipe.h"

enum {
	MAX_DEPTH = 4,	  /* of what refers to what refers..., and of indexes in such */
	MAX_HANGING = 400 /* blobs of one image: one manifest of a bundle lists those of all */
};

static bool is_document(const struct oci_descriptor *d)
{
	return oci_media_type_is_index(d->media_type) || oci_media_type_is_manifest(d->media_type);
}

static int check_room(const struct rcp_lock *l, struct eb_error **err)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n_blobs; i++)
		n += !l->blobs[i].arch && strcmp(l->blobs[i].kind, RCP_BLOB_INDEX) != 0;
	return n <= MAX_HANGING ? 0
				: eb_throw(err, EB_E_LIMIT,
					   "more than %d blobs of signatures and others hang on it",
					   MAX_HANGING);
}

static int lock_tree(struct img_getter *g, const char *kind, const char *signs,
		     const struct oci_descriptor *d, unsigned int depth, struct rcp_lock *l,
		     struct eb_error **err);

/* What the document lists; it is in the cache. */
static int lock_parts(struct img_getter *g, const char *kind, const struct oci_manifest *m,
		      unsigned int depth, struct rcp_lock *l, struct eb_error **err)
{
	int r = check_room(l, err);

	if (r < 0)
		return img_getter_failed(g, r, err);
	if (!m->is_index)
		img_lock_blob(l, NULL, kind, NULL, &m->config);
	for (size_t i = 0; i < m->n_items && r >= 0; i++)
		if (m->is_index && is_document(&m->items[i]))
			r = lock_tree(g, kind, NULL, &m->items[i], depth + 1, l, err);
		else
			img_lock_blob(l, NULL, kind, NULL, &m->items[i]);
	return r;
}

static int lock_tree(struct img_getter *g, const char *kind, const char *signs,
		     const struct oci_descriptor *d, unsigned int depth, struct rcp_lock *l,
		     struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { 0 };
	struct oci_descriptor as_read = { .media_type = d->media_type, .digest = d->digest };
	int r;

	if (depth > MAX_DEPTH)
		return img_getter_failed(g,
					 eb_throw(err, EB_E_LIMIT,
						  "%s: more than %d documents inside one another",
						  d->digest.text, MAX_DEPTH),
					 err);
	r = img_getter_document(g, kind, d->media_type, &d->digest, &m, &as_read.size, err);
	if (r < 0)
		return r;
	if (signs && (!m.subject || strcmp(m.subject->digest.text, signs) != 0))
		return img_getter_failed(
			g,
			eb_throw(err, EB_E_FORMAT,
				 "its registry lists %s as referring to %s, which it "
				 "does not",
				 d->digest.text, signs),
			err);
	img_lock_blob(l, NULL, kind, signs, &as_read);
	return lock_parts(g, kind, &m, depth, l, err);
}

/* cosign keeps what is about sha256:HEX under the tag sha256-HEX.sig and the like. */
static int lock_tag(struct img_getter *g, const struct oci_digest *subject, const char *kind,
		    const char *suffix, struct rcp_lock *l, struct eb_error **err)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { 0 };
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { 0 };
	autoerror struct eb_error *e = NULL;
	autofree char *text = NULL;
	char tag[160], hex[65];
	int r;

	oci_digest_tag(subject, suffix, tag);
	r = oci_registry_manifest(g->registry, g->place.repo, tag, &text, &d, &e);
	if (r == -EB_E_NOT_FOUND)
		return 0;
	if (r < 0)
		return img_getter_failed(g, eb_error_forward(err, EB_TAKE_PTR(e)), err);
	r = pkg_cache_store_text(g->env->cache, text, d.size, hex, err);
	if (r >= 0)
		r = oci_manifest_parse(text, d.size, &m, err);
	if (r >= 0 && m.is_index)
		r = eb_throw(err, EB_E_FORMAT, "%s is an index, no signature", tag);
	if (r < 0)
		return img_getter_failed(g, r, err);
	img_lock_blob(l, NULL, kind, subject->text, &d);
	return lock_parts(g, kind, &m, 0, l, err);
}

static int lock_referrers(struct img_getter *g, const struct oci_digest *subject,
			  unsigned int depth, struct rcp_lock *l, struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest list = { 0 };
	int r = oci_registry_referrers(g->registry, g->place.repo, subject, &list, NULL, err);

	if (r < 0)
		return img_getter_failed(g, r, err);
	for (size_t i = 0; i < list.n_items && r >= 0; i++) {
		const struct oci_descriptor *d = &list.items[i];

		if (!is_document(d))
			continue;
		r = lock_tree(g, RCP_BLOB_REFERRER, subject->text, d, depth, l, err);
		if (r >= 0)
			r = lock_referrers(g, &d->digest, depth + 1, l, err);
	}
	return r;
}

int img_lock_hangers(struct img_getter *g, const struct oci_digest *subject, struct rcp_lock *l,
		     struct eb_error **err)
{
	int r = img_getter_connect(g, err);

	if (r < 0)
		return img_getter_failed(g, r, err);
	r = lock_tag(g, subject, RCP_BLOB_SIGNATURE, ".sig", l, err);
	if (r >= 0)
		r = lock_tag(g, subject, RCP_BLOB_ATT, ".att", l, err);
	if (r >= 0)
		r = lock_tag(g, subject, RCP_BLOB_SBOM, ".sbom", l, err);
	return r < 0 ? r : lock_referrers(g, subject, 0, l, err);
}
