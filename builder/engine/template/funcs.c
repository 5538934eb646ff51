/* Functions that every template has, and the quoting that Go does. */
#include "base/buf.h"
#include "base/mem.h"
#include "template/internal.h"
#include "yaml/node.h"

static int fn_not(const struct tpl_call *c, struct tpl_value *ret, struct eb_error **err)
{
	(void)err;
	*ret = (struct tpl_value){ .kind = TPL_BOOL, .truth = !tpl_truth(&c->args[0]) };
	return 0;
}

/* The first that decides it, else the last. */
static int fn_and_or(const struct tpl_call *c, struct tpl_value *ret, struct eb_error **err)
{
	bool is_or = strcmp(c->name, "or") == 0;
	size_t i = 0;

	(void)err;
	while (i + 1 < c->n && tpl_truth(&c->args[i]) != is_or)
		i++;
	*ret = c->args[i];
	return 0;
}

static bool is_number(const struct tpl_value *v)
{
	return v->kind == TPL_INT || v->kind == TPL_FLOAT;
}

static double real_of(const struct tpl_value *v)
{
	return v->kind == TPL_INT ? (double)v->number : v->real;
}

/* < 0, 0, > 0; numbers with numbers and texts with texts. */
static int compare(const struct tpl_value *a, const struct tpl_value *b, int *ret,
		   struct eb_error **err)
{
	if (a->kind == TPL_INT && b->kind == TPL_INT)
		*ret = (a->number > b->number) - (a->number < b->number);
	else if (is_number(a) && is_number(b))
		*ret = (real_of(a) > real_of(b)) - (real_of(a) < real_of(b));
	else if (a->kind == TPL_STRING && b->kind == TPL_STRING)
		*ret = strcmp(a->text, b->text);
	else if (a->kind == TPL_BOOL && b->kind == TPL_BOOL)
		*ret = a->truth - b->truth;
	else if (a->kind == TPL_NIL || b->kind == TPL_NIL)
		*ret = a->kind != b->kind;
	else
		return eb_throw(err, EB_E_FORMAT, "values of two kinds cannot be compared");
	return 0;
}

static int fn_eq(const struct tpl_call *c, struct tpl_value *ret, struct eb_error **err)
{
	*ret = (struct tpl_value){ .kind = TPL_BOOL };
	for (size_t i = 1; i < c->n && !ret->truth; i++) {
		int order, r = compare(&c->args[0], &c->args[i], &order, err);

		if (r < 0)
			return r;
		ret->truth = order == 0;
	}
	return 0;
}

static int fn_order(const struct tpl_call *c, struct tpl_value *ret, struct eb_error **err)
{
	int order, r = compare(&c->args[0], &c->args[1], &order, err);

	if (r < 0)
		return r;
	*ret = (struct tpl_value){ .kind = TPL_BOOL };
	if (strcmp(c->name, "ne") == 0)
		ret->truth = order != 0;
	else if (c->name[0] == 'l')
		ret->truth = order < 0 || (c->name[1] == 'e' && order == 0);
	else
		ret->truth = order > 0 || (c->name[1] == 'e' && order == 0);
	return 0;
}

static int fn_len(const struct tpl_call *c, struct tpl_value *ret, struct eb_error **err)
{
	const struct tpl_value *v = &c->args[0];

	if (v->kind != TPL_STRING && v->kind != TPL_NODE)
		return eb_throw(err, EB_E_FORMAT, "only texts, lists and maps have a length");
	*ret = (struct tpl_value){ .kind = TPL_INT };
	ret->number = (int64_t)(v->kind == TPL_STRING ? strlen(v->text) : v->node->n);
	return 0;
}

static int fn_index(const struct tpl_call *c, struct tpl_value *ret, struct eb_error **err)
{
	struct tpl_value v = c->args[0];

	for (size_t i = 1; i < c->n; i++) {
		const struct tpl_value *k = &c->args[i];

		if (v.kind == TPL_NODE && v.node->kind == YML_MAP && k->kind == TPL_STRING)
			v = tpl_of_node(yml_get(v.node, k->text));
		else if (v.kind == TPL_NODE && v.node->kind == YML_LIST && k->kind == TPL_INT &&
			 k->number >= 0 && (uint64_t)k->number < v.node->n)
			v = tpl_of_node(v.node->items[k->number]);
		else
			return eb_throw(err, EB_E_FORMAT, "argument %zu leads nowhere", i);
	}
	*ret = v;
	return 0;
}

/* Blanks between arguments of which neither is a text, as Go does. */
static int fn_print(const struct tpl_call *c, struct tpl_value *ret, struct eb_error **err)
{
	EB_AUTOBUF(b, TPL_MAX_TEXT);
	int r;

	for (size_t i = 0; i < c->n; i++) {
		const char *text;

		r = tpl_text(&c->args[i], c->arena, &text, err);
		if (r < 0)
			return r;
		if (i > 0 && c->args[i].kind != TPL_STRING && c->args[i - 1].kind != TPL_STRING)
			eb_buf_addc(&b, ' ');
		eb_buf_adds(&b, text);
	}
	r = eb_buf_check(&b, "text", err);
	if (r >= 0)
		*ret = tpl_string(eb_arena_strdup(c->arena, eb_buf_str(&b)));
	return r;
}

static int format_one(const struct tpl_call *c, char verb, size_t i, struct eb_buf *b,
		      struct eb_error **err)
{
	const char *text;
	int r;

