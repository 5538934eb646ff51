#include "base/http.h"

#include <pthread.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/http_xfer.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/stream.h"
#include "base/url.h"

enum {
	POLL_MSEC = 1000,
	MAX_BACKOFF_MSEC = 30 * 1000,
	/* A try that brings so much on its way does not count: only standing still gives up. */
	GOOD_PROGRESS_BYTES = 1024 * 1024
};

struct eb_http {
	CURLM *multi;
	struct eb_http_options o; /* defaults filled in, strings owned */
	struct http_xfer *queue;  /* waiting and running, in order */
	struct http_xfer **tail;
	size_t n_added;
	unsigned int running;
	unsigned int shares; /* into so many the rate is divided; 0 = anew */
};

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_code;

static void global_init(void)
{
	global_code = curl_global_init(CURL_GLOBAL_ALL);
}

static int64_t now_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void fill_defaults(struct eb_http_options *o, const struct eb_http_options *given)
{
	if (given)
		*o = *given;
	o->user_agent = eb_xstrdup(o->user_agent ? o->user_agent : "ess-bundle/" EB_VERSION);
	o->ca_file = o->ca_file ? eb_xstrdup(o->ca_file) : NULL;
	o->ca_pem = o->ca_pem ? eb_xstrdup(o->ca_pem) : NULL;
	o->client_cert = o->client_cert ? eb_xstrdup(o->client_cert) : NULL;
	o->client_key = o->client_key ? eb_xstrdup(o->client_key) : NULL;
	o->client_cert_pem = o->client_cert_pem ? eb_xstrdup(o->client_cert_pem) : NULL;
	o->client_key_pem = o->client_key_pem ? eb_xstrdup(o->client_key_pem) : NULL;
	o->connect_to = o->connect_to ? eb_xasprintf("::%s", o->connect_to) : NULL;
	o->proxy = o->proxy ? eb_xstrdup(o->proxy) : NULL;
	if (!o->connect_timeout_sec)
		o->connect_timeout_sec = 20;
	if (!o->stall_timeout_sec)
		o->stall_timeout_sec = 30;
	if (!o->attempts)
		o->attempts = 4;
	if (!o->parallel)
		o->parallel = 6;
	if (!o->max_redirects)
		o->max_redirects = 5;
	if (!o->backoff_msec)
		o->backoff_msec = 500;
}

static int check_files(const struct eb_http_options *o, struct eb_error **err)
{
	const char *const files[] = { o->ca_file, o->client_cert, o->client_key };

	for (size_t i = 0; i < EB_ARRAY_LEN(files); i++)
		if (files[i] && access(files[i], R_OK) < 0)
			return eb_throw_errno(err, "certificate file '%s'", files[i]);
	return 0;
}

int eb_http_new(const struct eb_http_options *o, struct eb_http **ret, struct eb_error **err)
{
	EB_CLEANUP(eb_http_free_p) struct eb_http *h = eb_xcalloc(1, sizeof(*h));
	int r;

	fill_defaults(&h->o, o);
	h->tail = &h->queue;
	r = check_files(&h->o, err);
	if (r < 0)
		return r;
	pthread_once(&global_once, global_init);
	if (global_code != CURLE_OK)
		return eb_throw(err, EB_E_NETWORK, "libcurl: %s", curl_easy_strerror(global_code));
	h->multi = curl_multi_init();
	if (!h->multi)
		return eb_throw(err, EB_E_NETWORK, "libcurl gives no handle");
	curl_multi_setopt(h->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)h->o.parallel);
	*ret = EB_TAKE_PTR(h);
	return 0;
}

/* Take x out of the queue and free it. */
static void drop(struct eb_http *h, struct http_xfer *x)
{
	struct http_xfer **at = &h->queue;

	while (*at != x)
		at = &(*at)->next;
	*at = x->next;
	if (h->tail == &x->next)
		h->tail = at;
	if (x->easy) {
		curl_multi_remove_handle(h->multi, x->easy);
		h->running--;
	}
	http_xfer_free(x);
}

struct eb_http *eb_http_free(struct eb_http *h)
{
	if (!h)
		return NULL;
	while (h->queue)
		drop(h, h->queue);
	curl_multi_cleanup(h->multi);
	free((char *)h->o.user_agent);
	free((char *)h->o.ca_file);
	free((char *)h->o.ca_pem);
	free((char *)h->o.client_cert);
	free((char *)h->o.client_key);
	free((char *)h->o.client_cert_pem);
	eb_wipe_str((char *)h->o.client_key_pem);
	free((char *)h->o.connect_to);
	eb_wipe_str((char *)h->o.proxy);
	free(h);
	return NULL;
}

