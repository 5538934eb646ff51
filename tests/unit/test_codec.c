#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/codec.h"
#include "base/stream.h"
#include "testlib.h"

extern char **environ;

/* Text that compresses, different for each seed: runs copied from a little before. */
static uint8_t *sample(size_t n, uint64_t seed)
{
	uint8_t *p = eb_xmalloc(n + 1);
	size_t back = 0, left = 0;

	for (size_t i = 0; i < n; i++) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		if (left == 0 && i > 300 && seed >> 62 == 0) {
			back = 1 + (seed >> 40) % 300;
			left = 4 + (seed >> 20) % 30;
		}
		p[i] = left > 0 ? p[i - back] : (uint8_t)('a' + (seed >> 33) % 26);
		left -= left > 0;
	}
	return p;
}

static void compress_to(const struct eb_codec *c, struct eb_codec_ctx *x, const void *p, size_t n,
			struct eb_buf *out)
{
	autoerror struct eb_error *e = NULL;
	size_t bound = eb_codec_bound(c, n), size = 0;
	char *to = eb_buf_reserve(out, bound);

	CHECK(to != NULL);
	CHECK_OK(eb_codec_block(x, p, n, to, bound, &size, &e), e);
	CHECK(size <= bound);
	out->len += size;
}

static struct eb_codec *open_system(enum eb_codec_kind kind, int level)
{
	autoerror struct eb_error *e = NULL;
	struct eb_codec *c = NULL;

	CHECK_OK(eb_codec_open_system(kind, level, &c, &e), e);
	return c;
}

/* Everything that comes out of a reader over p, which must fail or not. */
static int decompress(enum eb_codec_kind kind, const void *p, size_t n, uint64_t max,
		      unsigned int ratio, struct eb_buf *out, struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *r = NULL;
	int c = eb_codec_reader(kind, eb_reader_mem(p, n), max, ratio, &r, err);

	return c < 0 ? c : eb_read_all(r, out, "output", err);
}

TEST(codec, names_and_levels)
{
	autoerror struct eb_error *e = NULL;
	struct eb_codec *c = NULL;
	enum eb_codec_kind kind;

	CHECK_OK(eb_codec_parse("gzip", &kind, &e), e);
	CHECK_INT(kind, EB_CODEC_GZIP);
	CHECK_OK(eb_codec_parse(eb_codec_name(EB_CODEC_ZSTD), &kind, &e), e);
	CHECK_INT(kind, EB_CODEC_ZSTD);
	CHECK_FAIL(eb_codec_parse("lz4", &kind, &e), EB_E_NOT_FOUND, "zstd, gzip or none", e);
	CHECK_FAIL(eb_codec_open_system(EB_CODEC_ZSTD, 20, &c, &e), EB_E_USAGE,
		   "zstd level 20: expected 1 to 19", e);
	CHECK_FAIL(eb_codec_open_system(EB_CODEC_GZIP, 0, &c, &e), EB_E_USAGE,
		   "gzip level 0: expected 1 to 9", e);
	CHECK(c == NULL);
}

TEST(codec, system_library_says_its_version)
{
	EB_CLEANUP(eb_codec_free_p) struct eb_codec *z = open_system(EB_CODEC_ZSTD, 3);
	EB_CLEANUP(eb_codec_free_p) struct eb_codec *g = open_system(EB_CODEC_GZIP, 9);
	EB_CLEANUP(eb_codec_free_p) struct eb_codec *n = open_system(EB_CODEC_NONE, 0);
	autofree char *zstd = eb_xasprintf("zstd %s", ZSTD_versionString());
	autofree char *zlib = eb_xasprintf("zlib %s", zlibVersion());

	CHECK_STR(eb_codec_version(z), zstd);
	CHECK_STR(eb_codec_version(g), zlib);
	CHECK_STR(eb_codec_version(n), "none");
	CHECK_INT(eb_codec_level(z), 3);
	CHECK_INT(eb_codec_kind(g), EB_CODEC_GZIP);
}

/* Blocks of many sizes, one after the other, come back through one reader; a used context makes the
 * same bytes as a new one. */
