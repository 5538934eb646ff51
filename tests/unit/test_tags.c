#include "registry_client.h"

static void check_tags(struct client *c, const char *const *want, size_t n)
{
	autoerror struct eb_error *e = NULL;
	char **tags = NULL;
	size_t got = 0;

	CHECK_OK(oci_registry_tags(c->registry, "a", &tags, &got, &e), e);
	CHECK_INT(got, n);
	for (size_t i = 0; i < n; i++)
		CHECK_STR(tags[i], want[i]);
	oci_tags_free(tags, got);
}

TEST(tags, list_follows_pages)
{
	static const char *const want[] = { "1.0", "1.1", "2", "latest", "x" };
	autoerror struct eb_error *e = NULL;
	char digest[80], **tags = NULL;
	size_t n;
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);

	for (size_t i = 0; i < EB_ARRAY_LEN(want); i++)
		fakereg_add_manifest(f, "a", want[i], "t/t", "{}", digest);
	check_tags(&c, want, 5);
	fakereg_ways(f)->page = 2;
	check_tags(&c, want, 5);
	CHECK_INT(fakereg_count(f, "GET", "/tags/list"), 4);
	fakereg_ways(f)->html = true;
	CHECK_FAIL(oci_registry_tags(c.registry, "a", &tags, &n, &e), EB_E_FORMAT, "tags of", e);
}

TEST(tags, list_refuses_what_is_no_tag)
{
	static const char *const bad[] = { "{\"tags\":[1]}", "{\"tags\":\"x\"}",
					   "{\"tags\":[\"a\\u001b[0m\"]}", "{\"tags\":[\"\"]}" };

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++) {
		autoerror struct eb_error *e = NULL;
		char **tags = NULL;
		size_t n;
		struct httpd_reply page = { .body = bad[i], .size = strlen(bad[i]) };
		AUTOREG(f);
		AUTOCLIENT(c, f, NULL, NULL);

		httpd_reply(fakereg_httpd(f), "/v2/a/tags/list", &page);
		CHECK(oci_registry_tags(c.registry, "a", &tags, &n, &e) < 0);
		CHECK_HAS(e->message, "tags of");
	}
}

TEST(tags, null_list_is_none)
{
	static const struct httpd_reply page = { .body = "{\"name\":\"a\",\"tags\":null}",
						 .size = 24 };
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);

	httpd_reply(fakereg_httpd(f), "/v2/a/tags/list", &page);
	check_tags(&c, NULL, 0);
}