void eb_http_add(struct eb_http *h, struct eb_http_get *g)
{
	struct http_xfer *x = http_xfer_new(g);

	g->result = 0;
	g->error = NULL;
	g->status = 0;
	x->order = h->n_added++;
	*h->tail = x;
	h->tail = &x->next;
}

uint64_t eb_http_sockets_opened(void)
{
	return http_sockets_opened();
}

/* ---- one get_all ---- */

struct run {
	struct eb_http *h;
	void (*done)(void *ctx, struct eb_http_get *g);
	void *ctx;
	struct eb_error *first; /* failure of the smallest order so far */
	size_t first_order;
	bool (*has_some)(const struct run *run); /* there is no need to wait; NULL = never */
};

static char *bytes_text(const struct http_xfer *x)
{
	if (x->get->call && x->get->call->send_bytes)
		return eb_xasprintf("; sent %llu of %llu bytes",
				    (unsigned long long)x->get->call->sent,
				    (unsigned long long)x->get->call->send_bytes);
	if (x->total != UINT64_MAX)
		return eb_xasprintf("; %llu of %llu bytes", (unsigned long long)x->at,
				    (unsigned long long)x->total);
	if (x->at > 0)
		return eb_xasprintf("; %llu bytes", (unsigned long long)x->at);
	return eb_xstrdup("");
}

/* Turn what x says about its end into the error of the caller's GET. */
static void set_failure(const struct eb_http *h, struct http_xfer *x, bool counted)
{
	struct eb_http_get *g = x->get;
	autofree char *shown = eb_url_show(g->url);
	autofree char *bytes = bytes_text(x);
	autofree char *before = x->history.len ? eb_xasprintf(" (before: %s)", x->history.data)
					       : eb_xstrdup("");
	char attempt[64] = "";

	if (x->body_code < 0) {
		g->error = EB_TAKE_PTR(x->body_error);
		if (!g->error)
			eb_ignore(eb_throw(&g->error, -x->body_code, "%s",
					   eb_code_text(x->body_code)));
		g->result = x->body_code;
		eb_ignore(eb_prefix(&g->error, 0, "%s %s", http_xfer_method(x), shown));
	} else {
		/* Who asks for one try only counts them himself. */
		if ((counted || x->attempt > 1) && !(g->call && g->call->attempts == 1))
			snprintf(attempt, sizeof(attempt), "attempt %u of %u: ", x->attempt,
				 http_xfer_attempts(x, &h->o));
		g->result = eb_throw(&g->error, x->code, "%s %s: %s%s%s%s", http_xfer_method(x),
				     shown, attempt, x->cause, before, bytes);
	}
	if (g->what)
		eb_ignore(eb_prefix(&g->error, 0, "%s", g->what));
}

static void remember_first(struct run *run, const struct http_xfer *x)
{
	const struct eb_error *e = x->get->error;

	if (run->first && run->first_order < x->order)
		return;
	eb_error_clear(&run->first);
	eb_ignore(eb_throw(&run->first, e->code, "%s", e->message));
	if (e->hint)
		eb_ignore(eb_hint(&run->first, 0, "%s", e->hint));
	run->first_order = x->order;
}

static void end_xfer(struct run *run, struct http_xfer *x)
{
	struct eb_http_get *g = x->get;

	if (g->result < 0)
		remember_first(run, x);
	drop(run->h, x);
	if (run->done)
		run->done(run->ctx, g);
}

uint64_t eb_http_backoff_usec(unsigned int backoff_msec, unsigned int attempt)
{
	uint64_t full = (uint64_t)(backoff_msec ? backoff_msec : 500)
			<< (attempt > 16 ? 16 : attempt - 1);
	uint32_t random = 0;

	if (full > MAX_BACKOFF_MSEC)
		full = MAX_BACKOFF_MSEC;
	full *= 1000;
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = 0;
	return full / 2 + random % (full / 2 + 1);
}

static void note_cause(struct http_xfer *x)
{
	if (x->last_cause && strcmp(x->last_cause, x->cause) != 0)
		eb_buf_addf(&x->history, "%s%s", x->history.len ? ", " : "", x->last_cause);
	free(x->last_cause);
	x->last_cause = eb_xstrdup(x->cause);
}

static void say_retry(const struct eb_http *h, const struct http_xfer *x, int64_t wait_msec)
{
	autofree char *shown = eb_url_show(x->get->url), *bytes = bytes_text(x);
	autofree char *line = eb_xasprintf("%s%s%s %s: attempt %u of %u: %s%s; next in %lld ms",
					   x->get->what ? x->get->what : "",
					   x->get->what ? ": " : "", http_xfer_method(x), shown,
					   x->attempt, http_xfer_attempts(x, &h->o), x->cause,
					   bytes, (long long)wait_msec);

	eb_log(EB_LOG_DEBUG, "%s", line);
	if (h->o.retrying)
		h->o.retrying(h->o.retrying_ctx, line);
}

