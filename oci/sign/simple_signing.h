/* Simple signing, as cosign keeps it: the payload names the digest that is signed; an image
 * manifest with one layer per signature holds the payload as the layer's blob and the signature as
 * its annotation (cosign's SIGNATURE_SPEC; containers/image's docs/containers-signature.5). */
#pragma once

#include "image/manifest.h"

struct oci_key;

enum { OCI_PAYLOAD_MAX_BYTES = 64 * 1024 };

/* The three blobs of a signature. */
struct oci_simple_signature {
	char *payload, *config, *manifest; /* heap */
	struct oci_descriptor payload_desc, config_desc, manifest_desc;
};
void oci_simple_signature_release(struct oci_simple_signature *s);
EB_DEFINE_RELEASE(struct oci_simple_signature, oci_simple_signature_release)

/* Sign `what` under the name `reference` ("ess.internal/redis"); the name is part of what is
 * signed. */
int oci_simple_sign(const struct oci_key *key, const char *reference, const struct oci_digest *what,
		    struct oci_simple_signature *ret, struct eb_error **err) EB_MUST_CHECK;

/* The three blobs again for one layer of a signature manifest and its payload, as oci_simple_sign()
 * made them. */
void oci_simple_from_layer(const struct oci_descriptor *layer, const char *payload, size_t n,
			   struct oci_simple_signature *ret);
/* One signature manifest with these n layers, as cosign keeps several signatures under one tag: its
 * config and its text. Takes nothing; release ret, whose payload stays NULL. */
void oci_simple_combine(const struct oci_descriptor *layers, size_t n,
			struct oci_simple_signature *ret);

/* The digest that a payload signs and under which name (heap, may be NULL when not wanted).
 * Errors: EB_E_FORMAT. */
int oci_simple_payload_parse(const char *text, size_t n, struct oci_digest *ret_digest,
			     char **ret_reference, struct eb_error **err) EB_MUST_CHECK;
/* Does layer `d` (an item of a signature manifest) with this payload sign `what` with `key`?
 * Errors: EB_E_SIGNATURE saying which of them does not hold. */
int oci_simple_verify(const struct oci_key *key, const struct oci_descriptor *d,
		      const char *payload, size_t n, const struct oci_digest *what,
		      struct eb_error **err) EB_MUST_CHECK;
