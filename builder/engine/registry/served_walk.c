/* Every document that index.json leads to, however deep, and the names that index.json and the
 * bundle's root give. A digest that was seen is not read again, so that no cycle is followed. What
 * an index lists and the file has not (a sparse index) is left out. */
#include "registry/served_walk.h"

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "image/mediatype.h"
#include "registry/name.h"
#include "registry/served.h"

struct walk {
	struct reg_served *s;
	size_t alloc_manifests, alloc_entries;
	json_t *seen; /* digest -> true */
	uint64_t text_bytes;
};

static bool is_document(const struct oci_descriptor *d)
{
	return oci_media_type_is_index(d->media_type) || oci_media_type_is_manifest(d->media_type);
}

static void note_manifest(struct walk *w, const struct oci_descriptor *d,
			  const struct oci_manifest *m, const char *text)
{
	struct reg_manifest *out = &w->s->manifests[w->s->n_manifests++];

	*out = (struct reg_manifest){ .digest = d->digest, .is_index = m->is_index };
	out->size = d->size;
	out->member = oci_archive_find_blob(w->s->archive, &d->digest);
	/* A document's own type decides; the descriptor's is for those without. */
	out->media_type = eb_xstrdup(m->media_type ? m->media_type : d->media_type);
	if (m->artifact_type)
		out->artifact_type = eb_xstrdup(m->artifact_type);
	else if (!m->is_index && m->config.media_type)
		out->artifact_type = eb_xstrdup(m->config.media_type);
	out->annotations = json_incref(m->annotations);
	if (m->subject) {
		out->has_subject = true;
		out->subject = m->subject->digest;
	}
	if (!m->is_index) {
		out->content_bytes = m->config.size;
		for (size_t i = 0; i < m->n_items; i++)
			if (!eb_add_u64(out->content_bytes, m->items[i].size, &out->content_bytes))
				out->content_bytes = UINT64_MAX;
	}
	if (!out->member || w->text_bytes + d->size <= REG_TEXT_MAX_BYTES) {
		out->text = eb_xmemdup(text, (size_t)d->size + 1);
		w->text_bytes += d->size;
	}
}

static int visit(struct walk *w, const struct oci_descriptor *d, struct eb_error **err);

static int visit_new(struct walk *w, const struct oci_descriptor *d, struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { 0 };
	autofree char *text = NULL;
	size_t n;
	int r = eb_grow(&w->s->manifests, &w->alloc_manifests, w->s->n_manifests + 1,
			sizeof(*w->s->manifests), REG_MAX_DOCUMENTS, "documents", err);

	if (r >= 0)
		r = oci_archive_blob_text(w->s->archive, d, OCI_MANIFEST_MAX_BYTES, &text, &n, err);
	if (r >= 0)
		r = oci_manifest_parse(text, n, &m, err);
	if (r < 0)
		return eb_prefix(err, r, "%s", d->digest.text);
	note_manifest(w, d, &m, text);
	for (size_t i = 0; i < m.n_items && m.is_index && r >= 0; i++)
		r = visit(w, &m.items[i], err);
	return r;
}

static int visit(struct walk *w, const struct oci_descriptor *d, struct eb_error **err)
{
	if (!is_document(d) || json_object_get(w->seen, d->digest.text) ||
	    !oci_archive_find_blob(w->s->archive, &d->digest))
		return 0;
	eb_json_set(w->seen, d->digest.text, json_true());
	return visit_new(w, d, err);
}

/* *ret stays NULL for what is not there (a sparse layout). */
static int add_entry(struct walk *w, const struct oci_digest *digest, struct reg_entry **ret,
		     struct eb_error **err)
{
	const struct reg_manifest *m = reg_served_manifest(w->s, digest);
	int r;

	if (!m)
		return 0;
	r = eb_grow(&w->s->entries, &w->alloc_entries, w->s->n_entries + 1, sizeof(*w->s->entries),
		    REG_MAX_DOCUMENTS, "names", err);
	if (r < 0)
		return r;
	*ret = &w->s->entries[w->s->n_entries++];
	**ret = (struct reg_entry){ .manifest = m };
	return 0;
}

