#include "base/xz.h"

#include <errno.h>
#include <lzma.h>

#include "base/stream.h"
#include "testlib.h"

enum { CAP = 8 << 20, BLOCK_HEADER = LZMA_STREAM_HEADER_SIZE };

static void pack(const void *p, size_t n, struct eb_buf *out)
{
	lzma_stream s = LZMA_STREAM_INIT;
	size_t room = n + 65536;
	char *to = eb_buf_reserve(out, room);

	CHECK(to != NULL);
	CHECK_INT(lzma_easy_encoder(&s, 0, LZMA_CHECK_CRC64), LZMA_OK);
	s.next_in = p;
	s.avail_in = n;
	s.next_out = (uint8_t *)to;
	s.avail_out = room;
	CHECK_INT(lzma_code(&s, LZMA_FINISH), LZMA_STREAM_END);
	out->len += room - s.avail_out;
	lzma_end(&s);
}

/* Put another dictionary size into the header of the first block (xz-file-format 5.3.1). */
static void set_dictionary(struct eb_buf *b, uint8_t bits)
{
	uint8_t *h = (uint8_t *)b->data + BLOCK_HEADER;
	size_t n = ((size_t)h[0] + 1) * 4 - 4;
	uint32_t crc;

	CHECK_INT(h[1], 0); /* one filter, no sizes */
	CHECK_INT(h[2], 0x21);
	h[4] = bits;
	crc = lzma_crc32(h, n, 0);
	for (int i = 0; i < 4; i++)
		h[n + (size_t)i] = (uint8_t)(crc >> 8 * i);
}

static int unpack(const struct eb_buf *b, unsigned int ratio, struct eb_buf *out,
		  struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *r = NULL;
	int c = eb_xz_reader(eb_reader_mem(b->data, b->len), ratio, &r, err);

	eb_buf_clear(out);
	return c < 0 ? c : eb_read_all(r, out, "output", err);
}

TEST(xz, streams_one_after_the_other_are_read)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);
	EB_AUTOBUF(out, CAP);

	pack("one ", 4, &b);
	pack("two", 3, &b);
	pack("", 0, &b);
	CHECK_OK(unpack(&b, 0, &out, &e), e);
	CHECK_STR(eb_buf_str(&out), "one two");
}

TEST(xz, large_dictionary_is_refused_before_it_takes_memory)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);
	EB_AUTOBUF(out, CAP);

	pack("text", 4, &b);
	set_dictionary(&b, 28); /* 64 MiB, as of `xz -9` */
	CHECK_OK(unpack(&b, 0, &out, &e), e);
	CHECK_STR(eb_buf_str(&out), "text");
	for (uint8_t bits = 29; bits <= 40; bits++) {
		set_dictionary(&b, bits);
		CHECK_FAIL(unpack(&b, 0, &out, &e), EB_E_LIMIT, "(limit 'dictionary': 64 MiB)", e);
	}
	set_dictionary(&b, 41);
	CHECK_FAIL(unpack(&b, 0, &out, &e), EB_E_FORMAT, "xz: unknown options at byte", e);
}

TEST(xz, damage_is_refused)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);
	EB_AUTOBUF(out, CAP);

	CHECK_FAIL(unpack(&b, 0, &out, &e), EB_E_FORMAT, "cut off after 0 bytes", e);
	pack("some text", 9, &b);
	for (size_t i = 0; i < b.len; i++) {
		b.data[i] ^= 1;
		CHECK_INT(unpack(&b, 0, &out, &e), -EB_E_FORMAT);
		eb_error_clear(&e);
		b.data[i] ^= 1;
	}
	for (size_t n = b.len, i = 1; i < n; i++) {
		b.len = i;
		CHECK_FAIL(unpack(&b, 0, &out, &e), EB_E_FORMAT, "xz: the stream is cut off", e);
		b.len = n;
	}
	eb_buf_adds(&b, "and more text");
	CHECK_FAIL(unpack(&b, 0, &out, &e), EB_E_FORMAT,
		   "or bytes follow its end, at or before byte", e);
	eb_buf_clear(&b);
	eb_buf_adds(&b, "no such stream");
	CHECK_FAIL(unpack(&b, 0, &out, &e), EB_E_FORMAT, "is not an .xz stream", e);
}

TEST(xz, bomb_is_stopped)
{
	autofree char *zeros = eb_xcalloc(1, 4 << 20);
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);
	EB_AUTOBUF(out, CAP);

	pack(zeros, 4 << 20, &b);
	CHECK_OK(unpack(&b, 0, &out, &e), e);
	CHECK_INT(out.len, 4 << 20);
	CHECK_FAIL(unpack(&b, 1000, &out, &e), EB_E_LIMIT, "more than 1000 times as many", e);
	CHECK(out.len < 3 << 20);
}

static ssize_t broken_read(struct eb_reader *r, void *p, size_t n, struct eb_error **err)
{
	(void)r;
	(void)p;
	(void)n;
	return eb_throw(err, EIO, "the disk is gone");
}

static void broken_free(struct eb_reader *r)
{
	(void)r;
}

TEST(xz, errors_of_the_input_keep_their_code)
{
	static const struct eb_reader_ops ops = { broken_read, broken_free };
	static struct eb_reader in = { &ops };
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *r = NULL;
	autoerror struct eb_error *e = NULL;
	char c;

	CHECK_OK(eb_xz_reader(&in, 0, &r, &e), e);
	CHECK_FAIL(eb_read(r, &c, 1, &e), EIO, "the disk is gone", e);
}
