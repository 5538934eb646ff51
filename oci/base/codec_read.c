/* Decompressing streams of others. What they decode to does not depend on the library, so these are
 * the ones the program is linked with. */
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/codec.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/stream.h"

enum {
	IN_BYTES = 64 * 1024,
	WINDOW_LOG_MAX = 26,	   /* 64 MiB, as for xz; `zstd -19` has 8 */
	RATIO_FREE_BYTES = 1 << 20 /* a small stream may be as dense as it likes */
};

struct codec_reader {
	struct eb_reader base;
	struct eb_reader *in;
	enum eb_codec_kind kind;
	uint64_t max, out_total, in_total;
	unsigned int ratio;
	uint8_t *buf;
	size_t pos, len; /* unread part of buf */
	bool eof;	 /* of in */
	bool inside;	 /* a frame or member has begun and not ended */
	bool any;	 /* at least one has ended */
	int failed;
	ZSTD_DStream *zstd;
	z_stream zlib;
	bool zlib_ready;
};

static int fill(struct codec_reader *r, struct eb_error **err)
{
	ssize_t got;

	if (r->pos < r->len || r->eof)
		return 0;
	got = eb_read(r->in, r->buf, IN_BYTES, err);
	if (got < 0)
		return (int)got;
	r->pos = 0;
	r->len = (size_t)got;
	r->eof = got == 0;
	return 0;
}

static int zstd_step(struct codec_reader *r, void *p, size_t n, size_t *ret_out,
		     struct eb_error **err)
{
	ZSTD_inBuffer in = { r->buf, r->len, r->pos };
	ZSTD_outBuffer out = { p, n, 0 };
	size_t c = ZSTD_decompressStream(r->zstd, &out, &in);

	if (ZSTD_isError(c) && ZSTD_getErrorCode(c) == ZSTD_error_frameParameter_windowTooLarge)
		return eb_throw(err, EB_E_LIMIT,
				"zstd: the frame before byte %llu needs a window of more than %u "
				"MiB (limit 'window')",
				(unsigned long long)r->in_total + in.pos,
				1u << (WINDOW_LOG_MAX - 20));
	if (ZSTD_isError(c))
		return eb_throw(err, EB_E_FORMAT, "zstd: at byte %llu: %s",
				(unsigned long long)r->in_total, ZSTD_getErrorName(c));
	r->in_total += in.pos - r->pos;
	r->pos = in.pos;
	r->inside = c != 0;
	r->any |= c == 0;
	*ret_out = out.pos;
	return 0;
}

static int gzip_step(struct codec_reader *r, void *p, size_t n, size_t *ret_out,
		     struct eb_error **err)
{
	uInt room = n > UINT32_MAX ? UINT32_MAX : (uInt)n, had = (uInt)(r->len - r->pos);
	int c;

	r->zlib.next_in = r->buf + r->pos;
	r->zlib.avail_in = had;
	r->zlib.next_out = p;
	r->zlib.avail_out = room;
	if (!r->inside && had > 0 && inflateReset(&r->zlib) != Z_OK)
		return eb_throw(err, EB_E_FORMAT, "gzip: cannot begin a member");
	c = inflate(&r->zlib, Z_NO_FLUSH);
	r->in_total += had - r->zlib.avail_in;
	r->pos = r->len - r->zlib.avail_in;
	*ret_out = room - r->zlib.avail_out;
	r->inside = c != Z_STREAM_END;
	r->any |= c == Z_STREAM_END;
	if (c == Z_OK || c == Z_STREAM_END || c == Z_BUF_ERROR)
		return 0;
	return eb_throw(err, EB_E_FORMAT, "gzip: at byte %llu: %s", (unsigned long long)r->in_total,
			r->zlib.msg ? r->zlib.msg : zError(c));
}