static void add_platform(struct reg_entry *e, const char *name, uint64_t bytes)
{
	e->platforms[e->n_platforms++] = (struct reg_platform){ eb_printable(name, 100), bytes };
}

/* What an index says it is for; a single manifest has its platform in its configuration, which
 * nobody needs to read for that. */
static int add_platforms(struct walk *w, struct reg_entry *e, const struct oci_descriptor *d,
			 struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { 0 };
	int r = oci_archive_manifest(w->s->archive, d, &m, err);

	if (r < 0)
		return r;
	e->is_image = true;
	e->platforms = eb_xcalloc(m.n_items + 1, sizeof(*e->platforms));
	if (!m.is_index)
		add_platform(e, "any", e->manifest->content_bytes);
	for (size_t i = 0; i < m.n_items && m.is_index; i++) {
		const struct reg_manifest *one = reg_served_manifest(w->s, &m.items[i].digest);
		const struct oci_platform *p = &m.items[i].platform;
		autofree char *name = eb_xasprintf("%s/%s%s%s", p->os ? p->os : "linux",
						   p->architecture ? p->architecture : "any",
						   p->variant ? "/" : "",
						   p->variant ? p->variant : "");

		if (one && !oci_descriptor_attests(&m.items[i]))
			add_platform(e, name, one->content_bytes);
	}
	return 0;
}

static int name_image(struct walk *w, const struct oci_descriptor *d, struct eb_error **err)
{
	EB_CLEANUP(reg_name_release_p) struct reg_name name = { 0 };
	const char *text = oci_descriptor_annotation(d, OCI_ANN_CONTAINERD_NAME);
	autoerror struct eb_error *why = NULL;
	struct reg_entry *e = NULL;
	int r;

	if (!text)
		text = oci_descriptor_annotation(d, OCI_ANN_REF_NAME);
	if (!text)
		return 0;
	if (reg_name_parse(text, &name, &why) < 0) {
		eb_log(EB_LOG_DEBUG, "%s", why->message); /* still there by its digest */
		return 0;
	}
	r = add_entry(w, &d->digest, &e, err);
	if (r < 0 || !e)
		return r;
	e->host = EB_TAKE_PTR(name.host);
	e->path = EB_TAKE_PTR(name.path);
	e->tag = EB_TAKE_PTR(name.tag);
	return add_platforms(w, e, d, err);
}

/* The bundle manifest, first in the root, has the bundle's name and version. */
static int read_title(struct walk *w, const struct oci_manifest *root, char **ret_name,
		      char **ret_version, struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { 0 };
	const char *name, *version;
	int r;

	if (root->n_items == 0 || !oci_archive_find_blob(w->s->archive, &root->items[0].digest))
		return 0;
	r = oci_archive_manifest(w->s->archive, &root->items[0], &m, err);
	if (r < 0)
		return r;
	name = oci_manifest_annotation(&m, OCI_ANN_TITLE);
	version = oci_manifest_annotation(&m, OCI_ANN_VERSION);
	if (name && reg_path_is_valid(eb_span_str(name)))
		*ret_name = eb_xstrdup(name);
	if (version && reg_tag_is_valid(eb_span_str(version)))
		*ret_version = eb_xstrdup(version);
	return 0;
}

/* "quickstart:0.1.0": where a push of the bundle puts its root. */
static int name_root(struct walk *w, const struct oci_descriptor *d, struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest root = { 0 };
	autofree char *name = NULL;
	autofree char *version = NULL;
	struct reg_entry *e = NULL;
	int r = oci_archive_manifest(w->s->archive, d, &root, err);

	if (r >= 0)
		r = read_title(w, &root, &name, &version, err);
	if (r >= 0)
		r = add_entry(w, &d->digest, &e, err);
	if (r < 0 || !e)
		return r;
	w->s->root = d->digest;
	e->path = name ? EB_TAKE_PTR(name) : eb_xstrdup("bundle");
	e->tag = version ? EB_TAKE_PTR(version) : eb_xstrdup("latest");
	free(w->s->title);
	w->s->title = eb_xasprintf("%s %s", e->path, e->tag);
	return 0;
}

