/* Key files: private (with an empty password) and public. What is read signs, and verifies what it
 * signed. */
#include <assert.h>
#include <stdint.h>

#include "base/error.h"
#include "sign/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	EB_CLEANUP(oci_key_free_p) struct oci_key *private = NULL, *public = NULL;
	autoerror struct eb_error *err = NULL, *err_public = NULL;
	uint8_t sig[OCI_SIGNATURE_MAX_BYTES];
	size_t n;
	int r = oci_key_read_private((const char *)data, size, "", "fuzz", &private, &err);

	assert((r < 0) == (err != NULL) && (r < 0) == (private == NULL));
	if (r >= 0 && oci_key_sign(private, "x", 1, sig, &n, NULL) >= 0)
		assert(n <= sizeof(sig));
	r = oci_key_read_public((const char *)data, size, "fuzz", &public, &err_public);
	assert((r < 0) == (err_public != NULL) && (r < 0) == (public == NULL));
	if (r >= 0)
		assert(oci_key_verify(public, "x", 1, data, size < 64 ? size : 64, NULL) < 0);
	return 0;
}
