/* Wheels as inputs: the index that the cache keeps, and the members' data as a stream. */
#include "base/error.h"
#include "base/mem.h"
#include "base/stream.h"
#include "pkg/cache.h"
#include "pkg/input_kind.h"
#include "pkg/wheel.h"
#include "pkg/zip.h"

struct wheel_data {
	struct pkg_data base;
	struct pkg_zip *z;
	struct eb_reader *in; /* of the current member */
	char *what;
	size_t next;
	int fd;
};

/* The whole file is hashed before anything in it is believed: it is read at random, so there is no
 * end at which to do it. */
static int verify(const struct pkg_cache *c, const struct pkg_input *in, struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *r = NULL;
	char part[64 * 1024];
	ssize_t n;
	int e = pkg_cache_read(c, in->sha256, in->size, in->what, &r, err);

	if (e < 0)
		return e;
	do
		n = eb_read(r, part, sizeof(part), err);
	while (n > 0);
	return n < 0 ? (int)n : 0;
}

static int open_zip(const struct pkg_cache *c, const struct pkg_input *in, int *ret_fd,
		    struct pkg_zip **ret, struct eb_error **err)
{
	autofd int fd = -1;
	uint64_t size = 0;
	int r = verify(c, in, err);

	if (r < 0)
		return r;
	fd = pkg_cache_find(c, in->sha256, &size, err);
	r = fd < 0 ? fd : pkg_zip_open(fd, size, &pkg_zip_default_limits, ret, err);
	if (r < 0)
		return eb_prefix(err, r, "%s", in->what);
	*ret_fd = EB_TAKE_FD(fd);
	return 0;
}

static int wheel_index(const struct pkg_cache *c, const struct pkg_input *in,
		       struct pkg_index **ret, struct eb_error **err)
{
	EB_CLEANUP(pkg_zip_free_p) struct pkg_zip *z = NULL;
	struct pkg_wheel *w = NULL;
	autofd int fd = -1;
	int r = open_zip(c, in, &fd, &z, err);

	if (r < 0)
		return r;
	r = pkg_wheel_read(z, in->name, in->version, &w, err);
	if (r < 0)
		return eb_prefix(err, r, "%s", in->what);
	*ret = &w->base;
	return 0;
}

static void wheel_free(struct pkg_data *base)
{
	struct wheel_data *d = (struct wheel_data *)base;

	eb_reader_free(d->in);
	pkg_zip_free(d->z);
	if (d->fd >= 0)
		close(d->fd);
	free(d->what);
	free(d);
}

static int wheel_open(const struct pkg_cache *c, const struct pkg_input *in, struct pkg_data **ret,
		      struct eb_error **err)
{
	struct wheel_data *d = eb_xcalloc(1, sizeof(*d));
	int r;

	d->fd = -1;
	r = open_zip(c, in, &d->fd, &d->z, err);
	if (r < 0) {
		wheel_free(&d->base);
		return r;
	}
	d->what = eb_xstrdup(in->what);
	*ret = &d->base;
	return 0;
}

static int wheel_next(struct pkg_data *base, struct oci_tar_entry *ret, struct eb_error **err)
{
	struct wheel_data *d = (struct wheel_data *)base;
	const struct pkg_zip_member *m;

	d->in = eb_reader_free(d->in);
	if (d->next == d->z->n)
		return 0;
	m = &d->z->members[d->next];
	if (!m->directory) {
		int r = pkg_zip_read(d->z, d->next, &d->in, err);

		if (r < 0)
			return eb_prefix(err, r, "%s", d->what);
	}
	d->next++;
	*ret = (struct oci_tar_entry){ .path = m->path,
				       .type = m->directory ? '5' : '0',
				       .mode = m->directory || m->executable ? 0755 : 0644,
				       .size = m->size,
				       .mtime_sec = m->mtime_sec };
	return 1;
}

static ssize_t wheel_read(struct pkg_data *base, void *p, size_t n, struct eb_error **err)
{
	struct wheel_data *d = (struct wheel_data *)base;
	ssize_t got = d->in ? eb_read(d->in, p, n, err) : 0;

	return got < 0 ? eb_prefix(err, (int)got, "%s", d->what) : got;
}

/* Verified when it was opened. */
static int wheel_drain(struct pkg_data *base, struct eb_error **err)
{
	(void)base;
	(void)err;
	return 0;
}

static const struct pkg_index_text texts[] = {
	{ "dist-info", offsetof(struct pkg_wheel, dist_info), true },
	{ "name", offsetof(struct pkg_wheel, name), true },
	{ "version", offsetof(struct pkg_wheel, version), true },
	{ "purelib", offsetof(struct pkg_wheel, purelib), true },
	{ "tags", offsetof(struct pkg_wheel, tags), true },
	{ "record", offsetof(struct pkg_wheel, record), true },
	{ "entry-points", offsetof(struct pkg_wheel, entry_points), false },
	{ "scripts", offsetof(struct pkg_wheel, scripts), false },
};
static const struct pkg_index_format format = {
	.magic = "ess-wheel-index 1",
	.size = sizeof(struct pkg_wheel),
	.texts = texts,
	.n_texts = EB_ARRAY_LEN(texts),
	.max_entries = 60000,
};

const struct pkg_input_ops pkg_wheel_ops = {
	.noun = "wheel",
	.index_kind = "wheelindex-1",
	.format = &format,
	.index = wheel_index,
	.open = wheel_open,
	.next = wheel_next,
	.read = wheel_read,
	.drain = wheel_drain,
	.free = wheel_free,
};
