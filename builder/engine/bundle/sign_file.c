#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/stream.h"
#include "bundle/canonical.h"
#include "bundle/reader.h"
#include "bundle/sign.h"
#include "bundle/verify.h"
#include "image/tar_write.h"

enum { TAIL_MAX_BYTES = 16 * 1024 * 1024 };

static int put(int fd, uint64_t at, const void *p, size_t n, struct eb_error **err)
{
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *w = eb_writer_region(fd, at, n);
	int r = eb_write(w, p, n, err);

	if (r >= 0 && fdatasync(fd) < 0)
		r = eb_throw_errno(err, "sync");
	return r;
}

/* The end of the file as `l` has it, from byte `start` on: the new members and the end of the
 * archive. */
static int make_tail(const struct bnd_layout *l, uint64_t start, struct eb_buf *out,
		     struct eb_error **err)
{
	static const char zeros[OCI_TAR_END_BYTES];

	for (size_t i = 0; i < l->n; i++) {
		const struct bnd_blob *b = &l->blobs[i];
		char path[160];

		if (b->offset < start)
			continue;
		oci_digest_blob_path(&b->digest, path);
		bnd_member_header(l, path, 0644, b->size, out);
		eb_buf_add(out, b->text, b->size);
		eb_buf_add(out, zeros, oci_tar_padding(b->size));
	}
	eb_buf_add(out, zeros, sizeof(zeros));
	return eb_buf_check(out, "signatures", err);
}

/* The first header is what makes the new members part of the archive, and the entry in index.json
 * what makes them a signature: they come last, in this order, each after what it needs is on the
 * disk. */
static int append(int fd, const struct bnd_layout *l, uint64_t start, struct eb_error **err)
{
	EB_AUTOBUF(tail, TAIL_MAX_BYTES);
	autofree char *index = bnd_padded_index(l);
	int r = make_tail(l, start, &tail, err);

	if (r >= 0)
		r = put(fd, start + 512, tail.data + 512, tail.len - 512, err);
	if (r >= 0)
		r = put(fd, start, tail.data, 512, err);
	return r < 0 ? r : put(fd, bnd_layout_front(l).index_offset, index, l->index_space, err);
}

/* What a killed run left behind the archive is cut off. */
static int repair(int fd, const struct bnd_bundle *b, const struct bnd_layout *l,
		  struct eb_error **err)
{
	static const char zeros[OCI_TAR_END_BYTES];
	int r;

	if (oci_archive_file_size(b->archive) == l->total)
		return 0;
	if (ftruncate(fd, (off_t)l->total) < 0)
		return eb_throw_errno(err, "truncate");
	r = put(fd, l->total - sizeof(zeros), zeros, sizeof(zeros), err);
	return r;
}

static int extend(struct bnd_bundle *b, const struct oci_key *key, struct bnd_layout *l,
		  struct eb_error **err)
{
	const char *name = json_string_value(json_object_get(b->definition, "reference"));
	size_t n = b->n_signatures;
	autofree struct oci_descriptor *entries = eb_xcalloc(n + 1, sizeof(*entries));
	int r;

	if (!name)
		return eb_throw(err, EB_E_FORMAT, "definition: has no reference");
	for (size_t i = 0; i < n; i++)
		bnd_sign_entry(&b->signatures[i].desc, &b->root.digest, &entries[i]);
	r = bnd_sign_layout(key, name, &b->root, l, &entries[n], err);
	if (r >= 0)
		r = bnd_index_write(&b->root, &b->root_index, entries, n + 1, l, err);
	for (size_t i = 0; i <= n; i++)
		oci_descriptor_release(&entries[i]);
	if (r >= 0)
		bnd_layout_place(l);
	return r;
}

static int sign_opened(struct bnd_bundle *b, int fd, const struct oci_key *key, bool *ret_added,
		       struct eb_error **err)
{
	EB_CLEANUP(bnd_layout_release_p) struct bnd_layout l = { 0 };
	uint64_t end;
	int r = bnd_canonical_layout(b, &l, err);

	if (r >= 0)
		r = repair(fd, b, &l, err);
	if (r < 0)
		return r;
	*ret_added = !bnd_signed_by(b, key);
	if (!*ret_added)
		return 0;
	end = l.total - OCI_TAR_END_BYTES;
	r = extend(b, key, &l, err);
	return r < 0 ? r : append(fd, &l, end, err);
}

int bnd_sign_file(const char *path, const struct oci_key *key, struct eb_pool *pool,
		  struct eb_progress *progress, bool *ret_added, struct oci_digest *ret_root,
		  struct eb_error **err)
{
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	autofd int fd = open(path, O_RDWR | O_CLOEXEC);
	int r;

	if (fd < 0)
		return eb_throw_errno(err, "open '%s'", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return eb_throw(err, EB_E_CONFLICT, "'%s' is being signed by another process",
				path);
	r = bnd_open(path, &b, err);
	if (r < 0)
		return r;
	r = bnd_verify_content(&b, pool, progress, err);
	if (r >= 0)
		r = sign_opened(&b, fd, key, ret_added, err);
	if (r < 0)
		return eb_prefix(err, r, "'%s'", path);
	*ret_root = b.root.digest;
	return 0;
}
