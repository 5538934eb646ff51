/* The schema of values: a subset of JSON Schema 2020-12, with defaults that are filled in.
 *
 * Known: type, enum, const, minimum, maximum, exclusiveMinimum, exclusiveMaximum, minLength,
 * maxLength, pattern (POSIX extended), items, minItems, maxItems, uniqueItems, properties,
 * patternProperties, additionalProperties, required, minProperties, maxProperties, allOf, anyOf,
 * oneOf, not, $ref to "#/$defs/NAME", default; and, without effect on validity, title, description,
 * format, examples, deprecated and x-*. Any other keyword makes the schema malformed, so that
 * nothing that it asks for is left unchecked. Of ours: "x-removed": "what to write now" refuses the
 * key; "x-templated": true is template.h's. */
#pragma once

#include <jansson.h>

#include "base/cleanup.h"

struct eb_error;

enum { RND_SCHEMA_MAX_DEPTH = 64, RND_SCHEMA_MAX_PARTS = 16, RND_SCHEMA_MAX_PATTERN = 500 };

/* A schema with all that it takes over: itself, what its $ref and allOf say. Borrowed. */
struct rnd_schema_parts {
	const json_t *items[RND_SCHEMA_MAX_PARTS];
	size_t n;
};
/* node NULL gives none. What exceeds the limit is left out; rnd_schema_check() refuses it. */
void rnd_schema_parts(const json_t *root, const json_t *node, struct rnd_schema_parts *ret);
/* The value of a keyword, that of the nearest part; NULL when there is none. */
const json_t *rnd_schema_keyword(const json_t *root, const json_t *node, const char *keyword);
/* The schema of a member of objects, or of items of arrays; NULL when there is none. */
const json_t *rnd_schema_member(const json_t *root, const json_t *node, const char *key);
const json_t *rnd_schema_items(const json_t *root, const json_t *node);
/* The schema at a values path (path.h; any index will do), or NULL. */
const json_t *rnd_schema_find(const json_t *root, const char *path);
/* Does it allow a value of this type ("null", "object")? Without a type all are. */
bool rnd_schema_allows(const json_t *root, const json_t *node, const char *type);
/* Does text match? EB_E_FORMAT when the pattern is malformed. */
int rnd_schema_match(const char *pattern, const char *text, bool *ret,
		     struct eb_error **err) EB_MUST_CHECK;

/* Is this a schema that can be used: EB_E_FORMAT naming the place and the keyword otherwise. */
int rnd_schema_check(const json_t *schema, struct eb_error **err) EB_MUST_CHECK;
/* Fill in defaults: of members that are missing, and below those that are there; a null takes a
 * default away, and is itself removed where its schema does not allow one. */
void rnd_schema_fill(const json_t *schema, json_t *values);
/* EB_E_FORMAT with the place (places: path.h, or NULL), the path, what was expected and found. */
int rnd_schema_validate(const json_t *schema, const json_t *values, const json_t *places,
			struct eb_error **err) EB_MUST_CHECK;
