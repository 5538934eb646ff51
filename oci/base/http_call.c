#include "base/http_call.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/rate.h"
#include "base/url.h"

enum { MAX_HEADER_BYTES = 128 * 1024, MAX_REFUSAL_BYTES = 64 * 1024, SEND_BUFFER = 512 * 1024 };

/* ---- the caller's side ---- */

void http_call_begin(struct eb_http_call *c)
{
	eb_http_call_release(c);
	eb_buf_init(&c->answer_headers, MAX_HEADER_BYTES);
	eb_buf_init(&c->refusal, MAX_REFUSAL_BYTES);
}

void eb_http_call_release(struct eb_http_call *c)
{
	eb_buf_release(&c->answer_headers);
	eb_buf_release(&c->refusal);
	free(c->final_url);
	c->final_url = NULL;
	c->sent = c->retry_after_usec = 0;
}

void http_call_forget_answer(struct eb_http_call *c)
{
	eb_buf_clear(&c->answer_headers);
	eb_buf_clear(&c->refusal);
}

void http_call_add_header(struct eb_http_call *c, struct eb_span name, struct eb_span value)
{
	struct eb_buf *b = &c->answer_headers;

	if (memchr(value.ptr, '\0', value.len) || memchr(name.ptr, '\0', name.len))
		return;
	eb_buf_add(b, name.ptr, name.len);
	eb_buf_adds(b, ": ");
	eb_buf_add(b, value.ptr, value.len);
	eb_buf_addc(b, '\n');
}

char *eb_http_call_header(const struct eb_http_call *c, const char *name, unsigned int nth)
{
	struct eb_span rest = { c->answer_headers.data, c->answer_headers.len }, line;
	size_t n = strlen(name);

	while (eb_span_next(&rest, '\n', &line)) {
		if (line.len <= n || line.ptr[n] != ':' || strncasecmp(line.ptr, name, n) != 0)
			continue;
		if (nth-- > 0)
			continue;
		line.ptr += n + 1;
		line.len -= n + 1;
		return eb_span_dup(eb_span_trim(line));
	}
	return NULL;
}

bool http_call_is_answer(long status)
{
	return (status / 100 == 2 && status != 206) || status == 304 || status == 308 ||
	       (status >= 400 && status < 500 && status != 408 && status != 429);
}

const char *http_xfer_method(const struct http_xfer *x)
{
	return x->get->call && x->get->call->method ? x->get->call->method : "GET";
}

unsigned int http_xfer_attempts(const struct http_xfer *x, const struct eb_http_options *o)
{
	return x->get->call && x->get->call->attempts ? x->get->call->attempts : o->attempts;
}

static bool is_method(const struct http_xfer *x, const char *name)
{
	return strcmp(http_xfer_method(x), name) == 0;
}

bool http_call_wants_body(const struct http_xfer *x, long status)
{
	return x->get->body && status / 100 == 2 && !is_method(x, "HEAD");
}

bool http_call_may_move(const struct http_xfer *x)
{
	long status = x->get->status;

	return is_method(x, "GET") || is_method(x, "HEAD") || status == 307 || status == 308;
}

bool http_call_may_repeat(const struct http_xfer *x, bool told_when)
{
	const struct eb_http_call *call = x->get->call;
	long status = x->get->status;

	if (!call || call->repeat == EB_HTTP_FREELY || told_when || status == 429)
		return true;
	if (status == 0)
		return call->repeat == EB_HTTP_CAREFULLY || !x->was_sent;
	return call->repeat == EB_HTTP_CAREFULLY &&
	       (status < 300 || (status >= 502 && status <= 504));
}

/* ---- the request ---- */

void http_call_send_header(struct http_xfer *x, const char *name, const char *value)
{
	autofree char *line = eb_xasprintf("%s: %s", name, value);
	struct curl_slist *list = curl_slist_append(x->headers, line);

	if (!list)
		abort();
	x->headers = list;
}

static bool is_at_home(const struct http_xfer *x)
{
	return !x->url || eb_url_same_origin(x->url, x->get->url);
}

