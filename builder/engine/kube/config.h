/* How to reach a cluster and as whom: kubeconfig files, or what a pod finds in itself
 * (kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig). One context is
 * picked and resolved; files that it names are read here, so that everything else works with one
 * struct. Nobody here reads the environment: the caller passes what it found there.
 *
 * Not supported: auth-provider entries (removed from Kubernetes in 1.26), impersonation. */
#pragma once

#include "base/cleanup.h"

struct eb_buf;
struct eb_error;

/* A program that says who we are (client.authentication.k8s.io). */
struct kube_exec {
	char *api_version, *command;
	char **args;  /* n_args of them, without the command */
	char **env;   /* "NAME=value", n_env of them, besides the environment */
	char *folder; /* of the kubeconfig: where a relative command with a slash starts from */
	char *install_hint;
	size_t n_args, n_env;
	bool cluster_info; /* it wants to know the cluster */
};

struct kube_config {
	char *origin; /* for messages: "context 'x' of /home/u/.kube/config", "this pod" */
	char *context;
	char *namespace_;  /* of the context; "default" when it names none */
	char *server;	   /* "https://HOST[:PORT][/PREFIX]", no slash at the end */
	char *server_name; /* whom the certificate must name, NULL = the host of the server */
	char *proxy_url;   /* NULL = by the usual variables */
	char *ca_pem;	   /* trust anchors, NULL = the system's */
	bool insecure;

	/* Who we are; any may be NULL. Secrets: wiped when freed, never in messages. */
	char *cert_pem, *key_pem;
	char *token, *token_file; /* the file counts, and is read again when it may have changed */
	char *username, *password;
	struct kube_exec *exec;
};

struct kube_config_options {
	const char *const *files; /* NULL-terminated; entries of the first count, missing ones are
				     passed by */
	const char *context;	  /* NULL = the current one */
};

/* Errors: EB_E_NOT_FOUND (no file at all; no such context, cluster or user, naming the nearest),
 * EB_E_FORMAT with file:line:column, EB_E_LIMIT, -errno of files that the kubeconfig names. */
int kube_config_load(const struct kube_config_options *o, struct kube_config **ret,
		     struct eb_error **err) EB_MUST_CHECK;
/* The same from text. `file` names it in messages, and relative paths start in its directory. */
int kube_config_parse(const char *file, const char *text, size_t n, const char *context,
		      struct kube_config **ret, struct eb_error **err) EB_MUST_CHECK;

/* What every pod with a service account finds: host and port are the values of
 * KUBERNETES_SERVICE_HOST and _PORT, dir is KUBE_POD_DIR but in tests. Errors: EB_E_NOT_FOUND when
 * this is no pod, -errno. */
#define KUBE_POD_DIR "/var/run/secrets/kubernetes.io/serviceaccount"
int kube_config_in_cluster(const char *dir, const char *host, const char *port,
			   struct kube_config **ret, struct eb_error **err) EB_MUST_CHECK;

struct kube_config *kube_config_free(struct kube_config *c);
EB_DEFINE_CLEANUP(struct kube_config *, kube_config_free)

/* "HOST:PORT" from host and port, with brackets around an IPv6 address; heap. */
char *kube_host_port(const char *host, const char *port);
