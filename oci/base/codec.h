/* Compression. The codec shapes the bytes of a layer, so it is an input: a library that a lock
 * names is loaded from its own file (a copy in memory), and the system's only as a fall-back that
 * the caller reports. A layer is a row of independent blocks (zstd frames or gzip members), each
 * compressed with fixed parameters and with its size known; the library's own threads are never
 * used. Parameters are format constants: same library + same level + same block = same bytes. */
#pragma once

#include "base/cleanup.h"

struct eb_error;
struct eb_reader;

enum eb_codec_kind { EB_CODEC_NONE, EB_CODEC_GZIP, EB_CODEC_ZSTD };

struct eb_codec; /* immutable after opening; shared by threads */

/* The system's library (dlopen by soname). Levels: zstd 1 to 19, gzip 1 to 9, none ignores it.
 * Errors: EB_E_USAGE (level), EB_E_NOT_FOUND (no such library), EB_E_UNSUPPORTED (too old). */
int eb_codec_open_system(enum eb_codec_kind kind, int level, struct eb_codec **ret,
			 struct eb_error **err) EB_MUST_CHECK;
/* The library in `image` (an ELF shared object of this machine, n bytes), put into a memfd. It
 * is code: check its digest first. Independent of the library the program is linked with. Errors:
 * as above, EB_E_FORMAT (not ELF), EB_E_UNSUPPORTED (another machine's, or needs a newer libc). */
int eb_codec_open_image(enum eb_codec_kind kind, int level, const void *image, size_t n,
			struct eb_codec **ret, struct eb_error **err) EB_MUST_CHECK;
struct eb_codec *eb_codec_free(struct eb_codec *c);
EB_DEFINE_CLEANUP(struct eb_codec *, eb_codec_free)

enum eb_codec_kind eb_codec_kind(const struct eb_codec *c);
int eb_codec_level(const struct eb_codec *c);
const char *eb_codec_version(const struct eb_codec *c); /* "zstd 1.5.7", "zlib 1.3.1" */
/* "zstd", "gzip", "none", and back (EB_E_NOT_FOUND names the known ones). */
const char *eb_codec_name(enum eb_codec_kind kind);
int eb_codec_parse(const char *name, enum eb_codec_kind *ret, struct eb_error **err) EB_MUST_CHECK;
int eb_codec_default_level(enum eb_codec_kind kind);

/* Scratch memory of one compressing thread, reused from block to block. */
struct eb_codec_ctx;
struct eb_codec_ctx *eb_codec_ctx_new(const struct eb_codec *c) EB_MALLOC;
struct eb_codec_ctx *eb_codec_ctx_free(struct eb_codec_ctx *x);
EB_DEFINE_CLEANUP(struct eb_codec_ctx *, eb_codec_ctx_free)
/* Most bytes that n bytes can become. */
size_t eb_codec_bound(const struct eb_codec *c, size_t n);
/* One whole block: dst has eb_codec_bound(n) bytes. EB_CODEC_NONE copies. */
int eb_codec_block(struct eb_codec_ctx *x, const void *src, size_t n, void *dst, size_t dst_size,
		   size_t *ret_size, struct eb_error **err) EB_MUST_CHECK;

/* Decompress a stream of frames or members (system libraries; any number of them, nothing after
 * the last). Output above max_bytes, or above `ratio` times the input (0 = no such limit; the first
 * MiB is free), and zstd windows over 64 MiB fail with EB_E_LIMIT; damage, truncation, an empty
 * stream and anything after the last frame with EB_E_FORMAT. Takes ownership of in, always. */
int eb_codec_reader(enum eb_codec_kind kind, struct eb_reader *in, uint64_t max_bytes,
		    unsigned int ratio, struct eb_reader **ret,
		    struct eb_error **err) EB_MUST_CHECK;