static void round_trip(enum eb_codec_kind kind, int level)
{
	static const size_t sizes[] = { 1, 0, 100000, 17, 1 << 18, 513 };
	EB_CLEANUP(eb_codec_free_p) struct eb_codec *c = open_system(kind, level);
	EB_CLEANUP(eb_codec_ctx_free_p) struct eb_codec_ctx *used = eb_codec_ctx_new(c);
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(packed, 8 << 20);
	EB_AUTOBUF(plain, 8 << 20);
	EB_AUTOBUF(back, 8 << 20);

	for (size_t i = 0; i < EB_ARRAY_LEN(sizes); i++) {
		EB_CLEANUP(eb_codec_ctx_free_p) struct eb_codec_ctx *fresh = eb_codec_ctx_new(c);
		autofree uint8_t *p = sample(sizes[i], i);
		EB_AUTOBUF(again, 8 << 20);
		size_t before = packed.len;

		eb_buf_add(&plain, p, sizes[i]);
		compress_to(c, used, p, sizes[i], &packed);
		compress_to(c, fresh, p, sizes[i], &again);
		CHECK_INT(packed.len - before, again.len);
		CHECK(memcmp(packed.data + before, again.data, again.len) == 0);
	}
	CHECK(kind == EB_CODEC_NONE || packed.len < plain.len);
	CHECK_OK(decompress(kind, packed.data, packed.len, plain.len, 1000, &back, &e), e);
	CHECK_INT(back.len, plain.len);
	CHECK(memcmp(back.data, plain.data, plain.len) == 0);
}

TEST(codec, zstd_round_trips_at_every_level)
{
	for (int level = 1; level <= 19; level++)
		round_trip(EB_CODEC_ZSTD, level);
}

TEST(codec, gzip_round_trips_at_every_level)
{
	for (int level = 1; level <= 9; level++)
		round_trip(EB_CODEC_GZIP, level);
}

TEST(codec, none_round_trips)
{
	round_trip(EB_CODEC_NONE, 0);
}

TEST(codec, zstd_frame_has_content_size_and_checksum)
{
	EB_CLEANUP(eb_codec_free_p) struct eb_codec *c = open_system(EB_CODEC_ZSTD, 9);
	EB_CLEANUP(eb_codec_ctx_free_p) struct eb_codec_ctx *x = eb_codec_ctx_new(c);
	autofree uint8_t *p = sample(300000, 1);
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(out, 1 << 20);
	EB_AUTOBUF(back, 1 << 20);

	compress_to(c, x, p, 300000, &out);
	CHECK_INT(ZSTD_getFrameContentSize(out.data, out.len), 300000);
	out.data[out.len - 1] ^= 1;
	CHECK_FAIL(decompress(EB_CODEC_ZSTD, out.data, out.len, 1 << 20, 0, &back, &e), EB_E_FORMAT,
		   "checksum", e);
}

TEST(codec, gzip_header_is_fixed)
{
	static const uint8_t want[10] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255 };
	EB_CLEANUP(eb_codec_free_p) struct eb_codec *c = open_system(EB_CODEC_GZIP, 9);
	EB_CLEANUP(eb_codec_ctx_free_p) struct eb_codec_ctx *x = eb_codec_ctx_new(c);
	EB_AUTOBUF(out, 1000);

	compress_to(c, x, "abc", 3, &out);
	CHECK(memcmp(out.data, want, sizeof(want)) == 0);
	CHECK_INT((uint8_t)out.data[out.len - 4], 3);
}

TEST(codec, block_into_too_little_space_fails)
{
	static const enum eb_codec_kind kinds[] = { EB_CODEC_NONE, EB_CODEC_GZIP, EB_CODEC_ZSTD };
	autofree uint8_t *p = sample(10000, 1);

	for (size_t i = 0; i < EB_ARRAY_LEN(kinds); i++) {
		EB_CLEANUP(eb_codec_free_p) struct eb_codec *c = open_system(kinds[i], 1);
		EB_CLEANUP(eb_codec_ctx_free_p) struct eb_codec_ctx *x = eb_codec_ctx_new(c);
		autoerror struct eb_error *e = NULL;
		size_t size = 77;
		char small[100];

		CHECK_FAIL(eb_codec_block(x, p, 10000, small, sizeof(small), &size, &e), EB_E_LIMIT,
			   "10000 bytes", e);
		CHECK_INT(size, 77);
	}
}

/* ---- reading ---- */

static void pack(enum eb_codec_kind kind, const void *p, size_t n, struct eb_buf *out)
{
	EB_CLEANUP(eb_codec_free_p) struct eb_codec *c = open_system(kind, 1);
	EB_CLEANUP(eb_codec_ctx_free_p) struct eb_codec_ctx *x = eb_codec_ctx_new(c);

	compress_to(c, x, p, n, out);
}

