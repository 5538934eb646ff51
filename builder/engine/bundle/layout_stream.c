/* The archive of layout_write.c as a stream: its sizes and places are known beforehand, so it can
 * be written front to back, and blobs come out of their source one by one when it is their turn. */
#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/stream.h"
#include "bundle/layout_write.h"
#include "bundle/writer.h"
#include "image/tar_write.h"

enum { HEADER_MAX = 4096 };

struct stream {
	struct bnd_layout layout;
	const struct oci_source *src;
	const struct bnd_write_options *o;
	struct eb_writer *out;
	unsigned int task;
};

static void stream_release(struct stream *s)
{
	bnd_layout_release(&s->layout);
}
EB_DEFINE_RELEASE(struct stream, stream_release)

static int put_zeros(const struct stream *s, size_t n, struct eb_error **err)
{
	static const char zeros[OCI_TAR_END_BYTES];

	return eb_write(s->out, zeros, n, err);
}

static int put_header(const struct stream *s, const char *path, uint64_t size,
		      struct eb_error **err)
{
	EB_AUTOBUF(header, HEADER_MAX);

	bnd_member_header(&s->layout, path, 0644, size, &header);
	return eb_write(s->out, header.data, header.len, err);
}

static int put_member(const struct stream *s, const char *path, const char *text, uint64_t size,
		      struct eb_error **err)
{
	int r = put_header(s, path, size, err);

	if (r >= 0)
		r = eb_write(s->out, text, size, err);
	return r < 0 ? r : put_zeros(s, oci_tar_padding(size), err);
}

static int put_blob(const struct stream *s, const struct bnd_blob *b, struct eb_error **err)
{
	const struct oci_descriptor d = { .digest = b->digest, .size = b->size };
	char path[160];
	int r;

	oci_digest_blob_path(&b->digest, path);
	if (b->text)
		return put_member(s, path, b->text, b->size, err);
	r = put_header(s, path, b->size, err);
	if (r >= 0)
		r = bnd_copy_blob(s->src, &d, s->out, s->o->progress, s->task, err);
	return r < 0 ? r : put_zeros(s, oci_tar_padding(b->size), err);
}

static int put_all(const struct stream *s, struct eb_error **err)
{
	autofree char *index = bnd_padded_index(&s->layout);
	int r = put_member(s, "oci-layout", BND_LAYOUT_TEXT, sizeof(BND_LAYOUT_TEXT) - 1, err);

	if (r >= 0)
		r = put_member(s, "index.json", index, s->layout.index_space, err);
	for (size_t i = 0; i < s->layout.n && r >= 0; i++)
		r = put_blob(s, &s->layout.blobs[i], err);
	return r < 0 ? r : put_zeros(s, OCI_TAR_END_BYTES, err);
}

int bnd_write_stream(struct eb_writer *out, const struct oci_source *src,
		     const struct bnd_image_in *images, size_t n, const struct bnd_write_options *o,
		     struct eb_error **err)
{
	EB_CLEANUP(stream_release_p) struct stream s = { .src = src, .o = o, .out = out };
	uint64_t bytes;
	int r = bnd_layout_images(&s.layout, images, n, &bytes, err);

	if (r < 0)
		return r;
	s.task = eb_progress_start(o->progress, "copy", EB_UNIT_BYTES, bytes);
	r = put_all(&s, err);
	eb_progress_finish(o->progress, s.task);
	return r;
}
