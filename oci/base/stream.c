#include "base/stream.h"

#include <errno.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"

enum { COPY_BYTES = 64 * 1024 };

ssize_t eb_read(struct eb_reader *r, void *p, size_t n, struct eb_error **err)
{
	return r->ops->read(r, p, n, err);
}

int eb_read_full(struct eb_reader *r, void *p, size_t n, struct eb_error **err)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = eb_read(r, (char *)p + done, n - done, err);

		if (got < 0)
			return (int)got;
		if (got == 0)
			return eb_throw(err, EB_E_FORMAT, "ends after %zu of %zu bytes", done, n);
		done += (size_t)got;
	}
	return 0;
}

int eb_read_skip(struct eb_reader *r, uint64_t n, struct eb_error **err)
{
	char buf[8192];

	while (n > 0) {
		size_t part = n < sizeof(buf) ? (size_t)n : sizeof(buf);
		int c = eb_read_full(r, buf, part, err);

		if (c < 0)
			return c;
		n -= part;
	}
	return 0;
}

int eb_read_all(struct eb_reader *r, struct eb_buf *b, const char *what, struct eb_error **err)
{
	char tmp[16384];

	for (;;) {
		ssize_t got = eb_read(r, tmp, sizeof(tmp), err);
		int c;

		if (got < 0)
			return (int)got;
		if (got == 0)
			return 0;
		eb_buf_add(b, tmp, (size_t)got);
		c = eb_buf_check(b, what, err);
		if (c < 0)
			return c;
	}
}

struct eb_reader *eb_reader_free(struct eb_reader *r)
{
	if (r)
		r->ops->free(r);
	return NULL;
}

/* ---- file region ---- */

struct region_reader {
	struct eb_reader base;
	int fd;
	uint64_t offset, left;
};

static ssize_t region_read(struct eb_reader *base, void *p, size_t n, struct eb_error **err)
{
	struct region_reader *r = (struct region_reader *)base;
	ssize_t got;

	if (n > r->left)
		n = (size_t)r->left;
	if (n == 0)
		return 0;
	do
		got = pread(r->fd, p, n, (off_t)r->offset);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return eb_throw_errno(err, "read %zu bytes at offset %llu", n,
				      (unsigned long long)r->offset);
	if (got == 0)
		return eb_throw(err, EB_E_FORMAT, "file ends at offset %llu, %llu bytes early",
				(unsigned long long)r->offset, (unsigned long long)r->left);
	r->offset += (uint64_t)got;
	r->left -= (uint64_t)got;
	return got;
}

static void plain_reader_free(struct eb_reader *base)
{
	free(base);
}

struct eb_reader *eb_reader_region(int fd, uint64_t offset, uint64_t size)
{
	static const struct eb_reader_ops ops = { region_read, plain_reader_free };
	struct region_reader *r = eb_xcalloc(1, sizeof(*r));

	*r = (struct region_reader){ { &ops }, fd, offset, size };
	return &r->base;
}

/* ---- file descriptor ---- */

struct fd_reader {
	struct eb_reader base;
	int fd;
	bool own;
};

static ssize_t fd_read(struct eb_reader *base, void *p, size_t n, struct eb_error **err)
{
	struct fd_reader *r = (struct fd_reader *)base;
	ssize_t got;

	do
		got = read(r->fd, p, n);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return eb_throw_errno(err, "read");
	return got;
}

static void fd_reader_free(struct eb_reader *base)
{
	struct fd_reader *r = (struct fd_reader *)base;

	if (r->own)
		close(r->fd);
	free(r);
}

struct eb_reader *eb_reader_fd(int fd, bool own)
{
	static const struct eb_reader_ops ops = { fd_read, fd_reader_free };
	struct fd_reader *r = eb_xcalloc(1, sizeof(*r));

	*r = (struct fd_reader){ { &ops }, fd, own };
	return &r->base;
}

/* ---- memory ---- */

struct mem_reader {
	struct eb_reader base;
	const char *p;
	size_t left;
};

static ssize_t mem_read(struct eb_reader *base, void *p, size_t n, struct eb_error **err)
{
	struct mem_reader *r = (struct mem_reader *)base;

	(void)err;
	if (n > r->left)
		n = r->left;
	if (n)
		memcpy(p, r->p, n);
	r->p += n;
	r->left -= n;
	return (ssize_t)n;
}

struct eb_reader *eb_reader_mem(const void *p, size_t n)
{
	static const struct eb_reader_ops ops = { mem_read, plain_reader_free };
	struct mem_reader *r = eb_xcalloc(1, sizeof(*r));

	*r = (struct mem_reader){ { &ops }, p, n };
	return &r->base;
}

/* ---- limit ---- */

struct limit_reader {
	struct eb_reader base;
	struct eb_reader *in;
	uint64_t max, left;
	char *what;
};