static size_t on_send(char *p, size_t size, size_t n, void *ctx)
{
	struct http_xfer *x = ctx;
	struct eb_http_get *g = x->get;
	uint64_t left = g->call->send_bytes - x->send_at;
	size_t want = size * n < left ? size * n : (size_t)left;
	ssize_t got;

	if (want == 0)
		return 0;
	if (x->up && want > eb_rate_piece(x->up))
		want = eb_rate_piece(x->up);
	got = g->call->send(g->ctx, x->send_at, p, want, &x->body_error);
	if (got < 0 || (size_t)got > want) {
		x->body_code = got < 0 ? (int)got : -EB_E_FORMAT;
		return CURL_READFUNC_ABORT;
	}
	eb_rate_take(x->up, (uint64_t)got);
	x->send_at += (uint64_t)got;
	g->call->sent = x->send_at;
	return (size_t)got;
}

/* libcurl sends again from the start when the connection it had kept turned out to be dead. */
static int on_seek(void *ctx, curl_off_t offset, int origin)
{
	struct http_xfer *x = ctx;

	if (origin != SEEK_SET || offset < 0)
		return CURL_SEEKFUNC_CANTSEEK;
	x->send_at = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

static void set_body(struct http_xfer *x)
{
	CURL *c = x->easy;

	x->send_at = x->get->call->sent = 0;
	curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)x->get->call->send_bytes);
	curl_easy_setopt(c, CURLOPT_READFUNCTION, on_send);
	curl_easy_setopt(c, CURLOPT_READDATA, x);
	curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, on_seek);
	curl_easy_setopt(c, CURLOPT_SEEKDATA, x);
	curl_easy_setopt(c, CURLOPT_UPLOAD_BUFFERSIZE, (long)SEND_BUFFER);
}

void http_call_request(struct http_xfer *x)
{
	const struct eb_http_call *call = x->get->call;
	const char *const *h = call->headers;
	CURL *c = x->easy;

	for (; h && *h; h++) {
		struct curl_slist *list = curl_slist_append(x->headers, *h);

		if (!list)
			abort();
		x->headers = list;
	}
	if (call->authorization && is_at_home(x))
		http_call_send_header(x, "Authorization", call->authorization);
	if (is_method(x, "HEAD")) {
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
		return;
	}
	if (is_method(x, "GET"))
		return;
	if (is_method(x, "PUT") || is_method(x, "POST") || is_method(x, "PATCH") ||
	    call->send_bytes)
		set_body(x);
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, http_xfer_method(x));
}

CURLcode http_call_tls(struct http_xfer *x, const struct eb_http_options *o)
{
	struct curl_blob ca = { (void *)(uintptr_t)o->ca_pem, o->ca_pem ? strlen(o->ca_pem) : 0,
				CURL_BLOB_COPY };
	struct curl_blob cert = { (void *)(uintptr_t)o->client_cert_pem,
				  o->client_cert_pem ? strlen(o->client_cert_pem) : 0,
				  CURL_BLOB_NOCOPY };
	struct curl_blob key = { (void *)(uintptr_t)o->client_key_pem,
				 o->client_key_pem ? strlen(o->client_key_pem) : 0,
				 CURL_BLOB_NOCOPY };
	CURL *c = x->easy;
	CURLcode rc = CURLE_OK;

	if (o->ca_pem)
		rc = curl_easy_setopt(c, CURLOPT_CAINFO_BLOB, &ca);
	else if (o->ca_file)
		rc = curl_easy_setopt(c, CURLOPT_CAINFO, o->ca_file);
	/* The text is in place of the system's file; the system's directory would stay. A TLS
	 * library that cannot do this looks into none. */
	if (rc == CURLE_OK && o->ca_pem && o->only_ca_pem) {
		rc = curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
		rc = rc == CURLE_NOT_BUILT_IN ? CURLE_OK : rc;
	}
	if (rc != CURLE_OK || !is_at_home(x))
		return rc;
	if (o->insecure) {
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (o->client_cert)
		rc = curl_easy_setopt(c, CURLOPT_SSLCERT, o->client_cert);
	if (rc == CURLE_OK && o->client_key)
		rc = curl_easy_setopt(c, CURLOPT_SSLKEY, o->client_key);
	if (rc == CURLE_OK && o->client_cert_pem)
		rc = curl_easy_setopt(c, CURLOPT_SSLCERT_BLOB, &cert);
	if (rc == CURLE_OK && o->client_key_pem)
		rc = curl_easy_setopt(c, CURLOPT_SSLKEY_BLOB, &key);
	return rc;
}
