#include "mirror/pattern.h"

#include <time.h>

#include "testlib.h"

static bool matches(const char *pattern, const char *text)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(mir_pattern_release_p) struct mir_pattern p = { .text = NULL };

	CHECK_OK(mir_pattern_init(pattern, &p, &e), e);
	return mir_pattern_matches(&p, text);
}

TEST(pattern, matches_the_whole_text)
{
	static const struct {
		const char *pattern, *in, *out; /* one text each, NULL = none */
	} cases[] = {
		{ "8.0", "8.0", "8.0.1" },
		{ "8.0", NULL, "8x0" },
		{ "*", "", NULL },
		{ "*", "anything", NULL },
		{ "8.*", "8.0.2-alpine", "18.0" },
		{ "*-rc*", "1.0-rc1", "1.0" },
		{ "*a*b*", "xxayybzz", "xxbyya" },
		{ "?.0", "8.0", "18.0" },
		{ "v[0-9].*", "v1.2", "vx.2" },
		{ "[!v]*", "1.2", "v1.2" },
		{ "[^v]*", "1.2", "v1.2" },
		{ "[]x]", "]", "y" },
		{ "a[b-]c", "a-c", "axc" },
		{ "**", "x", NULL },
		{ "a*", "a", "ba" },
		{ "/8\\.[0-9]+/", "8.12", "8.12-alpine" },
		{ "/8|9/", "9", "89" },
		{ "/(8|9)\\.0(-alpine)?/", "9.0-alpine", "9.0-slim" },
		{ "/v[0-9]{1,3}/", "v123", "v1234" },
		{ "/.*/", "x", NULL },
		{ "/[[:digit:]]+(\\.[[:digit:]]+){1,3}(-[a-z]+[0-9]*)?/", "1.2.3-rc1", "1" },
		{ "/[]+{]+/", "]+{", "a" },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(cases); i++) {
		if (cases[i].in && !matches(cases[i].pattern, cases[i].in))
			test_fail(__FILE__, __LINE__, "'%s' is not '%s'", cases[i].pattern,
				  cases[i].in);
		if (cases[i].out && matches(cases[i].pattern, cases[i].out))
			test_fail(__FILE__, __LINE__, "'%s' is '%s'", cases[i].pattern,
				  cases[i].out);
		test_pass();
	}
}

TEST(pattern, init_knows_plain_text)
{
	autoerror struct eb_error *e = NULL;
	struct mir_pattern p;

	CHECK_OK(mir_pattern_init("8.0-alpine", &p, &e), e);
	CHECK(p.literal && !p.regex);
	mir_pattern_release(&p);
	CHECK_OK(mir_pattern_init("8.*", &p, &e), e);
	CHECK(!p.literal && !p.regex);
	mir_pattern_release(&p);
	CHECK_OK(mir_pattern_init("/8/", &p, &e), e);
	CHECK(!p.literal && p.regex);
	mir_pattern_release(&p);
}

TEST(pattern, init_refuses_what_cannot_be_right)
{
	autoerror struct eb_error *e = NULL;
	struct mir_pattern p;
	char longer[MIR_PATTERN_MAX_BYTES + 2];

	CHECK_FAIL(mir_pattern_init("", &p, &e), EB_E_FORMAT, "0 bytes", e);
	CHECK_FAIL(mir_pattern_init("8.[0-9", &p, &e), EB_E_FORMAT, "'[' without ']'", e);
	CHECK_FAIL(mir_pattern_init("/8", &p, &e), EB_E_FORMAT, "between '/' and '/'", e);
	CHECK_FAIL(mir_pattern_init("//", &p, &e), EB_E_FORMAT, "between '/' and '/'", e);
	CHECK_FAIL(mir_pattern_init("/8(/", &p, &e), EB_E_FORMAT, "pattern '/8(/'", e);
	CHECK_FAIL(mir_pattern_init("/(a)\\1/", &p, &e), EB_E_UNSUPPORTED, "back references", e);
	CHECK_FAIL(mir_pattern_init("/((a{50}){50}){50}/", &p, &e), EB_E_UNSUPPORTED,
		   "more than 2000", e);
	CHECK_FAIL(mir_pattern_init("/a{99999999999999999999}/", &p, &e), EB_E_UNSUPPORTED,
		   "more than 2000", e);
	CHECK_FAIL(mir_pattern_init("/a++/", &p, &e), EB_E_FORMAT, "a repeat of a repeat", e);
	CHECK_FAIL(mir_pattern_init("/a)|(b/", &p, &e), EB_E_FORMAT, "')' without '('", e);
	CHECK_FAIL(mir_pattern_init("a b", &p, &e), EB_E_FORMAT, "without blanks", e);
	CHECK_FAIL(mir_pattern_init("/(((((((((((a+)+)+)+)+)+)+)+)+)+)+)/", &p, &e),
		   EB_E_UNSUPPORTED, "repeats of repeats", e);
	CHECK_FAIL(mir_pattern_init("/((((((((((((((((((((a))))))))))))))))))))/", &p, &e),
		   EB_E_UNSUPPORTED, "more than 16 groups", e);
	memset(longer, 'a', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	CHECK_FAIL(mir_pattern_init(longer, &p, &e), EB_E_LIMIT, "expected 1 to 256", e);
}

/* Backtracking over every star would take longer than the world is old. */
TEST(pattern, matches_many_stars_at_once)
{
	char text[129];
	clock_t begin = clock();

	memset(text, 'a', 128);
	text[128] = '\0';
	CHECK(!matches("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", text));
	CHECK((clock() - begin) / CLOCKS_PER_SEC < 2);
}
