/* The YAML tree over libyaml's event parser. libyaml's own document loader is not used: it would
 * follow aliases, and its nodes do not say whether a scalar was quoted. */
#include "recipe/yaml.h"

#include <stdarg.h>
#include <yaml.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"

struct builder {
	yaml_parser_t parser;
	const char *file;
	struct eb_arena *arena;
	size_t nodes;
};

static void event_delete(yaml_event_t *ev)
{
	yaml_event_delete(ev);
}

/* Children of a list or map while their number is not known yet. */
struct growing {
	struct rcp_yaml **items;
	size_t n, alloc;
};

static void growing_release(struct growing *g)
{
	free(g->items);
}

static int throw_at(const struct builder *b, const yaml_mark_t *at, struct eb_error **err,
		    const char *fmt, ...) EB_PRINTF(4, 5);
static int throw_at(const struct builder *b, const yaml_mark_t *at, struct eb_error **err,
		    const char *fmt, ...)
{
	struct rcp_yaml place = { .file = b->file,
				  .line = (unsigned int)at->line + 1,
				  .column = (unsigned int)at->column + 1 };
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return rcp_yaml_throw(&place, err, "%s", text);
}

static int next_event(struct builder *b, yaml_event_t *ev, struct eb_error **err)
{
	const yaml_parser_t *p = &b->parser;
	const char *problem;

	if (yaml_parser_parse(&b->parser, ev))
		return 0;
	problem = p->problem ? p->problem : "not enough memory";
	if (p->error == YAML_READER_ERROR)
		return throw_at(b, &p->mark, err, "not UTF-8 text: %s", problem);
	if (p->context)
		return throw_at(b, &p->problem_mark, err, "not YAML: %s (%s at line %zu)", problem,
				p->context, p->context_mark.line + 1);
	return throw_at(b, &p->problem_mark, err, "not YAML: %s", problem);
}

static int new_node(struct builder *b, const yaml_event_t *ev, enum rcp_yaml_kind kind,
		    struct rcp_yaml **ret, struct eb_error **err)
{
	struct rcp_yaml *n;

	if (++b->nodes > RCP_YAML_MAX_NODES)
		return throw_at(b, &ev->start_mark, err, "more than %d values in one file",
				RCP_YAML_MAX_NODES);
	n = eb_arena_alloc(b->arena, sizeof(*n));
	n->kind = kind;
	n->file = b->file;
	n->line = (unsigned int)ev->start_mark.line + 1;
	n->column = (unsigned int)ev->start_mark.column + 1;
	*ret = n;
	return 0;
}

static int refuse_decoration(const struct builder *b, const yaml_event_t *ev,
			     const yaml_char_t *anchor, const yaml_char_t *tag,
			     struct eb_error **err)
{
	if (anchor)
		return throw_at(b, &ev->start_mark, err,
				"anchor '&%.40s': anchors and aliases are not allowed, "
				"write the value out",
				(const char *)anchor);
	if (tag)
		return throw_at(b, &ev->start_mark, err,
				"tag '%.40s': tags are not allowed, quote the value if it is text",
				(const char *)tag);
	return 0;
}

static int build_scalar(struct builder *b, const yaml_event_t *ev, struct rcp_yaml **ret,
			struct eb_error **err)
{
	const char *text = (const char *)ev->data.scalar.value;
	size_t n = ev->data.scalar.length;
	struct rcp_yaml *node;
	int r = refuse_decoration(b, ev, ev->data.scalar.anchor, ev->data.scalar.tag, err);

	if (r < 0)
		return r;
	if (memchr(text, '\0', n))
		return throw_at(b, &ev->start_mark, err, "a value may not contain a NUL character");
	r = new_node(b, ev, RCP_YAML_SCALAR, &node, err);
	if (r < 0)
		return r;
	node->text = eb_arena_strndup(b->arena, text, n);
	node->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	*ret = node;
	return 0;
}

static int build(struct builder *b, const yaml_event_t *ev, unsigned int depth,
		 struct rcp_yaml **ret, struct eb_error **err);

/* Nodes up to the event that ends the collection. */
static int build_children(struct builder *b, yaml_event_type_t end, unsigned int depth,
			  struct growing *g, struct eb_error **err)
{
	for (;;) {
		EB_CLEANUP(event_delete) yaml_event_t ev = { 0 };
		int r = next_event(b, &ev, err);

		if (r < 0)
			return r;
		if (ev.type == end)
			return 0;
		r = eb_grow(&g->items, &g->alloc, g->n + 1, sizeof(*g->items), RCP_YAML_MAX_NODES,
			    "values", err);
		if (r < 0)
			return r;
		r = build(b, &ev, depth + 1, &g->items[g->n], err);
		if (r < 0)
			return r;
		g->n++;
	}
}

