#include "render/explain.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/span.h"
#include "render/path.h"
#include "render/schema.h"
#include "render/yaml_write.h"

enum { MAX_KEYS = 1000, WIDTH = 100, MAX_DEPTH = 24, LINE_BYTES = 65536 };

/* ---- keys ---- */

static int by_text(const void *pa, const void *pb)
{
	return strcmp(*(const char *const *)pa, *(const char *const *)pb);
}

/* Names of the members that may be written, sorted and ended by NULL (heap). */
static const char **keys_of(const json_t *root, const json_t *node, size_t *ret_n)
{
	const char **keys = eb_xcalloc(MAX_KEYS + 1, sizeof(*keys)), *key;
	struct rnd_schema_parts p;
	json_t *sub;
	size_t n = 0;

	rnd_schema_parts(root, node, &p);
	for (size_t i = 0; i < p.n; i++) {
		json_object_foreach(json_object_get(p.items[i], "properties"), key, sub)
		{
			if (n < MAX_KEYS && !json_object_get(sub, "x-removed"))
				keys[n++] = key;
		}
	}
	if (n)
		qsort(keys, n, sizeof(*keys), by_text);
	*ret_n = n;
	return keys;
}

static const char *text_of(const json_t *root, const json_t *node, const char *keyword)
{
	const char *text = json_string_value(rnd_schema_keyword(root, node, keyword));

	return text ? text : "";
}

/* ---- one key ---- */

static void tell_type(const json_t *root, const json_t *node, struct eb_buf *out)
{
	static const char *const limits[] = { "enum",	   "const",	 "minimum", "maximum",
					      "minLength", "maxLength",	 "pattern", "minItems",
					      "maxItems",  "x-templated" };
	const json_t *type = rnd_schema_keyword(root, node, "type");
	json_t *one;
	size_t i;

	eb_buf_adds(out, "  type      ");
	if (json_is_string(type))
		eb_buf_adds(out, json_string_value(type));
	json_array_foreach(type, i, one)
	{
		eb_buf_addf(out, "%s%s", i ? " or " : "", json_string_value(one));
	}
	eb_buf_adds(out, type ? "\n" : "any\n");
	for (i = 0; i < EB_ARRAY_LEN(limits); i++) {
		const json_t *v = rnd_schema_keyword(root, node, limits[i]);
		autofree char *text = v ? eb_json_canonical(v, NULL) : NULL;

		if (text)
			eb_buf_addf(out, "  %-9s %s\n", i == 9 ? "template" : limits[i], text);
	}
}

static void tell_default(const json_t *root, const json_t *node, struct eb_buf *out)
{
	const json_t *v = rnd_schema_keyword(root, node, "default");
	autofree char *text = v ? eb_json_canonical(v, NULL) : NULL;

	eb_buf_addf(out, "  default   %s\n", text ? text : "none");
}

static void tell_keys(const json_t *root, const json_t *node, struct eb_buf *out)
{
	size_t n;
	autofree const char **keys = keys_of(root, node, &n);

	for (size_t i = 0; i < n; i++)
		eb_buf_addf(out, "%s%s  %s\n", i ? "" : "\n  keys\n", "  ", keys[i]);
	if (json_is_object(rnd_schema_keyword(root, node, "additionalProperties")))
		eb_buf_addf(out, "%s    any other name\n", n ? "" : "\n  keys\n");
}

static int not_found(const json_t *schema, const char *path, struct eb_error **err)
{
	autofree char *above = eb_xstrdup(path);
	const json_t *node = NULL;
	autofree const char **keys = NULL;
	const char *near, *wrong;
	size_t n = strlen(above);
	int r;

	while (n > 0 && !node) {
		do
			n--;
		while (n > 0 && above[n] != '.' && above[n] != '[');
		above[n] = '\0';
		node = rnd_schema_find(schema, above);
	}
	keys = keys_of(schema, node, &n);
	wrong = path + strlen(above) + (*above != '\0');
	near = eb_nearest(wrong, keys);
	r = eb_throw(err, EB_E_NOT_FOUND, "there is no value '%.200s'", path);
	return near ? eb_hint(err, r, "did you mean '%s%s%s'?", above, *above ? "." : "", near) : r;
}

