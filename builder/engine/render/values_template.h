/* The part of Helm's templates that values files use: "{{ .Release.Name }}", "{{ .Release.Namespace
 * }}" and "{{ .Values.path }}", with "$" before or not, "| quote" or "quote" before it, texts in
 * quotes, comments, and "-" that trims blanks. Anything else is an error that says what is known.
 */
#pragma once

#include <jansson.h>

#include "base/cleanup.h"

struct eb_error;

enum {
	RND_TEMPLATE_MAX_BYTES = 1024 * 1024, /* of one result */
	RND_TEMPLATE_MAX_DEPTH = 8,	      /* templates in what a template refers to */
	RND_TEMPLATE_MAX_STEPS = 10000,	      /* expressions in all for one text */
};

struct rnd_template {
	const json_t *values; /* for .Values */
	const json_t *schema; /* says which of them are templates themselves; or NULL */
	const char *release, *namespace_;
};

/* *ret is the text (heap). Errors: EB_E_FORMAT quoting the expression, EB_E_LIMIT. */
int rnd_template_text(const struct rnd_template *t, const char *text, char **ret,
		      struct eb_error **err) EB_MUST_CHECK;
/* Evaluate every text of values that the schema calls "x-templated": true, or that lies below what
 * it calls so, in place. Errors begin with the place (places: path.h, or NULL) and the path. */
int rnd_template_values(const json_t *schema, json_t *values, const json_t *places,
			const char *release, const char *namespace_,
			struct eb_error **err) EB_MUST_CHECK;
