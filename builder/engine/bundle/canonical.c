#include "bundle/canonical.h"

#include <errno.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/stream.h"
#include "bundle/reader.h"
#include "bundle/sign.h"
#include "image/mediatype.h"
#include "image/tar_write.h"

enum { SIGNATURE_ROOM = 16, SIGNATURES_PER_IMAGE = 4, CHUNK_BYTES = 64 * 1024 };

size_t bnd_signature_room(size_t n_images)
{
	return SIGNATURE_ROOM + SIGNATURES_PER_IMAGE * n_images;
}

void bnd_index_entries(const struct oci_descriptor *root, const struct oci_manifest *root_index,
		       struct oci_manifest *ret)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor first = { 0 };

	/* Only what the root says is copied: the rest of `root` may come from the index.json that
	 * is being checked. */
	first.media_type = eb_xstrdup(OCI_MT_INDEX);
	first.artifact_type = eb_xstrdup(BND_MT_BUNDLE);
	first.digest = root->digest;
	first.size = root->size;
	oci_descriptor_annotate(&first, BND_ANN_ROOT, "true");
	oci_manifest_init(ret, true);
	oci_manifest_add(ret, &first);
	for (size_t i = 1; i < root_index->n_items; i++) {
		EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { 0 };
		const char *name = oci_descriptor_annotation(&root_index->items[i], BND_ANN_NAME);

		oci_descriptor_copy(&root_index->items[i], &d);
		json_decref(d.annotations);
		d.annotations = NULL;
		oci_descriptor_annotate(&d, OCI_ANN_REF_NAME, name);
		oci_descriptor_annotate(&d, OCI_ANN_CONTAINERD_NAME, name);
		oci_manifest_add(ret, &d);
	}
}

int bnd_index_write(const struct oci_descriptor *root, const struct oci_manifest *root_index,
		    const struct oci_descriptor *signatures, size_t n, struct bnd_layout *layout,
		    struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest index = { 0 };
	autofree char *bare = NULL;
	size_t bare_size;

	bnd_index_entries(root, root_index, &index);
	bare = oci_manifest_write(&index, &bare_size);
	for (size_t i = 0; i < n; i++)
		oci_manifest_add(&index, &signatures[i]);
	free(layout->index_json);
	layout->index_json = oci_manifest_write(&index, &layout->index_size);
	layout->index_space = bnd_index_space(bare_size,
					      bnd_signature_room(root_index->n_items - 1));
	if (layout->index_size > layout->index_space)
		return eb_throw(err, EB_E_LIMIT, "index.json has no room for %zu signatures", n);
	return 0;
}

/* ---- the layout a file must have ---- */

static int add(struct bnd_layout *l, enum bnd_class class, const struct oci_descriptor *d,
	       struct eb_error **err)
{
	return bnd_layout_add(l, class, &d->digest, d->size, NULL, err);
}

static int add_manifest(struct bnd_layout *l, const struct oci_descriptor *d,
			const struct oci_manifest *m, struct eb_error **err)
{
	int r = add(l, BND_DOCUMENT, d, err);

	if (r >= 0)
		r = add(l, BND_DOCUMENT, &m->config, err);
	for (size_t i = 0; i < m->n_items && r >= 0; i++) {
		bool text = strcmp(m->items[i].media_type, BND_MT_DEFINITION) == 0;

		r = add(l, text ? BND_DOCUMENT : BND_DATA, &m->items[i], err);
	}
	return r;
}

static int add_images(const struct bnd_bundle *b, struct bnd_layout *l, struct eb_error **err)
{
	int r = 0;

	for (size_t i = 0; i < b->n_images && r >= 0; i++) {
		const struct bnd_image *im = &b->images[i];

		r = add(l, BND_DOCUMENT, &im->desc, err);
		for (size_t k = 0; k < im->index.n_items && r >= 0; k++)
			r = add_manifest(l, &im->index.items[k], &im->platforms[k], err);
	}
	return r;
}

/* In the order in which bnd_sign_layout() adds them. */
static int add_signature(struct bnd_layout *l, const struct bnd_signature *s, struct eb_error **err)
{
	int r = 0;

	for (size_t i = 0; i < s->manifest.n_items && r >= 0; i++)
		r = add(l, BND_SIGNATURE, &s->manifest.items[i], err);
	if (r >= 0)
		r = add(l, BND_SIGNATURE, &s->manifest.config, err);
	return r < 0 ? r : add(l, BND_SIGNATURE, &s->desc, err);
}

