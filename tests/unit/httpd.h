/* A small HTTP/1.1 server for tests that fails on purpose: threads on 127.0.0.1, a port of the
 * kernel's choice, one reply per path. */
#pragma once

#include "base/cleanup.h"

enum httpd_mode {
	HTTPD_NORMAL,	    /* ranges are honoured, If-Range too */
	HTTPD_NO_RANGE,	    /* always 200 and the whole */
	HTTPD_WRONG_RANGE,  /* 206 for other bytes than asked for */
	HTTPD_DROP,	    /* normal, but the connection is cut after `after` body bytes */
	HTTPD_STALL,	    /* normal, but nothing more comes after `after` body bytes */
	HTTPD_MUTE,	    /* takes the request and never answers */
	HTTPD_SLOW,	    /* normal, but pieces of `after` bytes with `pause_msec` between them */
	HTTPD_STATUS,	    /* `status`, with Retry-After if set and a short body */
	HTTPD_REDIRECT,	    /* `status` (0 = 302) to `location` */
	HTTPD_WRONG_BYTES,  /* the last byte is another */
	HTTPD_LONG_LENGTH,  /* Content-Length promises `after` bytes more than come */
	HTTPD_SHORT_LENGTH, /* Content-Length and body lack the last `after` bytes */
	HTTPD_TRUNCATED,    /* no Content-Length, and `after` bytes are missing */
	HTTPD_NO_LENGTH,    /* no Content-Length, all bytes, ranges ignored */
	HTTPD_HTML,	    /* 200 and some page, whatever was asked for */
	HTTPD_GARBAGE,	    /* no HTTP at all */
};

struct httpd_reply {
	const void *body; /* lives as long as the server */
	size_t size;
	enum httpd_mode mode;
	unsigned int times; /* the mode holds for so many requests, then NORMAL; 0 = for all */
	size_t after;
	unsigned int pause_msec;
	int status;
	const char *retry_after, *location, *etag, *last_modified;
	const char *headers; /* more lines, CRLF each; NULL = none */
};

struct httpd_request {
	char path[256];
	char headers[4096]; /* lines after the first one, CRLF each */
	int64_t range;	    /* first byte asked for, -1 = no Range header */
	uint64_t sent;	    /* body bytes that went out */
	char method[16], query[1024];
	const char *body; /* of the request, lives as long as the server */
	size_t body_size; /* of what arrived */
	bool cut;	  /* the rest was not read: the connection ends without an answer */
};

/* A server with a mind of its own, instead of one reply per path; called by several threads, one at
 * a time. Strings of *reply must live on: httpd_arena(). */
struct httpd_handler {
	void *ctx;
	/* How much of the body to read, SIZE_MAX = all of it. May be NULL. */
	size_t (*room)(void *ctx, const struct httpd_request *q);
	void (*reply)(void *ctx, const struct httpd_request *q, struct httpd_reply *reply);
};

struct httpd;
struct httpd *httpd_start(void);
/* The same with TLS and a certificate made for 127.0.0.1, which is written to cert_file. */
struct httpd *httpd_start_tls(const char *cert_file);
struct httpd *httpd_stop(struct httpd *h);
EB_DEFINE_CLEANUP(struct httpd *, httpd_stop)
/* "http://127.0.0.1:PORT" + path; lives as long as the server. */
const char *httpd_url(struct httpd *h, const char *path);
/* "127.0.0.1:PORT" */
const char *httpd_host(struct httpd *h);
/* Ask this for every path that has no reply of its own; borrowed. */
void httpd_handle(struct httpd *h, const struct httpd_handler *handler);
struct eb_arena *httpd_arena(struct httpd *h); /* for handlers, while they are called */
/* What to answer for path from now on; strings and body are borrowed. Other paths give 404. */
void httpd_reply(struct httpd *h, const char *path, const struct httpd_reply *reply);
size_t httpd_n_requests(struct httpd *h);
size_t httpd_n_requests_of(struct httpd *h, const char *path);
/* Request i (0 = the first), copied. */
struct httpd_request httpd_request(struct httpd *h, size_t i);
/* Body bytes sent so far, over all requests. */
uint64_t httpd_sent(struct httpd *h);