static int by_key(const void *a, const void *b)
{
	const struct rcp_yaml *x = *(struct rcp_yaml *const *)a, *y = *(struct rcp_yaml *const *)b;
	int c = strcmp(x->text, y->text);

	if (c != 0)
		return c;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return (x->column > y->column) - (x->column < y->column);
}

static int refuse_duplicate_keys(const struct rcp_yaml *map, struct eb_error **err)
{
	autofree struct rcp_yaml **keys = NULL;

	if (map->n < 2)
		return 0;
	keys = eb_xmemdup(map->keys, map->n * sizeof(*keys));
	qsort(keys, map->n, sizeof(*keys), by_key);
	for (size_t i = 1; i < map->n; i++)
		if (strcmp(keys[i - 1]->text, keys[i]->text) == 0)
			return rcp_yaml_throw(keys[i], err,
					      "key '%.60s' is given twice; first at line %u",
					      keys[i]->text, keys[i - 1]->line);
	return 0;
}

static int build_map(struct builder *b, const yaml_event_t *ev, unsigned int depth,
		     struct rcp_yaml **ret, struct eb_error **err)
{
	EB_CLEANUP(growing_release) struct growing g = { 0 };
	struct rcp_yaml *map;
	int r = refuse_decoration(b, ev, ev->data.mapping_start.anchor, ev->data.mapping_start.tag,
				  err);

	if (r < 0)
		return r;
	r = new_node(b, ev, RCP_YAML_MAP, &map, err);
	if (r < 0)
		return r;
	r = build_children(b, YAML_MAPPING_END_EVENT, depth, &g, err);
	if (r < 0)
		return r;
	map->n = g.n / 2;
	map->keys = eb_arena_alloc(b->arena, map->n * sizeof(*map->keys));
	map->items = eb_arena_alloc(b->arena, map->n * sizeof(*map->items));
	for (size_t i = 0; i < map->n; i++) {
		if (g.items[2 * i]->kind != RCP_YAML_SCALAR)
			return rcp_yaml_throw(
				g.items[2 * i], err, "a key must be a word, found a %s",
				g.items[2 * i]->kind == RCP_YAML_LIST ? "list" : "mapping");
		map->keys[i] = g.items[2 * i];
		map->items[i] = g.items[2 * i + 1];
	}
	r = refuse_duplicate_keys(map, err);
	if (r < 0)
		return r;
	*ret = map;
	return 0;
}

static int build_list(struct builder *b, const yaml_event_t *ev, unsigned int depth,
		      struct rcp_yaml **ret, struct eb_error **err)
{
	EB_CLEANUP(growing_release) struct growing g = { 0 };
	struct rcp_yaml *list;
	int r = refuse_decoration(b, ev, ev->data.sequence_start.anchor,
				  ev->data.sequence_start.tag, err);

	if (r < 0)
		return r;
	r = new_node(b, ev, RCP_YAML_LIST, &list, err);
	if (r < 0)
		return r;
	r = build_children(b, YAML_SEQUENCE_END_EVENT, depth, &g, err);
	if (r < 0)
		return r;
	list->n = g.n;
	list->items = eb_arena_alloc(b->arena, g.n * sizeof(*list->items));
	if (g.n)
		memcpy(list->items, g.items, g.n * sizeof(*list->items));
	*ret = list;
	return 0;
}

static int build(struct builder *b, const yaml_event_t *ev, unsigned int depth,
		 struct rcp_yaml **ret, struct eb_error **err)
{
	if (depth > RCP_YAML_MAX_DEPTH)
		return throw_at(b, &ev->start_mark, err, "nested more than %d deep",
				RCP_YAML_MAX_DEPTH);
	if (ev->type == YAML_SCALAR_EVENT)
		return build_scalar(b, ev, ret, err);
	if (ev->type == YAML_MAPPING_START_EVENT)
		return build_map(b, ev, depth, ret, err);
	if (ev->type == YAML_SEQUENCE_START_EVENT)
		return build_list(b, ev, depth, ret, err);
	if (ev->type == YAML_ALIAS_EVENT)
		return throw_at(b, &ev->start_mark, err,
				"alias '*%.40s': anchors and aliases are not allowed, "
				"write the value out",
				(const char *)ev->data.alias.anchor);
	return throw_at(b, &ev->start_mark, err, "expected a value");
}

