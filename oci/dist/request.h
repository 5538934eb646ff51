/* Inside dist/registry: one request with its authorisation. */
#pragma once

#include "base/http.h"
#include "dist/auth.h"
#include "dist/registry.h"

struct oci_registry {
	char *host;	/* as in references */
	char *api_host; /* where the API is */
	char *base;	/* "https://HOST/v2/" */
	const char *actions;
	bool plain_http;
	char *notes; /* folder of half-sent uploads, NULL = none */
	_Atomic uint64_t
		chunk_bytes; /* largest request it took after a 413; 0 = none was refused */
	struct oci_transport *transport;
	struct oci_auth *auth;
};

struct oci_request {
	const char *method; /* NULL = GET */
	const char *repo;   /* NULL = none */
	const char *from;   /* to mount from; NULL = none */
	char *url;	    /* owned */
	char *what;	    /* for messages, owned: "blob sha256:... of HOST/REPO" */
	const char *const *headers;
	void *ctx;
	struct eb_http_get get; /* body, offset, max_bytes are the caller's */
	struct eb_http_call call;

	/* private */
	struct eb_http *http;
	char *http_host, *authorization;
	bool is_home; /* the URL is the registry's own */
};

/* url: below base when relative. what: printf. */
void oci_request_init(struct oci_request *q, const struct oci_registry *r, const char *method,
		      const char *repo, char *url, const char *what);
void oci_request_release(struct oci_request *q);
EB_DEFINE_RELEASE(struct oci_request, oci_request_release)
/* Do it, with one more try after a 401. 0 when an answer came, whatever its status. */
int oci_request_run(struct oci_registry *r, struct oci_request *q,
		    struct eb_error **err) EB_MUST_CHECK;
/* The two halves of it for streams: make q->http and q->call ready (again), and deal with a 401. */
int oci_request_prepare(struct oci_registry *r, struct oci_request *q,
			struct eb_error **err) EB_MUST_CHECK;
int oci_request_challenged(struct oci_registry *r, struct oci_request *q,
			   struct eb_error **err) EB_MUST_CHECK;
/* The error of an answer that is none of the expected ones, with what the registry says. */
int oci_request_throw(struct oci_request *q, struct eb_error **err);
static inline bool oci_request_ok(const struct oci_request *q)
{
	return q->get.status / 100 == 2;
}
/* An absolute URL of the answer's Location header, never http where the registry is https; heap. */
int oci_request_location(const struct oci_registry *r, const struct oci_request *q, char **ret,
			 struct eb_error **err) EB_MUST_CHECK;
/* The URL of the next page by the answer's Link header, NULL = none; heap. Only on the same host.
 */
char *oci_request_next_page(const struct oci_request *q);
/* Body to a buffer: for q->get.body with q->ctx a struct eb_buf. */
int oci_request_to_buf(void *ctx, uint64_t at, const void *p, size_t n, struct eb_error **err);
