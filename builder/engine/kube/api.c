#include "kube/api.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/span.h"
#include "base/url.h"
#include "kube/api_internal.h"
#include "kube/config.h"
#include "kube/stream.h"

enum {
	DEFAULT_PARALLEL = 8,
	DEFAULT_ATTEMPTS = 5,
	DEFAULT_CONNECT_SEC = 10,
	DEFAULT_STALL_SEC = 60,
	DEFAULT_ANSWER_BYTES = 32 * 1024 * 1024,
	MAX_BODY_BYTES = 8 * 1024 * 1024, /* the server takes 3 MiB */
	MAX_WARNING_BYTES = 16 * 1024
};

struct kube_api {
	const struct kube_config *c;
	struct kube_api_options o; /* defaults filled in, strings owned */
	struct kube_auth *auth;
	struct eb_http *http;
	char *base; /* URL in front of paths */
	char *connect_to;
};

const struct kube_config *kube_api_config(const struct kube_api *a)
{
	return a->c;
}

const char *kube_api_manager(const struct kube_api *a)
{
	return a->o.field_manager;
}

/* The server under the name that its certificate has: the connection still goes to the server. */
static void rename_server(struct kube_api *a)
{
	const char *scheme_end = strstr(a->c->server, "://") + 3;
	size_t n = strcspn(scheme_end, "/");
	autofree char *place = eb_xstrndup(scheme_end, n);
	const char *colon = strrchr(place, ':'), *bracket = strrchr(place, ']');
	const char *port = colon && (!bracket || colon > bracket) ? colon + 1 : "443";
	int host = colon && (!bracket || colon > bracket) ? (int)(colon - place)
							  : (int)strlen(place);

	a->connect_to = eb_xasprintf("%.*s:%s", host, place, port);
	a->base = eb_xasprintf("%.*s%s:%s%s", (int)(scheme_end - a->c->server), a->c->server,
			       a->c->server_name, port, scheme_end + n);
}

static int make_client(const struct kube_api *a, unsigned int stall_sec, struct eb_http **ret,
		       struct eb_error **err)
{
	struct eb_http_options h = {
		.user_agent = a->o.user_agent,
		.ca_pem = a->c->ca_pem,
		.only_ca_pem = true, /* as other clients of clusters do */
		.client_cert_pem = kube_auth_cert(a->auth),
		.client_key_pem = kube_auth_key(a->auth),
		.connect_to = a->connect_to,
		.proxy = a->c->proxy_url,
		.insecure = a->c->insecure,
		.connect_timeout_sec = a->o.connect_timeout_sec,
		.stall_timeout_sec = stall_sec,
		.attempts = a->o.attempts,
		.parallel = a->o.parallel,
		.backoff_msec = a->o.backoff_msec,
	};

	return eb_http_new(&h, ret, err);
}

static int new_client(struct kube_api *a, struct eb_error **err)
{
	struct eb_http *http = NULL;
	int r = make_client(a, a->o.stall_timeout_sec, &http, err);

	if (r < 0)
		return r;
	eb_http_free(a->http);
	a->http = http;
	return 0;
}

int kube_api_new(const struct kube_config *c, const struct kube_api_options *o,
		 struct kube_api **ret, struct eb_error **err)
{
	EB_CLEANUP(kube_api_free_p) struct kube_api *a = eb_xcalloc(1, sizeof(*a));

	a->c = c;
	if (o)
		a->o = *o;
	a->o.user_agent = a->o.user_agent ? eb_xstrdup(a->o.user_agent) : NULL;
	a->o.field_manager = eb_xstrdup(a->o.field_manager ? a->o.field_manager : "ess-bundle");
	if (!a->o.parallel)
		a->o.parallel = DEFAULT_PARALLEL;
	if (!a->o.attempts)
		a->o.attempts = DEFAULT_ATTEMPTS;
	if (!a->o.connect_timeout_sec)
		a->o.connect_timeout_sec = DEFAULT_CONNECT_SEC;
	if (!a->o.stall_timeout_sec)
		a->o.stall_timeout_sec = DEFAULT_STALL_SEC;
	if (!a->o.max_answer_bytes)
		a->o.max_answer_bytes = DEFAULT_ANSWER_BYTES;
	a->auth = kube_auth_new(c, a->o.run_exec, a->o.exec_ctx);
	if (!strstr(c->server, "://"))
		return eb_throw(err, EB_E_FORMAT, "server '%s' is no URL", c->server);
	if (c->server_name)
		rename_server(a);
	else
		a->base = eb_xstrdup(c->server);
	*ret = EB_TAKE_PTR(a);
	return 0;
}

