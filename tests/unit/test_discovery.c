#include "base/json.h"
#include "fakekube.h"
#include "kube/api.h"
#include "kube/config.h"
#include "kube/discovery.h"
#include "testlib.h"

struct client {
	struct fakekube *k;
	struct kube_config *c;
	struct kube_api *api;
	struct kube_discovery *d;
};

static void client_release(struct client *c)
{
	kube_discovery_free(c->d);
	kube_api_free(c->api);
	kube_config_free(c->c);
	fakekube_stop(c->k);
}
EB_DEFINE_RELEASE(struct client, client_release)

static void open_client(struct client *c)
{
	struct kube_api_options o = { .attempts = 1 };
	struct eb_error *e = NULL;
	autofree char *text = NULL;

	c->k = fakekube_start();
	text = fakekube_config(c->k, NULL);
	CHECK_OK(kube_config_parse("k", text, strlen(text), NULL, &c->c, &e), e);
	CHECK_OK(kube_api_new(c->c, &o, &c->api, &e), e);
	c->d = kube_discovery_new(c->api);
}
#define CLIENT(name)                                                                               \
	EB_CLEANUP(client_release_p) struct client name = { .k = NULL };                           \
	struct eb_error *e = NULL;                                                                 \
	open_client(&(name))

TEST(discovery, find_asks_once_per_version)
{
	const struct kube_resource *r = NULL;
	autofree char *path = NULL;
	CLIENT(c);

	CHECK_OK(kube_discovery_find(c.d, "apps/v1", "Deployment", &r, &e), e);
	CHECK_STR(r->plural, "deployments");
	CHECK(r->namespaced && r->can_patch && !r->can_list);
	path = kube_path(r, "ess", "a b");
	CHECK_STR(path, "/apis/apps/v1/namespaces/ess/deployments/a%20b");
	CHECK_OK(kube_discovery_find(c.d, "apps/v1", "StatefulSet", &r, &e), e);
	CHECK_INT(httpd_n_requests(fakekube_httpd(c.k)), 1);
	kube_discovery_forget(c.d, "apps/v1");
	CHECK_OK(kube_discovery_find(c.d, "apps/v1", "StatefulSet", &r, &e), e);
	CHECK_INT(httpd_n_requests(fakekube_httpd(c.k)), 2);
}

TEST(discovery, find_unknown_kind_names_the_nearest)
{
	const struct kube_resource *r = NULL;
	CLIENT(c);

	CHECK_INT(kube_discovery_find(c.d, "apps/v1", "Deploymnt", &r, &e), -EB_E_NOT_FOUND);
	CHECK_HAS(e->message, "apps/v1 has no kind 'Deploymnt'");
	CHECK_HAS(e->hint, "'Deployment'");
	eb_error_clear(&e);
	CHECK_INT(kube_discovery_find(c.d, "monitoring.coreos.com/v1", "ServiceMonitor", &r, &e),
		  -EB_E_NOT_FOUND);
	CHECK_HAS(e->hint, "CustomResourceDefinition");
	eb_error_clear(&e);
	CHECK_FAIL(kube_discovery_find(c.d, "../v1", "X", &r, &e), EB_E_FORMAT, "'../v1' is none",
		   e);
	CHECK_FAIL(kube_discovery_find(c.d, "v1", "Log", &r, &e), EB_E_NOT_FOUND, "no kind", e);
}

TEST(discovery, has_says_whether)
{
	bool has = true;
	CLIENT(c);

	CHECK_OK(kube_discovery_has(c.d, "cert-manager.io/v1", "Certificate", &has, &e), e);
	CHECK(!has);
	CHECK_OK(kube_discovery_has(c.d, "v1", NULL, &has, &e), e);
	CHECK(has);
}

TEST(discovery, fetch_asks_for_several_at_once_and_fails_when_refused)
{
	const char *const versions[] = { "v1", "apps/v1", "v1", "batch/v1", NULL };
	CLIENT(c);

	CHECK_OK(kube_discovery_fetch(c.d, versions, &e), e);
	CHECK_INT(httpd_n_requests(fakekube_httpd(c.k)), 3);
	kube_discovery_forget(c.d, NULL);
	fakekube_refuse(c.k, 1, 403, NULL);
	CHECK_FAIL(kube_discovery_fetch(c.d, versions, &e), EB_E_AUTH, "kinds of ", e);
}

TEST(discovery, path_of_objects)
{
	autojson json_t *space = json_pack("{s:s,s:s,s:{s:s}}", "apiVersion", "v1", "kind",
					   "Namespace", "metadata", "name", "ess");
	autojson json_t *map = json_pack("{s:s,s:s,s:{s:s,s:s}}", "apiVersion", "v1", "kind",
					 "ConfigMap", "metadata", "name", "m", "namespace",
					 "other");
	autojson json_t *none = json_pack("{s:s}", "kind", "ConfigMap");
	CLIENT(c);

	for (int i = 0; i < 2; i++) {
		autofree char *path = NULL, *what = NULL;

		CHECK_OK(kube_discovery_path(c.d, i ? map : space, "ess", false, &path, &what, &e),
			 e);
		CHECK_STR(path,
			  i ? "/api/v1/namespaces/other/configmaps/m" : "/api/v1/namespaces/ess");
		CHECK_STR(what, i ? "ConfigMap other/m" : "Namespace ess");
	}
	char *path = NULL, *what = NULL;
	CHECK_FAIL(kube_discovery_path(c.d, none, "ess", false, &path, &what, &e), EB_E_FORMAT,
		   "without apiVersion", e);
}

TEST(discovery, versions_are_all_that_the_server_has)
{
	autojson json_t *list = NULL;
	autofree char *text = NULL;
	CLIENT(c);

	CHECK_OK(kube_discovery_versions(c.d, &list, &e), e);
	text = eb_json_canonical(list, NULL);
	CHECK_STR(text, "[\"apps/v1\",\"v1\"]");
}

TEST(discovery, lists_of_a_broken_server_are_refused)
{
	static const char *const bodies[] = { "{}",
					      "{\"resources\":[{\"name\":\"x?y\",\"kind\":\"X\"}]}",
					      "{\"resources\":[{\"name\":\"xs\"}]}",
					      "{\"resources\":3}" };
	const struct kube_resource *r = NULL;
	CLIENT(c);

	for (size_t i = 0; i < EB_ARRAY_LEN(bodies); i++) {
		struct httpd_reply reply = { .body = bodies[i],
					     .size = strlen(bodies[i]),
					     .mode = HTTPD_NO_RANGE };

		httpd_reply(fakekube_httpd(c.k), "/apis/batch/v1", &reply);
		CHECK_FAIL(kube_discovery_find(c.d, "batch/v1", "Job", &r, &e), EB_E_FORMAT,
			   "kinds of batch/v1", e);
	}
}

TEST(discovery, core_path_needs_no_question)
{
	autofree char *one = kube_core_path("ess", "secrets", "x"),
		      *all = kube_core_path("ess", "secrets", NULL);

	CHECK_STR(one, "/api/v1/namespaces/ess/secrets/x");
	CHECK_STR(all, "/api/v1/namespaces/ess/secrets");
}
