#include "mirror/choose.h"

#include "testlib.h"

static const char *const tags[] = {
	"7.0.1",
	"7.2.0",
	"v7.4.1",
	"8.0.0-rc1",
	"8.0.0",
	"8.0.10",
	"8.0.9",
	"8",
	"latest",
	"8.2-alpine",
	"8.2.1-alpine",
	"nightly-2024-9",
	"nightly-2024-10",
	"sha256-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.sig"
};

/* One entry of a list, without the rest. */
static void check(const char *yaml, const char *want)
{
	autofree char *text = eb_xasprintf("images:\n- {from: example.org/r, %s}\n", yaml);
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(mir_list_free_p) struct mir_list *l = NULL;
	autofree const char **chosen = NULL;
	EB_AUTOBUF(b, 4096);
	size_t n;

	CHECK_OK(mir_list_parse("", "l", text, strlen(text), &l, &e), e);
	mir_choose(&l->images[0], (char *const *)(uintptr_t)tags, EB_ARRAY_LEN(tags), &chosen, &n);
	for (size_t i = 0; i < n; i++)
		eb_buf_addf(&b, "%s%s", i ? " " : "", chosen[i]);
	CHECK_STR(eb_buf_str(&b), want);
}

TEST(choose, takes_what_an_entry_asks_for_newest_first)
{
	check("tags: [\"8.0.*\"]", "8.0.10 8.0.9 8.0.0 8.0.0-rc1");
	check("tags: [\"8.0.*\"], exclude: \"*-rc*\"", "8.0.10 8.0.9 8.0.0");
	check("tags: [latest, \"/7\\\\.[0-9]\\\\..*/\"]", "7.2.0 7.0.1 latest");
	check("semver: \">=7.2 <9\"", "8.0.10 8.0.9 8.0.0 8 v7.4.1 7.2.0");
	check("semver: \">=7.2 <9\", keep: 2", "8.0.10 8.0.9");
	check("semver: 8, tags: [\"8.*\"]", "8.0.10 8.0.9 8.0.0");
	check("semver: 8, prerelease: true, tags: [\"8.0.0*\"]", "8.0.0 8.0.0-rc1");
	check("semver: 8, suffix: -alpine", "8.2.1-alpine 8.2-alpine");
	check("tags: [\"nightly-*\"], keep: 1", "nightly-2024-10");
	check("semver: \"*\", prefix: nightly-, prerelease: true",
	      "nightly-2024-10 nightly-2024-9");
	check("tags: [\"nothing*\"]", "");
}

TEST(choose, never_takes_what_belongs_to_an_image)
{
	autofree char *sig = eb_xstrdup(tags[13]);

	CHECK(mir_tag_is_attached(sig));
	strchr(sig, '.')[0] = '\0';
	CHECK(mir_tag_is_attached(sig));
	sig[70] = '\0';
	CHECK(!mir_tag_is_attached(sig));
	CHECK(!mir_tag_is_attached("sha256-x"));
	check("tags: [\"sha256*\"]", "");
}

TEST(choose, tag_cmp_has_numbers_in_text_by_value)
{
	static const char *const rising[] = { "a",	   "a-2",  "a-10",   "a-10b", "b",
					      "latest",	   "0.1",  "1.0-a2", "1.0",   "1.0.0",
					      "01.00.000", "v1.0", "1.1" };

	CHECK(mir_tag_cmp("a-2", "a-10") < 0);
	CHECK(mir_tag_cmp("latest", "0.1") < 0);
	CHECK(mir_tag_cmp("1.0-a2", "1.0") < 0);
	CHECK(mir_tag_cmp("v1.0", "1.1") < 0);
	CHECK(mir_tag_cmp("1.0", "1.0.0") != 0);
	for (size_t i = 0; i < EB_ARRAY_LEN(rising); i++)
		for (size_t k = 0; k < EB_ARRAY_LEN(rising); k++)
			CHECK_INT(mir_tag_cmp(rising[i], rising[k]) == 0, i == k);
}
