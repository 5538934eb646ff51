#include "base/http.h"

#include <errno.h>
#include <time.h>

#include "base/http_xfer.h"
#include "base/log.h"
#include "base/url.h"
#include "httpd.h"
#include "testlib.h"

enum { BODY_BYTES = 300000 };

/* One download as a caller sees it. */
struct sink {
	struct eb_http_get get;
	char data[BODY_BYTES + 1000];
	uint64_t end;	     /* bytes that count */
	unsigned int jumps;  /* times `at` went back */
	int fail_with;	     /* body() fails with that code, if not 0 */
	unsigned int number; /* order of ending */
};

static int to_sink(void *ctx, uint64_t at, const void *p, size_t n, struct eb_error **err)
{
	struct sink *s = ctx;

	if (s->fail_with)
		return eb_throw(err, s->fail_with, "the disk says no");
	if (at != s->end)
		s->jumps++;
	if (at > s->end || at + n > sizeof(s->data))
		return eb_throw(err, EB_E_FORMAT, "a gap before %llu", (unsigned long long)at);
	memcpy(s->data + at, p, n);
	s->end = at + n;
	return 0;
}

static struct sink *sink_new(const char *url)
{
	struct sink *s = eb_xcalloc(1, sizeof(*s));

	s->get = (struct eb_http_get){
		.url = url, .max_bytes = BODY_BYTES, .what = "thing 1.0", .ctx = s, .body = to_sink
	};
	return s;
}

static void sink_free(struct sink **s)
{
	if (*s)
		eb_error_free((*s)->get.error);
	free(*s);
}
#define AUTOSINK(name, url) EB_CLEANUP(sink_free) struct sink *name = sink_new(url)

static const char *body(void)
{
	static char text[BODY_BYTES];

	for (size_t i = 0; !text[BODY_BYTES - 1] && i < BODY_BYTES; i++)
		text[i] = (char)('a' + (i * 7 + i / 1000) % 26);
	return text;
}

static struct eb_http *client(const struct eb_http_options *given)
{
	struct eb_http_options o = given ? *given : (struct eb_http_options){ 0 };
	autoerror struct eb_error *e = NULL;
	struct eb_http *h = NULL;

	if (!o.backoff_msec)
		o.backoff_msec = 4;
	if (!o.stall_timeout_sec)
		o.stall_timeout_sec = 1;
	CHECK_OK(eb_http_new(&o, &h, &e), e);
	return h;
}
#define AUTOHTTP(name, o) EB_CLEANUP(eb_http_free_p) struct eb_http *name = client(o)
#define AUTOHTTPD(name) EB_CLEANUP(httpd_stop_p) struct httpd *name = httpd_start()

static int run(struct eb_http *h, struct sink *s, struct eb_error **err)
{
	struct eb_http_get *gets[] = { &s->get };

	return eb_http_get_all(h, gets, 1, NULL, NULL, err);
}

static void reply(struct httpd *d, const char *path, struct httpd_reply r)
{
	if (!r.body) {
		r.body = body();
		r.size = BODY_BYTES;
	}
	httpd_reply(d, path, &r);
}

#define CHECK_WHOLE(s)                                                                             \
	do {                                                                                       \
		CHECK_INT((s)->end, BODY_BYTES);                                                   \
		CHECK(memcmp((s)->data, body(), BODY_BYTES) == 0);                                 \
	} while (0)

static int64_t now_msec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- all is well ---- */

TEST(http, get_whole_body)
{
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, NULL);
	uint64_t sockets = eb_http_sockets_opened();

	reply(d, "/x", (struct httpd_reply){ 0 });
	for (int i = 0; i < 3; i++) {
		AUTOSINK(s, httpd_url(d, "/x?token=secret"));

		CHECK_OK(run(h, s, &e), e);
		CHECK_WHOLE(s);
		CHECK_INT(s->get.status, 200);
		CHECK_INT(s->jumps, 0);
	}
	/* One connection does for all three. */
	CHECK_INT(eb_http_sockets_opened() - sockets, 1);
	CHECK_HAS(httpd_request(d, 0).headers, "User-Agent: ess-bundle/");
	CHECK_INT(httpd_request(d, 0).range, -1);
}

