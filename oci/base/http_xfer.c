#include "base/http_xfer.h"

#include <stdatomic.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/http_call.h"
#include "base/mem.h"
#include "base/rate.h"
#include "base/span.h"
#include "base/url.h"

enum {
	/* Bodies of errors and redirects are read to keep the connection, but only so far. */
	MAX_DROPPED_BYTES = 64 * 1024,
	MAX_REDIRECT_URL = 8192,
	MAX_HISTORY_BYTES = 2000,
	MAX_RETRY_AFTER_SEC = 60
};

static atomic_uint_fast64_t sockets;

uint64_t http_sockets_opened(void)
{
	return atomic_load(&sockets);
}

struct http_xfer *http_xfer_new(struct eb_http_get *g)
{
	struct http_xfer *x = eb_xcalloc(1, sizeof(*x));

	x->get = g;
	x->attempt = 1;
	if (g->call)
		http_call_begin(g->call);
	x->at = x->told = x->reached = g->offset;
	x->total = UINT64_MAX;
	eb_buf_init(&x->history, MAX_HISTORY_BYTES);
	return x;
}

static void forget_response(struct http_xfer *x)
{
	x->opened = x->dropping = x->has_range = x->paused = false;
	x->range_start = x->range_total = x->dropped = 0;
	free(x->new_etag);
	free(x->new_modified);
	x->new_etag = x->new_modified = NULL;
}

static void end_request(struct http_xfer *x)
{
	curl_easy_cleanup(x->easy);
	curl_slist_free_all(x->headers);
	curl_slist_free_all(x->connect_to);
	x->easy = NULL;
	x->headers = x->connect_to = NULL;
}

struct http_xfer *http_xfer_free(struct http_xfer *x)
{
	if (!x)
		return NULL;
	end_request(x);
	forget_response(x);
	eb_error_free(x->body_error);
	eb_buf_release(&x->history);
	free(x->last_cause);
	free(x->cause);
	free(x->etag);
	free(x->modified);
	free(x->url);
	free(x);
	return NULL;
}

/* ---- the response ---- */

/* bytes FIRST-LAST/TOTAL, TOTAL may be *; or bytes * /TOTAL (RFC 9110, 14.4) */
static void parse_content_range(struct http_xfer *x, struct eb_span v)
{
	struct eb_span range, first;

	x->range_total = UINT64_MAX;
	x->range_start = UINT64_MAX;
	if (!eb_span_starts(v, "bytes "))
		return;
	v.ptr += 6;
	v.len -= 6;
	if (!eb_span_next(&v, '/', &range))
		return;
	if (!eb_span_eq(v, "*") && eb_parse_u64(v, UINT64_MAX - 1, &x->range_total, NULL) < 0)
		return;
	if (eb_span_next(&range, '-', &first) &&
	    eb_parse_u64(eb_span_trim(first), UINT64_MAX - 1, &x->range_start, NULL) < 0)
		x->range_start = UINT64_MAX;
	x->has_range = true;
}

static bool header_is(struct eb_span name, const char *want)
{
	return name.len == strlen(want) && strncasecmp(name.ptr, want, name.len) == 0;
}

static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
	struct http_xfer *x = ctx;
	struct eb_span line = { p, size * n }, name, value;

	if (eb_span_starts(line, "HTTP/")) {
		forget_response(x);
		if (x->get->call)
			http_call_forget_answer(x->get->call);
		return size * n;
	}
	if (!memchr(line.ptr, ':', line.len) || !eb_span_next(&line, ':', &name))
		return size * n;
	value = eb_span_trim(line);
	if (x->get->call)
		http_call_add_header(x->get->call, name, value);
	if (header_is(name, "Content-Range")) {
		parse_content_range(x, value);
	} else if (header_is(name, "ETag") && !x->new_etag) {
		/* A weak one says nothing about bytes. */
		if (!eb_span_starts(value, "W/"))
			x->new_etag = eb_span_dup(value);
	} else if (header_is(name, "Last-Modified") && !x->new_modified) {
		x->new_modified = eb_span_dup(value);
	}
	return size * n;
}

