/* A schema told to people. */
#pragma once

#include <jansson.h>

#include "base/cleanup.h"

struct eb_buf;
struct eb_error;

/* What the value at `path` (path.h) is for, its type, limits, default, and the keys below it, as
 * lines of text. EB_E_NOT_FOUND with the nearest key. "" tells of the whole. */
int rnd_explain(const json_t *schema, const char *path, struct eb_buf *out,
		struct eb_error **err) EB_MUST_CHECK;
/* All values with their defaults as YAML, each below a comment that says what it is for; those
 * without a default stand in comments. */
void rnd_explain_defaults(const json_t *schema, struct eb_buf *out);
