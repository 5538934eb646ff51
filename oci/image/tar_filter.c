#include "image/tar_filter.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/stream.h"
#include "base/xz.h"

enum { BLOCK_BYTES = 64 * 1024, RATIO_FREE_BYTES = 1024 * 1024, MAGIC_BYTES = 6 };

struct format {
	const char *name, *magic;
	size_t magic_bytes;
	/* Where base has no decoder: */
	int (*support)(struct archive *a);
	int code;
	enum oci_tar_filter filter;
};

static const struct format formats[] = {
	{ "gzip", "\x1f\x8b", 2, NULL, 0, OCI_TAR_GZIP },
	{ "zstd", "\x28\xb5\x2f\xfd", 4, NULL, 0, OCI_TAR_ZSTD },
	{ "xz", "\xfd\x37zXZ", 6, NULL, 0, OCI_TAR_XZ },
	{ "bzip2", "BZh", 3, archive_read_support_filter_bzip2, ARCHIVE_FILTER_BZIP2,
	  OCI_TAR_BZIP2 },
};

/* ---- looking at the first bytes ---- */

struct peek_reader {
	struct eb_reader base;
	struct eb_reader *in;
	char first[MAGIC_BYTES];
	size_t have, given;
};

static ssize_t peek_read(struct eb_reader *base, void *p, size_t n, struct eb_error **err)
{
	struct peek_reader *r = (struct peek_reader *)base;
	size_t left = r->have - r->given;

	if (left == 0)
		return eb_read(r->in, p, n, err);
	if (n > left)
		n = left;
	memcpy(p, r->first + r->given, n);
	r->given += n;
	return (ssize_t)n;
}

static void peek_free(struct eb_reader *base)
{
	struct peek_reader *r = (struct peek_reader *)base;

	eb_reader_free(r->in);
	free(r);
}

/* Replace *in by a reader that has looked ahead, and say what the stream is. */
static int detect(struct eb_reader **in, enum oci_tar_filter *ret, struct eb_error **err)
{
	static const struct eb_reader_ops ops = { peek_read, peek_free };
	struct peek_reader *r = eb_xcalloc(1, sizeof(*r));

	r->base.ops = &ops;
	r->in = *in;
	*in = &r->base;
	while (r->have < MAGIC_BYTES) {
		ssize_t got = eb_read(r->in, r->first + r->have, MAGIC_BYTES - r->have, err);

		if (got < 0)
			return (int)got;
		if (got == 0)
			break;
		r->have += (size_t)got;
	}
	*ret = OCI_TAR_PLAIN;
	for (size_t i = 0; i < EB_ARRAY_LEN(formats); i++)
		if (r->have >= formats[i].magic_bytes &&
		    memcmp(r->first, formats[i].magic, formats[i].magic_bytes) == 0)
			*ret = formats[i].filter;
	return 0;
}

/* ---- decompressing by libarchive ---- */

struct filter_reader {
	struct eb_reader base;
	struct eb_reader *in;
	const struct format *format;
	struct archive *archive;
	struct eb_error *pending; /* of in, met inside libarchive */
	uint64_t in_bytes, out_bytes;
	uint32_t ratio;
	bool end;
	char block[BLOCK_BYTES];
};

static la_ssize_t filter_input(struct archive *a, void *ctx, const void **ret)
{
	struct filter_reader *r = ctx;
	ssize_t got;

	if (r->pending)
		return ARCHIVE_FATAL;
	got = eb_read(r->in, r->block, sizeof(r->block), &r->pending);
	if (got < 0) {
		archive_set_error(a, EIO, "input failed");
		return ARCHIVE_FATAL;
	}
	r->in_bytes += (uint64_t)got;
	*ret = r->block;
	return got;
}

static int filter_fail(struct filter_reader *r, struct eb_error **err)
{
	const char *text = archive_error_string(r->archive);

	if (r->pending)
		return eb_error_forward(err, EB_TAKE_PTR(r->pending));
	return eb_throw(err, EB_E_FORMAT, "%s data is damaged or ends early, within %llu bytes: %s",
			r->format->name, (unsigned long long)r->in_bytes,
			text ? text : "no details");
}

/* libarchive stops at the end of what it understands; whatever follows is not part of the stream
 * that was asked for. */
