/* A values file: one YAML document becomes a JSON tree, read as Helm reads it (YAML 1.1 words like
 * "yes" are booleans, numbers may have a base or "_", dates stay text), and beside it where each
 * value was written. Refused: what is not UTF-8, keys given twice, tags, a second document,
 * infinite numbers, and whatever is too large, too deep or grows too much through its anchors. */
#pragma once

#include <jansson.h>

#include "base/cleanup.h"

struct eb_error;

enum {
	RND_YAML_MAX_BYTES = 4 * 1024 * 1024,
	RND_YAML_MAX_NODES = 100000, /* aliases counted as what they stand for */
	RND_YAML_MAX_DEPTH = 48,
	RND_YAML_MAX_STRING = 1024 * 1024,
	RND_YAML_MAX_KEY = 1024,
	RND_YAML_MAX_ANCHORS = 1000,
	RND_YAML_MAX_PLACES = 32 * 1024 * 1024, /* bytes of all paths together */
};

/* `file` is for messages only. *ret is a new reference; an empty file gives an empty object.
 * places: an object to which "path" -> "file:line:column" of every value is added, or NULL.
 * Errors: EB_E_FORMAT, EB_E_LIMIT, both with file:line:column. */
int rnd_yaml_read(const char *file, const char *text, size_t n, json_t *places, json_t **ret,
		  struct eb_error **err) EB_MUST_CHECK;

/* What a scalar without quotes means, a new reference; NULL for a number that JSON cannot hold. */
json_t *rnd_yaml_plain(const char *text);
/* Would a plain scalar be taken for something other than text, by YAML 1.1 or 1.2? */
bool rnd_yaml_is_special(const char *text);
