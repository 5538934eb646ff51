#include "render/images.h"

#include "base/json.h"
#include "testlib.h"

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static bool looks(const char *word)
{
	return rnd_looks_like_image(word, strlen(word));
}

TEST(images, full_references_are_recognised)
{
	CHECK(looks("ghcr.io/a/b:1.2"));
	CHECK(looks("localhost/a:x"));
	CHECK(looks("r.example.org:5000/a/b@" DIGEST));
	CHECK(looks("r.example.org/a:1@" DIGEST));
}

TEST(images, other_texts_are_not)
{
	static const char *const no[] = { "https://ghcr.io/a:1",
					  "a/b:1",
					  "/etc/a.d/x:ro",
					  "ghcr.io/a",
					  "ghcr.io/A:1",
					  "ghcr.io/a:",
					  "x.y",
					  "a.b/c@sha256:12",
					  "",
					  "p.ns.svc.cluster.local:5432/db",
					  "a.b/:1" };

	for (size_t i = 0; i < EB_ARRAY_LEN(no); i++)
		CHECK(!looks(no[i]));
}

static int find(const char *object, const char *values, struct rnd_foreign_list *ret,
		struct rnd_objects *objects, struct eb_error **err)
{
	static const struct rnd_image own = { "redis", "ess.internal", "redis", "8.0", DIGEST };
	autojson json_t *j = NULL, *v = NULL;
	int r = eb_json_parse(object, strlen(object), 10000, &j, err);

	if (r >= 0)
		r = eb_json_parse(values, strlen(values), 10000, &v, err);
	if (r >= 0)
		r = rnd_objects_collect(j, "ns", objects, err);
	return r < 0 ? r : rnd_foreign_images(objects, &own, 1, v, ret, err);
}

#define POD(inner)                                                                                 \
	"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"},\"spec\":" inner "}"

TEST(images, those_of_the_bundle_are_fine)
{
	EB_CLEANUP(rnd_foreign_release_p) struct rnd_foreign_list l = { 0 };
	EB_CLEANUP(rnd_objects_release_p) struct rnd_objects o = { 0 };
	struct eb_error *e = NULL;

	CHECK_OK(find(POD("[{\"image\":\"ess.internal/redis:8.0@" DIGEST "\"},"
			  "{\"image\":\"ess.internal/redis@" DIGEST "\"}]"),
		      "{}", &l, &o, &e),
		 e);
	CHECK_INT(l.n, 0);
}

TEST(images, foreign_ones_are_found_wherever_they_are)
{
	EB_CLEANUP(rnd_foreign_release_p) struct rnd_foreign_list l = { 0 };
	EB_CLEANUP(rnd_objects_release_p) struct rnd_objects o = { 0 };
	struct eb_error *e = NULL;

	CHECK_OK(find(POD("{\"initContainers\":[{\"image\":\"busybox\"}],\"args\":[\"--image=q.io/"
			  "a:1\"],"
			  "\"env\":[{\"value\":\"x q.io/b@" DIGEST ", y\"}],\"again\":\"q.io/a:1\","
			  "\"other\":{\"image\":\"ess.internal/redis:9\"}}"),
		      "{}", &l, &o, &e),
		 e);
	CHECK_INT(l.n, 4);
	CHECK_STR(l.items[0].kind, "Pod");
	CHECK(!l.items[0].asked);
}

TEST(images, those_that_the_user_asked_for_are_marked)
{
	EB_CLEANUP(rnd_foreign_release_p) struct rnd_foreign_list l = { 0 };
	EB_CLEANUP(rnd_objects_release_p) struct rnd_objects o = { 0 };
	struct eb_error *e = NULL;

	CHECK_OK(find(POD("[{\"image\":\"q.io/mine:2\"},{\"image\":\"q.io/other:2\"}]"),
		      "{\"redis\":{\"image\":{\"repository\":\"mine\",\"tag\":2}}}", &l, &o, &e),
		 e);
	CHECK_INT(l.n, 2);
	CHECK(l.items[0].asked);
	CHECK(!l.items[1].asked);
}
