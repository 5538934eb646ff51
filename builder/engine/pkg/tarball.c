/* Reading an archive of others as an input. */
#include "pkg/tarball.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/stream.h"
#include "image/tar_read.h"
#include "pkg/cache.h"
#include "pkg/input_kind.h"
#include "pkg/zip.h"

/* Release archives have some ten thousand files; these are the limits of packages. */
enum { MAX_ENTRIES = 250000, IO_BYTES = 16 * 1024 };
const struct pkg_archive_limits pkg_archive_default_limits = {
	.data_bytes = (uint64_t)16 * 1024 * 1024 * 1024,
	.entries = MAX_ENTRIES,
	.index_bytes = (size_t)48 * 1024 * 1024,
};

/* ---- the file below ---- */

/* Passes on what the file gives; freeing it leaves the file open. */
struct borrowed {
	struct eb_reader base;
	struct eb_reader *in;
};

static ssize_t borrowed_read(struct eb_reader *base, void *p, size_t n, struct eb_error **err)
{
	return eb_read(((struct borrowed *)base)->in, p, n, err);
}

static void borrowed_free(struct eb_reader *base)
{
	free(base);
}

static struct eb_reader *borrow(struct eb_reader *in)
{
	static const struct eb_reader_ops ops = { borrowed_read, borrowed_free };
	struct borrowed *b = eb_xcalloc(1, sizeof(*b));

	b->base.ops = &ops;
	b->in = in;
	return &b->base;
}

static int drain(struct eb_reader *in, struct eb_error **err)
{
	char part[IO_BYTES];
	ssize_t got;

	do
		got = eb_read(in, part, sizeof(part), err);
	while (got > 0);
	return got < 0 ? (int)got : 0;
}

/* Something failed with r, err is set: name the archive, or, if the file is not the one it should
 * be, forward the reader's message about that instead. */
static int verdict(struct eb_reader *file, int r, const char *what, struct eb_error **err)
{
	autoerror struct eb_error *e = NULL;

	if (r == -EB_E_DIGEST)
		return r;
	if (drain(file, &e) != -EB_E_DIGEST)
		return eb_prefix(err, r, "%s", what);
	eb_error_clear(err);
	return eb_error_forward(err, EB_TAKE_PTR(e));
}

/* ---- tar ---- */

/* Borrows file. */
static int open_tar(struct eb_reader *file, const struct pkg_archive_limits *lim,
		    struct oci_tar_reader **ret, struct eb_error **err)
{
	struct oci_tar_limits tar = oci_tar_default_limits;

	tar.total_bytes = lim->data_bytes;
	tar.entries = lim->entries;
	return oci_tar_open(borrow(file), OCI_TAR_ANY, &tar, ret, err);
}

static int read_tar(struct eb_reader *file, const struct pkg_archive_limits *lim,
		    struct pkg_index *x, struct eb_error **err)
{
	EB_CLEANUP(oci_tar_reader_free_p) struct oci_tar_reader *tar = NULL;
	struct oci_tar_entry m;
	int r = open_tar(file, lim, &tar, err);

	while (r >= 0 && (r = oci_tar_next(tar, &m, err)) > 0)
		r = pkg_index_add(x, &m, lim->entries, lim->index_bytes, err);
	return r < 0 ? r : drain(file, err);
}

int pkg_tar_index_read(struct eb_reader *in, const char *what, const struct pkg_archive_limits *lim,
		       struct pkg_index **ret, struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *file = in;
	EB_CLEANUP(pkg_index_free_p) struct pkg_index *x = pkg_index_new(sizeof(*x));
	int r = read_tar(file, lim, x, err);

	if (r < 0)
		return verdict(file, r, what, err);
	*ret = EB_TAKE_PTR(x);
	return 0;
}

/* ---- zip ---- */

/* A zip is read by its directory, which stands at its end: the hash comes first. Closes nothing. */
static int open_zip(const struct pkg_cache *c, const struct pkg_input *in, int fd,
		    struct pkg_zip **ret, struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *file = NULL;
	int r = pkg_cache_read(c, in->sha256, in->size, in->what, &file, err);

	if (r >= 0)
		r = drain(file, err);
	if (r < 0)
		return r;
	r = pkg_zip_open(fd, in->size, &pkg_zip_default_limits, ret, err);
	return r < 0 ? eb_prefix(err, r, "%s", in->what) : 0;
}

static struct oci_tar_entry zip_entry(const struct pkg_zip_member *m)
{
	return (struct oci_tar_entry){ .path = m->path,
				       .type = m->directory ? '5' : '0',
				       .mode = m->directory || m->executable ? 0755 : 0644,
				       .size = m->directory ? 0 : m->size,
				       .mtime_sec = m->mtime_sec };
}

/* Every member is unpacked once, so that what does not unpack is known before it is used. */
static int try_member(const struct pkg_zip *z, size_t i, struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	int r = z->members[i].directory ? 0 : pkg_zip_read(z, i, &in, err);

	return r >= 0 && in ? drain(in, err) : r;
}

static int read_zip(const struct pkg_cache *c, const struct pkg_input *in, int fd,
		    struct pkg_index *x, struct eb_error **err)
{
	const struct pkg_archive_limits *lim = &pkg_archive_default_limits;
	EB_CLEANUP(pkg_zip_free_p) struct pkg_zip *z = NULL;
	int r = open_zip(c, in, fd, &z, err);