static long status_of(const struct http_xfer *x)
{
	long status = 0;

	curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static void set_cause(struct http_xfer *x, char *cause)
{
	free(x->cause);
	x->cause = cause;
}

/* Bytes that were had are of no use: the next request asks for the whole. */
static void start_over(struct http_xfer *x)
{
	x->at = 0;
	free(x->etag);
	free(x->modified);
	x->etag = x->modified = NULL;
}

static uint64_t end_limit(const struct http_xfer *x)
{
	uint64_t end;

	return eb_add_u64(x->get->offset, x->get->max_bytes, &end) ? end : UINT64_MAX;
}

static int check_limit(struct http_xfer *x, uint64_t end)
{
	if (end <= end_limit(x))
		return 0;
	x->body_code = eb_throw(&x->body_error, EB_E_LIMIT,
				"is at least %llu bytes long, expected at most %llu",
				(unsigned long long)end, (unsigned long long)end_limit(x));
	return x->body_code;
}

static int open_range(struct http_xfer *x)
{
	if (!x->has_range || x->range_start != x->asked) {
		set_cause(x, eb_xasprintf("answered another range than bytes %llu-",
					  (unsigned long long)x->asked));
		start_over(x);
		return -EB_E_NETWORK;
	}
	if (x->etag && x->new_etag && strcmp(x->etag, x->new_etag) != 0) {
		set_cause(x, eb_xstrdup("the file changed on the server"));
		start_over(x);
		return -EB_E_NETWORK;
	}
	x->total = x->range_total;
	return 0;
}

/* The headers are complete: decide what the body is. */
static int open_body(struct http_xfer *x)
{
	long status = status_of(x);
	curl_off_t length = -1;

	x->opened = true;
	if (x->get->call && !http_call_wants_body(x, status)) {
		x->dropping = true;
		return 0;
	}
	curl_easy_getinfo(x->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	if (status == 206) {
		if (open_range(x) < 0)
			return -EB_E_NETWORK;
	} else if (status == 200 || status == 203 || (x->get->call && status / 100 == 2)) {
		start_over(x);
		x->total = length >= 0 ? (uint64_t)length : UINT64_MAX;
	} else {
		x->dropping = true;
		return 0;
	}
	free(x->etag);
	free(x->modified);
	x->etag = EB_TAKE_PTR(x->new_etag);
	x->modified = EB_TAKE_PTR(x->new_modified);
	return x->total == UINT64_MAX ? 0 : check_limit(x, x->total);
}

static int deliver(struct http_xfer *x, const char *p, size_t n)
{
	struct eb_http_get *g = x->get;

	if (check_limit(x, x->at + n) < 0)
		return x->body_code;
	x->body_code = g->body(g->ctx, x->at, p, n, &x->body_error);
	if (x->body_code >= 0) {
		x->body_code = 0;
		x->at += n;
		x->told = x->at;
	}
	return x->body_code;
}

static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
	struct http_xfer *x = ctx;
	size_t bytes = size * n;

	if (!x->opened && open_body(x) < 0)
		return CURL_WRITEFUNC_ERROR;
	if (x->full && !x->dropping && bytes && x->full(x->get->ctx)) {
		x->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	eb_rate_take(x->down, bytes);
	if (x->dropping) {
		x->dropped += bytes;
		if (x->get->call && status_of(x) / 100 != 2)
			eb_buf_add(&x->get->call->refusal, p, bytes);
		return x->dropped > MAX_DROPPED_BYTES ? CURL_WRITEFUNC_ERROR : bytes;
	}
	return bytes && deliver(x, p, bytes) < 0 ? CURL_WRITEFUNC_ERROR : bytes;
}

/* ---- the request ---- */

static curl_socket_t on_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *a)
{
	(void)ctx;
	(void)purpose;
	atomic_fetch_add(&sockets, 1);
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static void ask_range(struct http_xfer *x)
{
	char range[32];

	x->asked = x->at;
	if (x->at == 0)
		return;
	snprintf(range, sizeof(range), "%llu-", (unsigned long long)x->at);
	curl_easy_setopt(x->easy, CURLOPT_RANGE, range);
	if (x->etag)
		http_call_send_header(x, "If-Range", x->etag);
	else if (x->modified)
		http_call_send_header(x, "If-Range", x->modified);
}

int http_xfer_request(struct http_xfer *x, const struct eb_http_options *o, struct eb_error **err)
{
	CURL *c = curl_easy_init();
	CURLcode rc;

	if (!c)
		return eb_throw(err, EB_E_NETWORK, "libcurl gives no handle");
	x->easy = c;
	x->curl_text[0] = '\0';
	set_cause(x, NULL);
	forget_response(x);
	rc = curl_easy_setopt(c, CURLOPT_URL, x->url ? x->url : x->get->url);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	if (rc == CURLE_OK)
		rc = http_call_tls(x, o);
	if (rc != CURLE_OK)
		return eb_throw(err, EB_E_NETWORK, "libcurl: %s", curl_easy_strerror(rc));
	/* Redirects are followed here, one request each, so that none leads from https to http. */
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_UNRESTRICTED_AUTH, 0L);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	/* libcurl holds a rate between reads, so a limit wants small ones. */
	curl_easy_setopt(c, CURLOPT_BUFFERSIZE, o->max_rate ? 4096L : (long)eb_rate_piece(o->down));
	x->down = o->down;
	x->up = o->up;
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(c, CURLOPT_USERAGENT, o->user_agent);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)o->connect_timeout_sec);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)o->stall_timeout_sec);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->curl_text);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, on_socket);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(c, CURLOPT_PRIVATE, x);
	if (o->proxy)
		curl_easy_setopt(c, CURLOPT_PROXY, o->proxy);
	if (o->connect_to) {
		x->connect_to = curl_slist_append(NULL, o->connect_to);
		curl_easy_setopt(c, CURLOPT_CONNECT_TO, x->connect_to);
	}
	ask_range(x);
	if (x->get->call)
		http_call_request(x);
	if (x->headers)
		curl_easy_setopt(c, CURLOPT_HTTPHEADER, x->headers);
	return 0;
}

