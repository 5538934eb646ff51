#include "dist/transport.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>

#include "base/dir.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/rate.h"
#include "base/span.h"

enum { MAX_PEM_BYTES = 4 * 1024 * 1024, MAX_CERT_FILES = 64, MAX_DIRS = 16 };

/* A client that nobody uses now. */
struct idle {
	struct idle *next;
	char *host;
	bool is_registry;
	struct eb_http *http;
};

struct oci_transport {
	struct oci_transport_options o; /* strings owned */
	char *dirs[MAX_DIRS];
	pthread_mutex_t lock;
	struct idle *idle;
	struct eb_rate *down, *up;
	struct eb_gate *gate;
	void (*retrying)(void *ctx, const char *line); /* of whoever made it */
	void *retrying_ctx;
};

static void on_retry(void *ctx, const char *line)
{
	struct oci_transport *t = ctx;

	if (!line)
		eb_gate_trouble(t->gate);
	if (t->retrying)
		t->retrying(t->retrying_ctx, line);
}

static char *dup_or_null(const char *s)
{
	return s ? eb_xstrdup(s) : NULL;
}

int oci_transport_new(const struct oci_transport_options *o, struct oci_transport **ret,
		      struct eb_error **err)
{
	EB_CLEANUP(oci_transport_free_p) struct oci_transport *t = eb_xcalloc(1, sizeof(*t));

	pthread_mutex_init(&t->lock, NULL);
	t->o = *o;
	t->o.http.user_agent = dup_or_null(o->http.user_agent);
	t->o.http.ca_file = dup_or_null(o->http.ca_file);
	t->o.client_cert = dup_or_null(o->client_cert);
	t->o.client_key = dup_or_null(o->client_key);
	t->o.n_cert_dirs = 0;
	t->gate = eb_gate_new();
	t->down = t->o.http.down = eb_rate_new(o->http.max_rate);
	t->up = t->o.http.up = eb_rate_new(o->http.max_rate);
	t->o.http.max_rate = 0;
	t->retrying = o->http.retrying;
	t->retrying_ctx = o->http.retrying_ctx;
	t->o.http.retrying = on_retry;
	t->o.http.retrying_ctx = t;
	if (!t->o.http.attempts)
		t->o.http.attempts = 4;
	if (o->n_cert_dirs > MAX_DIRS)
		return eb_throw(err, EB_E_LIMIT, "more than %d folders of certificates", MAX_DIRS);
	for (size_t i = 0; i < o->n_cert_dirs; i++)
		t->dirs[t->o.n_cert_dirs++] = eb_xstrdup(o->cert_dirs[i]);
	*ret = EB_TAKE_PTR(t);
	return 0;
}

struct oci_transport *oci_transport_free(struct oci_transport *t)
{
	if (!t)
		return NULL;
	while (t->idle) {
		struct idle *i = t->idle;

		t->idle = i->next;
		eb_http_free(i->http);
		free(i->host);
		free(i);
	}
	for (size_t i = 0; i < t->o.n_cert_dirs; i++)
		free(t->dirs[i]);
	free((char *)(uintptr_t)t->o.http.user_agent);
	free((char *)(uintptr_t)t->o.http.ca_file);
	free((char *)(uintptr_t)t->o.client_cert);
	free((char *)(uintptr_t)t->o.client_key);
	pthread_mutex_destroy(&t->lock);
	eb_rate_free(t->down);
	eb_rate_free(t->up);
	eb_gate_free(t->gate);
	free(t);
	return NULL;
}

struct eb_gate *oci_transport_gate(struct oci_transport *t)
{
	return t->gate;
}

const struct eb_http_options *oci_transport_http(const struct oci_transport *t)
{
	return &t->o.http;
}

/* ---- certs.d ---- */

struct certs {
	struct eb_buf ca;
	char *cert, *key;
};

static void certs_release(struct certs *c)
{
	eb_buf_release(&c->ca);
	free(c->cert);
	free(c->key);
}
EB_DEFINE_RELEASE(struct certs, certs_release)

static int is_cert_file(const struct dirent *e)
{
	struct eb_span s = eb_span_str(e->d_name);

	return eb_span_ends(s, ".crt") || eb_span_ends(s, ".cert");
}

