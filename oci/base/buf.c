#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "base/mem.h"

void eb_buf_init(struct eb_buf *b, size_t cap_bytes)
{
	*b = (struct eb_buf){ .cap = cap_bytes };
}

void eb_buf_release(struct eb_buf *b)
{
	free(b->data);
	b->data = NULL;
	b->len = b->alloc = 0;
}

char *eb_buf_reserve(struct eb_buf *b, size_t n)
{
	size_t want;
	char *p;

	if (b->overflow || n > b->cap || b->len > b->cap - n) {
		b->overflow = true;
		return NULL;
	}
	want = b->len + n + 1;
	if (want > b->alloc) {
		size_t alloc = b->alloc ? b->alloc : 64;

		while (alloc < want)
			alloc *= 2;
		p = realloc(b->data, alloc);
		if (!p) {
			b->overflow = true;
			return NULL;
		}
		b->data = p;
		b->alloc = alloc;
	}
	b->data[b->len + n] = '\0'; /* when all n are filled, the text still ends */
	return b->data + b->len;
}

void eb_buf_add(struct eb_buf *b, const void *p, size_t n)
{
	char *to = eb_buf_reserve(b, n);

	if (!to)
		return;
	if (n)
		memcpy(to, p, n);
	b->len += n;
	b->data[b->len] = '\0';
}

void eb_buf_adds(struct eb_buf *b, const char *s)
{
	eb_buf_add(b, s, strlen(s));
}

void eb_buf_addc(struct eb_buf *b, char c)
{
	eb_buf_add(b, &c, 1);
}

void eb_buf_addf(struct eb_buf *b, const char *fmt, ...)
{
	va_list ap, again;
	char *to;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	to = n < 0 ? NULL : eb_buf_reserve(b, (size_t)n);
	if (to) {
		vsnprintf(to, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	} else {
		b->overflow = true;
	}
	va_end(again);
}

void eb_buf_clear(struct eb_buf *b)
{
	b->len = 0;
	if (b->data)
		b->data[0] = '\0';
}

int eb_buf_check(const struct eb_buf *b, const char *what, struct eb_error **err)
{
	if (b->overflow)
		return eb_throw(err, EB_E_LIMIT, "%s is larger than %zu bytes", what, b->cap);
	return 0;
}

const char *eb_buf_str(struct eb_buf *b)
{
	return b->data ? b->data : "";
}

char *eb_buf_take(struct eb_buf *b)
{
	char *s = b->data ? EB_TAKE_PTR(b->data) : eb_xstrdup("");

	b->len = b->alloc = 0;
	return s;
}