int rnd_explain(const json_t *schema, const char *path, struct eb_buf *out, struct eb_error **err)
{
	const json_t *node = rnd_schema_find(schema, path), *removed;

	if (!node)
		return not_found(schema, path, err);
	removed = rnd_schema_keyword(schema, node, "x-removed");
	eb_buf_addf(out, "%s\n", *path ? path : "values");
	if (removed) {
		eb_buf_addf(out, "  was removed: %s\n", json_string_value(removed));
		return eb_buf_check(out, "explanation", err);
	}
	if (*text_of(schema, node, "description"))
		eb_buf_addf(out, "  %s\n\n", text_of(schema, node, "description"));
	tell_type(schema, node, out);
	tell_default(schema, node, out);
	tell_keys(schema, node, out);
	return eb_buf_check(out, "explanation", err);
}

/* ---- all of them ---- */

struct telling {
	const json_t *root;
	struct eb_buf *out;
};

static void indent(const struct telling *t, unsigned int level, const char *mark)
{
	for (unsigned int i = 0; i < level; i++)
		eb_buf_adds(t->out, "  ");
	eb_buf_adds(t->out, mark);
}

static void comment(const struct telling *t, unsigned int level, const char *text)
{
	struct eb_span rest = eb_span_str(text), word;
	size_t column = 0;

	while (eb_span_word(&rest, &word)) {
		if (column == 0 || column + word.len + 1 > WIDTH) {
			if (column)
				eb_buf_addc(t->out, '\n');
			indent(t, level, "#");
			column = 2 * level + 1;
		}
		eb_buf_addf(t->out, " %.*s", (int)word.len, word.ptr);
		column += word.len + 1;
	}
	if (column)
		eb_buf_addc(t->out, '\n');
}

/* "key: value", the lines of the value behind it at the same level. */
static void value(const struct telling *t, unsigned int level, const char *key, const json_t *v)
{
	autojson json_t *pair = eb_json_object();
	EB_AUTOBUF(text, LINE_BYTES);
	struct eb_span rest, line;

	eb_json_set(pair, key, json_deep_copy(v));
	rnd_yaml_write(pair, &text);
	rest = eb_span_str(eb_buf_str(&text));
	while (eb_span_next(&rest, '\n', &line)) {
		indent(t, level, "");
		eb_buf_add(t->out, line.ptr, line.len);
		eb_buf_addc(t->out, '\n');
	}
}

static bool has_keys(const json_t *root, const json_t *node)
{
	size_t n;

	free(keys_of(root, node, &n));
	return n > 0;
}

/* have: the defaults at this place, or NULL where there are none. */
static void tell_members(const struct telling *t, const json_t *node, const json_t *have,
			 unsigned int level)
{
	size_t n;
	autofree const char **keys = keys_of(t->root, node, &n);

	for (size_t i = 0; i < n && level < MAX_DEPTH; i++) {
		const json_t *sub = rnd_schema_member(t->root, node, keys[i]);
		const json_t *v = json_object_get(have, keys[i]);
		bool below = has_keys(t->root, sub);

		comment(t, level, text_of(t->root, sub, "description"));
		if (v && below && json_is_object(v) && json_object_size(v)) {
			indent(t, level, keys[i]);
			eb_buf_adds(t->out, ":\n");
			tell_members(t, sub, v, level + 1);
		} else if (v) {
			value(t, level, keys[i], v);
		} else {
			indent(t, level, "# ");
			eb_buf_addf(t->out, "%s:\n", keys[i]);
		}
	}
}

void rnd_explain_defaults(const json_t *schema, struct eb_buf *out)
{
	autojson json_t *defaults = eb_json_object();
	const struct telling t = { schema, out };

	rnd_schema_fill(schema, defaults);
	tell_members(&t, schema, defaults, 0);
}
