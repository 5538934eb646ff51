/* A layout in one tar: opening it, then reading everything that its index names. Members that were
 * accepted lie inside the file and do not share bytes. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/stream.h"
#include "image/archive.h"
#include "tar_fix.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_members(const struct oci_archive *a)
{
	uint64_t end = 0;

	for (size_t i = 0; i < oci_archive_count(a); i++) {
		const struct oci_member *m = oci_archive_member(a, i);

		assert(m->header_offset >= end && m->offset > m->header_offset);
		end = m->offset + m->size;
		assert(end <= oci_archive_file_size(a));
		assert(oci_archive_find(a, m->name) == m);
	}
	assert(end < oci_archive_end_offset(a));
	assert(oci_archive_end_offset(a) <= oci_archive_file_size(a));
}

static void read_items(const struct oci_archive *a, const struct oci_manifest *m, int depth)
{
	for (size_t i = 0; i < m->n_items; i++) {
		EB_CLEANUP(oci_manifest_release_p) struct oci_manifest sub = { .n_items = 0 };
		autoerror struct eb_error *err = NULL;
		autoerror struct eb_error *err_text = NULL;
		autofree char *text = NULL;
		size_t n = 0;

		if (oci_archive_blob_text(a, &m->items[i], 1 << 20, &text, &n, &err_text) == 0)
			assert(n == m->items[i].size);
		if (depth < 3 && oci_archive_manifest(a, &m->items[i], &sub, &err) == 0)
			read_items(a, &sub, depth + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	EB_CLEANUP(oci_archive_free_p) struct oci_archive *a = NULL;
	autoerror struct eb_error *err = NULL;
	autofd int fd = memfd_create("fuzz", MFD_CLOEXEC);
	autofree unsigned char *fixed = tar_fix(data, size);
	char path[64];

	assert(fd >= 0 && write(fd, fixed, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (oci_archive_open(path, &a, &err) == 0) {
		check_members(a);
		read_items(a, oci_archive_index(a), 0);
	}
	assert(a || err);
	return 0;
}
