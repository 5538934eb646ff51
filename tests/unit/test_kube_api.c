#include "base/json.h"
#include "fakekube.h"
#include "kube/api.h"
#include "kube/config.h"
#include "testlib.h"

struct client {
	struct fakekube *k;
	struct kube_config *c;
	struct kube_api *api;
};

static void client_release(struct client *c)
{
	kube_api_free(c->api);
	kube_config_free(c->c);
	fakekube_stop(c->k);
}
EB_DEFINE_RELEASE(struct client, client_release)

static void open_client(struct client *c, const char *token, const struct kube_api_options *given)
{
	struct kube_api_options o = { .backoff_msec = 1 };
	struct eb_error *e = NULL;
	autofree char *text = NULL;

	if (given)
		o = *given;
	c->k = fakekube_start();
	text = fakekube_config(c->k, token);
	CHECK_OK(kube_config_parse("k", text, strlen(text), NULL, &c->c, &e), e);
	CHECK_OK(kube_api_new(c->c, &o, &c->api, &e), e);
}
#define CLIENT(name, token, options)                                                               \
	EB_CLEANUP(client_release_p) struct client name = { .k = NULL };                           \
	struct eb_error *e = NULL;                                                                 \
	open_client(&(name), token, options)

static json_t *secret(const char *name, const char *value)
{
	return json_pack("{s:s,s:s,s:{s:s},s:{s:s}}", "apiVersion", "v1", "kind", "Secret",
			 "metadata", "name", name, "data", "k", value);
}

#define SECRETS "/api/v1/namespaces/ess/secrets"

TEST(kube_api, create_then_get_then_delete)
{
	autojson json_t *one = secret("x", "YQ=="), *made = NULL, *got = NULL, *gone = NULL;
	CLIENT(c, NULL, NULL);

	CHECK_OK(kube_api_create(c.api, SECRETS, one, 0, "Secret ess/x", &made, &e), e);
	CHECK_OK(kube_api_get(c.api, SECRETS "/x", "Secret ess/x", &got, &e), e);
	CHECK_STR(eb_json_text(json_object_get(got, "data"), "k"), "YQ==");
	CHECK_FAIL(kube_api_create(c.api, SECRETS, one, 0, "Secret ess/x", NULL, &e), EB_E_CONFLICT,
		   "Secret ess/x: it already exists (AlreadyExists)", e);
	CHECK_OK(kube_api_delete(c.api, SECRETS "/x", NULL, "Secret ess/x", &e), e);
	CHECK_FAIL(kube_api_get(c.api, SECRETS "/x", "Secret ess/x", &got, &e), EB_E_NOT_FOUND,
		   "Secret ess/x: there is no such object (NotFound)", e);
	CHECK_OK(kube_api_find(c.api, SECRETS "/x", "Secret ess/x", &gone, &e), e);
	CHECK(!gone);
}

TEST(kube_api, replace_of_what_has_changed_is_a_conflict)
{
	autojson json_t *one = secret("x", "YQ=="), *made = NULL, *next = NULL;
	CLIENT(c, NULL, NULL);

	CHECK_OK(kube_api_create(c.api, SECRETS, one, 0, "x", &made, &e), e);
	CHECK_OK(kube_api_replace(c.api, SECRETS "/x", made, 0, "x", &next, &e), e);
	CHECK_FAIL(kube_api_replace(c.api, SECRETS "/x", made, 0, "x", NULL, &e), EB_E_CONFLICT,
		   "has been modified", e);
	CHECK_OK(kube_api_replace(c.api, SECRETS "/x", next, 0, "x", NULL, &e), e);
}

