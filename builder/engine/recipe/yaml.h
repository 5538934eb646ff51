/* YAML with places. A document becomes a tree of nodes that know their line and column, so that
 * every complaint names file:line:column. Only what a recipe needs: one document, block and flow
 * mappings, sequences and scalars; anchors, aliases, tags and duplicate keys are refused, so no
 * input can expand. */
#pragma once

#include "base/error.h"

struct eb_arena;
struct eb_error;

enum rcp_yaml_kind { RCP_YAML_SCALAR, RCP_YAML_LIST, RCP_YAML_MAP };

struct rcp_yaml {
	enum rcp_yaml_kind kind;
	const char *file;	   /* as given by the caller */
	unsigned int line, column; /* from 1 */
	const char *text;	   /* scalar */
	bool plain;		   /* scalar without quotes: true/false/null/numbers may be meant */
	struct rcp_yaml **items;   /* list items, or map values */
	struct rcp_yaml **keys;	   /* map keys: scalars */
	size_t n;
};

enum { RCP_YAML_MAX_BYTES = 4 * 1024 * 1024, RCP_YAML_MAX_NODES = 200000, RCP_YAML_MAX_DEPTH = 32 };

/* Everything lives in the arena. Errors: EB_E_RECIPE with file:line:column. */
int rcp_yaml_parse(const char *file, const char *text, size_t n, struct eb_arena *arena,
		   struct rcp_yaml **ret, struct eb_error **err) EB_MUST_CHECK;
/* EB_E_RECIPE "FILE:LINE:COLUMN: <text>". */
int rcp_yaml_throw(const struct rcp_yaml *at, struct eb_error **err, const char *fmt, ...)
	EB_PRINTF(3, 4);
#define rcp_yaml_throw(...) eb_is_failure(rcp_yaml_throw(__VA_ARGS__))
struct rcp_yaml *rcp_yaml_get(const struct rcp_yaml *map, const char *key); /* NULL = missing */
/* Refuses keys that are not in `known` (NULL-terminated), naming the nearest one that is. */
int rcp_yaml_check_keys(const struct rcp_yaml *map, const char *const *known,
			struct eb_error **err) EB_MUST_CHECK;
