#include "registry/page.h"
#include "reglayout.h"
#include "testlib.h"

TEST(page, escape_leaves_nothing_that_means_something)
{
	EB_AUTOBUF(b, 1000);

	reg_escape("a<b>&\"c'", &b);
	CHECK_STR(eb_buf_str(&b), "a&lt;b&gt;&amp;&quot;c&#39;");
}

TEST(page, write_shows_images_and_how_to_pull_them)
{
	EB_CLEANUP(reg_served_unref_p)
	struct reg_served *s = rl_one(test_path("<i>.tar"), "h.x/a/b:1", "layer");
	EB_CLEANUP(reg_catalog_unref_p) struct reg_catalog *c = reg_catalog_new(&s, 1);
	EB_AUTOBUF(b, REG_PAGE_MAX_BYTES);
	EB_AUTOBUF(tls, REG_PAGE_MAX_BYTES);

	reg_page_write(c, "reg.example.org:5000", false, &b);
	CHECK_HAS(eb_buf_str(&b), "podman pull --tls-verify=false reg.example.org:5000/a/b:1<");
	CHECK_HAS(eb_buf_str(&b), "ctr images pull --plain-http reg.example.org:5000/a/b:1<");
	CHECK_HAS(eb_buf_str(&b), "from h.x<");
	CHECK_HAS(eb_buf_str(&b), "7&nbsp;bytes");
	CHECK_HAS(eb_buf_str(&b), "<h2>&lt;i&gt;.tar</h2>");
	CHECK_HAS(eb_buf_str(&b), s->manifests[0].digest.text);
	CHECK(!strstr(eb_buf_str(&b), "<i>") && !strstr(eb_buf_str(&b), "<script"));
	CHECK(!strstr(eb_buf_str(&b), "http://") && !strstr(eb_buf_str(&b), "src="));
	reg_page_write(c, "reg.example.org", true, &tls);
	CHECK_HAS(eb_buf_str(&tls), "podman pull reg.example.org/a/b:1<");
}

TEST(page, write_does_not_repeat_a_strange_host)
{
	EB_CLEANUP(reg_served_unref_p)
	struct reg_served *s = rl_one(test_path("a.tar"), "h.x/a:1", "layer");
	EB_CLEANUP(reg_catalog_unref_p) struct reg_catalog *c = reg_catalog_new(&s, 1);
	static const char *const strange[] = { NULL, "", "a\"><script>", "a b", "a/b", "a\n" };

	for (size_t i = 0; i < EB_ARRAY_LEN(strange); i++) {
		EB_AUTOBUF(b, REG_PAGE_MAX_BYTES);

		reg_page_write(c, strange[i], false, &b);
		CHECK_HAS(eb_buf_str(&b), "<h1>Images served by HOST:PORT</h1>");
		CHECK(!strstr(eb_buf_str(&b), "script"));
	}
}
