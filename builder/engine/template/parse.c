/* Tokens into a tree. */
#include "base/mem.h"
#include "base/span.h"
#include "template/internal.h"

enum { MAX_COMMANDS = 32, MAX_FIELDS = 32 };

struct parser {
	const char *name;
	const struct tpl_token *at;
	struct eb_arena *arena;
	unsigned int depth;
};

static int fail(const struct parser *p, struct eb_error **err, const char *want)
{
	static const char *const names[] = {
		[TOKEN_TEXT] = "text",	   [TOKEN_OPEN] = "{{",
		[TOKEN_CLOSE] = "}}",	   [TOKEN_IDENT] = "a word",
		[TOKEN_FIELD] = "a field", [TOKEN_VARIABLE] = "a variable",
		[TOKEN_STRING] = "a text", [TOKEN_NUMBER] = "a number",
		[TOKEN_SIGN] = "a sign",   [TOKEN_END] = "the end"
	};
	const struct tpl_token *t = p->at;
	bool word = t->kind == TOKEN_IDENT || t->kind == TOKEN_SIGN;

	return tpl_throw(p->name, t->line, err, EB_E_FORMAT, "found %s%s%.40s%s, expected %s",
			 names[t->kind], word ? " '" : "", word ? t->text : "", word ? "'" : "",
			 want);
}

static bool is_sign(const struct tpl_token *t, char sign)
{
	return t->kind == TOKEN_SIGN && t->sign == sign;
}

static bool is_ident(const struct tpl_token *t, const char *word)
{
	return t->kind == TOKEN_IDENT && strcmp(t->text, word) == 0;
}

static int pipe_(struct parser *p, struct tpl_pipe **ret, struct eb_error **err);

/* .a.b behind a value, without blanks */
static int fields(struct parser *p, struct tpl_operand *o, struct eb_error **err)
{
	const char *list[MAX_FIELDS];
	size_t n = o->n_fields;

	for (size_t i = 0; i < n; i++)
		list[i] = o->fields[i];
	while (p->at->kind == TOKEN_FIELD && p->at->glued && p->at->text[0]) {
		if (n == MAX_FIELDS)
			return tpl_throw(p->name, p->at->line, err, EB_E_LIMIT,
					 "more than %d fields", MAX_FIELDS);
		list[n++] = p->at->text;
		p->at++;
	}
	if (n == o->n_fields)
		return 0;
	o->fields = eb_arena_alloc(p->arena, n * sizeof(*o->fields));
	memcpy(o->fields, list, n * sizeof(*list));
	o->n_fields = n;
	return 0;
}

static int number(struct parser *p, struct tpl_operand *o, struct eb_error **err)
{
	const char *text = p->at->text;
	bool minus = text[0] == '-';
	uint64_t v = 0;

	text += minus || text[0] == '+';
	if (eb_parse_u64(eb_span_str(text), INT64_MAX, &v, NULL) >= 0) {
		o->value = (struct tpl_value){ .kind = TPL_INT,
					       .number = minus ? -(int64_t)v : (int64_t)v };
	} else {
		double d;
		char rest;

		if (sscanf(p->at->text, "%lf%c", &d, &rest) != 1 || strpbrk(text, "xX_"))
			return fail(p, err, "a decimal number");
		o->value = (struct tpl_value){ .kind = TPL_FLOAT, .real = d, .text = p->at->text };
	}
	p->at++;
	return 0;
}

static void word(struct parser *p, struct tpl_operand *o)
{
	const char *text = p->at->text;

	o->kind = OPERAND_CONSTANT;
	if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
		o->value = (struct tpl_value){ .kind = TPL_BOOL, .truth = text[0] == 't' };
	else if (strcmp(text, "nil") == 0)
		o->value = (struct tpl_value){ .kind = TPL_NIL };
	else
		*o = (struct tpl_operand){ .kind = OPERAND_FUNCTION, .name = text };
	p->at++;
}

