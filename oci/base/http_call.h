/* Inside base/http: requests that are more than a plain GET. */
#pragma once

#include "base/http_xfer.h"
#include "base/span.h"

/* Empty the result part. */
void http_call_begin(struct eb_http_call *c);
void http_call_forget_answer(struct eb_http_call *c);
void http_call_add_header(struct eb_http_call *c, struct eb_span name, struct eb_span value);
/* Is a body of that status for the caller of x? */
bool http_call_wants_body(const struct http_xfer *x, long status);
/* Is it an answer that the caller looks at, rather than a failure? */
bool http_call_is_answer(long status);
/* May the redirect that came be followed with this method? */
bool http_call_may_move(const struct http_xfer *x);

/* May a try that ended so (its status, 0 = no answer) be followed by another? */
bool http_call_may_repeat(const struct http_xfer *x, bool told_when);

/* Add a header to the request under way. */
void http_call_send_header(struct http_xfer *x, const char *name, const char *value);
/* Method, headers and body of x->get->call. */
void http_call_request(struct http_xfer *x);
/* Trust, and whom to say that we are: the latter only where the caller's URL points. */
CURLcode http_call_tls(struct http_xfer *x, const struct eb_http_options *o);
