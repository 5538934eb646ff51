/* Byte streams. Everything that moves bytes takes a reader or a writer, so a file region, memory, a
 * registry blob and an archive member look the same. Filters own the stream they wrap unless said
 * otherwise. A stream belongs to one thread at a time. */
#pragma once

#include "base/cleanup.h"
#include "base/hash.h"

struct eb_buf;
struct eb_error;

struct eb_reader;
struct eb_reader_ops {
	/* Up to n bytes (n > 0) into p: the count, 0 at the end, negative code on failure. */
	ssize_t (*read)(struct eb_reader *r, void *p, size_t n, struct eb_error **err);
	void (*free)(struct eb_reader *r);
};
/* Implementations embed this as their first member. */
struct eb_reader {
	const struct eb_reader_ops *ops;
};

ssize_t eb_read(struct eb_reader *r, void *p, size_t n, struct eb_error **err) EB_MUST_CHECK;
/* Exactly n bytes or EB_E_FORMAT ("ends after ..."). */
int eb_read_full(struct eb_reader *r, void *p, size_t n, struct eb_error **err) EB_MUST_CHECK;
/* Read and drop exactly n bytes. */
int eb_read_skip(struct eb_reader *r, uint64_t n, struct eb_error **err) EB_MUST_CHECK;
/* Append everything up to the end to b (its cap is the limit; EB_E_LIMIT names `what`). */
int eb_read_all(struct eb_reader *r, struct eb_buf *b, const char *what,
		struct eb_error **err) EB_MUST_CHECK;
struct eb_reader *eb_reader_free(struct eb_reader *r);
EB_DEFINE_CLEANUP(struct eb_reader *, eb_reader_free)

/* `size` bytes of fd from `offset` with pread; the file position is not used, so several readers
 * may share fd. fd is not closed. A file that is shorter gives EB_E_FORMAT. */
struct eb_reader *eb_reader_region(int fd, uint64_t offset, uint64_t size) EB_MALLOC;
/* fd from its position to its end with read() (pipes too). Closes fd when `own`. */
struct eb_reader *eb_reader_fd(int fd, bool own) EB_MALLOC;
struct eb_reader *eb_reader_mem(const void *p, size_t n) EB_MALLOC; /* borrows p */
/* At most max bytes: reading on gives EB_E_LIMIT naming `what` (copied). Takes ownership of in. */
struct eb_reader *eb_reader_limit(struct eb_reader *in, uint64_t max, const char *what) EB_MALLOC;
/* Checks at the end of `in` that its SHA-256 (SHA-512 for 128 digits) is `expect_hex` and, unless
 * UINT64_MAX, its size; so read on to the end before trusting what was read:
 * EB_E_DIGEST naming `what` otherwise. Takes ownership of in. */
struct eb_reader *eb_reader_verify(struct eb_reader *in, const char *expect_hex, uint64_t size,
				   const char *what) EB_MALLOC;

struct eb_writer;
struct eb_writer_ops {
	int (*write)(struct eb_writer *w, const void *p, size_t n, struct eb_error **err);
	int (*finish)(struct eb_writer *w, struct eb_error **err); /* may be NULL */
	void (*free)(struct eb_writer *w);
};
struct eb_writer {
	const struct eb_writer_ops *ops;
};

/* All n bytes or a failure. */
int eb_write(struct eb_writer *w, const void *p, size_t n, struct eb_error **err) EB_MUST_CHECK;
/* Flush what is buffered; nothing may be written after it. */
int eb_writer_finish(struct eb_writer *w, struct eb_error **err) EB_MUST_CHECK;
struct eb_writer *eb_writer_free(struct eb_writer *w);
EB_DEFINE_CLEANUP(struct eb_writer *, eb_writer_free)

/* pwrite into fd from `offset` on, at most `max` bytes (EB_E_LIMIT above). fd is not closed. */
struct eb_writer *eb_writer_region(int fd, uint64_t offset, uint64_t max) EB_MALLOC;
struct eb_writer *eb_writer_fd(int fd, bool own) EB_MALLOC;  /* write() at the position */
struct eb_writer *eb_writer_buf(struct eb_buf *b) EB_MALLOC; /* borrows b */
/* Counts and hashes (SHA-256) what passes on to `out`, which is borrowed and may be NULL. */
struct eb_writer *eb_writer_hash(struct eb_writer *out) EB_MALLOC;
uint64_t eb_writer_hash_size(const struct eb_writer *w);
void eb_writer_hash_hex(const struct eb_writer *w, char out[static EB_SHA256_HEX + 1]);

/* Everything from r to w; *ret_bytes may be NULL. */
int eb_copy(struct eb_reader *r, struct eb_writer *w, uint64_t *ret_bytes,
	    struct eb_error **err) EB_MUST_CHECK;
