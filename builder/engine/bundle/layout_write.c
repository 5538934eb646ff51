#include "bundle/layout_write.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/progress.h"
#include "base/stream.h"
#include "bundle/batch.h"
#include "bundle/writer.h"
#include "dist/origin.h"
#include "image/mediatype.h"

/* What index.json says of an image. */
static void entry_of(const struct bnd_image_in *im, struct oci_descriptor *ret)
{
	const struct oci_descriptor *root = im->index ? &im->index->desc
						      : &oci_graph_root(im->graph)->desc;

	*ret = (struct oci_descriptor){ .media_type = eb_xstrdup(root->media_type),
					.digest = root->digest,
					.size = root->size };
	if (root->artifact_type)
		ret->artifact_type = eb_xstrdup(root->artifact_type);
	if (im->name)
		oci_descriptor_annotate(ret, OCI_ANN_REF_NAME, im->name);
	if (im->name && im->full_name)
		oci_descriptor_annotate(ret, OCI_ANN_CONTAINERD_NAME, im->name);
}

/* ---- one file ---- */

struct archive {
	struct bnd_layout layout;
	const struct oci_source *src;
	const struct bnd_write_options *o;
	int fd;
	unsigned int task;
	const struct bnd_blob **todo;
	size_t n_todo;
	uint64_t bytes;
};

static void archive_release(struct archive *a)
{
	bnd_layout_release(&a->layout);
	free(a->todo);
}
EB_DEFINE_RELEASE(struct archive, archive_release)

static int add_document(struct bnd_layout *l, const struct oci_node *n, struct eb_error **err)
{
	return bnd_layout_add(l, BND_DOCUMENT, &n->desc.digest, n->desc.size,
			      eb_xmemdup(n->text, n->desc.size + 1), err);
}

static int add_image(struct bnd_layout *l, const struct bnd_image_in *im, struct eb_error **err)
{
	const struct oci_graph *g = im->graph;
	int r = im->index ? add_document(l, im->index, err) : 0;

	for (size_t i = 0; i < g->n_nodes && r >= 0; i++)
		r = add_document(l, &g->nodes[i], err);
	for (size_t i = 0; i < g->n_blobs && r >= 0; i++)
		r = bnd_layout_add(l, BND_DATA, &g->blobs[i].digest, g->blobs[i].size, NULL, err);
	return r;
}

int bnd_copy_blob(const struct oci_source *src, const struct oci_descriptor *d,
		  struct eb_writer *out, struct eb_progress *progress, unsigned int task,
		  struct eb_error **err)
{
	enum { IO_BYTES = 256 * 1024 };
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	autofree char *buf = eb_xmalloc(IO_BYTES);
	ssize_t got = 0;
	int r = oci_source_verified(src, d, &in, err);

	while (r >= 0 && (got = eb_read(in, buf, IO_BYTES, err)) > 0) {
		r = eb_write(out, buf, (size_t)got, err);
		eb_progress_advance(progress, task, (uint64_t)got);
	}
	return r < 0 ? r : got < 0 ? (int)got : 0;
}

static int fill_one(void *ctx, size_t i, struct eb_error **err)
{
	const struct archive *a = ctx;
	const struct bnd_blob *b = a->todo[i];
	const struct oci_descriptor d = { .digest = b->digest, .size = b->size };
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *out = bnd_layout_blob(b, a->fd);

	int r = bnd_copy_blob(a->src, &d, out, a->o->progress, a->task, err);

	return r < 0 ? r : eb_writer_finish(out, err);
}

static int largest_first(const void *pa, const void *pb)
{
	const struct bnd_blob *a = *(const struct bnd_blob *const *)pa;
	const struct bnd_blob *b = *(const struct bnd_blob *const *)pb;

	return a->size == b->size ? 0 : a->size < b->size ? 1 : -1;
}

int bnd_layout_images(struct bnd_layout *l, const struct bnd_image_in *images, size_t n,
		      uint64_t *ret_bytes, struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest index;
	uint64_t bytes = 0;
	int r = 0;

	oci_manifest_init(&index, true);
	for (size_t i = 0; i < n && r >= 0; i++) {
		EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = 0 };

		entry_of(&images[i], &d);
		oci_manifest_add(&index, &d);
		r = add_image(l, &images[i], err);
	}
	if (r < 0)
		return r;
	l->index_json = oci_manifest_write(&index, &l->index_size);
	l->index_space = l->index_size + 1; /* and a line end */
	bnd_layout_place(l);
	for (size_t i = 0; i < l->n; i++)
		if (!l->blobs[i].text)
			bytes += l->blobs[i].size;
	*ret_bytes = bytes;
	return 0;
}

static void list_todo(struct archive *a)
{
	a->todo = eb_xcalloc(a->layout.n + 1, sizeof(*a->todo));
	for (size_t i = 0; i < a->layout.n; i++)
		if (!a->layout.blobs[i].text)
			a->todo[a->n_todo++] = &a->layout.blobs[i];
	qsort(a->todo, a->n_todo, sizeof(*a->todo), largest_first);
}

