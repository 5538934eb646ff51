#include "base/json.h"
#include "registry/lists.h"
#include "reglayout.h"
#include "testlib.h"

/* "<before>0<after>", "<before>1<after>", ... */
static struct reg_served *numbered(const char *before, const char *after, size_t n)
{
	EB_CLEANUP(rl_free_p) struct reglayout *l = rl_new();

	for (size_t i = 0; i < n; i++) {
		autofree char *image = eb_xasprintf("%s%zu%s", before, i, after);

		rl_image(l, image, "layer");
	}
	rl_write(l, test_path("a.tar"));
	return rl_open(test_path("a.tar"));
}

TEST(lists, tags_body_gives_windows_in_order)
{
	EB_CLEANUP(reg_served_unref_p) struct reg_served *s = numbered("h.x/a:v", "", 5);
	EB_CLEANUP(reg_catalog_unref_p) struct reg_catalog *c = reg_catalog_new(&s, 1);
	const struct reg_repo *r = reg_catalog_find(c, NULL, EB_SPAN("a"));
	static const struct {
		uint64_t n;
		const char *last, *body, *next;
	} cases[] = {
		{ UINT64_MAX, NULL, "[\"v0\",\"v1\",\"v2\",\"v3\",\"v4\"]", NULL },
		{ 2, NULL, "[\"v0\",\"v1\"]", "v1" },
		{ 2, "v1", "[\"v2\",\"v3\"]", "v3" },
		{ 2, "v3", "[\"v4\"]", NULL },
		{ 5, NULL, "[\"v0\",\"v1\",\"v2\",\"v3\",\"v4\"]", NULL },
		{ 3, "v1x", "[\"v2\",\"v3\",\"v4\"]", NULL },
		{ 0, NULL, "[]", NULL },
		{ 5, "z", "[]", NULL },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(cases); i++) {
		const struct reg_window w = { cases[i].n, cases[i].last };
		const char *next = "unset";
		autofree char *text = NULL;
		autofree char *want = eb_xasprintf("{\"name\":\"a\",\"tags\":%s}", cases[i].body);
		size_t n;

		text = reg_tags_body(r, "a", &w, &next, &n);
		CHECK_STR(text, want);
		CHECK_INT(n, strlen(want));
		CHECK_STR(next, cases[i].next);
	}
}

TEST(lists, catalog_body_lists_names_without_host)
{
	EB_CLEANUP(reg_served_unref_p) struct reg_served *s = numbered("h.x/a", ":1", 3);
	EB_CLEANUP(reg_catalog_unref_p) struct reg_catalog *c = reg_catalog_new(&s, 1);
	const struct reg_window all = { UINT64_MAX, NULL }, first = { 1, "a0" };
	const char *next;
	autofree char *text = reg_catalog_body(c, &all, &next, NULL);
	autofree char *part = NULL;

	CHECK_STR(text, "{\"repositories\":[\"a0\",\"a1\",\"a2\"]}");
	CHECK_STR(next, NULL);
	part = reg_catalog_body(c, &first, &next, NULL);
	CHECK_STR(part, "{\"repositories\":[\"a1\"]}");
	CHECK_STR(next, "a1");
}

static size_t n_referrers(const struct reg_repo *r, const struct oci_digest *d, const char *type,
			  json_t **ret)
{
	autofree char *text = reg_referrers_body(r, d, type, NULL);
	autoerror struct eb_error *e = NULL;

	CHECK_OK(eb_json_parse(text, strlen(text), 1 << 20, ret, &e), e);
	CHECK_INT(json_integer_value(json_object_get(*ret, "schemaVersion")), 2);
	return json_array_size(json_object_get(*ret, "manifests"));
}

TEST(lists, referrers_body_says_what_refers_to_a_digest)
{
	EB_CLEANUP(rl_free_p) struct reglayout *l = rl_new();
	EB_CLEANUP(reg_served_unref_p) struct reg_served *s = NULL;
	EB_CLEANUP(reg_catalog_unref_p) struct reg_catalog *c = NULL;
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = 0 };
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor sbom = { .size = 0 };
	const struct reg_repo *r;
	const json_t *first;

	rl_manifest(l, "layer", NULL, NULL, &d);
	rl_list(l, &d, "h.x/a:1", NULL, NULL);
	rl_manifest(l, "sbom", "application/spdx+json", &d, &sbom);
	rl_list(l, &sbom, NULL, NULL, NULL);
	for (int i = 0; i < 2; i++) {
		EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor o = { .size = 0 };

		rl_manifest(l, i ? "two" : "one", NULL, &d, &o);
		rl_list(l, &o, NULL, NULL, NULL);
	}
	rl_write(l, test_path("a.tar"));
	s = rl_open(test_path("a.tar"));
	struct reg_served *const twice[] = { s, s };
	c = reg_catalog_new(twice, 2);
	r = reg_catalog_find(c, NULL, EB_SPAN("a"));
	{
		autojson json_t *all = NULL;
		autojson json_t *some = NULL;
		autojson json_t *none = NULL;
		autojson json_t *other = NULL;

		CHECK_INT(n_referrers(r, &d.digest, NULL, &all), 3);
		CHECK_INT(n_referrers(r, &d.digest, "application/spdx+json", &some), 1);
		first = json_array_get(json_object_get(some, "manifests"), 0);
		CHECK_STR(json_string_value(json_object_get(first, "digest")), sbom.digest.text);
		CHECK_STR(json_string_value(json_object_get(first, "artifactType")),
			  "application/spdx+json");
		CHECK_STR(json_string_value(json_object_get(json_object_get(first, "annotations"),
							    "example.note")),
			  "sbom");
		CHECK_INT(json_integer_value(json_object_get(first, "size")), sbom.size);
		CHECK_INT(n_referrers(r, &sbom.digest, NULL, &none), 0);
		CHECK_INT(n_referrers(r, &d.digest, "x/y", &other), 0);
	}
}

TEST(lists, error_body_is_what_the_specification_wants)
{
	autofree char *text = reg_error_body("NAME_UNKNOWN", "no \"such\"", NULL);

	CHECK_STR(text,
		  "{\"errors\":[{\"code\":\"NAME_UNKNOWN\",\"message\":\"no \\\"such\\\"\"}]}");
}
