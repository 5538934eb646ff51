#include "cli/remote.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/progress.h"
#include "cli/env_registry.h"

enum { DEFAULT_PARALLEL = 6, DEFAULT_TIMEOUT_SEC = 120 };

static int open_creds(const struct remote_args *a, struct oci_creds **ret, struct eb_error **err)
{
	EB_CLEANUP(env_auth_files_release_p) struct env_auth_files files = { .n = 0 };
	const char *one[] = { a->auth_file };

	if (a->auth_file)
		return oci_creds_open(one, 1, env_environ(), ret, err);
	env_auth_files(&files);
	return oci_creds_open((const char *const *)files.paths, files.n, env_environ(), ret, err);
}

unsigned int remote_parallel(const struct remote_args *a)
{
	return a->parallel ? (unsigned int)a->parallel : DEFAULT_PARALLEL;
}

static void show_retry(void *ctx, const char *line)
{
	const struct remote *r = ctx;

	if (line)
		eb_progress_message(r->progress, "%s", line);
}

int remote_init(struct remote *r, const struct remote_args *a, struct eb_error **err)
{
	EB_CLEANUP(env_auth_files_release_p) struct env_auth_files dirs = { .n = 0 };
	struct oci_transport_options o = { .client_cert = a->client_cert,
					   .client_key = a->client_key,
					   .insecure = a->insecure };
	int e;

	o.http.ca_file = a->ca;
	o.http.attempts = (unsigned int)a->tries;
	o.http.stall_timeout_sec = a->timeout_sec ? (unsigned int)a->timeout_sec
						  : DEFAULT_TIMEOUT_SEC;
	o.http.max_rate = a->max_rate;
	o.http.retrying = show_retry;
	o.http.retrying_ctx = r;
	env_cert_dirs(&dirs);
	o.cert_dirs = (const char *const *)dirs.paths;
	o.n_cert_dirs = dirs.n;
	r->plain_http = a->plain_http;
	e = oci_transport_new(&o, &r->transport, err);
	if (e >= 0)
		e = open_creds(a, &r->creds, err);
	if (e >= 0)
		r->pool = eb_pool_new(remote_parallel(a));
	return e;
}

void remote_keep_notes(struct remote *r, struct cmd_env *env)
{
	const char *cache;

	free(r->notes);
	r->notes = env_cache_dir(env, &cache, NULL) < 0 ? NULL : eb_xasprintf("%s/uploads", cache);
}

void remote_release(struct remote *r)
{
	free(r->notes);
	eb_pool_free(r->pool);
	oci_creds_free(r->creds);
	oci_transport_free(r->transport);
}

int remote_registry(struct remote *r, const char *host, bool push, bool delete_,
		    struct oci_registry **ret, struct eb_error **err)
{
	const struct oci_registry_options o = { .transport = r->transport,
						.creds = r->creds,
						.plain_http = r->plain_http,
						.push = push,
						.delete = delete_,
						.notes = r->notes };

	return oci_registry_new(host, &o, ret, err);
}
