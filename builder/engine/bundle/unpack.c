#include "bundle/unpack.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/stream.h"
#include "bundle/layers.h"
#include "bundle/staging.h"
#include "bundle/writer.h"
#include "image/mediatype.h"

struct unpack {
	const struct bnd_bundle *bundle;
	const struct eb_dir *dir;
	struct eb_progress *progress;
	unsigned int task;
	struct bnd_unpack_result result;
};

static int write_file(struct unpack *u, const char *rel, struct eb_reader *in, uint32_t mode,
		      struct eb_error **err)
{
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *w = NULL;
	autofd int fd = eb_dir_open_file(u->dir, rel, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
					 mode, err);
	uint64_t bytes;
	int r;

	if (fd < 0)
		return fd;
	w = eb_writer_fd(fd, false);
	r = eb_copy(in, w, &bytes, err);
	if (r >= 0)
		r = eb_writer_finish(w, err);
	if (r < 0)
		return eb_prefix(err, r, "%s", rel);
	u->result.files++;
	u->result.bytes += bytes;
	eb_progress_advance(u->progress, u->task, bytes);
	return 0;
}

static int write_text(struct unpack *u, const char *rel, const char *text, size_t n,
		      struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = eb_reader_mem(text, n);

	return write_file(u, rel, in, 0644, err);
}

static int write_blob(struct unpack *u, const struct oci_member *m, struct eb_error **err)
{
	static const char front[] = "blobs/sha256/";
	const char *hex = m->name + sizeof(front) - 1;
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	int r;

	if (strncmp(m->name, front, sizeof(front) - 1) != 0)
		return 0;
	if (!eb_is_hex(hex, EB_SHA256_HEX) || hex[EB_SHA256_HEX])
		return eb_throw(err, EB_E_FORMAT, "%s is not named by a digest", m->name);
	r = oci_archive_member_reader(u->bundle->archive, m, &in, err);
	if (r < 0)
		return r;
	in = eb_reader_verify(in, hex, m->size, m->name);
	return write_file(u, m->name, in, 0644, err);
}

/* From its blob, which has a digest; the member in front is a copy without one. */
static int write_tool(struct unpack *u, struct eb_error **err)
{
	const struct oci_descriptor *d = bnd_part(u->bundle, BND_MT_TOOL);
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	int r = d ? oci_archive_blob(u->bundle->archive, d, &in, err) : 0;

	return r < 0 || !d ? r : write_file(u, "ess-bundle", in, 0755, err);
}

static int write_layout(struct unpack *u, struct eb_error **err)
{
	const struct oci_archive *a = u->bundle->archive;
	autofree char *index = NULL;
	EB_AUTODIR(blobs);
	size_t n;
	int r = eb_dir_sub(u->dir, "blobs/sha256", true, 0755, &blobs, err);

	for (size_t i = 0; i < oci_archive_count(a) && r >= 0; i++)
		r = write_blob(u, oci_archive_member(a, i), err);
	if (r >= 0)
		r = write_tool(u, err);
	if (r >= 0)
		r = write_text(u, "oci-layout", BND_LAYOUT_TEXT, sizeof(BND_LAYOUT_TEXT) - 1, err);
	if (r < 0)
		return r;
	index = oci_manifest_write(oci_archive_index(a), &n);
	return write_text(u, "index.json", index, n, err);
}

int bnd_unpack_layout(const struct bnd_bundle *b, const char *dir, struct eb_progress *progress,
		      struct bnd_unpack_result *ret, struct eb_error **err)
{
	BND_AUTOSTAGING(s);
	struct unpack u = { .bundle = b, .dir = &s.dir, .progress = progress };
	int r = bnd_staging_open(dir, &s, err);

	if (r < 0)
		return r;
	u.task = eb_progress_start(progress, "unpack", EB_UNIT_BYTES,
				   oci_archive_file_size(b->archive));
	r = write_layout(&u, err);
	if (r >= 0 && fchmod(s.dir.fd, 0755) < 0)
		r = eb_throw_errno(err, "set the mode of '%s'", dir);
	if (r >= 0)
		r = bnd_staging_publish(&s, err);
	eb_progress_finish(progress, u.task);
	if (r >= 0)
		*ret = u.result;
	return r;
}

static int extract_layers(const struct bnd_layers *l, struct bnd_extract *x, struct eb_error **err)
{
	for (size_t i = 0; i < l->manifest->n_items; i++) {
		EB_CLEANUP(oci_tar_reader_free_p) struct oci_tar_reader *t = NULL;
		int r = bnd_layers_tar(l, i, &t, err);

		if (r >= 0)
			r = bnd_extract_layer(x, t, err);
		if (r < 0) {
			autofree char *name = bnd_layers_name(l, i);

			return eb_prefix(err, r, "%s", name);
		}
	}
	return 0;
}

int bnd_unpack_image(const struct bnd_bundle *b, const struct bnd_image *im, size_t p,
		     const char *dir, const struct bnd_extract_options *o,
		     struct eb_progress *progress, struct bnd_extract_result *ret,
		     struct eb_error **err)
{
	/* Before what has files open in it, so that these are closed when it is removed. */
	BND_AUTOSTAGING(s);
	EB_CLEANUP(bnd_layers_release_p) struct bnd_layers l = { 0 };
	EB_CLEANUP(bnd_extract_free_p) struct bnd_extract *x = NULL;
	struct bnd_extract_result result;
	int r = bnd_layers_open(b, &im->platforms[p], &l, err);

	if (r >= 0)
		r = bnd_staging_open(dir, &s, err);
	if (r < 0)
		return r;
	l.progress = progress;
	l.task = eb_progress_start(progress, "unpack", EB_UNIT_BYTES, l.bytes);
	x = bnd_extract_new(s.dir.fd, o);
	r = extract_layers(&l, x, err);
	if (r >= 0)
		r = bnd_extract_finish(x, &result, err);
	eb_progress_finish(progress, l.task);
	if (r < 0)
		return eb_prefix(err, r, "image %s", im->name);
	r = bnd_staging_publish(&s, err);
	if (r >= 0)
		*ret = result;
	return r;
}