int bnd_write_archive(const char *path, const struct oci_source *src,
		      const struct bnd_image_in *images, size_t n,
		      const struct bnd_write_options *o, struct eb_error **err)
{
	EB_CLEANUP(archive_release_p) struct archive a = { .src = src, .o = o };
	EB_AUTOTMP(tmp);
	int r = bnd_layout_images(&a.layout, images, n, &a.bytes, err);

	if (r >= 0)
		list_todo(&a);
	if (r >= 0)
		r = eb_tmpfile_open(NULL, path, 0666, &tmp, err);
	a.fd = tmp.fd;
	if (r >= 0)
		r = bnd_layout_start(&a.layout, a.fd, err);
	if (r < 0)
		return r;
	a.task = eb_progress_start(o->progress, "copy", EB_UNIT_BYTES, a.bytes);
	r = eb_pool_map(o->pool, a.n_todo, fill_one, &a, err);
	eb_progress_finish(o->progress, a.task);
	return r < 0 ? r : eb_tmpfile_publish(&tmp, true, err);
}

/* ---- a folder ---- */

struct folder {
	struct eb_dir dir;
	struct bnd_batch batch;
	const struct oci_source *src;
	const struct bnd_write_options *o;
	const struct oci_descriptor **blobs;
	size_t n;
	unsigned int task;
};

static void folder_release(struct folder *f)
{
	bnd_batch_release(&f->batch);
	eb_dir_release(&f->dir);
	free(f->blobs);
}
EB_DEFINE_RELEASE(struct folder, folder_release)

