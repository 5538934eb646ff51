/* YAML documents as trees whose values keep the text they were written with. A tree is immutable
 * once read and lives in an arena; an alias is the anchored node itself, so nodes may be shared. */
#pragma once

#include "base/error.h"

struct eb_arena;
struct eb_buf;

enum yml_kind { YML_SCALAR, YML_LIST, YML_MAP };
/* What a scalar means in the core schema of YAML 1.2, and to Go's and Kubernetes' readers. */
enum yml_type { YML_NULL, YML_BOOL, YML_INT, YML_FLOAT, YML_STRING };

struct yml_node {
	enum yml_kind kind;
	const char *file;	   /* as given by the caller */
	unsigned int line, column; /* from 1 */
	const char *text;	   /* scalar, NUL-terminated UTF-8 without NUL inside */
	bool plain;		   /* scalar without quotes: may be more than a string */
	struct yml_node **items;   /* list items, or map values */
	struct yml_node **keys;	   /* map keys: scalars, each once */
	size_t n;
	size_t weight; /* nodes of the tree below and with it, aliases written out */
};

struct yml_limits {
	size_t bytes; /* of the text */
	size_t nodes; /* aliases written out, so that anchors cannot multiply */
	unsigned int depth;
};
extern const struct yml_limits yml_default_limits; /* 16 MiB, 500,000, 100 */

/* One document; *ret is NULL for an empty one. Block and flow style, anchors, aliases and merge
 * keys ("<<"); the tags of the core schema. Refused: duplicate keys, keys that are no scalars, a
 * second document, other tags, NUL. `file` is borrowed for as long as the tree; limits NULL = the
 * default. Errors: EB_E_FORMAT, EB_E_LIMIT with file:line:column. */
int yml_parse(const char *file, const char *text, size_t n, const struct yml_limits *limits,
	      struct eb_arena *arena, struct yml_node **ret, struct eb_error **err) EB_MUST_CHECK;

enum yml_type yml_type(const struct yml_node *scalar);
/* Value of that key; NULL when it is missing or map is no map. */
struct yml_node *yml_get(const struct yml_node *map, const char *key);
/* -code and "FILE:LINE:COLUMN: <text>". */
int yml_throw(const struct yml_node *at, struct eb_error **err, int code, const char *fmt, ...)
	EB_PRINTF(4, 5);
#define yml_throw(...) eb_is_failure(yml_throw(__VA_ARGS__))
const char *yml_kind_name(const struct yml_node *n); /* "a list"; "nothing" for NULL */

/* The text of a member that is a scalar; *ret stays as it is when it is missing or null.
 * Errors: EB_E_FORMAT when it is a list or map. */
int yml_opt_text(const struct yml_node *map, const char *key, const char **ret,
		 struct eb_error **err) EB_MUST_CHECK;
int yml_opt_bool(const struct yml_node *map, const char *key, bool *ret,
		 struct eb_error **err) EB_MUST_CHECK;
/* A member that is a list (or a map), NULL when it is missing or null. */
int yml_opt_list(const struct yml_node *map, const char *key, struct yml_node **ret,
		 struct eb_error **err) EB_MUST_CHECK;
int yml_opt_map(const struct yml_node *map, const char *key, struct yml_node **ret,
		struct eb_error **err) EB_MUST_CHECK;

/* The tree as a document in block style, keys sorted by bytes. A scalar that was written without
 * quotes and is more than a string stays as it was written, digit for digit, and so does one that
 * only YAML 1.1 takes for more (yes, 0777, 2026-01-31): who reads it decides, as if the text had
 * come to it directly. All other text is quoted where any reader could take it for something else.
 * NULL writes "{}". */
void yml_write(const struct yml_node *n, struct eb_buf *out);
