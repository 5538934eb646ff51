#include "template/confrender.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/span.h"
#include "template/template.h"
#include "yaml/node.h"

enum { MAX_FILES = 200, MAX_INDENT = 200 };

struct render {
	const struct tpl_config *c;
	struct eb_arena *arena;
	struct yml_node *merged;
};

static void render_release(struct render *r)
{
	eb_arena_free(r->arena);
}
EB_DEFINE_RELEASE(struct render, render_release)

/* ---- functions ---- */

static int finish(const struct tpl_call *c, struct eb_buf *b, struct tpl_value *ret,
		  struct eb_error **err)
{
	int r = eb_buf_check(b, "text", err);

	if (r >= 0)
		*ret = tpl_string(eb_arena_strdup(c->arena, eb_buf_str(b)));
	return r;
}

static int fn_readfile(const struct tpl_call *c, struct tpl_value *ret, struct eb_error **err)
{
	const struct tpl_config *config = c->ctx;
	EB_CLEANUP(eb_buf_wipe_p) struct eb_buf b = { .cap = TPL_READFILE_MAX_BYTES };
	const char *path;
	int r = tpl_text(&c->args[0], c->arena, &path, err);

	if (r >= 0)
		r = config->read(config->ctx, path, &b, err);
	if (r < 0)
		return r;
	if (b.len > 0 && memchr(b.data, '\0', b.len))
		return eb_throw(err, EB_E_FORMAT, "'%s' is no text", path);
	return finish(c, &b, ret, err);
}

static int fn_hostname(const struct tpl_call *c, struct tpl_value *ret, struct eb_error **err)
{
	const struct tpl_config *config = c->ctx;

	(void)err;
	*ret = tpl_string(config->hostname ? config->hostname : "");
	return 0;
}

static int fn_replace(const struct tpl_call *c, struct tpl_value *ret, struct eb_error **err)
{
	EB_CLEANUP(eb_buf_wipe_p) struct eb_buf b = { .cap = TPL_CONFIG_MAX_BYTES };
	const char *old, *new, *text, *at;
	int r = tpl_text(&c->args[0], c->arena, &old, err);

	if (r >= 0)
		r = tpl_text(&c->args[1], c->arena, &new, err);
	if (r >= 0)
		r = tpl_text(&c->args[2], c->arena, &text, err);
	if (r < 0)
		return r;
	if (!*old)
		return eb_throw(err, EB_E_FORMAT, "what is to be replaced is empty");
	while ((at = strstr(text, old))) {
		eb_buf_add(&b, text, (size_t)(at - text));
		eb_buf_adds(&b, new);
		text = at + strlen(old);
	}
	eb_buf_adds(&b, text);
	return finish(c, &b, ret, err);
}

static int fn_quote(const struct tpl_call *c, struct tpl_value *ret, struct eb_error **err)
{
	EB_CLEANUP(eb_buf_wipe_p) struct eb_buf b = { .cap = TPL_CONFIG_MAX_BYTES };
	const char *text;
	int r = tpl_text(&c->args[0], c->arena, &text, err);

	if (r < 0)
		return r;
	tpl_quote(text, &b);
	return finish(c, &b, ret, err);
}

static int fn_urlencode(const struct tpl_call *c, struct tpl_value *ret, struct eb_error **err)
{
	EB_CLEANUP(eb_buf_wipe_p) struct eb_buf b = { .cap = TPL_CONFIG_MAX_BYTES };
	const char *text;
	int r = tpl_text(&c->args[0], c->arena, &text, err);

	if (r < 0)
		return r;
	tpl_query_escape(text, &b);
	return finish(c, &b, ret, err);
}

static int fn_indent(const struct tpl_call *c, struct tpl_value *ret, struct eb_error **err)
{
	EB_CLEANUP(eb_buf_wipe_p) struct eb_buf b = { .cap = TPL_CONFIG_MAX_BYTES };
	const struct tpl_value *n = &c->args[0];
	const char *text;
	int r = tpl_text(&c->args[1], c->arena, &text, err);

	if (r < 0)
		return r;
	if (n->kind != TPL_INT || n->number < 0 || n->number > MAX_INDENT)
		return eb_throw(err, EB_E_FORMAT, "the first argument is a number from 0 to %d",
				MAX_INDENT);
	eb_buf_addf(&b, "%*s", (int)n->number, "");
	for (; *text; text++) {
		eb_buf_addc(&b, *text);
		if (*text == '\n')
			eb_buf_addf(&b, "%*s", (int)n->number, "");
	}
	return finish(c, &b, ret, err);
}

static const struct tpl_function functions[] = {
	{ "readfile", 1, 1, fn_readfile },
	{ "hostname", 0, 0, fn_hostname },
	{ "replace", 3, 3, fn_replace },
	{ "quote", 1, 1, fn_quote },
	{ "indent", 2, 2, fn_indent },
	{ "urlencode", 1, 1, fn_urlencode },
	{ NULL, 0, 0, NULL },
};

/* ---- variables ---- */