	for (size_t i = 0; r >= 0 && i < z->n; i++) {
		struct oci_tar_entry m = zip_entry(&z->members[i]);

		r = try_member(z, i, err);
		if (r >= 0)
			r = pkg_index_add(x, &m, lim->entries, lim->index_bytes, err);
		if (r < 0)
			return eb_prefix(err, r, "%s: member '%s'", in->what, m.path);
	}
	return r;
}

/* ---- as an input ---- */

struct archive_data {
	struct pkg_data base;
	char *what;
	struct eb_reader *file; /* tar */
	struct oci_tar_reader *tar;
	int fd; /* zip */
	struct pkg_zip *zip;
	struct eb_reader *member;
	size_t next;
};

/* "PK\3\4"; an empty archive has none of it and is no use. */
static bool is_zip(int fd)
{
	char magic[4];

	return pread(fd, magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) &&
	       memcmp(magic, "PK\x03\x04", sizeof(magic)) == 0;
}

static int archive_index(const struct pkg_cache *c, const struct pkg_input *in,
			 struct pkg_index **ret, struct eb_error **err)
{
	EB_CLEANUP(pkg_index_free_p) struct pkg_index *x = NULL;
	struct eb_reader *file = NULL;
	uint64_t size = 0;
	autofd int fd = pkg_cache_find(c, in->sha256, &size, err);
	int r;

	if (fd < 0)
		return eb_prefix(err, fd, "%s", in->what);
	if (is_zip(fd)) {
		x = pkg_index_new(sizeof(*x));
		r = read_zip(c, in, fd, x, err);
		if (r >= 0)
			*ret = EB_TAKE_PTR(x);
		return r < 0 ? r : 0;
	}
	r = pkg_cache_read(c, in->sha256, in->size, in->what, &file, err);
	if (r < 0)
		return r;
	return pkg_tar_index_read(file, in->what, &pkg_archive_default_limits, ret, err);
}

static void archive_free(struct pkg_data *base)
{
	struct archive_data *d = (struct archive_data *)base;

	oci_tar_reader_free(d->tar);
	eb_reader_free(d->file);
	eb_reader_free(d->member);
	pkg_zip_free(d->zip);
	if (d->fd >= 0)
		close(d->fd);
	free(d->what);
	free(d);
}

static int archive_open(const struct pkg_cache *c, const struct pkg_input *in,
			struct pkg_data **ret, struct eb_error **err)
{
	struct archive_data *d;
	uint64_t size = 0;
	autofd int fd = pkg_cache_find(c, in->sha256, &size, err);
	int r;

	if (fd < 0)
		return eb_prefix(err, fd, "%s", in->what);
	d = eb_xcalloc(1, sizeof(*d));
	d->what = eb_xstrdup(in->what);
	d->fd = -1;
	if (is_zip(fd)) {
		d->fd = EB_TAKE_FD(fd);
		r = open_zip(c, in, d->fd, &d->zip, err);
	} else {
		r = pkg_cache_read(c, in->sha256, in->size, in->what, &d->file, err);
		if (r >= 0)
			r = open_tar(d->file, &pkg_archive_default_limits, &d->tar, err);
		if (r < 0 && d->file)
			r = verdict(d->file, r, d->what, err);
	}
	if (r < 0) {
		archive_free(&d->base);
		return r;
	}
	*ret = &d->base;
	return 0;
}

static int next_of_zip(struct archive_data *d, struct oci_tar_entry *ret, struct eb_error **err)
{
	int r;

	d->member = eb_reader_free(d->member);
	if (d->next == d->zip->n)
		return 0;
	*ret = zip_entry(&d->zip->members[d->next]);
	r = ret->type == '0' ? pkg_zip_read(d->zip, d->next, &d->member, err) : 0;
	d->next++;
	return r < 0 ? eb_prefix(err, r, "%s", d->what) : 1;
}

static int archive_next(struct pkg_data *base, struct oci_tar_entry *ret, struct eb_error **err)
{
	struct archive_data *d = (struct archive_data *)base;
	int r;

	if (d->zip)
		return next_of_zip(d, ret, err);
	r = oci_tar_next(d->tar, ret, err);
	if (r == 0)
		r = drain(d->file, err);
	return r < 0 ? verdict(d->file, r, d->what, err) : r;
}

static ssize_t archive_read(struct pkg_data *base, void *p, size_t n, struct eb_error **err)
{
	struct archive_data *d = (struct archive_data *)base;
	ssize_t got;

	if (d->zip) {
		got = d->member ? eb_read(d->member, p, n, err) : 0;
		return got < 0 ? eb_prefix(err, (int)got, "%s", d->what) : got;
	}
	got = oci_tar_data(d->tar, p, n, err);
	return got < 0 ? verdict(d->file, (int)got, d->what, err) : got;
}

/* A zip was verified when it was opened. */
static int archive_drain(struct pkg_data *base, struct eb_error **err)
{
	struct archive_data *d = (struct archive_data *)base;

	return d->zip ? 0 : drain(d->file, err);
}

static const struct pkg_index_format format = {
	.magic = "ess-archive-index 1",
	.size = sizeof(struct pkg_index),
	.max_entries = MAX_ENTRIES,
};

const struct pkg_input_ops pkg_archive_ops = {
	.noun = "archive",
	.index_kind = "archiveindex-1",
	.format = &format,
	.index = archive_index,
	.open = archive_open,
	.next = archive_next,
	.read = archive_read,
	.drain = archive_drain,
	.free = archive_free,
};
