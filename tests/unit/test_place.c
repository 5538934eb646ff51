#include "cli/place.h"

#include "testlib.h"

static void check(const char *text, enum place_kind kind, const char *path, const char *name)
{
	EB_CLEANUP(place_release_p) struct place p = { .path = NULL };
	autoerror struct eb_error *e = NULL;

	CHECK_OK(place_parse(text, &p, &e), e);
	CHECK_INT(p.kind, kind);
	CHECK_STR(p.path, path);
	CHECK_STR(p.name, name);
}

TEST(place, parse_splits_path_and_name)
{
	check("oci:dir", PLACE_FOLDER, "dir", NULL);
	check("oci:dir:1", PLACE_FOLDER, "dir", "1");
	check("oci-archive:a.tar:r.example.org:5000/x:1", PLACE_ARCHIVE, "a.tar",
	      "r.example.org:5000/x:1");
	check("docker-archive:a.tar", PLACE_DOCKER, "a.tar", NULL);
	check("docker-archive:a.tar:@1", PLACE_DOCKER, "a.tar", "@1");
	check("bundle:b.tar:redis", PLACE_BUNDLE, "b.tar", "redis");
}

TEST(place, parse_existing_path_may_have_colons)
{
	autofree char *text = eb_xasprintf("docker-archive:%s", test_path("a:b.tar"));

	CHECK_OK(eb_file_write(test_path("a:b.tar"), "x", 1, 0600, NULL), (struct eb_error *)NULL);
	check(text, PLACE_DOCKER, test_path("a:b.tar"), NULL);
}

TEST(place, parse_refuses_what_is_no_place)
{
	EB_CLEANUP(place_release_p) struct place p = { .path = NULL };
	autoerror struct eb_error *e = NULL;

	CHECK_FAIL(place_parse("docker-archive:", &p, &e), EB_E_USAGE, "names no file", e);
	CHECK_FAIL(place_parse("docker-daemon:x", &p, &e), EB_E_UNSUPPORTED, "docker-daemon:", e);
}
