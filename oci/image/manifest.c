/* Image manifests and indexes. A document must say what it is: one that could be taken for both an
 * image and an index is refused whatever its mediaType says, since two readers could then see two
 * different images behind one digest (image-spec, manifest.md and image-index.md, mediaType). */
#include "image/manifest.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/mediatype.h"

bool oci_media_type_is_index(const char *media_type)
{
	return strcmp(media_type, OCI_MT_INDEX) == 0 || strcmp(media_type, OCI_MT_DOCKER_LIST) == 0;
}

bool oci_media_type_is_manifest(const char *media_type)
{
	return strcmp(media_type, OCI_MT_MANIFEST) == 0 ||
	       strcmp(media_type, OCI_MT_DOCKER_MANIFEST) == 0;
}

void oci_manifest_init(struct oci_manifest *m, bool is_index)
{
	*m = (struct oci_manifest){ .media_type = eb_xstrdup(is_index ? OCI_MT_INDEX
								      : OCI_MT_MANIFEST),
				    .is_index = is_index };
}

void oci_manifest_release(struct oci_manifest *m)
{
	free(m->media_type);
	free(m->artifact_type);
	oci_descriptor_release(&m->config);
	for (size_t i = 0; i < m->n_items; i++)
		oci_descriptor_release(&m->items[i]);
	free(m->items);
	if (m->subject)
		oci_descriptor_release(m->subject);
	free(m->subject);
	json_decref(m->annotations);
	*m = (struct oci_manifest){ .media_type = NULL };
}

/* Decide between image and index from mediaType and from the members that only one of them has. */
static int parse_kind(const json_t *j, struct oci_manifest *m, struct eb_error **err)
{
	bool looks_index = json_object_get(j, "manifests") != NULL;
	bool looks_image = json_object_get(j, "layers") || json_object_get(j, "config");
	const char *type = NULL;
	uint64_t version;
	int r = eb_json_get_u64(j, "schemaVersion", INT64_MAX, &version, err);

	if (r == 0)
		r = eb_json_opt_str(j, "mediaType", &type, err);
	if (r < 0)
		return r;
	if (version != 2)
		return eb_throw(err, EB_E_UNSUPPORTED,
				"schemaVersion: only 2 is supported, found %llu",
				(unsigned long long)version);
	if (type && *type && !oci_media_type_is_index(type) && !oci_media_type_is_manifest(type))
		return eb_throw(err, EB_E_UNSUPPORTED,
				"mediaType: '%.100s' is neither an image manifest nor an index",
				type);
	if (looks_index && looks_image)
		return eb_throw(err, EB_E_FORMAT,
				"has 'manifests' beside 'layers' or 'config': it could be read as "
				"two different images");
	m->is_index = type && *type ? oci_media_type_is_index(type) : looks_index;
	if (m->is_index ? looks_image : looks_index)
		return eb_throw(err, EB_E_FORMAT, "mediaType: '%s' does not fit its members", type);
	m->media_type = eb_xstrdup(type && *type ? type
				   : m->is_index ? OCI_MT_INDEX
						 : OCI_MT_MANIFEST);
	return 0;
}

static int parse_items(const json_t *j, struct oci_manifest *m, struct eb_error **err)
{
	const char *key = m->is_index ? "manifests" : "layers";
	size_t max = m->is_index ? OCI_MAX_MANIFESTS : OCI_MAX_LAYERS;
	json_t *array = NULL;
	size_t n;
	int r;

	/* An empty list of a program in Go may be null. */
	if (json_is_null(json_object_get(j, key)))
		return 0;
	r = eb_json_get_array(j, key, &array, err);
	if (r < 0)
		return r;
	n = json_array_size(array);
	if (n > max)
		return eb_throw(err, EB_E_LIMIT, "%s: more than %zu entries, found %zu", key, max,
				n);
	m->items = eb_xcalloc(n, sizeof(*m->items));
	m->alloc_items = n;
	for (size_t i = 0; i < n; i++) {
		r = oci_descriptor_parse(json_array_get(array, i), &m->items[i], err);
		if (r < 0)
			return eb_json_inside(err, r, "%s[%zu]", key, i);
		m->n_items++;
	}
	return 0;
}

