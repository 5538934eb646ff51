/* A whole bundle: its documents are the input, their digests and sizes are made right, so that the
 * fuzzer gets past the hashes. The input is cut at bytes 0xff into documents; the first is
 * index.json, the rest become blobs. In document i, "@k" (k a letter, 'a' for document 1, k > i)
 * stands for the digest of document k and "#k" for its size. Then the file is opened and verified.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/pool.h"
#include "bundle/verify.h"
#include "image/tar_write.h"

enum { MAX_DOCS = 26, MAX_TEXT = 1 << 20 };

struct docs {
	struct eb_buf text[MAX_DOCS];
	struct oci_digest digest[MAX_DOCS];
	size_t n;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fill_in(struct docs *d, size_t i, const uint8_t *p, size_t n)
{
	struct eb_buf *out = &d->text[i];

	for (size_t k = 0; k < n; k++) {
		size_t other = k + 1 < n && p[k + 1] >= 'a' ? (size_t)(p[k + 1] - 'a') + 1 : 0;
		bool known = other > i && other < d->n;

		if (known && p[k] == '@') {
			const char *text = d->digest[other].text;

			eb_buf_add(out, text, strlen(text));
			k++;
		} else if (known && p[k] == '#') {
			char number[32];

			snprintf(number, sizeof(number), "%zu", d->text[other].len);
			eb_buf_add(out, number, strlen(number));
			k++;
		} else {
			eb_buf_add(out, &p[k], 1);
		}
	}
	oci_digest_of(eb_buf_str(out), out->len, &d->digest[i]);
}

static void read_docs(struct docs *d, const uint8_t *data, size_t size)
{
	const uint8_t *start[MAX_DOCS];
	size_t len[MAX_DOCS];

	while (d->n < MAX_DOCS) {
		const uint8_t *end = memchr(data, 0xff, size);

		start[d->n] = data;
		len[d->n++] = end ? (size_t)(end - data) : size;
		if (!end)
			break;
		size -= len[d->n - 1] + 1;
		data = end + 1;
	}
	for (size_t i = d->n; i-- > 0;) {
		eb_buf_init(&d->text[i], MAX_TEXT);
		fill_in(d, i, start[i], len[i]);
	}
}

static void member(struct eb_buf *out, const char *path, const void *p, size_t n)
{
	struct oci_tar_entry e = { .path = path, .type = '0', .mode = 0644, .size = n };
	static const char zeros[512];

	oci_tar_header(&e, out);
	eb_buf_add(out, p, n);
	eb_buf_add(out, zeros, oci_tar_padding(n));
}

static void pack(struct docs *d, struct eb_buf *out)
{
	static const char end[OCI_TAR_END_BYTES];
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";

	member(out, "oci-layout", layout, strlen(layout));
	member(out, "index.json", eb_buf_str(&d->text[0]), d->text[0].len);
	for (size_t i = 1; i < d->n; i++) {
		char name[160];
		bool twice = false;

		for (size_t k = 1; k < i; k++)
			twice = twice || oci_digest_eq(&d->digest[k], &d->digest[i]);
		if (twice)
			continue;
		oci_digest_blob_path(&d->digest[i], name);
		member(out, name, eb_buf_str(&d->text[i]), d->text[i].len);
	}
	eb_buf_add(out, end, sizeof(end));
}

static void use(const char *path)
{
	EB_CLEANUP(eb_pool_free_p) struct eb_pool *pool = eb_pool_new(1);
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 }, again = { 0 };
	autoerror struct eb_error *err = NULL, *err_content = NULL, *err_verify = NULL;
	struct bnd_verify_result result;
	int r;

	if (bnd_open(path, &b, &err) < 0) {
		assert(err);
		return;
	}
	for (size_t i = 0; i < b.n_images; i++)
		assert(b.images[i].name);
	if (bnd_verify_content(&b, pool, NULL, &err_content) < 0)
		assert(err_content);
	/* Not in the form that we write. */
	r = bnd_verify(path, NULL, pool, NULL, &again, &result, &err_verify);
	assert(r >= 0 || (err_verify && eb_code_exit_status(r) == 3));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofd int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct docs d = { .n = 0 };
	EB_AUTOBUF(tar, (size_t)64 << 20);
	char path[64];

	read_docs(&d, data, size);
	pack(&d, &tar);
	assert(fd >= 0 && write(fd, eb_buf_str(&tar), tar.len) == (ssize_t)tar.len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	use(path);
	for (size_t i = 0; i < d.n; i++)
		eb_buf_release(&d.text[i]);
	return 0;
}
