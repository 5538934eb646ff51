#include "image/upstream.h"

#include "testlib.h"

static void check_place(const char *mirror, const char *ref, const char *host, const char *repo,
			bool plain_http)
{
	const char *const mirrors[] = { "other.example=127.0.0.1:1", mirror, NULL };
	const struct img_upstream u = { .mirrors = mirrors };
	EB_CLEANUP(img_place_release_p) struct img_place p = { NULL, NULL, false };
	autoerror struct eb_error *e = NULL;

	CHECK_OK(img_upstream_place(&u, ref, &p, &e), e);
	CHECK_STR(p.host, host);
	CHECK_STR(p.repo, repo);
	CHECK(p.plain_http == plain_http);
}

TEST(upstream, place_without_mirror_is_the_name_itself)
{
	check_place(NULL, "up.example/team/server:1", "up.example", "team/server", false);
	check_place(NULL, "127.0.0.1:5000/a/b:1", "127.0.0.1:5000", "a/b", true);
	check_place("up.example.org=m.example", "up.example/a/b:1", "up.example", "a/b", false);
}

TEST(upstream, place_of_a_mirror_speaks_http_only_where_it_may)
{
	check_place("up.example=m.example:5000/hub", "up.example/team/server:1", "m.example:5000",
		    "hub/team/server", false);
	check_place("up.example=http://m.example", "up.example/a/b:1", "m.example", "a/b", true);
	check_place("up.example=127.0.0.1:5000", "up.example/a/b:1", "127.0.0.1:5000", "a/b", true);
	check_place("up.example=localhost:5000", "up.example/a/b:1", "localhost:5000", "a/b", true);
	check_place("up.example=localhost.example", "up.example/a/b:1", "localhost.example", "a/b",
		    false);
	check_place("up.example=https://127.0.0.1:5000", "up.example/a/b:1", "127.0.0.1:5000",
		    "a/b", false);
}

static void check_mirror_refused(const char *mirror)
{
	const char *const mirrors[] = { mirror, NULL };
	const struct img_upstream u = { .mirrors = mirrors };
	EB_CLEANUP(img_place_release_p) struct img_place p = { NULL, NULL, false };
	autoerror struct eb_error *e = NULL;

	CHECK_FAIL(img_upstream_place(&u, "up.example/a/b:1", &p, &e), EB_E_USAGE,
		   "--registry-mirror", e);
}

TEST(upstream, place_refuses_what_is_no_mirror)
{
	check_mirror_refused("up.example");
	check_mirror_refused("=m.example");
	check_mirror_refused("up.example=");
	check_mirror_refused("up.example=m.example/a:tag");
}
