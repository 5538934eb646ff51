#include "render/values_template.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/span.h"
#include "render/path.h"
#include "render/schema.h"

static const char known[] = "known are .Release.Name, .Release.Namespace, .Values.PATH, texts in "
			    "quotes, and quote";

struct eval {
	const struct rnd_template *t;
	unsigned int depth, steps;
};

static int evaluate(struct eval *e, const char *text, struct eb_buf *out, struct eb_error **err);

static int throw_in(struct eb_span expression, struct eb_error **err, const char *what)
{
	autofree char *all = eb_span_dup(expression), *shown = eb_printable(all, 120);
	int r = eb_throw(err, EB_E_FORMAT, "template '{{%s}}': %s", shown, what);

	return eb_hint(err, r, "%s", known);
}

/* ---- terms ---- */

static bool is_template(const struct rnd_template *t, const char *path)
{
	const json_t *node = t->schema ? rnd_schema_find(t->schema, path) : NULL;

	return !t->schema ||
	       (node && json_is_true(rnd_schema_keyword(t->schema, node, "x-templated")));
}

static int value_term(struct eval *e, struct eb_span expression, const char *path,
		      struct eb_buf *out, struct eb_error **err)
{
	const json_t *v = rnd_path_get(e->t->values, path);
	autofree char *text = NULL;

	if (!v)
		return throw_in(expression, err, "the values hold nothing there");
	if (json_is_object(v) || json_is_array(v))
		return throw_in(expression, err, "is no single value");
	if (json_is_null(v))
		return 0;
	if (json_is_string(v) && is_template(e->t, path))
		return evaluate(e, json_string_value(v), out, err);
	text = json_is_string(v) ? eb_xstrdup(json_string_value(v)) : eb_json_canonical(v, NULL);
	eb_buf_adds(out, text);
	return 0;
}

/* "text" with the escapes that JSON has too, or `text`. */
static int literal_term(struct eb_span expression, struct eb_span word, struct eb_buf *out,
			struct eb_error **err)
{
	EB_AUTOBUF(quoted, RND_TEMPLATE_MAX_BYTES);
	json_t *j;

	if (word.len >= 2 && word.ptr[0] == '`' && word.ptr[word.len - 1] == '`') {
		eb_buf_add(out, word.ptr + 1, word.len - 2);
		return 0;
	}
	eb_buf_add(&quoted, word.ptr, word.len);
	j = json_loads(eb_buf_str(&quoted), JSON_DECODE_ANY, NULL);
	if (!json_is_string(j)) {
		json_decref(j);
		return throw_in(expression, err, "a text in quotes is malformed");
	}
	eb_buf_adds(out, json_string_value(j));
	json_decref(j);
	return 0;
}

static int term(struct eval *e, struct eb_span expression, struct eb_span word, struct eb_buf *out,
		struct eb_error **err)
{
	static const char values[] = ".Values.";
	autofree char *path = NULL;

	if (word.len && (*word.ptr == '"' || *word.ptr == '`'))
		return literal_term(expression, word, out, err);
	if (word.len && *word.ptr == '$') {
		word.ptr++;
		word.len--;
	}
	if (eb_span_eq(word, ".Release.Name")) {
		eb_buf_adds(out, e->t->release);
		return 0;
	}
	if (eb_span_eq(word, ".Release.Namespace")) {
		eb_buf_adds(out, e->t->namespace_);
		return 0;
	}
	if (!eb_span_starts(word, values))
		return throw_in(expression, err, "is not understood");
	path = eb_xstrndup(word.ptr + sizeof(values) - 1, word.len - (sizeof(values) - 1));
	return value_term(e, expression, path, out, err);
}

static void add_quoted(const char *text, struct eb_buf *out)
{
	autojson json_t *j = eb_json_str(text);
	autofree char *quoted = eb_json_canonical(j, NULL);

	eb_buf_adds(out, quoted);
}

/* ---- expressions ---- */

/* The next word: a text in quotes is one. */
static bool next_word(struct eb_span *rest, struct eb_span *ret)
{
	char quote;
	size_t n = 0;

	*rest = eb_span_trim(*rest);
	if (rest->len == 0)
		return false;
	quote = *rest->ptr;
	if (quote == '|') {
		n = 1;
	} else if (quote == '"' || quote == '`') {
		for (n = 1; n < rest->len && rest->ptr[n] != quote; n++)
			if (quote == '"' && rest->ptr[n] == '\\')
				n++;
		n = n < rest->len ? n + 1 : rest->len;
	} else {
		while (n < rest->len && !strchr(" \t\r\n|", rest->ptr[n]))
			n++;
	}
	*ret = (struct eb_span){ rest->ptr, n };
	rest->ptr += n;
	rest->len -= n;
	return true;
}

static int expression(struct eval *e, struct eb_span all, struct eb_buf *out, struct eb_error **err)
{
	EB_AUTOBUF(value, RND_TEMPLATE_MAX_BYTES);
	struct eb_span rest = all, word;
	unsigned int quotes = 0;
	int r;

	if (++e->steps > RND_TEMPLATE_MAX_STEPS)
		return throw_in(all, err, "refers to too many others");
	if (!next_word(&rest, &word))
		return throw_in(all, err, "is empty");
	if (eb_span_eq(word, "quote")) {
		quotes++;
		if (!next_word(&rest, &word))
			return throw_in(all, err, "quote has nothing to quote");
	}
	r = term(e, all, word, &value, err);
	if (r < 0)
		return r;
	while (next_word(&rest, &word)) {
		if (!eb_span_eq(word, "|") || !next_word(&rest, &word) ||
		    !eb_span_eq(word, "quote"))
			return throw_in(all, err, "is not understood");
		quotes++;
	}
	r = eb_buf_check(&value, "the result of a template", err);
	if (r < 0)
		return r;
	while (quotes--) {
		autofree char *text = eb_xstrdup(eb_buf_str(&value));

		eb_buf_clear(&value);
		add_quoted(text, &value);
	}
	eb_buf_adds(out, eb_buf_str(&value));
	return eb_buf_check(out, "the result of a template", err);
}