TEST(http, get_from_offset)
{
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, NULL);
	AUTOSINK(s, httpd_url(d, "/x"));

	reply(d, "/x", (struct httpd_reply){ 0 });
	memcpy(s->data, body(), 1000);
	s->end = s->get.offset = 1000;
	s->get.max_bytes = BODY_BYTES - 1000;
	CHECK_OK(run(h, s, &e), e);
	CHECK_WHOLE(s);
	CHECK_INT(s->jumps, 0);
	CHECK_INT(s->get.status, 206);
	CHECK_INT(httpd_request(d, 0).range, 1000);
	CHECK_INT(httpd_sent(d), BODY_BYTES - 1000);
}

TEST(http, get_empty_body)
{
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, NULL);
	AUTOSINK(s, httpd_url(d, "/x"));

	reply(d, "/x", (struct httpd_reply){ .body = "", .size = 0, .mode = HTTPD_NO_RANGE });
	CHECK_OK(run(h, s, &e), e);
	CHECK_INT(s->end, 0);
	/* Bytes that the caller had are void when the whole is empty. */
	s->end = s->get.offset = 1000;
	CHECK_OK(run(h, s, &e), e);
	CHECK_INT(s->end, 0);
	CHECK_INT(s->jumps, 1);
}

TEST(http, get_offset_at_the_end_is_done)
{
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, NULL);
	AUTOSINK(s, httpd_url(d, "/x"));

	reply(d, "/x", (struct httpd_reply){ 0 });
	s->end = s->get.offset = BODY_BYTES;
	CHECK_OK(run(h, s, &e), e);
	CHECK_INT(s->end, BODY_BYTES);
	CHECK_INT(httpd_n_requests(d), 1);
}

TEST(http, get_offset_beyond_the_end_starts_over)
{
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, NULL);
	AUTOSINK(s, httpd_url(d, "/x"));

	reply(d, "/x", (struct httpd_reply){ 0 });
	s->end = s->get.offset = BODY_BYTES + 10;
	CHECK_OK(run(h, s, &e), e);
	CHECK_WHOLE(s);
	CHECK_INT(s->jumps, 1);
}

struct ending {
	struct eb_http *h;
	struct sink *more; /* to be added once, or NULL */
	unsigned int n;
};

static void on_done(void *ctx, struct eb_http_get *g)
{
	struct ending *x = ctx;
	struct sink *s = g->ctx;

	s->number = ++x->n;
	if (x->more)
		eb_http_add(x->h, &EB_TAKE_PTR(x->more)->get);
}

TEST(http, get_all_many_with_one_added)
{
	enum { N = 20 };
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, NULL);
	AUTOSINK(more, httpd_url(d, "/x"));
	struct ending ending = { h, more, 0 };
	struct eb_http_get *gets[N];
	struct sink *sinks[N];
	uint64_t sockets = eb_http_sockets_opened();

	reply(d, "/x", (struct httpd_reply){ 0 });
	for (size_t i = 0; i < N; i++) {
		sinks[i] = sink_new(httpd_url(d, "/x"));
		gets[i] = &sinks[i]->get;
	}
	CHECK_OK(eb_http_get_all(h, gets, N, on_done, &ending, &e), e);
	CHECK_INT(ending.n, N + 1);
	CHECK_WHOLE(more);
	/* Six at a time; libcurl 8.14 now and then closes one and opens another before it sees that
	 * one is free. */
	CHECK(eb_http_sockets_opened() - sockets < N / 2);
	for (size_t i = 0; i < N; i++) {
		CHECK_WHOLE(sinks[i]);
		sink_free(&sinks[i]);
	}
}

