/* The payload of a signature, base64 texts, and a signature that nobody made. */
#include <assert.h>
#include <stdint.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/error.h"
#include "image/mediatype.h"
#include "sign/key.h"
#include "sign/simple_signing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_base64(const char *text, size_t n)
{
	EB_AUTOBUF(raw, 1 << 20);
	EB_AUTOBUF(back, 1 << 20);

	if (eb_base64_decode(text, n, &raw, NULL) < 0)
		return;
	eb_base64_encode(eb_buf_str(&raw), raw.len, &back);
	assert(back.len == n && memcmp(eb_buf_str(&back), text, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct oci_key *key;
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = 0 };
	autoerror struct eb_error *err = NULL;
	autofree char *reference = NULL;
	struct oci_digest digest = { "" };
	int r;

	if (!key && oci_key_generate(&key, NULL) < 0)
		return 0;
	r = oci_simple_payload_parse((const char *)data, size, &digest, &reference, &err);
	assert((r < 0) == (err != NULL) && (r < 0) == (reference == NULL));
	oci_descriptor_of(OCI_MT_SIMPLE_SIGNING, data, size, &d);
	oci_descriptor_annotate(&d, OCI_ANN_COSIGN_SIGNATURE, "MAYCAQECAQE=");
	assert(oci_simple_verify(key, &d, (const char *)data, size, &digest, NULL) ==
	       -EB_E_SIGNATURE);
	check_base64((const char *)data, size);
	return 0;
}
