/* Answers that come line by line for as long as they last: watches and logs. */
#pragma once

#include <jansson.h>

#include "base/cleanup.h"

struct eb_error;
struct kube_api;

enum { KUBE_STREAM_MAX_LINE = 8 * 1024 * 1024, KUBE_STREAM_STALL_SEC = 3600 };

/* One GET. line() gets each line without its end, and at last what came without one; > 0 from it
 * ends the stream well, < 0 ends it as that failure. Not tried again: whoever reads knows where to
 * go on. Errors: as kube_status_throw(); EB_E_NETWORK when it breaks off, EB_E_LIMIT for a line of
 * more than KUBE_STREAM_MAX_LINE bytes. Has a connection of its own, so other requests may be made
 * by line(). */
int kube_api_stream(struct kube_api *a, const char *path, const char *query, const char *what,
		    int (*line)(void *ctx, const char *text, size_t n, struct eb_error **err),
		    void *ctx, struct eb_error **err) EB_MUST_CHECK;

struct kube_watch {
	const char *path;			     /* of a collection */
	const char *label_selector, *field_selector; /* not escaped; NULL = all */
	const char *what;			     /* for messages */
	unsigned int timeout_sec;		     /* the server ends it then; 0 = 290 */
	void *ctx;
	/* type: "ADDED", "MODIFIED", "DELETED"; object is borrowed. > 0 ends the watch. */
	int (*event)(void *ctx, const char *type, const json_t *object, struct eb_error **err);
};
/* What happened after *version (heap, from kube_api_list() or an earlier watch), until the server
 * ends it; *version is then where the next one goes on, also after a failure. Returns 1 when
 * event() ended it. Errors: EB_E_EXPIRED when *version is too old: list again; those of
 * kube_api_stream() and of event(). */
int kube_api_watch(struct kube_api *a, const struct kube_watch *w, char **version,
		   struct eb_error **err) EB_MUST_CHECK;
