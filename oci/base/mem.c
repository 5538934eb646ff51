#include "base/mem.h"

#include <stdalign.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"

enum { ARENA_CHUNK_BYTES = 64 * 1024 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, size;
	alignas(max_align_t) char data[];
};

struct eb_arena {
	struct arena_chunk *head;
	size_t used;
};

static EB_NORETURN void out_of_memory(void)
{
	static const char text[] = "ess-bundle: out of memory\n";

	eb_ignore(write(STDERR_FILENO, text, sizeof(text) - 1));
	abort();
}

static void *check(void *p)
{
	if (!p)
		out_of_memory();
	return p;
}

void *eb_xmalloc(size_t n)
{
	return check(malloc(n ? n : 1));
}

void *eb_xcalloc(size_t n, size_t size)
{
	return check(calloc(n ? n : 1, size ? size : 1));
}

char *eb_xstrdup(const char *s)
{
	return check(strdup(s));
}

char *eb_xstrndup(const char *s, size_t n)
{
	return check(strndup(s, n));
}

void *eb_xmemdup(const void *p, size_t n)
{
	void *copy = eb_xmalloc(n);

	if (n)
		memcpy(copy, p, n);
	return copy;
}

char *eb_xvasprintf(const char *fmt, va_list ap)
{
	char *s = NULL;

	if (vasprintf(&s, fmt, ap) < 0)
		out_of_memory();
	return s;
}

char *eb_xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = eb_xvasprintf(fmt, ap);
	va_end(ap);
	return s;
}

int eb_grow(void *p, size_t *alloc, size_t want, size_t size, size_t max, const char *what,
	    struct eb_error **err)
{
	void **pp = p;
	size_t n = *alloc ? *alloc : 16, bytes;
	void *q;

	if (want <= *alloc)
		return 0;
	if (want > max)
		return eb_throw(err, EB_E_LIMIT, "more than %zu %s", max, what);
	while (n < want)
		n = n > max / 2 ? max : n * 2;
	if (!eb_mul_size(n, size, &bytes))
		return eb_throw(err, EB_E_LIMIT, "%zu %s do not fit in memory", n, what);
	q = realloc(*pp, bytes);
	if (!q)
		return eb_throw(err, EB_E_LIMIT, "no memory for %zu %s", n, what);
	*pp = q;
	*alloc = n;
	return 0;
}

struct eb_arena *eb_arena_new(void)
{
	return eb_xcalloc(1, sizeof(struct eb_arena));
}

struct eb_arena *eb_arena_free(struct eb_arena *a)
{
	struct arena_chunk *next;

	if (!a)
		return NULL;
	for (struct arena_chunk *c = a->head; c; c = next) {
		next = c->next;
		free(c);
	}
	free(a);
	return NULL;
}

void *eb_arena_alloc(struct eb_arena *a, size_t n)
{
	const size_t mask = alignof(max_align_t) - 1;
	struct arena_chunk *c = a->head;
	size_t size;
	void *p;

	if (n > SIZE_MAX / 2)
		out_of_memory();
	n = (n + mask) & ~mask;
	if (!c || c->size - c->used < n) {
		size = n > ARENA_CHUNK_BYTES ? n : ARENA_CHUNK_BYTES;
		c = check(malloc(sizeof(*c) + size));
		c->next = a->head;
		c->used = 0;
		c->size = size;
		a->head = c;
	}
	p = c->data + c->used;
	c->used += n;
	a->used += n;
	memset(p, 0, n);
	return p;
}

char *eb_arena_strndup(struct eb_arena *a, const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *copy = eb_arena_alloc(a, len + 1);

	memcpy(copy, s, len);
	return copy;
}

char *eb_arena_strdup(struct eb_arena *a, const char *s)
{
	return eb_arena_strndup(a, s, strlen(s));
}

char *eb_arena_printf(struct eb_arena *a, const char *fmt, ...)
{
	va_list ap, again;
	char *s;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		out_of_memory();
	s = eb_arena_alloc(a, (size_t)n + 1);
	vsnprintf(s, (size_t)n + 1, fmt, again);
	va_end(again);
	return s;
}

size_t eb_arena_used(const struct eb_arena *a)
{
	return a->used;
}