TEST(http, get_all_reports_first_failure_by_order)
{
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, NULL);
	AUTOSINK(a, httpd_url(d, "/slow"));
	AUTOSINK(b, httpd_url(d, "/missing"));
	AUTOSINK(c, httpd_url(d, "/x"));
	struct eb_http_get *gets[] = { &a->get, &b->get, &c->get };
	struct ending ending = { h, NULL, 0 };

	reply(d, "/x", (struct httpd_reply){ 0 });
	reply(d, "/slow", (struct httpd_reply){ .mode = HTTPD_STATUS, .status = 500 });
	CHECK_FAIL(eb_http_get_all(h, gets, 3, on_done, &ending, &e), EB_E_NETWORK, "HTTP 500", e);
	CHECK_INT(a->get.result, -EB_E_NETWORK);
	CHECK_INT(b->get.result, -EB_E_NOT_FOUND);
	CHECK_INT(b->get.status, 404);
	CHECK_INT(c->get.result, 0);
	CHECK(b->number < a->number);
	CHECK_WHOLE(c);
}

/* ---- faults ---- */

TEST(http, dropped_connection_goes_on_at_the_byte_reached)
{
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, NULL);
	AUTOSINK(s, httpd_url(d, "/x"));

	reply(d, "/x",
	      (struct httpd_reply){
		      .mode = HTTPD_DROP, .after = 100000, .times = 2, .etag = "\"v1\"" });
	CHECK_OK(run(h, s, &e), e);
	CHECK_WHOLE(s);
	CHECK_INT(s->jumps, 0);
	CHECK_INT(httpd_n_requests(d), 3);
	CHECK_INT(httpd_request(d, 1).range, 100000);
	CHECK_HAS(httpd_request(d, 1).headers, "If-Range: \"v1\"");
	CHECK_INT(httpd_request(d, 2).range, 200000);
	CHECK_INT(httpd_sent(d), BODY_BYTES);
}

TEST(http, dropped_connection_uses_last_modified_without_strong_etag)
{
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, NULL);
	AUTOSINK(s, httpd_url(d, "/x"));

	reply(d, "/x",
	      (struct httpd_reply){ .mode = HTTPD_DROP,
				    .after = 100000,
				    .times = 1,
				    .etag = "W/\"v1\"",
				    .last_modified = "Sat, 22 Nov 2025 01:10:44 GMT" });
	CHECK_OK(run(h, s, &e), e);
	CHECK_WHOLE(s);
	CHECK_HAS(httpd_request(d, 1).headers, "If-Range: Sat, 22 Nov 2025");
}

static struct httpd *changing;
static const struct httpd_reply *changed;

static int to_sink_then_change(void *ctx, uint64_t at, const void *p, size_t n,
			       struct eb_error **err)
{
	if (changed)
		httpd_reply(changing, "/x", EB_TAKE_PTR(changed));
	return to_sink(ctx, at, p, n, err);
}

TEST(http, changed_file_is_fetched_from_its_start)
{
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, NULL);
	AUTOSINK(s, httpd_url(d, "/x"));
	struct httpd_reply new = { .body = "new content", .size = 11, .etag = "\"v2\"" };

	reply(d, "/x",
	      (struct httpd_reply){ .mode = HTTPD_DROP, .after = 100000, .etag = "\"v1\"" });
	changing = d;
	changed = &new;
	s->get.body = to_sink_then_change;
	CHECK_OK(run(h, s, &e), e);
	CHECK_INT(s->end, 11);
	CHECK(memcmp(s->data, "new content", 11) == 0);
	CHECK_INT(s->jumps, 1);
}

TEST(http, ignored_range_starts_over)
{
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, NULL);
	AUTOSINK(s, httpd_url(d, "/x"));

	reply(d, "/x", (struct httpd_reply){ .mode = HTTPD_NO_RANGE });
	s->end = s->get.offset = 5000;
	s->get.max_bytes = BODY_BYTES - 5000;
	CHECK_OK(run(h, s, &e), e);
	CHECK_INT(httpd_request(d, 0).range, 5000);
	CHECK_WHOLE(s);
	CHECK_INT(s->jumps, 1);
}

