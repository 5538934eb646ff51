#include "bundle/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/stream.h"
#include "image/tar_write.h"

enum {
	INDEX_STEP = 4096,
	INDEX_ENTRY = 640, /* a signature's descriptor with its annotations */
	HEADER_MAX = 4096,
	MAX_BLOBS = 200000,
	MIN_SLOTS = 64,
};

void bnd_layout_release(struct bnd_layout *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->blobs[i].text);
	free(l->blobs);
	free(l->slots);
	free(l->index_json);
	free(l->tool);
	*l = (struct bnd_layout){ 0 };
}

/* The slot that holds the digest, or the free one where it belongs. Digests are uniform in their
 * hex part already, whoever chose them: a table of others' digests may be slow, never wrong. */
static uint32_t *slot_of(const struct bnd_layout *l, const struct oci_digest *digest)
{
	size_t at = 0;

	for (const char *p = oci_digest_hex(digest); *p; p++)
		at = at * 31 + (unsigned char)*p;
	for (at &= l->n_slots - 1; l->slots[at]; at = (at + 1) & (l->n_slots - 1))
		if (oci_digest_eq(&l->blobs[l->slots[at] - 1].digest, digest))
			break;
	return &l->slots[at];
}

static void index_blobs(struct bnd_layout *l, size_t n_slots)
{
	free(l->slots);
	l->slots = eb_xcalloc(n_slots, sizeof(*l->slots));
	l->n_slots = n_slots;
	for (size_t i = 0; i < l->n; i++)
		*slot_of(l, &l->blobs[i].digest) = (uint32_t)i + 1;
}

struct bnd_blob *bnd_layout_find(const struct bnd_layout *l, const struct oci_digest *digest)
{
	const uint32_t *slot = l->n_slots ? slot_of(l, digest) : NULL;

	return slot && *slot ? &l->blobs[*slot - 1] : NULL;
}

int bnd_layout_add(struct bnd_layout *l, enum bnd_class class, const struct oci_digest *digest,
		   uint64_t size, char *text, struct eb_error **err)
{
	struct bnd_blob *known = bnd_layout_find(l, digest);
	autofree char *owned = text;
	int r;

	if (known) {
		/* Whichever of those that list it comes first. */
		if (class < known->class)
			known->class = class;
		return 0;
	}
	r = eb_grow(&l->blobs, &l->alloc, l->n + 1, sizeof(*l->blobs), MAX_BLOBS, "blobs", err);
	if (r < 0)
		return r;
	l->blobs[l->n] = (struct bnd_blob){ .digest = *digest,
					    .size = size,
					    .class = class,
					    .text = EB_TAKE_PTR(owned),
					    .seq = l->n };
	l->n++;
	if (l->n * 2 > l->n_slots)
		index_blobs(l, l->n_slots ? l->n_slots * 2 : MIN_SLOTS);
	else
		*slot_of(l, digest) = (uint32_t)l->n;
	return 0;
}

size_t bnd_index_space(size_t text_bytes, size_t signatures)
{
	size_t want = text_bytes + signatures * INDEX_ENTRY;

	return (want + INDEX_STEP - 1) / INDEX_STEP * INDEX_STEP;
}

static uint64_t member_bytes(uint64_t size)
{
	return 512 + size + oci_tar_padding(size);
}

static int by_place(const void *pa, const void *pb)
{
	const struct bnd_blob *a = pa, *b = pb;

	if (a->class != b->class)
		return a->class < b->class ? -1 : 1;
	if (a->class == BND_SIGNATURE)
		return a->seq < b->seq ? -1 : a->seq > b->seq;
	return strcmp(a->digest.text, b->digest.text);
}

struct bnd_front bnd_layout_front(const struct bnd_layout *l)
{
	struct bnd_front f = { .layout_offset = 512 };

	f.index_offset = member_bytes(sizeof(BND_LAYOUT_TEXT) - 1) + 512;
	f.tool_offset = f.index_offset + member_bytes(l->index_space);
	return f;
}