/* cosign looks for all signatures of a thing in one manifest, "sha256-<hex>.sig"; a file may have
 * one for each. Then the first one's place is taken by a manifest made here, with the layers of
 * all; its configuration stays the first one's, which nobody reads. */
static int merge_signatures(struct walk *w, const char *signs, struct oci_descriptor *ret,
			    struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest all = { 0 };
	const struct oci_manifest *index = oci_archive_index(w->s->archive);
	autofree char *text = NULL;
	size_t found = 0, n;
	int r = 0;

	for (size_t i = 0; i < index->n_items && r >= 0; i++) {
		EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { 0 };
		const char *what = oci_descriptor_annotation(&index->items[i], BND_ANN_SIGNS);

		if (!what || strcmp(what, signs) != 0 || found >= OCI_MAX_LAYERS)
			continue;
		r = oci_archive_manifest(w->s->archive, &index->items[i], found ? &m : &all, err);
		if (found++ == 0 && r >= 0)
			oci_descriptor_copy(&index->items[i], ret);
		for (size_t k = 0; k < m.n_items && r >= 0; k++)
			oci_manifest_add(&all, &m.items[k]);
	}
	if (r < 0 || found < 2)
		return r;
	text = oci_manifest_write(&all, &n);
	oci_descriptor_release(ret);
	oci_descriptor_of(OCI_MT_MANIFEST, text, n, ret);
	r = eb_grow(&w->s->manifests, &w->alloc_manifests, w->s->n_manifests + 1,
		    sizeof(*w->s->manifests), REG_MAX_DOCUMENTS, "documents", err);
	if (r >= 0)
		note_manifest(w, ret, &all, text);
	return r;
}

/* A signature to be named once the documents are sorted. */
struct signature {
	struct oci_descriptor desc;
	struct oci_digest signs;
	char end[24]; /* of cosign's tag: "sig" */
};

/* One for each thing that is signed. */
static int gather_signatures(struct walk *w, struct signature **ret, size_t *ret_n,
			     struct eb_error **err)
{
	const struct oci_manifest *index = oci_archive_index(w->s->archive);
	autojson json_t *seen = eb_json_object();
	int r = 0;

	*ret = eb_xcalloc(index->n_items + 1, sizeof(**ret));
	for (size_t i = 0; i < index->n_items && r >= 0; i++) {
		const char *what = oci_descriptor_annotation(&index->items[i], BND_ANN_SIGNS);
		struct signature *one = &(*ret)[*ret_n];

		if (!what || !oci_archive_find_blob(w->s->archive, &index->items[i].digest) ||
		    oci_digest_parse(what, &one->signs, NULL) < 0)
			continue;
		w->s->n_signatures++;
		if (json_object_get(seen, what))
			continue;
		eb_json_set(seen, what, json_true());
		snprintf(one->end, sizeof(one->end), "sig");
		*ret_n += 1;
		r = merge_signatures(w, what, &one->desc, err);
	}
	return r;
}

/* What hangs on images that are carried as they are: the bundle manifest lists it. Referrers need
 * no name, their subject leads to them. */
