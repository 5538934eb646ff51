#include "dist/request.h"

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/url.h"
#include "dist/creds_helper.h"
#include "dist/transport.h"

enum { MAX_MESSAGE_BYTES = 300, MAX_AUTH_TRIES = 2, MAX_CHALLENGE_BYTES = 16384 };

void oci_request_init(struct oci_request *q, const struct oci_registry *r, const char *method,
		      const char *repo, char *url, const char *what)
{
	*q = (struct oci_request){ .method = method, .repo = repo, .url = url };
	if (!strstr(url, "://")) {
		q->url = eb_xasprintf("%s%s", r->base, url);
		free(url);
	}
	q->what = repo ? eb_xasprintf("%s of %s/%s", what, r->host, repo) : eb_xstrdup(what);
	q->get.max_bytes = OCI_MANIFEST_MAX_BYTES;
	q->get.what = q->what;
}

static void give_back(struct oci_registry *r, struct oci_request *q)
{
	if (q->http)
		oci_transport_give(r->transport, q->http_host, q->is_home, q->http);
	q->http = NULL;
}

void oci_request_release(struct oci_request *q)
{
	eb_http_call_release(&q->call);
	eb_error_clear(&q->get.error);
	oci_creds_wipe(q->authorization);
	free(q->http_host);
	free(q->url);
	free(q->what);
	*q = (struct oci_request){ .url = NULL };
}

/* ---- running ---- */

static struct oci_auth_want want_of(const struct oci_registry *r, const struct oci_request *q)
{
	return (struct oci_auth_want){ .repo = q->repo, .actions = r->actions, .from = q->from };
}

int oci_request_prepare(struct oci_registry *r, struct oci_request *q, struct eb_error **err)
{
	struct oci_auth_want want = want_of(r, q);
	int e = 0;

	q->get.url = q->url;
	q->get.call = &q->call;
	if (!q->get.ctx)
		q->get.ctx = q->ctx;
	q->call.method = q->method;
	q->call.headers = q->headers;
	if (!q->http) {
		free(q->http_host);
		q->http_host = eb_url_host(q->url);
		q->is_home = eb_url_same_origin(q->url, r->base);
		e = oci_transport_take(r->transport, q->http_host, q->is_home, &q->http, err);
	}
	/* Wherever else an answer points, it does not learn who we are. */
	if (e >= 0 && q->is_home && !q->authorization)
		e = oci_auth_header(r->auth, &want, &q->authorization, err);
	q->call.authorization = q->authorization;
	return e < 0 ? eb_prefix(err, e, "%s", q->what) : 0;
}

/* All the challenges of the answer as one header. */
static char *challenges(const struct oci_request *q)
{
	EB_AUTOBUF(b, MAX_CHALLENGE_BYTES);

	for (unsigned int i = 0;; i++) {
		autofree char *one = eb_http_call_header(&q->call, "WWW-Authenticate", i);

		if (!one)
			break;
		eb_buf_addf(&b, "%s%s", i ? ", " : "", one);
	}
	return b.len ? eb_buf_take(&b) : NULL;
}

int oci_request_challenged(struct oci_registry *r, struct oci_request *q, struct eb_error **err)
{
	autofree char *challenge = q->is_home ? challenges(q) : NULL;
	struct oci_auth_want want = want_of(r, q);
	char *next = NULL;
	int e;

	if (!challenge)
		return oci_request_throw(q, err);
	e = oci_auth_challenged(r->auth, &want, challenge, q->authorization, &next, err);
	oci_creds_wipe(q->authorization);
	q->authorization = next;
	return e < 0 ? eb_prefix(err, e, "%s", q->what) : 0;
}

static void log_warning(const struct oci_request *q)
{
	autofree char *warning = eb_http_call_header(&q->call, "Warning", 0);

	if (warning)
		eb_log(EB_LOG_DEBUG, "%s: the registry says: %s", q->what, warning);
}

int oci_request_run(struct oci_registry *r, struct oci_request *q, struct eb_error **err)
{
	int e = 0;

	for (unsigned int i = 0;; i++) {
		struct eb_http_get *const gets[] = { &q->get };

		e = oci_request_prepare(r, q, err);
		if (e < 0)
			break;
		e = eb_http_get_all(q->http, gets, 1, NULL, NULL, err);
		eb_error_clear(&q->get.error);
		if (e < 0 || q->get.status != 401 || i == MAX_AUTH_TRIES)
			break;
		e = oci_request_challenged(r, q, err);
		if (e < 0)
			break;
	}
	give_back(r, q);
	if (e >= 0)
		log_warning(q);
	return e;
}

/* ---- answers ---- */

