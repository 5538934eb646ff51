/* A reference: what is accepted is its own normal form, which means the same. */
#include "base/error.h"
#include "base/mem.h"
#include "dist/ref.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = eb_xstrndup((const char *)data, size), *full = NULL, *again = NULL;
	EB_CLEANUP(oci_ref_release_p) struct oci_ref r = { .host = NULL };
	EB_CLEANUP(oci_ref_release_p) struct oci_ref s = { .host = NULL };
	EB_CLEANUP(oci_ref_release_p) struct oci_ref p = { .host = NULL };
	autoerror struct eb_error *e = NULL, *f = NULL;

	if (oci_ref_parse_prefix(text, &p, &f) < 0 && !f)
		abort();
	if (oci_ref_parse(text, &r, &e) < 0) {
		if (!e || r.host)
			abort();
		return 0;
	}
	full = oci_ref_text(&r);
	if (strpbrk(full, " \t\r\n?#%\\") || strstr(r.repo, "..") || strstr(full, "//"))
		abort();
	if (strlen(full) <= OCI_REF_MAX_BYTES) {
		if (oci_ref_parse(full, &s, NULL) < 0)
			abort();
		again = oci_ref_text(&s);
		if (strcmp(full, again) != 0)
			abort();
	}
	return 0;
}