static ssize_t limit_read(struct eb_reader *base, void *p, size_t n, struct eb_error **err)
{
	struct limit_reader *r = (struct limit_reader *)base;
	size_t want = n > r->left ? (size_t)r->left : n;
	char probe;
	ssize_t got;

	if (want == 0) {
		got = eb_read(r->in, &probe, 1, err);
		if (got <= 0)
			return got;
		return eb_throw(err, EB_E_LIMIT, "%s is larger than %llu bytes", r->what,
				(unsigned long long)r->max);
	}
	got = eb_read(r->in, p, want, err);
	if (got > 0)
		r->left -= (uint64_t)got;
	return got;
}

static void limit_free(struct eb_reader *base)
{
	struct limit_reader *r = (struct limit_reader *)base;

	eb_reader_free(r->in);
	free(r->what);
	free(r);
}

struct eb_reader *eb_reader_limit(struct eb_reader *in, uint64_t max, const char *what)
{
	static const struct eb_reader_ops ops = { limit_read, limit_free };
	struct limit_reader *r = eb_xcalloc(1, sizeof(*r));

	*r = (struct limit_reader){ { &ops }, in, max, max, eb_xstrdup(what) };
	return &r->base;
}

/* ---- verify ---- */

struct verify_reader {
	struct eb_reader base;
	struct eb_reader *in;
	struct eb_hash *hash;
	char expect[EB_HASH_MAX_HEX + 1];
	const char *alg;
	uint64_t size, seen;
	char *what;
	bool done;
};

static ssize_t verify_end(struct verify_reader *r, struct eb_error **err)
{
	char got[EB_HASH_MAX_HEX + 1];

	if (r->done)
		return 0;
	if (r->size != UINT64_MAX && r->seen != r->size)
		return eb_throw(err, EB_E_DIGEST, "%s: expected %llu bytes, found %llu", r->what,
				(unsigned long long)r->size, (unsigned long long)r->seen);
	eb_hash_final_hex(r->hash, got);
	if (strcmp(got, r->expect) != 0)
		return eb_throw(err, EB_E_DIGEST, "%s: expected %s:%s, found %s:%s", r->what,
				r->alg, r->expect, r->alg, got);
	r->done = true;
	return 0;
}

static ssize_t verify_read(struct eb_reader *base, void *p, size_t n, struct eb_error **err)
{
	struct verify_reader *r = (struct verify_reader *)base;
	ssize_t got = r->done ? 0 : eb_read(r->in, p, n, err);

	if (got < 0)
		return got;
	if (got == 0)
		return verify_end(r, err);
	r->seen += (uint64_t)got;
	if (r->size != UINT64_MAX && r->seen > r->size)
		return eb_throw(err, EB_E_DIGEST, "%s: longer than the expected %llu bytes",
				r->what, (unsigned long long)r->size);
	eb_hash_update(r->hash, p, (size_t)got);
	return got;
}

static void verify_free(struct eb_reader *base)
{
	struct verify_reader *r = (struct verify_reader *)base;

	eb_reader_free(r->in);
	eb_hash_free(r->hash);
	free(r->what);
	free(r);
}

struct eb_reader *eb_reader_verify(struct eb_reader *in, const char *expect_hex, uint64_t size,
				   const char *what)
{
	static const struct eb_reader_ops ops = { verify_read, verify_free };
	struct verify_reader *r = eb_xcalloc(1, sizeof(*r));
	bool is_512 = strlen(expect_hex) == EB_HASH_MAX_HEX;

	r->base.ops = &ops;
	r->in = in;
	r->hash = eb_hash_new(is_512 ? EB_SHA512 : EB_SHA256);
	r->alg = is_512 ? "sha512" : "sha256";
	snprintf(r->expect, sizeof(r->expect), "%s", expect_hex);
	r->size = size;
	r->what = eb_xstrdup(what);
	return &r->base;
}

/* ---- writers ---- */

int eb_write(struct eb_writer *w, const void *p, size_t n, struct eb_error **err)
{
	return n ? w->ops->write(w, p, n, err) : 0;
}

int eb_writer_finish(struct eb_writer *w, struct eb_error **err)
{
	return w->ops->finish ? w->ops->finish(w, err) : 0;
}

struct eb_writer *eb_writer_free(struct eb_writer *w)
{
	if (w)
		w->ops->free(w);
	return NULL;
}

static void plain_writer_free(struct eb_writer *base)
{
	free(base);
}

struct region_writer {
	struct eb_writer base;
	int fd;
	uint64_t offset, left, max;
};

