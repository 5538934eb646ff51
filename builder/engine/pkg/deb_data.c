/* The data of a cached package as a stream, verified as it passes. */
#include "base/error.h"
#include "base/mem.h"
#include "base/stream.h"
#include "pkg/cache.h"
#include "pkg/deb_internal.h"

struct pkg_deb_data {
	struct pkg_ar *ar;
	struct oci_tar_reader *tar; /* borrows ar */
	char *what;
	uint32_t members; /* handed out so far */
	bool done;	  /* the verified end was reached */
};

static int fail(struct pkg_deb_data *d, int r, struct eb_error **err)
{
	return pkg_deb_verdict_(d->ar, r, d->what, err);
}

static int skip_control(struct pkg_deb_data *d, struct eb_error **err)
{
	const struct pkg_deb_limits *lim = &pkg_deb_default_limits;
	EB_CLEANUP(oci_tar_reader_free_p) struct oci_tar_reader *control = NULL;

	/* Opened and closed: only its place and its name are looked at here. */
	return pkg_deb_part_(d->ar, "control", lim->control_bytes, lim->entries, &control, err);
}

int pkg_deb_data_open(const struct pkg_cache *c, const char *sha256, uint64_t size,
		      const char *what, struct pkg_deb_data **ret, struct eb_error **err)
{
	const struct pkg_deb_limits *lim = &pkg_deb_default_limits;
	EB_CLEANUP(pkg_deb_data_free_p) struct pkg_deb_data *d = NULL;
	struct eb_reader *in = NULL;
	int r = pkg_cache_read(c, sha256, size, what, &in, err);

	if (r < 0)
		return r;
	d = eb_xcalloc(1, sizeof(*d));
	d->ar = pkg_ar_new(in);
	d->what = eb_xstrdup(what);
	r = skip_control(d, err);
	if (r >= 0)
		r = pkg_deb_part_(d->ar, "data", lim->data_bytes, lim->entries, &d->tar, err);
	if (r < 0)
		return fail(d, r, err);
	*ret = EB_TAKE_PTR(d);
	return 0;
}

struct pkg_deb_data *pkg_deb_data_free(struct pkg_deb_data *d)
{
	if (!d)
		return NULL;
	oci_tar_reader_free(d->tar);
	pkg_ar_free(d->ar);
	free(d->what);
	free(d);
	return NULL;
}

int pkg_deb_data_next(struct pkg_deb_data *d, struct oci_tar_entry *ret, uint32_t *ret_member,
		      struct eb_error **err)
{
	struct oci_tar_entry e;
	int r;

	if (d->done)
		return 0;
	r = oci_tar_next(d->tar, &e, err);
	if (r < 0)
		return fail(d, r, err);
	if (r > 0) {
		*ret = e;
		*ret_member = d->members++;
		return 1;
	}
	r = pkg_deb_end_(d->ar, err);
	if (r < 0)
		return fail(d, r, err);
	d->done = true;
	return 0;
}

ssize_t pkg_deb_data_read(struct pkg_deb_data *d, void *p, size_t n, struct eb_error **err)
{
	ssize_t got = oci_tar_data(d->tar, p, n, err);

	return got < 0 ? fail(d, (int)got, err) : got;
}

int pkg_deb_data_drain(struct pkg_deb_data *d, struct eb_error **err)
{
	int r;

	if (d->done)
		return 0;
	/* The package was read and checked as a whole when its index was made; what is left to
	 * know is that these are the same bytes. */
	r = pkg_ar_drain(d->ar, err);
	if (r < 0)
		return r;
	d->done = true;
	return 0;
}
