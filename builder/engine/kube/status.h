/* What an API server says when it refuses: a meta/v1 Status
 * (kubernetes.io/docs/reference/kubernetes-api/common-definitions/status). */
#pragma once

#include <jansson.h>

#include "base/cleanup.h"

struct eb_error;

enum { KUBE_STATUS_MAX_CAUSES = 64, KUBE_STATUS_MAX_TEXT = 2000 };

/* One thing that is wrong. All printable, at most KUBE_STATUS_MAX_TEXT bytes; "" when not said. */
struct kube_cause {
	char *reason;  /* "FieldManagerConflict", "FieldValueInvalid" */
	char *message; /* "Invalid value: ..." */
	char *field;   /* "spec.replicas" */
	char *owner;   /* of a FieldManagerConflict: the other field manager */
};

struct kube_status {
	unsigned int code; /* HTTP */
	bool is_status;	   /* it was a Status; else the message is the begin of what came */
	char *reason;	   /* "NotFound", "Conflict"; "" when the body was no Status */
	char *message;
	char *kind, *name; /* of the object, "" = not said */
	struct kube_cause *causes;
	size_t n_causes; /* at most KUBE_STATUS_MAX_CAUSES */
	uint64_t retry_after_usec;
};

/* The Status in the body of an answer with that HTTP status. What is no Status (a proxy's page)
 * becomes one whose message is the begin of the text. Never fails. */
void kube_status_read(unsigned int http_status, const char *body, size_t n,
		      struct kube_status *ret);
/* The same from a parsed document, as watches send it. */
void kube_status_from(unsigned int http_status, const json_t *j, struct kube_status *ret);
void kube_status_release(struct kube_status *s);
EB_DEFINE_RELEASE(struct kube_status, kube_status_release)

/* The error that it is: EB_E_NOT_FOUND (404), EB_E_AUTH (401, 403), EB_E_CONFLICT (409),
 * EB_E_EXPIRED (410: continue or watch anew), EB_E_FORMAT (400, 406, 415, 422), EB_E_NETWORK
 * (others). The message names fields and their owners; the hint says what to do where that is
 * known. */
int kube_status_throw(const struct kube_status *s, struct eb_error **err);
#define kube_status_throw(...) eb_is_failure(kube_status_throw(__VA_ARGS__))

/* Does another manager own a field that was to be changed? */
bool kube_status_is_field_conflict(const struct kube_status *s);
