#include "kube/config.h"

#include "base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	EB_CLEANUP(kube_config_free_p) struct kube_config *c = NULL;
	autoerror struct eb_error *err = NULL;

	/* A path without a directory: files that it names would be looked for in the working
	 * directory, where none has the names that the fuzzer makes up. */
	if (kube_config_parse("k", (const char *)data, size, NULL, &c, &err) >= 0 &&
	    (!c->server || !c->namespace_ || (c->cert_pem && !c->key_pem)))
		abort();
	return 0;
}