TEST(http, wrong_range_is_not_taken)
{
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, NULL);
	AUTOSINK(s, httpd_url(d, "/x"));

	reply(d, "/x", (struct httpd_reply){ .mode = HTTPD_WRONG_RANGE });
	s->end = s->get.offset = 5000;
	CHECK_OK(run(h, s, &e), e);
	CHECK_WHOLE(s);
	CHECK_INT(httpd_request(d, 1).range, -1);
}

TEST(http, drops_without_end_give_up_and_say_how_far)
{
	struct eb_http_options o = { .attempts = 3 };
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, &o);
	AUTOSINK(s, httpd_url(d, "/a/b.deb?token=secret"));
	char want[128];

	reply(d, "/a/b.deb", (struct httpd_reply){ .mode = HTTPD_DROP, .after = 1000 });
	CHECK_INT(run(h, s, &e), -EB_E_NETWORK);
	snprintf(want, sizeof(want),
		 "thing 1.0: GET http://%s/a/b.deb: attempt 3 of 3: ", httpd_host(d));
	CHECK_HAS(e->message, want);
	CHECK_HAS(e->message, "; 3000 of 300000 bytes");
	CHECK(!strstr(e->message, "secret"));
	CHECK_INT(httpd_n_requests(d), 3);
}

static int to_counter(void *ctx, uint64_t at, const void *p, size_t n, struct eb_error **err)
{
	struct sink *s = ctx;

	(void)p;
	if (at != s->end)
		return eb_throw(err, EB_E_FORMAT, "not at %llu", (unsigned long long)s->end);
	s->end = at + n;
	return 0;
}

TEST(http, drops_with_good_progress_do_not_use_up_attempts)
{
	static const char big[5 * 1024 * 1024];
	struct eb_http_options o = { .attempts = 2 };
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, &o);
	AUTOSINK(s, httpd_url(d, "/x"));

	reply(d, "/x",
	      (struct httpd_reply){
		      .body = big, .size = sizeof(big), .mode = HTTPD_DROP, .after = 1200000 });
	s->get.max_bytes = sizeof(big);
	s->get.body = to_counter;
	CHECK_OK(run(h, s, &e), e);
	CHECK_INT(s->end, sizeof(big));
	CHECK_INT(httpd_n_requests(d), 5);
}

TEST(http, stall_is_noticed_and_survived)
{
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, NULL);
	AUTOSINK(s, httpd_url(d, "/x"));

	reply(d, "/x", (struct httpd_reply){ .mode = HTTPD_STALL, .after = 1000, .times = 1 });
	CHECK_OK(run(h, s, &e), e);
	CHECK_WHOLE(s);
	CHECK_INT(httpd_request(d, 1).range, 1000);
}

TEST(http, mute_server_fails_in_time)
{
	struct eb_http_options o = { .attempts = 1 };
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, &o);
	AUTOSINK(s, httpd_url(d, "/x"));
	int64_t start = now_msec();

	reply(d, "/x", (struct httpd_reply){ .mode = HTTPD_MUTE });
	CHECK_FAIL(run(h, s, &e), EB_E_NETWORK, "attempt 1 of 1: no byte for 1 s", e);
	CHECK(now_msec() - start < 5000);
}

TEST(http, refused_connection_fails)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(httpd_stop_p) struct httpd *d = httpd_start();
	autofree char *url = eb_xstrdup(httpd_url(d, "/x"));
	AUTOHTTP(h, NULL);
	AUTOSINK(s, url);

	d = httpd_stop(d);
	CHECK_FAIL(run(h, s, &e), EB_E_NETWORK, "attempt 4 of 4: ", e);
	CHECK_INT(s->get.status, 0);
}

