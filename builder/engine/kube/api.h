/* The Kubernetes API over HTTP: requests with JSON bodies, many at once on one connection pool,
 * credentials renewed when they expire, refusals as errors that name the object, the fields and
 * their owners. Paths come from discovery.h.
 *
 * Reading and writing are at-least-once: a request whose connection broke is sent again, but for
 * POST only when nothing of it had been sent. 429 and Retry-After are waited for. */
#pragma once

#include <jansson.h>

#include "base/buf.h"
#include "base/http.h"
#include "kube/auth.h"
#include "kube/status.h"

struct eb_error;
struct kube_api; /* one thread at a time */
struct kube_config;

struct kube_api_options {
	const char *user_agent;	   /* NULL = the program's */
	const char *field_manager; /* NULL = "ess-bundle" */
	kube_exec_fn run_exec;	   /* credential plugins; NULL = refused */
	void *exec_ctx;
	unsigned int parallel;		  /* requests at once; 0 = 8 */
	unsigned int attempts;		  /* tries of one request; 0 = 5 */
	unsigned int backoff_msec;	  /* 0 = 500 */
	unsigned int connect_timeout_sec; /* 0 = 10 */
	unsigned int stall_timeout_sec;	  /* no byte of an answer for so long; 0 = 60 */
	uint64_t max_answer_bytes;	  /* of one answer; 0 = 32 MiB */
};

/* Nothing is sent yet. c is borrowed for the life of the client; o may be NULL. */
int kube_api_new(const struct kube_config *c, const struct kube_api_options *o,
		 struct kube_api **ret, struct eb_error **err) EB_MUST_CHECK;
struct kube_api *kube_api_free(struct kube_api *a);
EB_DEFINE_CLEANUP(struct kube_api *, kube_api_free)
const struct kube_config *kube_api_config(const struct kube_api *a);

/* ---- any number of requests at once ---- */

struct kube_call {
	/* the request; borrowed until kube_api_run() returns */
	const char *method;	  /* NULL = "GET" */
	const char *path;	  /* "/api/v1/namespaces/ess/secrets/x", escaped */
	const char *query;	  /* "limit=500", escaped, NULL = none */
	const json_t *body;	  /* NULL = none */
	const char *content_type; /* of the body; NULL = application/json */
	const char *accept;	  /* NULL = application/json */
	const char *what;	  /* for messages: "Secret ess/ess-generated" */
	void *ctx;		  /* the caller's */

	/* the result; release with kube_call_release() */
	int result;		   /* 0, or negative code: see kube_status_throw() */
	struct eb_error *error;	   /* set when result < 0: "WHAT: ..." */
	unsigned int http_status;  /* 0 = no answer came */
	struct kube_status status; /* of a refusal; code 0 = the request was not refused */
	json_t *answer;		   /* of success; NULL when its body was empty */
	char *warnings;		   /* that came with the answer, a line each; NULL = none */

	/* inside */
	struct eb_http_get get;
	struct eb_http_call call;
	struct eb_buf text, got;
	char *url, *authorization, *header_type, *header_accept;
	const char *headers[3];
	bool again;
};
/* Releases the result; the request stays and may be run again. */
void kube_call_release(struct kube_call *c);
EB_DEFINE_RELEASE(struct kube_call, kube_call_release)

/* Runs them all, `parallel` at once, started in order; done (may be NULL) is called once for each
 * in the order they end. Returns 0 when all went well, else the first failure by order; every call
 * has its own result. After a 401 credentials are renewed once, where they can be. */
int kube_api_run(struct kube_api *a, struct kube_call *const *calls, size_t n,
		 void (*done)(void *ctx, struct kube_call *c), void *ctx,
		 struct eb_error **err) EB_MUST_CHECK;

/* ---- one request ---- what: for messages; *ret (may be NULL) is a new reference. */

int kube_api_get(struct kube_api *a, const char *path, const char *what, json_t **ret,
		 struct eb_error **err) EB_MUST_CHECK;
/* Like kube_api_get(), but what is not there is no failure: *ret is NULL then. */
int kube_api_find(struct kube_api *a, const char *path, const char *what, json_t **ret,
		  struct eb_error **err) EB_MUST_CHECK;

enum kube_write_flags {
	KUBE_FORCE = 1u << 0,	/* apply: take fields of other managers */
	KUBE_DRY_RUN = 1u << 1, /* the server does all but store it */
	KUBE_STRICT = 1u << 2,	/* unknown and duplicate fields are refused */
};
/* "fieldManager=...&force=true&...", for calls of one's own; heap. */
char *kube_write_query(const struct kube_api *a, const char *method, unsigned int flags);

/* POST to a collection. EB_E_CONFLICT when an object of that name exists. */
int kube_api_create(struct kube_api *a, const char *path, const json_t *object, unsigned int flags,
		    const char *what, json_t **ret, struct eb_error **err) EB_MUST_CHECK;
/* PUT; with metadata.resourceVersion in the object EB_E_CONFLICT when it has changed since. */
int kube_api_replace(struct kube_api *a, const char *path, const json_t *object, unsigned int flags,
		     const char *what, json_t **ret, struct eb_error **err) EB_MUST_CHECK;
/* PATCH, server-side apply: creates, or changes what the object says and what this manager said
 * before. EB_E_CONFLICT naming fields and owners when others own them, unless KUBE_FORCE. */
int kube_api_apply(struct kube_api *a, const char *path, const json_t *object, unsigned int flags,
		   const char *what, json_t **ret, struct eb_error **err) EB_MUST_CHECK;
/* PATCH, JSON merge patch (RFC 7396). metadata.resourceVersion in the patch as for replace. */
int kube_api_merge(struct kube_api *a, const char *path, const json_t *patch, unsigned int flags,
		   const char *what, json_t **ret, struct eb_error **err) EB_MUST_CHECK;

struct kube_delete {
	const char *uid, *resource_version; /* it must be this very object; NULL = any */
	const char *propagation; /* "Background", "Foreground", "Orphan"; NULL = default */
	int64_t grace_sec;	 /* < 0 = the object's own */
	bool dry_run;
};
/* d may be NULL. EB_E_NOT_FOUND when it is not there, EB_E_CONFLICT when it is another. */
int kube_api_delete(struct kube_api *a, const char *path, const struct kube_delete *d,
		    const char *what, struct eb_error **err) EB_MUST_CHECK;

struct kube_list {
	const char *label_selector, *field_selector; /* not escaped; NULL = all */
	unsigned int page;			     /* objects per request; 0 = 250 */
	size_t max_items;			     /* EB_E_LIMIT above; 0 = 100000 */
};
/* All objects of a collection, page by page, begun anew when the snapshot that is listed expires
 * in between. *ret_items: new array; *ret_version (heap, may be NULL): where a watch goes on. */
int kube_api_list(struct kube_api *a, const char *path, const struct kube_list *l, const char *what,
		  json_t **ret_items, char **ret_version, struct eb_error **err) EB_MUST_CHECK;
