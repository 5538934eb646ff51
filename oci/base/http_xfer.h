/* Inside base/http: one transfer and its requests. A transfer is one GET of the caller; each try of
 * it, and each redirect of a try, is a request. */
#pragma once

#include <curl/curl.h>

#include "base/buf.h"
#include "base/http.h"

struct eb_error;

enum http_verdict {
	HTTP_DONE,     /* all bytes delivered */
	HTTP_AGAIN,    /* failed in a way that may pass; `cause` says how */
	HTTP_REDIRECT, /* `url` is where to ask next */
	HTTP_FAILED,   /* for good: `code` and `cause`, or body_error */
};

struct http_xfer {
	struct http_xfer *next;
	struct eb_http_get *get;
	size_t order;
	unsigned int attempt;
	int64_t due_usec;	   /* when waiting: not before (monotonic) */
	uint64_t at;		   /* next byte wanted from the resource */
	uint64_t told;		   /* where the caller believes to be */
	uint64_t reached;	   /* farthest byte when attempts were counted anew */
	uint64_t total;		   /* size of the resource, UINT64_MAX = unknown */
	char *etag, *modified;	   /* validators of the bytes before `at`, NULL = none */
	struct eb_rate *down, *up; /* borrowed, NULL = no limit */
	bool (*full)(void *ctx);   /* no more bytes now; NULL = never (eb_http_reader) */
	struct eb_buf history;	   /* earlier causes, for the final message */
	char *last_cause;

	/* the request under way */
	CURL *easy; /* NULL = none */
	struct curl_slist *headers;
	struct curl_slist *connect_to;
	char *url; /* redirected to; NULL = get->url */
	unsigned int redirects;
	uint64_t asked;	  /* first byte of the range asked for, 0 = whole */
	uint64_t send_at; /* next byte of the request's body */
	char curl_text[CURL_ERROR_SIZE];

	/* its response */
	bool opened, dropping, has_range;
	uint64_t range_start, range_total, dropped;
	char *new_etag, *new_modified;
	bool paused, was_sent;
	struct eb_error *body_error;
	int body_code;

	/* how it ended */
	int code;
	char *cause;
	bool congested; /* the server is there and has too much to do, or nothing to say */
	int64_t retry_after_usec;
};

struct http_xfer *http_xfer_new(struct eb_http_get *g);
struct http_xfer *http_xfer_free(struct http_xfer *x);

/* Make x->easy for the next request; the caller adds it to its multi handle. */
int http_xfer_request(struct http_xfer *x, const struct eb_http_options *o,
		      struct eb_error **err) EB_MUST_CHECK;
/* What the request that ended with rc means. Frees x->easy, which must have left the multi handle.
 */
enum http_verdict http_xfer_verdict(struct http_xfer *x, const struct eb_http_options *o,
				    CURLcode rc);

/* How often it may be tried. */
unsigned int http_xfer_attempts(const struct http_xfer *x, const struct eb_http_options *o);
const char *http_xfer_method(const struct http_xfer *x);
/* NULL when a redirect may be followed, else why not. */
const char *http_redirect_refusal(const char *from, const char *to);
uint64_t http_sockets_opened(void);
