/* The tar reader under all filters: the first byte picks one. What comes out has to be clean, and
 * our writer must make headers of it that our strict header parser reads. */
#include <assert.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/stream.h"
#include "image/tar_header.h"
#include "image/tar_read.h"
#include "tar_fix.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entry(const struct oci_tar_entry *e)
{
	struct oci_tar_block h;
	EB_AUTOBUF(b, 4 << 20);

	assert(!*e->path || eb_path_is_clean(e->path));
	assert(e->type != '1' || eb_path_is_clean(e->link));
	oci_tar_header(e, &b);
	assert(!b.overflow && b.len == oci_tar_header_size(e) && b.len % OCI_TAR_BLOCK == 0);
	assert(oci_tar_block_parse(b.data, &h, NULL) == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct oci_tar_limits lim = { .entries = 1000,
						   .total_bytes = 1 << 22,
						   .header_bytes = 1 << 16,
						   .path_bytes = 1024,
						   .depth = 32,
						   .ratio = 100 };
	EB_CLEANUP(oci_tar_reader_free_p) struct oci_tar_reader *t = NULL;
	autoerror struct eb_error *err = NULL;
	autofree unsigned char *fixed = NULL;
	struct oci_tar_entry e;
	char buf[4096];
	int r;

	if (size == 0)
		return 0;
	fixed = tar_fix(data + 1, size - 1);
	r = oci_tar_open(eb_reader_mem(fixed, size - 1),
			 (enum oci_tar_filter)(data[0] % (OCI_TAR_ANY + 1)), &lim, &t, &err);
	while (r >= 0 && (r = oci_tar_next(t, &e, &err)) > 0) {
		ssize_t got;

		check_entry(&e);
		while ((got = oci_tar_data(t, buf, sizeof(buf), &err)) > 0)
			;
		if (got < 0)
			r = (int)got;
	}
	assert((r < 0) == (err != NULL));
	return 0;
}
