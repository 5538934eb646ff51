#include "kube/config.h"

#include <errno.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/span.h"
#include "yaml/node.h"

enum { MAX_FILES = 32, MAX_FILE_BYTES = 4 * 1024 * 1024, MAX_ENTRIES = 10000, MAX_ARGS = 256 };

/* Files of the kubeconfig, the first one's entries count. */
struct files {
	struct eb_arena *arena;
	struct yml_node *roots[MAX_FILES];
	size_t n;
};

static void files_release(struct files *f)
{
	eb_arena_free(f->arena);
}
EB_DEFINE_RELEASE(struct files, files_release)

static struct kube_exec *exec_free(struct kube_exec *e)
{
	if (!e)
		return NULL;
	for (size_t i = 0; i < e->n_args; i++)
		free(e->args[i]);
	for (size_t i = 0; i < e->n_env; i++)
		eb_wipe_str(e->env[i]);
	free(e->args);
	free(e->env);
	free(e->api_version);
	free(e->command);
	free(e->folder);
	free(e->install_hint);
	free(e);
	return NULL;
}

struct kube_config *kube_config_free(struct kube_config *c)
{
	if (!c)
		return NULL;
	eb_wipe_str(c->key_pem);
	eb_wipe_str(c->token);
	eb_wipe_str(c->password);
	eb_wipe_str(c->proxy_url);
	exec_free(c->exec);
	free(c->origin);
	free(c->context);
	free(c->namespace_);
	free(c->server);
	free(c->server_name);
	free(c->ca_pem);
	free(c->cert_pem);
	free(c->token_file);
	free(c->username);
	free(c);
	return NULL;
}

/* ---- finding entries ---- */

static int entries_of(const struct yml_node *root, const char *list, struct yml_node **ret,
		      struct eb_error **err)
{
	int r = yml_opt_list(root, list, ret, err);

	if (r >= 0 && *ret && (*ret)->n > MAX_ENTRIES)
		return yml_throw(*ret, err, EB_E_LIMIT, "more than %d %s", MAX_ENTRIES, list);
	return r;
}

static int throw_no_entry(const char *kind, const char *name, const char *const *names,
			  struct eb_error **err)
{
	autofree char *shown = eb_printable(name, 100);
	const char *near = eb_nearest(name, names);
	int r = eb_throw(err, EB_E_NOT_FOUND, "the kubeconfig has no %s '%s'", kind, shown);

	return near ? eb_hint(err, r, "did you mean '%s'?", near) : r;
}

/* The map under `kind` of the entry of that name in the lists `plural`. */
static int find_entry(const struct files *f, const char *plural, const char *kind, const char *name,
		      struct yml_node **ret, struct eb_error **err)
{
	autofree const char **names = NULL;
	size_t n_names = 0, alloc = 0;

	for (size_t i = 0; i < f->n; i++) {
		struct yml_node *list = NULL;
		int r = entries_of(f->roots[i], plural, &list, err);

		for (size_t k = 0; list && k < list->n && r >= 0; k++) {
			const char *entry = NULL;

			r = yml_opt_text(list->items[k], "name", &entry, err);
			if (r < 0 || !entry)
				continue;
			if (strcmp(entry, name) == 0)
				return yml_opt_map(list->items[k], kind, ret, err);
			r = eb_grow(&names, &alloc, n_names + 2, sizeof(*names),
				    (size_t)MAX_FILES * MAX_ENTRIES, "names", err);
			if (r >= 0)
				names[n_names++] = entry;
		}
		if (r < 0)
			return r;
	}
	if (names)
		names[n_names] = NULL;
	return throw_no_entry(kind, name, names ? names : (const char *const[]){ NULL }, err);
}

/* ---- values ---- */

static int take_text(const struct yml_node *map, const char *key, char **ret, struct eb_error **err)
{
	const char *text = NULL;
	int r = yml_opt_text(map, key, &text, err);

	if (text && *text)
		*ret = eb_xstrdup(text);
	return r;
}

/* Beside the kubeconfig that names it, unless absolute. */
static char *beside(const char *kubeconfig, const char *path)
{
	const char *slash = strrchr(kubeconfig, '/');

	if (path[0] == '/' || !slash)
		return eb_xstrdup(path);
	return eb_xasprintf("%.*s/%s", (int)(slash - kubeconfig), kubeconfig, path);
}

static int decode_data(const struct yml_node *at, const char *key, char **ret,
		       struct eb_error **err)
{
	EB_AUTOBUF(b, MAX_FILE_BYTES);
	int r = eb_base64_decode(at->text, strlen(at->text), &b, NULL);