TEST(kube_api, writes_say_manager_force_and_strictness)
{
	autojson json_t *one = secret("x", "YQ==");
	struct kube_api_options o = { .field_manager = "me & you" };
	struct httpd_request q;
	CLIENT(c, NULL, &o);

	CHECK_OK(kube_api_apply(c.api, SECRETS "/x", one, KUBE_FORCE | KUBE_DRY_RUN | KUBE_STRICT,
				"x", NULL, &e),
		 e);
	q = httpd_request(fakekube_httpd(c.k), 0);
	CHECK_STR(q.method, "PATCH");
	CHECK_STR(q.query, "fieldManager=me%20%26%20you&force=true&dryRun=All&fieldValidation="
			   "Strict");
	CHECK_HAS(q.headers, "Content-Type: application/apply-patch+yaml\r\n");
	CHECK_OK(kube_api_merge(c.api, SECRETS "/x", one, KUBE_FORCE, "x", NULL, &e), e);
	q = httpd_request(fakekube_httpd(c.k), 1);
	CHECK_STR(q.query, "fieldManager=me%20%26%20you");
	CHECK_HAS(q.headers, "Content-Type: application/merge-patch+json\r\n");
}

TEST(kube_api, delete_sends_its_preconditions)
{
	struct kube_delete d = {
		.uid = "u1", .resource_version = "7", .propagation = "Foreground", .grace_sec = 0
	};
	json_t *one = secret("x", "YQ==");
	CLIENT(c, NULL, NULL);

	eb_json_set_str(json_object_get(one, "metadata"), "uid", "u2");
	fakekube_put(c.k, SECRETS "/x", one);
	CHECK_FAIL(kube_api_delete(c.api, SECRETS "/x", &d, "Secret ess/x", &e), EB_E_CONFLICT,
		   "precondition", e);
	CHECK_HAS(httpd_request(fakekube_httpd(c.k), 0).body,
		  "{\"apiVersion\":\"v1\",\"gracePeriodSeconds\":0,\"kind\":\"DeleteOptions\","
		  "\"preconditions\":{\"resourceVersion\":\"7\",\"uid\":\"u1\"},"
		  "\"propagationPolicy\":\"Foreground\"}");
}

TEST(kube_api, list_goes_through_all_pages)
{
	struct kube_list l = { .page = 3, .label_selector = "a=b" };
	autojson json_t *items = NULL;
	autofree char *version = NULL;
	CLIENT(c, NULL, NULL);

	for (int i = 0; i < 10; i++) {
		autofree char *path = eb_xasprintf(SECRETS "/s%d", i);

		fakekube_put(c.k, path, secret("s", "YQ=="));
	}
	CHECK_OK(kube_api_list(c.api, SECRETS, &l, "secrets", &items, &version, &e), e);
	CHECK_INT(json_array_size(items), 10);
	CHECK_STR(version, "77");
	CHECK_INT(httpd_n_requests(fakekube_httpd(c.k)), 4);
	CHECK_HAS(httpd_request(fakekube_httpd(c.k), 1).query, "labelSelector=a%3Db");
	json_decref(items);
	items = NULL;
	l.max_items = 5;
	CHECK_FAIL(kube_api_list(c.api, SECRETS, &l, "secrets", &items, NULL, &e), EB_E_LIMIT,
		   "more than 5 objects", e);
}

TEST(kube_api, too_many_requests_are_waited_for)
{
	autojson json_t *one = secret("x", "YQ==");
	CLIENT(c, NULL, NULL);

	fakekube_refuse(c.k, 2, 429, NULL);
	CHECK_OK(kube_api_create(c.api, SECRETS, one, 0, "x", NULL, &e), e);
	CHECK_INT(httpd_n_requests(fakekube_httpd(c.k)), 3);
	fakekube_refuse(c.k, 100, 429, NULL);
	CHECK_FAIL(kube_api_get(c.api, SECRETS "/x", "Secret x", NULL, &e), EB_E_NETWORK,
		   "Secret x: not now (Injected)", e);
}

