#include "base/xz.h"

#include <lzma.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/stream.h"

enum {
	IN_BYTES = 64 * 1024,
	RATIO_FREE_BYTES = 1 << 20, /* a small stream may be as dense as it likes */
	/* `xz -9` has a dictionary of 64 MiB and needs 65 MiB to decompress. */
	MEMORY_BYTES = 66 * 1024 * 1024
};

struct xz_reader {
	struct eb_reader base;
	struct eb_reader *in;
	uint64_t out_total;
	unsigned int ratio;
	bool eof, end; /* of in; of the stream */
	lzma_stream lzma;
	uint8_t buf[IN_BYTES];
};

static int fill(struct xz_reader *r, struct eb_error **err)
{
	ssize_t got;

	if (r->lzma.avail_in > 0 || r->eof)
		return 0;
	got = eb_read(r->in, r->buf, IN_BYTES, err);
	if (got < 0)
		return (int)got;
	r->lzma.next_in = r->buf;
	r->lzma.avail_in = (size_t)got;
	r->eof = got == 0;
	return 0;
}

static int fail(struct xz_reader *r, lzma_ret code, struct eb_error **err)
{
	unsigned long long at = r->lzma.total_in;

	switch ((int)code) {
	case LZMA_MEMLIMIT_ERROR:
		return eb_throw(err, EB_E_LIMIT,
				"xz: decompressing needs %llu bytes of memory, more than %d (limit "
				"'dictionary': 64 MiB)",
				(unsigned long long)lzma_memusage(&r->lzma), MEMORY_BYTES);
	case LZMA_MEM_ERROR:
		return eb_throw(err, EB_E_LIMIT, "xz: no memory for decompressing");
	case LZMA_FORMAT_ERROR:
		return eb_throw(err, EB_E_FORMAT, "xz: is not an .xz stream");
	case LZMA_OPTIONS_ERROR:
		return eb_throw(err, EB_E_FORMAT, "xz: unknown options at byte %llu", at);
	case LZMA_BUF_ERROR:
		return eb_throw(err, EB_E_FORMAT, "xz: the stream is cut off after %llu bytes", at);
	default:
		return eb_throw(err, EB_E_FORMAT,
				"xz: damaged, or bytes follow its end, at or before byte %llu", at);
	}
}

static int check_ratio(const struct xz_reader *r, struct eb_error **err)
{
	if (!r->ratio || r->out_total <= RATIO_FREE_BYTES ||
	    r->out_total / r->ratio <= r->lzma.total_in)
		return 0;
	return eb_throw(err, EB_E_LIMIT,
			"xz: %llu bytes decompress to %llu, more than %u times as many (limit "
			"'ratio')",
			(unsigned long long)r->lzma.total_in, (unsigned long long)r->out_total,
			r->ratio);
}

static ssize_t xz_read(struct eb_reader *base, void *p, size_t n, struct eb_error **err)
{
	struct xz_reader *r = (struct xz_reader *)base;
	size_t got = 0;

	while (!r->end && got == 0) {
		lzma_ret code;
		int c = fill(r, err);

		if (c < 0)
			return c;
		r->lzma.next_out = p;
		r->lzma.avail_out = n;
		code = lzma_code(&r->lzma, r->eof ? LZMA_FINISH : LZMA_RUN);
		got = n - r->lzma.avail_out;
		r->out_total += got;
		r->end = code == LZMA_STREAM_END;
		if (code != LZMA_OK && !r->end)
			return fail(r, code, err);
		c = check_ratio(r, err);
		if (c < 0)
			return c;
	}
	return (ssize_t)got;
}

static void xz_free(struct eb_reader *base)
{
	struct xz_reader *r = (struct xz_reader *)base;

	lzma_end(&r->lzma);
	eb_reader_free(r->in);
	free(r);
}

int eb_xz_reader(struct eb_reader *in, unsigned int ratio, struct eb_reader **ret,
		 struct eb_error **err)
{
	static const struct eb_reader_ops ops = { xz_read, xz_free };
	struct xz_reader *r = eb_xcalloc(1, sizeof(*r));
	lzma_ret code;
	int c;

	r->base.ops = &ops;
	r->in = in;
	r->ratio = ratio;
	r->lzma = (lzma_stream)LZMA_STREAM_INIT;
	code = lzma_stream_decoder(&r->lzma, MEMORY_BYTES, LZMA_CONCATENATED);
	if (code != LZMA_OK) {
		c = fail(r, code, err);
		xz_free(&r->base);
		return c;
	}
	*ret = &r->base;
	return 0;
}