struct kube_api *kube_api_free(struct kube_api *a)
{
	if (!a)
		return NULL;
	eb_http_free(a->http);
	kube_auth_free(a->auth);
	free((char *)(uintptr_t)a->o.user_agent);
	free((char *)(uintptr_t)a->o.field_manager);
	free(a->base);
	free(a->connect_to);
	free(a);
	return NULL;
}

/* Credentials and a client that has them. */
static int prepare(struct kube_api *a, bool anew, struct eb_error **err)
{
	bool changed = false;
	int r = kube_auth_prepare(a->auth, anew, &changed, err);

	if (r >= 0 && (changed || !a->http))
		r = new_client(a, err);
	return r;
}

const char *kube_api_base(const struct kube_api *a)
{
	return a->base;
}

int kube_api_stream_client(struct kube_api *a, struct eb_http **ret, char **ret_who,
			   struct eb_error **err)
{
	struct eb_http *http = NULL;
	const char *who;
	int r = prepare(a, /* anew */ false, err);

	if (r >= 0)
		r = make_client(a, KUBE_STREAM_STALL_SEC, &http, err);
	if (r < 0)
		return r;
	who = kube_auth_header(a->auth);
	*ret_who = who ? eb_xstrdup(who) : NULL;
	*ret = http;
	return 0;
}

/* ---- one call ---- */

void kube_call_release(struct kube_call *c)
{
	eb_error_clear(&c->error);
	eb_error_clear(&c->get.error);
	kube_status_release(&c->status);
	json_decref(c->answer);
	free(c->warnings);
	eb_http_call_release(&c->call);
	eb_buf_wipe(&c->text);
	eb_buf_wipe(&c->got);
	free(c->url);
	eb_wipe_str(c->authorization);
	free(c->header_type);
	free(c->header_accept);
	c->answer = NULL;
	c->warnings = c->url = c->authorization = c->header_type = c->header_accept = NULL;
	c->result = 0;
	c->http_status = 0;
	c->again = false;
}

static ssize_t on_send(void *ctx, uint64_t at, void *p, size_t n, struct eb_error **err)
{
	const struct kube_call *c = ctx;
	size_t left = at < c->text.len ? c->text.len - (size_t)at : 0;

	(void)err;
	if (n > left)
		n = left;
	if (n > 0)
		memcpy(p, c->text.data + at, n);
	return (ssize_t)n;
}

static int on_body(void *ctx, uint64_t at, const void *p, size_t n, struct eb_error **err)
{
	struct kube_call *c = ctx;

	if (at < c->got.len) {
		c->got.len = (size_t)at;
		c->got.data[at] = '\0';
	}
	eb_buf_add(&c->got, p, n);
	return eb_buf_check(&c->got, "answer", err);
}

static void set_headers(struct kube_call *c)
{
	size_t n = 0;

	c->header_accept = eb_xasprintf("Accept: %s", c->accept ? c->accept : "application/json");
	c->headers[n++] = c->header_accept;
	if (c->body) {
		c->header_type = eb_xasprintf(
			"Content-Type: %s", c->content_type ? c->content_type : "application/json");
		c->headers[n++] = c->header_type;
	}
	c->headers[n] = NULL;
}

static void set_request(const struct kube_api *a, struct kube_call *c)
{
	const char *method = c->method ? c->method : "GET";
	const char *who = kube_auth_header(a->auth);

	kube_call_release(c);
	c->url = eb_xasprintf("%s%s%s%s", a->base, c->path, c->query ? "?" : "",
			      c->query ? c->query : "");
	set_headers(c);
	c->authorization = who ? eb_xstrdup(who) : NULL;
	eb_buf_init(&c->text, MAX_BODY_BYTES);
	eb_buf_init(&c->got, a->o.max_answer_bytes);
	c->call = (struct eb_http_call){ .method = c->method,
					 .headers = c->headers,
					 .authorization = c->authorization,
					 .repeat = EB_HTTP_CAREFULLY,
					 .send = on_send };
	if (strcmp(method, "POST") == 0)
		c->call.repeat = EB_HTTP_CAREFULLY_ONCE;
	c->get = (struct eb_http_get){ .url = c->url,
				       .max_bytes = a->o.max_answer_bytes,
				       .what = c->what,
				       .ctx = c,
				       .body = on_body,
				       .call = &c->call };
	if (c->body) {
		size_t n = 0;
		autowipe char *text = eb_json_canonical(c->body, &n);

		eb_buf_add(&c->text, text, n);
		c->call.send_bytes = c->text.len;
	}
}

