/* The data of a cached package as a stream, verified as it passes. */
#include "base/error.h"
#include "base/mem.h"
#include "base/stream.h"
#include "pkg/cache.h"
#include "pkg/deb_internal.h"

struct deb_data {
	struct pkg_data base;
	struct pkg_ar *ar;
	struct oci_tar_reader *tar; /* borrows ar */
	char *what;
};

static int fail(struct deb_data *d, int r, struct eb_error **err)
{
	return pkg_deb_verdict_(d->ar, r, d->what, err);
}

static int skip_control(struct deb_data *d, struct eb_error **err)
{
	const struct pkg_deb_limits *lim = &pkg_deb_default_limits;
	EB_CLEANUP(oci_tar_reader_free_p) struct oci_tar_reader *control = NULL;

	/* Opened and closed: only its place and its name are looked at here. */
	return pkg_deb_part_(d->ar, "control", lim->control_bytes, lim->entries, &control, err);
}

int pkg_deb_data_open_(const struct pkg_cache *c, const struct pkg_input *in, struct pkg_data **ret,
		       struct eb_error **err)
{
	const struct pkg_deb_limits *lim = &pkg_deb_default_limits;
	struct eb_reader *reader = NULL;
	struct deb_data *d;
	int r = pkg_cache_read(c, in->sha256, in->size, in->what, &reader, err);

	if (r < 0)
		return r;
	d = eb_xcalloc(1, sizeof(*d));
	d->ar = pkg_ar_new(reader);
	d->what = eb_xstrdup(in->what);
	r = skip_control(d, err);
	if (r >= 0)
		r = pkg_deb_part_(d->ar, "data", lim->data_bytes, lim->entries, &d->tar, err);
	if (r < 0) {
		r = fail(d, r, err);
		pkg_deb_data_free_(&d->base);
		return r;
	}
	*ret = &d->base;
	return 0;
}

void pkg_deb_data_free_(struct pkg_data *base)
{
	struct deb_data *d = (struct deb_data *)base;

	oci_tar_reader_free(d->tar);
	pkg_ar_free(d->ar);
	free(d->what);
	free(d);
}

int pkg_deb_data_next_(struct pkg_data *base, struct oci_tar_entry *ret, struct eb_error **err)
{
	struct deb_data *d = (struct deb_data *)base;
	int r = oci_tar_next(d->tar, ret, err);

	if (r == 0)
		r = pkg_deb_end_(d->ar, err);
	return r < 0 ? fail(d, r, err) : r;
}

ssize_t pkg_deb_data_read_(struct pkg_data *base, void *p, size_t n, struct eb_error **err)
{
	struct deb_data *d = (struct deb_data *)base;
	ssize_t got = oci_tar_data(d->tar, p, n, err);

	return got < 0 ? fail(d, (int)got, err) : got;
}

int pkg_deb_data_drain_(struct pkg_data *base, struct eb_error **err)
{
	struct deb_data *d = (struct deb_data *)base;

	/* The package was read and checked as a whole when its index was made; what is left to
	 * know is that these are the same bytes. */
	return pkg_ar_drain(d->ar, err);
}
