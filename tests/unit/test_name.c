#include "registry/name.h"
#include "testlib.h"

static void check_name(const char *image, const char *host, const char *path, const char *tag,
		       const char *digest)
{
	EB_CLEANUP(reg_name_release_p) struct reg_name n = { 0 };
	autoerror struct eb_error *e = NULL;

	CHECK_OK(reg_name_parse(image, &n, &e), e);
	CHECK_STR(n.host, host);
	CHECK_STR(n.path, path);
	CHECK_STR(n.tag, tag);
	CHECK_STR(n.digest, digest);
}

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

TEST(name, parse_finds_host_path_tag_and_digest)
{
	check_name("redis", "docker.io", "library/redis", NULL, NULL);
	check_name("redis:8", "docker.io", "library/redis", "8", NULL);
	check_name("grafana/loki:3", "docker.io", "grafana/loki", "3", NULL);
	check_name("index.docker.io/library/redis", "docker.io", "library/redis", NULL, NULL);
	check_name("docker.io/redis", "docker.io", "library/redis", NULL, NULL);
	check_name("ess.internal/redis:8.0.2-3", "ess.internal", "redis", "8.0.2-3", NULL);
	check_name("localhost/a/b", "localhost", "a/b", NULL, NULL);
	check_name("host:5000/a:b", "host:5000", "a", "b", NULL);
	check_name("[::1]:5000/a", "[::1]:5000", "a", NULL, NULL);
	check_name("quay.io/a/b@sha256:" HEX, "quay.io", "a/b", NULL, "sha256:" HEX);
	check_name("quay.io/a/b:v1@sha256:" HEX, "quay.io", "a/b", "v1", "sha256:" HEX);
}

TEST(name, parse_refuses_what_breaks_the_grammar)
{
	static const char *const bad[] = { "",	    "/",	"a//b",	       "a/",
					   "A/b",   "a:",	"a:-b",	       "a b",
					   "a_-b",  "a___b",	"a..b",	       ".a",
					   "a-",    "a@b",	"a@sha256:12", "-x.y/a",
					   "h.x/A", "h.x/../a", "h.x/a:b:c",   "h.x/a\n" };
	autoerror struct eb_error *e = NULL;
	struct reg_name n = { 0 };
	char large[2000];

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++)
		CHECK_FAIL(reg_name_parse(bad[i], &n, &e), EB_E_FORMAT, "image name", e);
	memset(large, 'a', sizeof(large));
	large[sizeof(large) - 1] = '\0';
	CHECK_FAIL(reg_name_parse(large, &n, &e), EB_E_FORMAT, "longer than 1024", e);
}

TEST(name, path_is_valid_takes_single_separators_and_255_bytes)
{
	char path[REG_NAME_MAX + 2];

	CHECK(reg_path_is_valid(EB_SPAN("a/b-c/d.e/f_g/h__i/j--k")));
	CHECK(!reg_path_is_valid(EB_SPAN("a.-b")) && !reg_path_is_valid(EB_SPAN("/a")));
	memset(path, 'a', sizeof(path));
	CHECK(reg_path_is_valid((struct eb_span){ path, REG_NAME_MAX }));
	CHECK(!reg_path_is_valid((struct eb_span){ path, REG_NAME_MAX + 1 }));
}

TEST(name, tag_is_valid_takes_128_bytes)
{
	char tag[REG_TAG_MAX + 1];

	memset(tag, 'T', sizeof(tag));
	CHECK(reg_tag_is_valid((struct eb_span){ tag, REG_TAG_MAX }));
	CHECK(!reg_tag_is_valid((struct eb_span){ tag, REG_TAG_MAX + 1 }));
	CHECK(reg_tag_is_valid(EB_SPAN("_a.B-1")) && !reg_tag_is_valid(EB_SPAN("")));
	CHECK(!reg_tag_is_valid(EB_SPAN(".a")) && !reg_tag_is_valid(EB_SPAN("a/b")));
}

TEST(name, host_canonical_knows_the_aliases_of_one)
{
	CHECK_STR(reg_host_canonical("registry-1.docker.io"), "docker.io");
	CHECK_STR(reg_host_canonical("INDEX.docker.io"), "docker.io");
	CHECK_STR(reg_host_canonical("quay.io"), "quay.io");
}
