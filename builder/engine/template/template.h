/* The part of Go's text/template (pkg.go.dev/text/template) that values of configuration files use:
 * pipelines, parentheses, fields, variables, if, with, range, trimming and comments. Whoever calls
 * brings the functions beside the few that are built in: and, or, not, eq, ne, lt, le, gt, ge, len,
 * index, print, printf (%s %d %v %q %%), urlquery.
 *
 * Different from Go: a value that is not there cannot be printed (Go prints "<no value>", which no
 * configuration wants). Not there: define, template, block, break, continue, methods, complex
 * numbers, character constants. */
#pragma once

#include "base/cleanup.h"

struct eb_arena;
struct eb_buf;
struct eb_error;
struct yml_node;

enum {
	TPL_MAX_TEXT = 1024 * 1024,
	TPL_MAX_DEPTH = 50,
	TPL_MAX_STEPS = 200000, /* nodes and items that are run through */
	TPL_MAX_ARGS = 16,
};

enum tpl_kind { TPL_NIL, TPL_BOOL, TPL_INT, TPL_FLOAT, TPL_STRING, TPL_NODE };

struct tpl_value {
	enum tpl_kind kind;
	bool truth;
	int64_t number;
	double real;
	const char *text;	     /* TPL_STRING; of a TPL_FLOAT as it was written */
	const struct yml_node *node; /* TPL_NODE: a list or map */
};

struct tpl_call {
	const char *name;
	const struct tpl_value *args;
	size_t n;
	struct eb_arena *arena; /* for texts of the result */
	void *ctx;
};
/* *ret, or an error whose message begins without the function's name. */
typedef int (*tpl_fn)(const struct tpl_call *c, struct tpl_value *ret, struct eb_error **err);

struct tpl_function {
	const char *name;
	unsigned int min_args, max_args;
	tpl_fn fn;
};

struct tpl_options {
	const char *name;		      /* of the template, for messages */
	const struct tpl_function *functions; /* ended by one without a name; NULL = none */
	void *ctx;			      /* of the functions */
	const struct yml_node *dot;	      /* NULL = nil */
	size_t max_output;		      /* bytes; 0 = TPL_MAX_TEXT */
};

/* Appends what the template says to out, whose cap is a limit too. Errors: EB_E_FORMAT with
 * NAME:LINE: and the text near it, EB_E_LIMIT, those of functions. Messages never hold values. */
int tpl_run(const char *text, const struct tpl_options *o, struct eb_buf *out,
	    struct eb_error **err) EB_MUST_CHECK;

/* For functions: the text of an argument that can be printed; EB_E_FORMAT for others. */
int tpl_text(const struct tpl_value *v, struct eb_arena *arena, const char **ret,
	     struct eb_error **err) EB_MUST_CHECK;
struct tpl_value tpl_string(const char *text);
/* What Go's strconv.Quote and url.QueryEscape make of it. */
void tpl_quote(const char *text, struct eb_buf *out);
void tpl_query_escape(const char *text, struct eb_buf *out);
