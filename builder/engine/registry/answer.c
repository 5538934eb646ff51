/* From a request to its answer. */
#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "image/mediatype.h"
#include "registry/htpasswd.h"
#include "registry/lists.h"
#include "registry/page.h"
#include "registry/server_internal.h"

enum { METRICS_MAX_BYTES = 256 * 1024 };

static const char *argument(const struct reg_request *q, const char *name)
{
	return MHD_lookup_connection_value(q->mhd, MHD_GET_ARGUMENT_KIND, name);
}

/* --- who asks --- */

static bool login(struct reg_request *q, struct reg_htpasswd *users, const char *user,
		  const char *password, bool *ret_wait)
{
	struct reg_throttle *t = &q->server->throttle;
	uint64_t now = reg_now_usec();

	*ret_wait = false;
	if (!user || !password)
		return false;
	if (reg_htpasswd_knows(users, user, password))
		return true;
	*ret_wait = !reg_throttle_allows(t, q->conn->peer, now);
	if (*ret_wait)
		return false;
	if (reg_htpasswd_check(users, user, password))
		return true;
	reg_throttle_failed(t, q->conn->peer, now);
	atomic_fetch_add(&q->server->metrics.logins_failed, 1);
	return false;
}

/* True when the request may go on; else it has been answered with *ret. */
static bool admit(struct reg_request *q, enum MHD_Result *ret)
{
	char *password = NULL, *user;
	bool ok, wait;

	if (!q->server->users)
		return true;
	user = MHD_basic_auth_get_username_password(q->mhd, &password);
	pthread_rwlock_rdlock(&q->server->users_lock);
	ok = login(q, q->server->users, user, password, &wait);
	pthread_rwlock_unlock(&q->server->users_lock);
	if (password)
		explicit_bzero(password, strlen(password));
	MHD_free(password);
	MHD_free(user);
	if (wait)
		*ret = reg_reply_error(q, MHD_HTTP_TOO_MANY_REQUESTS, "TOOMANYREQUESTS",
				       "too many wrong passwords");
	else if (!ok)
		*ret = reg_reply_error(q, MHD_HTTP_UNAUTHORIZED, "UNAUTHORIZED",
				       "user and password needed");
	return ok;
}

/* --- the parts of the API --- */

static enum MHD_Result not_found(struct reg_request *q, const char *code, const char *message)
{
	return reg_reply_error(q, MHD_HTTP_NOT_FOUND, code, message);
}

static void read_digest(const struct reg_route *route, struct oci_digest *ret)
{
	memcpy(ret->text, route->reference.ptr, route->reference.len); /* was parsed as one */
	ret->text[route->reference.len] = '\0';
}

static enum MHD_Result answer_manifest(struct reg_request *q, const struct reg_repo *repo,
				       const struct reg_route *route)
{
	const struct reg_manifest *m = NULL;
	struct reg_served *s = NULL;
	struct oci_digest d;

	if (route->by_digest) {
		read_digest(route, &d);
		m = reg_repo_manifest(repo, &d, &s);
	} else {
		const struct reg_tag *tag = reg_repo_tag(repo, route->reference);

		m = tag ? tag->manifest : NULL;
		s = tag ? tag->source : NULL;
	}
	if (!m)
		return not_found(q, "MANIFEST_UNKNOWN", "no such manifest in this repository");
	return reg_reply_manifest(q, m, s);
}

static enum MHD_Result answer_blob(struct reg_request *q, const struct reg_repo *repo,
				   const struct reg_route *route)
{
	struct reg_served *s = NULL;
	const struct oci_member *m;
	struct oci_digest d;

	read_digest(route, &d);
	m = reg_repo_blob(repo, &d, &s);
	if (!m)
		return not_found(q, "BLOB_UNKNOWN", "no such blob in this repository");
	return reg_reply_blob(q, &d, m, s);
}

static bool read_window(const struct reg_request *q, struct reg_window *ret)
{
	const char *n = argument(q, "n");

	*ret = (struct reg_window){ .n = UINT64_MAX, .last = argument(q, "last") };
	return !n || eb_parse_u64(eb_span_str(n), UINT32_MAX, &ret->n, NULL) >= 0;
}

static enum MHD_Result bad_window(struct reg_request *q)
{
	return reg_reply_error(q, MHD_HTTP_BAD_REQUEST, "PAGINATION_NUMBER_INVALID",
			       "n has to be a number");
}

static char *next_link(const char *path, const struct reg_window *w, const char *last)
{
	return last ? eb_xasprintf("<%s?n=%llu&last=%s>; rel=\"next\"", path,
				   (unsigned long long)w->n, last)
		    : NULL;
}