/* The next event must be of this type. */
static int expect(struct builder *b, yaml_event_type_t type, const char *otherwise,
		  struct eb_error **err)
{
	EB_CLEANUP(event_delete) yaml_event_t ev = { 0 };
	int r = next_event(b, &ev, err);

	if (r < 0)
		return r;
	if (ev.type != type)
		return throw_at(b, &ev.start_mark, err, "%s", otherwise);
	return 0;
}

static int build_document(struct builder *b, struct rcp_yaml **ret, struct eb_error **err)
{
	EB_CLEANUP(event_delete) yaml_event_t ev = { 0 };
	struct rcp_yaml *root;
	int r = expect(b, YAML_STREAM_START_EVENT, "expected YAML", err);

	if (r < 0)
		return r;
	r = expect(b, YAML_DOCUMENT_START_EVENT, "the file is empty", err);
	if (r < 0)
		return r;
	r = next_event(b, &ev, err);
	if (r < 0)
		return r;
	r = build(b, &ev, 1, &root, err);
	if (r < 0)
		return r;
	r = expect(b, YAML_DOCUMENT_END_EVENT, "expected the end of the document", err);
	if (r < 0)
		return r;
	r = expect(b, YAML_STREAM_END_EVENT, "a second document starts here, only one is allowed",
		   err);
	if (r < 0)
		return r;
	*ret = root;
	return 0;
}

int rcp_yaml_parse(const char *file, const char *text, size_t n, struct eb_arena *arena,
		   struct rcp_yaml **ret, struct eb_error **err)
{
	struct builder b = { .file = eb_arena_strdup(arena, file), .arena = arena };
	int r;

	if (n > RCP_YAML_MAX_BYTES)
		return eb_throw(err, EB_E_RECIPE, "%s:1:1: larger than %d bytes", file,
				RCP_YAML_MAX_BYTES);
	if (!yaml_parser_initialize(&b.parser))
		return eb_throw(err, EB_E_LIMIT, "%s: no memory for the YAML parser", file);
	/* Without this libyaml would take UTF-16 text as well. */
	yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b.parser, (const unsigned char *)text, n);
	r = build_document(&b, ret, err);
	yaml_parser_delete(&b.parser);
	return r;
}

/* Messages quote the input, sometimes cut: no control characters (they could drive a terminal), no
 * part of a UTF-8 sequence (JSON output could not hold it). */
static void make_printable(char *s)
{
	while (*s) {
		unsigned char c = (unsigned char)*s;
		size_t want = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0, n = 0;

		while (n < want && ((unsigned char)s[n + 1] & 0xc0) == 0x80)
			n++;
		if (c < 0x20 || c == 0x7f || n < want || (c & 0xc0) == 0x80)
			*s = '?';
		s += n == want ? 1 + n : 1;
	}
}

int(rcp_yaml_throw)(const struct rcp_yaml *at, struct eb_error **err, const char *fmt, ...)
{
	autofree char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = eb_xvasprintf(fmt, ap);
	va_end(ap);
	make_printable(text);
	return eb_throw(err, EB_E_RECIPE, "%s:%u:%u: %s", at->file, at->line, at->column, text);
}

struct rcp_yaml *rcp_yaml_get(const struct rcp_yaml *map, const char *key)
{
	if (map->kind != RCP_YAML_MAP)
		return NULL;
	for (size_t i = 0; i < map->n; i++)
		if (strcmp(map->keys[i]->text, key) == 0)
			return map->items[i];
	return NULL;
}

static bool is_known(const char *word, const char *const *known)
{
	for (; *known; known++)
		if (strcmp(word, *known) == 0)
			return true;
	return false;
}

static char *join(const char *const *names)
{
	EB_AUTOBUF(b, 4096);

	for (size_t i = 0; names[i]; i++)
		eb_buf_addf(&b, "%s%s", i ? ", " : "", names[i]);
	return eb_buf_take(&b);
}

int rcp_yaml_check_keys(const struct rcp_yaml *map, const char *const *known, struct eb_error **err)
{
	for (size_t i = 0; i < map->n; i++) {
		const struct rcp_yaml *key = map->keys[i];
		autofree char *all = NULL;
		const char *near;

		if (is_known(key->text, known))
			continue;
		near = eb_nearest(key->text, known);
		if (near)
			return rcp_yaml_throw(key, err, "unknown key '%.60s'; did you mean '%s'?",
					      key->text, near);
		all = join(known);
		return rcp_yaml_throw(key, err, "unknown key '%.60s'; known here: %s", key->text,
				      all);
	}
	return 0;
}
