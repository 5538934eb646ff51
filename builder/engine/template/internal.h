/* Inside template: tokens, the tree of a template, values. */
#pragma once

#include "base/error.h"
#include "template/template.h"

enum tpl_token_kind {
	TOKEN_TEXT,	/* between actions */
	TOKEN_OPEN,	/* {{ */
	TOKEN_CLOSE,	/* }} */
	TOKEN_IDENT,	/* word */
	TOKEN_FIELD,	/* .a (text without the dot); "." alone has an empty text */
	TOKEN_VARIABLE, /* $x (text without the $) */
	TOKEN_STRING,
	TOKEN_NUMBER,
	TOKEN_SIGN, /* ( ) | , = and ':' for := */
	TOKEN_END,
};

struct tpl_token {
	enum tpl_token_kind kind;
	char sign;
	const char *text;
	unsigned int line;
	bool glued; /* nothing between it and the token before */
};

struct tpl_tokens {
	struct tpl_token *list;
	size_t n;
};

struct tpl_pipe;

enum tpl_operand_kind {
	OPERAND_DOT,
	OPERAND_VARIABLE,
	OPERAND_CONSTANT,
	OPERAND_FUNCTION,
	OPERAND_PIPE,
};

struct tpl_operand {
	enum tpl_operand_kind kind;
	const char *name; /* variable or function */
	struct tpl_value value;
	struct tpl_pipe *pipe;
	const char **fields; /* behind it */
	size_t n_fields;
};

struct tpl_command {
	struct tpl_operand *operands;
	size_t n;
};

struct tpl_pipe {
	const char *set[2]; /* variables that take the value: $k, $v := */
	size_t n_set;
	bool declare; /* ":=", else "=" */
	struct tpl_command *commands;
	size_t n;
	unsigned int line;
};

enum tpl_node_kind { NODE_TEXT, NODE_ACTION, NODE_IF, NODE_WITH, NODE_RANGE };

struct tpl_node {
	enum tpl_node_kind kind;
	const char *text;
	struct tpl_pipe *pipe;
	struct tpl_node *body, *other; /* what is between, what is behind else */
	struct tpl_node *next;
};

/* Everything lives in the arena. The last token is TOKEN_END. */
int tpl_lex(const char *name, const char *text, struct eb_arena *arena, struct tpl_tokens *ret,
	    struct eb_error **err) EB_MUST_CHECK;
int tpl_parse(const char *name, const struct tpl_tokens *t, struct eb_arena *arena,
	      struct tpl_node **ret, struct eb_error **err) EB_MUST_CHECK;
const struct tpl_function *tpl_builtin(const char *name);
bool tpl_truth(const struct tpl_value *v);
struct tpl_value tpl_of_node(const struct yml_node *n);
int tpl_throw(const char *name, unsigned int line, struct eb_error **err, int code, const char *fmt,
	      ...) EB_PRINTF(5, 6);
#define tpl_throw(...) eb_is_failure(tpl_throw(__VA_ARGS__))
