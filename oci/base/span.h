/* Views into text that somebody else owns, and the number parsers. A span is not NUL-terminated. */
#pragma once

struct eb_error;

struct eb_span {
	const char *ptr;
	size_t len;
};

#define EB_SPAN(s) ((struct eb_span){ (s), sizeof(s) - 1 })

struct eb_span
eb_span_str(const char *s); /* of a NUL-terminated string; NULL gives the empty one */
bool eb_span_eq(struct eb_span a, const char *s);
bool eb_span_starts(struct eb_span a, const char *prefix);
bool eb_span_ends(struct eb_span a, const char *suffix);
struct eb_span eb_span_trim(struct eb_span a); /* blanks, tabs, CR, LF at both ends */

/* Take the part up to the next `sep` off the front of *rest (sep itself is dropped). False when
 * *rest is exhausted; an empty last part after a trailing sep is not returned. */
bool eb_span_next(struct eb_span *rest, char sep, struct eb_span *ret);
/* The same for words separated by runs of blanks and tabs. */
bool eb_span_word(struct eb_span *rest, struct eb_span *ret);

char *eb_span_dup(struct eb_span a); /* heap, NUL-terminated */
/* The first max bytes of s for a message (heap): control characters become '?', a cut is shown by
 * "...". For names that others chose. */
char *eb_printable(const char *s, size_t max);

/* Decimal digits only, no sign, no blanks, value <= max. Errors: EB_E_FORMAT, EB_E_LIMIT. */
int eb_parse_u64(struct eb_span s, uint64_t max, uint64_t *ret,
		 struct eb_error **err) EB_MUST_CHECK;
/* Octal digits only, value <= max (file modes). */
int eb_parse_octal(struct eb_span s, uint64_t max, uint64_t *ret,
		   struct eb_error **err) EB_MUST_CHECK;
/* Bytes with an optional suffix k, M, G, T (powers of 1024). */
int eb_parse_bytes(struct eb_span s, uint64_t *ret, struct eb_error **err) EB_MUST_CHECK;

/* The entry of the NULL-terminated `names` closest to `word` (edit distance), or NULL if nothing is
 * near enough to be what was meant. For "did you mean" answers. */
const char *eb_nearest(const char *word, const char *const *names);

/* RFC 3339 UTC form of seconds since the epoch, "2026-11-23T18:00:00Z", into out. */
void eb_format_time(int64_t epoch_sec, char out[static 32]);