TEST(http, server_errors_are_retried_and_named)
{
	static const int statuses[] = { 500, 503, 429, 408 };
	AUTOHTTPD(d);
	AUTOHTTP(h, NULL);

	for (size_t i = 0; i < EB_ARRAY_LEN(statuses); i++) {
		autoerror struct eb_error *e = NULL;
		AUTOSINK(s, httpd_url(d, "/x"));
		AUTOSINK(again, httpd_url(d, "/x"));
		char want[64];

		reply(d, "/x", (struct httpd_reply){ .mode = HTTPD_STATUS, .status = statuses[i] });
		snprintf(want, sizeof(want), "attempt 4 of 4: HTTP %d", statuses[i]);
		CHECK_FAIL(run(h, s, &e), EB_E_NETWORK, want, e);
		CHECK_INT(s->get.status, statuses[i]);
		CHECK_INT(s->end, 0);
		reply(d, "/x",
		      (struct httpd_reply){
			      .mode = HTTPD_STATUS, .status = statuses[i], .times = 3 });
		CHECK_OK(run(h, again, &e), e);
		CHECK_WHOLE(again);
	}
	CHECK_INT(httpd_n_requests(d), 8 * 4);
}

TEST(http, different_causes_are_all_named)
{
	struct eb_http_options o = { .attempts = 2 };
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, &o);
	AUTOSINK(s, httpd_url(d, "/x"));

	/* First cut off, then (the range) refused by the server. */
	reply(d, "/x", (struct httpd_reply){ .mode = HTTPD_DROP, .after = 500, .times = 1 });
	s->get.body = to_sink_then_change;
	changing = d;
	changed = &(struct httpd_reply){ .mode = HTTPD_STATUS, .status = 503 };
	CHECK_INT(run(h, s, &e), -EB_E_NETWORK);
	CHECK_HAS(e->message, "attempt 2 of 2: HTTP 503 (before: ");
	CHECK_HAS(e->message, "); 500 of 300000 bytes");
}

TEST(http, retry_after_is_honoured)
{
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, NULL);
	AUTOSINK(s, httpd_url(d, "/x"));
	int64_t start = now_msec();

	reply(d, "/x",
	      (struct httpd_reply){
		      .mode = HTTPD_STATUS, .status = 503, .retry_after = "1", .times = 1 });
	CHECK_OK(run(h, s, &e), e);
	CHECK(now_msec() - start >= 990);
	CHECK_WHOLE(s);
}

static char log_text[4096];

static void keep_log(const char *line)
{
	size_t n = strlen(log_text);

	snprintf(log_text + n, sizeof(log_text) - n, "%s\n", line);
}

TEST(http, retries_are_logged_with_cause)
{
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, NULL);
	AUTOSINK(s, httpd_url(d, "/x"));
	int r;

	reply(d, "/x", (struct httpd_reply){ .mode = HTTPD_STATUS, .status = 503, .times = 1 });
	log_text[0] = '\0';
	eb_log_set(EB_LOG_DEBUG, keep_log);
	eb_log_enable(true);
	r = run(h, s, &e);
	eb_log_enable(false);
	CHECK_OK(r, e);
	CHECK_HAS(log_text, "/x: attempt 1 of 4: HTTP 503; next in ");
}

TEST(http, lasting_statuses_are_not_retried)
{
	static const struct {
		int status, code;
	} rows[] = { { 404, EB_E_NOT_FOUND }, { 410, EB_E_NOT_FOUND }, { 401, EB_E_AUTH },
		     { 403, EB_E_AUTH },      { 400, EB_E_NETWORK },   { 204, EB_E_NETWORK },
		     { 304, EB_E_NETWORK } };
	AUTOHTTPD(d);
	AUTOHTTP(h, NULL);

	for (size_t i = 0; i < EB_ARRAY_LEN(rows); i++) {
		autoerror struct eb_error *e = NULL;
		AUTOSINK(s, httpd_url(d, "/x"));
		size_t before = httpd_n_requests(d);
		char want[64];

		reply(d, "/x",
		      (struct httpd_reply){ .mode = HTTPD_STATUS, .status = rows[i].status });
		snprintf(want, sizeof(want), "/x: HTTP %d", rows[i].status);
		CHECK_FAIL(run(h, s, &e), rows[i].code, want, e);
		CHECK_INT(httpd_n_requests(d) - before, 1);
		CHECK_INT(s->end, 0);
	}
}

