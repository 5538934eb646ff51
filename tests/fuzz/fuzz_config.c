/* The configuration of an image: what is accepted comes out the same when it is written and read
 * again. */
#include <assert.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"
#include "image/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	EB_CLEANUP(oci_config_release_p) struct oci_config c = { 0 }, again = { 0 };
	autoerror struct eb_error *err = NULL;
	autofree char *one = NULL, *two = NULL;
	size_t n_one = 0, n_two = 0;

	if (oci_config_parse((const char *)data, size, &c, &err) < 0) {
		assert(err);
		return 0;
	}
	one = oci_config_write(&c, &n_one);
	if (oci_config_parse(one, n_one, &again, NULL) < 0)
		abort();
	two = oci_config_write(&again, &n_two);
	assert(n_one == n_two && memcmp(one, two, n_one) == 0);
	return 0;
}
