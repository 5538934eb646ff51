/* Standard base64 with padding, one line (RFC 4648, section 4). */
#pragma once

#include <stddef.h>

struct eb_buf;
struct eb_error;

enum { EB_BASE64_MAX_BYTES = 16 * 1024 * 1024 };

void eb_base64_encode(const void *p, size_t n, struct eb_buf *out);
/* Appends to out (its cap is the limit). Errors: EB_E_FORMAT, EB_E_LIMIT. */
int eb_base64_decode(const char *text, size_t n, struct eb_buf *out,
		     struct eb_error **err) EB_MUST_CHECK;