	if (r < 0)
		return yml_throw(at, err, EB_E_FORMAT, "'%s' is not base64", key);
	if (memchr(eb_buf_str(&b), '\0', b.len))
		return yml_throw(at, err, EB_E_FORMAT, "'%s' is not PEM text", key);
	*ret = eb_buf_take(&b);
	return 0;
}

/* KEY-data holds PEM as base64, KEY names a file of it; the former counts. */
static int take_pem(const struct yml_node *map, const char *key, char **ret, struct eb_error **err)
{
	autofree char *data_key = eb_xasprintf("%s-data", key);
	autofree char *path = NULL;
	const char *data = NULL, *file = NULL;
	EB_AUTOBUF(b, MAX_FILE_BYTES);
	int r = yml_opt_text(map, data_key, &data, err);

	if (r >= 0)
		r = yml_opt_text(map, key, &file, err);
	if (r < 0)
		return r;
	if (data && *data)
		return decode_data(yml_get(map, data_key), data_key, ret, err);
	if (!file || !*file)
		return 0;
	path = beside(map->file, file);
	r = eb_file_read(path, &b, err);
	if (r < 0)
		return eb_prefix(err, r, "%s:%u: '%s'", map->file, map->line, key);
	*ret = eb_buf_take(&b);
	return 0;
}

static int take_server(const struct yml_node *cluster, struct kube_config *c, struct eb_error **err)
{
	struct yml_node *at = yml_get(cluster, "server");
	int r = take_text(cluster, "server", &c->server, err);
	size_t n;

	if (r < 0)
		return r;
	if (!c->server)
		return yml_throw(cluster, err, EB_E_FORMAT, "the cluster has no 'server'");
	/* As kubectl: a bare host is reached over TLS. */
	if (!strstr(c->server, "://")) {
		char *with = eb_xasprintf("https://%s", c->server);

		free(c->server);
		c->server = with;
	}
	if (strncmp(c->server, "https://", 8) != 0 && strncmp(c->server, "http://", 7) != 0)
		return yml_throw(at, err, EB_E_FORMAT, "'server' is not an http or https URL");
	n = strlen(c->server);
	while (n > 0 && c->server[n - 1] == '/')
		c->server[--n] = '\0';
	return 0;
}

static int take_cluster(const struct yml_node *cluster, struct kube_config *c,
			struct eb_error **err)
{
	int r = take_server(cluster, c, err);

	if (r >= 0)
		r = take_text(cluster, "tls-server-name", &c->server_name, err);
	if (r >= 0)
		r = take_text(cluster, "proxy-url", &c->proxy_url, err);
	if (r >= 0)
		r = yml_opt_bool(cluster, "insecure-skip-tls-verify", &c->insecure, err);
	if (r >= 0)
		r = take_pem(cluster, "certificate-authority", &c->ca_pem, err);
	if (r >= 0 && c->insecure && c->ca_pem)
		return yml_throw(cluster, err, EB_E_FORMAT,
				 "'certificate-authority' and 'insecure-skip-tls-verify: true' "
				 "contradict each other");
	return r;
}

/* ---- exec ---- */

static int take_args(const struct yml_node *list, struct kube_exec *e, struct eb_error **err)
{
	size_t n = list ? list->n : 0;

	if (n > MAX_ARGS)
		return yml_throw(list, err, EB_E_LIMIT, "more than %d arguments", MAX_ARGS);
	e->args = eb_xcalloc(n + 1, sizeof(*e->args));
	for (size_t i = 0; i < n; i++) {
		if (list->items[i]->kind != YML_SCALAR)
			return yml_throw(list->items[i], err, EB_E_FORMAT, "an argument is text");
		e->args[e->n_args++] = eb_xstrdup(list->items[i]->text);
	}
	return 0;
}

static int take_env(const struct yml_node *list, struct kube_exec *e, struct eb_error **err)
{
	size_t n = list ? list->n : 0;

	if (n > MAX_ARGS)
		return yml_throw(list, err, EB_E_LIMIT, "more than %d variables", MAX_ARGS);
	e->env = eb_xcalloc(n + 1, sizeof(*e->env));
	for (size_t i = 0; i < n; i++) {
		const char *name = NULL, *value = "";
		int r = yml_opt_text(list->items[i], "name", &name, err);

		if (r >= 0)
			r = yml_opt_text(list->items[i], "value", &value, err);
		if (r < 0)
			return r;
		if (!name || !*name || strchr(name, '='))
			return yml_throw(list->items[i], err, EB_E_FORMAT, "a variable's 'name'");
		e->env[e->n_env++] = eb_xasprintf("%s=%s", name, value);
	}
	return 0;
}

