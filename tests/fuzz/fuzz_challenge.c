/* A WWW-Authenticate header. */
#include "base/error.h"
#include "base/mem.h"
#include "dist/challenge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = eb_xstrndup((const char *)data, size);
	EB_CLEANUP(oci_challenge_release_p) struct oci_challenge c = { .name = NULL };
	autoerror struct eb_error *e = NULL;

	if (oci_challenge_parse(text, &c, &e) < 0) {
		if (!e || c.name || c.realm)
			abort();
		return 0;
	}
	if (c.scheme == OCI_CHALLENGE_OTHER || (c.scheme == OCI_CHALLENGE_BEARER && !c.realm))
		abort();
	/* It becomes a URL and a header: no line may end in it. */
	if ((c.realm && strpbrk(c.realm, "\r\n")) || (c.service && strpbrk(c.service, "\r\n")))
		abort();
	return 0;
}