static void check_damage(enum eb_codec_kind kind, const char *name)
{
	autoerror struct eb_error *e = NULL;
	autofree uint8_t *p = sample(50000, 3);
	autofree char *cut_off = eb_xasprintf("%s: the stream is cut off after ", name);
	EB_AUTOBUF(in, 1 << 20);
	EB_AUTOBUF(out, 1 << 20);
	size_t half;

	pack(kind, p, 50000, &in);
	half = in.len;
	pack(kind, p, 50000, &in);
	CHECK_OK(decompress(kind, in.data, half, 50000, 0, &out, &e), e);
	CHECK_FAIL(decompress(kind, in.data, in.len - 1, 1 << 20, 0, &out, &e), EB_E_FORMAT,
		   cut_off, e);
	CHECK_FAIL(decompress(kind, in.data, half / 2, 1 << 20, 0, &out, &e), EB_E_FORMAT, cut_off,
		   e);
	CHECK_FAIL(decompress(kind, in.data, half + 1, 1 << 20, 0, &out, &e), EB_E_FORMAT, cut_off,
		   e);
	CHECK_FAIL(decompress(kind, "", 0, 1 << 20, 0, &out, &e), EB_E_FORMAT, "stream is empty",
		   e);
	eb_buf_adds(&in, "garbage at the end");
	CHECK_FAIL(decompress(kind, in.data, in.len, 1 << 20, 0, &out, &e), EB_E_FORMAT, name, e);
	memset(in.data + in.len - 18, 0, 18);
	CHECK_FAIL(decompress(kind, in.data, in.len, 1 << 20, 0, &out, &e), EB_E_FORMAT, name, e);
	in.data[half / 2] ^= 0x40;
	CHECK_FAIL(decompress(kind, in.data, half, 1 << 20, 0, &out, &e), EB_E_FORMAT, name, e);
}

TEST(codec, reader_refuses_damage)
{
	check_damage(EB_CODEC_ZSTD, "zstd");
	check_damage(EB_CODEC_GZIP, "gzip");
}

TEST(codec, reader_holds_limits)
{
	static const enum eb_codec_kind kinds[] = { EB_CODEC_GZIP, EB_CODEC_ZSTD };
	enum { N = 4 << 20 };
	autofree uint8_t *zeros = eb_xcalloc(1, N);

	for (size_t i = 0; i < EB_ARRAY_LEN(kinds); i++) {
		autoerror struct eb_error *e = NULL;
		EB_AUTOBUF(in, 8 << 20);
		EB_AUTOBUF(out, 8 << 20);

		pack(kinds[i], zeros, N, &in);
		CHECK_OK(decompress(kinds[i], in.data, in.len, N, 0, &out, &e), e);
		CHECK_INT(out.len, N);
		eb_buf_clear(&out);
		CHECK_FAIL(decompress(kinds[i], in.data, in.len, N - 1, 0, &out, &e), EB_E_LIMIT,
			   "decompresses to more than 4194303 bytes", e);
		eb_buf_clear(&out);
		CHECK_FAIL(decompress(kinds[i], in.data, in.len, N, 100, &out, &e), EB_E_LIMIT,
			   "more than 100 times as many", e);
	}
}

TEST(codec, reader_refuses_large_window)
{
	/* A frame header that asks for 2^27 bytes: magic, descriptor 0, window byte (27 - 10) << 3.
	 */
	uint8_t frame[] = { 0x28, 0xb5, 0x2f, 0xfd, 0, 17 << 3, 1, 0, 0 };
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(out, 100);

	CHECK_FAIL(decompress(EB_CODEC_ZSTD, frame, sizeof(frame), 100, 0, &out, &e), EB_E_LIMIT,
		   "needs a window of more than 64 MiB (limit 'window')", e);
	frame[5] = 16 << 3;
	CHECK_OK(decompress(EB_CODEC_ZSTD, frame, sizeof(frame), 100, 0, &out, &e), e);
	CHECK_INT(out.len, 0);
}

/* Hands out one byte at a time, then fails if told to. */
struct drip {
	struct eb_reader base;
	const char *p;
	size_t left;
	bool fail;
};