static int add_signatures(const struct bnd_bundle *b, struct bnd_layout *l, struct eb_error **err)
{
	autofree struct oci_descriptor *entries = eb_xcalloc(b->n_signatures, sizeof(*entries));
	int r = 0;

	for (size_t i = 0; i < b->n_signatures && r >= 0; i++) {
		r = add_signature(l, &b->signatures[i], err);
		bnd_sign_entry(&b->signatures[i].desc, &b->root.digest, &entries[i]);
	}
	if (r >= 0)
		r = bnd_index_write(&b->root, &b->root_index, entries, b->n_signatures, l, err);
	for (size_t i = 0; i < b->n_signatures; i++)
		oci_descriptor_release(&entries[i]);
	return r;
}

int bnd_canonical_layout(const struct bnd_bundle *b, struct bnd_layout *ret, struct eb_error **err)
{
	EB_CLEANUP(bnd_layout_release_p) struct bnd_layout l = { 0 };
	const struct oci_descriptor *tool = bnd_part(b, BND_MT_TOOL);
	uint64_t epoch;
	int r = eb_json_get_u64(b->definition, "epoch", INT64_MAX, &epoch, err);

	if (r < 0)
		return eb_prefix(err, r, "definition");
	l.mtime_sec = (int64_t)epoch;
	if (tool) {
		l.has_tool = true;
		l.tool_size = tool->size;
	}
	r = add(&l, BND_DOCUMENT, &b->root, err);
	if (r >= 0)
		r = add_manifest(&l, &b->bundle_desc, &b->bundle_manifest, err);
	if (r >= 0)
		r = add_images(b, &l, err);
	if (r >= 0)
		r = add_signatures(b, &l, err);
	if (r < 0)
		return r;
	bnd_layout_place(&l);
	*ret = l;
	l = (struct bnd_layout){ 0 };
	return 0;
}

/* ---- comparing ---- */

struct checker {
	int fd;
	const char *member;
};

static int read_at(int fd, uint64_t at, void *p, size_t n, struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = eb_reader_region(fd, at, n);

	return eb_read_full(in, p, n, err);
}

/* The file must hold exactly these bytes there. */
static int expect(const struct checker *c, uint64_t at, const void *want, size_t n,
		  const char *part, struct eb_error **err)
{
	autofree char *got = eb_xmalloc(n);
	int r = read_at(c->fd, at, got, n, err);

	if (r < 0)
		return eb_prefix(err, r, "%s", c->member);
	for (size_t i = 0; i < n; i++)
		if (got[i] != ((const char *)want)[i])
			return eb_throw(err, EB_E_DIGEST,
					"%s: %s was altered (byte %llu of the file)", c->member,
					part, (unsigned long long)(at + i));
	return 0;
}

static int expect_zero(const struct checker *c, uint64_t at, uint64_t n, const char *part,
		       struct eb_error **err)
{
	static const char zeros[OCI_TAR_END_BYTES];

	return n ? expect(c, at, zeros, (size_t)n, part, err) : 0;
}

static int check_member(struct checker *c, const struct bnd_layout *l, const char *path,
			uint32_t mode, uint64_t offset, uint64_t size, struct eb_error **err)
{
	EB_AUTOBUF(header, 8192);
	int r;

	c->member = path;
	bnd_member_header(l, path, mode, size, &header);
	if (offset < header.len)
		return eb_throw(err, EB_E_DIGEST, "%s: is in the wrong place", path);
	r = expect(c, offset - header.len, header.data, header.len, "its header", err);
	if (r >= 0)
		r = expect_zero(c, offset + size, oci_tar_padding(size), "the padding after it",
				err);
	return r;
}

static int check_place(const struct oci_archive *a, const char *path, uint64_t offset,
		       uint64_t size, struct eb_error **err)
{
	const struct oci_member *m = oci_archive_find(a, path);

	if (!m)
		return eb_throw(err, EB_E_DIGEST, "%s is missing", path);
	if (m->offset != offset || m->size != size)
		return eb_throw(err, EB_E_DIGEST,
				"%s: stands at byte %llu with %llu bytes; expected %llu with %llu",
				path, (unsigned long long)m->offset, (unsigned long long)m->size,
				(unsigned long long)offset, (unsigned long long)size);
	return 0;
}

