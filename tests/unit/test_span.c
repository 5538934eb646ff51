#include "base/span.h"

#include "testlib.h"

TEST(span, next_drops_empty_last_part)
{
	struct eb_span rest = EB_SPAN("a,,b,"), part;

	CHECK(eb_span_next(&rest, ',', &part) && eb_span_eq(part, "a"));
	CHECK(eb_span_next(&rest, ',', &part) && eb_span_eq(part, ""));
	CHECK(eb_span_next(&rest, ',', &part) && eb_span_eq(part, "b"));
	CHECK(!eb_span_next(&rest, ',', &part));
}

TEST(span, word_skips_runs_of_blanks)
{
	struct eb_span rest = EB_SPAN("  one \t two\n"), part;

	CHECK(eb_span_word(&rest, &part) && eb_span_eq(part, "one"));
	CHECK(eb_span_word(&rest, &part) && eb_span_eq(part, "two"));
	CHECK(!eb_span_word(&rest, &part));
}

TEST(span, trim_starts_ends)
{
	struct eb_span s = eb_span_trim((struct eb_span)EB_SPAN(" \tx y\r\n"));

	CHECK(eb_span_eq(s, "x y"));
	CHECK(eb_span_starts(s, "x") && !eb_span_starts(s, "x y z"));
	CHECK(eb_span_ends(s, " y") && !eb_span_ends(s, "xx y"));
	CHECK_INT(eb_span_trim((struct eb_span)EB_SPAN(" \t ")).len, 0);
	CHECK_INT(eb_span_str(NULL).len, 0);
}

TEST(span, parse_u64_accepts_digits_up_to_max_only)
{
	autoerror struct eb_error *e = NULL;
	uint64_t v = 5;

	CHECK_OK(eb_parse_u64((struct eb_span)EB_SPAN("18446744073709551615"), UINT64_MAX, &v, &e),
		 e);
	CHECK(v == UINT64_MAX);
	v = 5;
	CHECK_FAIL(
		eb_parse_u64((struct eb_span)EB_SPAN("18446744073709551616"), UINT64_MAX, &v, &e),
		EB_E_LIMIT, "larger than", e);
	CHECK_FAIL(eb_parse_u64((struct eb_span)EB_SPAN("11"), 10, &v, &e), EB_E_LIMIT,
		   "larger than 10", e);
	CHECK_FAIL(eb_parse_u64((struct eb_span)EB_SPAN(""), 10, &v, &e), EB_E_FORMAT,
		   "found nothing", e);
	CHECK_FAIL(eb_parse_u64((struct eb_span)EB_SPAN("+1"), 10, &v, &e), EB_E_FORMAT,
		   "'+1' is not a number", e);
	CHECK_FAIL(eb_parse_u64((struct eb_span)EB_SPAN(" 1"), 10, &v, &e), EB_E_FORMAT,
		   "not a number", e);
	CHECK_INT(v, 5); /* untouched on failure */
}

TEST(span, parse_octal_and_bytes)
{
	autoerror struct eb_error *e = NULL;
	uint64_t v = 0;

	CHECK_OK(eb_parse_octal((struct eb_span)EB_SPAN("0755"), 07777, &v, &e), e);
	CHECK_INT(v, 0755);
	CHECK_FAIL(eb_parse_octal((struct eb_span)EB_SPAN("0855"), 07777, &v, &e), EB_E_FORMAT,
		   "not a number", e);
	CHECK_OK(eb_parse_bytes((struct eb_span)EB_SPAN("3k"), &v, &e), e);
	CHECK_INT(v, 3072);
	CHECK_OK(eb_parse_bytes((struct eb_span)EB_SPAN("2T"), &v, &e), e);
	CHECK(v == (uint64_t)2 << 40);
	CHECK_FAIL(eb_parse_bytes((struct eb_span)EB_SPAN("18446744073709551615k"), &v, &e),
		   EB_E_LIMIT, "larger than", e);
	CHECK_FAIL(eb_parse_bytes((struct eb_span)EB_SPAN("k"), &v, &e), EB_E_FORMAT,
		   "found nothing", e);
}

TEST(span, nearest_finds_what_was_meant)
{
	static const char *const names[] = { "packages", "exclude", "remove", NULL };

	CHECK_STR(eb_nearest("packges", names), "packages");
	CHECK_STR(eb_nearest("pakcages", names), "packages");
	CHECK_STR(eb_nearest("removed", names), "remove");
	CHECK(eb_nearest("zzz", names) == NULL);
	CHECK(eb_nearest("a-word-that-is-much-too-long-to-be-compared-with-any-name", names) ==
	      NULL);
}

TEST(span, format_time_is_utc)
{
	char s[32];

	eb_format_time(1763773844, s);
	CHECK_STR(s, "2025-11-22T01:10:44Z");
	eb_format_time(-1, s);
	CHECK_STR(s, "1969-12-31T23:59:59Z");
}