static int take_exec(const struct yml_node *user, struct kube_config *c, struct eb_error **err)
{
	struct yml_node *map = NULL, *args = NULL, *env = NULL;
	const char *slash = strrchr(user->file, '/');
	struct kube_exec *e;
	int r = yml_opt_map(user, "exec", &map, err);

	if (r < 0 || !map)
		return r;
	e = c->exec = eb_xcalloc(1, sizeof(*e));
	e->folder = slash ? eb_xstrndup(user->file, (size_t)(slash - user->file)) : NULL;
	r = take_text(map, "command", &e->command, err);
	if (r >= 0)
		r = take_text(map, "apiVersion", &e->api_version, err);
	if (r >= 0)
		r = take_text(map, "installHint", &e->install_hint, err);
	if (r >= 0)
		r = yml_opt_bool(map, "provideClusterInfo", &e->cluster_info, err);
	if (r >= 0)
		r = yml_opt_list(map, "args", &args, err);
	if (r >= 0)
		r = yml_opt_list(map, "env", &env, err);
	if (r >= 0)
		r = take_args(args, e, err);
	if (r >= 0)
		r = take_env(env, e, err);
	if (r < 0)
		return r;
	if (!e->command)
		return yml_throw(map, err, EB_E_FORMAT, "'exec' has no 'command'");
	if (!e->api_version || strncmp(e->api_version, "client.authentication.k8s.io/v1", 31) != 0)
		return yml_throw(map, err, EB_E_UNSUPPORTED,
				 "'exec' wants client.authentication.k8s.io/v1 or v1beta1");
	return 0;
}

static int take_user(const struct yml_node *user, struct kube_config *c, struct eb_error **err)
{
	autofree char *file = NULL;
	int r;

	if (yml_get(user, "auth-provider"))
		return yml_throw(user, err, EB_E_UNSUPPORTED,
				 "'auth-provider' went out of Kubernetes with 1.26: use 'exec'");
	if (yml_get(user, "as"))
		return yml_throw(user, err, EB_E_UNSUPPORTED, "impersonation ('as')");
	r = take_pem(user, "client-certificate", &c->cert_pem, err);
	if (r >= 0)
		r = take_pem(user, "client-key", &c->key_pem, err);
	if (r >= 0)
		r = take_text(user, "token", &c->token, err);
	if (r >= 0)
		r = take_text(user, "tokenFile", &file, err);
	if (r >= 0)
		r = take_text(user, "username", &c->username, err);
	if (r >= 0)
		r = take_text(user, "password", &c->password, err);
	if (r >= 0)
		r = take_exec(user, c, err);
	if (r < 0)
		return r;
	if (file)
		c->token_file = beside(user->file, file);
	if (c->cert_pem && !c->key_pem)
		return yml_throw(user, err, EB_E_FORMAT, "'client-certificate' without its key");
	if (c->token && strpbrk(c->token, "\r\n"))
		return yml_throw(user, err, EB_E_FORMAT, "'token' is more than one line");
	return 0;
}

/* ---- contexts ---- */

static int current_context(const struct files *f, const char **ret, struct eb_error **err)
{
	for (size_t i = 0; i < f->n && !*ret; i++) {
		int r = yml_opt_text(f->roots[i], "current-context", ret, err);

		if (r < 0)
			return r;
		if (*ret && !**ret)
			*ret = NULL;
	}
	if (*ret)
		return 0;
	return eb_hint(
		err, eb_throw(err, EB_E_NOT_FOUND, "%s has no current context", f->roots[0]->file),
		"name one of its contexts");
}

static int resolve(const struct files *f, const char *context, struct kube_config **ret,
		   struct eb_error **err)
{
	EB_CLEANUP(kube_config_free_p) struct kube_config *c = eb_xcalloc(1, sizeof(*c));
	struct yml_node *ctx = NULL, *cluster = NULL, *user = NULL;
	const char *cluster_name = NULL, *user_name = NULL;
	int r = 0;

	if (!context)
		r = current_context(f, &context, err);
	if (r >= 0)
		r = find_entry(f, "contexts", "context", context, &ctx, err);
	if (r < 0)
		return r;
	c->context = eb_xstrdup(context);
	c->origin = eb_xasprintf("context '%s' of %s", context, ctx ? ctx->file : "nothing");
	r = yml_opt_text(ctx, "cluster", &cluster_name, err);
	if (r >= 0)
		r = yml_opt_text(ctx, "user", &user_name, err);
	if (r >= 0)
		r = take_text(ctx, "namespace", &c->namespace_, err);
	if (r >= 0 && !cluster_name)
		r = eb_throw(err, EB_E_FORMAT, "it names no cluster");
	if (r >= 0)
		r = find_entry(f, "clusters", "cluster", cluster_name, &cluster, err);
	if (r >= 0 && !cluster)
		r = eb_throw(err, EB_E_FORMAT, "cluster '%s' is empty", cluster_name);
	if (r >= 0)
		r = take_cluster(cluster, c, err);
	if (r >= 0 && user_name && *user_name)
		r = find_entry(f, "users", "user", user_name, &user, err);
	if (r >= 0 && user)
		r = take_user(user, c, err);
	if (r < 0)
		return eb_prefix(err, r, "%s", c->origin);
	if (!c->namespace_)
		c->namespace_ = eb_xstrdup("default");
	*ret = EB_TAKE_PTR(c);
	return 0;
}