/* ---- the end of a request ---- */

static bool starts_with(const char *s, const char *scheme)
{
	return strncasecmp(s, scheme, strlen(scheme)) == 0;
}

const char *http_redirect_refusal(const char *from, const char *to)
{
	if (strlen(to) > MAX_REDIRECT_URL)
		return "that URL is too long";
	if (!starts_with(to, "http://") && !starts_with(to, "https://"))
		return "only http and https are followed";
	if (starts_with(from, "https://") && !starts_with(to, "https://"))
		return "it leads from https to http";
	return NULL;
}

static enum http_verdict failed(struct http_xfer *x, int code, char *cause)
{
	x->code = code;
	set_cause(x, cause);
	return HTTP_FAILED;
}

static enum http_verdict again(struct http_xfer *x, char *cause)
{
	x->code = EB_E_NETWORK;
	set_cause(x, cause);
	return HTTP_AGAIN;
}

static enum http_verdict redirect(struct http_xfer *x, const struct eb_http_options *o,
				  const char *to)
{
	autofree char *shown = eb_url_show(to);
	const char *why = http_redirect_refusal(x->url ? x->url : x->get->url, to);

	if (why)
		return failed(x, EB_E_NETWORK,
			      eb_xasprintf("redirect to %.200s refused: %s", shown, why));
	if (++x->redirects > o->max_redirects)
		return failed(x, EB_E_NETWORK,
			      eb_xasprintf("more than %u redirects, the last to %.200s",
					   o->max_redirects, shown));
	if (x->get->call && !http_call_may_move(x))
		return failed(x, EB_E_NETWORK,
			      eb_xasprintf("redirect of a %s to %.200s refused",
					   http_xfer_method(x), shown));
	free(x->url);
	x->url = eb_xstrdup(to);
	return HTTP_REDIRECT;
}

static enum http_verdict refused_range(struct http_xfer *x)
{
	if (x->has_range && x->range_total == x->at)
		return HTTP_DONE; /* nothing was missing */
	start_over(x);
	return again(x, eb_xstrdup("HTTP 416 (nothing at the byte where it was to go on)"));
}

static enum http_verdict bad_status(struct http_xfer *x, long status)
{
	char *cause = eb_xasprintf("HTTP %ld", status);
	curl_off_t wait = 0;