static int gather_hanging(struct walk *w, const struct oci_descriptor *root,
			  struct signature **sigs, size_t *n, struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest top = { 0 }, m = { 0 };
	struct signature *all;
	int r = oci_archive_manifest(w->s->archive, root, &top, err);

	if (r < 0 || top.n_items == 0 ||
	    !oci_archive_find_blob(w->s->archive, &top.items[0].digest))
		return r;
	r = oci_archive_manifest(w->s->archive, &top.items[0], &m, err);
	if (r < 0)
		return r;
	all = eb_xcalloc(*n + m.n_items + 1, sizeof(*all));
	if (*n)
		memcpy(all, *sigs, *n * sizeof(*all));
	free(*sigs);
	*sigs = all;
	for (size_t i = 0; i < m.n_items && r >= 0; i++) {
		const char *about = oci_descriptor_annotation(&m.items[i], BND_ANN_SIGNS);
		const char *how = oci_descriptor_annotation(&m.items[i], BND_ANN_HANGS);
		struct signature *one = &(*sigs)[*n];

		if (!about || oci_digest_parse(about, &one->signs, NULL) < 0)
			continue;
		r = visit(w, &m.items[i], err);
		if (r < 0 || (how && strcmp(how, "referrer") == 0))
			continue;
		oci_descriptor_copy(&m.items[i], &one->desc);
		snprintf(one->end, sizeof(one->end), "%s", how ? how : "sig");
		*n += 1;
	}
	return r;
}

/* "sha256-<hex>.sig" beside everything that has the name of what is signed: where cosign looks. */
static int name_signature(struct walk *w, const struct signature *sig, struct eb_error **err)
{
	size_t n = w->s->n_entries;

	for (size_t i = 0; i < n; i++) {
		struct reg_entry *e = NULL;
		int r;

		if (!oci_digest_eq(&w->s->entries[i].manifest->digest, &sig->signs))
			continue;
		r = add_entry(w, &sig->desc.digest, &e, err);
		if (r < 0 || !e)
			return r;
		e->host = w->s->entries[i].host ? eb_xstrdup(w->s->entries[i].host) : NULL;
		e->path = eb_xstrdup(w->s->entries[i].path);
		e->tag = eb_xasprintf("sha256-%s.%s", oci_digest_hex(&sig->signs), sig->end);
	}
	return 0;
}

static int by_digest(const void *pa, const void *pb)
{
	const struct reg_manifest *a = pa, *b = pb;

	return strcmp(a->digest.text, b->digest.text);
}

static int walk_documents(struct walk *w, struct signature **ret_sigs, size_t *ret_n,
			  struct eb_error **err)
{
	const struct oci_manifest *index = oci_archive_index(w->s->archive);
	int r = 0;

	for (size_t i = 0; i < index->n_items && r >= 0; i++)
		r = visit(w, &index->items[i], err);
	if (r >= 0)
		r = gather_signatures(w, ret_sigs, ret_n, err);
	for (size_t i = 0; i < index->n_items && r >= 0; i++)
		if (oci_descriptor_annotation(&index->items[i], BND_ANN_ROOT))
			r = gather_hanging(w, &index->items[i], ret_sigs, ret_n, err);
	if (r >= 0 && w->s->n_manifests)
		qsort(w->s->manifests, w->s->n_manifests, sizeof(*w->s->manifests), by_digest);
	return r;
}

static int walk_names(struct walk *w, const struct signature *sigs, size_t n, struct eb_error **err)
{
	const struct oci_manifest *index = oci_archive_index(w->s->archive);
	int r = 0;

	for (size_t i = 0; i < index->n_items && r >= 0; i++)
		if (oci_descriptor_annotation(&index->items[i], BND_ANN_ROOT))
			r = name_root(w, &index->items[i], err);
		else
			r = name_image(w, &index->items[i], err);
	for (size_t i = 0; i < n && r >= 0; i++)
		r = name_signature(w, &sigs[i], err);
	return r;
}

int reg_walk(struct reg_served *s, struct eb_error **err)
{
	struct walk w = { .s = s, .seen = eb_json_object() };
	const char *path = oci_archive_path(s->archive), *slash = strrchr(path, '/');
	struct signature *sigs = NULL;
	size_t n = 0;
	int r;

	s->title = eb_xstrdup(slash ? slash + 1 : path);
	r = walk_documents(&w, &sigs, &n, err);
	if (r >= 0)
		r = walk_names(&w, sigs, n, err);
	for (size_t i = 0; i < n; i++)
		oci_descriptor_release(&sigs[i].desc);
	free(sigs);
	json_decref(w.seen);
	return r;
}
