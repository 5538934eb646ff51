#include "pkg/zip_write.h"

#include <zlib.h>

enum { DOS_DATE = 0x21 /* 1980-01-01 */, UNIX = 3 };

static void put16(struct eb_buf *b, uint32_t v)
{
	eb_buf_addc(b, (char)(v & 255));
	eb_buf_addc(b, (char)(v >> 8 & 255));
}

static void put32(struct eb_buf *b, uint32_t v)
{
	put16(b, v & 0xffff);
	put16(b, v >> 16);
}

/* Version needed, flags, method, time, date, checksum, both sizes, lengths of name and extra field:
 * the same in both headers. */
static void put_common(struct eb_buf *b, const char *path, uint32_t crc, size_t n)
{
	put16(b, 20);
	put16(b, 0);
	put16(b, 0);
	put16(b, 0);
	put16(b, DOS_DATE);
	put32(b, crc);
	put32(b, (uint32_t)n);
	put32(b, (uint32_t)n);
	put16(b, (uint32_t)strlen(path));
	put16(b, 0);
}

void pkg_zip_writer_init(struct pkg_zip_writer *w, struct eb_buf *out)
{
	w->out = out;
	w->n = 0;
	eb_buf_init(&w->directory, out->cap);
}

void pkg_zip_writer_add(struct pkg_zip_writer *w, const char *path, const void *p, size_t n)
{
	uint32_t crc = (uint32_t)crc32_z(0, p, n), offset = (uint32_t)w->out->len;

	put32(w->out, 0x04034b50);
	put_common(w->out, path, crc, n);
	eb_buf_adds(w->out, path);
	eb_buf_add(w->out, p, n);
	put32(&w->directory, 0x02014b50);
	put16(&w->directory, UNIX << 8 | 20);
	put_common(&w->directory, path, crc, n);
	put16(&w->directory, 0); /* comment */
	put16(&w->directory, 0); /* volume */
	put16(&w->directory, 0); /* internal attributes */
	put32(&w->directory, (uint32_t)0100644 << 16);
	put32(&w->directory, offset);
	eb_buf_adds(&w->directory, path);
	w->n++;
}

void pkg_zip_writer_end(struct pkg_zip_writer *w)
{
	uint32_t start = (uint32_t)w->out->len;

	eb_buf_add(w->out, w->directory.data, w->directory.len);
	put32(w->out, 0x06054b50);
	put16(w->out, 0);
	put16(w->out, 0);
	put16(w->out, w->n);
	put16(w->out, w->n);
	put32(w->out, (uint32_t)w->directory.len);
	put32(w->out, start);
	put16(w->out, 0);
	eb_buf_release(&w->directory);
}
