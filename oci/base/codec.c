#include "base/codec.h"

#include <zlib.h>
#include <zstd.h>

#include "base/codec_lib.h"
#include "base/error.h"
#include "base/mem.h"

/* ---- format constants ---- */

/* Blocks are at most 6 MiB, so a window of 2^23 covers one; compressing in one call needs no window
 * buffer, and the tables below are all the memory there is: 1 to 6.5 MiB a thread, where the
 * library's own level 9 takes 12 and its level 19 takes 49.
 *
 * Measured on the first 50 MB of postgresql-15, python3.11, libc6, libicu72, libssl3, perl-base,
 * coreutils, bash, nginx, haproxy and redis of Debian 12 (without documentation), in blocks as
 * oci_cut_plan() makes them, with libzstd 1.5.7; MB per second of CPU time on a busy 2-core virtual
 * machine, everything from tar header to digest included:
 *
 *   level         1     2     3     4     5     6     7     8     9    10
 *   ratio      2.67  3.00  3.02  3.07  3.20  3.21  3.23  3.24  3.27  3.28
 *   MB/s        180   156   134   105    70    56    61    55    47    31
 *   level        11    12    13    14    15    16    17    18    19
 *   ratio      3.34  3.37  3.42  3.44  3.48  3.51  3.54  3.57  3.60
 *   MB/s         17    13    11    10     9     8     8     6     5
 *
 *   the library's own parameters    -3    -9   -12   -19
 *   in blocks of 3.5 MiB, ratio   2.99  3.22  3.24  3.62     MB/s  234  54  25  2.9
 *   the whole as one frame        3.04  3.31  3.33  3.81     MB/s  245  50  21  2.1
 *
 * Level 9 is the default: nearly as fast as the library's 9, better than its 12 on the same
 * blocks, 1.3 % larger than its 9 without blocks. What is better costs three times as much at once:
 * lazy parsing ends there and optimal parsing (with matches of 3 bytes, which machine code is full
 * of) begins. 17 comes within 2.3 % of the library's 19 on the same blocks at nearly three times
 * its speed; for a release that many will carry, that or 19 is the choice. */
enum { ZSTD_WINDOW_LOG = 23, ZSTD_LEVELS = 19, ZSTD_DEFAULT = 9 };
enum { GZIP_LEVELS = 9, GZIP_DEFAULT = 6, GZIP_MEM_LEVEL = 9, GZIP_HEAD = 10, GZIP_TAIL = 8 };

struct zstd_level {
	int strategy, hash_log, chain_log, search_log, min_match, target_length;
};
static const struct zstd_level zstd_levels[ZSTD_LEVELS] = {
	/* 1 */ { ZSTD_fast, 17, 17, 1, 5, 1 },
	/* 2 */ { ZSTD_dfast, 17, 17, 1, 5, 1 },
	/* 3 */ { ZSTD_dfast, 18, 17, 1, 4, 1 },
	/* 4 */ { ZSTD_greedy, 18, 18, 3, 4, 8 },
	/* 5 */ { ZSTD_lazy, 19, 19, 3, 4, 16 },
	/* 6 */ { ZSTD_lazy2, 18, 18, 4, 4, 32 },
	/* 7 */ { ZSTD_lazy2, 19, 19, 3, 4, 16 },
	/* 8 */ { ZSTD_lazy2, 19, 19, 4, 4, 32 },
	/* 9 */ { ZSTD_lazy2, 19, 19, 5, 4, 32 },
	/* 10 */ { ZSTD_lazy2, 20, 20, 6, 4, 64 },
	/* 11 */ { ZSTD_btopt, 16, 16, 1, 3, 16 },
	/* 12 */ { ZSTD_btopt, 17, 17, 1, 3, 16 },
	/* 13 */ { ZSTD_btopt, 17, 17, 2, 3, 16 },
	/* 14 */ { ZSTD_btopt, 17, 18, 2, 3, 24 },
	/* 15 */ { ZSTD_btopt, 17, 18, 3, 3, 32 },
	/* 16 */ { ZSTD_btopt, 18, 19, 3, 3, 48 },
	/* 17 */ { ZSTD_btopt, 18, 19, 4, 3, 64 },
	/* 18 */ { ZSTD_btultra, 18, 19, 4, 3, 128 },
	/* 19 */ { ZSTD_btultra, 18, 20, 5, 3, 256 },
};

/* ---- the libraries' functions ---- */