	if (status == 408 || status == 429 || status >= 500) {
		curl_easy_getinfo(x->easy, CURLINFO_RETRY_AFTER, &wait);
		if (wait > MAX_RETRY_AFTER_SEC)
			wait = MAX_RETRY_AFTER_SEC;
		x->retry_after_usec = (int64_t)wait * 1000000;
		x->congested = status == 429 || status >= 503;
		if (x->get->call)
			x->get->call->retry_after_usec = (uint64_t)x->retry_after_usec;
		return again(x, cause);
	}
	if (status == 404 || status == 410)
		return failed(x, EB_E_NOT_FOUND, cause);
	if (status == 401 || status == 403 || status == 407)
		return failed(x, EB_E_AUTH, cause);
	return failed(x, EB_E_NETWORK, cause);
}

static enum http_verdict complete(struct http_xfer *x)
{
	if (!x->opened && open_body(x) < 0)
		return x->body_code < 0 ? HTTP_FAILED : again(x, EB_TAKE_PTR(x->cause));
	if (x->dropping)
		return HTTP_DONE;
	/* A whole answer without a byte: what the caller has is void all the same. */
	if (x->told != x->at && deliver(x, "", 0) < 0)
		return HTTP_FAILED;
	if (x->total != UINT64_MAX && x->at != x->total)
		return again(x, eb_xstrdup("the answer ended early"));
	return HTTP_DONE;
}

static bool is_lasting(CURLcode rc)
{
	switch ((int)rc) {
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
	case CURLE_NOT_BUILT_IN:
	case CURLE_OUT_OF_MEMORY:
	case CURLE_BAD_FUNCTION_ARGUMENT:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_ISSUER_ERROR:
		return true;
	default:
		return false;
	}
}

static enum http_verdict broken(struct http_xfer *x, const struct eb_http_options *o, CURLcode rc)
{
	const char *text = x->curl_text[0] ? x->curl_text : curl_easy_strerror(rc);
	long sent = 0;

	curl_easy_getinfo(x->easy, CURLINFO_REQUEST_SIZE, &sent);
	if (x->cause)
		return again(x, EB_TAKE_PTR(x->cause));
	x->congested = rc == CURLE_OPERATION_TIMEDOUT && sent > 0;
	if (x->congested)
		return again(x, eb_xasprintf("no byte for %u s", o->stall_timeout_sec));
	if (rc == CURLE_OPERATION_TIMEDOUT)
		return again(x, eb_xasprintf("no connection within %u s", o->connect_timeout_sec));
	if (is_lasting(rc))
		return failed(x, EB_E_NETWORK, eb_xstrdup(text));
	return again(x, eb_xstrdup(text));
}

static enum http_verdict judge(struct http_xfer *x, const struct eb_http_options *o, CURLcode rc)
{
	long status = status_of(x);
	const char *to = NULL;

	x->get->status = status;
	if (x->body_code < 0)
		return HTTP_FAILED;
	if (status >= 300 && status < 400) {
		curl_easy_getinfo(x->easy, CURLINFO_REDIRECT_URL, &to);
		if (to)
			return redirect(x, o, to);
	}
	if (status == 416 && x->asked > 0)
		return refused_range(x);
	if (x->get->call && http_call_is_answer(status))
		return status / 100 == 2 && rc != CURLE_OK ? broken(x, o, rc)
		       : status / 100 == 2		   ? complete(x)
							   : HTTP_DONE;
	if (status >= 300 || (status > 200 && status != 203 && status != 206))
		return bad_status(x, status);
	return rc == CURLE_OK ? complete(x) : broken(x, o, rc);
}

enum http_verdict http_xfer_verdict(struct http_xfer *x, const struct eb_http_options *o,
				    CURLcode rc)
{
	enum http_verdict v;
	long sent = 0;

	curl_easy_getinfo(x->easy, CURLINFO_REQUEST_SIZE, &sent);
	x->was_sent = sent > 0;
	x->retry_after_usec = 0;
	x->congested = false;
	v = judge(x, o, rc);
	if (v == HTTP_AGAIN && !http_call_may_repeat(x, x->retry_after_usec > 0))
		v = HTTP_FAILED;
	if (v == HTTP_DONE && x->get->call && x->url)
		x->get->call->final_url = eb_xstrdup(x->url);
	end_request(x);
	if (v == HTTP_AGAIN) {
		/* The next try starts where the caller's URL points, not where this one led. */
		free(x->url);
		x->url = NULL;
		x->redirects = 0;
	}
	return v;
}
