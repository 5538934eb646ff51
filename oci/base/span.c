#include "base/span.h"

#include <ctype.h>
#include <stdio.h>
#include <time.h>

#include "base/error.h"
#include "base/mem.h"

struct eb_span eb_span_str(const char *s)
{
	return (struct eb_span){ s, s ? strlen(s) : 0 };
}

bool eb_span_eq(struct eb_span a, const char *s)
{
	return a.len == strlen(s) && (a.len == 0 || memcmp(a.ptr, s, a.len) == 0);
}

bool eb_span_starts(struct eb_span a, const char *prefix)
{
	size_t n = strlen(prefix);

	return a.len >= n && (n == 0 || memcmp(a.ptr, prefix, n) == 0);
}

bool eb_span_ends(struct eb_span a, const char *suffix)
{
	size_t n = strlen(suffix);

	return a.len >= n && (n == 0 || memcmp(a.ptr + a.len - n, suffix, n) == 0);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct eb_span eb_span_trim(struct eb_span a)
{
	while (a.len && is_blank(a.ptr[0])) {
		a.ptr++;
		a.len--;
	}
	while (a.len && is_blank(a.ptr[a.len - 1]))
		a.len--;
	return a;
}

bool eb_span_next(struct eb_span *rest, char sep, struct eb_span *ret)
{
	const char *end;
	size_t n;

	if (rest->len == 0)
		return false;
	end = memchr(rest->ptr, sep, rest->len);
	n = end ? (size_t)(end - rest->ptr) : rest->len;
	*ret = (struct eb_span){ rest->ptr, n };
	n += end ? 1 : 0;
	rest->ptr += n;
	rest->len -= n;
	return true;
}

bool eb_span_word(struct eb_span *rest, struct eb_span *ret)
{
	size_t n = 0;

	*rest = eb_span_trim(*rest);
	while (n < rest->len && !is_blank(rest->ptr[n]))
		n++;
	if (n == 0)
		return false;
	*ret = (struct eb_span){ rest->ptr, n };
	rest->ptr += n;
	rest->len -= n;
	return true;
}

char *eb_span_dup(struct eb_span a)
{
	char *s = eb_xmalloc(a.len + 1);

	if (a.len)
		memcpy(s, a.ptr, a.len);
	s[a.len] = '\0';
	return s;
}

char *eb_printable(const char *s, size_t max)
{
	size_t n = strnlen(s, max);
	char *out = eb_xmalloc(n + 4);

	for (size_t i = 0; i < n; i++)
		out[i] = (unsigned char)s[i] < 0x20 || s[i] == 0x7f ? '?' : s[i];
	snprintf(out + n, 4, "%s", s[n] ? "..." : "");
	return out;
}

static int parse_base(struct eb_span s, unsigned int base, uint64_t max, uint64_t *ret,
		      struct eb_error **err)
{
	int shown = s.len > 40 ? 40 : (int)s.len;
	uint64_t v = 0;

	if (s.len == 0)
		return eb_throw(err, EB_E_FORMAT, "expected a number, found nothing");
	for (size_t i = 0; i < s.len; i++) {
		unsigned int digit = (unsigned int)(unsigned char)s.ptr[i] - '0';

		if (digit >= base)
			return eb_throw(err, EB_E_FORMAT, "'%.*s' is not a number", shown, s.ptr);
		if (!eb_mul_u64(v, base, &v) || !eb_add_u64(v, digit, &v) || v > max)
			return eb_throw(err, EB_E_LIMIT, "'%.*s' is larger than %llu", shown, s.ptr,
					(unsigned long long)max);
	}
	*ret = v;
	return 0;
}

int eb_parse_u64(struct eb_span s, uint64_t max, uint64_t *ret, struct eb_error **err)
{
	return parse_base(s, 10, max, ret, err);
}

int eb_parse_octal(struct eb_span s, uint64_t max, uint64_t *ret, struct eb_error **err)
{
	return parse_base(s, 8, max, ret, err);
}

int eb_parse_bytes(struct eb_span s, uint64_t *ret, struct eb_error **err)
{
	static const char suffixes[] = "kMGT";
	uint64_t factor = 1, v;
	const char *at;
	int r;

	if (s.len && (at = strchr(suffixes, s.ptr[s.len - 1])) && *at) {
		factor = (uint64_t)1 << (10 * (at - suffixes + 1));
		s.len--;
	}
	r = eb_parse_u64(s, UINT64_MAX / factor, &v, err);
	if (r < 0)
		return r;
	*ret = v * factor;
	return 0;
}

/* Optimal string alignment distance of two short words; 99 when they are too long to compare. */
static size_t distance(const char *a, const char *b)
{
	enum { MAX = 48 };
	size_t n = strlen(a), m = strlen(b), rows[3][MAX + 1];

	if (n > MAX || m > MAX)
		return 99;
	for (size_t j = 0; j <= m; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t best = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);

			if (last[j] + 1 < best)
				best = last[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			now[j] = best;
		}
	}
	return rows[n % 3][m];
}

const char *eb_nearest(const char *word, const char *const *names)
{
	size_t best = 1 + strlen(word) / 3;
	const char *found = NULL;

	for (; *names; names++) {
		size_t d = distance(word, *names);

		if (d <= best && (!found || d < best)) {
			best = d;
			found = *names;
		}
	}
	return found;
}

void eb_format_time(int64_t epoch_sec, char out[static 32])
{
	time_t t = (time_t)epoch_sec;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(out, 32, "1970-01-01T00:00:00Z");
}
