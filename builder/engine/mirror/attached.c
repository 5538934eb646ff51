#include "mirror/attached.h"

#include "base/error.h"
#include "base/mem.h"
#include "dist/registry.h"

enum { MAX_SUBJECTS = 1024 };

struct find {
	struct mir_item *it;
	struct oci_digest *subjects; /* whose referrers are looked for; grows while that is done */
	size_t n, alloc;
};

static void find_release(struct find *f)
{
	free(f->subjects);
}
EB_DEFINE_RELEASE(struct find, find_release)

static int add_subject(struct find *f, const struct oci_digest *d, struct eb_error **err)
{
	int r;

	for (size_t i = 0; i < f->n; i++)
		if (oci_digest_eq(&f->subjects[i], d))
			return 0;
	r = eb_grow(&f->subjects, &f->alloc, f->n + 1, sizeof(*f->subjects), MAX_SUBJECTS,
		    "documents with referrers", err);
	if (r >= 0)
		f->subjects[f->n++] = *d;
	return r;
}

int mir_attach(struct mir_item *it, const struct oci_descriptor *d, const char *tag,
	       struct eb_error **err)
{
	int r;

	for (size_t i = 0; i < it->n_attached; i++)
		if (oci_digest_eq(&it->attached[i].desc.digest, &d->digest) &&
		    !it->attached[i].tag == !tag && (!tag || strcmp(it->attached[i].tag, tag) == 0))
			return 0;
	r = eb_grow(&it->attached, &it->alloc_attached, it->n_attached + 1, sizeof(*it->attached),
		    MIR_MAX_ATTACHED, "signatures and other referrers of one image", err);
	if (r < 0)
		return r;
	it->attached[it->n_attached] = (struct mir_attached){ .tag = tag ? eb_xstrdup(tag) : NULL };
	oci_descriptor_copy(d, &it->attached[it->n_attached++].desc);
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int find_tags(struct find *f, const struct oci_digest *subject, struct eb_error **err)
{
	static const char *const suffixes[] = { ".sig", ".att", ".sbom" };
	const struct mir_origin *o = f->it->origin;

	for (size_t i = 0; i < EB_ARRAY_LEN(suffixes); i++) {
		EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = 0 };
		struct eb_error *e = NULL;
		char text[160];
		const char *tag = text;
		int r;

		oci_digest_tag(subject, suffixes[i], text);
		if (o->listed &&
		    (!o->n_tags || !bsearch(&tag, o->tags, o->n_tags, sizeof(char *), by_text)))
			continue;
		r = oci_registry_head(o->registry, o->repository.repo, tag, &d, &e);
		if (r == -EB_E_NOT_FOUND) {
			eb_error_free(e);
			continue;
		}
		if (r < 0)
			return eb_error_forward(err, e);
		r = mir_attach(f->it, &d, tag, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int find_referrers(struct find *f, const struct oci_digest *subject, struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest refs = { .media_type = NULL };
	const struct mir_origin *o = f->it->origin;
	int r = oci_registry_referrers(o->registry, o->repository.repo, subject, &refs, NULL, err);

	for (size_t i = 0; i < refs.n_items && r >= 0; i++) {
		r = mir_attach(f->it, &refs.items[i], NULL, err);
		if (r >= 0)
			r = add_subject(f, &refs.items[i].digest, err);
	}
	return r;
}

/* Signers sign the index, its platforms, or both. */
static int add_platforms(struct find *f, struct eb_error **err)
{
	const struct mir_item *it = f->it;
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .media_type = NULL };
	const struct oci_source *src = &it->origin->source;
	autofree char *text = it->text ? eb_xstrdup(it->text) : NULL;
	int r = 0;

	if (!oci_media_type_is_index(it->root.media_type))
		return 0;
	if (!text)
		r = src->text(src->ctx, &it->root, &text, err);
	if (r >= 0)
		r = oci_manifest_parse(text, it->root.size, &m, err);
	for (size_t i = 0; i < m.n_items && r >= 0; i++)
		if (!mir_item_lacks(it, &m.items[i].digest))
			r = add_subject(f, &m.items[i].digest, err);
	return r;
}

int mir_find_attached(struct mir_item *it, struct eb_error **err)
{
	EB_CLEANUP(find_release_p) struct find f = { .it = it };
	int r = 0;

	/* Of an index that was made here, nobody else knows. */
	if (!it->text)
		r = add_subject(&f, &it->root.digest, err);
	if (r >= 0)
		r = add_platforms(&f, err);
	for (size_t i = 0; i < f.n && r >= 0; i++) {
		const struct oci_digest subject = f.subjects[i];

		r = find_tags(&f, &subject, err);
		if (r >= 0)
			r = find_referrers(&f, &subject, err);
	}
	return r < 0 ? eb_prefix(err, r, "what hangs on it") : 0;
}
