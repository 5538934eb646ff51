/* An input that is one file: a single member, whose bytes are the file's. */
#include "base/error.h"
#include "base/mem.h"
#include "base/stream.h"
#include "pkg/cache.h"
#include "pkg/input_kind.h"

/* For messages only: where it goes is the recipe's to say. */
#define MEMBER "file"

struct file_data {
	struct pkg_data base;
	struct eb_reader *in; /* verifies */
	uint64_t size, left;
	bool given;
};

static int file_index(const struct pkg_cache *c, const struct pkg_input *in, struct pkg_index **ret,
		      struct eb_error **err)
{
	EB_CLEANUP(pkg_index_free_p) struct pkg_index *x = pkg_index_new(sizeof(*x));
	struct oci_tar_entry e = { .path = MEMBER, .type = '0', .mode = 0644, .size = in->size };
	autofd int fd = -1;
	uint64_t size = 0;
	int r;

	fd = pkg_cache_find(c, in->sha256, &size, err);
	if (fd < 0)
		return eb_prefix(err, fd, "%s", in->what);
	r = pkg_index_add(x, &e, 1, SIZE_MAX, err);
	if (r < 0)
		return r;
	*ret = EB_TAKE_PTR(x);
	return 0;
}

static int file_open(const struct pkg_cache *c, const struct pkg_input *in, struct pkg_data **ret,
		     struct eb_error **err)
{
	struct eb_reader *reader = NULL;
	struct file_data *d;
	int r = pkg_cache_read(c, in->sha256, in->size, in->what, &reader, err);

	if (r < 0)
		return r;
	d = eb_xcalloc(1, sizeof(*d));
	d->in = reader;
	d->size = in->size;
	*ret = &d->base;
	return 0;
}

static int file_drain(struct pkg_data *base, struct eb_error **err)
{
	struct file_data *d = (struct file_data *)base;
	char part[16 * 1024];
	ssize_t got;

	do
		got = eb_read(d->in, part, sizeof(part), err);
	while (got > 0);
	return got < 0 ? (int)got : 0;
}

static int file_next(struct pkg_data *base, struct oci_tar_entry *ret, struct eb_error **err)
{
	struct file_data *d = (struct file_data *)base;

	if (d->given)
		return file_drain(base, err);
	d->given = true;
	d->left = d->size;
	*ret = (struct oci_tar_entry){ .path = MEMBER, .type = '0', .mode = 0644, .size = d->size };
	return 1;
}

static ssize_t file_read(struct pkg_data *base, void *p, size_t n, struct eb_error **err)
{
	struct file_data *d = (struct file_data *)base;
	ssize_t got;

	if (d->left == 0)
		return 0;
	got = eb_read(d->in, p, n < d->left ? n : (size_t)d->left, err);
	if (got > 0)
		d->left -= (uint64_t)got;
	return got;
}

static void file_free(struct pkg_data *base)
{
	struct file_data *d = (struct file_data *)base;

	eb_reader_free(d->in);
	free(d);
}

const struct pkg_input_ops pkg_file_ops = {
	.noun = "file",
	.index = file_index,
	.open = file_open,
	.next = file_next,
	.read = file_read,
	.drain = file_drain,
	.free = file_free,
};