static int parse_subject(const json_t *j, struct oci_manifest *m, struct eb_error **err)
{
	json_t *o = NULL;
	int r = eb_json_opt_object(j, "subject", &o, err);

	if (r < 0 || !o)
		return r;
	m->subject = eb_xcalloc(1, sizeof(*m->subject));
	r = oci_descriptor_parse(o, m->subject, err);
	return r < 0 ? eb_json_inside(err, r, "subject") : 0;
}

static int parse_members(const json_t *j, struct oci_manifest *m, struct eb_error **err)
{
	const char *artifact_type = NULL;
	json_t *config = NULL;
	int r = parse_kind(j, m, err);

	if (r < 0)
		return r;
	if (!m->is_index) {
		r = eb_json_get_object(j, "config", &config, err);
		if (r < 0)
			return r;
		r = oci_descriptor_parse(config, &m->config, err);
		if (r < 0)
			return eb_json_inside(err, r, "config");
	}
	r = parse_items(j, m, err);
	if (r == 0)
		r = parse_subject(j, m, err);
	if (r == 0)
		r = eb_json_opt_str(j, "artifactType", &artifact_type, err);
	if (r < 0)
		return r;
	if (artifact_type && *artifact_type) {
		if (!oci_media_type_is_valid(artifact_type))
			return eb_throw(err, EB_E_FORMAT,
					"artifactType: '%.80s' is not a media type", artifact_type);
		m->artifact_type = eb_xstrdup(artifact_type);
	}
	return oci_annotations_parse(j, &m->annotations, err);
}

int oci_manifest_parse(const char *text, size_t n, struct oci_manifest *ret, struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .media_type = NULL };
	autojson json_t *j = NULL;
	int r = eb_json_parse(text, n, OCI_MANIFEST_MAX_BYTES, &j, err);

	if (r == 0)
		r = parse_members(j, &m, err);
	if (r < 0)
		return r;
	*ret = m;
	m = (struct oci_manifest){ .media_type = NULL };
	return 0;
}

int oci_index_json_parse(const char *text, size_t n, struct oci_manifest *ret,
			 struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .media_type = NULL };
	int r = oci_manifest_parse(text, n, &m, err);

	if (r < 0)
		return r;
	if (!m.is_index)
		return eb_throw(err, EB_E_FORMAT, "expected an index, found an image manifest");
	*ret = m;
	m = (struct oci_manifest){ .media_type = NULL };
	return 0;
}

char *oci_manifest_write(const struct oci_manifest *m, size_t *ret_n)
{
	autojson json_t *j = eb_json_object();
	json_t *items = eb_json_array();

	for (size_t i = 0; i < m->n_items; i++)
		eb_json_push(items, oci_descriptor_json(&m->items[i]));
	eb_json_set_u64(j, "schemaVersion", 2);
	eb_json_set_str(j, "mediaType", m->media_type);
	eb_json_set_str(j, "artifactType", m->artifact_type);
	eb_json_set(j, m->is_index ? "manifests" : "layers", items);
	if (!m->is_index)
		eb_json_set(j, "config", oci_descriptor_json(&m->config));
	if (m->subject)
		eb_json_set(j, "subject", oci_descriptor_json(m->subject));
	if (json_object_size(m->annotations) > 0)
		eb_json_set(j, "annotations", json_deep_copy(m->annotations));
	return eb_json_canonical(j, ret_n);
}

void oci_manifest_add(struct oci_manifest *m, const struct oci_descriptor *d)
{
	if (eb_grow(&m->items, &m->alloc_items, m->n_items + 1, sizeof(*m->items), SIZE_MAX / 2,
		    "descriptors", NULL) < 0)
		abort();
	oci_descriptor_copy(d, &m->items[m->n_items++]);
}

void oci_manifest_annotate(struct oci_manifest *m, const char *key, const char *value)
{
	if (!m->annotations)
		m->annotations = eb_json_object();
	eb_json_set_str(m->annotations, key, value);
}

const char *oci_manifest_annotation(const struct oci_manifest *m, const char *key)
{
	return json_string_value(json_object_get(m->annotations, key));
}