void bnd_member_header(const struct bnd_layout *l, const char *path, uint32_t mode, uint64_t size,
		       struct eb_buf *out)
{
	struct oci_tar_entry e = {
		.path = path, .type = '0', .mode = mode, .size = size, .mtime_sec = l->mtime_sec
	};

	oci_tar_header(&e, out);
}

static uint64_t header_bytes(const struct bnd_layout *l, const struct bnd_blob *b)
{
	EB_AUTOBUF(header, HEADER_MAX);
	char path[160];

	oci_digest_blob_path(&b->digest, path);
	bnd_member_header(l, path, 0644, b->size, &header);
	return header.len;
}

void bnd_layout_place(struct bnd_layout *l)
{
	uint64_t at = member_bytes(sizeof(BND_LAYOUT_TEXT) - 1) + member_bytes(l->index_space);

	if (l->has_tool)
		at += member_bytes(l->tool_size);
	if (l->n) {
		qsort(l->blobs, l->n, sizeof(*l->blobs), by_place);
		index_blobs(l, l->n_slots);
	}
	for (size_t i = 0; i < l->n; i++) {
		struct bnd_blob *b = &l->blobs[i];

		b->offset = at + header_bytes(l, b);
		at = b->offset + b->size + oci_tar_padding(b->size);
	}
	l->total = at + OCI_TAR_END_BYTES;
}

static int put(int fd, uint64_t at, const void *p, size_t n, struct eb_error **err)
{
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *w = eb_writer_region(fd, at, n);

	return eb_write(w, p, n, err);
}

/* A whole member whose data begins at `at`. */
static int put_member(const struct bnd_layout *l, int fd, uint64_t at, const char *path,
		      uint32_t mode, const char *text, uint64_t size, struct eb_error **err)
{
	EB_AUTOBUF(header, HEADER_MAX);
	int r;

	bnd_member_header(l, path, mode, size, &header);
	r = put(fd, at - header.len, header.data, header.len, err);
	return r < 0 || !text ? r : put(fd, at, text, size, err);
}

char *bnd_padded_index(const struct bnd_layout *l)
{
	char *text = eb_xmalloc(l->index_space);

	memset(text, ' ', l->index_space);
	memcpy(text, l->index_json, l->index_size);
	text[l->index_space - 1] = '\n';
	return text;
}

static int put_blob(const struct bnd_layout *l, const struct bnd_blob *b, int fd,
		    struct eb_error **err)
{
	char path[160];

	oci_digest_blob_path(&b->digest, path);
	return put_member(l, fd, b->offset, path, 0644, b->text, b->size, err);
}

static int set_aside(int fd, uint64_t total, struct eb_error **err)
{
	int code = posix_fallocate(fd, 0, (off_t)total);

	if (code == EOPNOTSUPP || code == EINVAL)
		code = ftruncate(fd, (off_t)total) < 0 ? errno : 0;
	if (code)
		return eb_throw(err, code, "no room for the %llu bytes of the bundle: %s",
				(unsigned long long)total, eb_code_text(code));
	return 0;
}

int bnd_layout_start(struct bnd_layout *l, int fd, struct eb_error **err)
{
	autofree char *index = bnd_padded_index(l);
	struct bnd_front f = bnd_layout_front(l);
	int r = set_aside(fd, l->total, err);

	if (r >= 0)
		r = put_member(l, fd, f.layout_offset, "oci-layout", 0644, BND_LAYOUT_TEXT,
			       sizeof(BND_LAYOUT_TEXT) - 1, err);
	if (r >= 0)
		r = put_member(l, fd, f.index_offset, "index.json", 0644, index, l->index_space,
			       err);
	if (r >= 0 && l->has_tool)
		r = put_member(l, fd, f.tool_offset, "ess-bundle", 0755, l->tool, l->tool_size,
			       err);
	for (size_t i = 0; i < l->n && r >= 0; i++)
		r = put_blob(l, &l->blobs[i], fd, err);
	return r;
}

struct eb_writer *bnd_layout_blob(const struct bnd_blob *b, int fd)
{
	return eb_writer_region(fd, b->offset, b->size);
}
