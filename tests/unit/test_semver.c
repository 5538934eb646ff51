#include "mirror/semver.h"

#include "testlib.h"

static bool parse(const char *text, struct mir_version *ret)
{
	return mir_version_parse(eb_span_str(text), ret);
}

TEST(semver, version_parse_takes_what_tags_look_like)
{
	static const struct {
		const char *text;
		unsigned long long number[3];
		const char *pre;
	} good[] = {
		{ "1", { 1, 0, 0 }, "" },
		{ "v1.4", { 1, 4, 0 }, "" },
		{ "V1.4.2", { 1, 4, 2 }, "" },
		{ "2024.01.15", { 2024, 1, 15 }, "" },
		{ "1.2.3-rc.1", { 1, 2, 3 }, "rc.1" },
		{ "8.2-alpine3.20", { 8, 2, 0 }, "alpine3.20" },
		{ "1.2.3+build.5", { 1, 2, 3 }, "" },
		{ "1.2.3-a_build", { 1, 2, 3 }, "a" },
		{ "999999999999999999.0.0", { 999999999999999999, 0, 0 }, "" },
	};
	static const char *const bad[] = {
		"",	 "v",	  "latest", "1.",     "1..2",	"1.2.3.4",
		"1.2.x", "*",	  "1.2-",   "1-a..b", "1-.a",	"1-a.",
		"1+",	 "1-a b", "-1",	    "1a",     "1.2.3!", "1234567890123456789"
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(good); i++) {
		struct mir_version v;
		autofree char *pre = NULL;

		if (!parse(good[i].text, &v))
			test_fail(__FILE__, __LINE__, "'%s' is refused", good[i].text);
		for (size_t k = 0; k < 3; k++)
			CHECK_INT(v.number[k], good[i].number[k]);
		pre = eb_span_dup(v.pre);
		CHECK_STR(pre, good[i].pre);
	}
	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++) {
		struct mir_version v;

		if (parse(bad[i], &v))
			test_fail(__FILE__, __LINE__, "'%s' is taken", bad[i]);
	}
}

/* The example of semver.org, section 11, and more. */
TEST(semver, version_cmp_is_the_precedence_of_the_standard)
{
	static const char *const rising[] = { "0.0.1",
					      "0.9",
					      "1.0.0-0",
					      "1.0.0-1",
					      "1.0.0-alpha",
					      "1.0.0-alpha.1",
					      "1.0.0-alpha.beta",
					      "1.0.0-beta",
					      "1.0.0-beta.2",
					      "1.0.0-beta.11",
					      "1.0.0-rc.1",
					      "1.0.0",
					      "1.0.1",
					      "1.2",
					      "1.10",
					      "2",
					      "10.0.0" };

	for (size_t i = 0; i < EB_ARRAY_LEN(rising); i++)
		for (size_t k = 0; k < EB_ARRAY_LEN(rising); k++) {
			struct mir_version a, b;
			int c;

			CHECK(parse(rising[i], &a) && parse(rising[k], &b));
			c = mir_version_cmp(&a, &b);
			if ((c > 0) - (c < 0) != (i > k) - (i < k))
				test_fail(__FILE__, __LINE__, "'%s' and '%s': %d", rising[i],
					  rising[k], c);
		}
}

TEST(semver, version_cmp_leaves_build_metadata_and_zeros_out)
{
	struct mir_version a, b;

	CHECK(parse("1.2.3+a", &a) && parse("v1.02.3_b", &b));
	CHECK_INT(mir_version_cmp(&a, &b), 0);
	CHECK(parse("1-0010", &a) && parse("1-10", &b));
	CHECK_INT(mir_version_cmp(&a, &b), 0);
}

static bool has(const char *range, const char *version, bool pre)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *arena = eb_arena_new();
	autoerror struct eb_error *e = NULL;
	const struct mir_range *r;
	struct mir_version v;

	CHECK_OK(mir_range_parse(range, arena, &r, &e), e);
	CHECK(parse(version, &v));
	return mir_range_has(r, &v, pre);
}

