#include "registry/condition.h"

#include "base/error.h"
#include "base/span.h"

/* Digits only; what does not fit counts as very large. */
static bool number(struct eb_span s, uint64_t *ret)
{
	int r;

	if (s.len == 0 || s.len > 40)
		return false;
	r = eb_parse_u64(s, UINT64_MAX, ret, NULL);
	if (r == -EB_E_LIMIT)
		*ret = UINT64_MAX;
	return r >= 0 || r == -EB_E_LIMIT;
}

enum reg_range reg_range_parse(const char *header, uint64_t size, uint64_t *ret_first,
			       uint64_t *ret_bytes)
{
	struct eb_span s = eb_span_str(header), from, to;
	uint64_t first, last = UINT64_MAX;
	const char *dash;

	if (!header || s.len < 6 || strncasecmp(s.ptr, "bytes=", 6) != 0)
		return REG_RANGE_ALL;
	s = eb_span_trim((struct eb_span){ s.ptr + 6, s.len - 6 });
	dash = memchr(s.ptr, '-', s.len);
	if (!dash || memchr(s.ptr, ',', s.len))
		return REG_RANGE_ALL;
	from = eb_span_trim((struct eb_span){ s.ptr, (size_t)(dash - s.ptr) });
	to = eb_span_trim((struct eb_span){ dash + 1, s.len - (size_t)(dash - s.ptr) - 1 });
	if (from.len == 0) { /* the last so many */
		if (!number(to, &first))
			return REG_RANGE_ALL;
		if (first == 0 || size == 0)
			return REG_RANGE_UNSATISFIABLE;
		*ret_bytes = first < size ? first : size;
		*ret_first = size - *ret_bytes;
		return REG_RANGE_PART;
	}
	if (!number(from, &first) || (to.len && !number(to, &last)))
		return REG_RANGE_ALL;
	if (first >= size || last < first)
		return REG_RANGE_UNSATISFIABLE;
	if (last >= size)
		last = size - 1;
	*ret_first = first;
	*ret_bytes = last - first + 1;
	return REG_RANGE_PART;
}

bool reg_etag_matches(const char *list, const char *etag)
{
	struct eb_span rest = eb_span_str(list), one;

	while (eb_span_next(&rest, ',', &one)) {
		one = eb_span_trim(one);
		if (eb_span_eq(one, "*"))
			return true;
		if (eb_span_starts(one, "W/"))
			one = (struct eb_span){ one.ptr + 2, one.len - 2 };
		if (eb_span_eq(one, etag))
			return true;
	}
	return false;
}