TEST(kube_api, server_errors_of_writes_are_not_repeated_unless_told)
{
	autojson json_t *one = secret("x", "YQ==");
	CLIENT(c, NULL, NULL);

	fakekube_refuse(c.k, 1, 500, NULL);
	CHECK_FAIL(kube_api_create(c.api, SECRETS, one, 0, "x", NULL, &e), EB_E_NETWORK,
		   "x: not now (Injected)", e);
	CHECK_INT(httpd_n_requests(fakekube_httpd(c.k)), 1);
	fakekube_refuse(c.k, 1, 503, NULL); /* may have been done all the same */
	CHECK_FAIL(kube_api_create(c.api, SECRETS, one, 0, "x", NULL, &e), EB_E_NETWORK, "not now",
		   e);
	fakekube_refuse(c.k, 1, 503, NULL);
	CHECK_OK(kube_api_apply(c.api, SECRETS "/x", one, 0, "x", NULL, &e), e);
	CHECK_INT(httpd_n_requests(fakekube_httpd(c.k)), 4);
}

TEST(kube_api, run_many_keep_their_own_results)
{
	enum { N = 40 };
	struct kube_call calls[N] = { 0 };
	struct kube_call *pointers[N];
	char paths[N][64];
	CLIENT(c, NULL, NULL);

	for (int i = 0; i < N; i++) {
		snprintf(paths[i], sizeof(paths[i]), SECRETS "/s%d", i);
		if (i % 2)
			fakekube_put(c.k, paths[i], secret("s", "YQ=="));
		calls[i].path = calls[i].what = paths[i];
		pointers[i] = &calls[i];
	}
	CHECK_FAIL(kube_api_run(c.api, pointers, N, NULL, NULL, &e), EB_E_NOT_FOUND,
		   "secrets/s0: ", e);
	for (int i = 0; i < N; i++) {
		CHECK_INT(calls[i].result, i % 2 ? 0 : -EB_E_NOT_FOUND);
		CHECK_INT(calls[i].http_status, i % 2 ? 200 : 404);
		CHECK(!calls[i].answer == !(i % 2));
		kube_call_release(&calls[i]);
	}
}

/* ---- credentials ---- */

struct plugin {
	unsigned int runs;
	const char *token;
};

static int run_plugin(void *ctx, const struct kube_exec *x, const char *info, struct eb_buf *out,
		      struct eb_error **err)
{
	struct plugin *p = ctx;

	(void)err;
	CHECK_STR(x->command, "get-token");
	CHECK_HAS(info, "\"kind\":\"ExecCredential\"");
	p->runs++;
	eb_buf_addf(out,
		    "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":"
		    "\"ExecCredential\",\"status\":{\"token\":\"%s\"}}",
		    p->token);
	return 0;
}

TEST(kube_api, expired_token_of_a_plugin_is_renewed_once)
{
	struct plugin p = { .token = "old" };
	struct kube_api_options o = { .run_exec = run_plugin, .exec_ctx = &p };
	EB_CLEANUP(client_release_p) struct client c = { .k = fakekube_start() };
	struct eb_error *e = NULL;
	autofree char *text = eb_xasprintf(
		"current-context: a\n"
		"contexts: [{name: a, context: {cluster: a, user: a}}]\n"
		"clusters: [{name: a, cluster: {server: '%s'}}]\n"
		"users: [{name: a, user: {exec: {apiVersion: "
		"client.authentication.k8s.io/v1, command: get-token}}}]\n",
		httpd_url(fakekube_httpd(c.k), ""));

	fakekube_put(c.k, SECRETS "/x", secret("x", "YQ=="));
	fakekube_want_token(c.k, "old");
	CHECK_OK(kube_config_parse("k", text, strlen(text), NULL, &c.c, &e), e);
	CHECK_OK(kube_api_new(c.c, &o, &c.api, &e), e);
	CHECK_OK(kube_api_get(c.api, SECRETS "/x", "x", NULL, &e), e);
	CHECK_OK(kube_api_get(c.api, SECRETS "/x", "x", NULL, &e), e);
	CHECK_INT(p.runs, 1);
	fakekube_want_token(c.k, "new");
	p.token = "new";
	CHECK_OK(kube_api_get(c.api, SECRETS "/x", "x", NULL, &e), e);
	CHECK_INT(p.runs, 2);
	fakekube_want_token(c.k, "newest");
	CHECK_FAIL(kube_api_get(c.api, SECRETS "/x", "x", NULL, &e), EB_E_AUTH, "Unauthorized", e);
	CHECK_INT(p.runs, 3);
}