/* ---- texts ---- */

static bool is_comment(struct eb_span s)
{
	s = eb_span_trim(s);
	return s.len >= 4 && eb_span_starts(s, "/*") && eb_span_ends(s, "*/");
}

/* Where "}}" ends the expression at p: not inside a text in quotes. */
static const char *find_end(const char *p)
{
	char quote = 0;

	for (; *p; p++) {
		if (quote) {
			if (*p == '\\' && quote == '"' && p[1])
				p++;
			else if (*p == quote)
				quote = 0;
		} else if (*p == '"' || *p == '`') {
			quote = *p;
		} else if (p[0] == '}' && p[1] == '}') {
			return p;
		}
	}
	return NULL;
}

static void trim_end(struct eb_buf *out, size_t from)
{
	while (out->len > from && strchr(" \t\r\n", out->data[out->len - 1]))
		out->data[--out->len] = '\0';
}

static int evaluate(struct eval *e, const char *text, struct eb_buf *out, struct eb_error **err)
{
	size_t from = out->len;
	int r = 0;

	if (++e->depth > RND_TEMPLATE_MAX_DEPTH)
		return eb_throw(err, EB_E_FORMAT,
				"templates refer to each other in a circle, or more than %d deep",
				RND_TEMPLATE_MAX_DEPTH);
	while (r >= 0) {
		const char *open = strstr(text, "{{"), *end = open ? find_end(open + 2) : NULL;
		struct eb_span inner;
		bool trim_after;

		if (!open)
			break;
		if (!end)
			return eb_throw(err, EB_E_FORMAT, "template: '{{' without '}}'");
		eb_buf_add(out, text, (size_t)(open - text));
		inner = (struct eb_span){ open + 2, (size_t)(end - open - 2) };
		if (inner.len >= 2 && inner.ptr[0] == '-' && strchr(" \t\r\n", inner.ptr[1])) {
			trim_end(out, from);
			inner = (struct eb_span){ inner.ptr + 1, inner.len - 1 };
		}
		trim_after = inner.len >= 2 && inner.ptr[inner.len - 1] == '-' &&
			     strchr(" \t\r\n", inner.ptr[inner.len - 2]);
		inner.len -= trim_after;
		if (!is_comment(inner))
			r = expression(e, inner, out, err);
		text = end + 2;
		if (trim_after)
			text += strspn(text, " \t\r\n");
	}
	e->depth--;
	if (r < 0)
		return r;
	eb_buf_adds(out, text);
	return eb_buf_check(out, "the result of a template", err);
}

int rnd_template_text(const struct rnd_template *t, const char *text, char **ret,
		      struct eb_error **err)
{
	struct eval e = { .t = t };
	EB_AUTOBUF(out, RND_TEMPLATE_MAX_BYTES);
	int r = evaluate(&e, text, &out, err);

	if (r >= 0)
		*ret = eb_xstrdup(eb_buf_str(&out));
	return r;
}

/* ---- values ---- */

struct walk {
	struct rnd_template t;
	const json_t *places;
	struct eb_buf path;
};

static int walk(struct walk *w, const json_t *node, json_t *v, bool templated,
		struct eb_error **err);

static int walk_text(struct walk *w, json_t *v, struct eb_error **err)
{
	const char *path = eb_buf_str(&w->path), *place;
	autofree char *text = NULL;
	int r;

	if (!strstr(json_string_value(v), "{{"))
		return 0;
	r = rnd_template_text(&w->t, json_string_value(v), &text, err);
	if (r >= 0) {
		json_string_set(v, text);
		return 0;
	}
	place = w->places ? rnd_path_place(w->places, path) : NULL;
	return eb_prefix(err, r, "%s%s%s", place ? place : "", place ? ": " : "", path);
}

static int walk_object(struct walk *w, const json_t *node, json_t *v, bool templated,
		       struct eb_error **err)
{
	const char *key;
	json_t *member;
	int r = 0;

	json_object_foreach(v, key, member)
	{
		size_t n = w->path.len;

		rnd_path_key(&w->path, key);
		r = walk(w, node ? rnd_schema_member(w->t.schema, node, key) : NULL, member,
			 templated, err);
		rnd_path_cut(&w->path, n);
		if (r < 0)
			break;
	}
	return r;
}

static int walk(struct walk *w, const json_t *node, json_t *v, bool templated,
		struct eb_error **err)
{
	json_t *one;
	size_t i;
	int r = 0;

	if (node)
		templated |= json_is_true(rnd_schema_keyword(w->t.schema, node, "x-templated"));
	if (json_is_string(v))
		return templated ? walk_text(w, v, err) : 0;
	if (json_is_object(v))
		return walk_object(w, node, v, templated, err);
	json_array_foreach(v, i, one)
	{
		size_t n = w->path.len;

		rnd_path_index(&w->path, i);
		r = walk(w, node ? rnd_schema_items(w->t.schema, node) : NULL, one, templated, err);
		rnd_path_cut(&w->path, n);
		if (r < 0)
			break;
	}
	return r;
}

int rnd_template_values(const json_t *schema, json_t *values, const json_t *places,
			const char *release, const char *namespace_, struct eb_error **err)
{
	struct walk w = { .t = { values, schema, release, namespace_ }, .places = places };
	int r;

	eb_buf_init(&w.path, 1024 * 1024);
	r = walk(&w, schema, values, false, err);
	eb_buf_release(&w.path);
	return r;
}