/* Length of "${NAME}" at p with the name in *ret; 0 = nothing of that kind. */
static size_t variable_at(const char *p, struct eb_span *ret)
{
	static const char chars[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
	size_t n;

	if (p[0] != '$' || p[1] != '{')
		return 0;
	n = strspn(p + 2, chars);
	if (n == 0 || p[2 + n] != '}')
		return 0;
	*ret = (struct eb_span){ p + 2, n };
	return n + 3;
}

static int add_variable(const struct render *r, struct eb_span span, const char *file,
			unsigned int line, struct eb_buf *out, struct eb_error **err)
{
	autofree char *name = eb_span_dup(span);
	const char *value = r->c->env(r->c->ctx, name);
	struct tpl_options o = { .name = name,
				 .functions = functions,
				 .ctx = (void *)(uintptr_t)r->c,
				 .dot = r->merged,
				 .max_output = TPL_CONFIG_MAX_BYTES };
	int e;

	if (!value)
		return eb_hint(err,
			       eb_throw(err, EB_E_NOT_FOUND, "%s:%u: variable '%s' is not set",
					file, line, name),
			       "set it in the environment, or write \\${%s} for the text itself",
			       name);
	e = tpl_run(value, &o, out, err);
	return e < 0 ? eb_prefix(err, e, "%s:%u: variable", file, line) : 0;
}

static int substitute(const struct render *r, const char *file, const char *text,
		      struct eb_buf *out, struct eb_error **err)
{
	unsigned int line = 1;

	while (*text) {
		struct eb_span name;
		size_t n = variable_at(text, &name);
		int e = 0;

		if (n > 0) {
			e = add_variable(r, name, file, line, out, err);
		} else if (text[0] == '\\' && (n = variable_at(text + 1, &name)) > 0) {
			eb_buf_add(out, text + 1, n);
			n++;
		} else {
			n = 1;
			line += *text == '\n';
			eb_buf_addc(out, *text);
		}
		if (e < 0)
			return e;
		text += n;
	}
	return eb_buf_check(out, file, err);
}

/* ---- merging ---- */

static struct yml_node *copy_of(struct eb_arena *a, const struct yml_node *n, size_t room)
{
	struct yml_node *c = eb_arena_alloc(a, sizeof(*c));

	*c = *n;
	c->items = eb_arena_alloc(a, (room + 1) * sizeof(*c->items));
	if (n->n > 0)
		memcpy(c->items, n->items, n->n * sizeof(*c->items));
	if (n->kind != YML_MAP)
		return c;
	c->keys = eb_arena_alloc(a, (room + 1) * sizeof(*c->keys));
	if (n->n > 0)
		memcpy(c->keys, n->keys, n->n * sizeof(*c->keys));
	return c;
}

static struct yml_node *merge_lists(struct eb_arena *a, const struct yml_node *first,
				    const struct yml_node *second)
{
	struct yml_node *c = copy_of(a, first, first->n + second->n);

	if (second->n > 0)
		memcpy(c->items + c->n, second->items, second->n * sizeof(*c->items));
	c->n += second->n;
	return c;
}

static bool is_in(const char *const *list, const char *word)
{
	for (; list && *list; list++)
		if (strcmp(*list, word) == 0)
			return true;
	return false;
}

/* overwrite counts for this level only. As deep as one document may be. */
static struct yml_node *merge(struct eb_arena *a, struct yml_node *first, struct yml_node *second,
			      const char *const *overwrite)
{
	struct yml_node *c;

	if (first->kind != second->kind || first->kind == YML_SCALAR)
		return second;
	if (first->kind == YML_LIST)
		return merge_lists(a, first, second);
	c = copy_of(a, first, first->n + second->n);
	for (size_t i = 0; i < second->n; i++) {
		struct yml_node *key = second->keys[i], *value = second->items[i];
		size_t at = 0;

		while (at < c->n && strcmp(c->keys[at]->text, key->text) != 0)
			at++;
		if (at == c->n) {
			c->keys[c->n] = key;
			c->items[c->n++] = value;
		} else if (value->kind == YML_LIST && is_in(overwrite, key->text)) {
			c->items[at] = value;
		} else {
			c->items[at] = merge(a, c->items[at], value, NULL);
		}
	}
	return c;
}

static int add_file(struct render *r, const char *file, struct eb_error **err)
{
	EB_CLEANUP(eb_buf_wipe_p) struct eb_buf raw = { .cap = TPL_CONFIG_MAX_BYTES };
	EB_CLEANUP(eb_buf_wipe_p) struct eb_buf text = { .cap = TPL_CONFIG_MAX_BYTES };
	struct yml_node *root = NULL;
	int e = r->c->read(r->c->ctx, file, &raw, err);

	if (e < 0)
		return e;
	if (raw.len > 0 && memchr(raw.data, '\0', raw.len))
		return eb_throw(err, EB_E_FORMAT, "%s: no text: it has a NUL character", file);
	e = substitute(r, file, eb_buf_str(&raw), &text, err);
	if (e >= 0)
		e = yml_parse(file, eb_buf_str(&text), text.len, NULL, r->arena, &root, err);
	if (e < 0 || !root)
		return e;
	if (root->kind != YML_MAP)
		return yml_throw(root, err, EB_E_FORMAT, "expected a map, found %s",
				 yml_kind_name(root));
	r->merged = r->merged ? merge(r->arena, r->merged, root, r->c->overwrite) : root;
	return 0;
}

int tpl_render_config(const struct tpl_config *c, struct eb_buf *out, struct eb_error **err)
{
	EB_CLEANUP(render_release_p) struct render r = { .c = c, .arena = eb_arena_new() };

	for (size_t i = 0; c->files[i]; i++) {
		int e;

		if (i == MAX_FILES)
			return eb_throw(err, EB_E_LIMIT, "more than %d files", MAX_FILES);
		e = add_file(&r, c->files[i], err);
		if (e < 0)
			return e;
	}
	yml_write(r.merged, out);
	return eb_buf_check(out, "configuration", err);
}
