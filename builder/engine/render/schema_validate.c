/* Values held against their schema. The first thing that is wrong is reported, with its place. */
#include <stdarg.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/span.h"
#include "render/path.h"
#include "render/schema.h"

enum { MAX_NAMES = 500, SHOWN_BYTES = 80 };

struct checker {
	const json_t *root, *places;
	struct eb_buf path;
	unsigned int depth;
};

static int validate(struct checker *c, const json_t *node, const json_t *v, struct eb_error **err);

/* ---- what to say ---- */

static int fail(struct checker *c, struct eb_error **err, const char *fmt, ...) EB_PRINTF(3, 4);
static int fail(struct checker *c, struct eb_error **err, const char *fmt, ...)
{
	const char *path = c->path.len ? eb_buf_str(&c->path) : "values";
	const char *place = c->places ? rnd_path_place(c->places, path) : NULL;
	autofree char *text = NULL, *shown = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = eb_xvasprintf(fmt, ap);
	va_end(ap);
	shown = eb_printable(text, 1000);
	return eb_throw(err, EB_E_FORMAT, "%s%s%s: %s", place ? place : "", place ? ": " : "", path,
			shown);
}

static size_t characters(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

/* "text of 9 characters", "a number", "a list" (heap). Any text or number may be a secret, and
 * messages end in logs: they are shown only where the node has a fixed choice. */
static char *describe(const json_t *node, const json_t *v)
{
	bool shown = json_object_get(node, "enum") || json_object_get(node, "const");
	autofree char *text = NULL;

	if (json_is_object(v))
		return eb_xstrdup("keys with values");
	if (json_is_array(v))
		return eb_xstrdup("a list");
	if (json_is_null(v))
		return eb_xstrdup("nothing (null)");
	if (json_is_string(v) && !shown)
		return eb_xasprintf("text of %zu characters", characters(json_string_value(v)));
	if (json_is_number(v) && !shown)
		return eb_xstrdup(json_is_integer(v) ? "a number" : "a number with a fraction");
	text = json_is_string(v) ? eb_xstrdup(json_string_value(v)) : eb_json_canonical(v, NULL);
	if (json_is_string(v))
		return eb_xasprintf("the text '%.*s'", SHOWN_BYTES, text);
	return eb_xasprintf("%s%s", json_is_number(v) ? "the number " : "", text);
}

static const char *type_text(const char *type)
{
	static const char *const texts[][2] = {
		{ "object", "keys with values" },
		{ "array", "a list" },
		{ "string", "text" },
		{ "number", "a number" },
		{ "integer", "a whole number" },
		{ "boolean", "true or false" },
		{ "null", "nothing (null)" },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(texts); i++)
		if (strcmp(type, texts[i][0]) == 0)
			return texts[i][1];
	return type;
}

/* ---- single rules ---- */

static bool has_type(const json_t *v, const char *type)
{
	if (strcmp(type, "integer") == 0)
		return json_is_integer(v);
	if (strcmp(type, "number") == 0)
		return json_is_number(v);
	if (strcmp(type, "boolean") == 0)
		return json_is_boolean(v);
	if (strcmp(type, "string") == 0)
		return json_is_string(v);
	if (strcmp(type, "null") == 0)
		return json_is_null(v);
	return strcmp(type, "array") == 0 ? json_is_array(v) : json_is_object(v);
}

static int check_type(struct checker *c, const json_t *node, const json_t *v, struct eb_error **err)
{
	const json_t *type = json_object_get(node, "type");
	autofree char *found = NULL;
	EB_AUTOBUF(want, 300);
	json_t *one;
	size_t i;

	if (!type || (json_is_string(type) && has_type(v, json_string_value(type))))
		return 0;
	json_array_foreach(type, i, one)
	{
		if (has_type(v, json_string_value(one)))
			return 0;
		eb_buf_addf(&want, "%s%s", i ? " or " : "", type_text(json_string_value(one)));
	}
	if (json_is_string(type))
		eb_buf_adds(&want, type_text(json_string_value(type)));
	found = describe(node, v);
	return fail(c, err, "expected %s, found %s", eb_buf_str(&want), found);
}

static int check_choice(struct checker *c, const json_t *node, const json_t *v,
			struct eb_error **err)
{
	const json_t *choices = json_object_get(node, "enum"),
		     *only = json_object_get(node, "const");
	autofree char *found = NULL;
	EB_AUTOBUF(want, 600);
	json_t *one;
	size_t i;

	if (only && !json_equal(only, v)) {
		autofree char *text = eb_json_canonical(only, NULL);

		found = describe(node, v);
		return fail(c, err, "expected %s, found %s", text, found);
	}
	if (!choices)
		return 0;
	json_array_foreach(choices, i, one)
	{
		autofree char *text = eb_json_canonical(one, NULL);

		if (json_equal(one, v))
			return 0;
		eb_buf_addf(&want, "%s%s", i ? ", " : "", text);
	}
	found = describe(node, v);
	return fail(c, err, "expected one of %s; found %s", eb_buf_str(&want), found);
}

static int check_number(struct checker *c, const json_t *node, const json_t *v,
			struct eb_error **err)
{
	static const struct {
		const char *keyword, *text;
		bool upper, strict;
	} bounds[] = {
		{ "minimum", "at least", false, false },
		{ "maximum", "at most", true, false },
		{ "exclusiveMinimum", "more than", false, true },
		{ "exclusiveMaximum", "less than", true, true },
	};
	double x = json_number_value(v);

	for (size_t i = 0; i < EB_ARRAY_LEN(bounds); i++) {
		const json_t *bound = json_object_get(node, bounds[i].keyword);
		double b = json_number_value(bound);
		bool fine = bounds[i].upper ? x < b : x > b;

		if (bound && !fine && (bounds[i].strict || x != b))
			return fail(c, err, "expected %s %g, found %g", bounds[i].text, b, x);
	}
	return 0;
}

/* The value of a keyword that counts something: 0 and SIZE_MAX when it is missing. */
static size_t least(const json_t *node, const char *keyword)
{
	const json_t *v = json_object_get(node, keyword);

	return json_is_integer(v) && json_integer_value(v) > 0 ? (size_t)json_integer_value(v) : 0;
}

static size_t most(const json_t *node, const char *keyword)
{
	const json_t *v = json_object_get(node, keyword);

	return json_is_integer(v) && json_integer_value(v) >= 0 ? (size_t)json_integer_value(v)
								: SIZE_MAX;
}

static int check_count(struct checker *c, size_t n, size_t min, size_t max, const char *what,
		       struct eb_error **err)
{
	if (n < min)
		return fail(c, err, "expected at least %zu %s, found %zu", min, what, n);
	if (n > max)
		return fail(c, err, "expected at most %zu %s, found %zu", max, what, n);
	return 0;
}

static int check_text(struct checker *c, const json_t *node, const json_t *v, struct eb_error **err)
{
	const char *text = json_string_value(v);
	const char *pattern = json_string_value(json_object_get(node, "pattern"));
	bool matches = true;
	int r = check_count(c, characters(text), least(node, "minLength"), most(node, "maxLength"),
			    "characters", err);

	if (r < 0)
		return r;
	/* What will be evaluated is held against the pattern when it was. */
	if (pattern &&
	    !(strstr(text, "{{") && json_is_true(json_object_get(node, "x-templated")))) {
		r = rnd_schema_match(pattern, text, &matches, err);
		if (r < 0)
			return r;
	}
	if (matches)
		return 0;
	return fail(c, err, "text of %zu characters does not match %s", characters(text), pattern);
}

static int check_list(struct checker *c, const json_t *node, const json_t *v, struct eb_error **err)
{
	const json_t *items = json_object_get(node, "items");
	bool unique = json_is_true(json_object_get(node, "uniqueItems"));
	json_t *one;
	size_t i;
	int r = check_count(c, json_array_size(v), least(node, "minItems"), most(node, "maxItems"),
			    "items", err);

	json_array_foreach(v, i, one)
	{
		size_t n = c->path.len;

		if (r < 0)
			return r;
		rnd_path_index(&c->path, i);
		for (size_t k = 0; unique && k < i && r >= 0; k++)
			if (json_equal(one, json_array_get(v, k)))
				r = fail(c, err, "is there twice");
		if (r >= 0 && json_is_object(items))
			r = validate(c, items, one, err);
		rnd_path_cut(&c->path, n);
	}
	return r;
}

/* ---- objects ---- */

static int unknown_key(struct checker *c, const json_t *node, const char *key,
		       struct eb_error **err)
{
	const char *names[MAX_NAMES + 1] = { NULL }, *name, *near;
	EB_AUTOBUF(all, 2000);
	size_t n = 0;
	json_t *sub;
	int r;

	json_object_foreach(json_object_get(node, "properties"), name, sub)
	{
		if (n < MAX_NAMES && !json_object_get(sub, "x-removed")) {
			eb_buf_addf(&all, "%s%s", n ? ", " : "", name);
			names[n++] = name;
		}
	}
	near = eb_nearest(key, names);
	if (near)
		return fail(c, err, "unknown key; did you mean '%s'?", near);
	r = fail(c, err, "unknown key");
	return n ? eb_hint(err, r, "known there: %s", eb_buf_str(&all)) : r;
}

static int check_member(struct checker *c, const json_t *node, const char *key, const json_t *v,
			struct eb_error **err)
{
	const json_t *sub = json_object_get(json_object_get(node, "properties"), key);
	const json_t *others = json_object_get(node, "additionalProperties");
	const char *removed, *pattern;
	json_t *by_pattern;
	bool found = sub != NULL;
	int r = 0;

	removed = json_string_value(json_object_get(sub, "x-removed"));
	if (removed)
		return fail(c, err, "was removed: %s", removed);
	if (sub)
		r = validate(c, sub, v, err);
	json_object_foreach(json_object_get(node, "patternProperties"), pattern, by_pattern)
	{
		bool matches = false;

		if (r >= 0)
			r = rnd_schema_match(pattern, key, &matches, err);
		if (r >= 0 && matches) {
			found = true;
			r = validate(c, by_pattern, v, err);
		}
	}
	if (r < 0 || found || !others)
		return r;
	if (json_is_false(others))
		return unknown_key(c, node, key, err);
	return json_is_object(others) ? validate(c, others, v, err) : 0;
}

static int check_object(struct checker *c, const json_t *node, const json_t *v,
			struct eb_error **err)
{
	const char *key;
	json_t *member;
	size_t i;
	int r = 0;

	json_object_foreach((json_t *)(uintptr_t)v, key, member)
	{
		size_t n = c->path.len;

		rnd_path_key(&c->path, key);
		r = check_member(c, node, key, member, err);
		rnd_path_cut(&c->path, n);
		if (r < 0)
			return eb_is_failure(r);
	}
	json_array_foreach(json_object_get(node, "required"), i, member)
	{
		key = json_string_value(member);
		if (key && !json_object_get(v, key))
			return fail(c, err, "key '%s' is missing", key);
	}
	return check_count(c, json_object_size(v), least(node, "minProperties"),
			   most(node, "maxProperties"), "keys", err);
}

/* ---- alternatives ---- */

static bool is_valid(struct checker *c, const json_t *node, const json_t *v)
{
	autoerror struct eb_error *e = NULL;

	return validate(c, node, v, &e) >= 0;
}

/* "either value, or secret and secretKey": what the alternatives require, where they say so. */
static void tell_alternatives(const json_t *list, struct eb_buf *out)
{
	json_t *one, *key;
	size_t i, k;

	json_array_foreach(list, i, one)
	{
		const json_t *required = json_object_get(one, "required");

		eb_buf_adds(out, i ? ", or " : "either ");
		json_array_foreach(required, k, key)
		{
			eb_buf_addf(out, "%s%s", k ? " and " : "", json_string_value(key));
		}
		if (!required)
			eb_buf_adds(out, json_object_get(one, "maxProperties") ? "nothing"
									       : "another form");
	}
}

static int check_alternatives(struct checker *c, const json_t *node, const json_t *v,
			      struct eb_error **err)
{
	static const char *const keywords[] = { "anyOf", "oneOf" };
	const json_t *no = json_object_get(node, "not");

	for (size_t k = 0; k < EB_ARRAY_LEN(keywords); k++) {
		const json_t *list = json_object_get(node, keywords[k]);
		EB_AUTOBUF(want, 600);
		size_t i, fit = 0;
		json_t *one;

		json_array_foreach(list, i, one)
		{
			fit += is_valid(c, one, v);
		}
		if (!list || fit == 1 || (fit > 1 && k == 0))
			continue;
		tell_alternatives(list, &want);
		return fail(c, err, "expected %s", eb_buf_str(&want));
	}
	if (no && is_valid(c, no, v))
		return fail(c, err, "is what may not be here");
	return 0;
}

static int validate_part(struct checker *c, const json_t *node, const json_t *v,
			 struct eb_error **err)
{
	int r = check_type(c, node, v, err);

	if (r >= 0)
		r = check_choice(c, node, v, err);
	if (r >= 0 && json_is_number(v))
		r = check_number(c, node, v, err);
	if (r >= 0 && json_is_string(v))
		r = check_text(c, node, v, err);
	if (r >= 0 && json_is_array(v))
		r = check_list(c, node, v, err);
	if (r >= 0 && json_is_object(v))
		r = check_object(c, node, v, err);
	return r < 0 ? r : check_alternatives(c, node, v, err);
}

static int validate(struct checker *c, const json_t *node, const json_t *v, struct eb_error **err)
{
	struct rnd_schema_parts p;
	int r = 0;

	if (c->depth >= RND_SCHEMA_MAX_DEPTH)
		return fail(c, err, "nested too deeply");
	c->depth++;
	rnd_schema_parts(c->root, node, &p);
	for (size_t i = 0; i < p.n && r >= 0; i++)
		r = validate_part(c, p.items[i], v, err);
	c->depth--;
	return r;
}

int rnd_schema_validate(const json_t *schema, const json_t *values, const json_t *places,
			struct eb_error **err)
{
	struct checker c = { .root = schema, .places = places };
	int r;

	eb_buf_init(&c.path, 1024 * 1024);
	r = validate(&c, schema, values, err);
	eb_buf_release(&c.path);
	return r;
}
