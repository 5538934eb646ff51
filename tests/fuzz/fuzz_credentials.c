/* A credential file: every entry of what is accepted can be read or is refused with a reason. */
#include "base/error.h"
#include "base/mem.h"
#include "dist/creds.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoerror struct eb_error *e = NULL;
	json_t *doc = NULL, *value;
	const char *key;

	if (oci_creds_parse((const char *)data, size, &doc, &e) < 0) {
		if (!e || doc)
			abort();
		return 0;
	}
	json_object_foreach(json_object_get(doc, "auths"), key, value)
	{
		EB_CLEANUP(oci_credential_release_p)
		struct oci_credential c = { NULL, NULL, NULL, NULL };
		autoerror struct eb_error *f = NULL;
		autofree char *plain = oci_creds_key(key);

		if (strlen(plain) > strlen(key) + 9)
			abort();
		if (oci_creds_entry(value, &c, &f) < 0 && !f)
			abort();
	}
	json_decref(doc);
	return 0;
}
