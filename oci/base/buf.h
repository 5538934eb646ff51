/* A growable byte buffer that cannot be used without a cap. Running over the cap is sticky: later
 * additions do nothing, and eb_buf_check() reports it once at the end, so that inner loops stay
 * clean. data is always NUL-terminated when len > 0 or after eb_buf_str(). */
#pragma once

#include "base/cleanup.h"

struct eb_error;

struct eb_buf {
	char *data;
	size_t len, alloc;
	size_t cap; /* most bytes it may ever hold */
	bool overflow;
};

void eb_buf_init(struct eb_buf *b, size_t cap_bytes);
void eb_buf_release(struct eb_buf *b);
EB_DEFINE_RELEASE(struct eb_buf, eb_buf_release)
/* Declares an empty buffer that is released at the end of the scope. */
#define EB_AUTOBUF(name, cap_bytes)                                                                \
	EB_CLEANUP(eb_buf_release_p) struct eb_buf name = { .cap = (cap_bytes) }

void eb_buf_add(struct eb_buf *b, const void *p, size_t n);
void eb_buf_adds(struct eb_buf *b, const char *s);
void eb_buf_addc(struct eb_buf *b, char c);
void eb_buf_addf(struct eb_buf *b, const char *fmt, ...) EB_PRINTF(2, 3);
void eb_buf_clear(struct eb_buf *b); /* len = 0, the memory and an overflow stay */

/* Room for n more bytes at the end and a NUL behind them: where to write them (then add n to len),
 * or NULL over the cap. */
char *eb_buf_reserve(struct eb_buf *b, size_t n);

/* EB_E_LIMIT naming `what` if anything was dropped, else 0. */
int eb_buf_check(const struct eb_buf *b, const char *what, struct eb_error **err) EB_MUST_CHECK;

const char *eb_buf_str(struct eb_buf *b); /* never NULL; valid until the next addition */
char *eb_buf_take(struct eb_buf *b);	  /* the string (heap, caller frees); b becomes empty */