static void retry_or_fail(struct run *run, struct http_xfer *x)
{
	struct eb_http *h = run->h;
	int64_t wait;

	note_cause(x);
	if (x->congested && h->o.retrying)
		h->o.retrying(h->o.retrying_ctx, NULL);
	if (x->at > x->reached && x->at - x->reached >= GOOD_PROGRESS_BYTES) {
		x->reached = x->at;
		x->attempt = 1;
	}
	if (x->attempt >= http_xfer_attempts(x, &h->o)) {
		set_failure(h, x, true);
		end_xfer(run, x);
		return;
	}
	wait = (int64_t)eb_http_backoff_usec(h->o.backoff_msec, x->attempt);
	if (wait < x->retry_after_usec)
		wait = x->retry_after_usec;
	say_retry(h, x, wait / 1000);
	x->attempt++;
	x->due_usec = now_usec() + wait;
}

static void start(struct run *run, struct http_xfer *x)
{
	struct eb_http *h = run->h;
	struct eb_http_get *g = x->get;
	int r = http_xfer_request(x, &h->o, &g->error);
	CURLMcode mc;

	if (r >= 0) {
		mc = curl_multi_add_handle(h->multi, x->easy);
		if (mc == CURLM_OK) {
			h->running++;
			h->shares = 0;
			return;
		}
		r = eb_throw(&g->error, EB_E_NETWORK, "libcurl: %s", curl_multi_strerror(mc));
	}
	curl_easy_cleanup(x->easy);
	x->easy = NULL;
	g->result = eb_prefix(&g->error, r, "%s", g->what ? g->what : "download");
	end_xfer(run, x);
}

/* Each running transfer gets an equal part of the rate. */
static void share_rate(struct eb_http *h)
{
	uint64_t part;

	if (!h->o.max_rate || !h->running || h->shares == h->running)
		return;
	h->shares = h->running;
	part = h->o.max_rate / h->running;
	if (part == 0)
		part = 1;
	for (struct http_xfer *x = h->queue; x; x = x->next)
		if (x->easy)
			curl_easy_setopt(x->easy, CURLOPT_MAX_RECV_SPEED_LARGE, (curl_off_t)part);
}

/* Start what is due, as far as there is room. Returns milliseconds until there may be more to do.
 */
static int start_due(struct run *run)
{
	struct eb_http *h = run->h;
	int64_t now = now_usec(), next = now + POLL_MSEC * 1000;
	struct http_xfer *x = h->queue, *after;

	for (; x && h->running < h->o.parallel; x = after) {
		after = x->next;
		if (x->easy)
			continue;
		if (x->due_usec <= now)
			start(run, x);
		else if (x->due_usec < next)
			next = x->due_usec;
	}
	share_rate(h);
	return (int)((next - now) / 1000) + 1;
}

static void end_request(struct run *run, CURL *easy, CURLcode rc)
{
	struct eb_http *h = run->h;
	struct http_xfer *x = NULL;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&x);
	curl_multi_remove_handle(h->multi, easy);
	h->running--;
	switch (http_xfer_verdict(x, &h->o, rc)) {
	case HTTP_DONE:
		end_xfer(run, x);
		break;
	case HTTP_AGAIN:
		retry_or_fail(run, x);
		break;
	case HTTP_REDIRECT:
		x->due_usec = 0;
		break;
	case HTTP_FAILED:
		set_failure(h, x, false);
		end_xfer(run, x);
		break;
	}
}

/* Whatever libcurl has to do now, and then wait until there may be more. */
static CURLMcode step(struct run *run)
{
	struct eb_http *h = run->h;
	int active = 0, left = 0, wait = start_due(run);
	CURLMcode mc = curl_multi_perform(h->multi, &active);
	CURLMsg *msg;

	while ((msg = curl_multi_info_read(h->multi, &active)))
		if (msg->msg == CURLMSG_DONE) {
			end_request(run, msg->easy_handle, msg->data.result);
			left++;
		}
	if (mc == CURLM_OK && h->queue && left == 0 && !(run->has_some && run->has_some(run)))
		mc = curl_multi_poll(h->multi, NULL, 0, wait, NULL);
	return mc;
}

/* libcurl itself failed. */
static void end_all(struct run *run, CURLMcode mc)
{
	while (run->h->queue) {
		struct http_xfer *x = run->h->queue;

		x->get->result = eb_throw(&x->get->error, EB_E_NETWORK, "libcurl: %s",
					  curl_multi_strerror(mc));
		end_xfer(run, x);
	}
}

