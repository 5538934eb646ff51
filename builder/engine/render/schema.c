#include "render/schema.h"

#include <regex.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "render/path.h"

static const json_t *resolve(const json_t *root, const char *ref)
{
	static const char prefix[] = "#/$defs/";

	if (strncmp(ref, prefix, sizeof(prefix) - 1) != 0)
		return NULL;
	return json_object_get(json_object_get(root, "$defs"), ref + sizeof(prefix) - 1);
}

static void add_parts(const json_t *root, const json_t *node, struct rnd_schema_parts *p)
{
	const char *ref = json_string_value(json_object_get(node, "$ref"));
	json_t *one;
	size_t i;

	if (!json_is_object(node) || p->n == RND_SCHEMA_MAX_PARTS)
		return;
	p->items[p->n++] = node;
	if (ref)
		add_parts(root, resolve(root, ref), p);
	json_array_foreach(json_object_get(node, "allOf"), i, one)
	{
		add_parts(root, one, p);
	}
}

void rnd_schema_parts(const json_t *root, const json_t *node, struct rnd_schema_parts *ret)
{
	ret->n = 0;
	add_parts(root, node, ret);
}

const json_t *rnd_schema_keyword(const json_t *root, const json_t *node, const char *keyword)
{
	struct rnd_schema_parts p;

	rnd_schema_parts(root, node, &p);
	for (size_t i = 0; i < p.n; i++) {
		const json_t *v = json_object_get(p.items[i], keyword);

		if (v)
			return v;
	}
	return NULL;
}

int rnd_schema_match(const char *pattern, const char *text, bool *ret, struct eb_error **err)
{
	regex_t re;

	if (strlen(pattern) > RND_SCHEMA_MAX_PATTERN ||
	    regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return eb_throw(err, EB_E_FORMAT, "'%.100s' is no pattern that can be used",
				pattern);
	*ret = regexec(&re, text, 0, NULL, 0) == 0;
	regfree(&re);
	return 0;
}

static const json_t *pattern_member(const json_t *part, const char *key)
{
	const char *pattern;
	json_t *sub;

	json_object_foreach(json_object_get(part, "patternProperties"), pattern, sub)
	{
		bool matches = false;

		if (rnd_schema_match(pattern, key, &matches, NULL) >= 0 && matches)
			return sub;
	}
	return NULL;
}

const json_t *rnd_schema_member(const json_t *root, const json_t *node, const char *key)
{
	struct rnd_schema_parts p;
	const json_t *v = NULL;

	rnd_schema_parts(root, node, &p);
	for (size_t i = 0; i < p.n && !v; i++)
		v = json_object_get(json_object_get(p.items[i], "properties"), key);
	for (size_t i = 0; i < p.n && !v; i++)
		v = pattern_member(p.items[i], key);
	for (size_t i = 0; i < p.n && !json_is_object(v); i++)
		v = json_object_get(p.items[i], "additionalProperties");
	return json_is_object(v) ? v : NULL;
}

const json_t *rnd_schema_items(const json_t *root, const json_t *node)
{
	const json_t *v = rnd_schema_keyword(root, node, "items");

	return json_is_object(v) ? v : NULL;
}

const json_t *rnd_schema_find(const json_t *root, const char *path)
{
	const json_t *at = root;

	while (at && *path) {
		autofree char *key = NULL;
		size_t i;

		if (!rnd_path_step(&path, &key, &i))
			return NULL;
		at = key ? rnd_schema_member(root, at, key) : rnd_schema_items(root, at);
	}
	return at;
}

bool rnd_schema_allows(const json_t *root, const json_t *node, const char *type)
{
	const json_t *t = rnd_schema_keyword(root, node, "type");
	const json_t *values = rnd_schema_keyword(root, node, "enum");
	json_t *one;
	size_t i;

	if (values && strcmp(type, "null") == 0) {
		json_array_foreach(values, i, one)
		{
			if (json_is_null(one))
				return true;
		}
		return false;
	}
	if (!t)
		return true;
	if (json_is_string(t))
		return strcmp(json_string_value(t), type) == 0;
	json_array_foreach(t, i, one)
	{
		if (json_is_string(one) && strcmp(json_string_value(one), type) == 0)
			return true;
	}
	return false;
}

/* ---- defaults ---- */

static void merge_missing(json_t *value, const json_t *from)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)from, key, v)
	{
		json_t *have = json_object_get(value, key);

		if (!have)
			eb_json_set(value, key, json_deep_copy(v));
		else if (json_is_object(have) && json_is_object(v))
			merge_missing(have, v);
	}
}

static void fill(const json_t *root, const json_t *node, json_t *value, unsigned int depth);

static void fill_member(const json_t *root, const json_t *sub, json_t *value, const char *key,
			unsigned int depth)
{
	const json_t *def = rnd_schema_keyword(root, sub, "default");
	json_t *have = json_object_get(value, key);

	if (!have && !def)
		return;
	if (!have)
		eb_json_set(value, key, json_deep_copy(def));
	else if (json_is_object(have) && json_is_object(def))
		merge_missing(have, def);
	fill(root, sub, json_object_get(value, key), depth + 1);
}

static void fill_object(const json_t *root, const json_t *node, json_t *value, unsigned int depth)
{
	struct rnd_schema_parts p;
	const char *key;
	json_t *v;

	rnd_schema_parts(root, node, &p);
	for (size_t i = 0; i < p.n; i++) {
		json_object_foreach(json_object_get(p.items[i], "properties"), key, v)
		{
			fill_member(root, v, value, key, depth);
		}
	}
	/* What is in the object without being named by the schema. */
	json_object_foreach(value, key, v)
	{
		bool named = false;

		for (size_t i = 0; i < p.n; i++)
			named |= json_object_get(json_object_get(p.items[i], "properties"), key) !=
				 NULL;
		if (!named)
			fill(root, rnd_schema_member(root, node, key), v, depth + 1);
	}
}

static void fill(const json_t *root, const json_t *node, json_t *value, unsigned int depth)
{
	json_t *one;
	size_t i;

	/* rnd_schema_check() has seen that no default nests endlessly by its own doing. */
	if (!node || depth > RND_SCHEMA_MAX_DEPTH)
		return;
	if (json_is_object(value))
		fill_object(root, node, value, depth);
	json_array_foreach(value, i, one)
	{
		fill(root, rnd_schema_items(root, node), one, depth + 1);
	}
}

static void drop_nulls(const json_t *root, const json_t *node, json_t *value)
{
	const char *key;
	json_t *v;
	void *next;
	size_t i;

	if (!node)
		return;
	json_object_foreach_safe(value, next, key, v)
	{
		const json_t *sub = rnd_schema_member(root, node, key);

		if (json_is_null(v) && sub && !rnd_schema_allows(root, sub, "null"))
			json_object_del(value, key);
		else
			drop_nulls(root, sub, v);
	}
	json_array_foreach(value, i, v)
	{
		drop_nulls(root, rnd_schema_items(root, node), v);
	}
}

void rnd_schema_fill(const json_t *schema, json_t *values)
{
	fill(schema, schema, values, 0);
	drop_nulls(schema, schema, values);
}
