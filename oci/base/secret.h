/* Memory that held a secret is overwritten before it is given back. */
#pragma once

#include "base/buf.h"

static inline void eb_wipe(void *p, size_t n)
{
	if (p)
		explicit_bzero(p, n);
}

/* Overwrite and free a string; NULL is nothing. */
static inline void eb_wipe_str(char *s)
{
	if (s)
		explicit_bzero(s, strlen(s));
	free(s);
}

static inline void eb_wipe_str_p(char **s)
{
	eb_wipe_str(*s);
}
#define autowipe EB_CLEANUP(eb_wipe_str_p)

/* Overwrite and release. What a buffer grew out of is not covered: eb_buf_reserve() first. */
static inline void eb_buf_wipe(struct eb_buf *b)
{
	eb_wipe(b->data, b->alloc);
	eb_buf_release(b);
}
static inline void eb_buf_wipe_p(struct eb_buf *b)
{
	eb_buf_wipe(b);
}
/* Declares a buffer with room for all of its cap, overwritten at the end of the scope. */
#define EB_SECRETBUF(name, cap_bytes)                                                              \
	EB_CLEANUP(eb_buf_wipe_p) struct eb_buf name = { .cap = (cap_bytes) };                     \
	eb_ignore(eb_buf_reserve(&(name), (cap_bytes)))
