/* Is the schema itself one that can be used. */
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "render/schema.h"

enum shape { ANY, TEXT, NUMBER, BOOLEAN, LIST, SCHEMA, SCHEMAS, MEMBERS, SCHEMA_OR_BOOL, TYPES };

static const struct {
	const char *name;
	enum shape shape;
} known[] = {
	{ "$schema", TEXT },
	{ "$id", TEXT },
	{ "$comment", TEXT },
	{ "$defs", MEMBERS },
	{ "$ref", TEXT },
	{ "title", TEXT },
	{ "description", TEXT },
	{ "format", TEXT },
	{ "examples", LIST },
	{ "deprecated", BOOLEAN },
	{ "default", ANY },
	{ "type", TYPES },
	{ "enum", LIST },
	{ "const", ANY },
	{ "minimum", NUMBER },
	{ "maximum", NUMBER },
	{ "exclusiveMinimum", NUMBER },
	{ "exclusiveMaximum", NUMBER },
	{ "minLength", NUMBER },
	{ "maxLength", NUMBER },
	{ "pattern", TEXT },
	{ "items", SCHEMA_OR_BOOL },
	{ "minItems", NUMBER },
	{ "maxItems", NUMBER },
	{ "uniqueItems", BOOLEAN },
	{ "properties", MEMBERS },
	{ "patternProperties", MEMBERS },
	{ "additionalProperties", SCHEMA_OR_BOOL },
	{ "required", LIST },
	{ "minProperties", NUMBER },
	{ "maxProperties", NUMBER },
	{ "allOf", SCHEMAS },
	{ "anyOf", SCHEMAS },
	{ "oneOf", SCHEMAS },
	{ "not", SCHEMA },
};

struct check {
	const json_t *root;
	struct eb_buf at;
};

static int check_node(struct check *c, const json_t *node, unsigned int depth,
		      struct eb_error **err);

static int wrong(struct check *c, const char *keyword, const char *what, struct eb_error **err)
{
	return eb_throw(err, EB_E_FORMAT, "schema, at '#%s': %s: %s", eb_buf_str(&c->at), keyword,
			what);
}

static int check_inside(struct check *c, const json_t *node, const char *step, unsigned int depth,
			struct eb_error **err)
{
	size_t n = c->at.len;
	int r;

	eb_buf_addf(&c->at, "/%s", step);
	r = check_node(c, node, depth + 1, err);
	c->at.len = n;
	if (c->at.data)
		c->at.data[n] = '\0';
	return r;
}

static int check_list(struct check *c, const char *keyword, const json_t *list, unsigned int depth,
		      struct eb_error **err)
{
	json_t *one;
	size_t i;
	int r = 0;

	if (json_array_size(list) == 0)
		return wrong(c, keyword, "expected a list of schemas", err);
	json_array_foreach(list, i, one)
	{
		if (r >= 0)
			r = check_inside(c, one, keyword, depth, err);
	}
	return r;
}

static int check_members(struct check *c, const char *keyword, const json_t *members,
			 unsigned int depth, struct eb_error **err)
{
	bool patterns = strcmp(keyword, "patternProperties") == 0, matches;
	const char *key;
	json_t *sub;
	int r = 0;

	if (!json_is_object(members))
		return wrong(c, keyword, "expected an object of schemas", err);
	json_object_foreach((json_t *)(uintptr_t)members, key, sub)
	{
		if (r >= 0 && patterns)
			r = rnd_schema_match(key, "", &matches, err);
		if (r >= 0)
			r = check_inside(c, sub, key, depth, err);
	}
	return r;
}

static bool is_type(const json_t *t)
{
	static const char *const types[] = { "object",	"array",   "string", "number",
					     "integer", "boolean", "null" };

	for (size_t i = 0; json_is_string(t) && i < EB_ARRAY_LEN(types); i++)
		if (strcmp(json_string_value(t), types[i]) == 0)
			return true;
	return false;
}

static bool are_types(const json_t *t)
{
	json_t *one;
	size_t i;

	if (is_type(t))
		return true;
	json_array_foreach(t, i, one)
	{
		if (!is_type(one))
			return false;
	}
	return json_array_size(t) > 0;
}

static int check_keyword(struct check *c, const char *keyword, enum shape shape, const json_t *v,
			 unsigned int depth, struct eb_error **err)
{
	switch (shape) {
	case ANY:
		return 0;
	case TEXT:
		return json_is_string(v) ? 0 : wrong(c, keyword, "expected text", err);
	case NUMBER:
		return json_is_number(v) ? 0 : wrong(c, keyword, "expected a number", err);
	case BOOLEAN:
		return json_is_boolean(v) ? 0 : wrong(c, keyword, "expected true or false", err);
	case LIST:
		return json_is_array(v) ? 0 : wrong(c, keyword, "expected a list", err);
	case TYPES:
		return are_types(v) ? 0 : wrong(c, keyword, "expected names of types", err);
	case SCHEMA:
		return check_inside(c, v, keyword, depth, err);
	case SCHEMA_OR_BOOL:
		return json_is_boolean(v) ? 0 : check_inside(c, v, keyword, depth, err);
	case SCHEMAS:
		return check_list(c, keyword, v, depth, err);
	case MEMBERS:
		return check_members(c, keyword, v, depth, err);
	}
	return 0;
}

static int check_ref(struct check *c, const json_t *node, struct eb_error **err)
{
	const char *ref = json_string_value(json_object_get(node, "$ref"));
	const char *pattern = json_string_value(json_object_get(node, "pattern"));
	struct rnd_schema_parts p;
	bool matches;

	rnd_schema_parts(c->root, node, &p);
	if (p.n == RND_SCHEMA_MAX_PARTS)
		return wrong(c, "$ref, allOf", "refer to too many schemas, or to themselves", err);
	if (ref && (strncmp(ref, "#/$defs/", 8) != 0 ||
		    !json_object_get(json_object_get(c->root, "$defs"), ref + 8)))
		return wrong(c, "$ref", "expected '#/$defs/NAME' of a schema that is there", err);
	return pattern ? rnd_schema_match(pattern, "", &matches, err) : 0;
}

static int check_node(struct check *c, const json_t *node, unsigned int depth,
		      struct eb_error **err)
{
	const char *keyword;
	json_t *v;
	int r;

	if (!json_is_object(node))
		return wrong(c, "schema", "expected an object", err);
	if (depth > RND_SCHEMA_MAX_DEPTH)
		return wrong(c, "schema", "nested too deeply", err);
	r = check_ref(c, node, err);
	json_object_foreach((json_t *)(uintptr_t)node, keyword, v)
	{
		size_t i = 0;

		if (r < 0)
			break;
		if (strncmp(keyword, "x-", 2) == 0)
			continue;
		while (i < EB_ARRAY_LEN(known) && strcmp(keyword, known[i].name) != 0)
			i++;
		if (i == EB_ARRAY_LEN(known))
			return wrong(c, keyword, "is no keyword that is known here", err);
		r = check_keyword(c, keyword, known[i].shape, v, depth, err);
	}
	return r;
}

int rnd_schema_check(const json_t *schema, struct eb_error **err)
{
	struct check c = { .root = schema };
	int r;

	eb_buf_init(&c.at, 65536);
	r = check_node(&c, schema, 0, err);
	eb_buf_release(&c.at);
	return r;
}