static int operand(struct parser *p, struct tpl_operand *o, struct eb_error **err)
{
	const struct tpl_token *t = p->at;
	int r;

	*o = (struct tpl_operand){ .kind = OPERAND_CONSTANT };
	switch (t->kind) {
	case TOKEN_STRING:
		o->value = tpl_string(t->text);
		p->at++;
		break;
	case TOKEN_NUMBER:
		return number(p, o, err);
	case TOKEN_IDENT:
		word(p, o);
		return 0;
	case TOKEN_FIELD:
		o->kind = OPERAND_DOT;
		if (t->text[0]) {
			o->fields = eb_arena_alloc(p->arena, sizeof(*o->fields));
			o->fields[0] = t->text;
			o->n_fields = 1;
		}
		p->at++;
		break;
	case TOKEN_VARIABLE:
		o->kind = OPERAND_VARIABLE;
		o->name = t->text;
		p->at++;
		break;
	default:
		if (!is_sign(t, '('))
			return fail(p, err, "a value or function");
		if (++p->depth > TPL_MAX_DEPTH)
			return tpl_throw(p->name, t->line, err, EB_E_LIMIT, "nested too deep");
		p->at++;
		o->kind = OPERAND_PIPE;
		r = pipe_(p, &o->pipe, err);
		if (r < 0)
			return r;
		if (!is_sign(p->at, ')'))
			return fail(p, err, "')'");
		p->at++;
		p->depth--;
	}
	return fields(p, o, err);
}

static bool ends_command(const struct tpl_token *t)
{
	return t->kind == TOKEN_CLOSE || t->kind == TOKEN_END || is_sign(t, ')') || is_sign(t, '|');
}

static int command(struct parser *p, struct tpl_command *c, struct eb_error **err)
{
	struct tpl_operand list[TPL_MAX_ARGS + 1];

	do {
		int r;

		if (c->n == EB_ARRAY_LEN(list))
			return tpl_throw(p->name, p->at->line, err, EB_E_LIMIT,
					 "more than %d arguments", TPL_MAX_ARGS);
		r = operand(p, &list[c->n++], err);
		if (r < 0)
			return r;
	} while (!ends_command(p->at));
	if (c->n > 1 && list[0].kind != OPERAND_FUNCTION)
		return fail(p, err, "a function in front of arguments");
	c->operands = eb_arena_alloc(p->arena, c->n * sizeof(*list));
	memcpy(c->operands, list, c->n * sizeof(*list));
	return 0;
}

/* "$x :=", "$k, $v :=" and "$x =" */
static void declaration(struct parser *p, struct tpl_pipe *pipe)
{
	const struct tpl_token *t = p->at;
	size_t n = 0;

	if (t[0].kind != TOKEN_VARIABLE)
		return;
	if (is_sign(&t[1], ':') || is_sign(&t[1], '='))
		n = 1;
	else if (is_sign(&t[1], ',') && t[2].kind == TOKEN_VARIABLE && is_sign(&t[3], ':'))
		n = 2;
	if (n == 0)
		return;
	pipe->set[0] = t[0].text;
	pipe->set[1] = n == 2 ? t[2].text : NULL;
	pipe->n_set = n;
	pipe->declare = is_sign(&t[2 * n - 1], ':');
	p->at += 2 * n;
}

static int pipe_(struct parser *p, struct tpl_pipe **ret, struct eb_error **err)
{
	struct tpl_pipe *pipe = eb_arena_alloc(p->arena, sizeof(*pipe));

	pipe->line = p->at->line;
	pipe->commands = eb_arena_alloc(p->arena, MAX_COMMANDS * sizeof(*pipe->commands));
	declaration(p, pipe);
	for (;;) {
		int r;

		if (pipe->n == MAX_COMMANDS)
			return tpl_throw(p->name, p->at->line, err, EB_E_LIMIT,
					 "a pipeline of more than %d", MAX_COMMANDS);
		r = command(p, &pipe->commands[pipe->n++], err);
		if (r < 0)
			return r;
		if (!is_sign(p->at, '|'))
			break;
		p->at++;
		if (p->at->kind != TOKEN_IDENT)
			return fail(p, err, "a function behind '|'");
	}
	*ret = pipe;
	return 0;
}