static int add_file(struct files *f, const char *file, const char *text, size_t n,
		    struct eb_error **err)
{
	static const struct yml_limits limits = { MAX_FILE_BYTES, 200000, 32 };
	struct yml_node *root = NULL;
	int r;

	if (f->n == MAX_FILES)
		return eb_throw(err, EB_E_LIMIT, "more than %d kubeconfig files", MAX_FILES);
	r = yml_parse(eb_arena_strdup(f->arena, file), text, n, &limits, f->arena, &root, err);
	if (r < 0 || !root)
		return r;
	if (root->kind != YML_MAP)
		return yml_throw(root, err, EB_E_FORMAT, "no kubeconfig: %s", yml_kind_name(root));
	f->roots[f->n++] = root;
	return 0;
}

int kube_config_parse(const char *file, const char *text, size_t n, const char *context,
		      struct kube_config **ret, struct eb_error **err)
{
	EB_CLEANUP(files_release_p) struct files f = { .arena = eb_arena_new() };
	int r = add_file(&f, file, text, n, err);

	if (r >= 0 && f.n == 0)
		r = eb_throw(err, EB_E_FORMAT, "%s is empty", file);
	return r < 0 ? r : resolve(&f, context, ret, err);
}

int kube_config_load(const struct kube_config_options *o, struct kube_config **ret,
		     struct eb_error **err)
{
	EB_CLEANUP(files_release_p) struct files f = { .arena = eb_arena_new() };
	const char *const *file = o->files;
	int r = 0;

	for (; file && *file && r >= 0; file++) {
		EB_AUTOBUF(b, MAX_FILE_BYTES);

		r = eb_file_read(*file, &b, err);
		if (r == -ENOENT) {
			eb_error_clear(err);
			r = 0;
			continue;
		}
		if (r >= 0)
			r = add_file(&f, *file, eb_buf_str(&b), b.len, err);
		eb_wipe(b.data, b.len);
	}
	if (r >= 0 && f.n == 0)
		r = eb_throw(err, EB_E_NOT_FOUND, "no kubeconfig%s%s",
			     o->files && o->files[0] ? " at " : "",
			     o->files && o->files[0] ? o->files[0] : "");
	return r < 0 ? r : resolve(&f, o->context, ret, err);
}

/* ---- in a pod ---- */

char *kube_host_port(const char *host, const char *port)
{
	bool bare6 = strchr(host, ':') && host[0] != '[';

	return eb_xasprintf("%s%s%s:%s", bare6 ? "[" : "", host, bare6 ? "]" : "", port);
}

static char *read_line(const char *path)
{
	EB_AUTOBUF(b, MAX_FILE_BYTES);

	if (eb_file_read(path, &b, NULL) < 0 || b.len == 0)
		return NULL;
	return eb_span_dup(eb_span_trim(eb_span_str(eb_buf_str(&b))));
}

int kube_config_in_cluster(const char *dir, const char *host, const char *port,
			   struct kube_config **ret, struct eb_error **err)
{
	EB_CLEANUP(kube_config_free_p) struct kube_config *c = eb_xcalloc(1, sizeof(*c));
	autofree char *ca = eb_xasprintf("%s/ca.crt", dir);
	autofree char *space = eb_xasprintf("%s/namespace", dir);
	autofree char *place = NULL;
	EB_AUTOBUF(b, MAX_FILE_BYTES);
	int r;

	if (!host || !*host || !port || !*port)
		return eb_throw(err, EB_E_NOT_FOUND,
				"this is no pod: KUBERNETES_SERVICE_HOST and _PORT are not set");
	c->token_file = eb_xasprintf("%s/token", dir);
	if (access(c->token_file, R_OK) < 0)
		return eb_hint(err,
			       eb_throw_errno(err, "service account token '%s'", c->token_file),
			       "the pod needs automountServiceAccountToken: true");
	r = eb_file_read(ca, &b, err);
	if (r < 0)
		return r;
	place = kube_host_port(host, port);
	c->server = eb_xasprintf("https://%s", place);
	c->ca_pem = eb_buf_take(&b);
	c->origin = eb_xstrdup("this pod");
	c->context = eb_xstrdup("in-cluster");
	c->namespace_ = read_line(space);
	if (!c->namespace_)
		c->namespace_ = eb_xstrdup("default");
	*ret = EB_TAKE_PTR(c);
	return 0;
}