/* 299 - "spec.x: unknown field" (RFC 9111, 5.5) */
static void take_warnings(struct kube_call *c)
{
	EB_AUTOBUF(b, MAX_WARNING_BYTES);

	for (unsigned int i = 0;; i++) {
		autofree char *one = eb_http_call_header(&c->call, "Warning", i);
		autofree char *shown = NULL;
		const char *text;
		size_t n;

		if (!one)
			break;
		text = strchr(one, '"');
		text = text ? text + 1 : one;
		n = strlen(text);
		shown = eb_printable(text, KUBE_STATUS_MAX_TEXT);
		if (n > 0 && shown[strlen(shown) - 1] == '"')
			shown[strlen(shown) - 1] = '\0';
		eb_buf_addf(&b, "%s\n", shown);
	}
	if (b.len)
		c->warnings = eb_buf_take(&b);
}

static int take_answer(const struct kube_api *a, struct kube_call *c, struct eb_error **err)
{
	int r;

	if (c->got.len == 0)
		return 0;
	r = eb_json_parse(c->got.data, c->got.len, a->o.max_answer_bytes, &c->answer, err);
	if (r < 0)
		return eb_prefix(err, r, "the answer");
	return 0;
}

/* What came of it. */
static void conclude(const struct kube_api *a, struct kube_call *c)
{
	unsigned int status = (unsigned int)c->get.status;

	c->http_status = status;
	if (status >= 300) {
		kube_status_read(status, eb_buf_str(&c->call.refusal), c->call.refusal.len,
				 &c->status);
		if (c->get.result >= 0 || c->status.is_status) {
			eb_error_clear(&c->get.error);
			c->result = kube_status_throw(&c->status, &c->error);
			c->status.retry_after_usec = c->call.retry_after_usec;
			eb_ignore(eb_prefix(&c->error, 0, "%s", c->what ? c->what : c->path));
			return;
		}
	}
	if (c->get.result < 0) {
		c->result = c->get.result;
		c->error = EB_TAKE_PTR(c->get.error);
		return;
	}
	take_warnings(c);
	c->result = take_answer(a, c, &c->error);
	if (c->result < 0)
		eb_ignore(eb_prefix(&c->error, 0, "%s", c->what ? c->what : c->path));
}

/* ---- many calls ---- */

struct run {
	struct kube_api *a;
	void (*done)(void *ctx, struct kube_call *c);
	void *ctx;
	bool may_renew;
	size_t n_again;
};

static void on_done(void *ctx, struct eb_http_get *g)
{
	struct run *run = ctx;
	struct kube_call *c = g->ctx;

	if (g->status == 401 && run->may_renew) {
		c->again = true;
		run->n_again++;
		return;
	}
	conclude(run->a, c);
	if (run->done)
		run->done(run->ctx, c);
}

static void run_once(struct run *run, struct eb_http_get **gets, size_t n)
{
	autoerror struct eb_error *ignored = NULL;

	eb_ignore(eb_http_get_all(run->a->http, gets, n, on_done, run, &ignored));
}

/* Those that were answered by 401, with new credentials. */
static int run_again(struct run *run, struct kube_call *const *calls, size_t n,
		     struct eb_http_get **gets, struct eb_error **err)
{
	size_t k = 0;
	int r = prepare(run->a, /* anew */ true, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		if (calls[i]->again) {
			set_request(run->a, calls[i]);
			gets[k++] = &calls[i]->get;
		}
	run->may_renew = false;
	run_once(run, gets, k);
	return 0;
}

static int first_failure(struct kube_call *const *calls, size_t n, struct eb_error **err)
{
	for (size_t i = 0; i < n; i++) {
		const struct eb_error *e = calls[i]->error;
		int r;

		if (calls[i]->result >= 0)
			continue;
		r = eb_throw(err, e->code, "%s", e->message);
		return e->hint ? eb_hint(err, r, "%s", e->hint) : r;
	}
	return 0;
}

int kube_api_run(struct kube_api *a, struct kube_call *const *calls, size_t n,
		 void (*done)(void *ctx, struct kube_call *c), void *ctx, struct eb_error **err)
{
	struct run run = { .a = a, .done = done, .ctx = ctx };
	autofree struct eb_http_get **gets = eb_xcalloc(n + 1, sizeof(struct eb_http_get *));
	int r = prepare(a, /* anew */ false, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		set_request(a, calls[i]);
		if (calls[i]->text.overflow)
			return eb_throw(err, EB_E_LIMIT, "%s: more than %d bytes", calls[i]->what,
					MAX_BODY_BYTES);
		gets[i] = &calls[i]->get;
	}
	run.may_renew = kube_auth_can_renew(a->auth);
	run_once(&run, gets, n);
	if (run.n_again > 0) {
		r = run_again(&run, calls, n, gets, err);
		if (r < 0)
			return r;
	}
	return first_failure(calls, n, err);
}
