/* Content digests, "sha256:<64 hex>" or "sha512:<128 hex>" (image-spec, descriptor.md#digests). */
#pragma once

#include "base/cleanup.h"
#include "base/hash.h"

struct eb_error;

enum { OCI_DIGEST_TEXT = 7 + EB_HASH_MAX_HEX };

struct oci_digest {
	char text[OCI_DIGEST_TEXT + 1]; /* "" = not set */
};

/* Errors: EB_E_FORMAT (grammar), EB_E_UNSUPPORTED (an algorithm we do not have). */
int oci_digest_parse(const char *text, struct oci_digest *ret, struct eb_error **err) EB_MUST_CHECK;
void oci_digest_of(const void *p, size_t n, struct oci_digest *ret); /* sha256 */
void oci_digest_from_hex(const char *sha256_hex, struct oci_digest *ret);
bool oci_digest_eq(const struct oci_digest *a, const struct oci_digest *b);
const char *oci_digest_hex(const struct oci_digest *d); /* the part after the colon */
enum eb_hash_alg oci_digest_alg(const struct oci_digest *d);
/* "blobs/sha256/<hex>": the blob's path in an image layout (image-spec, image-layout.md). */
void oci_digest_blob_path(const struct oci_digest *d, char out[static 160]);
