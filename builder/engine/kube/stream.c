#include "kube/stream.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/http.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/url.h"
#include "kube/api.h"
#include "kube/api_internal.h"

enum { MAX_QUERY = 64 * 1024, DEFAULT_WATCH_SEC = 290 };

struct stream {
	int (*line)(void *ctx, const char *text, size_t n, struct eb_error **err);
	void *ctx;
	struct eb_buf rest; /* the begin of a line */
	bool ended;	    /* by line() */
};

static int give(struct stream *s, const char *p, size_t n, struct eb_error **err)
{
	int r = s->line(s->ctx, p, n, err);

	if (r <= 0)
		return r;
	s->ended = true;
	return -EB_E_INTERRUPTED;
}

static int on_body(void *ctx, uint64_t at, const void *p, size_t n, struct eb_error **err)
{
	struct stream *s = ctx;
	const char *text = p, *end;
	int r = 0;

	(void)at;
	while (r >= 0 && n > 0 && (end = memchr(text, '\n', n))) {
		size_t part = (size_t)(end - text);

		if (s->rest.len > 0) {
			eb_buf_add(&s->rest, text, part);
			r = eb_buf_check(&s->rest, "line", err);
			if (r >= 0)
				r = give(s, eb_buf_str(&s->rest), s->rest.len, err);
			eb_buf_clear(&s->rest);
		} else {
			r = give(s, text, part, err);
		}
		text += part + 1;
		n -= part + 1;
	}
	if (r < 0)
		return r;
	eb_buf_add(&s->rest, text, n);
	return eb_buf_check(&s->rest, "line", err);
}

/* The refusal as an error, or what the connection said. */
static int failure(struct eb_http_get *g, const char *what, struct eb_error **err)
{
	EB_CLEANUP(kube_status_release_p) struct kube_status status = { .code = 0 };
	int r;

	if (g->status < 300)
		return g->result < 0 ? eb_error_forward(err, EB_TAKE_PTR(g->error)) : 0;
	kube_status_read((unsigned int)g->status, eb_buf_str(&g->call->refusal),
			 g->call->refusal.len, &status);
	r = kube_status_throw(&status, err);
	return eb_prefix(err, r, "%s", what);
}

static int run(struct kube_api *a, struct stream *s, struct eb_http_get *g, struct eb_error **err)
{
	EB_CLEANUP(eb_http_free_p) struct eb_http *http = NULL;
	autowipe char *who = NULL;
	int r = kube_api_stream_client(a, &http, &who, err);

	if (r < 0)
		return r;
	g->call->authorization = who;
	eb_ignore(eb_http_get_all(http, &g, 1, NULL, NULL, NULL));
	if (s->ended)
		return 0;
	r = failure(g, g->what, err);
	if (r >= 0 && s->rest.len > 0)
		r = give(s, eb_buf_str(&s->rest), s->rest.len, err);
	return s->ended ? 0 : r;
}

int kube_api_stream(struct kube_api *a, const char *path, const char *query, const char *what,
		    int (*line)(void *ctx, const char *text, size_t n, struct eb_error **err),
		    void *ctx, struct eb_error **err)
{
	autofree char *url = eb_xasprintf("%s%s%s%s", kube_api_base(a), path, query ? "?" : "",
					  query ? query : "");
	struct stream s = { .line = line, .ctx = ctx };
	struct eb_http_call call = { .attempts = 1 };
	struct eb_http_get get = { .url = url,
				   .max_bytes = UINT64_MAX / 2,
				   .what = what,
				   .ctx = &s,
				   .body = on_body,
				   .call = &call };
	int r;

	eb_buf_init(&s.rest, KUBE_STREAM_MAX_LINE);
	r = run(a, &s, &get, err);
	eb_error_clear(&get.error);
	eb_http_call_release(&call);
	eb_buf_wipe(&s.rest);
	return r;
}

/* ---- watches ---- */

struct watching {
	const struct kube_watch *w;
	char **version;
	bool ended;
};

static void go_on_from(struct watching *s, const json_t *object)
{
	const char *v = eb_json_text(json_object_get(object, "metadata"), "resourceVersion");

	if (!*v)
		return;
	free(*s->version);
	*s->version = eb_xstrdup(v);
}

/* {"type":"ADDED","object":{...}} */
static int on_line(void *ctx, const char *text, size_t n, struct eb_error **err)
{
	struct watching *s = ctx;
	autojson json_t *event = NULL;
	const json_t *object;
	const char *type;
	int r;

	if (n == 0)
		return 0;
	r = eb_json_parse(text, n, KUBE_STREAM_MAX_LINE, &event, err);
	if (r < 0)
		return eb_prefix(err, r, "%s: an event", s->w->what);
	type = eb_json_text(event, "type");
	object = json_object_get(event, "object");
	if (strcmp(type, "ERROR") == 0) {
		EB_CLEANUP(kube_status_release_p) struct kube_status status = { .code = 0 };

		kube_status_from(500, object, &status);
		r = kube_status_throw(&status, err);
		return eb_prefix(err, r, "%s", s->w->what);
	}
	go_on_from(s, object);
	if (strcmp(type, "BOOKMARK") == 0)
		return 0;
	r = s->w->event(s->w->ctx, type, object, err);
	s->ended = r > 0;
	return r;
}

static void add_param(struct eb_buf *b, const char *name, const char *value)
{
	autofree char *escaped = value ? eb_url_escape(value) : NULL;

	if (escaped)
		eb_buf_addf(b, "&%s=%s", name, escaped);
}

int kube_api_watch(struct kube_api *a, const struct kube_watch *w, char **version,
		   struct eb_error **err)
{
	struct watching s = { .w = w, .version = version };
	EB_AUTOBUF(query, MAX_QUERY);
	int r;

	eb_buf_addf(&query, "watch=true&allowWatchBookmarks=true&timeoutSeconds=%u",
		    w->timeout_sec ? w->timeout_sec : DEFAULT_WATCH_SEC);
	add_param(&query, "resourceVersion", *version);
	add_param(&query, "labelSelector", w->label_selector);
	add_param(&query, "fieldSelector", w->field_selector);
	r = kube_api_stream(a, w->path, eb_buf_str(&query), w->what, on_line, &s, err);
	return r < 0 ? r : s.ended;
}