struct zstd_fn {
	const char *(*version)(void);
	ZSTD_CCtx *(*create)(void);
	size_t (*free)(ZSTD_CCtx *x);
	size_t (*set)(ZSTD_CCtx *x, ZSTD_cParameter parameter, int value);
	size_t (*compress)(ZSTD_CCtx *x, void *dst, size_t dst_size, const void *src, size_t n);
	size_t (*bound)(size_t n);
	unsigned int (*is_error)(size_t code);
	const char *(*error_name)(size_t code);
};

static const struct eb_codec_symbol zstd_symbols[] = {
	{ "ZSTD_versionString", offsetof(struct zstd_fn, version) },
	{ "ZSTD_createCCtx", offsetof(struct zstd_fn, create) },
	{ "ZSTD_freeCCtx", offsetof(struct zstd_fn, free) },
	{ "ZSTD_CCtx_setParameter", offsetof(struct zstd_fn, set) },
	{ "ZSTD_compress2", offsetof(struct zstd_fn, compress) },
	{ "ZSTD_compressBound", offsetof(struct zstd_fn, bound) },
	{ "ZSTD_isError", offsetof(struct zstd_fn, is_error) },
	{ "ZSTD_getErrorName", offsetof(struct zstd_fn, error_name) },
};

struct zlib_fn {
	const char *(*version)(void);
	int (*init)(z_stream *z, int level, int method, int window_bits, int mem_level,
		    int strategy, const char *version, int stream_size);
	int (*deflate)(z_stream *z, int flush);
	int (*reset)(z_stream *z);
	int (*end)(z_stream *z);
	uLong (*crc)(uLong crc, const Bytef *p, uInt n);
};

static const struct eb_codec_symbol zlib_symbols[] = {
	{ "zlibVersion", offsetof(struct zlib_fn, version) },
	{ "deflateInit2_", offsetof(struct zlib_fn, init) },
	{ "deflate", offsetof(struct zlib_fn, deflate) },
	{ "deflateReset", offsetof(struct zlib_fn, reset) },
	{ "deflateEnd", offsetof(struct zlib_fn, end) },
	{ "crc32", offsetof(struct zlib_fn, crc) },
};

struct eb_codec {
	enum eb_codec_kind kind;
	int level;
	char *version;
	struct eb_codec_lib lib;
	struct zstd_fn zstd;
	struct zlib_fn zlib;
};

struct eb_codec_ctx {
	const struct eb_codec *codec;
	ZSTD_CCtx *zstd;
	z_stream zlib;
	bool usable;
};

/* ---- kinds ---- */

static const char *const kind_names[] = {
	[EB_CODEC_NONE] = "none", [EB_CODEC_GZIP] = "gzip", [EB_CODEC_ZSTD] = "zstd", NULL
};

const char *eb_codec_name(enum eb_codec_kind kind)
{
	return kind_names[kind];
}

int eb_codec_parse(const char *name, enum eb_codec_kind *ret, struct eb_error **err)
{
	for (unsigned int k = 0; kind_names[k]; k++) {
		if (strcmp(kind_names[k], name) == 0) {
			*ret = (enum eb_codec_kind)k;
			return 0;
		}
	}
	return eb_throw(err, EB_E_NOT_FOUND, "compression '%s': expected zstd, gzip or none", name);
}

int eb_codec_default_level(enum eb_codec_kind kind)
{
	switch (kind) {
	case EB_CODEC_NONE:
		return 0;
	case EB_CODEC_GZIP:
		return GZIP_DEFAULT;
	case EB_CODEC_ZSTD:
		return ZSTD_DEFAULT;
	}
	return 0;
}

enum eb_codec_kind eb_codec_kind(const struct eb_codec *c)
{
	return c->kind;
}

int eb_codec_level(const struct eb_codec *c)
{
	return c->level;
}

const char *eb_codec_version(const struct eb_codec *c)
{
	return c->version;
}

/* ---- opening ---- */

static const char *soname_of(enum eb_codec_kind kind)
{
	return kind == EB_CODEC_ZSTD ? "libzstd.so.1" : "libz.so.1";
}

static int check_level(enum eb_codec_kind kind, int level, struct eb_error **err)
{
	int most = kind == EB_CODEC_ZSTD ? ZSTD_LEVELS : GZIP_LEVELS;

	if (kind == EB_CODEC_NONE || (level >= 1 && level <= most))
		return 0;
	return eb_throw(err, EB_E_USAGE, "%s level %d: expected 1 to %d", eb_codec_name(kind),
			level, most);
}

