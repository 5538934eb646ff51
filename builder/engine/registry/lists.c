#include "registry/lists.h"

#include "base/json.h"
#include "image/mediatype.h"

char *reg_error_body(const char *code, const char *message, size_t *ret_n)
{
	autojson json_t *doc = eb_json_object();
	json_t *list = eb_json_array(), *one = eb_json_object();

	eb_json_set_str(one, "code", code);
	eb_json_set_str(one, "message", message);
	eb_json_push(list, one);
	eb_json_set(doc, "errors", list);
	return eb_json_canonical(doc, ret_n);
}

static bool is_behind(const struct reg_window *w, const char *word)
{
	return !w->last || strcmp(word, w->last) > 0;
}

char *reg_tags_body(const struct reg_repo *r, const char *name, const struct reg_window *w,
		    const char **ret_next, size_t *ret_n)
{
	autojson json_t *doc = eb_json_object();
	json_t *list = eb_json_array();
	const char *last = NULL;

	*ret_next = NULL;
	for (size_t i = 0; i < r->n_tags; i++) {
		if (!is_behind(w, r->tags[i].tag))
			continue;
		if (json_array_size(list) >= w->n) {
			*ret_next = last;
			break;
		}
		last = r->tags[i].tag;
		eb_json_push(list, eb_json_str(last));
	}
	eb_json_set_str(doc, "name", name);
	eb_json_set(doc, "tags", list);
	return eb_json_canonical(doc, ret_n);
}

char *reg_catalog_body(const struct reg_catalog *c, const struct reg_window *w,
		       const char **ret_next, size_t *ret_n)
{
	autojson json_t *doc = eb_json_object();
	json_t *list = eb_json_array();
	const char *last = NULL;

	*ret_next = NULL;
	for (size_t i = 0; i < c->n_repos; i++) {
		if (!c->repos[i].listed || !is_behind(w, c->repos[i].name))
			continue;
		if (json_array_size(list) >= w->n) {
			*ret_next = last;
			break;
		}
		last = c->repos[i].name;
		eb_json_push(list, eb_json_str(last));
	}
	eb_json_set(doc, "repositories", list);
	return eb_json_canonical(doc, ret_n);
}

static json_t *describe(const struct reg_manifest *m)
{
	json_t *j = eb_json_object();

	eb_json_set_str(j, "mediaType", m->media_type);
	eb_json_set_str(j, "digest", m->digest.text);
	eb_json_set_u64(j, "size", m->size);
	eb_json_set_str(j, "artifactType", m->artifact_type);
	if (m->annotations)
		eb_json_set(j, "annotations", json_incref(m->annotations));
	return j;
}

static bool listed_before(const struct reg_repo *r, size_t source, const struct oci_digest *d)
{
	for (size_t i = 0; i < source; i++)
		if (reg_served_manifest(r->sources[i], d))
			return true;
	return false;
}

char *reg_referrers_body(const struct reg_repo *r, const struct oci_digest *subject,
			 const char *artifact_type, size_t *ret_n)
{
	autojson json_t *doc = eb_json_object();
	json_t *list = eb_json_array();

	for (size_t i = 0; i < r->n_sources; i++)
		for (size_t k = 0; k < r->sources[i]->n_manifests; k++) {
			const struct reg_manifest *m = &r->sources[i]->manifests[k];

			if (!m->has_subject || !oci_digest_eq(&m->subject, subject) ||
			    listed_before(r, i, &m->digest))
				continue;
			if (!artifact_type ||
			    (m->artifact_type && strcmp(m->artifact_type, artifact_type) == 0))
				eb_json_push(list, describe(m));
		}
	eb_json_set_u64(doc, "schemaVersion", 2);
	eb_json_set_str(doc, "mediaType", OCI_MT_INDEX);
	eb_json_set(doc, "manifests", list);
	return eb_json_canonical(doc, ret_n);
}