/* {"errors":[{"code":"...","message":"..."}]} of the specification as "CODE: message". */
static char *registry_says(const struct oci_request *q, char **ret_code)
{
	const struct eb_buf *b = &q->call.refusal;
	autofree char *type = eb_http_call_header(&q->call, "Content-Type", 0);
	autojson json_t *doc = NULL;
	const char *code, *message;
	const json_t *first;
	autofree char *text = NULL;

	if (b->len == 0)
		return eb_xstrdup("");
	if (eb_json_parse(b->data, b->len, b->len, &doc, NULL) < 0) {
		if (type && strncasecmp(type, "text/html", 9) == 0)
			return eb_xstrdup(" (a web page: is this a registry?)");
		text = eb_printable(b->data, 80);
		return eb_xasprintf(" (%s)", text);
	}
	first = json_array_get(json_object_get(doc, "errors"), 0);
	code = json_string_value(json_object_get(first, "code"));
	message = json_string_value(json_object_get(first, "message"));
	if (!code && !message)
		return eb_xstrdup("");
	if (code)
		*ret_code = eb_xstrdup(code);
	text = eb_printable(message ? message : "", MAX_MESSAGE_BYTES);
	return eb_xasprintf(" %.80s%s%s", code ? code : "", *text ? ": " : "", text);
}

static int code_of(const struct oci_request *q, const char *said)
{
	if (said && strcmp(said, "DIGEST_INVALID") == 0)
		return EB_E_DIGEST;
	switch (q->get.status) {
	case 401:
	case 403:
		return EB_E_AUTH;
	case 404:
		return EB_E_NOT_FOUND;
	case 405:
		return EB_E_UNSUPPORTED;
	case 409:
		return EB_E_CONFLICT;
	case 413:
		return EB_E_LIMIT;
	default:
		return EB_E_NETWORK;
	}
}

int oci_request_throw(struct oci_request *q, struct eb_error **err)
{
	autofree char *shown = eb_url_show(q->url), *code = NULL;
	autofree char *says = registry_says(q, &code);
	autofree char *host = eb_url_host(q->url);
	int r = eb_throw(err, code_of(q, code), "%s: %s %s: HTTP %ld%s", q->what,
			 q->method ? q->method : "GET", shown, q->get.status, says);

	switch (q->get.status) {
	case 401:
	case 403:
		return eb_hint(err, r, "ess-bundle login %s", host);
	case 413:
		return eb_hint(err, r,
			       "a proxy before the registry limits the size of requests; raise its "
			       "limit (client_max_body_size of nginx)");
	default:
		return r;
	}
}

/* Behind a proxy that ends TLS, registries like to say http of themselves. */
static char *as_https(const struct oci_registry *r, char *url)
{
	autofree char *mine = eb_url_host(r->base), *theirs = eb_url_host(url);
	size_t n = strcspn(mine, ":");
	const char *path;

	if (r->plain_http || strncasecmp(url, "http://", 7) != 0 ||
	    strncasecmp(mine, theirs, n) != 0 || (theirs[n] && theirs[n] != ':'))
		return url;
	path = strchr(url + 7, '/');
	path = path ? eb_xasprintf("https://%s%s", mine, path) : NULL;
	if (!path)
		return url;
	free(url);
	return (char *)(uintptr_t)path;
}

int oci_request_location(const struct oci_registry *r, const struct oci_request *q, char **ret,
			 struct eb_error **err)
{
	autofree char *location = eb_http_call_header(&q->call, "Location", 0), *shown = NULL;
	char *url;

	if (!location)
		return eb_throw(err, EB_E_NETWORK, "%s: the answer HTTP %ld has no Location",
				q->what, q->get.status);
	url = eb_url_resolve(q->call.final_url ? q->call.final_url : q->url, location);
	if (url)
		url = as_https(r, url);
	shown = eb_url_show(url ? url : location);
	if (!url || (strncasecmp(url, "https://", 8) != 0 &&
		     (!r->plain_http || strncasecmp(url, "http://", 7) != 0))) {
		free(url);
		return eb_throw(err, EB_E_NETWORK, "%s: sent to '%.200s': expected an https URL",
				q->what, shown);
	}
	*ret = url;
	return 0;
}

/* Link: </v2/a/tags/list?last=x&n=100>; rel="next" (RFC 8288). */
char *oci_request_next_page(const struct oci_request *q)
{
	autofree char *link = eb_http_call_header(&q->call, "Link", 0), *ref = NULL;
	const char *open = link ? strchr(link, '<') : NULL;
	const char *close = open ? strchr(open, '>') : NULL;
	char *url;

	if (!close || !strcasestr(close, "next"))
		return NULL;
	ref = eb_xstrndup(open + 1, (size_t)(close - open) - 1);
	url = eb_url_resolve(q->url, ref);
	if (url && !eb_url_same_origin(url, q->url)) {
		free(url);
		url = NULL;
	}
	return url;
}

int oci_request_to_buf(void *ctx, uint64_t at, const void *p, size_t n, struct eb_error **err)
{
	struct eb_buf *b = ctx;

	if (at == 0)
		eb_buf_clear(b);
	eb_buf_add(b, p, n);
	return eb_buf_check(b, "answer", err);
}