	if (i >= c->n)
		return eb_throw(err, EB_E_FORMAT, "fewer arguments than the format names");
	if (!strchr("sdvq", verb) || (verb == 'd' && c->args[i].kind != TPL_INT))
		return eb_throw(err, EB_E_FORMAT, "verb %%%c does not fit argument %zu",
				verb > ' ' && verb < 0x7f ? verb : '?', i);
	r = tpl_text(&c->args[i], c->arena, &text, err);
	if (r < 0)
		return r;
	if (verb == 'q')
		tpl_quote(text, b);
	else
		eb_buf_adds(b, text);
	return 0;
}

static int fn_printf(const struct tpl_call *c, struct tpl_value *ret, struct eb_error **err)
{
	EB_AUTOBUF(b, TPL_MAX_TEXT);
	size_t next = 1;
	int r = 0;

	if (c->args[0].kind != TPL_STRING)
		return eb_throw(err, EB_E_FORMAT, "the format is no text");
	for (const char *p = c->args[0].text; *p && r >= 0; p++) {
		if (*p != '%') {
			eb_buf_addc(&b, *p);
		} else if (*++p == '%') {
			eb_buf_addc(&b, '%');
		} else if (*p == '\0') {
			return eb_throw(err, EB_E_FORMAT, "the format ends with %%");
		} else {
			r = format_one(c, *p, next++, &b, err);
		}
	}
	if (r >= 0 && next < c->n)
		return eb_throw(err, EB_E_FORMAT, "more arguments than the format names");
	if (r >= 0)
		r = eb_buf_check(&b, "text", err);
	if (r >= 0)
		*ret = tpl_string(eb_arena_strdup(c->arena, eb_buf_str(&b)));
	return r;
}

static int fn_urlquery(const struct tpl_call *c, struct tpl_value *ret, struct eb_error **err)
{
	EB_AUTOBUF(b, 3 * TPL_MAX_TEXT);
	const char *text;
	int r = tpl_text(&c->args[0], c->arena, &text, err);

	if (r < 0)
		return r;
	tpl_query_escape(text, &b);
	r = eb_buf_check(&b, "text", err);
	if (r >= 0)
		*ret = tpl_string(eb_arena_strdup(c->arena, eb_buf_str(&b)));
	return r;
}

const struct tpl_function *tpl_builtin(const char *name)
{
	static const struct tpl_function list[] = {
		{ "and", 1, TPL_MAX_ARGS, fn_and_or },
		{ "eq", 2, TPL_MAX_ARGS, fn_eq },
		{ "ge", 2, 2, fn_order },
		{ "gt", 2, 2, fn_order },
		{ "index", 1, TPL_MAX_ARGS, fn_index },
		{ "le", 2, 2, fn_order },
		{ "len", 1, 1, fn_len },
		{ "lt", 2, 2, fn_order },
		{ "ne", 2, 2, fn_order },
		{ "not", 1, 1, fn_not },
		{ "or", 1, TPL_MAX_ARGS, fn_and_or },
		{ "print", 0, TPL_MAX_ARGS, fn_print },
		{ "printf", 1, TPL_MAX_ARGS, fn_printf },
		{ "urlquery", 1, 1, fn_urlquery },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(list); i++)
		if (strcmp(list[i].name, name) == 0)
			return &list[i];
	return NULL;
}

/* ---- quoting ---- */

/* Length of the UTF-8 sequence at p and its code point; 0 = none. */
static size_t decode(const unsigned char *p, unsigned int *ret)
{
	size_t n = p[0] < 0x80	 ? 1
		   : p[0] < 0xc2 ? 0
		   : p[0] < 0xe0 ? 2
		   : p[0] < 0xf0 ? 3
		   : p[0] < 0xf5 ? 4
				 : 0;
	unsigned int c;

	if (n == 0)
		return 0;
	c = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	if ((n == 3 && (c < 0x800 || (c >= 0xd800 && c <= 0xdfff))) ||
	    (n == 4 && (c < 0x10000 || c > 0x10ffff)))
		return 0;
	*ret = c;
	return n;
}

/* What Go's unicode.IsPrint denies, as far as it occurs in texts that people type. */
static bool is_printable(unsigned int c)
{
	if (c < 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0xad)
		return false;
	return !(c >= 0x2000 && c <= 0x200f) && !(c >= 0x2028 && c <= 0x202f) &&
	       !(c >= 0x205f && c <= 0x206f) && c != 0x3000 && !(c >= 0xe000 && c <= 0xf8ff) &&
	       c != 0xfeff && !(c >= 0xfff0 && c <= 0xfffb) && (c & 0xfffe) != 0xfffe;
}

void tpl_quote(const char *text, struct eb_buf *out)
{
	static const char from[] = "\a\b\f\n\r\t\v\\\"", to[] = "abfnrtv\\\"";
	const unsigned char *p = (const unsigned char *)text;

	eb_buf_addc(out, '"');
	while (*p) {
		const char *at = strchr(from, *p);
		unsigned int c = 0;
		size_t n = decode(p, &c);

		if (at)
			eb_buf_addf(out, "\\%c", to[at - from]);
		else if (n == 0)
			eb_buf_addf(out, "\\x%02x", *p);
		else if (is_printable(c))
			eb_buf_add(out, p, n);
		else
			eb_buf_addf(out,
				    c < 0x80	  ? "\\x%02x"
				    : c < 0x10000 ? "\\u%04x"
						  : "\\U%08x",
				    c);
		p += n ? n : 1;
	}
	eb_buf_addc(out, '"');
}

void tpl_query_escape(const char *text, struct eb_buf *out)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~";

	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == ' ')
			eb_buf_addc(out, '+');
		else if (strchr(plain, *p))
			eb_buf_addc(out, (char)*p);
		else
			eb_buf_addf(out, "%%%02X", *p);
	}
}
