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