TEST(http, larger_than_allowed_is_refused_before_the_body)
{
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, NULL);
	AUTOSINK(s, httpd_url(d, "/x"));

	reply(d, "/x", (struct httpd_reply){ 0 });
	s->get.max_bytes = 1000;
	CHECK_FAIL(run(h, s, &e), EB_E_LIMIT, "300000 bytes long, expected at most 1000", e);
	CHECK_INT(s->end, 0);
	CHECK_INT(httpd_n_requests(d), 1);
}

TEST(http, larger_than_allowed_without_length_is_cut_off)
{
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, NULL);
	AUTOSINK(s, httpd_url(d, "/x"));

	reply(d, "/x", (struct httpd_reply){ .mode = HTTPD_NO_LENGTH });
	s->get.max_bytes = 100000;
	CHECK_FAIL(run(h, s, &e), EB_E_LIMIT, "expected at most 100000", e);
	CHECK(s->end <= 100000);
	CHECK_INT(httpd_n_requests(d), 1);
}

TEST(http, wrong_content_length_counts_as_cut_off)
{
	struct eb_http_options once = { .attempts = 1 };
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, NULL);
	AUTOHTTP(impatient, &once);
	AUTOSINK(s, httpd_url(d, "/x"));
	AUTOSINK(again, httpd_url(d, "/x"));

	reply(d, "/x", (struct httpd_reply){ .mode = HTTPD_LONG_LENGTH, .after = 10 });
	s->get.max_bytes = again->get.max_bytes = BODY_BYTES + 10;
	CHECK_FAIL(run(impatient, s, &e), EB_E_NETWORK, "300000 of 300010 bytes", e);
	/* Asked again from there, the server says that this was all. */
	CHECK_OK(run(h, again, &e), e);
	CHECK_WHOLE(again);
}

TEST(http, body_failure_ends_the_transfer_with_its_code)
{
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, NULL);
	AUTOSINK(s, httpd_url(d, "/x"));

	reply(d, "/x", (struct httpd_reply){ 0 });
	s->fail_with = ENOSPC;
	CHECK_FAIL(run(h, s, &e), ENOSPC, "the disk says no", e);
	CHECK_INT(httpd_n_requests(d), 1);
}

TEST(http, garbage_fails)
{
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, NULL);
	AUTOSINK(s, httpd_url(d, "/x"));

	reply(d, "/x", (struct httpd_reply){ .mode = HTTPD_GARBAGE });
	CHECK_FAIL(run(h, s, &e), EB_E_NETWORK, "/x: ", e);
	CHECK_INT(s->end, 0);
}

TEST(http, slow_but_steady_is_no_stall)
{
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, NULL);
	AUTOSINK(s, httpd_url(d, "/x"));

	reply(d, "/x",
	      (struct httpd_reply){ .mode = HTTPD_SLOW, .after = 50000, .pause_msec = 250 });
	CHECK_OK(run(h, s, &e), e);
	CHECK_WHOLE(s);
	CHECK_INT(httpd_n_requests(d), 1);
}