static bool has_blob(const struct folder *f, const char *path, uint64_t size)
{
	struct stat st;

	return fstatat(f->dir.fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_size == size;
}

static int store_blob(void *ctx, size_t i, struct eb_error **err)
{
	struct folder *f = ctx;
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *out = NULL;
	EB_AUTOTMP(tmp);
	char path[160];
	int r;

	oci_digest_blob_path(&f->blobs[i]->digest, path);
	if (has_blob(f, path, f->blobs[i]->size)) {
		eb_progress_advance(f->o->progress, f->task, f->blobs[i]->size);
		return 0;
	}
	r = eb_tmpfile_open(&f->dir, path, 0666, &tmp, err);
	if (r < 0)
		return r;
	out = eb_writer_region(tmp.fd, 0, f->blobs[i]->size);
	r = bnd_copy_blob(f->src, f->blobs[i], out, f->o->progress, f->task, err);
	if (r >= 0)
		r = eb_writer_finish(out, err);
	return r < 0 ? r : bnd_batch_add(&f->batch, &tmp, f->blobs[i]->size, err);
}

static int store_text(struct folder *f, const char *path, const char *text, size_t n,
		      struct eb_error **err)
{
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *out = NULL;
	EB_AUTOTMP(tmp);
	int r = eb_tmpfile_open(&f->dir, path, 0666, &tmp, err);

	if (r < 0)
		return r;
	out = eb_writer_region(tmp.fd, 0, n);
	r = eb_write(out, text, n, err);
	if (r >= 0)
		r = eb_writer_finish(out, err);
	return r < 0 ? r : bnd_batch_add(&f->batch, &tmp, n, err);
}

static int store_node(struct folder *f, const struct oci_node *n, struct eb_error **err)
{
	char path[160];

	oci_digest_blob_path(&n->desc.digest, path);
	if (has_blob(f, path, n->desc.size))
		return 0;
	return store_text(f, path, n->text, n->desc.size, err);
}

static int store_nodes(struct folder *f, const struct bnd_image_in *im, struct eb_error **err)
{
	const struct oci_graph *g = im->graph;
	int r = 0;

	for (size_t i = 0; i < g->n_nodes && r >= 0; i++)
		r = store_node(f, &g->nodes[i], err);
	return r < 0 || !im->index ? r : store_node(f, im->index, err);
}

static int read_index(const struct folder *f, struct oci_manifest *ret, struct eb_error **err)
{
	EB_AUTOBUF(b, OCI_MANIFEST_MAX_BYTES);
	struct eb_error *e = NULL;
	int r = eb_dir_read(&f->dir, "index.json", &b, &e);

	if (r == -ENOENT) {
		eb_error_free(e);
		oci_manifest_init(ret, true);
		return 0;
	}
	if (r < 0)
		return eb_error_forward(err, e);
	r = oci_index_json_parse(eb_buf_str(&b), b.len, ret, err);
	return r < 0 ? eb_prefix(err, r, "'%s/index.json'", f->dir.path) : 0;
}

/* Is `old` what the new entry takes the place of? */
static bool replaces(const struct oci_descriptor *old, const struct oci_descriptor *new)
{
	const char *a = oci_descriptor_annotation(old, OCI_ANN_REF_NAME);
	const char *b = oci_descriptor_annotation(new, OCI_ANN_REF_NAME);

	if (a && b)
		return strcmp(a, b) == 0;
	return !a && !b && oci_digest_eq(&old->digest, &new->digest);
}

static int update_index(const struct folder *f, const struct bnd_image_in *images, size_t n,
			struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest old = { .media_type = NULL };
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest new;
	autofree struct oci_descriptor *entries = eb_xcalloc(n + 1, sizeof(*entries));
	autofree char *text = NULL;
	size_t bytes;
	int r;

	oci_manifest_init(&new, true);
	r = read_index(f, &old, err);
	for (size_t i = 0; i < n; i++)
		entry_of(&images[i], &entries[i]);
	for (size_t i = 0; i < old.n_items && r >= 0; i++) {
		bool kept = true;

		for (size_t k = 0; k < n; k++)
			kept &= !replaces(&old.items[i], &entries[k]);
		if (kept)
			oci_manifest_add(&new, &old.items[i]);
	}
	for (size_t i = 0; i < n; i++) {
		oci_manifest_add(&new, &entries[i]);
		oci_descriptor_release(&entries[i]);
	}
	if (r < 0)
		return r;
	text = oci_manifest_write(&new, &bytes);
	return eb_dir_write(&f->dir, "index.json", text, bytes, 0666, err);
}

static int open_folder(struct folder *f, const char *path, struct eb_error **err)
{
	EB_AUTODIR(d);
	int r;

	/* It is for others to read, too; what cannot be made here, opening complains of. */
	eb_ignore(mkdir(path, 0777));
	r = eb_dir_open(path, true, &f->dir, err);

	if (r >= 0)
		r = eb_dir_sub(&f->dir, "blobs/sha256", true, 0755, &d, err);
	if (r >= 0 && flock(f->dir.fd, LOCK_EX) < 0)
		r = eb_throw_errno(err, "lock '%s'", path);
	if (r < 0 || has_blob(f, "oci-layout", sizeof(BND_LAYOUT_TEXT) - 1))
		return r;
	return store_text(f, "oci-layout", BND_LAYOUT_TEXT, sizeof(BND_LAYOUT_TEXT) - 1, err);
}

static int by_digest(const void *pa, const void *pb)
{
	const struct oci_descriptor *a = *(const struct oci_descriptor *const *)pa;
	const struct oci_descriptor *b = *(const struct oci_descriptor *const *)pb;

	return strcmp(a->digest.text, b->digest.text);
}

static int by_size(const void *pa, const void *pb)
{
	const struct oci_descriptor *a = *(const struct oci_descriptor *const *)pa;
	const struct oci_descriptor *b = *(const struct oci_descriptor *const *)pb;

	return a->size == b->size ? by_digest(pa, pb) : a->size < b->size ? 1 : -1;
}

/* Each blob once, the largest first. Returns their bytes. */
static uint64_t list_blobs(struct folder *f, const struct bnd_image_in *images, size_t n)
{
	uint64_t total = 0;
	size_t all = 0;

	for (size_t i = 0; i < n; i++)
		all += images[i].graph->n_blobs;
	f->blobs = eb_xcalloc(all + 1, sizeof(*f->blobs));
	all = 0;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < images[i].graph->n_blobs; k++)
			f->blobs[all++] = &images[i].graph->blobs[k];
	qsort(f->blobs, all, sizeof(*f->blobs), by_digest);
	for (size_t i = 0; i < all; i++)
		if (f->n == 0 ||
		    !oci_digest_eq(&f->blobs[f->n - 1]->digest, &f->blobs[i]->digest)) {
			total += f->blobs[i]->size;
			f->blobs[f->n++] = f->blobs[i];
		}
	qsort(f->blobs, f->n, sizeof(*f->blobs), by_size);
	return total;
}

int bnd_write_folder(const char *path, const struct oci_source *src,
		     const struct bnd_image_in *images, size_t n, const struct bnd_write_options *o,
		     struct eb_error **err)
{
	EB_CLEANUP(folder_release_p) struct folder f = { .dir = { .fd = -1 }, .src = src, .o = o };
	uint64_t total;
	int r;

	bnd_batch_init(&f.batch);
	r = open_folder(&f, path, err);
	if (r < 0)
		return r;
	total = list_blobs(&f, images, n);
	f.task = eb_progress_start(o->progress, "copy", EB_UNIT_BYTES, total);
	r = eb_pool_map(o->pool, f.n, store_blob, &f, err);
	eb_progress_finish(o->progress, f.task);
	for (size_t i = 0; i < n && r >= 0; i++)
		r = store_nodes(&f, &images[i], err);
	if (r >= 0)
		r = bnd_batch_finish(&f.batch, err);
	return r < 0 ? r : update_index(&f, images, n, err);
}
