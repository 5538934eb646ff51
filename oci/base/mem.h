/* Memory. Small, bounded allocations abort when memory runs out (an untested branch is a
 * liability); whatever is sized by input goes through eb_buf or eb_reallocarray. The arena owns
 * many small objects of one document and frees them at once. */
#pragma once

#include <stdarg.h>

#include "base/cleanup.h"

struct eb_error;

void *eb_xmalloc(size_t n) EB_MALLOC;
void *eb_xcalloc(size_t n, size_t size) EB_MALLOC;
char *eb_xstrdup(const char *s) EB_MALLOC;
char *eb_xstrndup(const char *s, size_t n) EB_MALLOC;
void *eb_xmemdup(const void *p, size_t n) EB_MALLOC;
char *eb_xasprintf(const char *fmt, ...) EB_PRINTF(1, 2) EB_MALLOC;
char *eb_xvasprintf(const char *fmt, va_list ap) EB_PRINTF(1, 0) EB_MALLOC;

/* Grow *p (elements of `size` bytes) to hold at least `want` elements, doubling *alloc. Fails with
 * EB_E_LIMIT above `max` elements, naming `what`. *p and *alloc are untouched on failure. */
int eb_grow(void *p, size_t *alloc, size_t want, size_t size, size_t max, const char *what,
	    struct eb_error **err) EB_MUST_CHECK;

/* Arena: allocations live until eb_arena_free(). Not thread-safe. */
struct eb_arena;
struct eb_arena *eb_arena_new(void) EB_MALLOC;
struct eb_arena *eb_arena_free(struct eb_arena *a);
EB_DEFINE_CLEANUP(struct eb_arena *, eb_arena_free)
void *eb_arena_alloc(struct eb_arena *a, size_t n); /* zeroed, aligned for any type; never NULL */
char *eb_arena_strdup(struct eb_arena *a, const char *s);
char *eb_arena_strndup(struct eb_arena *a, const char *s, size_t n);
char *eb_arena_printf(struct eb_arena *a, const char *fmt, ...) EB_PRINTF(2, 3);
size_t eb_arena_used(const struct eb_arena *a); /* bytes handed out so far */

/* Overflow-checked arithmetic on input: false on overflow, *ret untouched. */
static inline bool eb_add_u64(uint64_t a, uint64_t b, uint64_t *ret)
{
	uint64_t v;

	if (__builtin_add_overflow(a, b, &v))
		return false;
	*ret = v;
	return true;
}

static inline bool eb_mul_u64(uint64_t a, uint64_t b, uint64_t *ret)
{
	uint64_t v;

	if (__builtin_mul_overflow(a, b, &v))
		return false;
	*ret = v;
	return true;
}

static inline bool eb_mul_size(size_t a, size_t b, size_t *ret)
{
	size_t v;

	if (__builtin_mul_overflow(a, b, &v))
		return false;
	*ret = v;
	return true;
}
