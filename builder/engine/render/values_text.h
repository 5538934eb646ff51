/* Texts in values that are documents themselves: configuration that is passed on as it is. The
 * schema says "x-text": "yaml" or "json". They are checked here, because what parses them later
 * names no place, and libjsonnet's own reader of YAML aborts the process on much that is none. */
#pragma once

#include <jansson.h>

#include "base/cleanup.h"

struct eb_error;

/* Is every such text, its templates evaluated, a document with a mapping on top (or, of YAML, an
 * empty one)? places: path.h, or NULL. Errors: EB_E_FORMAT, EB_E_LIMIT, beginning with the place
 * and the path in the values, and naming the line in the text. */
int rnd_check_texts(const json_t *schema, const json_t *values, const json_t *places,
		    struct eb_error **err) EB_MUST_CHECK;
