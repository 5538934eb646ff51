/* Conditional and partial requests: Range, If-Range, If-None-Match (RFC 9110, sections 13 and 14).
 */
#pragma once

enum reg_range {
	REG_RANGE_ALL, /* no range, several, or one that is to be ignored: send everything */
	REG_RANGE_PART,
	REG_RANGE_UNSATISFIABLE, /* 416 */
};

/* header: the value of Range, or NULL. On REG_RANGE_PART *ret_first is the offset of the first byte
 * and *ret_bytes how many there are, at least 1 and within size; else both are untouched. Several
 * ranges are answered with everything, which a client has to expect. */
enum reg_range reg_range_parse(const char *header, uint64_t size, uint64_t *ret_first,
			       uint64_t *ret_bytes);

/* Does the list of If-None-Match name this (strong) tag, which includes its quotes? Compared
 * weakly, as it has to be there; "*" matches. */
bool reg_etag_matches(const char *list, const char *etag);
