/* Manifests, indexes and configurations: whatever parses is written in canonical form, and that
 * form must parse to itself. */
#include <assert.h>
#include <stdint.h>

#include "base/error.h"
#include "image/config.h"
#include "image/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_manifest(const char *text, size_t n)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .n_items = 0 };
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest back = { .n_items = 0 };
	autoerror struct eb_error *err = NULL;
	autofree char *first = NULL;
	autofree char *second = NULL;
	size_t len = 0;
	int r = oci_manifest_parse(text, n, &m, &err);

	assert((r < 0) == (err != NULL));
	if (r < 0)
		return;
	first = oci_manifest_write(&m, &len);
	if (oci_manifest_parse(first, len, &back, NULL) < 0)
		abort();
	second = oci_manifest_write(&back, NULL);
	assert(strcmp(first, second) == 0);
}

static void check_config(const char *text, size_t n)
{
	EB_CLEANUP(oci_config_release_p) struct oci_config c = { .created_sec = -1 };
	EB_CLEANUP(oci_config_release_p) struct oci_config back = { .created_sec = -1 };
	autoerror struct eb_error *err = NULL;
	autofree char *first = NULL;
	autofree char *second = NULL;
	size_t len = 0;
	int r = oci_config_parse(text, n, &c, &err);

	assert((r < 0) == (err != NULL));
	if (r < 0)
		return;
	first = oci_config_write(&c, &len);
	if (oci_config_parse(first, len, &back, NULL) < 0)
		abort();
	second = oci_config_write(&back, NULL);
	assert(strcmp(first, second) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_manifest((const char *)data, size);
	check_config((const char *)data, size);
	return 0;
}
