#include "base/url.h"

#include "testlib.h"

static void check_show(const char *url, const char *want, const char *host)
{
	autofree char *shown = eb_url_show(url);
	autofree char *got_host = eb_url_host(url);

	CHECK_STR(shown, want);
	CHECK_STR(got_host, host);
}

TEST(url, show_hides_what_may_be_secret)
{
	check_show("http://example.org/a/b", "http://example.org/a/b", "example.org");
	check_show("https://me:pw@example.org:8443/a?sig=1#x", "https://example.org:8443/a",
		   "example.org:8443");
	check_show("http://example.org/a@b", "http://example.org/a@b", "example.org");
}

TEST(url, show_of_what_is_no_url)
{
	check_show("http://me:pw@exa mple/x?q", "http://exa mple/x", "http://exa mple/x");
	check_show("", "", "");
	check_show("file:///srv/x", "file:///srv/x", "file:///srv/x");
}

TEST(url, same_origin_is_scheme_host_and_port)
{
	static const struct {
		const char *a, *b;
		bool same;
	} pairs[] = {
		{ "https://h/a", "https://h:443/b?c", true },
		{ "https://h/a", "HTTPS://H/", true },
		{ "http://h/a", "http://h:80/", true },
		{ "https://h/a", "http://h/a", false },
		{ "https://h/a", "https://h:444/a", false },
		{ "https://h/a", "https://h.example.org/a", false },
		{ "https://h/a", "https://user@h/a", true },
		{ "https://h/a", "https://h@other/a", false },
		{ "https://h/a", "https://h\\@other/a", false },
		{ "https://h/a", "nonsense", false },
		{ "https://h/a", "", false },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(pairs); i++)
		if (eb_url_same_origin(pairs[i].a, pairs[i].b) != pairs[i].same)
			test_fail(__FILE__, __LINE__, "%s and %s", pairs[i].a, pairs[i].b);
	test_pass();
}

TEST(url, resolve_and_escape)
{
	static const char *const refs[][2] = {
		{ "/v2/x?a=b", "https://h:5000/v2/x?a=b" },
		{ "y", "https://h:5000/v2/a/y" },
		{ "?n=1", "https://h:5000/v2/a/b?n=1" },
		{ "http://o/z", "http://o/z" },
		{ "//o/z", "https://o/z" },
	};
	autofree char *escaped = eb_url_escape("a:b/c d-._~\xff");

	for (size_t i = 0; i < EB_ARRAY_LEN(refs); i++) {
		autofree char *got = eb_url_resolve("https://h:5000/v2/a/b?q", refs[i][0]);

		CHECK_STR(got, refs[i][1]);
	}
	CHECK_STR(escaped, "a%3Ab%2Fc%20d-._~%FF");
	CHECK(eb_url_resolve("no url", "y") == NULL);
}