TEST(http, rate_limit_holds)
{
	static const char big[3 * 1024 * 1024 / 2];
	struct eb_http_options o = { .max_rate = 2 * 1024 * 1024 };
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, &o);
	AUTOSINK(a, httpd_url(d, "/x"));
	AUTOSINK(b, httpd_url(d, "/x"));
	struct eb_http_get *gets[] = { &a->get, &b->get };
	int64_t start = now_msec();

	reply(d, "/x", (struct httpd_reply){ .body = big, .size = sizeof(big) });
	a->get.body = b->get.body = to_counter;
	a->get.max_bytes = b->get.max_bytes = sizeof(big);
	CHECK_OK(eb_http_get_all(h, gets, 2, NULL, NULL, &e), e);
	/* 1.5 s; a burst at the start is allowed for. */
	CHECK(now_msec() - start >= 1000);
	CHECK(now_msec() - start < 5000);
}

/* ---- redirects ---- */

TEST(http, redirect_is_followed)
{
	static const int statuses[] = { 301, 302, 303, 307, 308 };
	AUTOHTTPD(d);
	AUTOHTTP(h, NULL);

	reply(d, "/to/x", (struct httpd_reply){ 0 });
	for (size_t i = 0; i < EB_ARRAY_LEN(statuses); i++) {
		autoerror struct eb_error *e = NULL;
		AUTOSINK(s, httpd_url(d, "/from/x"));

		reply(d, "/from/x",
		      (struct httpd_reply){ .mode = HTTPD_REDIRECT,
					    .status = statuses[i],
					    .location = "../to/x" });
		CHECK_OK(run(h, s, &e), e);
		CHECK_WHOLE(s);
	}
}

TEST(http, redirect_keeps_the_range)
{
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, NULL);
	AUTOSINK(s, httpd_url(d, "/from"));

	reply(d, "/from", (struct httpd_reply){ .mode = HTTPD_REDIRECT, .location = "/x" });
	reply(d, "/x", (struct httpd_reply){ .mode = HTTPD_DROP, .after = 100000, .times = 1 });
	CHECK_OK(run(h, s, &e), e);
	CHECK_WHOLE(s);
	CHECK_INT(httpd_sent(d), BODY_BYTES + 2 * strlen("elsewhere"));
}

TEST(http, redirect_loop_ends)
{
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, NULL);
	AUTOSINK(s, httpd_url(d, "/a"));

	reply(d, "/a", (struct httpd_reply){ .mode = HTTPD_REDIRECT, .location = "/b" });
	reply(d, "/b", (struct httpd_reply){ .mode = HTTPD_REDIRECT, .location = "/a?k=secret" });
	CHECK_INT(run(h, s, &e), -EB_E_NETWORK);
	CHECK_HAS(e->message, "more than 5 redirects, the last to http://127.0.0.1");
	CHECK(!strstr(e->message, "secret"));
	CHECK_INT(httpd_n_requests(d), 6);
}

TEST(http, redirect_to_other_host_takes_no_credentials)
{
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTPD(other);
	AUTOHTTP(h, NULL);
	autofree char *url = eb_xasprintf("http://me:secret@%s/x", httpd_host(d));
	AUTOSINK(s, url);

	reply(d, "/x",
	      (struct httpd_reply){ .mode = HTTPD_REDIRECT, .location = httpd_url(other, "/y") });
	reply(other, "/y", (struct httpd_reply){ 0 });
	CHECK_OK(run(h, s, &e), e);
	CHECK_WHOLE(s);
	CHECK_HAS(httpd_request(d, 0).headers, "Authorization: Basic ");
	CHECK(!strcasestr(httpd_request(other, 0).headers, "authorization"));
}

TEST(http, credentials_stay_out_of_messages)
{
	autoerror struct eb_error *e = NULL;
	AUTOHTTPD(d);
	AUTOHTTP(h, NULL);
	autofree char *url = eb_xasprintf("http://me:secret@%s/gone?sig=secret", httpd_host(d));
	AUTOSINK(s, url);

	CHECK_INT(run(h, s, &e), -EB_E_NOT_FOUND);
	CHECK_HAS(e->message, "/gone: HTTP 404");
	CHECK(!strstr(e->message, "secret"));
}

