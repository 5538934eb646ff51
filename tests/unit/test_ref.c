#include "dist/ref.h"

#include "testlib.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

TEST(ref, parse_normalises)
{
	static const struct {
		const char *text, *full;
	} good[] = {
		{ "redis", "docker.io/library/redis" },
		{ "redis:7", "docker.io/library/redis:7" },
		{ "a/b", "docker.io/a/b" },
		{ "docker.io/redis", "docker.io/library/redis" },
		{ "index.docker.io/redis:x", "docker.io/library/redis:x" },
		{ "registry-1.docker.io/a/b", "docker.io/a/b" },
		{ "localhost/a", "localhost/a" },
		{ "localhost:5000/a:1", "localhost:5000/a:1" },
		{ "r.example.org:5000/a/b-c__d.e/f---g:V1.2_x-3",
		  "r.example.org:5000/a/b-c__d.e/f---g:V1.2_x-3" },
		{ "[::1]:5000/a", "[::1]:5000/a" },
		{ "r.example.org/a:t@sha256:" HEX64, "r.example.org/a:t@sha256:" HEX64 },
		{ "r.example.org/a@sha256:" HEX64, "r.example.org/a@sha256:" HEX64 },
	};
	autoerror struct eb_error *e = NULL;

	for (size_t i = 0; i < EB_ARRAY_LEN(good); i++) {
		EB_CLEANUP(oci_ref_release_p) struct oci_ref r = { .host = NULL };
		autofree char *text = NULL;

		CHECK_OK(oci_ref_parse(good[i].text, &r, &e), e);
		text = oci_ref_text(&r);
		CHECK_STR(text, good[i].full);
	}
}

TEST(ref, parse_refuses_what_no_registry_takes)
{
	static const char *const bad[] = {
		"",
		":",
		"@",
		"/",
		"a/",
		"/a",
		"a//b",
		"A",
		"r.example.org/Upper",
		"a:",
		"a:b:c",
		"a:-x",
		"a:.x",
		"a b",
		"a:b c",
		"a@",
		"a@sha256",
		"a@sha256:12",
		"a@sha256:" HEX64 "0",
		"a@md5:x",
		"-a",
		"a-",
		"a_",
		"a___b",
		"a..b",
		"a._b",
		"r.example.org:0/a",
		"r.example.org:x/a",
		"r.example.org:99999/a",
		"r..example/a",
		"-r.example/a",
		"http://r.example.org/a",
		"[::1/a",
		"[x.y]/a",
		"r.example.org/a\nb",
		"a:\xff",
		"../a",
		"r.example.org/a?b",
		"r.example.org/a#b",
		"user@r.example.org/a",
		"r.example.org/%41",
	};
	struct oci_ref r = { .host = NULL };

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++) {
		autoerror struct eb_error *e = NULL;
		int code = oci_ref_parse(bad[i], &r, &e);

		if (code >= 0)
			test_fail(__FILE__, __LINE__, "'%s' was accepted", bad[i]);
		CHECK(code == -EB_E_USAGE || code == -EB_E_UNSUPPORTED);
		CHECK_HAS(e->message, "reference '");
		CHECK(e->hint != NULL);
	}
}

TEST(ref, parse_limits_lengths)
{
	char text[1200];
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(oci_ref_release_p) struct oci_ref r = { .host = NULL };

	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	CHECK_FAIL(oci_ref_parse(text, &r, &e), EB_E_USAGE, "longer than 1024 bytes", e);
	text[256 - 8] = '\0';
	CHECK_FAIL(oci_ref_parse(text, &r, &e), EB_E_USAGE, "longer than 255 bytes", e);
	text[1] = ':';
	text[2 + 128] = '\0';
	CHECK_OK(oci_ref_parse(text, &r, &e), e);
	CHECK_INT(strlen(r.tag), 128);
	text[2 + 128] = 'a';
	text[2 + 129] = '\0';
	CHECK_FAIL(oci_ref_parse(text, &r, &e), EB_E_USAGE, "longer than 128 bytes", e);
}

TEST(ref, parse_says_where)
{
	autoerror struct eb_error *e = NULL;
	struct oci_ref r;

	CHECK_FAIL(oci_ref_parse("r.example.org/aB", &r, &e), EB_E_USAGE, "'aB': character 2", e);
	CHECK_FAIL(oci_ref_parse("r.example.org/a:b$", &r, &e), EB_E_USAGE, "tag 'b$': character 2",
		   e);
	CHECK_FAIL(oci_ref_parse("r.example.org/a/", &r, &e), EB_E_USAGE, "ends after 'a/'", e);
	CHECK_FAIL(oci_ref_parse("r.example.org/a@sha256:12", &r, &e), EB_E_USAGE,
		   "expected 64 lower-case hex digits", e);
}

TEST(ref, prefix_takes_host_and_path)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(oci_ref_release_p) struct oci_ref r = { .host = NULL };

	CHECK_OK(oci_ref_parse_prefix("localhost:5000/mirror/ess/", &r, &e), e);
	CHECK_STR(r.host, "localhost:5000");
	CHECK_STR(r.repo, "mirror/ess");
	oci_ref_release(&r);
	CHECK_OK(oci_ref_parse_prefix("registry", &r, &e), e);
	CHECK_STR(r.repo, "");
	CHECK_FAIL(oci_ref_parse_prefix("h/a:tag", &r, &e), EB_E_USAGE, "character 2", e);
	CHECK_FAIL(oci_ref_parse_prefix("", &r, &e), EB_E_USAGE, "host", e);
}

TEST(ref, version_prefers_the_digest)
{
	struct oci_ref r = { .tag = NULL };
	char tag[] = "t";

	CHECK_STR(oci_ref_version(&r), "latest");
	r.tag = tag;
	CHECK_STR(oci_ref_version(&r), "t");
	snprintf(r.digest.text, sizeof(r.digest.text), "sha256:" HEX64);
	CHECK_STR(oci_ref_version(&r), "sha256:" HEX64);
	CHECK_STR(oci_ref_api_host("docker.io"), "registry-1.docker.io");
	CHECK_STR(oci_ref_api_host("r.example.org"), "r.example.org");
}