static int close_(struct parser *p, struct eb_error **err)
{
	if (p->at->kind != TOKEN_CLOSE)
		return fail(p, err, "}}");
	p->at++;
	return 0;
}

static int list(struct parser *p, struct tpl_node **ret, struct eb_error **err);

/* At "else" or "end" of a list. */
static bool ends_list(const struct tpl_token *t)
{
	return t->kind == TOKEN_OPEN && (is_ident(t + 1, "end") || is_ident(t + 1, "else"));
}

static int block(struct parser *p, struct tpl_node *n, struct eb_error **err);

/* "{{else}}...{{end}}", "{{else if x}}..." or "{{end}}" */
static int rest_of_block(struct parser *p, struct tpl_node *n, struct eb_error **err)
{
	int r;

	if (!ends_list(p->at))
		return fail(p, err, "{{else}} or {{end}}");
	if (is_ident(p->at + 1, "end")) {
		p->at += 2;
		return close_(p, err);
	}
	p->at += 2;
	if (is_ident(p->at, "if") || is_ident(p->at, "with")) {
		n->other = eb_arena_alloc(p->arena, sizeof(*n->other));
		n->other->kind = is_ident(p->at, "if") ? NODE_IF : NODE_WITH;
		p->at++;
		return block(p, n->other, err); /* its {{end}} is ours */
	}
	r = close_(p, err);
	if (r >= 0)
		r = list(p, &n->other, err);
	if (r < 0)
		return r;
	if (!ends_list(p->at) || !is_ident(p->at + 1, "end"))
		return fail(p, err, "{{end}}");
	p->at += 2;
	return close_(p, err);
}

static int block(struct parser *p, struct tpl_node *n, struct eb_error **err)
{
	int r;

	if (++p->depth > TPL_MAX_DEPTH)
		return tpl_throw(p->name, p->at->line, err, EB_E_LIMIT, "nested too deep");
	r = pipe_(p, &n->pipe, err);
	if (r >= 0)
		r = close_(p, err);
	if (r >= 0)
		r = list(p, &n->body, err);
	if (r >= 0)
		r = rest_of_block(p, n, err);
	p->depth--;
	return r;
}

static int action(struct parser *p, struct tpl_node *n, struct eb_error **err)
{
	static const char *const refused[] = { "define", "template", "block", "break", "continue" };
	int r;

	p->at++;
	for (size_t i = 0; i < EB_ARRAY_LEN(refused); i++)
		if (is_ident(p->at, refused[i]))
			return tpl_throw(p->name, p->at->line, err, EB_E_UNSUPPORTED,
					 "'%s' is not supported", refused[i]);
	n->kind = is_ident(p->at, "if")	     ? NODE_IF
		  : is_ident(p->at, "with")  ? NODE_WITH
		  : is_ident(p->at, "range") ? NODE_RANGE
					     : NODE_ACTION;
	if (n->kind != NODE_ACTION) {
		p->at++;
		return block(p, n, err);
	}
	r = pipe_(p, &n->pipe, err);
	return r < 0 ? r : close_(p, err);
}

static int list(struct parser *p, struct tpl_node **ret, struct eb_error **err)
{
	struct tpl_node **end = ret;

	while (p->at->kind != TOKEN_END && !ends_list(p->at)) {
		struct tpl_node *n = eb_arena_alloc(p->arena, sizeof(*n));
		int r = 0;

		if (p->at->kind == TOKEN_TEXT) {
			n->text = p->at->text;
			p->at++;
		} else {
			r = action(p, n, err);
		}
		if (r < 0)
			return r;
		*end = n;
		end = &n->next;
	}
	return 0;
}

int tpl_parse(const char *name, const struct tpl_tokens *t, struct eb_arena *arena,
	      struct tpl_node **ret, struct eb_error **err)
{
	struct parser p = { .name = name, .at = t->list, .arena = arena };
	struct tpl_node *root = NULL;
	int r = list(&p, &root, err);

	if (r < 0)
		return r;
	if (p.at->kind != TOKEN_END)
		return fail(&p, err, "no {{else}} or {{end}} without its begin");
	*ret = root;
	return 0;
}