static enum MHD_Result answer_tags(struct reg_request *q, const struct reg_repo *repo,
				   const struct reg_route *route)
{
	autofree char *name = eb_span_dup(route->name);
	autofree char *path = eb_xasprintf("/v2/%s/tags/list", name);
	autofree char *link = NULL;
	struct reg_window w;
	const char *last;
	char *text;
	size_t n;

	if (!read_window(q, &w))
		return bad_window(q);
	text = reg_tags_body(repo, name, &w, &last, &n);
	link = next_link(path, &w, last);
	return reg_reply_json_page(q, text, n, link);
}

static enum MHD_Result answer_catalog(struct reg_request *q)
{
	autofree char *link = NULL;
	struct reg_window w;
	const char *last;
	char *text;
	size_t n;

	if (!read_window(q, &w))
		return bad_window(q);
	text = reg_catalog_body(q->catalog, &w, &last, &n);
	link = next_link("/v2/_catalog", &w, last);
	return reg_reply_json_page(q, text, n, link);
}

static enum MHD_Result answer_referrers(struct reg_request *q, const struct reg_repo *repo,
					const struct reg_route *route)
{
	const char *type = argument(q, "artifactType");
	autofree char *filter = type ? eb_xstrdup(type) : NULL;
	struct MHD_Response *resp;
	struct oci_digest d;
	char *text;
	size_t n;

	/* A plus that was not escaped arrives as a blank, which no media type has. */
	for (char *p = filter; p && *p; p++)
		if (*p == ' ')
			*p = '+';
	read_digest(route, &d);
	text = reg_referrers_body(repo, &d, filter, &n);
	resp = MHD_create_response_from_buffer(n, text, MHD_RESPMEM_MUST_FREE);
	if (!resp) {
		free(text);
		return MHD_NO;
	}
	eb_ignore(MHD_add_response_header(resp, "Content-Type", OCI_MT_INDEX));
	if (filter)
		eb_ignore(MHD_add_response_header(resp, "OCI-Filters-Applied", "artifactType"));
	return reg_reply(q, MHD_HTTP_OK, resp, n);
}

static enum MHD_Result answer_page(struct reg_request *q)
{
	EB_AUTOBUF(b, REG_PAGE_MAX_BYTES);
	size_t n;

	reg_page_write(q->catalog, reg_request_header(q, "Host"), q->server->tls, &b);
	if (eb_buf_check(&b, "page", NULL) < 0)
		return reg_reply_error(q, MHD_HTTP_INTERNAL_SERVER_ERROR, "UNKNOWN",
				       "there is too much for one page");
	n = b.len;
	return reg_reply_text(q, "text/html; charset=utf-8", eb_buf_take(&b), n);
}

static enum MHD_Result answer_metrics(struct reg_request *q)
{
	struct reg_server *s = q->server;
	struct reg_gauges g = { .connections = reg_conns_open_count(s->conns),
				.busy = reg_conns_busy_count(s->conns),
				.files = q->catalog->n_sources,
				.repositories = q->catalog->n_repos,
				.uptime_sec = (reg_now_usec() - s->started_usec) / 1000000 };
	EB_AUTOBUF(b, METRICS_MAX_BYTES);
	size_t n;

	if (!s->metrics_on)
		return not_found(q, "UNSUPPORTED", "no such place");
	for (size_t i = 0; i < q->catalog->n_sources; i++) {
		struct reg_served *source = q->catalog->sources[i];

		g.files_stale += reg_served_is_fresh(source) ? 0 : 1;
		g.file_bytes += oci_archive_file_size(source->archive);
	}
	reg_metrics_write(&s->metrics, &g, &b);
	n = b.len;
	return reg_reply_text(q, "text/plain; version=0.0.4; charset=utf-8", eb_buf_take(&b), n);
}

/* Ready when everything that is to be served can be. */
static enum MHD_Result answer_health(struct reg_request *q)
{
	for (size_t i = 0; i < q->catalog->n_sources; i++)
		if (!reg_served_is_fresh(q->catalog->sources[i]))
			return reg_reply_error(q, MHD_HTTP_SERVICE_UNAVAILABLE, "UNAVAILABLE",
					       "a file was changed and is being verified again");
	return reg_reply_text(q, "text/plain", eb_xstrdup("ok\n"), 3);
}

static enum MHD_Result answer_repository(struct reg_request *q, const struct reg_route *route)
{
	const struct reg_repo *repo = reg_catalog_find(q->catalog, argument(q, "ns"), route->name);

