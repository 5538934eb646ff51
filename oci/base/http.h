/* HTTP over libcurl: many transfers at once on one connection pool, with limits, ranges, retries
 * whose cause is shown, and a redirect policy that never takes credentials to another host. */
#pragma once

#include "base/cleanup.h"

struct eb_error;
struct eb_writer;
struct eb_http; /* connection pool and settings; one thread at a time */

struct eb_http_options {
	const char *user_agent;
	const char *ca_file;		  /* extra trust anchors, NULL = the system's */
	unsigned int connect_timeout_sec; /* 0 = 20 */
	unsigned int stall_timeout_sec;	  /* no byte for so long is a failure; 0 = 30 */
	unsigned int attempts;		  /* tries of one transfer; 0 = 4 */
	unsigned int parallel;		  /* transfers at once; 0 = 6 */
	unsigned int max_redirects;	  /* 0 = 5 */
	uint64_t max_rate;		  /* bytes per second over all, 0 = no limit */
	unsigned int backoff_msec; /* wait before the second try; doubles, jittered; 0 = 500 */
};

/* Only http and https; proxies are taken from the usual variables by libcurl. The strings of o are
 * copied; o may be NULL. Errors: that of a ca_file which cannot be read. */

int eb_http_new(const struct eb_http_options *o, struct eb_http **ret,
		struct eb_error **err) EB_MUST_CHECK;
struct eb_http *eb_http_free(struct eb_http *h);
EB_DEFINE_CLEANUP(struct eb_http *, eb_http_free)

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
/* Counts sockets opened by this process, for the tests of --offline. */
uint64_t eb_http_sockets_opened(void);
