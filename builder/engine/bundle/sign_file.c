/* Signing a bundle file that is there already. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "bundle/canonical.h"
#include "bundle/mend.h"
#include "bundle/reader.h"
#include "bundle/sign.h"
#include "bundle/verify.h"
#include "image/tar_header.h"
#include "image/tar_write.h"

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

/* Everything behind the end of the archive as it is, then the header that makes the new members
 * part of it, the first of their bytes, and last the entry of index.json that makes them a
 * signature: each after what it needs is on the disk, so that whatever is there can be read. */
static int append(int fd, const struct bnd_layout *l, uint64_t start, struct eb_error **err)
{
	enum { HEAD = OCI_TAR_BLOCK, END = OCI_TAR_END_BYTES };
	EB_AUTOBUF(tail, BND_SIGN_MAX_BYTES);
	autofree char *index = bnd_padded_index(l);
	int r = make_tail(l, start, &tail, err);

	if (r >= 0)
		r = bnd_put_synced(fd, start + END, tail.data + END, tail.len - END, err);
	if (r >= 0)
		r = bnd_put_synced(fd, start, tail.data, HEAD, err);
	if (r >= 0)
		r = bnd_put_synced(fd, start + HEAD, tail.data + HEAD, END - HEAD, err);
	if (r >= 0)
		r = bnd_put_synced(fd, bnd_layout_front(l).index_offset, index, l->index_space,
				   err);
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
	bool added = !bnd_signed_by(b, key);
	uint64_t end;
	int r = added ? bnd_canonical_layout(b, &l, err) : 0;

	if (r >= 0 && added) {
		end = l.total - OCI_TAR_END_BYTES;
		r = extend(b, key, &l, err);
		if (r >= 0)
			r = append(fd, &l, end, err);
	}
	if (r >= 0)
		*ret_added = added;
	return r;
}

/* Open the file although a run that was killed may have left its index.json cut short. */
static int open_mended(const char *path, int fd, struct bnd_bundle *ret, struct eb_error **err)
{
	autoerror struct eb_error *first = NULL;
	bool mended = false;
	int r = bnd_open(path, ret, &first);

	if (r >= 0)
		return r;
	if (r == -EB_E_FORMAT) {
		r = bnd_mend_index(fd, &mended, err);
		if (r < 0)
			return eb_prefix(err, r, "'%s'", path);
	}
	return mended ? bnd_open(path, ret, err) : eb_error_forward(err, EB_TAKE_PTR(first));
}

/* Open it, verify all that the root covers, and cut off what such a run left behind it. */
static int open_whole(const char *path, int fd, struct eb_pool *pool, struct eb_progress *progress,
		      struct bnd_bundle *ret, struct eb_error **err)
{
	EB_CLEANUP(bnd_layout_release_p) struct bnd_layout l = { 0 };
	bool mended = false;
	int r = open_mended(path, fd, ret, err);

	if (r < 0)
		return r;
	r = bnd_verify_content(ret, pool, progress, err);
	if (r >= 0)
		r = bnd_canonical_layout(ret, &l, err);
	/* What index.json does not list is left over only if all that it lists is right: an entry
	 * that was damaged must not cost its signature. */
	if (r >= 0 && oci_archive_file_size(ret->archive) > l.total)
		r = bnd_check_front(ret, &l, err);
	if (r >= 0)
		r = bnd_mend_tail(fd, ret, &l, &mended, err);
	if (r < 0)
		return eb_prefix(err, r, "'%s'", path);
	if (mended) {
		bnd_close(ret);
		r = bnd_open(path, ret, err);
	}
	if (r < 0)
		return r;
	r = bnd_check_canonical(ret, err);
	return r < 0 ? eb_prefix(err, r, "'%s'", path) : 0;
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
	r = open_whole(path, fd, pool, progress, &b, err);
	if (r < 0)
		return bnd_as_verification(r, err);
	r = sign_opened(&b, fd, key, ret_added, err);
	if (r < 0)
		return eb_prefix(err, r, "'%s'", path);
	*ret_root = b.root.digest;
	return 0;
}