TEST(http, redirect_to_other_scheme_is_refused)
{
	static const char *const to[] = { "file:///etc/passwd", "ftp://127.0.0.1/x" };
	AUTOHTTPD(d);
	AUTOHTTP(h, NULL);

	for (size_t i = 0; i < EB_ARRAY_LEN(to); i++) {
		autoerror struct eb_error *e = NULL;
		AUTOSINK(s, httpd_url(d, "/x"));

		reply(d, "/x", (struct httpd_reply){ .mode = HTTPD_REDIRECT, .location = to[i] });
		CHECK_FAIL(run(h, s, &e), EB_E_NETWORK, "refused: only http and https are followed",
			   e);
		CHECK_INT(s->end, 0);
	}
}

TEST(http, other_schemes_are_refused)
{
	static const char *const urls[] = { "file:///etc/passwd", "ftp://127.0.0.1/x",
					    "gopher://127.0.0.1/", "nonsense", "http://" };
	uint64_t sockets = eb_http_sockets_opened();
	AUTOHTTP(h, NULL);

	for (size_t i = 0; i < EB_ARRAY_LEN(urls) - 2; i++) {
		autoerror struct eb_error *e = NULL;
		AUTOSINK(s, urls[i]);

		CHECK_FAIL(run(h, s, &e), EB_E_NETWORK, "thing 1.0: ", e);
		CHECK_INT(s->end, 0);
	}
	CHECK_INT(eb_http_sockets_opened(), sockets);
}

/* ---- TLS ---- */

TEST(http, unknown_certificate_fails_at_once)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(httpd_stop_p) struct httpd *d = httpd_start_tls(test_path("cert.pem"));
	AUTOHTTP(h, NULL);
	AUTOSINK(s, httpd_url(d, "/x"));

	reply(d, "/x", (struct httpd_reply){ 0 });
	CHECK_FAIL(run(h, s, &e), EB_E_NETWORK, "certificate", e);
	CHECK_INT(httpd_n_requests(d), 0);
}

TEST(http, certificate_from_ca_file_is_trusted)
{
	struct eb_http_options o = { .ca_file = test_path("cert.pem") };
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(httpd_stop_p) struct httpd *d = httpd_start_tls(o.ca_file);
	AUTOHTTP(h, &o);
	AUTOSINK(s, httpd_url(d, "/x"));

	reply(d, "/x", (struct httpd_reply){ .mode = HTTPD_DROP, .after = 200000, .times = 1 });
	CHECK_OK(run(h, s, &e), e);
	CHECK_WHOLE(s);
}

TEST(http, redirect_from_https_to_http_is_refused)
{
	struct eb_http_options o = { .ca_file = test_path("cert.pem") };
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(httpd_stop_p) struct httpd *d = httpd_start_tls(o.ca_file);
	AUTOHTTPD(plain);
	AUTOHTTP(h, &o);
	AUTOSINK(s, httpd_url(plain, "/a"));

	/* Neither directly nor by way of a plain start. */
	reply(plain, "/a",
	      (struct httpd_reply){ .mode = HTTPD_REDIRECT, .location = httpd_url(d, "/b") });
	reply(d, "/b",
	      (struct httpd_reply){ .mode = HTTPD_REDIRECT, .location = httpd_url(plain, "/c") });
	reply(plain, "/c", (struct httpd_reply){ 0 });
	CHECK_FAIL(run(h, s, &e), EB_E_NETWORK, "refused: it leads from https to http", e);
	CHECK_INT(httpd_n_requests_of(plain, "/c"), 0);
	CHECK_INT(s->end, 0);
}

TEST(http, new_names_an_unreadable_ca_file)
{
	struct eb_http_options o = { .ca_file = "/nonexistent/ca.pem" };
	autoerror struct eb_error *e = NULL;
	struct eb_http *h = NULL;

	CHECK_FAIL(eb_http_new(&o, &h, &e), ENOENT, "'/nonexistent/ca.pem'", e);
	CHECK(h == NULL);
}
