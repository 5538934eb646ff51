/* Layers put onto a disk. Beside the root lies a file that no member may reach, and nothing may
 * come to be outside the root. */
#include <assert.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/stream.h"
#include "bundle/extract.h"
#include "image/tar_read.h"
#include "tar_fix.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int drop(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)st;
	(void)flag;
	(void)at;
	return remove(path);
}

static unsigned int entries; /* of the directory that holds the root */

static int count(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)path;
	(void)flag;
	if (at->level == 1) {
		entries++;
		assert(S_ISDIR(st->st_mode) || st->st_size == 4);
	}
	return 0;
}

static void extract(int root, const unsigned char *fixed, size_t size)
{
	static const struct oci_tar_limits lim = { .entries = 1000,
						   .total_bytes = 1 << 22,
						   .header_bytes = 1 << 16,
						   .path_bytes = 1024,
						   .depth = 32,
						   .ratio = 100 };
	static const struct bnd_extract_options o = { .same_owner = false };
	EB_CLEANUP(bnd_extract_free_p) struct bnd_extract *x = bnd_extract_new(root, &o);
	autoerror struct eb_error *err = NULL, *err_finish = NULL;
	struct bnd_extract_result result;

	for (size_t at = 0; at < 2; at++) {
		/* The second half again as a layer on top. */
		size_t from = at ? size / 1024 * 512 : 0;
		EB_CLEANUP(oci_tar_reader_free_p) struct oci_tar_reader *t = NULL;
		int r = oci_tar_open(eb_reader_mem(fixed + from, size - from), OCI_TAR_PLAIN, &lim,
				     &t, &err);

		if (r >= 0)
			r = bnd_extract_layer(x, t, &err);
		assert((r < 0) == (err != NULL));
		if (r < 0)
			return;
	}
	if (bnd_extract_finish(x, &result, &err_finish) < 0)
		assert(err_finish);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char top[] = "/dev/shm/fuzz-extract-XXXXXX";
	autofree unsigned char *fixed = tar_fix(data, size);
	char path[128];

	assert(mkdtemp(top));
	snprintf(path, sizeof(path), "%s/secret", top);
	{
		autofd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

		assert(fd >= 0 && write(fd, "keep", 4) == 4);
	}
	snprintf(path, sizeof(path), "%s/root", top);
	assert(mkdir(path, 0755) == 0);
	{
		autofd int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		assert(root >= 0);
		extract(root, fixed, size);
	}
	entries = 0;
	assert(nftw(top, count, 16, FTW_PHYS) == 0 && entries == 2);
	assert(nftw(top, drop, 16, FTW_PHYS | FTW_DEPTH) == 0);
	return 0;
}