/* A library that cannot do what the format asks for must say so now, not in the middle of a layer.
 */
static int check_library(const struct eb_codec *c, struct eb_error **err)
{
	struct eb_codec_ctx *x = eb_codec_ctx_new(c);
	bool usable = x->usable;

	eb_codec_ctx_free(x);
	if (!usable)
		return eb_throw(err, EB_E_UNSUPPORTED, "%s refuses the parameters of level %d",
				c->version, c->level);
	return 0;
}

static int fill(struct eb_codec *c, struct eb_error **err)
{
	const char *soname = soname_of(c->kind);
	int r;

	if (c->kind == EB_CODEC_ZSTD)
		r = eb_codec_lib_symbols(&c->lib, soname, zstd_symbols, EB_ARRAY_LEN(zstd_symbols),
					 &c->zstd, err);
	else
		r = eb_codec_lib_symbols(&c->lib, soname, zlib_symbols, EB_ARRAY_LEN(zlib_symbols),
					 &c->zlib, err);
	if (r < 0)
		return r;
	c->version = c->kind == EB_CODEC_ZSTD ? eb_xasprintf("zstd %s", c->zstd.version())
					      : eb_xasprintf("zlib %s", c->zlib.version());
	return check_library(c, err);
}

static struct eb_codec *codec_new(enum eb_codec_kind kind, int level)
{
	struct eb_codec *c = eb_xcalloc(1, sizeof(*c));

	c->kind = kind;
	c->level = level;
	c->lib.fd = -1;
	return c;
}

int eb_codec_open_system(enum eb_codec_kind kind, int level, struct eb_codec **ret,
			 struct eb_error **err)
{
	EB_CLEANUP(eb_codec_free_p) struct eb_codec *c = codec_new(kind, level);
	int r = check_level(kind, level, err);

	if (r < 0)
		return r;
	if (kind == EB_CODEC_NONE) {
		c->version = eb_xstrdup("none");
	} else {
		r = eb_codec_lib_system(soname_of(kind), &c->lib, err);
		if (r < 0)
			return r;
		r = fill(c, err);
		if (r < 0)
			return r;
	}
	*ret = EB_TAKE_PTR(c);
	return 0;
}

int eb_codec_open_image(enum eb_codec_kind kind, int level, const void *image, size_t n,
			struct eb_codec **ret, struct eb_error **err)
{
	EB_CLEANUP(eb_codec_free_p) struct eb_codec *c = codec_new(kind, level);
	int r = check_level(kind, level, err);

	if (r < 0)
		return r;
	if (kind == EB_CODEC_NONE)
		return eb_throw(err, EB_E_USAGE, "no compression needs no library");
	r = eb_codec_lib_image(soname_of(kind), image, n, &c->lib, err);
	if (r < 0)
		return r;
	r = fill(c, err);
	if (r < 0)
		return r;
	*ret = EB_TAKE_PTR(c);
	return 0;
}

struct eb_codec *eb_codec_free(struct eb_codec *c)
{
	if (!c)
		return NULL;
	eb_codec_lib_release(&c->lib);
	free(c->version);
	free(c);
	return NULL;
}

/* ---- compressing ---- */

static bool zstd_ctx_init(struct eb_codec_ctx *x)
{
	const struct zstd_fn *fn = &x->codec->zstd;
	const struct zstd_level *l = &zstd_levels[x->codec->level - 1];
	const struct {
		ZSTD_cParameter parameter;
		int value;
	} set[] = {
		{ ZSTD_c_windowLog, ZSTD_WINDOW_LOG },
		{ ZSTD_c_hashLog, l->hash_log },
		{ ZSTD_c_chainLog, l->chain_log },
		{ ZSTD_c_searchLog, l->search_log },
		{ ZSTD_c_minMatch, l->min_match },
		{ ZSTD_c_targetLength, l->target_length },
		{ ZSTD_c_strategy, l->strategy },
		{ ZSTD_c_contentSizeFlag, 1 },
		{ ZSTD_c_checksumFlag, 1 }, /* 4 bytes a block: damage is found by any reader */
	};

	x->zstd = fn->create();
	if (!x->zstd)
		return false;
	for (size_t i = 0; i < EB_ARRAY_LEN(set); i++)
		if (fn->is_error(fn->set(x->zstd, set[i].parameter, set[i].value)))
			return false;
	return true;
}

