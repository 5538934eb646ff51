/* Writing a bundle file: plan, then fill.
 *
 * All sizes and digests are known before the first byte is written, so every blob has its offset
 * and blobs are filled in any order, by several threads, straight into the output; nothing is
 * written twice and there is no temporary copy. The file, one uncompressed tar that is an OCI image
 * layout:
 *
 *   oci-layout
 *   index.json        padded with blanks, so that signatures can be added in place later
 *   ess-bundle        the tool, if there is one
 *   blobs/sha256/...  documents (indexes, manifests, configs) by digest, then the rest by digest,
 *                     then what signatures brought, in the order of signing
 *   end of archive
 *
 * (image-spec, image-layout.md.) */
#pragma once

#include "image/manifest.h"

struct eb_writer;

#define BND_LAYOUT_TEXT "{\"imageLayoutVersion\":\"1.0.0\"}"

struct eb_buf;

enum bnd_class { BND_DOCUMENT, BND_DATA, BND_SIGNATURE };

struct bnd_blob {
	struct oci_digest digest;
	uint64_t size;
	enum bnd_class class;
	char *text;	 /* the bytes, owned; NULL = somebody fills them */
	size_t seq;	 /* order of adding */
	uint64_t offset; /* of the data in the file, set by bnd_layout_place() */
};

struct bnd_layout {
	struct bnd_blob *blobs;
	size_t n, alloc;
	uint32_t *slots;  /* hash table over blobs by digest: index + 1, 0 = free */
	size_t n_slots;	  /* a power of two, at least twice n */
	char *index_json; /* owned; n bytes, unpadded */
	size_t index_size, index_space;
	bool has_tool;
	char *tool; /* owned; NULL when only places matter */
	size_t tool_size;
	int64_t mtime_sec;
	uint64_t total; /* bytes of the file */
};

void bnd_layout_release(struct bnd_layout *l);
EB_DEFINE_RELEASE(struct bnd_layout, bnd_layout_release)
/* Add a blob unless its digest is there. text (size bytes) is taken; NULL = filled later. */
int bnd_layout_add(struct bnd_layout *l, enum bnd_class class, const struct oci_digest *digest,
		   uint64_t size, char *text, struct eb_error **err) EB_MUST_CHECK;
/* Space that is set aside for index.json: the next 4 KiB above the text plus room for `signatures`
 * more entries. */
size_t bnd_index_space(size_t text_bytes, size_t signatures);
/* Sort and give every blob its offset. */
void bnd_layout_place(struct bnd_layout *l);
/* NULL = not there. The pointer holds until the next blob is added or the layout is placed. */
struct bnd_blob *bnd_layout_find(const struct bnd_layout *l, const struct oci_digest *digest);

/* Where the data of the first members is. */
struct bnd_front {
	uint64_t layout_offset, index_offset, tool_offset;
};
struct bnd_front bnd_layout_front(const struct bnd_layout *l);
/* The header block(s) of a member, and index.json with its padding (blanks and a line end, which
 * JSON allows; heap, index_space bytes): what the writer writes and verification expects. */
void bnd_member_header(const struct bnd_layout *l, const char *path, uint32_t mode, uint64_t size,
		       struct eb_buf *out);
char *bnd_padded_index(const struct bnd_layout *l);

/* Set the space of the file aside (ENOSPC with the numbers, before anything is written) and write
 * all but the blobs without text. fd is empty and read-write. */
int bnd_layout_start(struct bnd_layout *l, int fd, struct eb_error **err) EB_MUST_CHECK;
/* A writer for a blob's bytes. */
struct eb_writer *bnd_layout_blob(const struct bnd_blob *b, int fd);
