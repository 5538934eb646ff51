/* Image manifests and indexes (image-spec, manifest.md and image-index.md): one struct for both,
 * since they share annotations, artifactType and subject, and every graph walk treats them alike.
 * Written canonically; parsed strictly; Docker's two types are read as well. */
#pragma once

#include "image/descriptor.h"

enum { OCI_MANIFEST_MAX_BYTES = 4 * 1024 * 1024, OCI_MAX_LAYERS = 512, OCI_MAX_MANIFESTS = 8192 };

struct oci_manifest {
	char *media_type;
	char *artifact_type; /* NULL = none */
	bool is_index;
	struct oci_descriptor config; /* manifests only */
	struct oci_descriptor *items; /* layers of a manifest, manifests of an index */
	size_t n_items, alloc_items;
	struct oci_descriptor *subject; /* NULL = none */
	json_t *annotations;		/* NULL = none */
};

void oci_manifest_init(struct oci_manifest *m, bool is_index); /* OCI media type */
void oci_manifest_release(struct oci_manifest *m);
EB_DEFINE_RELEASE(struct oci_manifest, oci_manifest_release)
/* text of at most OCI_MANIFEST_MAX_BYTES. Without mediaType (older writers) the members decide; a
 * document that could be both kinds is refused. Members we do not know are ignored. The message
 * names the member ("layers[3].digest: ..."). Errors: EB_E_FORMAT, EB_E_LIMIT, EB_E_UNSUPPORTED. */
int oci_manifest_parse(const char *text, size_t n, struct oci_manifest *ret,
		       struct eb_error **err) EB_MUST_CHECK;
/* index.json: the same, but it has to be an index. */
int oci_index_json_parse(const char *text, size_t n, struct oci_manifest *ret,
			 struct eb_error **err) EB_MUST_CHECK;
char *oci_manifest_write(const struct oci_manifest *m, size_t *ret_n); /* canonical; heap */
/* Append a copy of d. */
void oci_manifest_add(struct oci_manifest *m, const struct oci_descriptor *d);
void oci_manifest_annotate(struct oci_manifest *m, const char *key, const char *value);
const char *oci_manifest_annotation(const struct oci_manifest *m, const char *key);
bool oci_media_type_is_index(const char *media_type);
bool oci_media_type_is_manifest(const char *media_type);
