/* A bundle file: opening, describing and verifying it. Whatever is wrong is told, with the exit
 * status of verification; what verifies can be described. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/pool.h"
#include "bundle/describe.h"
#include "bundle/verify.h"
#include "tar_fix.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct eb_pool *pool;
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 }, opened = { 0 };
	autoerror struct eb_error *err = NULL;
	autofd int fd = memfd_create("fuzz", MFD_CLOEXEC);
	autofree unsigned char *fixed = tar_fix(data, size);
	struct bnd_verify_result res;
	json_t *j = NULL;
	char path[64];
	int r;

	if (!pool)
		pool = eb_pool_new(1);
	assert(fd >= 0 && write(fd, fixed, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (bnd_open(path, &opened, NULL) >= 0 && bnd_describe(&opened, &j, NULL) >= 0)
		assert(json_is_object(j));
	json_decref(j);
	r = bnd_verify(path, NULL, pool, NULL, &b, &res, &err);
	assert((r < 0) == (err != NULL));
	assert(r >= 0 || eb_code_exit_status(r) == 3);
	return 0;
}