static ssize_t drip_read(struct eb_reader *base, void *p, size_t n, struct eb_error **err)
{
	struct drip *d = (struct drip *)base;

	(void)n;
	if (d->left == 0)
		return d->fail ? eb_throw(err, EIO, "the disk is gone") : 0;
	memcpy(p, d->p++, 1);
	d->left--;
	return 1;
}

static void drip_free(struct eb_reader *base)
{
	free(base);
}

static struct eb_reader *drip_new(const struct eb_buf *b, bool fail)
{
	static const struct eb_reader_ops ops = { drip_read, drip_free };
	struct drip *d = eb_xcalloc(1, sizeof(*d));

	*d = (struct drip){ { &ops }, b->data, b->len, fail };
	return &d->base;
}

TEST(codec, reader_takes_input_byte_by_byte)
{
	static const enum eb_codec_kind kinds[] = { EB_CODEC_GZIP, EB_CODEC_ZSTD };
	autofree uint8_t *p = sample(20000, 9);

	for (size_t i = 0; i < EB_ARRAY_LEN(kinds); i++) {
		EB_CLEANUP(eb_reader_free_p) struct eb_reader *r = NULL, *broken = NULL;
		autoerror struct eb_error *e = NULL;
		EB_AUTOBUF(in, 1 << 20);
		EB_AUTOBUF(out, 1 << 20);

		pack(kinds[i], p, 20000, &in);
		pack(kinds[i], p, 20000, &in);
		CHECK_OK(eb_codec_reader(kinds[i], drip_new(&in, false), 1 << 20, 0, &r, &e), e);
		CHECK_OK(eb_read_all(r, &out, "output", &e), e);
		CHECK_INT(out.len, 40000);
		CHECK(memcmp(out.data + 20000, p, 20000) == 0);
		CHECK_OK(eb_codec_reader(kinds[i], drip_new(&in, true), 1 << 20, 0, &broken, &e),
			 e);
		CHECK_FAIL(eb_read_all(broken, &out, "output", &e), EIO, "the disk is gone", e);
		CHECK_FAIL(eb_read_all(broken, &out, "output", &e), EIO, "went wrong before", e);
	}
}

/* ---- libraries from images ---- */

/* A stand-in for libzstd whose compress function calls an exported function of its own that the
 * system's library has as well. Whoever wrote the linker's rules: the image's own must be taken. */
static const char stand_in[] =
	"#include <stddef.h>\n#include <string.h>\n"
	"const char *ZSTD_versionString(void) { return \"9.9.9\"; }\n"
	"void *ZSTD_createCCtx(void) { return (void *)\"\"; }\n"
	"size_t ZSTD_freeCCtx(void *x) { (void)x; return 0; }\n"
	"size_t ZSTD_CCtx_setParameter(void *x, int p, int v) { (void)x; return p < v ? 0 : 0; }\n"
	"size_t ZSTD_compressBound(size_t n) { return n + 64; }\n"
	"unsigned ZSTD_isError(size_t c) { return c > 1000000; }\n"
	"const char *ZSTD_getErrorName(size_t c) { (void)c; return \"stand-in\"; }\n"
	"size_t ZSTD_compress2(void *x, char *dst, size_t d, const void *src, size_t n)\n"
	"{ (void)x; (void)d; (void)src; (void)n;\n"
	"  strcpy(dst, ZSTD_getErrorName(0)); return strlen(dst); }\n";

static bool build_stand_in(const char *source, const char *object)
{
	const char *argv[] = { "cc", "-shared", "-fPIC", "-Wl,-soname,libzstd.so.1",
			       "-o", object,	source,	 NULL };
	autoerror struct eb_error *e = NULL;
	int status;
	pid_t pid;

	CHECK_OK(eb_file_write(source, stand_in, sizeof(stand_in) - 1, 0600, &e), e);
	if (posix_spawnp(&pid, "cc", NULL, NULL, (char **)(uintptr_t)argv, environ) != 0)
		return false;
	return waitpid(pid, &status, 0) == pid && status == 0;
}

