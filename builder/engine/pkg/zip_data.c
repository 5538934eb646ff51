/* The data of a zip's member: inflated, its size and CRC checked at the end. */
#include <limits.h>
#include <zlib.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/stream.h"
#include "pkg/zip_internal.h"

struct member {
	struct eb_reader base;
	const struct pkg_zip *z;
	const struct pkg_zip_member *m;
	uint64_t taken; /* of the packed bytes */
	uint64_t left;	/* of the unpacked bytes */
	uLong crc;
	z_stream s;
	bool inflating; /* s is there */
	bool ended;	/* the deflate stream is over */
	unsigned char in[16 * 1024];
};

static int throw_bad(const struct member *d, const char *why, struct eb_error **err)
{
	return eb_throw(err, EB_E_FORMAT, "member '%s': %s", d->m->path, why);
}

static int refill(struct member *d, struct eb_error **err)
{
	uint64_t left = d->m->packed - d->taken;
	size_t n = left < sizeof(d->in) ? (size_t)left : sizeof(d->in);
	int r = pkg_zip_pread_(d->z, d->m->data_start + d->taken, d->in, n, err);

	if (r < 0)
		return r;
	d->taken += n;
	d->s.next_in = d->in;
	d->s.avail_in = (uInt)n;
	return 0;
}

/* Up to n bytes, 0 at the stream's end. */
static ssize_t inflate_some(struct member *d, void *p, size_t n, struct eb_error **err)
{
	d->s.next_out = p;
	d->s.avail_out = (uInt)(n < INT_MAX ? n : INT_MAX);
	n = d->s.avail_out;
	while (!d->ended && d->s.avail_out == n) {
		int r;

		if (d->s.avail_in == 0) {
			if (d->taken == d->m->packed)
				return throw_bad(d, "the compressed data is cut off", err);
			r = refill(d, err);
			if (r < 0)
				return r;
		}
		r = inflate(&d->s, Z_NO_FLUSH);
		if (r == Z_STREAM_END)
			d->ended = true;
		else if (r != Z_OK)
			return throw_bad(d, "the compressed data is damaged", err);
	}
	return (ssize_t)(n - d->s.avail_out);
}

static ssize_t copy_some(struct member *d, void *p, size_t n, struct eb_error **err)
{
	uint64_t left = d->m->packed - d->taken;
	int r;

	n = n < left ? n : (size_t)left;
	r = pkg_zip_pread_(d->z, d->m->data_start + d->taken, p, n, err);
	if (r < 0)
		return r;
	d->taken += n;
	return (ssize_t)n;
}

static ssize_t at_end(const struct member *d, struct eb_error **err)
{
	if (d->left)
		return throw_bad(d, "is shorter than the directory says", err);
	if (d->taken != d->m->packed || (d->inflating && d->s.avail_in))
		return throw_bad(d, "has bytes after its compressed data", err);
	if (d->crc != d->m->crc)
		return throw_bad(d, "does not have the checksum that the directory says", err);
	return 0;
}

static ssize_t member_read(struct eb_reader *base, void *p, size_t n, struct eb_error **err)
{
	struct member *d = (struct member *)base;
	ssize_t got = d->inflating ? inflate_some(d, p, n, err) : copy_some(d, p, n, err);

	if (got < 0)
		return got;
	if (got == 0)
		return at_end(d, err);
	if ((uint64_t)got > d->left)
		return throw_bad(d, "is longer than the directory says", err);
	d->left -= (uint64_t)got;
	d->crc = crc32_z(d->crc, p, (size_t)got);
	return got;
}

static void member_free(struct eb_reader *base)
{
	struct member *d = (struct member *)base;

	if (d->inflating)
		inflateEnd(&d->s);
	free(d);
}

static const struct eb_reader_ops member_ops = { .read = member_read, .free = member_free };

int pkg_zip_read(const struct pkg_zip *z, size_t i, struct eb_reader **ret, struct eb_error **err)
{
	struct member *d = eb_xcalloc(1, sizeof(*d));

	d->base.ops = &member_ops;
	d->z = z;
	d->m = &z->members[i];
	d->left = d->m->size;
	/* Raw deflate data, with the largest window. */
	d->inflating = d->m->method == 8 && inflateInit2(&d->s, -MAX_WBITS) == Z_OK;
	if (d->m->method == 8 && !d->inflating) {
		free(d);
		return eb_throw(err, EB_E_LIMIT, "no memory for inflating");
	}
	*ret = &d->base;
	return 0;
}