static int take_cert_file(const char *folder, const char *name, struct certs *c,
			  struct eb_error **err)
{
	autofree char *path = eb_xasprintf("%s/%s", folder, name);
	size_t n = strlen(path);

	if (eb_span_ends(eb_span_str(name), ".crt")) {
		int r = eb_file_read(path, &c->ca, err);

		eb_buf_addc(&c->ca, '\n');
		return r;
	}
	if (c->cert)
		return 0;
	c->key = eb_xasprintf("%.*s.key", (int)(n - strlen(".cert")), path);
	if (access(c->key, R_OK) < 0)
		return eb_throw_errno(err, "key '%s' of certificate '%s'", c->key, path);
	c->cert = EB_TAKE_PTR(path);
	return 0;
}

static int read_folder(const char *folder, struct certs *c, struct eb_error **err)
{
	struct dirent **list = NULL;
	int n = scandir(folder, &list, is_cert_file, alphasort), r = 0;

	if (n < 0)
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : eb_throw_errno(err, "certificates in '%s'", folder);
	for (int i = 0; i < n; i++) {
		if (r >= 0 && i < MAX_CERT_FILES)
			r = take_cert_file(folder, list[i]->d_name, c, err);
		free(list[i]);
	}
	free(list);
	return r < 0 ? r : eb_buf_check(&c->ca, "certificates", err);
}

/* The first folder that has something for the host counts. */
static int find_certs(const struct oci_transport *t, const char *host, struct certs *c,
		      struct eb_error **err)
{
	int r = 0;

	for (size_t i = 0; i < t->o.n_cert_dirs && r >= 0 && !c->ca.len && !c->cert; i++) {
		autofree char *folder = eb_xasprintf("%s/%s", t->dirs[i], host);

		r = read_folder(folder, c, err);
	}
	return r;
}

static int new_client(const struct oci_transport *t, const char *host, bool is_registry,
		      struct eb_http **ret, struct eb_error **err)
{
	EB_CLEANUP(certs_release_p) struct certs c = { .cert = NULL };
	struct eb_http_options o = t->o.http;
	int r;

	eb_buf_init(&c.ca, MAX_PEM_BYTES);
	r = find_certs(t, host, &c, err);
	if (r >= 0 && o.ca_file && c.ca.len)
		r = eb_file_read(o.ca_file, &c.ca, err);
	if (r < 0)
		return r;
	if (c.ca.len) {
		o.ca_pem = eb_buf_str(&c.ca);
		o.ca_file = NULL;
	}
	if (is_registry) {
		o.client_cert = t->o.client_cert ? t->o.client_cert : c.cert;
		o.client_key = t->o.client_cert ? t->o.client_key : c.key;
		o.insecure = t->o.insecure;
	}
	o.parallel = 1;
	return eb_http_new(&o, ret, err);
}

int oci_transport_take(struct oci_transport *t, const char *host, bool is_registry,
		       struct eb_http **ret, struct eb_error **err)
{
	struct idle *found = NULL;
	int r;

	pthread_mutex_lock(&t->lock);
	for (struct idle **at = &t->idle; *at; at = &(*at)->next)
		if ((*at)->is_registry == is_registry && strcmp((*at)->host, host) == 0) {
			found = *at;
			*at = found->next;
			break;
		}
	pthread_mutex_unlock(&t->lock);
	if (found) {
		*ret = found->http;
		free(found->host);
		free(found);
		return 0;
	}
	r = new_client(t, host, is_registry, ret, err);
	return r < 0 ? eb_prefix(err, r, "%s", host) : 0;
}

void oci_transport_give(struct oci_transport *t, const char *host, bool is_registry,
			struct eb_http *h)
{
	struct idle *i;

	if (!h)
		return;
	i = eb_xcalloc(1, sizeof(*i));
	*i = (struct idle){ .host = eb_xstrdup(host), .is_registry = is_registry, .http = h };
	pthread_mutex_lock(&t->lock);
	i->next = t->idle;
	t->idle = i;
	pthread_mutex_unlock(&t->lock);
}