TEST(kube_api, wrong_token_is_said_and_never_shown)
{
	CLIENT(c, "hush-hush", NULL);

	fakekube_want_token(c.k, "right");
	CHECK_INT(kube_api_get(c.api, SECRETS "/x", "x", NULL, &e), -EB_E_AUTH);
	CHECK(!strstr(e->message, "hush"));
	CHECK_HAS(e->hint, "credentials of the kubeconfig");
	eb_error_clear(&e);
	CHECK_INT(httpd_n_requests(fakekube_httpd(c.k)), 1);
}

TEST(kube_api, plugin_without_a_runner_is_refused)
{
	struct kube_exec x = { .command = (char *)"get-token" };
	struct kube_config c = { .exec = &x, .origin = (char *)"context 'a'" };
	EB_CLEANUP(kube_auth_free_p) struct kube_auth *a = kube_auth_new(&c, NULL, NULL);
	struct eb_error *e = NULL;
	bool changed;

	CHECK_FAIL(kube_auth_prepare(a, false, &changed, &e), EB_E_UNSUPPORTED, "'get-token'", e);
}

TEST(kube_api, token_file_is_read)
{
	struct kube_config c = { .token_file = (char *)(uintptr_t)test_path("t"),
				 .origin = (char *)"this pod" };
	EB_CLEANUP(kube_auth_free_p) struct kube_auth *a = kube_auth_new(&c, NULL, NULL);
	struct eb_error *e = NULL;
	bool changed;

	CHECK_FAIL(kube_auth_prepare(a, false, &changed, &e), 2, "this pod", e);
	CHECK_OK(eb_file_write(c.token_file, "abc\n", 4, 0600, &e), e);
	CHECK_OK(kube_auth_prepare(a, false, &changed, &e), e);
	CHECK_STR(kube_auth_header(a), "Bearer abc");
	CHECK_OK(eb_file_write(c.token_file, "d\ne", 3, 0600, &e), e);
	CHECK_FAIL(kube_auth_prepare(a, true, &changed, &e), EB_E_AUTH, "no token has", e);
}

TEST(kube_api, exec_parse_wants_a_complete_answer)
{
#define EC "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\""
	static const struct {
		const char *text, *message;
		int code;
	} cases[] = {
		{ "nothing", "", EB_E_FORMAT },
		{ "{\"kind\":\"Other\"}", "no ExecCredential", EB_E_FORMAT },
		{ EC "}", "status", EB_E_FORMAT },
		{ EC ",\"status\":{}}", "neither token nor certificate", EB_E_AUTH },
		{ EC ",\"status\":{\"clientKeyData\":\"x\"}}", "alone", EB_E_FORMAT },
		{ EC ",\"status\":{\"token\":\"a\\nb\"}}", "no token has", EB_E_AUTH },
		{ EC ",\"status\":{\"token\":\"a\",\"expirationTimestamp\":\"soon\"}}", "no time",
		  EB_E_FORMAT },
	};
	char *token = NULL, *cert = NULL, *key = NULL;
	struct eb_error *e = NULL;
	int64_t t;

	for (size_t i = 0; i < EB_ARRAY_LEN(cases); i++)
		CHECK_FAIL(kube_exec_parse(cases[i].text, strlen(cases[i].text),
					   "client.authentication.k8s.io/v1", &token, &cert, &key,
					   &t, &e),
			   cases[i].code, cases[i].message, e);
	CHECK(!token && !cert && !key);
	CHECK(kube_parse_time("2026-01-02T03:04:05Z", &t));
	CHECK_INT(t, 1767323045);
	CHECK(kube_parse_time("2026-01-02T04:04:05.123+01:00", &t));
	CHECK_INT(t, 1767323045);
	CHECK(!kube_parse_time("2026-01-02T04:04:05", &t));
}

