#include "pkg/input.h"

#include "base/buf.h"
#include "base/error.h"
#include "pkg/cache.h"
#include "pkg/input_kind.h"

static const struct pkg_input_ops *const kinds[] = {
	[PKG_INPUT_DEB] = &pkg_deb_ops,
	[PKG_INPUT_WHEEL] = &pkg_wheel_ops,
	[PKG_INPUT_ARCHIVE] = &pkg_archive_ops,
	[PKG_INPUT_FILE] = &pkg_file_ops,
};

static const struct pkg_input_ops *ops_of(enum pkg_input_kind kind)
{
	return (size_t)kind < EB_ARRAY_LEN(kinds) ? kinds[kind] : NULL;
}

const char *pkg_input_noun(enum pkg_input_kind kind)
{
	const struct pkg_input_ops *ops = ops_of(kind);

	return ops ? ops->noun : "input";
}

static int throw_unknown(const struct pkg_input *in, struct eb_error **err)
{
	return eb_throw(err, EB_E_UNSUPPORTED, "%s: inputs of this kind cannot be read", in->what);
}

static int from_cache(const struct pkg_input_ops *ops, const struct pkg_cache *c,
		      const struct pkg_input *in, struct eb_buf *text, struct pkg_index **ret)
{
	EB_CLEANUP(pkg_index_free_p) struct pkg_index *x = NULL;
	int r = pkg_cache_derived_get(c, ops->index_kind, in->sha256, text, NULL);

	if (r >= 0)
		r = pkg_index_parse(ops->format, eb_buf_str(text), text->len, &x, NULL);
	if (r >= 0 && ops->check)
		r = ops->check(x, NULL);
	if (r < 0)
		return r;
	*ret = EB_TAKE_PTR(x);
	return 0;
}

int pkg_input_index(const struct pkg_cache *c, const struct pkg_input *in, struct pkg_index **ret,
		    struct eb_error **err)
{
	const struct pkg_input_ops *ops = ops_of(in->kind);
	EB_AUTOBUF(text, PKG_INDEX_MAX_BYTES);
	struct pkg_index *x = NULL;
	int r;

	if (!ops)
		return throw_unknown(in, err);
	if (ops->index_kind && from_cache(ops, c, in, &text, ret) >= 0)
		return 0;
	r = ops->index(c, in, &x, err);
	if (r < 0)
		return r;
	eb_buf_clear(&text);
	if (ops->index_kind)
		pkg_index_write(ops->format, x, &text);
	/* Only saves time: a cache that cannot be written to must not stop the build. */
	if (ops->index_kind && !text.overflow)
		eb_ignore(pkg_cache_derived_put(c, ops->index_kind, in->sha256, text.data, text.len,
						NULL));
	*ret = x;
	return 0;
}

int pkg_data_open(const struct pkg_cache *c, const struct pkg_input *in, struct pkg_data **ret,
		  struct eb_error **err)
{
	const struct pkg_input_ops *ops = ops_of(in->kind);
	struct pkg_data *d = NULL;
	int r = ops ? ops->open(c, in, &d, err) : throw_unknown(in, err);

	if (r < 0)
		return r;
	d->ops = ops;
	*ret = d;
	return 0;
}

struct pkg_data *pkg_data_free(struct pkg_data *d)
{
	if (d)
		d->ops->free(d);
	return NULL;
}

int pkg_data_next(struct pkg_data *d, struct oci_tar_entry *ret, uint32_t *ret_member,
		  struct eb_error **err)
{
	struct oci_tar_entry e;
	int r;

	if (d->done)
		return 0;
	r = d->ops->next(d, &e, err);
	if (r < 0)
		return r;
	if (r == 0) {
		d->done = true;
		return 0;
	}
	*ret = e;
	*ret_member = d->members++;
	return 1;
}

ssize_t pkg_data_read(struct pkg_data *d, void *p, size_t n, struct eb_error **err)
{
	return d->ops->read(d, p, n, err);
}

int pkg_data_drain(struct pkg_data *d, struct eb_error **err)
{
	int r;

	if (d->done)
		return 0;
	r = d->ops->drain(d, err);
	if (r < 0)
		return r;
	d->done = true;
	return 0;
}