static int region_write(struct eb_writer *base, const void *p, size_t n, struct eb_error **err)
{
	struct region_writer *w = (struct region_writer *)base;

	if (n > w->left)
		return eb_throw(err, EB_E_LIMIT, "more than the %llu bytes set aside",
				(unsigned long long)w->max);
	while (n > 0) {
		ssize_t did = pwrite(w->fd, p, n, (off_t)w->offset);

		if (did < 0 && errno == EINTR)
			continue;
		if (did < 0)
			return eb_throw_errno(err, "write %zu bytes at offset %llu", n,
					      (unsigned long long)w->offset);
		p = (const char *)p + did;
		n -= (size_t)did;
		w->offset += (uint64_t)did;
		w->left -= (uint64_t)did;
	}
	return 0;
}

struct eb_writer *eb_writer_region(int fd, uint64_t offset, uint64_t max)
{
	static const struct eb_writer_ops ops = { region_write, NULL, plain_writer_free };
	struct region_writer *w = eb_xcalloc(1, sizeof(*w));

	*w = (struct region_writer){ { &ops }, fd, offset, max, max };
	return &w->base;
}

struct fd_writer {
	struct eb_writer base;
	int fd;
	bool own;
};

static int fd_write(struct eb_writer *base, const void *p, size_t n, struct eb_error **err)
{
	struct fd_writer *w = (struct fd_writer *)base;

	while (n > 0) {
		ssize_t did = write(w->fd, p, n);

		if (did < 0 && errno == EINTR)
			continue;
		if (did < 0)
			return eb_throw_errno(err, "write %zu bytes", n);
		p = (const char *)p + did;
		n -= (size_t)did;
	}
	return 0;
}

static void fd_writer_free(struct eb_writer *base)
{
	struct fd_writer *w = (struct fd_writer *)base;

	if (w->own)
		close(w->fd);
	free(w);
}

struct eb_writer *eb_writer_fd(int fd, bool own)
{
	static const struct eb_writer_ops ops = { fd_write, NULL, fd_writer_free };
	struct fd_writer *w = eb_xcalloc(1, sizeof(*w));

	*w = (struct fd_writer){ { &ops }, fd, own };
	return &w->base;
}

struct buf_writer {
	struct eb_writer base;
	struct eb_buf *buf;
};

static int buf_write(struct eb_writer *base, const void *p, size_t n, struct eb_error **err)
{
	struct buf_writer *w = (struct buf_writer *)base;

	eb_buf_add(w->buf, p, n);
	return eb_buf_check(w->buf, "output", err);
}

struct eb_writer *eb_writer_buf(struct eb_buf *b)
{
	static const struct eb_writer_ops ops = { buf_write, NULL, plain_writer_free };
	struct buf_writer *w = eb_xcalloc(1, sizeof(*w));

	*w = (struct buf_writer){ { &ops }, b };
	return &w->base;
}

struct hash_writer {
	struct eb_writer base;
	struct eb_writer *out;
	struct eb_hash *hash;
	uint64_t size;
};

static int hash_write(struct eb_writer *base, const void *p, size_t n, struct eb_error **err)
{
	struct hash_writer *w = (struct hash_writer *)base;

	eb_hash_update(w->hash, p, n);
	w->size += n;
	return w->out ? eb_write(w->out, p, n, err) : 0;
}

static int hash_finish(struct eb_writer *base, struct eb_error **err)
{
	struct hash_writer *w = (struct hash_writer *)base;

	return w->out ? eb_writer_finish(w->out, err) : 0;
}

static void hash_writer_free(struct eb_writer *base)
{
	struct hash_writer *w = (struct hash_writer *)base;

	eb_hash_free(w->hash);
	free(w);
}

struct eb_writer *eb_writer_hash(struct eb_writer *out)
{
	static const struct eb_writer_ops ops = { hash_write, hash_finish, hash_writer_free };
	struct hash_writer *w = eb_xcalloc(1, sizeof(*w));

	*w = (struct hash_writer){ { &ops }, out, eb_hash_new(EB_SHA256), 0 };
	return &w->base;
}

uint64_t eb_writer_hash_size(const struct eb_writer *w)
{
	return ((const struct hash_writer *)w)->size;
}

void eb_writer_hash_hex(const struct eb_writer *w, char out[static EB_SHA256_HEX + 1])
{
	char hex[EB_HASH_MAX_HEX + 1];

	eb_hash_peek_hex(((const struct hash_writer *)w)->hash, hex);
	memcpy(out, hex, EB_SHA256_HEX + 1);
}

int eb_copy(struct eb_reader *r, struct eb_writer *w, uint64_t *ret_bytes, struct eb_error **err)
{
	autofree char *buf = eb_xmalloc(COPY_BYTES);
	uint64_t total = 0;

	for (;;) {
		ssize_t got = eb_read(r, buf, COPY_BYTES, err);
		int c;

		if (got < 0)
			return (int)got;
		if (got == 0)
			break;
		c = eb_write(w, buf, (size_t)got, err);
		if (c < 0)
			return c;
		total += (uint64_t)got;
	}
	if (ret_bytes)
		*ret_bytes = total;
	return 0;
}
