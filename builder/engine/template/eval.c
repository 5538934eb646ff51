/* Running the tree. */
#include "base/buf.h"
#include "base/mem.h"
#include "base/span.h"
#include "template/internal.h"
#include "yaml/node.h"

enum { MAX_VARIABLES = 200 };

struct variable {
	const char *name;
	struct tpl_value value;
};

struct run {
	const struct tpl_options *o;
	struct eb_arena *arena;
	struct eb_buf *out;
	size_t out_end; /* out may not grow past this */
	struct variable vars[MAX_VARIABLES];
	size_t n_vars;
	size_t steps;
	unsigned int depth;
};

static int fail(const struct run *run, unsigned int line, int code, struct eb_error **err,
		const char *text, const char *name)
{
	autofree char *shown = eb_printable(name, 60);

	return tpl_throw(run->o->name, line, err, code, "%s%s%s%s", text, *shown ? " '" : "", shown,
			 *shown ? "'" : "");
}

static int count_step(struct run *run, unsigned int line, struct eb_error **err)
{
	if (++run->steps > TPL_MAX_STEPS)
		return fail(run, line, EB_E_LIMIT, err, "it takes too many steps", "");
	if (run->out->len > run->out_end)
		return fail(run, line, EB_E_LIMIT, err, "it writes too much", "");
	return 0;
}

/* ---- values ---- */

struct tpl_value tpl_string(const char *text)
{
	return (struct tpl_value){ .kind = TPL_STRING, .text = text };
}

static int64_t int_of(const char *text, bool *ok)
{
	bool minus = text[0] == '-';
	uint64_t v = 0;

	text += minus || text[0] == '+';
	*ok = eb_parse_u64(eb_span_str(text), INT64_MAX, &v, NULL) >= 0;
	return minus ? -(int64_t)v : (int64_t)v;
}

struct tpl_value tpl_of_node(const struct yml_node *n)
{
	struct tpl_value v = { .kind = TPL_NIL };
	bool ok;

	if (!n)
		return v;
	if (n->kind != YML_SCALAR)
		return (struct tpl_value){ .kind = TPL_NODE, .node = n };
	switch (yml_type(n)) {
	case YML_NULL:
		return v;
	case YML_BOOL:
		v.kind = TPL_BOOL;
		v.truth = n->text[0] == 't' || n->text[0] == 'T';
		return v;
	case YML_INT:
		v.number = int_of(n->text, &ok);
		v.kind = TPL_INT;
		if (ok)
			return v;
		break;
	case YML_FLOAT:
		v.kind = TPL_FLOAT;
		v.text = n->text;
		if (sscanf(n->text, "%lf", &v.real) == 1)
			return v;
		break;
	case YML_STRING:
		break;
	}
	return tpl_string(n->text);
}

bool tpl_truth(const struct tpl_value *v)
{
	switch (v->kind) {
	case TPL_NIL:
		return false;
	case TPL_BOOL:
		return v->truth;
	case TPL_INT:
		return v->number != 0;
	case TPL_FLOAT:
		return v->real < 0 || v->real > 0;
	case TPL_STRING:
		return v->text[0] != '\0';
	case TPL_NODE:
		return v->node->n > 0;
	}
	return false;
}

int tpl_text(const struct tpl_value *v, struct eb_arena *arena, const char **ret,
	     struct eb_error **err)
{
	switch (v->kind) {
	case TPL_BOOL:
		*ret = v->truth ? "true" : "false";
		return 0;
	case TPL_INT:
		*ret = eb_arena_printf(arena, "%lld", (long long)v->number);
		return 0;
	case TPL_FLOAT:
	case TPL_STRING:
		*ret = v->text;
		return 0;
	case TPL_NIL:
		return eb_throw(err, EB_E_FORMAT, "a value that is not there cannot be printed");
	case TPL_NODE:
		break;
	}
	return eb_throw(err, EB_E_FORMAT, "%s cannot be printed", yml_kind_name(v->node));
}

/* ---- operands ---- */

static struct variable *find_variable(struct run *run, const char *name)
{
	for (size_t i = run->n_vars; i-- > 0;)
		if (strcmp(run->vars[i].name, name) == 0)
			return &run->vars[i];
	return NULL;
}

static int get_fields(const struct run *run, const struct tpl_operand *o, unsigned int line,
		      struct tpl_value *v, struct eb_error **err)
{
	for (size_t i = 0; i < o->n_fields; i++) {
		if (v->kind == TPL_NIL)
			return fail(run, line, EB_E_FORMAT, err, "nothing is there to have field",
				    o->fields[i]);
		if (v->kind != TPL_NODE || v->node->kind != YML_MAP)
			return fail(run, line, EB_E_FORMAT, err, "what is no map has no field",
				    o->fields[i]);
		*v = tpl_of_node(yml_get(v->node, o->fields[i]));
	}
	return 0;
}

static int run_pipe(struct run *run, const struct tpl_pipe *p, const struct tpl_value *dot,
		    struct tpl_value *ret, struct eb_error **err);

