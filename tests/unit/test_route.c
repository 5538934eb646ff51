#include "registry/route.h"
#include "testlib.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SHA "sha256:" HEX

TEST(route, parse_says_what_a_path_asks_for)
{
	static const struct {
		const char *path;
		enum reg_route_kind kind;
		const char *name, *reference;
		bool by_digest;
	} cases[] = {
		{ "/", REG_ROUTE_PAGE, "", "", false },
		{ "/healthz", REG_ROUTE_HEALTH, "", "", false },
		{ "/metrics", REG_ROUTE_METRICS, "", "", false },
		{ "/v2", REG_ROUTE_PING, "", "", false },
		{ "/v2/", REG_ROUTE_PING, "", "", false },
		{ "/v2/_catalog", REG_ROUTE_CATALOG, "", "", false },
		{ "/v2/a/tags/list", REG_ROUTE_TAGS, "a", "list", false },
		{ "/v2/a/b/manifests/v1", REG_ROUTE_MANIFEST, "a/b", "v1", false },
		{ "/v2/a/manifests/" SHA, REG_ROUTE_MANIFEST, "a", SHA, true },
		{ "/v2/a/blobs/" SHA, REG_ROUTE_BLOB, "a", SHA, true },
		{ "/v2/a/blobs/sha512:" HEX HEX, REG_ROUTE_BLOB, "a", "sha512:" HEX HEX, true },
		{ "/v2/a/referrers/" SHA, REG_ROUTE_REFERRERS, "a", SHA, true },
		{ "/v2/a/manifests/manifests/manifests/x", REG_ROUTE_MANIFEST,
		  "a/manifests/manifests", "x", false },
		{ "/v2/tags/list/tags/list", REG_ROUTE_TAGS, "tags/list", "list", false },
		{ "/v2/blobs/manifests/x", REG_ROUTE_MANIFEST, "blobs", "x", false },
		{ "/v2/a/blobs/uploads/", REG_ROUTE_UPLOAD, "a", "", false },
		{ "/v2/a/blobs/uploads", REG_ROUTE_UPLOAD, "a", "uploads", false },
		{ "/v2/a/blobs/uploads/17", REG_ROUTE_UPLOAD, "a", "17", false },
		{ "/v2/a/uploads/17", REG_ROUTE_NONE, "a", "17", false },
		{ "/v2/a/blobs/17", REG_ROUTE_BAD_DIGEST, "a", "17", false },
		{ "/v2/a/blobs/sha256:12", REG_ROUTE_BAD_DIGEST, "a", "sha256:12", false },
		{ "/v2/a/manifests/sha256:12", REG_ROUTE_BAD_DIGEST, "a", "sha256:12", false },
		{ "/v2/a/manifests/md5:12", REG_ROUTE_BAD_DIGEST, "a", "md5:12", false },
		{ "/v2/a/manifests/.x", REG_ROUTE_NONE, "a", ".x", false },
		{ "/v2/A/manifests/x", REG_ROUTE_BAD_NAME, "A", "x", false },
		{ "/v2//manifests/x", REG_ROUTE_BAD_NAME, "", "x", false },
		{ "/v2/a/../b/manifests/x", REG_ROUTE_BAD_NAME, "a/../b", "x", false },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(cases); i++) {
		struct reg_route r;

		reg_route_parse(cases[i].path, &r);
		if (r.kind != cases[i].kind)
			test_fail(__FILE__, __LINE__, "%s is %s, expected %s", cases[i].path,
				  reg_route_name(r.kind), reg_route_name(cases[i].kind));
		CHECK(eb_span_eq(r.name, cases[i].name));
		CHECK(eb_span_eq(r.reference, cases[i].reference));
		CHECK_INT(r.by_digest, cases[i].by_digest);
	}
}

TEST(route, parse_finds_nothing_in_other_paths)
{
	static const char *const paths[] = { "",
					     "v2/",
					     "/v2/a",
					     "/v2/a/tags",
					     "/v1/",
					     "//v2/",
					     "/v2/tags/list",
					     "/v2/a/list/tags",
					     "/v2/a/b/c",
					     "/v2/manifests/x",
					     "/healthz/",
					     "*" };

	for (size_t i = 0; i < EB_ARRAY_LEN(paths); i++) {
		struct reg_route r;

		reg_route_parse(paths[i], &r);
		if (r.kind != REG_ROUTE_NONE)
			test_fail(__FILE__, __LINE__, "%s is %s", paths[i], reg_route_name(r.kind));
		test_pass();
	}
}

TEST(route, name_is_there_for_each_kind)
{
	for (int i = 0; i < REG_ROUTE_KINDS; i++)
		CHECK(reg_route_name((enum reg_route_kind)i) != NULL);
}