	if (!repo)
		return not_found(q, "NAME_UNKNOWN", "no such repository");
	switch (route->kind) {
	case REG_ROUTE_MANIFEST:
		return answer_manifest(q, repo, route);
	case REG_ROUTE_BLOB:
		return answer_blob(q, repo, route);
	case REG_ROUTE_TAGS:
		return answer_tags(q, repo, route);
	default:
		return answer_referrers(q, repo, route);
	}
}

static enum MHD_Result dispatch(struct reg_request *q, const struct reg_route *route)
{
	switch (route->kind) {
	case REG_ROUTE_PAGE:
		return answer_page(q);
	case REG_ROUTE_HEALTH:
		return answer_health(q);
	case REG_ROUTE_METRICS:
		return answer_metrics(q);
	case REG_ROUTE_PING:
		return reg_reply_json_page(q, eb_xstrdup("{}"), 2, NULL);
	case REG_ROUTE_CATALOG:
		return answer_catalog(q);
	case REG_ROUTE_TAGS:
	case REG_ROUTE_MANIFEST:
	case REG_ROUTE_BLOB:
	case REG_ROUTE_REFERRERS:
		return answer_repository(q, route);
	case REG_ROUTE_BAD_NAME:
		return reg_reply_error(q, MHD_HTTP_BAD_REQUEST, "NAME_INVALID",
				       "malformed repository name");
	case REG_ROUTE_BAD_DIGEST:
		return reg_reply_error(q, MHD_HTTP_BAD_REQUEST, "DIGEST_INVALID",
				       "malformed digest, or of an algorithm that is not served");
	case REG_ROUTE_UPLOAD:
		return reg_reply_error(q, MHD_HTTP_METHOD_NOT_ALLOWED, "UNSUPPORTED",
				       "this registry is read-only");
	case REG_ROUTE_NONE:
	case REG_ROUTE_KINDS:
		break;
	}
	return not_found(q, "UNSUPPORTED", "no such place");
}

/* For the log: no query, which may hold what is nobody's business, and no control characters. */
static void note(struct reg_conn *conn, const char *method, const char *url)
{
	autofree char *shown = eb_printable(url, sizeof(conn->target) - 8);
	autofree char *verb = eb_printable(method, sizeof(conn->method) - 4);

	snprintf(conn->target, sizeof(conn->target), "%s", shown);
	snprintf(conn->method, sizeof(conn->method), "%s", verb);
}

/* A body is never looked at: nothing that is answered here needs one. */
static bool has_body(const struct reg_request *q)
{
	const char *n = reg_request_header(q, "Content-Length");

	return reg_request_header(q, "Transfer-Encoding") || (n && strcmp(n, "0") != 0);
}

static enum MHD_Result answer(struct reg_request *q, const struct reg_route *route)
{
	enum MHD_Result r = MHD_NO;

	if (route->kind != REG_ROUTE_HEALTH && !admit(q, &r))
		return r;
	if (!q->is_head && strcmp(q->method, "GET") != 0)
		return reg_reply_error(q, MHD_HTTP_METHOD_NOT_ALLOWED, "UNSUPPORTED",
				       "this registry is read-only");
	if (has_body(q))
		return reg_reply_error(q, MHD_HTTP_BAD_REQUEST, "UNSUPPORTED",
				       "a request with a body");
	return dispatch(q, route);
}

enum MHD_Result reg_answer(void *cls, struct MHD_Connection *mhd, const char *url,
			   const char *method, const char *version EB_UNUSED,
			   const char *upload EB_UNUSED, size_t *upload_bytes EB_UNUSED,
			   void **state)
{
	struct reg_server *s = cls;
	struct reg_conn *conn =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
	struct reg_request q = { .server = s, .conn = conn, .mhd = mhd, .method = method };
	struct reg_route route;

	q.is_head = strcmp(method, "HEAD") == 0;
	if (!*state) { /* the header is there */
		*state = conn;
		reg_conns_begin(s->conns, conn);
		pthread_mutex_lock(&s->lock);
		conn->catalog = reg_catalog_ref(s->catalog);
		pthread_mutex_unlock(&s->lock);
		/* An answer now would end the connection: right for what has a body only. */
		if ((q.is_head || strcmp(method, "GET") == 0) && !has_body(&q))
			return MHD_YES;
	}
	q.catalog = conn->catalog;
	reg_route_parse(url, &route);
	conn->kind = (int)route.kind;
	if (s->log_requests)
		note(conn, method, url);
	return answer(&q, &route);
}