static bool zlib_ctx_init(struct eb_codec_ctx *x)
{
	const struct zlib_fn *fn = &x->codec->zlib;

	return fn->init(&x->zlib, x->codec->level, Z_DEFLATED, -MAX_WBITS, GZIP_MEM_LEVEL,
			Z_DEFAULT_STRATEGY, fn->version(), (int)sizeof(x->zlib)) == Z_OK;
}

struct eb_codec_ctx *eb_codec_ctx_new(const struct eb_codec *c)
{
	struct eb_codec_ctx *x = eb_xcalloc(1, sizeof(*x));

	x->codec = c;
	x->usable = c->kind == EB_CODEC_NONE ||
		    (c->kind == EB_CODEC_ZSTD ? zstd_ctx_init(x) : zlib_ctx_init(x));
	return x;
}

struct eb_codec_ctx *eb_codec_ctx_free(struct eb_codec_ctx *x)
{
	if (!x)
		return NULL;
	if (x->codec->kind == EB_CODEC_ZSTD)
		x->codec->zstd.free(x->zstd);
	if (x->codec->kind == EB_CODEC_GZIP && x->usable)
		x->codec->zlib.end(&x->zlib);
	free(x);
	return NULL;
}

size_t eb_codec_bound(const struct eb_codec *c, size_t n)
{
	switch (c->kind) {
	case EB_CODEC_NONE:
		break;
	case EB_CODEC_GZIP:
		/* What deflate can do at the worst whatever its parameters, as in deflateBound().
		 */
		return n + ((n + 7) >> 3) + ((n + 63) >> 6) + 5 + GZIP_HEAD + GZIP_TAIL;
	case EB_CODEC_ZSTD:
		return c->zstd.bound(n) + 4; /* the checksum */
	}
	return n;
}

static void put_le32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* One gzip member (RFC 1952) without name and time, of an unknown system: the same everywhere. */
static int gzip_block(struct eb_codec_ctx *x, const void *src, size_t n, void *dst, size_t dst_size,
		      size_t *ret_size, struct eb_error **err)
{
	static const uint8_t head[GZIP_HEAD] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255 };
	const struct zlib_fn *fn = &x->codec->zlib;
	uint8_t *out = dst;
	size_t size;
	int r;

	if (n > UINT32_MAX || dst_size > UINT32_MAX || dst_size < GZIP_HEAD + GZIP_TAIL)
		return eb_throw(err, EB_E_LIMIT, "gzip: a block of %zu bytes into %zu", n,
				dst_size);
	memcpy(out, head, GZIP_HEAD);
	x->zlib.next_in = (Bytef *)(uintptr_t)src;
	x->zlib.avail_in = (uInt)n;
	x->zlib.next_out = out + GZIP_HEAD;
	x->zlib.avail_out = (uInt)(dst_size - GZIP_HEAD - GZIP_TAIL);
	r = fn->reset(&x->zlib);
	if (r == Z_OK)
		r = fn->deflate(&x->zlib, Z_FINISH);
	if (r != Z_STREAM_END)
		return eb_throw(err, EB_E_LIMIT, "gzip: %zu bytes do not fit in %zu (%d)", n,
				dst_size, r);
	size = (size_t)(x->zlib.next_out - out);
	put_le32(out + size, (uint32_t)fn->crc(0, src, (uInt)n));
	put_le32(out + size + 4, (uint32_t)n);
	*ret_size = size + GZIP_TAIL;
	return 0;
}

int eb_codec_block(struct eb_codec_ctx *x, const void *src, size_t n, void *dst, size_t dst_size,
		   size_t *ret_size, struct eb_error **err)
{
	const struct eb_codec *c = x->codec;
	size_t size;

	if (!x->usable)
		return eb_throw(err, EB_E_LIMIT, "%s: no memory for compressing", c->version);
	if (c->kind == EB_CODEC_GZIP)
		return gzip_block(x, src, n, dst, dst_size, ret_size, err);
	if (c->kind == EB_CODEC_ZSTD) {
		size = c->zstd.compress(x->zstd, dst, dst_size, src, n);
		if (c->zstd.is_error(size))
			return eb_throw(err, EB_E_LIMIT, "%s: block of %zu bytes: %s", c->version,
					n, c->zstd.error_name(size));
		*ret_size = size;
		return 0;
	}
	if (dst_size < n)
		return eb_throw(err, EB_E_LIMIT, "%zu bytes do not fit in %zu", n, dst_size);
	if (n)
		memcpy(dst, src, n);
	*ret_size = n;
	return 0;
}
