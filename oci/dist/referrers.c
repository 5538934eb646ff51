#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "dist/request.h"
#include "image/mediatype.h"

enum { MAX_PAGES = 1000 };

/* Append what m lists. */
static void take_items(const struct oci_manifest *m, struct oci_manifest *to)
{
	for (size_t i = 0; i < m->n_items; i++)
		oci_manifest_add(to, &m->items[i]);
}

static int parse_page(const struct oci_request *q, const struct eb_buf *b, struct oci_manifest *to,
		      struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .media_type = NULL };
	int r = oci_index_json_parse(b->data ? b->data : "", b->len, &m, err);

	if (r < 0)
		return eb_prefix(err, r, "%s", q->what);
	if (to->n_items + m.n_items > OCI_MAX_MANIFESTS)
		return eb_throw(err, EB_E_LIMIT, "%s: more than %d", q->what, OCI_MAX_MANIFESTS);
	take_items(&m, to);
	return 0;
}

/* *ret_there = false when the registry has no such API. */
static int ask_api(struct oci_registry *r, const char *repo, const struct oci_digest *subject,
		   struct oci_manifest *to, bool *ret_there, struct eb_error **err)
{
	char *url = eb_xasprintf("%s%s/referrers/%s", r->base, repo, subject->text);
	int e = 0;

	*ret_there = true;
	for (unsigned int page = 0; url && e >= 0 && *ret_there && page < MAX_PAGES; page++) {
		EB_CLEANUP(oci_request_release_p) struct oci_request q;
		EB_AUTOBUF(b, OCI_MANIFEST_MAX_BYTES);

		oci_request_init(&q, r, "GET", repo, url, "referrers");
		url = NULL;
		q.ctx = &b;
		q.get.body = oci_request_to_buf;
		e = oci_request_run(r, &q, err);
		if (e < 0)
			return e;
		if (q.get.status == 200) {
			e = parse_page(&q, &b, to, err);
			url = oci_request_next_page(&q);
		} else if (page == 0 && q.get.status / 100 == 4 && q.get.status != 401 &&
			   q.get.status != 403) {
			*ret_there = false;
		} else {
			e = oci_request_throw(&q, err);
		}
	}
	free(url);
	return e;
}

/* The index under the tag of the subject; nothing is an empty one. */
static int read_tag(struct oci_registry *r, const char *repo, const struct oci_digest *subject,
		    struct oci_manifest *to, struct eb_error **err)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .media_type = NULL };
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .media_type = NULL };
	autofree char *text = NULL;
	struct eb_error *e = NULL;
	char tag[160];
	int code;

	oci_digest_tag(subject, "", tag);
	code = oci_registry_manifest(r, repo, tag, &text, &d, &e);
	if (code == -EB_E_NOT_FOUND) {
		eb_error_clear(&e);
		return 0;
	}
	if (code < 0)
		return eb_error_forward(err, e);
	code = oci_index_json_parse(text, d.size, &m, err);
	if (code < 0)
		return eb_prefix(err, code, "%s/%s:%s", r->host, repo, tag);
	take_items(&m, to);
	return 0;
}

int oci_registry_referrers(struct oci_registry *r, const char *repo,
			   const struct oci_digest *subject, struct oci_manifest *ret,
			   bool *ret_api, struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m;
	bool there = false;
	int e;

	oci_manifest_init(&m, true);
	e = ask_api(r, repo, subject, &m, &there, err);
	if (e >= 0 && !there)
		e = read_tag(r, repo, subject, &m, err);
	if (e < 0)
		return e;
	if (ret_api)
		*ret_api = there;
	*ret = m;
	m = (struct oci_manifest){ .media_type = NULL };
	return 0;
}

static bool lists(const struct oci_manifest *m, const struct oci_digest *d)
{
	for (size_t i = 0; i < m->n_items; i++)
		if (oci_digest_eq(&m->items[i].digest, d))
			return true;
	return false;
}

int oci_registry_add_referrers(struct oci_registry *r, const char *repo,
			       const struct oci_digest *subject, const struct oci_descriptor *d,
			       size_t n, struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m;
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor self = { .media_type = NULL };
	autofree char *text = NULL;
	size_t had, bytes;
	char tag[160];
	int e;

	oci_manifest_init(&m, true);
	e = read_tag(r, repo, subject, &m, err);
	if (e < 0)
		return e;
	had = m.n_items;
	for (size_t i = 0; i < n; i++)
		if (!lists(&m, &d[i].digest))
			oci_manifest_add(&m, &d[i]);
	if (m.n_items == had)
		return 0;
	text = oci_manifest_write(&m, &bytes);
	oci_descriptor_of(OCI_MT_INDEX, text, bytes, &self);
	oci_digest_tag(subject, "", tag);
	return oci_registry_put_manifest(r, repo, tag, &self, text, NULL, err);
}
