#include "render/objects.h"

#include "base/json.h"
#include "testlib.h"

static int collect(const char *text, struct rnd_objects *o, struct eb_error **err)
{
	autojson json_t *j = NULL;

	CHECK_OK(eb_json_parse(text, strlen(text), 100000, &j, err), *err);
	return rnd_objects_collect(j, "ns", o, err);
}

#define OBJECT(kind, name)                                                                         \
	"{\"apiVersion\":\"v1\",\"kind\":\"" kind "\",\"metadata\":{\"name\":\"" name "\"}}"
#define HOOK(kind, name, hook, weight)                                                             \
	"{\"apiVersion\":\"v1\",\"kind\":\"" kind "\",\"metadata\":{\"name\":\"" name              \
	"\",\"annotations\":{\"helm.sh/hook\":\"" hook "\",\"helm.sh/hook-weight\":\"" weight      \
	"\"}}}"

TEST(objects, nested_results_are_flattened_and_ordered)
{
	EB_CLEANUP(rnd_objects_release_p) struct rnd_objects o = { 0 };
	struct eb_error *e = NULL;
	static const char *const want[] = { "Secret/s",	 "ConfigMap/a",	 "ConfigMap/b",
					    "Service/x", "Deployment/d", "Widget/w" };

	CHECK_OK(
		collect("[null,[" OBJECT("Widget", "w") "," OBJECT(
				"Deployment",
				"d") "],{\"x\":[" OBJECT("ConfigMap",
							 "b") "],\"y\":" OBJECT("ConfigMap",
										"a") "},"
										     "{\"kind\":"
										     "\"List\","
										     "\"items\":"
										     "[" OBJECT(
											     "Servi"
											     "ce",
											     "x") "]}," OBJECT("Secret",
													       "s") "]",
			&o, &e),
		e);
	CHECK_INT(o.n, EB_ARRAY_LEN(want));
	for (size_t i = 0; i < o.n; i++) {
		autofree char *have = eb_xasprintf("%s/%s", o.items[i].kind, o.items[i].name);

		CHECK_STR(have, want[i]);
		CHECK_STR(o.items[i].namespace_, "ns");
	}
}

TEST(objects, hooks_stand_around_by_weight_and_name)
{
	EB_CLEANUP(rnd_objects_release_p) struct rnd_objects o = { 0 };
	struct eb_error *e = NULL;
	static const char *const want[] = { "early", "job", "z", "later" };

	CHECK_OK(collect("[" HOOK("Job", "later", "post-install,post-upgrade", "10") "," HOOK(
				 "Job", "job", "pre-install,pre-upgrade",
				 "-10") "," OBJECT("Service", "z") "," HOOK("ServiceAccount",
									    "early", "pre-install",
									    "-11") "]",
			 &o, &e),
		 e);
	for (size_t i = 0; i < o.n; i++)
		CHECK_STR(o.items[i].name, want[i]);
	CHECK_INT(o.items[1].weight, -10);
	CHECK_INT(o.items[3].phase, RND_AFTER);
}

TEST(objects, cluster_wide_kinds_have_no_namespace)
{
	EB_CLEANUP(rnd_objects_release_p) struct rnd_objects o = { 0 };
	struct eb_error *e = NULL;

	CHECK_OK(collect("[" OBJECT("ClusterRole", "c") "]", &o, &e), e);
	CHECK(o.items[0].namespace_ == NULL);
}

TEST(objects, the_same_object_twice_is_refused)
{
	struct rnd_objects o = { 0 };
	struct eb_error *e = NULL;

	CHECK_FAIL(collect("[" OBJECT("Service", "x") "," OBJECT("Service", "x") "]", &o, &e),
		   EB_E_CONFLICT, "Service 'x' is there twice", e);
	CHECK_FAIL(collect("[{\"apiVersion\":\"apps/"
			   "v1\",\"kind\":\"D\",\"metadata\":{\"name\":\"x\"}},"
			   "{\"apiVersion\":\"apps/"
			   "v2\",\"kind\":\"D\",\"metadata\":{\"name\":\"x\"}}]",
			   &o, &e),
		   EB_E_CONFLICT, "D 'x' is there twice", e);
}

TEST(objects, malformed_objects_are_refused)
{
	static const struct {
		const char *text, *part;
	} bad[] = {
		{ "[{\"kind\":\"X\"}]", "no metadata.name" },
		{ "[{\"kind\":\"X\",\"metadata\":{\"name\":\"a\"}}]", "X 'a' has no apiVersion" },
		{ "[{\"kind\":5}]", "kind" },
		{ "[\"text\"]", "gave a string where objects" },
		{ "[{\"apiVersion\":\"v1\",\"kind\":\"X\",\"metadata\":{\"name\":\"a\",\"labels\":{"
		  "\"l\":1}}}]",
		  "metadata.labels['l'] is an integer, expected text" },
		{ "[" HOOK("X", "a", "some-day", "1") "]", "helm.sh/hook knows no 'some-day'" },
		{ "[" HOOK("X", "a", "test", "heavy") "]", "helm.sh/hook-weight is 'heavy'" },
	};
	struct rnd_objects o = { 0 };
	struct eb_error *e = NULL;

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++)
		CHECK_FAIL(collect(bad[i].text, &o, &e), EB_E_FORMAT, bad[i].part, e);
}
