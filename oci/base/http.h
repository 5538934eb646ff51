/* HTTP over libcurl: many transfers at once on one connection pool, with limits, ranges, retries
 * whose cause is shown, and a redirect policy that never takes credentials to another host. */
#pragma once

#include "base/buf.h"

struct eb_error;
struct eb_rate;
struct eb_reader;
struct eb_http; /* connection pool and settings; one thread at a time */

struct eb_http_options {
	const char *user_agent;
	const char *ca_file;	     /* extra trust anchors, NULL = the system's */
	const char *ca_pem;	     /* the same as text; instead of ca_file */
	bool only_ca_pem;	     /* trust nothing beside ca_pem, not even the system's */
	const char *client_cert;     /* PEM file for mutual TLS, NULL = none */
	const char *client_key;	     /* its key, NULL = in client_cert */
	const char *client_cert_pem; /* the same as text, with client_key_pem */
	const char *client_key_pem;  /* wiped when the client is freed */
	const char *connect_to; /* "HOST:PORT" to connect to, whatever the URL says; NULL = no */
	const char *proxy;	/* URL; NULL = by the usual variables */
	bool insecure;		/* take any certificate */
	unsigned int connect_timeout_sec; /* 0 = 20 */
	unsigned int stall_timeout_sec;	  /* no byte for so long is a failure; 0 = 30 */
	unsigned int attempts;		  /* tries of one transfer; 0 = 4 */
	unsigned int parallel;		  /* transfers at once; 0 = 6 */
	unsigned int max_redirects;	  /* 0 = 5 */
	uint64_t max_rate;		  /* bytes per second over all, 0 = no limit */
	struct eb_rate *down, *up;	  /* shared with other clients; NULL = no limit; borrowed */
	unsigned int backoff_msec; /* wait before the second try; doubles, jittered; 0 = 500 */
	/* Called on whatever thread: with a line before each wait for another try (what failed,
	 * why, when it goes on); with NULL when a server says that it has too much to do, or is
	 * silent. */
	void (*retrying)(void *ctx, const char *line);
	void *retrying_ctx;
};

/* Only http and https; proxies are taken from the usual variables by libcurl. The strings of o are
 * copied; o may be NULL. Errors: that of a ca_file which cannot be read. */

int eb_http_new(const struct eb_http_options *o, struct eb_http **ret,
		struct eb_error **err) EB_MUST_CHECK;
struct eb_http *eb_http_free(struct eb_http *h);
EB_DEFINE_CLEANUP(struct eb_http *, eb_http_free)

/* What makes a request more than a plain GET. An answer below 500 other than 408 and 429 is then no
 * failure: the caller looks at `status`. Client certificate, `insecure` and `authorization` are for
 * the scheme, host and port of the URL alone; a redirect to another place is followed without them.
 */
struct eb_http_call {
	const char *method;	    /* NULL = "GET" */
	const char *const *headers; /* "Name: value" each, NULL at the end; NULL = none */
	const char *authorization;  /* value of that header, NULL = none */
	unsigned int attempts;	    /* 0 = the client's */
	/* For requests that change something. Of the failures that are tried again otherwise, only
	 * these are: an answer that says when to come again (429, or Retry-After), 502 to 504, and
	 * a broken connection; with ..._ONCE of these only connections that sent
	 * nothing. */
	enum { EB_HTTP_FREELY, EB_HTTP_CAREFULLY, EB_HTTP_CAREFULLY_ONCE } repeat;
	/* The body: exactly send_bytes of it, 0 = empty. `at` goes back when it is sent again. */
	uint64_t send_bytes;
	ssize_t (*send)(void *ctx, uint64_t at, void *p, size_t n, struct eb_error **err);

	/* result; release with eb_http_call_release() */
	struct eb_buf answer_headers; /* "Name: value\n" each, of the last answer */
	struct eb_buf refusal;	      /* begin of the body of an answer that is not 2xx */
	uint64_t sent;		      /* bytes of the body handed out in the last try */
	uint64_t retry_after_usec;
	char *final_url; /* where redirects led, NULL = nowhere */
};
void eb_http_call_release(struct eb_http_call *c);
EB_DEFINE_RELEASE(struct eb_http_call, eb_http_call_release)
/* Value of the nth (0 = first) header of that name in the last answer, heap; NULL = none. */
char *eb_http_call_header(const struct eb_http_call *c, const char *name, unsigned int nth);

/* One GET. The caller fills the upper part; eb_http_get_all() the lower. */
struct eb_http_get {
	const char *url;
	uint64_t offset;    /* ask for Range: bytes=offset-; 0 = whole */
	uint64_t max_bytes; /* EB_E_LIMIT above (counting from offset) */
	const char *what;   /* for messages: "package libc6 2.41-12" */
	void *ctx;
	/* Body bytes as they come. `at` is their offset in the resource: when a server ignores the
	 * range, or a retry starts anew, `at` jumps back (to 0) and earlier bytes are to be
	 * dropped (n is 0 when nothing takes their place). A failure ends the transfer with that
	 * code, without a retry. */
	int (*body)(void *ctx, uint64_t at, const void *p, size_t n, struct eb_error **err);
	struct eb_http_call *call; /* NULL = a plain GET; with it, body may be NULL */

	/* result */
	int result;		/* 0, or negative code */
	struct eb_error *error; /* set when result < 0; the caller frees it */
	long status;		/* last HTTP status, 0 if none came */
};

/* All transfers, at most `parallel` at once, started in order. Each is retried on its own (network
 * failures, stalls, 408, 429, 5xx; Retry-After honoured), going on at the byte it had reached.
 * 404 and 410 give EB_E_NOT_FOUND, 401 and 403 EB_E_AUTH, the rest EB_E_NETWORK. `done` (may be
 * NULL) is called once per transfer, in the order they end; a transfer it adds by eb_http_add() is
 * run too (for a second mirror). Returns 0 when all ended well, else the first failure by order;
 * every transfer has its own result. A failure reads "WHAT: GET URL: attempt 4 of 4: HTTP 503;
 * 1048576 of 5242880 bytes"; user and query parts of URLs are left out of messages. */
int eb_http_get_all(struct eb_http *h, struct eb_http_get *const *gets, size_t n,
		    void (*done)(void *ctx, struct eb_http_get *g), void *ctx,
		    struct eb_error **err) EB_MUST_CHECK;
/* Adds a transfer to the running eb_http_get_all(), or to the next one. */
void eb_http_add(struct eb_http *h, struct eb_http_get *g);
/* The body of g as a stream, resumed by ranges where it breaks off; only the part that has not been
 * read yet is asked for again. Uses h until it is freed, and g lives as long. With g->call, a
 * status that is not 2xx is a failure here: EB_E_NOT_FOUND, EB_E_AUTH, EB_E_NETWORK. body and ctx
 * of g are not the caller's. */
struct eb_reader *eb_http_reader(struct eb_http *h, struct eb_http_get *g) EB_MALLOC;
/* The wait after try `attempt`: doubles from backoff_msec on (0 = 500), up to half a minute. Half
 * of it is random, so that many do not come back together. */
uint64_t eb_http_backoff_usec(unsigned int backoff_msec, unsigned int attempt);
/* Counts sockets opened by this process, for the tests of --offline. */
uint64_t eb_http_sockets_opened(void);