TEST(semver, range_has_what_it_says)
{
	static const struct {
		const char *range, *in, *out; /* versions by blanks */
	} cases[] = {
		{ ">=1.2 <2", "1.2 1.2.0 1.9.99 v1.5", "1.1.9 2 2.0.0 2.0.1" },
		{ ">=1.2,<2", "1.2 1.9", "2" },
		{ ">= 1.2  < 2", "1.2 1.9", "2" },
		{ ">=1.2<2", "1.2 1.9", "2" },
		{ ">1.2", "1.3 2", "1.2.0 1.2.9" },
		{ ">1.2.3", "1.2.4", "1.2.3 1.2" },
		{ "<=1.2", "1.2.99 1.0", "1.3" },
		{ "<=1.2.3", "1.2.3", "1.2.4" },
		{ "<1.2", "1.1.99", "1.2.0" },
		{ "^1.4", "1.4.0 1.99", "1.3.9 2.0.0 0.9" },
		{ "^1.4.2", "1.4.2 1.5", "1.4.1 2" },
		{ "^0.4", "0.4.0 0.4.9", "0.5 1.0 0.3" },
		{ "^0.0.3", "0.0.3", "0.0.4 0.1" },
		{ "^0.0", "0.0.1", "0.1" },
		{ "^0", "0.1 0.99.1", "1.0" },
		{ "~1.4", "1.4 1.4.99", "1.5 1.3" },
		{ "~1.4.2", "1.4.2 1.4.9", "1.4.1 1.5" },
		{ "~1", "1.0 1.99", "2.0" },
		{ "1.x", "1.0 1.99.1", "0.9 2.0" },
		{ "1.2.*", "1.2 1.2.9", "1.3" },
		{ "1", "1 1.7.3", "2" },
		{ "=1.2", "1.2.9", "1.3" },
		{ "1.2.3", "1.2.3 v1.2.3 1.2.3+x", "1.2.4 1.2.2" },
		{ "v1.2.3", "1.2.3", "1.2.4" },
		{ "*", "0 1.2.3 99", "" },
		{ "x", "0 1.2.3 99", "" },
		{ ">=0", "0 1", "" },
		{ "<1 || >=3", "0.9 3 4", "1 2.9" },
		{ "^1.4 !=1.4.3", "1.4.2 1.4.4", "1.4.3" },
		{ "^1 !=1.5", "1.4 1.6.0", "1.5 1.5.9" },
		{ "1.2.3 || 1.2.5 || 2", "1.2.3 1.2.5 2.1", "1.2.4 3" },
		{ ">=2024.01.15", "2024.1.15 2024.02.1", "2024.01.14" },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(cases); i++) {
		const char *const lists[] = { cases[i].in, cases[i].out };

		for (size_t k = 0; k < 2; k++) {
			struct eb_span rest = eb_span_str(lists[k]), word;

			while (eb_span_word(&rest, &word)) {
				autofree char *v = eb_span_dup(word);

				if (has(cases[i].range, v, false) != (k == 0))
					test_fail(__FILE__, __LINE__, "'%s' has %s'%s'",
						  cases[i].range, k == 0 ? "not " : "", v);
				test_pass();
			}
		}
	}
}

TEST(semver, range_leaves_pre_releases_out_unless_asked)
{
	CHECK(!has(">=1", "2.0.0-rc.1", false));
	CHECK(has(">=1", "2.0.0-rc.1", true));
	CHECK(!has("*", "2.0.0-rc.1", false));
	CHECK(has("*", "2.0.0-rc.1", true));
	/* Those of the end of a range are not in it. */
	CHECK(!has("^1.4", "2.0.0-rc.1", true));
	CHECK(!has("<2", "2.0.0-rc.1", true));
	CHECK(has("<2.0.0", "2.0.0-rc.1", true));
	/* Those of its beginning are, when it is not written in full. */
	CHECK(has("1.x", "1.0.0-rc.1", true));
	CHECK(has(">=1.2", "1.2.0-rc.1", true));
	CHECK(!has(">=1.2.0", "1.2.0-rc.1", true));
	/* A condition that names one asks for those of its numbers. */
	CHECK(has(">=2.0.0-rc.1", "2.0.0-rc.2", false));
	CHECK(has(">=2.0.0-rc.1", "2.0.0", false));
	CHECK(!has(">=2.0.0-rc.1", "2.0.0-beta", false));
	CHECK(!has(">=2.0.0-rc.1", "2.1.0-rc.1", false));
	CHECK(has("^2.0.0-rc.1", "2.0.0-rc.3", false));
	CHECK(!has("^2.0.0-rc.1", "3.0.0-rc.1", true));
	CHECK(has("2.0.0-rc.1", "2.0.0-rc.1", false));
	/* Only of its own alternative. */
	CHECK(!has(">=2.0.0-rc.5 || >=1", "2.0.0-rc.1", false));
}

TEST(semver, range_parse_refuses_what_means_nothing)
{
	static const struct {
		const char *text, *part;
	} bad[] = {
		{ "", "found nothing" },
		{ "  ", "found nothing" },
		{ "1 ||", "found nothing" },
		{ "|| 1", "found nothing" },
		{ ">=", "stands before no version" },
		{ "latest", "'latest' is no version" },
		{ ">=1.2.3.4", "'1.2.3.4' is no version" },
		{ "1.x.3", "'1.x.3' is no version" },
		{ "=>1", "'=>' is unknown; known are" },
		{ "==1", "'==' is unknown" },
		{ "1.2 - 2", "write '>=1.2 <=2'" },
		{ "<*", "holds for none" },
		{ "!=x", "holds for none" },
		{ "1.2-", "is no version" },
		{ "1 | 2", "is no version" },
	};
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *arena = eb_arena_new();
	autoerror struct eb_error *e = NULL;
	const struct mir_range *r;
	char longer[MIR_RANGE_MAX_BYTES + 2];

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++)
		CHECK_FAIL(mir_range_parse(bad[i].text, arena, &r, &e), EB_E_FORMAT, bad[i].part,
			   e);
	memset(longer, '1', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	CHECK_FAIL(mir_range_parse(longer, arena, &r, &e), EB_E_LIMIT, "at most 256", e);
	for (size_t i = 0; i + 2 < sizeof(longer); i += 2)
		memcpy(&longer[i], "1 ", 3);
	CHECK_FAIL(mir_range_parse(longer, arena, &r, &e), EB_E_LIMIT, "more than 64", e);
}
