#include "registry/catalog.h"
#include "reglayout.h"
#include "testlib.h"

static const struct reg_tag *tag_of(const struct reg_catalog *c, const char *ns, const char *name,
				    const char *tag)
{
	const struct reg_repo *r = reg_catalog_find(c, ns, eb_span_str(name));

	return r ? reg_repo_tag(r, eb_span_str(tag)) : NULL;
}

TEST(catalog, find_knows_names_with_and_without_host)
{
	EB_CLEANUP(rl_free_p) struct reglayout *l = rl_new();
	EB_CLEANUP(reg_served_unref_p) struct reg_served *s = NULL;
	EB_CLEANUP(reg_catalog_unref_p) struct reg_catalog *c = NULL;

	rl_image(l, "ess.internal/redis:8", "one");
	rl_image(l, "ess.internal/redis:9", "two");
	rl_image(l, "redis:7", "three");
	rl_image(l, "host.x:5000/a/b:1", "four");
	rl_write(l, test_path("a.tar"));
	s = rl_open(test_path("a.tar"));
	c = reg_catalog_new(&s, 1);
	CHECK(tag_of(c, NULL, "redis", "8") && tag_of(c, NULL, "ess.internal/redis", "9"));
	CHECK(tag_of(c, NULL, "redis", "9") != tag_of(c, NULL, "redis", "8"));
	CHECK(!tag_of(c, NULL, "redis", "10") && !tag_of(c, NULL, "redi", "8"));
	CHECK(!tag_of(c, NULL, "redis", "") && !tag_of(c, NULL, "rediss", "8"));
	CHECK(tag_of(c, NULL, "library/redis", "7") && tag_of(c, NULL, "a/b", "1"));
	/* In place of a host: that one's images only. */
	CHECK(tag_of(c, "ess.internal", "redis", "8") &&
	      tag_of(c, "docker.io", "library/redis", "7"));
	CHECK(tag_of(c, "registry-1.docker.io", "library/redis", "7"));
	CHECK(tag_of(c, "host.x:5000", "a/b", "1"));
	CHECK(!tag_of(c, "quay.io", "redis", "8") && !tag_of(c, "host.x", "a/b", "1"));
	CHECK(!tag_of(c, "quay.io", "library/redis", "7"));
}

TEST(catalog, new_lets_the_first_of_two_files_have_a_name)
{
	EB_CLEANUP(reg_served_unref_p)
	struct reg_served *a = rl_one(test_path("a.tar"), "h.x/one:1", "layer a");
	EB_CLEANUP(reg_served_unref_p)
	struct reg_served *b = rl_one(test_path("b.tar"), "h.x/one:1", "layer b");
	EB_CLEANUP(reg_served_unref_p)
	struct reg_served *same = rl_one(test_path("c.tar"), "h.y/one:1", "layer a");
	struct reg_served *const sources[] = { a, b, same };
	EB_CLEANUP(reg_catalog_unref_p) struct reg_catalog *c = reg_catalog_new(sources, 3);
	EB_CLEANUP(reg_catalog_unref_p) struct reg_catalog *turned = NULL;
	struct reg_served *const other[] = { b, a };
	const struct reg_repo *r = reg_catalog_find(c, NULL, EB_SPAN("one"));
	struct reg_served *in = NULL;

	CHECK_INT(r->n_tags, 1);
	CHECK_INT(r->n_sources, 3);
	CHECK(r->listed && r->tags[0].source == a);
	CHECK(!reg_catalog_find(c, NULL, EB_SPAN("h.x/one"))->listed);
	CHECK_INT(c->n_clashes, 2); /* with the host and without */
	CHECK_HAS(eb_buf_str(&c->clashes), "h.x/one:1\n");
	turned = reg_catalog_new(other, 2);
	CHECK(reg_catalog_find(turned, NULL, EB_SPAN("one"))->tags[0].source == b);
	/* By digest both are there. */
	CHECK(reg_repo_manifest(r, &b->manifests[0].digest, &in) && in == b);
	CHECK(reg_repo_manifest(r, &a->manifests[0].digest, &in) && in == a);
}

TEST(catalog, repo_blob_finds_what_its_files_have)
{
	EB_CLEANUP(reg_served_unref_p)
	struct reg_served *a = rl_one(test_path("a.tar"), "h.x/one:1", "layer a");
	EB_CLEANUP(reg_served_unref_p)
	struct reg_served *b = rl_one(test_path("b.tar"), "h.x/two:1", "layer b");
	struct reg_served *const sources[] = { a, b };
	EB_CLEANUP(reg_catalog_unref_p) struct reg_catalog *c = reg_catalog_new(sources, 2);
	const struct reg_repo *one = reg_catalog_find(c, NULL, EB_SPAN("one"));
	struct reg_served *in = NULL;
	struct oci_digest d;

	oci_digest_of("layer a", 7, &d);
	CHECK_INT(reg_repo_blob(one, &d, &in)->size, 7);
	CHECK(in == a);
	oci_digest_of("layer b", 7, &d);
	CHECK(!reg_repo_blob(one, &d, &in));
	CHECK(reg_repo_blob(reg_catalog_find(c, NULL, EB_SPAN("two")), &d, &in) && in == b);
}

TEST(catalog, new_of_nothing_has_nothing)
{
	EB_CLEANUP(reg_catalog_unref_p) struct reg_catalog *c = reg_catalog_new(NULL, 0);

	CHECK(!reg_catalog_find(c, NULL, EB_SPAN("a")) && !reg_catalog_find(c, "h", EB_SPAN("a")));
}