static int check_limits(const struct codec_reader *r, struct eb_error **err)
{
	const char *name = eb_codec_name(r->kind);

	if (r->out_total > r->max)
		return eb_throw(err, EB_E_LIMIT, "%s: decompresses to more than %llu bytes", name,
				(unsigned long long)r->max);
	if (r->ratio && r->out_total > RATIO_FREE_BYTES && r->out_total / r->ratio > r->in_total)
		return eb_throw(err, EB_E_LIMIT,
				"%s: %llu bytes decompress to %llu, more than %u times as many",
				name, (unsigned long long)r->in_total,
				(unsigned long long)r->out_total, r->ratio);
	return 0;
}

/* The input has ended and nothing more comes out. */
static int check_end(const struct codec_reader *r, struct eb_error **err)
{
	const char *name = eb_codec_name(r->kind);

	if (r->inside)
		return eb_throw(err, EB_E_FORMAT, "%s: the stream is cut off after %llu bytes",
				name, (unsigned long long)r->in_total);
	if (!r->any)
		return eb_throw(err, EB_E_FORMAT, "%s: the stream is empty", name);
	return 0;
}

static ssize_t read_some(struct codec_reader *r, void *p, size_t n, struct eb_error **err)
{
	for (;;) {
		size_t out = 0;
		int c = fill(r, err);

		if (c < 0)
			return c;
		/* Between two frames the decoder has nothing left to give; inside one it may have,
		 * even when the input has ended. */
		if (r->eof && !r->inside)
			return check_end(r, err);
		c = r->kind == EB_CODEC_ZSTD ? zstd_step(r, p, n, &out, err)
					     : gzip_step(r, p, n, &out, err);
		if (c < 0)
			return c;
		r->out_total += out;
		c = check_limits(r, err);
		if (c < 0)
			return c;
		if (out > 0)
			return (ssize_t)out;
		if (r->eof && r->inside)
			return check_end(r, err);
	}
}

static ssize_t codec_read(struct eb_reader *base, void *p, size_t n, struct eb_error **err)
{
	struct codec_reader *r = (struct codec_reader *)base;
	ssize_t got;

	if (r->failed < 0)
		return eb_throw(err, -r->failed, "%s: reading went wrong before",
				eb_codec_name(r->kind));
	got = read_some(r, p, n, err);
	if (got < 0)
		r->failed = (int)got;
	return got;
}

static void codec_reader_free(struct eb_reader *base)
{
	struct codec_reader *r = (struct codec_reader *)base;

	eb_reader_free(r->in);
	ZSTD_freeDStream(r->zstd);
	if (r->zlib_ready)
		inflateEnd(&r->zlib);
	free(r->buf);
	free(r);
}

static bool start(struct codec_reader *r)
{
	if (r->kind == EB_CODEC_GZIP) {
		/* 16 = a gzip header and nothing else */
		r->zlib_ready = inflateInit2(&r->zlib, MAX_WBITS + 16) == Z_OK;
		return r->zlib_ready;
	}
	r->zstd = ZSTD_createDStream();
	return r->zstd &&
	       !ZSTD_isError(ZSTD_DCtx_setParameter(r->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX));
}

int eb_codec_reader(enum eb_codec_kind kind, struct eb_reader *in, uint64_t max_bytes,
		    unsigned int ratio, struct eb_reader **ret, struct eb_error **err)
{
	static const struct eb_reader_ops ops = { codec_read, codec_reader_free };
	struct codec_reader *r;

	if (kind == EB_CODEC_NONE) {
		*ret = eb_reader_limit(in, max_bytes, "uncompressed stream");
		return 0;
	}
	r = eb_xcalloc(1, sizeof(*r));
	r->base.ops = &ops;
	r->in = in;
	r->kind = kind;
	r->max = max_bytes;
	r->ratio = ratio;
	r->buf = eb_xmalloc(IN_BYTES);
	if (!start(r)) {
		codec_reader_free(&r->base);
		return eb_throw(err, EB_E_LIMIT, "%s: no memory for decompressing",
				eb_codec_name(kind));
	}
	*ret = &r->base;
	return 0;
}
