#include "bundle/mend.h"

#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/stream.h"
#include "bundle/reader.h"
#include "bundle/sign.h"
#include "image/mediatype.h"
#include "image/tar_header.h"
#include "image/tar_write.h"

/* More braces than an entry that was cut short, and what it was written over, can end. */
enum { MAX_TRIES = 16 };

int bnd_put_synced(int fd, uint64_t at, const void *p, size_t n, struct eb_error **err)
{
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *w = eb_writer_region(fd, at, n);
	int r = eb_write(w, p, n, err);

	if (r >= 0 && fdatasync(fd) < 0)
		r = eb_throw_errno(err, "sync");
	return r;
}

/* The second half of the end of the archive goes first: as long as the first member to be dropped
 * has its header, the archive can be read. */
int bnd_mend_tail(int fd, const struct bnd_bundle *b, const struct bnd_layout *l, bool *ret_done,
		  struct eb_error **err)
{
	static const char zeros[OCI_TAR_END_BYTES];
	uint64_t size = oci_archive_file_size(b->archive), end = l->total - OCI_TAR_END_BYTES;
	int r;

	if (size <= l->total)
		return 0;
	if (size - l->total > BND_SIGN_MAX_BYTES)
		return eb_throw(err, EB_E_DIGEST,
				"the file has %llu bytes; a bundle of this content has %llu",
				(unsigned long long)size, (unsigned long long)l->total);
	r = bnd_put_synced(fd, end + OCI_TAR_BLOCK, zeros, OCI_TAR_BLOCK, err);
	if (r >= 0)
		r = bnd_put_synced(fd, end, zeros, OCI_TAR_BLOCK, err);
	if (r >= 0 && ftruncate(fd, (off_t)l->total) < 0)
		r = eb_throw_errno(err, "truncate");
	if (r >= 0)
		*ret_done = true;
	return r;
}

/* Size of index.json when it stands where bundles have it, else 0. */
static size_t index_size(int fd, uint64_t offset, struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p)
	struct eb_reader *in = eb_reader_region(fd, offset - OCI_TAR_BLOCK, OCI_TAR_BLOCK);
	char block[OCI_TAR_BLOCK];
	struct oci_tar_block b;

	if (eb_read_full(in, block, sizeof(block), err) < 0 ||
	    oci_tar_block_parse(block, &b, err) <= 0 || strcmp(b.name, "index.json") != 0 ||
	    b.size > OCI_MANIFEST_MAX_BYTES)
		return 0;
	return (size_t)b.size;
}

/* Is it the index of a bundle? */
static bool names_root(const char *text, size_t n)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .n_items = 0 };

	return oci_index_json_parse(text, n, &m, NULL) >= 0 && m.n_items > 0 &&
	       oci_descriptor_annotation(&m.items[0], BND_ANN_ROOT);
}

/* What the canonical form has after the last entry. */
static char *after_entries(void)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m;
	autofree char *text = NULL;

	oci_manifest_init(&m, true);
	text = oci_manifest_write(&m, NULL);
	return eb_xstrdup(strchr(text, ']'));
}

/* A text that was written to its end: whatever is wrong in it, no run was killed on the way. */
static bool is_complete(const char *text, size_t size, const char *tail)
{
	size_t n = strlen(tail);

	while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\n'))
		size--;
	return size >= n && memcmp(text + size - n, tail, n) == 0;
}

/* An entry is added behind those that are there, so these are whole whatever happened: the longest
 * text that ends with one of them is what was there before, or all that was to be written. */
static bool cut_back(char *text, size_t size)
{
	autofree char *tail = after_entries();
	size_t tail_n = strlen(tail), at = size;

	if (is_complete(text, size, tail))
		return false;

	for (int i = 0; i < MAX_TRIES; i++) {
		const char *brace = memrchr(text, '}', at);
		autofree char *tried = NULL;

		if (!brace)
			return false;
		at = (size_t)(brace - text);
		if (at + 1 + tail_n >= size)
			continue;
		tried = eb_xmalloc(size);
		memset(tried, ' ', size);
		memcpy(tried, text, at + 1);
		memcpy(tried + at + 1, tail, tail_n);
		tried[size - 1] = '\n';
		if (names_root(tried, size)) {
			memcpy(text, tried, size);
			return true;
		}
	}
	return false;
}

int bnd_mend_index(int fd, bool *ret_done, struct eb_error **err)
{
	const struct bnd_layout empty = { .n = 0 };
	uint64_t offset = bnd_layout_front(&empty).index_offset;
	size_t size = index_size(fd, offset, NULL);
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = eb_reader_region(fd, offset, size);
	autofree char *text = eb_xmalloc(size + 1);
	int r = eb_read_full(in, text, size, err);

	if (r < 0 || size == 0 || names_root(text, size) || !cut_back(text, size))
		return r;
	r = bnd_put_synced(fd, offset, text, size, err);
	if (r >= 0)
		*ret_done = true;
	return r;
}