static int check_front(struct checker *c, const struct bnd_bundle *b, const struct bnd_layout *l,
		       struct eb_error **err)
{
	static const char layout[] = BND_LAYOUT_TEXT;
	struct bnd_front f = bnd_layout_front(l);
	autofree char *index = bnd_padded_index(l);
	int r = check_place(b->archive, "oci-layout", f.layout_offset, sizeof(layout) - 1, err);

	if (r >= 0)
		r = check_member(c, l, "oci-layout", 0644, f.layout_offset, sizeof(layout) - 1,
				 err);
	if (r >= 0)
		r = expect(c, f.layout_offset, layout, sizeof(layout) - 1, "its content", err);
	if (r >= 0)
		r = check_place(b->archive, "index.json", f.index_offset, l->index_space, err);
	if (r >= 0)
		r = check_member(c, l, "index.json", 0644, f.index_offset, l->index_space, err);
	if (r >= 0)
		r = expect(c, f.index_offset, index, l->index_space, "its content", err);
	if (r < 0 || !l->has_tool)
		return r;
	r = check_place(b->archive, "ess-bundle", f.tool_offset, l->tool_size, err);
	return r < 0 ? r : check_member(c, l, "ess-bundle", 0755, f.tool_offset, l->tool_size, err);
}

int bnd_check_front(const struct bnd_bundle *b, const struct bnd_layout *l, struct eb_error **err)
{
	struct checker c = { .fd = oci_archive_fd(b->archive) };

	return check_front(&c, b, l, err);
}

/* The tool in front is a copy of the tool's blob. */
static int check_tool(struct checker *c, const struct bnd_bundle *b, const struct bnd_layout *l,
		      struct eb_error **err)
{
	const struct oci_descriptor *tool = bnd_part(b, BND_MT_TOOL);
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	autofree char *buf = NULL;
	ssize_t got;

	if (!tool)
		return 0;
	in = eb_reader_verify(eb_reader_region(c->fd, bnd_layout_front(l).tool_offset, tool->size),
			      oci_digest_hex(&tool->digest), tool->size, "ess-bundle");
	buf = eb_xmalloc(CHUNK_BYTES);
	while ((got = eb_read(in, buf, CHUNK_BYTES, err)) > 0)
		;
	return (int)got;
}

static int check_blobs(struct checker *c, const struct bnd_bundle *b, const struct bnd_layout *l,
		       struct eb_error **err)
{
	for (size_t i = 0; i < l->n; i++) {
		char path[160];
		int r;

		oci_digest_blob_path(&l->blobs[i].digest, path);
		r = check_place(b->archive, path, l->blobs[i].offset, l->blobs[i].size, err);
		if (r >= 0)
			r = check_member(c, l, path, 0644, l->blobs[i].offset, l->blobs[i].size,
					 err);
		if (r < 0)
			return r;
	}
	return 0;
}

int bnd_check_canonical(const struct bnd_bundle *b, struct eb_error **err)
{
	EB_CLEANUP(bnd_layout_release_p) struct bnd_layout l = { 0 };
	struct checker c = { .fd = oci_archive_fd(b->archive) };
	size_t expected = 2;
	int r;

	if (oci_archive_is_dir(b->archive))
		return eb_throw(
			err, EB_E_DIGEST,
			"is a directory: a bundle is one file, whose every byte is checked");
	r = bnd_canonical_layout(b, &l, err);
	if (r < 0)
		return r;
	expected += l.n + l.has_tool;
	if (oci_archive_file_size(b->archive) != l.total)
		return eb_hint(
			err,
			eb_throw(err, EB_E_DIGEST,
				 "the file has %llu bytes; a bundle of this content has %llu",
				 (unsigned long long)oci_archive_file_size(b->archive),
				 (unsigned long long)l.total),
			BND_HINT_SIGN);
	r = check_front(&c, b, &l, err);
	if (r >= 0)
		r = check_tool(&c, b, &l, err);
	if (r >= 0)
		r = check_blobs(&c, b, &l, err);
	if (r < 0)
		return r;
	c.member = "end of the file";
	r = expect_zero(&c, l.total - OCI_TAR_END_BYTES, OCI_TAR_END_BYTES,
			"what follows the last member", err);
	if (r >= 0 && oci_archive_count(b->archive) != expected)
		return eb_throw(err, EB_E_DIGEST, "%zu members, %zu are covered",
				oci_archive_count(b->archive), expected);
	return r;
}
