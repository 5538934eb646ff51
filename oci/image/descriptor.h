/* Descriptors (image-spec, descriptor.md). */
#pragma once

#include <jansson.h>

#include "image/digest.h"

struct oci_platform {
	char *architecture, *os, *variant; /* NULL when not given */
};

struct oci_descriptor {
	char *media_type;
	struct oci_digest digest;
	uint64_t size;		      /* bytes */
	char *artifact_type;	      /* NULL = none */
	struct oci_platform platform; /* architecture NULL = none */
	json_t *annotations;	      /* object of strings, NULL = none; owned */
};

void oci_descriptor_release(struct oci_descriptor *d);
EB_DEFINE_RELEASE(struct oci_descriptor, oci_descriptor_release)
/* Errors: EB_E_FORMAT, EB_E_UNSUPPORTED, the message beginning with the member's name (for
 * eb_json_inside()). data and urls members are accepted and dropped. */
int oci_descriptor_parse(const json_t *j, struct oci_descriptor *ret,
			 struct eb_error **err) EB_MUST_CHECK;
json_t *oci_descriptor_json(const struct oci_descriptor *d); /* new reference */
void oci_descriptor_copy(const struct oci_descriptor *from, struct oci_descriptor *to); /* deep */
/* A descriptor of the n bytes at p. */
void oci_descriptor_of(const char *media_type, const void *p, size_t n, struct oci_descriptor *ret);
const char *oci_descriptor_annotation(const struct oci_descriptor *d,
				      const char *key); /* NULL = none */
/* The digest of the manifest that an index says this entry attests to (how BuildKit keeps SBOMs and
 * provenance: an entry without a platform beside those of the platforms), or NULL. */
const char *oci_descriptor_attests(const struct oci_descriptor *d);
void oci_descriptor_annotate(struct oci_descriptor *d, const char *key, const char *value);

/* The "annotations" member of j, if there: a copy into *ret. Errors: EB_E_FORMAT naming the key. */
int oci_annotations_parse(const json_t *j, json_t **ret, struct eb_error **err) EB_MUST_CHECK;
/* True for "type/subtype" of RFC 6838, section 4.2. */
bool oci_media_type_is_valid(const char *text);
