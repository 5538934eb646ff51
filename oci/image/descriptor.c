/* Descriptors (image-spec, descriptor.md): read strictly in what we use, everything else in them is
 * dropped (data, urls, os.version, os.features): what must keep its bytes is copied, not rewritten.
 */
#include "image/descriptor.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/mediatype.h"

enum { MEDIA_TYPE_MAX_BYTES = 255 };

static void platform_release(struct oci_platform *p)
{
	free(p->architecture);
	free(p->os);
	free(p->variant);
	*p = (struct oci_platform){ NULL, NULL, NULL };
}

void oci_descriptor_release(struct oci_descriptor *d)
{
	free(d->media_type);
	free(d->artifact_type);
	platform_release(&d->platform);
	json_decref(d->annotations);
	*d = (struct oci_descriptor){ .media_type = NULL };
}

static char *dup_or_null(const char *s)
{
	return s ? eb_xstrdup(s) : NULL;
}

/* RFC 6838 section 4.2: type "/" subtype of restricted names. */
bool oci_media_type_is_valid(const char *text)
{
	static const char extra[] = "!#$&-^_.+";
	size_t n = strlen(text), slashes = 0;
	bool first = true;

	if (n > MEDIA_TYPE_MAX_BYTES)
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = text[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			      (c >= '0' && c <= '9');

		if (c == '/' && !first) {
			slashes++;
			first = true;
			continue;
		}
		if (!letter && (first || !strchr(extra, c)))
			return false;
		first = false;
	}
	return slashes == 1 && !first;
}

static int check_media_type(const char *key, const char *text, struct eb_error **err)
{
	if (!oci_media_type_is_valid(text))
		return eb_throw(err, EB_E_FORMAT, "%s: '%.80s' is not a media type", key, text);
	return 0;
}

static int parse_platform(const json_t *j, struct oci_platform *ret, struct eb_error **err)
{
	const char *architecture = "", *os = "", *variant = NULL;
	json_t *p = NULL;
	int r = eb_json_opt_object(j, "platform", &p, err);

	if (r < 0 || !p)
		return r;
	r = eb_json_get_str(p, "architecture", &architecture, err);
	if (r == 0)
		r = eb_json_get_str(p, "os", &os, err);
	if (r == 0)
		r = eb_json_opt_str(p, "variant", &variant, err);
	if (r < 0)
		return eb_json_inside(err, r, "platform");
	*ret = (struct oci_platform){ eb_xstrdup(architecture), eb_xstrdup(os),
				      dup_or_null(variant) };
	return 0;
}

int oci_annotations_parse(const json_t *j, json_t **ret, struct eb_error **err)
{
	json_t *a = NULL, *value;
	const char *key;
	int r = eb_json_opt_object(j, "annotations", &a, err);

	if (r < 0 || !a)
		return r;
	json_object_foreach(a, key, value)
	{
		if (!json_is_string(value))
			return eb_throw(err, EB_E_FORMAT,
					"annotations.%.100s: expected a string, found %s", key,
					eb_json_type_name(value));
	}
	*ret = json_deep_copy(a);
	if (!*ret)
		abort();
	return 0;
}

static int parse_members(const json_t *j, struct oci_descriptor *d, struct eb_error **err)
{
	const char *media_type = "", *digest = "", *artifact_type = NULL;
	int r = eb_json_get_str(j, "mediaType", &media_type, err);

	if (r == 0)
		r = check_media_type("mediaType", media_type, err);
	if (r < 0)
		return r;
	d->media_type = eb_xstrdup(media_type);
	r = eb_json_get_str(j, "digest", &digest, err);
	if (r < 0)
		return r;
	r = oci_digest_parse(digest, &d->digest, err);
	if (r < 0)
		return eb_prefix(err, r, "digest");
	r = eb_json_get_u64(j, "size", INT64_MAX, &d->size, err);
	if (r == 0)
		r = eb_json_opt_str(j, "artifactType", &artifact_type, err);
	if (r == 0 && artifact_type && *artifact_type)
		r = check_media_type("artifactType", artifact_type, err);
	if (r < 0)
		return r;
	d->artifact_type = artifact_type && *artifact_type ? eb_xstrdup(artifact_type) : NULL;
	r = parse_platform(j, &d->platform, err);
	return r < 0 ? r : oci_annotations_parse(j, &d->annotations, err);
}

int oci_descriptor_parse(const json_t *j, struct oci_descriptor *ret, struct eb_error **err)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .media_type = NULL };
	int r = parse_members(j, &d, err);

	if (r < 0)
		return r;
	*ret = d;
	d = (struct oci_descriptor){ .media_type = NULL };
	return 0;
}

static json_t *platform_json(const struct oci_platform *p)
{
	json_t *j = eb_json_object();

	eb_json_set_str(j, "architecture", p->architecture);
	eb_json_set_str(j, "os", p->os);
	eb_json_set_str(j, "variant", p->variant);
	return j;
}

json_t *oci_descriptor_json(const struct oci_descriptor *d)
{
	json_t *j = eb_json_object();

	eb_json_set_str(j, "mediaType", d->media_type);
	eb_json_set_str(j, "digest", d->digest.text);
	eb_json_set_u64(j, "size", d->size);
	eb_json_set_str(j, "artifactType", d->artifact_type);
	if (d->platform.architecture)
		eb_json_set(j, "platform", platform_json(&d->platform));
	if (json_object_size(d->annotations) > 0)
		eb_json_set(j, "annotations", json_deep_copy(d->annotations));
	return j;
}

void oci_descriptor_copy(const struct oci_descriptor *from, struct oci_descriptor *to)
{
	*to = (struct oci_descriptor){
		.media_type = dup_or_null(from->media_type),
		.digest = from->digest,
		.size = from->size,
		.artifact_type = dup_or_null(from->artifact_type),
		.platform = { dup_or_null(from->platform.architecture),
			      dup_or_null(from->platform.os), dup_or_null(from->platform.variant) },
		.annotations = from->annotations ? json_deep_copy(from->annotations) : NULL,
	};
}

void oci_descriptor_of(const char *media_type, const void *p, size_t n, struct oci_descriptor *ret)
{
	*ret = (struct oci_descriptor){ .media_type = eb_xstrdup(media_type), .size = n };
	oci_digest_of(p, n, &ret->digest);
}

const char *oci_descriptor_annotation(const struct oci_descriptor *d, const char *key)
{
	return json_string_value(json_object_get(d->annotations, key));
}

const char *oci_descriptor_attests(const struct oci_descriptor *d)
{
	const char *type = oci_descriptor_annotation(d, OCI_ANN_DOCKER_REF_TYPE);

	return type && strcmp(type, "attestation-manifest") == 0
		       ? oci_descriptor_annotation(d, OCI_ANN_DOCKER_REF_DIGEST)
		       : NULL;
}

void oci_descriptor_annotate(struct oci_descriptor *d, const char *key, const char *value)
{
	if (!d->annotations)
		d->annotations = eb_json_object();
	eb_json_set_str(d->annotations, key, value);
}