TEST(codec, image_uses_its_own_functions)
{
	const char *source = test_path("stand-in.c"), *object = test_path("libzstd.so.1");
	EB_CLEANUP(eb_codec_free_p) struct eb_codec *c = NULL, *second = NULL;
	EB_CLEANUP(eb_codec_free_p) struct eb_codec *mine = open_system(EB_CODEC_ZSTD, 9);
	EB_CLEANUP(eb_codec_ctx_free_p) struct eb_codec_ctx *x = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(image, 8 << 20);
	EB_AUTOBUF(out, 1000);

	if (!build_stand_in(source, object))
		test_skip("no C compiler");
	CHECK_OK(eb_file_read(object, &image, &e), e);
	CHECK_OK(eb_codec_open_image(EB_CODEC_ZSTD, 9, image.data, image.len, &c, &e), e);
	CHECK_STR(eb_codec_version(c), "zstd 9.9.9");
	x = eb_codec_ctx_new(c);
	compress_to(c, x, "data", 4, &out);
	CHECK_INT(out.len, 8);
	CHECK(memcmp(out.data, "stand-in", 8) == 0);
	/* Again, while the first is open, and both gone when the system's is used on. */
	CHECK_OK(eb_codec_open_image(EB_CODEC_ZSTD, 3, image.data, image.len, &second, &e), e);
	x = eb_codec_ctx_free(x);
	c = eb_codec_free(c);
	second = eb_codec_free(second);
	CHECK(strcmp(eb_codec_version(mine), "zstd 9.9.9") != 0);
	CHECK_FAIL(eb_codec_open_image(EB_CODEC_GZIP, 9, image.data, image.len, &c, &e),
		   EB_E_UNSUPPORTED, "libz.so.1 has no function zlibVersion", e);
}

/* The path of a library that this process has mapped. */
static char *mapped_path(const char *name)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(maps, 4 << 20);
	char *at, *start;

	CHECK_OK(eb_file_read("/proc/self/maps", &maps, &e), e);
	at = strstr(maps.data, name);
	if (!at)
		return NULL;
	for (start = at; *start != ' '; start--)
		;
	return eb_xstrndup(start + 1, strcspn(start + 1, "\n"));
}

TEST(codec, image_of_the_system_library_makes_the_same_bytes)
{
	static const struct {
		enum eb_codec_kind kind;
		const char *name;
	} libs[] = { { EB_CODEC_ZSTD, "/libzstd.so" }, { EB_CODEC_GZIP, "/libz.so" } };

	for (size_t i = 0; i < EB_ARRAY_LEN(libs); i++) {
		EB_CLEANUP(eb_codec_free_p) struct eb_codec *s = open_system(libs[i].kind, 9);
		EB_CLEANUP(eb_codec_free_p) struct eb_codec *c = NULL;
		EB_CLEANUP(eb_codec_ctx_free_p) struct eb_codec_ctx *sx = NULL, *cx = NULL;
		autofree char *path = mapped_path(libs[i].name);
		autofree uint8_t *p = sample(200000, i);
		autoerror struct eb_error *e = NULL;
		EB_AUTOBUF(image, 8 << 20);
		EB_AUTOBUF(a, 1 << 20);
		EB_AUTOBUF(b, 1 << 20);

		CHECK(path != NULL);
		CHECK_OK(eb_file_read(path, &image, &e), e);
		CHECK_OK(eb_codec_open_image(libs[i].kind, 9, image.data, image.len, &c, &e), e);
		CHECK_STR(eb_codec_version(c), eb_codec_version(s));
		sx = eb_codec_ctx_new(s);
		cx = eb_codec_ctx_new(c);
		compress_to(s, sx, p, 200000, &a);
		compress_to(c, cx, p, 200000, &b);
		CHECK_INT(a.len, b.len);
		CHECK(memcmp(a.data, b.data, a.len) == 0);
	}
}

TEST(codec, image_that_is_no_library_is_refused)
{
	autoerror struct eb_error *e = NULL;
	struct eb_codec *c = NULL;
	char fake[256] = "\177ELF";

	CHECK_FAIL(eb_codec_open_image(EB_CODEC_ZSTD, 9, "!<arch>\n", 8, &c, &e), EB_E_FORMAT,
		   "libzstd.so.1 is not an ELF shared object", e);
	CHECK_FAIL(eb_codec_open_image(EB_CODEC_ZSTD, 9, fake, sizeof(fake), &c, &e),
		   EB_E_UNSUPPORTED, "load libzstd.so.1 from its package", e);
	CHECK_FAIL(eb_codec_open_image(EB_CODEC_NONE, 0, fake, sizeof(fake), &c, &e), EB_E_USAGE,
		   "needs no library", e);
	CHECK(c == NULL);
}