/* ---- the connection ---- */

TEST(kube_api, tls_wants_the_clusters_authority)
{
	autofree char *cert = eb_xstrdup(test_path("ca.pem"));
	EB_CLEANUP(httpd_stop_p) struct httpd *h = httpd_start_tls(cert);
	EB_AUTOBUF(pem, 100000);
	struct httpd_reply reply = { .body = "{\"kind\":\"X\"}",
				     .size = 12,
				     .mode = HTTPD_NO_RANGE };
	struct kube_config c = { .origin = (char *)"x" };
	struct kube_api_options o = { .attempts = 1 };
	EB_CLEANUP(kube_api_free_p) struct kube_api *api = NULL, *strange = NULL;
	struct eb_error *e = NULL;

	httpd_reply(h, "/x", &reply);
	CHECK_OK(eb_file_read(cert, &pem, &e), e);
	c.server = (char *)(uintptr_t)httpd_url(h, "");
	CHECK_OK(kube_api_new(&c, &o, &strange, &e), e);
	CHECK_FAIL(kube_api_get(strange, "/x", "x", NULL, &e), EB_E_NETWORK, "certificate", e);
	c.ca_pem = (char *)(uintptr_t)eb_buf_str(&pem);
	CHECK_OK(kube_api_new(&c, &o, &api, &e), e);
	CHECK_OK(kube_api_get(api, "/x", "x", NULL, &e), e);
}

TEST(kube_api, server_name_is_what_the_request_is_for)
{
	CLIENT(c, NULL, NULL);
	EB_CLEANUP(kube_api_free_p) struct kube_api *api = NULL;
	struct httpd_request q;

	c.c->server_name = eb_xstrdup("kubernetes.example.org");
	CHECK_OK(kube_api_new(c.c, NULL, &api, &e), e);
	CHECK_FAIL(kube_api_get(api, "/api/v1/x", "x", NULL, &e), EB_E_NOT_FOUND, "", e);
	q = httpd_request(fakekube_httpd(c.k), 0);
	CHECK_HAS(q.headers, "Host: kubernetes.example.org:");
}

TEST(kube_api, warnings_come_with_the_answer)
{
	struct httpd_reply reply = { .body = "{}",
				     .size = 2,
				     .mode = HTTPD_NO_RANGE,
				     .headers = "Warning: 299 - \"unknown field \\\"x\\\"\"\r\n" };
	struct kube_call call = { .path = "/w", .what = "w" };
	struct kube_call *const calls[] = { &call };
	CLIENT(c, NULL, NULL);

	httpd_reply(fakekube_httpd(c.k), "/w", &reply);
	CHECK_OK(kube_api_run(c.api, calls, 1, NULL, NULL, &e), e);
	CHECK_STR(call.warnings, "unknown field \\\"x\\\"\n");
	kube_call_release(&call);
}

TEST(kube_api, answer_that_is_too_long_or_no_json_is_refused)
{
	struct kube_api_options o = { .max_answer_bytes = 100, .attempts = 1 };
	struct httpd_reply html = { .mode = HTTPD_HTML };
	CLIENT(c, NULL, &o);
	json_t *big = secret("x", "YQ==");
	autofree char *text = eb_xcalloc(1, 200);

	memset(text, 'a', 199);
	eb_json_set_str(big, "more", text);
	fakekube_put(c.k, SECRETS "/x", big);
	CHECK_FAIL(kube_api_get(c.api, SECRETS "/x", "x", NULL, &e), EB_E_LIMIT, "", e);
	httpd_reply(fakekube_httpd(c.k), "/html", &html);
	CHECK_FAIL(kube_api_get(c.api, "/html", "x", NULL, &e), EB_E_FORMAT, "x: the answer", e);
}
