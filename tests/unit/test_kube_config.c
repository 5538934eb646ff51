#include "base/base64.h"
#include "kube/config.h"
#include "testlib.h"

static const char two_contexts[] =
	"apiVersion: v1\nkind: Config\ncurrent-context: prod\n"
	"contexts:\n- name: prod\n  context: {cluster: big, user: admin, namespace: ess}\n"
	"- name: lab\n  context: {cluster: small, user: robot}\n"
	"clusters:\n- name: big\n  cluster:\n    server: https://10.0.0.1:6443/k8s/\n"
	"    certificate-authority-data: Q0E=\n    tls-server-name: kubernetes\n"
	"    proxy-url: http://proxy.example.org:3128\n"
	"- name: small\n  cluster: {server: https://lab.example.org, insecure-skip-tls-verify: "
	"true}\n"
	"users:\n- name: admin\n  user: {client-certificate-data: Q0VSVA==, client-key-data: "
	"S0VZ}\n"
	"- name: robot\n  user: {token: abc123}\n";

static int parse(const char *text, const char *context, struct kube_config **ret,
		 struct eb_error **err)
{
	return kube_config_parse("/home/x/.kube/config", text, strlen(text), context, ret, err);
}

TEST(kube_config, parse_resolves_the_current_context)
{
	EB_CLEANUP(kube_config_free_p) struct kube_config *c = NULL;
	struct eb_error *e = NULL;

	CHECK_OK(parse(two_contexts, NULL, &c, &e), e);
	CHECK_STR(c->context, "prod");
	CHECK_STR(c->namespace_, "ess");
	CHECK_STR(c->server, "https://10.0.0.1:6443/k8s");
	CHECK_STR(c->server_name, "kubernetes");
	CHECK_STR(c->proxy_url, "http://proxy.example.org:3128");
	CHECK_STR(c->ca_pem, "CA");
	CHECK_STR(c->cert_pem, "CERT");
	CHECK_STR(c->key_pem, "KEY");
	CHECK(!c->token);
	CHECK_STR(c->origin, "context 'prod' of /home/x/.kube/config");
}

TEST(kube_config, parse_takes_the_named_context)
{
	EB_CLEANUP(kube_config_free_p) struct kube_config *c = NULL;
	struct eb_error *e = NULL;

	CHECK_OK(parse(two_contexts, "lab", &c, &e), e);
	CHECK_STR(c->namespace_, "default");
	CHECK_STR(c->token, "abc123");
	CHECK(c->insecure);
	CHECK_FAIL(parse(two_contexts, "labb", &c, &e), EB_E_NOT_FOUND, "no context 'labb'", e);
}

TEST(kube_config, parse_hint_names_the_nearest)
{
	struct kube_config *c = NULL;
	struct eb_error *e = NULL;

	CHECK_INT(parse(two_contexts, "prdo", &c, &e), -EB_E_NOT_FOUND);
	CHECK_STR(e->hint, "did you mean 'prod'?");
	eb_error_clear(&e);
}

TEST(kube_config, parse_reads_exec)
{
	EB_CLEANUP(kube_config_free_p) struct kube_config *c = NULL;
	struct eb_error *e = NULL;

	CHECK_OK(parse("current-context: a\ncontexts: [{name: a, context: {cluster: a, user: a}}]\n"
		       "clusters: [{name: a, cluster: {server: 'https://h'}}]\n"
		       "users: [{name: a, user: {exec: {apiVersion: "
		       "client.authentication.k8s.io/v1,\n"
		       " command: ./get-token, args: [--cluster, 1], env: [{name: A, value: b}],\n"
		       " installHint: install it, provideClusterInfo: true,\n"
		       " interactiveMode: Never}}}]\n",
		       NULL, &c, &e),
		 e);
	CHECK_STR(c->exec->command, "./get-token");
	CHECK_INT(c->exec->n_args, 2);
	CHECK_STR(c->exec->args[1], "1");
	CHECK_STR(c->exec->env[0], "A=b");
	CHECK_STR(c->exec->folder, "/home/x/.kube");
	CHECK(c->exec->cluster_info);
}

#define HEAD "current-context: a\ncontexts: [{name: a, context: {cluster: a, user: a}}]\n"
#define CLUSTER "clusters: [{name: a, cluster: {server: 'https://h'}}]\n"

