/* The first line as a range of versions and as a pattern, the second as a tag: nothing crashes or
 * hangs, and the order of versions is one. */
#include "base/error.h"
#include "base/mem.h"
#include "mirror/choose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

static void check_order(const char *a, const char *b)
{
	struct mir_version x, y;

	if (sign(mir_tag_cmp(a, b)) != -sign(mir_tag_cmp(b, a)) || mir_tag_cmp(a, a) != 0 ||
	    (strcmp(a, b) != 0 && mir_tag_cmp(a, b) == 0))
		abort();
	if (mir_version_parse(eb_span_str(a), &x) && mir_version_parse(eb_span_str(b), &y) &&
	    sign(mir_version_cmp(&x, &y)) != -sign(mir_version_cmp(&y, &x)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
	size_t n = end ? (size_t)(end - data) : size, rest = end ? size - n - 1 : 0;
	autofree char *first = eb_xstrndup((const char *)data, n);
	autofree char *tag = eb_xstrndup(end ? (const char *)end + 1 : "", rest < 128 ? rest : 128);
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *arena = eb_arena_new();
	EB_CLEANUP(mir_pattern_release_p) struct mir_pattern p = { .text = NULL };
	const struct mir_range *r = NULL;
	struct eb_error *e = NULL;
	struct mir_version v;
	bool is_version = mir_version_parse(eb_span_str(tag), &v);

	if (mir_range_parse(first, arena, &r, &e) >= 0) {
		/* Who asks for pre-releases gets no less. */
		if (is_version && mir_range_has(r, &v, false) && !mir_range_has(r, &v, true))
			abort();
	} else if (!e) {
		abort();
	}
	eb_error_clear(&e);
	if (mir_pattern_init(first, &p, &e) >= 0)
		(void)mir_pattern_matches(&p, tag);
	else if (!e)
		abort();
	eb_error_clear(&e);
	check_order(first, tag);
	return 0;
}