static int check_end(struct filter_reader *r, struct eb_error **err)
{
	uint64_t used = (uint64_t)archive_filter_bytes(r->archive, -1);
	const void *block;

	if (r->in_bytes == used && filter_input(r->archive, r, &block) < 0)
		return filter_fail(r, err);
	if (r->in_bytes != used)
		return eb_throw(err, EB_E_FORMAT, "bytes follow the end of the %s data at %llu",
				r->format->name, (unsigned long long)used);
	r->end = true;
	return 0;
}

static ssize_t filter_read(struct eb_reader *base, void *p, size_t n, struct eb_error **err)
{
	struct filter_reader *r = (struct filter_reader *)base;
	la_ssize_t got;

	if (r->end)
		return 0;
	got = archive_read_data(r->archive, p, n);
	if (got < 0)
		return filter_fail(r, err);
	if (got == 0)
		return check_end(r, err);
	r->out_bytes += (uint64_t)got;
	if (r->ratio && r->out_bytes > RATIO_FREE_BYTES && r->out_bytes / r->ratio > r->in_bytes)
		return eb_throw(err, EB_E_LIMIT,
				"%s data unpacks to more than %u times its size (limit 'ratio')",
				r->format->name, r->ratio);
	return got;
}

static void filter_free(struct eb_reader *base)
{
	struct filter_reader *r = (struct filter_reader *)base;

	eb_ignore(archive_read_free(r->archive));
	eb_reader_free(r->in);
	eb_error_free(r->pending);
	free(r);
}

static int start(struct filter_reader *r, struct eb_error **err)
{
	struct archive_entry *entry;
	int c;

	r->archive = archive_read_new();
	if (!r->archive || r->format->support(r->archive) < ARCHIVE_WARN ||
	    archive_read_support_format_raw(r->archive) < ARCHIVE_WARN ||
	    archive_read_support_format_empty(r->archive) < ARCHIVE_WARN)
		return eb_throw(err, EB_E_UNSUPPORTED, "this libarchive cannot read %s data",
				r->format->name);
	if (archive_read_open(r->archive, r, NULL, filter_input, NULL) != ARCHIVE_OK)
		return filter_fail(r, err);
	c = archive_read_next_header(r->archive, &entry);
	/* libarchive unpacks as many layers as it finds; one is asked for. */
	if (archive_filter_code(r->archive, 0) != r->format->code)
		return r->pending
			       ? filter_fail(r, err)
			       : eb_throw(err, EB_E_FORMAT, "expected %s data, found another kind",
					  r->format->name);
	if (archive_filter_count(r->archive) != 2)
		return eb_throw(err, EB_E_FORMAT, "%s data is compressed more than once",
				r->format->name);
	if (c == ARCHIVE_EOF)
		return check_end(r, err);
	return c == ARCHIVE_OK ? 0 : filter_fail(r, err);
}

/* Takes ownership of in. */
static int open_libarchive(const struct format *f, struct eb_reader *in, uint32_t ratio,
			   struct eb_reader **ret, struct eb_error **err)
{
	static const struct eb_reader_ops ops = { filter_read, filter_free };
	struct filter_reader *r = eb_xcalloc(1, sizeof(*r));
	int c;

	r->base.ops = &ops;
	r->in = in;
	r->ratio = ratio;
	r->format = f;
	c = start(r, err);
	if (c < 0) {
		filter_free(&r->base);
		return c;
	}
	*ret = &r->base;
	return 0;
}

int oci_tar_filter_open(struct eb_reader *in, enum oci_tar_filter filter, uint32_t ratio,
			struct eb_reader **ret, struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *owned = in;
	const struct format *f = formats;
	int c;

	if (filter == OCI_TAR_ANY) {
		c = detect(&owned, &filter, err);
		if (c < 0)
			return c;
	}
	if (filter == OCI_TAR_PLAIN) {
		*ret = EB_TAKE_PTR(owned);
		return 0;
	}
	/* The tar reader counts the bytes that come out. */
	if (filter == OCI_TAR_GZIP || filter == OCI_TAR_ZSTD)
		return eb_codec_reader(filter == OCI_TAR_GZIP ? EB_CODEC_GZIP : EB_CODEC_ZSTD,
				       EB_TAKE_PTR(owned), UINT64_MAX, ratio, ret, err);
	if (filter == OCI_TAR_XZ)
		return eb_xz_reader(EB_TAKE_PTR(owned), ratio, ret, err);
	while (f->filter != filter)
		f++;
	return open_libarchive(f, EB_TAKE_PTR(owned), ratio, ret, err);
}