int eb_http_get_all(struct eb_http *h, struct eb_http_get *const *gets, size_t n,
		    void (*done)(void *ctx, struct eb_http_get *g), void *ctx,
		    struct eb_error **err)
{
	struct run run = { .h = h, .done = done, .ctx = ctx };
	CURLMcode mc = CURLM_OK;

	for (size_t i = 0; i < n; i++)
		eb_http_add(h, gets[i]);
	while (h->queue && mc == CURLM_OK)
		mc = step(&run);
	end_all(&run, mc);
	return run.first ? eb_error_forward(err, run.first) : 0;
}

/* ---- one body as a stream ---- */

enum { STREAM_MAX_BYTES = 32 * 1024 * 1024, STREAM_ENOUGH = 256 * 1024 };

struct stream {
	struct eb_reader base;
	struct run run;
	struct eb_http_get *get;
	struct eb_buf buf;
	size_t used;   /* bytes of buf that were read */
	uint64_t next; /* offset in the resource of the byte behind buf */
	bool started, ended;
};

static bool stream_has_some(const struct run *run)
{
	const struct stream *s = run->ctx;

	return s->used < s->buf.len;
}

static bool stream_full(void *ctx)
{
	const struct stream *s = ctx;

	return s->buf.len - s->used >= STREAM_ENOUGH;
}

/* Bytes that were there before (the server ignored the range, or it all came again) are passed by:
 * whoever reads the stream checks its digest anyway. */
static int stream_body(void *ctx, uint64_t at, const void *p, size_t n, struct eb_error **err)
{
	struct stream *s = ctx;
	uint64_t skip = at < s->next ? s->next - at : 0;

	if (at > s->next)
		return eb_throw(err, EB_E_NETWORK, "a gap before byte %llu",
				(unsigned long long)at);
	if (skip >= n)
		return 0;
	if (s->used == s->buf.len) {
		eb_buf_clear(&s->buf);
		s->used = 0;
	}
	eb_buf_add(&s->buf, (const char *)p + skip, n - (size_t)skip);
	s->next += n - skip;
	return eb_buf_check(&s->buf, "bytes that were not asked for", err);
}

static int stream_status(struct stream *s, struct eb_error **err)
{
	autofree char *shown = eb_url_show(s->get->url);
	long status = s->get->status;
	int code = EB_E_NETWORK;

	if (s->get->result < 0)
		return eb_error_forward(err, EB_TAKE_PTR(s->get->error));
	if (!s->get->call || status / 100 == 2 || status == 416)
		return 0;
	if (status == 404 || status == 410)
		code = EB_E_NOT_FOUND;
	else if (status == 401 || status == 403)
		code = EB_E_AUTH;
	return eb_throw(err, code, "%s%sGET %s: HTTP %ld", s->get->what ? s->get->what : "",
			s->get->what ? ": " : "", shown, status);
}

static ssize_t stream_read(struct eb_reader *r, void *p, size_t n, struct eb_error **err)
{
	struct stream *s = (struct stream *)r;
	struct eb_http *h = s->run.h;
	CURLMcode mc = CURLM_OK;
	int code;

	if (!s->started) {
		s->started = true;
		eb_http_add(h, s->get);
		h->queue->full = stream_full;
	}
	if (s->used == s->buf.len && h->queue && h->queue->paused) {
		h->queue->paused = false;
		curl_easy_pause(h->queue->easy, CURLPAUSE_CONT);
	}
	while (s->used == s->buf.len && h->queue) {
		mc = step(&s->run);
		if (mc != CURLM_OK)
			end_all(&s->run, mc);
	}
	if (s->used == s->buf.len) {
		code = stream_status(s, err);
		return code < 0 ? code : 0;
	}
	if (n > s->buf.len - s->used)
		n = s->buf.len - s->used;
	memcpy(p, s->buf.data + s->used, n);
	s->used += n;
	return (ssize_t)n;
}

static void stream_free(struct eb_reader *r)
{
	struct stream *s = (struct stream *)r;

	while (s->run.h->queue)
		drop(s->run.h, s->run.h->queue);
	eb_error_clear(&s->run.first);
	eb_error_clear(&s->get->error);
	eb_buf_release(&s->buf);
	free(s);
}

struct eb_reader *eb_http_reader(struct eb_http *h, struct eb_http_get *g)
{
	static const struct eb_reader_ops ops = { .read = stream_read, .free = stream_free };
	struct stream *s = eb_xcalloc(1, sizeof(*s));

	s->base.ops = &ops;
	s->run = (struct run){ .h = h, .ctx = s, .has_some = stream_has_some };
	s->get = g;
	s->next = g->offset;
	eb_buf_init(&s->buf, STREAM_MAX_BYTES);
	g->ctx = s;
	g->body = stream_body;
	return &s->base;
}