static const struct tpl_function *find_function(const struct run *run, const char *name)
{
	const struct tpl_function *f = run->o->functions;

	for (; f && f->name; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return tpl_builtin(name);
}

static int call(struct run *run, const char *name, const struct tpl_value *args, size_t n,
		unsigned int line, struct tpl_value *ret, struct eb_error **err)
{
	const struct tpl_function *f = find_function(run, name);
	struct tpl_call c = { name, args, n, run->arena, run->o->ctx };
	autofree char *shown = eb_printable(name, 60);
	int r;

	if (!f)
		return fail(run, line, EB_E_FORMAT, err, "there is no function", name);
	if (n < f->min_args || n > f->max_args)
		return tpl_throw(run->o->name, line, err, EB_E_FORMAT,
				 "'%s' got %zu arguments, expected %u%s", shown, n, f->min_args,
				 f->max_args > f->min_args ? " or more" : "");
	r = f->fn(&c, ret, err);
	return r < 0 ? eb_prefix(err, r, "%s:%u: %s", run->o->name, line, shown) : 0;
}

static int run_operand(struct run *run, const struct tpl_operand *o, unsigned int line,
		       const struct tpl_value *dot, struct tpl_value *ret, struct eb_error **err)
{
	const struct variable *v;
	int r = 0;

	switch (o->kind) {
	case OPERAND_DOT:
		*ret = *dot;
		break;
	case OPERAND_VARIABLE:
		v = find_variable(run, o->name);
		if (!v)
			return fail(run, line, EB_E_FORMAT, err, "there is no variable", o->name);
		*ret = v->value;
		break;
	case OPERAND_CONSTANT:
		*ret = o->value;
		break;
	case OPERAND_FUNCTION:
		r = call(run, o->name, NULL, 0, line, ret, err);
		break;
	case OPERAND_PIPE:
		r = run_pipe(run, o->pipe, dot, ret, err);
		break;
	}
	return r < 0 ? r : get_fields(run, o, line, ret, err);
}

/* ---- pipelines ---- */

static int run_command(struct run *run, const struct tpl_command *c, unsigned int line,
		       const struct tpl_value *dot, const struct tpl_value *last,
		       struct tpl_value *ret, struct eb_error **err)
{
	struct tpl_value args[TPL_MAX_ARGS + 1];
	size_t n = 0;
	int r;

	if (c->operands[0].kind != OPERAND_FUNCTION)
		return run_operand(run, &c->operands[0], line, dot, ret, err);
	for (size_t i = 1; i < c->n; i++) {
		r = run_operand(run, &c->operands[i], line, dot, &args[n++], err);
		if (r < 0)
			return r;
	}
	if (last)
		args[n++] = *last;
	return call(run, c->operands[0].name, args, n, line, ret, err);
}

static int declare(struct run *run, const char *name, const struct tpl_value *v, unsigned int line,
		   struct eb_error **err)
{
	if (run->n_vars == MAX_VARIABLES)
		return fail(run, line, EB_E_LIMIT, err, "too many variables", "");
	run->vars[run->n_vars++] = (struct variable){ name, *v };
	return 0;
}

static int assign(struct run *run, const struct tpl_pipe *p, const struct tpl_value *v,
		  struct eb_error **err)
{
	struct variable *var;

	if (p->n_set == 0)
		return 0;
	if (p->n_set == 2)
		return fail(run, p->line, EB_E_FORMAT, err, "two variables belong to range", "");
	if (p->declare)
		return declare(run, p->set[0], v, p->line, err);
	var = find_variable(run, p->set[0]);
	if (!var)
		return fail(run, p->line, EB_E_FORMAT, err, "there is no variable", p->set[0]);
	var->value = *v;
	return 0;
}

/* Its value, without setting variables. */
static int pipe_value(struct run *run, const struct tpl_pipe *p, const struct tpl_value *dot,
		      struct tpl_value *ret, struct eb_error **err)
{
	struct tpl_value v = { .kind = TPL_NIL };
	int r = count_step(run, p->line, err);

	for (size_t i = 0; i < p->n && r >= 0; i++) {
		struct tpl_value last = v;

		r = run_command(run, &p->commands[i], p->line, dot, i ? &last : NULL, &v, err);
	}
	if (r >= 0)
		*ret = v;
	return r;
}

static int run_pipe(struct run *run, const struct tpl_pipe *p, const struct tpl_value *dot,
		    struct tpl_value *ret, struct eb_error **err)
{
	int r = pipe_value(run, p, dot, ret, err);

	return r < 0 ? r : assign(run, p, ret, err);
}

/* ---- nodes ---- */

static int run_list(struct run *run, const struct tpl_node *n, const struct tpl_value *dot,
		    struct eb_error **err);

static int run_action(struct run *run, const struct tpl_node *n, const struct tpl_value *dot,
		      struct eb_error **err)
{
	struct tpl_value v;
	const char *text;
	int r = run_pipe(run, n->pipe, dot, &v, err);

	if (r < 0 || n->pipe->n_set > 0)
		return r;
	r = tpl_text(&v, run->arena, &text, err);
	if (r < 0)
		return eb_prefix(err, r, "%s:%u", run->o->name, n->pipe->line);
	eb_buf_adds(run->out, text);
	return 0;
}

static int run_condition(struct run *run, const struct tpl_node *n, const struct tpl_value *dot,
			 struct eb_error **err)
{
	struct tpl_value v;
	int r = run_pipe(run, n->pipe, dot, &v, err);

	if (r < 0)
		return r;
	if (tpl_truth(&v))
		return run_list(run, n->body, n->kind == NODE_WITH ? &v : dot, err);
	return run_list(run, n->other, dot, err);
}

static int run_item(struct run *run, const struct tpl_node *n, const struct tpl_value *key,
		    const struct tpl_value *item, struct eb_error **err)
{
	const struct tpl_pipe *p = n->pipe;
	size_t vars = run->n_vars;
	int r = count_step(run, p->line, err);

	if (r >= 0 && p->n_set == 2)
		r = declare(run, p->set[0], key, p->line, err);
	if (r >= 0 && p->n_set > 0)
		r = declare(run, p->set[p->n_set - 1], item, p->line, err);
	if (r >= 0)
		r = run_list(run, n->body, item, err);
	run->n_vars = vars;
	return r;
}

/* Go runs through maps in the order of their keys. */
static int by_key(const void *a, const void *b, void *map)
{
	const struct yml_node *m = map;

	return strcmp(m->keys[*(const size_t *)a]->text, m->keys[*(const size_t *)b]->text);
}

static int run_range(struct run *run, const struct tpl_node *n, const struct tpl_value *dot,
		     struct eb_error **err)
{
	autofree size_t *order = NULL;
	const struct yml_node *node;
	struct tpl_value v;
	int r = pipe_value(run, n->pipe, dot, &v, err);

	if (r < 0)
		return r;
	if (v.kind != TPL_NIL && v.kind != TPL_NODE)
		return fail(run, n->pipe->line, EB_E_FORMAT, err, "range wants a list or a map",
			    "");
	if (!tpl_truth(&v))
		return run_list(run, n->other, dot, err);
	node = v.node;
	order = eb_xcalloc(node->n, sizeof(*order));
	for (size_t i = 0; i < node->n; i++)
		order[i] = i;
	if (node->kind == YML_MAP)
		qsort_r(order, node->n, sizeof(*order), by_key, (void *)(uintptr_t)node);
	for (size_t i = 0; i < node->n && r >= 0; i++) {
		struct tpl_value item = tpl_of_node(node->items[order[i]]);
		struct tpl_value key = { .kind = TPL_INT, .number = (int64_t)i };

		if (node->kind == YML_MAP)
			key = tpl_string(node->keys[order[i]]->text);
		r = run_item(run, n, &key, &item, err);
	}
	return r;
}

static int run_list(struct run *run, const struct tpl_node *n, const struct tpl_value *dot,
		    struct eb_error **err)
{
	size_t vars = run->n_vars;
	int r = 0;

	if (++run->depth > TPL_MAX_DEPTH)
		return fail(run, 0, EB_E_LIMIT, err, "nested too deep", "");
	for (; n && r >= 0; n = n->next) {
		switch (n->kind) {
		case NODE_TEXT:
			eb_buf_adds(run->out, n->text);
			break;
		case NODE_ACTION:
			r = run_action(run, n, dot, err);
			break;
		case NODE_IF:
		case NODE_WITH: {
			size_t inner = run->n_vars;

			r = run_condition(run, n, dot, err);
			run->n_vars = inner;
			break;
		}
		case NODE_RANGE:
			r = run_range(run, n, dot, err);
			break;
		}
	}
	run->n_vars = vars;
	run->depth--;
	return r;
}

int tpl_run(const char *text, const struct tpl_options *o, struct eb_buf *out,
	    struct eb_error **err)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *arena = eb_arena_new();
	struct run *run = eb_arena_alloc(arena, sizeof(*run));
	struct tpl_value dot = tpl_of_node(o->dot);
	struct tpl_tokens tokens = { .n = 0 };
	struct tpl_node *root = NULL;
	int r = tpl_lex(o->name, text, arena, &tokens, err);

	if (r >= 0)
		r = tpl_parse(o->name, &tokens, arena, &root, err);
	if (r < 0)
		return r;
	run->o = o;
	run->arena = arena;
	run->out = out;
	run->out_end = out->len + (o->max_output ? o->max_output : TPL_MAX_TEXT);
	run->vars[run->n_vars++] = (struct variable){ "", dot };
	r = run_list(run, root, &dot, err);
	if (r >= 0 && out->len > run->out_end)
		r = fail(run, 0, EB_E_LIMIT, err, "it writes too much", "");
	return r < 0 ? r : eb_buf_check(out, o->name, err);
}
