/* An archive of `docker save`: opening it, then reading all images that it names. Whatever is read
 * without complaint has the digest that its manifest says. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/stream.h"
#include "dist/origin.h"
#include "tar_fix.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_IMAGES = 16 };

static void read_blobs(const struct oci_source *src, const struct oci_graph *g)
{
	for (size_t i = 0; i < g->n_blobs; i++) {
		EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
		autoerror struct eb_error *err = NULL;
		EB_AUTOBUF(b, 1 << 20);
		struct oci_digest d;

		if (oci_source_verified(src, &g->blobs[i], &in, &err) < 0 ||
		    eb_read_all(in, &b, "blob", &err) < 0) {
			assert(err);
			continue;
		}
		assert(b.len == g->blobs[i].size);
		oci_digest_of(eb_buf_str(&b), b.len, &d);
		assert(oci_digest_alg(&g->blobs[i].digest) == EB_SHA512 ||
		       oci_digest_eq(&d, &g->blobs[i].digest));
	}
}

static void read_image(struct oci_docker_archive *a, size_t i)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = 0 };
	EB_CLEANUP(oci_graph_release_p) struct oci_graph g = { .nodes = NULL };
	const struct oci_source src = oci_source_docker(a);
	autoerror struct eb_error *err = NULL;

	if (oci_docker_load(a, i, &d, &err) < 0) {
		assert(err && !d.media_type);
		return;
	}
	if (oci_graph_load(&src, &d, &g, &err) == 0)
		read_blobs(&src, &g);
	else
		assert(err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	EB_CLEANUP(oci_docker_free_p) struct oci_docker_archive *a = NULL;
	autoerror struct eb_error *err = NULL;
	autoerror struct eb_error *unresolved = NULL;
	autofd int fd = memfd_create("fuzz", MFD_CLOEXEC);
	autofree unsigned char *fixed = tar_fix(data, size);
	size_t one = 0;
	char path[64];

	assert(fd >= 0 && write(fd, fixed, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (oci_docker_open(path, &a, &err) == 0) {
		if (oci_docker_resolve(a, "a:1", &one, &unresolved) == 0)
			assert(one < oci_docker_count(a));
		for (size_t i = 0; i < oci_docker_count(a) && i < MAX_IMAGES; i++)
			read_image(a, i);
	}
	assert(a || err);
	return 0;
}
