#include "render/values_text.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "render/path.h"
#include "render/schema.h"
#include "render/yaml_read.h"

struct walk {
	const json_t *schema, *places;
	struct eb_buf path;
};

static int walk(struct walk *w, const json_t *node, const json_t *v, struct eb_error **err);

static int parse(const char *kind, const char *text, json_t **ret, struct eb_error **err)
{
	json_error_t where;

	if (strcmp(kind, "yaml") == 0)
		return rnd_yaml_read("its text", text, strlen(text), NULL, ret, err);
	*ret = json_loads(text, JSON_REJECT_DUPLICATES, &where);
	return *ret ? 0
		    : eb_throw(err, EB_E_FORMAT, "its text:%d:%d: is no JSON: %s", where.line,
			       where.column, where.text);
}

static int check(struct walk *w, const char *kind, const char *text, struct eb_error **err)
{
	const char *path = eb_buf_str(&w->path);
	const char *place = w->places ? rnd_path_place(w->places, path) : NULL;
	autojson json_t *document = NULL;
	int r = parse(kind, text, &document, err);

	if (r >= 0 && !json_is_object(document))
		r = eb_throw(err, EB_E_FORMAT, "its text: is no %s mapping", kind);
	return r < 0 ? eb_prefix(err, r, "%s%s%s", place ? place : "", place ? ": " : "", path) : 0;
}

static int walk_members(struct walk *w, const json_t *node, const json_t *v, struct eb_error **err)
{
	const char *key;
	json_t *member;
	int r = 0;

	json_object_foreach((json_t *)(uintptr_t)v, key, member)
	{
		const json_t *sub = rnd_schema_member(w->schema, node, key);
		size_t n = w->path.len;

		if (!sub)
			continue;
		rnd_path_key(&w->path, key);
		r = walk(w, sub, member, err);
		rnd_path_cut(&w->path, n);
		if (r < 0)
			break;
	}
	return r;
}

/* Only as deep as the schema knows what is there. */
static int walk(struct walk *w, const json_t *node, const json_t *v, struct eb_error **err)
{
	const char *kind = json_string_value(rnd_schema_keyword(w->schema, node, "x-text"));
	const json_t *items = rnd_schema_items(w->schema, node), *one;
	size_t i;
	int r = 0;

	if (json_is_string(v))
		return kind ? check(w, kind, json_string_value(v), err) : 0;
	if (json_is_object(v))
		return walk_members(w, node, v, err);
	if (!items)
		return 0;
	json_array_foreach(v, i, one)
	{
		size_t n = w->path.len;

		rnd_path_index(&w->path, i);
		r = walk(w, items, one, err);
		rnd_path_cut(&w->path, n);
		if (r < 0)
			break;
	}
	return r;
}

int rnd_check_texts(const json_t *schema, const json_t *values, const json_t *places,
		    struct eb_error **err)
{
	struct walk w = { .schema = schema, .places = places };
	int r;

	eb_buf_init(&w.path, 1024 * 1024);
	r = walk(&w, schema, values, err);
	eb_buf_release(&w.path);
	return r;
}
