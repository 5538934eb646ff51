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

static void check_containerd(const char *text, const char *namespace, const char *name)
{
	EB_CLEANUP(place_release_p) struct place p = { .path = NULL };
	autoerror struct eb_error *e = NULL;

	CHECK_OK(place_parse(text, &p, &e), e);
	CHECK_INT(p.kind, PLACE_CONTAINERD);
	CHECK_STR(p.namespace, namespace);
	CHECK_STR(p.name, name);
}

TEST(place, parse_containerd_tells_namespace_from_host)
{
	check_containerd("containerd:", NULL, NULL);
	check_containerd("containerd:k8s.io/", "k8s.io", NULL);
	check_containerd("containerd:k8s.io/docker.io/library/redis:7", "k8s.io",
			 "docker.io/library/redis:7");
	check_containerd("containerd:default/localhost/x:1", "default", "localhost/x:1");
	check_containerd("containerd:docker.io/library/redis:7", NULL, "docker.io/library/redis:7");
	check_containerd("containerd:k8s.io/redis:7", NULL, "k8s.io/redis:7");
	check_containerd("containerd:r.example.org:5000/a.b/c", NULL,
			 "r.example.org:5000/a.b/c:latest");
}

TEST(place, parse_containerd_wants_full_names)
{
	static const char *const bad[] = { "containerd:redis", "containerd:library/redis:7",
					   "containerd:a_/r.example.org/x:1",
					   "containerd:r.example.org/UPPER" };

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++) {
		EB_CLEANUP(place_release_p) struct place p = { .path = NULL };
		autoerror struct eb_error *e = NULL;

		CHECK_INT(place_parse(bad[i], &p, &e), -EB_E_USAGE);
		CHECK(!p.name && !p.namespace);
	}
}

TEST(place, parse_refuses_what_is_no_place)
{
	EB_CLEANUP(place_release_p) struct place p = { .path = NULL };
	autoerror struct eb_error *e = NULL;

	CHECK_FAIL(place_parse("docker-archive:", &p, &e), EB_E_USAGE, "names no file", e);
	CHECK_FAIL(place_parse("docker-daemon:x", &p, &e), EB_E_UNSUPPORTED, "docker-daemon:", e);
}

TEST(place, whole_names_have_host_and_version)
{
	CHECK(place_is_whole_name("r.example.org/x:1"));
	CHECK(place_is_whole_name("localhost/x:1"));
	CHECK(place_is_whole_name(
		"h:5000/x@sha256:"
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"));
	CHECK(!place_is_whole_name("1"));
	CHECK(!place_is_whole_name("redis:7"));
	CHECK(!place_is_whole_name("library/redis:7"));
	CHECK(!place_is_whole_name("r.example.org/x"));
	CHECK(!place_is_whole_name("r.example.org/UPPER:1"));
}