TEST(kube_config, parse_refuses_with_place)
{
	static const struct {
		const char *text, *message;
		int code;
	} cases[] = {
		{ "", "is empty", EB_E_FORMAT },
		{ "[1]", "no kubeconfig: a list", EB_E_FORMAT },
		{ "kind: Config\n", "has no current context", EB_E_NOT_FOUND },
		{ HEAD, "has no cluster 'a'", EB_E_NOT_FOUND },
		{ HEAD "clusters: [{name: a, cluster: {}}]\n", "no 'server'", EB_E_FORMAT },
		{ HEAD "clusters: [{name: a, cluster: {server: 'ftp://h'}}]\n",
		  "/home/x/.kube/config:3:40: 'server' is not an http or https URL", EB_E_FORMAT },
		{ HEAD CLUSTER, "has no user 'a'", EB_E_NOT_FOUND },
		{ HEAD CLUSTER "users: [{name: a, user: {client-certificate-data: '%%'}}]\n",
		  "'client-certificate-data' is not base64", EB_E_FORMAT },
		{ HEAD CLUSTER "users: [{name: a, user: {client-certificate-data: Q0E=}}]\n",
		  "without its key", EB_E_FORMAT },
		{ HEAD CLUSTER "users: [{name: a, user: {auth-provider: {name: gcp}}}]\n", "1.26",
		  EB_E_UNSUPPORTED },
		{ HEAD CLUSTER "users: [{name: a, user: {exec: {command: x}}}]\n",
		  "client.authentication.k8s.io/v1", EB_E_UNSUPPORTED },
		{ HEAD CLUSTER "users: [{name: a, user: {token: \"a\\r\\nHost: b\"}}]\n",
		  "'token' is more than one line", EB_E_FORMAT },
		{ "contexts: {}\ncurrent-context: a\n", "'contexts' is a map, expected a list",
		  EB_E_FORMAT },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(cases); i++) {
		struct kube_config *c = NULL;
		struct eb_error *e = NULL;

		CHECK_FAIL(parse(cases[i].text, NULL, &c, &e), cases[i].code, cases[i].message, e);
		CHECK(!c);
	}
}

TEST(kube_config, parse_errors_never_show_secrets)
{
	struct kube_config *c = NULL;
	struct eb_error *e = NULL;

	CHECK(parse(HEAD CLUSTER "users: [{name: a, user: {token: [hush-hush]}}]\n", NULL, &c, &e) <
	      0);
	CHECK(!strstr(e->message, "hush"));
	eb_error_clear(&e);
}

TEST(kube_config, load_first_file_counts_and_missing_ones_are_passed_by)
{
	EB_CLEANUP(kube_config_free_p) struct kube_config *c = NULL;
	autofree char *one = eb_xstrdup(test_path("one")), *two = eb_xstrdup(test_path("two"));
	const char *const files[] = { "/does/not/exist", one, two, NULL };
	struct kube_config_options o = { .files = files };
	static const char first[] = HEAD "users: [{name: a, user: {tokenFile: tok}}]\n",
			  second[] = CLUSTER "current-context: zzz\n"
					     "users: [{name: a, user: {token: other}}]\n";
	struct eb_error *e = NULL;

	CHECK_OK(eb_file_write(one, first, strlen(first), 0600, &e), e);
	CHECK_OK(eb_file_write(two, second, strlen(second), 0600, &e), e);
	CHECK_OK(kube_config_load(&o, &c, &e), e);
	CHECK_STR(c->server, "https://h");
	CHECK_STR(c->token_file, test_path("tok"));
	CHECK(!c->token);
}

TEST(kube_config, load_without_any_file_says_which)
{
	const char *const files[] = { "/does/not/exist", NULL };
	struct kube_config_options o = { .files = files };
	struct kube_config *c = NULL;
	struct eb_error *e = NULL;

	CHECK_FAIL(kube_config_load(&o, &c, &e), EB_E_NOT_FOUND, "no kubeconfig at /does/not", e);
}

TEST(kube_config, in_cluster_reads_the_pods_files)
{
	EB_CLEANUP(kube_config_free_p) struct kube_config *c = NULL;
	struct eb_error *e = NULL;

	CHECK_OK(eb_file_write(test_path("token"), "t0k", 3, 0600, &e), e);
	CHECK_OK(eb_file_write(test_path("ca.crt"), "PEM", 3, 0600, &e), e);
	CHECK_OK(eb_file_write(test_path("namespace"), "ess\n", 4, 0600, &e), e);
	CHECK_OK(kube_config_in_cluster(test_dir(), "fd00::1", "443", &c, &e), e);
	CHECK_STR(c->server, "https://[fd00::1]:443");
	CHECK_STR(c->namespace_, "ess");
	CHECK_STR(c->ca_pem, "PEM");
	CHECK_STR(c->token_file, test_path("token"));
}

TEST(kube_config, in_cluster_outside_a_pod_says_so)
{
	struct kube_config *c = NULL;
	struct eb_error *e = NULL;

	CHECK_FAIL(kube_config_in_cluster(test_dir(), NULL, "443", &c, &e), EB_E_NOT_FOUND,
		   "this is no pod", e);
	CHECK_FAIL(kube_config_in_cluster(test_dir(), "10.0.0.1", "443", &c, &e), 2, "token", e);
}
