/* The tree over libyaml's event parser. Anchors are known only once their node is complete, so no
 * node can contain itself. */
#include <stdarg.h>
#include <yaml.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/span.h"
#include "yaml/node.h"

enum { MAX_ANCHORS = 1000, MAX_NAME = 60, MAX_MERGED_KEYS = 1000 };

struct anchor {
	char *name;
	struct yml_node *node;
};

struct reader {
	yaml_parser_t parser;
	const char *file;
	const struct yml_limits *limits;
	struct eb_arena *arena;
	struct anchor *anchors;
	size_t n_anchors, anchors_alloc;
	size_t nodes; /* made so far; an alias counts with all that it stands for */
};

static void event_delete(yaml_event_t *ev)
{
	yaml_event_delete(ev);
}

static void reader_release(struct reader *r)
{
	yaml_parser_delete(&r->parser);
	free(r->anchors);
}
EB_DEFINE_RELEASE(struct reader, reader_release)

struct growing {
	struct yml_node **items;
	size_t n, alloc;
};

static void growing_release(struct growing *g)
{
	free(g->items);
}

static struct yml_node place(const struct reader *r, const yaml_mark_t *at)
{
	return (struct yml_node){ .file = r->file,
				  .line = (unsigned int)at->line + 1,
				  .column = (unsigned int)at->column + 1 };
}

static int next_event(struct reader *r, yaml_event_t *ev, struct eb_error **err)
{
	const yaml_parser_t *p = &r->parser;
	const char *problem;
	struct yml_node at;

	if (yaml_parser_parse(&r->parser, ev))
		return 0;
	problem = p->problem ? p->problem : "not enough memory";
	if (p->error == YAML_READER_ERROR) {
		at = place(r, &p->mark);
		return yml_throw(&at, err, EB_E_FORMAT, "not UTF-8 text: %s", problem);
	}
	at = place(r, &p->problem_mark);
	if (p->context)
		return yml_throw(&at, err, EB_E_FORMAT, "not YAML: %s (%s at line %zu)", problem,
				 p->context, p->context_mark.line + 1);
	return yml_throw(&at, err, EB_E_FORMAT, "not YAML: %s", problem);
}

static int count(struct reader *r, const yaml_event_t *ev, size_t weight, struct eb_error **err)
{
	struct yml_node at = place(r, &ev->start_mark);

	if (weight > r->limits->nodes || r->nodes > r->limits->nodes - weight)
		return yml_throw(&at, err, EB_E_LIMIT, "more than %zu values, aliases written out",
				 r->limits->nodes);
	r->nodes += weight;
	return 0;
}

static int new_node(struct reader *r, const yaml_event_t *ev, enum yml_kind kind,
		    struct yml_node **ret, struct eb_error **err)
{
	struct yml_node *n;
	int e = count(r, ev, 1, err);

	if (e < 0)
		return e;
	n = eb_arena_alloc(r->arena, sizeof(*n));
	*n = place(r, &ev->start_mark);
	n->kind = kind;
	n->weight = 1;
	*ret = n;
	return 0;
}

static int remember(struct reader *r, const yaml_char_t *name, struct yml_node *node,
		    struct eb_error **err)
{
	int e;

	if (!name)
		return 0;
	e = eb_grow(&r->anchors, &r->anchors_alloc, r->n_anchors + 1, sizeof(*r->anchors),
		    MAX_ANCHORS, "anchors", err);
	if (e < 0)
		return eb_prefix(err, e, "%s", r->file);
	r->anchors[r->n_anchors].name = eb_arena_strdup(r->arena, (const char *)name);
	r->anchors[r->n_anchors++].node = node;
	return 0;
}

static int alias(struct reader *r, const yaml_event_t *ev, struct yml_node **ret,
		 struct eb_error **err)
{
	const char *name = (const char *)ev->data.alias.anchor;
	struct yml_node at = place(r, &ev->start_mark);
	int e;

	/* The last one of that name counts. */
	for (size_t i = r->n_anchors; i-- > 0;) {
		if (strcmp(r->anchors[i].name, name) != 0)
			continue;
		e = count(r, ev, r->anchors[i].node->weight, err);
		if (e >= 0)
			*ret = r->anchors[i].node;
		return e;
	}
	/* Without its name: it may be a value that lacks quotes, and a secret. */
	return yml_throw(&at, err, EB_E_FORMAT,
			 "an alias ('*') without its anchor before it; quote it if it is text");
}

/* "!!str 1" is text, "!!int '1'" a number; others mean something that nobody here knows. */
static int scalar_tag(const struct yml_node *n, const char *tag, bool *plain, struct eb_error **err)
{
	static const char core[] = "tag:yaml.org,2002:";
	const char *name = tag;

	if (!tag || strcmp(tag, "!") == 0) {
		*plain = *plain && !tag;
		return 0;
	}
	if (strncmp(tag, core, strlen(core)) == 0)
		name += strlen(core);
	if (name != tag && strcmp(name, "str") == 0)
		*plain = false;
	else if (name != tag && (strcmp(name, "int") == 0 || strcmp(name, "float") == 0 ||
				 strcmp(name, "bool") == 0 || strcmp(name, "null") == 0))
		*plain = true;
	else
		return yml_throw(n, err, EB_E_FORMAT,
				 "a tag ('!') that is not known; quote it if it is text");
	return 0;
}

static int collection_tag(const struct yml_node *n, const yaml_char_t *tag, const char *want,
			  struct eb_error **err)
{
	if (!tag || strcmp((const char *)tag, want) == 0)
		return 0;
	return yml_throw(n, err, EB_E_FORMAT, "a tag ('!') that is not known");
}

static int scalar(struct reader *r, const yaml_event_t *ev, struct yml_node **ret,
		  struct eb_error **err)
{
	const char *text = (const char *)ev->data.scalar.value;
	size_t len = ev->data.scalar.length;
	struct yml_node *n = NULL;
	int e = new_node(r, ev, YML_SCALAR, &n, err);

	if (e < 0)
		return e;
	if (memchr(text, '\0', len))
		return yml_throw(n, err, EB_E_FORMAT, "a value may not contain a NUL character");
	n->text = eb_arena_strndup(r->arena, text, len);
	n->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	e = scalar_tag(n, (const char *)ev->data.scalar.tag, &n->plain, err);
	if (n->plain && len == 0)
		n->text = "null"; /* so that it is the same key as that word */
	if (e >= 0)
		e = remember(r, ev->data.scalar.anchor, n, err);
	if (e >= 0)
		*ret = n;
	return e;
}

static int node(struct reader *r, const yaml_event_t *ev, unsigned int depth, struct yml_node **ret,
		struct eb_error **err);

static int children(struct reader *r, yaml_event_type_t end, unsigned int depth, struct growing *g,
		    struct eb_error **err)
{
	for (;;) {
		EB_CLEANUP(event_delete) yaml_event_t ev = { 0 };
		int e = next_event(r, &ev, err);

		if (e < 0)
			return e;
		if (ev.type == end)
			return 0;
		e = eb_grow(&g->items, &g->alloc, g->n + 1, sizeof(*g->items),
			    2 * r->limits->nodes + 2, "values", err);
		if (e >= 0)
			e = node(r, &ev, depth + 1, &g->items[g->n], err);
		if (e < 0)
			return e;
		g->n++;
	}
}

static int list(struct reader *r, const yaml_event_t *ev, unsigned int depth, struct yml_node **ret,
		struct eb_error **err)
{
	EB_CLEANUP(growing_release) struct growing g = { .n = 0 };
	struct yml_node *n = NULL;
	int e = new_node(r, ev, YML_LIST, &n, err);

	if (e >= 0)
		e = collection_tag(n, ev->data.sequence_start.tag, YAML_SEQ_TAG, err);
	if (e >= 0)
		e = children(r, YAML_SEQUENCE_END_EVENT, depth, &g, err);
	if (e < 0)
		return e;
	n->n = g.n;
	n->items = eb_arena_alloc(r->arena, (g.n + 1) * sizeof(*n->items));
	for (size_t i = 0; i < g.n; i++) {
		n->items[i] = g.items[i];
		n->weight += g.items[i]->weight;
	}
	e = remember(r, ev->data.sequence_start.anchor, n, err);
	if (e >= 0)
		*ret = n;
	return e;
}

/* ---- maps ---- */

static int by_key(const void *a, const void *b)
{
	const struct yml_node *const *x = a, *const *y = b;

	return strcmp((*x)->text, (*y)->text);
}

static int refuse_duplicates(const struct yml_node *map, struct eb_error **err)
{
	autofree struct yml_node **sorted = NULL;

	if (map->n < 2)
		return 0;
	sorted = eb_xmemdup(map->keys, map->n * sizeof(*sorted));
	qsort(sorted, map->n, sizeof(*sorted), by_key);
	for (size_t i = 1; i < map->n; i++) {
		const struct yml_node *a = sorted[i - 1], *b = sorted[i];
		const struct yml_node *later = a->line > b->line ? a : b;
		autofree char *key = NULL;

		if (strcmp(a->text, b->text) != 0)
			continue;
		key = eb_printable(a->text, MAX_NAME);
		return yml_throw(later, err, EB_E_FORMAT, "key '%s' was given before, at line %u",
				 key, a->line + b->line - later->line);
	}
	return 0;
}

static bool is_merge(const struct yml_node *key)
{
	return key->plain && strcmp(key->text, "<<") == 0;
}

/* Add what `from` has and the map has not. */
static int merge_one(struct reader *r, struct growing *g, const struct yml_node *from,
		     const struct yml_node *at, struct eb_error **err)
{
	if (from->kind != YML_MAP)
		return yml_throw(at, err, EB_E_FORMAT, "'<<' wants a map or a list of maps, got %s",
				 yml_kind_name(from));
	for (size_t i = 0; i < from->n; i++) {
		bool there = false;
		int e;

		for (size_t k = 0; k < g->n && !there; k += 2)
			there = strcmp(g->items[k]->text, from->keys[i]->text) == 0;
		if (there)
			continue;
		if (g->n / 2 >= MAX_MERGED_KEYS)
			return yml_throw(at, err, EB_E_LIMIT, "'<<' in a map of more than %d keys",
					 MAX_MERGED_KEYS);
		e = eb_grow(&g->items, &g->alloc, g->n + 2, sizeof(*g->items),
			    2 * r->limits->nodes + 2, "values", err);
		if (e < 0)
			return e;
		g->items[g->n++] = from->keys[i];
		g->items[g->n++] = from->items[i];
	}
	return 0;
}

static int merge(struct reader *r, struct growing *g, const struct yml_node *key,
		 const struct yml_node *value, struct eb_error **err)
{
	int e = 0;

	if (value->kind != YML_LIST)
		return merge_one(r, g, value, key, err);
	for (size_t i = 0; i < value->n && e >= 0; i++)
		e = merge_one(r, g, value->items[i], key, err);
	return e;
}

/* g holds key, value, key, value... */
static int fill_map(struct reader *r, struct growing *g, struct yml_node *map,
		    struct eb_error **err)
{
	const struct yml_node *merge_key = NULL, *merge_value = NULL;
	int e;

	for (size_t i = 0; i < g->n; i += 2) {
		struct yml_node *key = g->items[i], *value = g->items[i + 1];

		if (key->kind != YML_SCALAR)
			return yml_throw(key, err, EB_E_FORMAT, "a key is text, this is %s",
					 yml_kind_name(key));
		if (!is_merge(key))
			continue;
		if (merge_key)
			return yml_throw(key, err, EB_E_FORMAT, "'<<' was given before, at line %u",
					 merge_key->line);
		merge_key = key;
		merge_value = value;
		memmove(&g->items[i], &g->items[i + 2], (g->n - i - 2) * sizeof(*g->items));
		g->n -= 2;
		i -= 2;
	}
	map->n = g->n / 2;
	map->keys = eb_arena_alloc(r->arena, (map->n + 1) * sizeof(*map->keys));
	for (size_t i = 0; i < map->n; i++)
		map->keys[i] = g->items[2 * i];
	e = refuse_duplicates(map, err);
	if (e >= 0 && merge_key)
		e = merge(r, g, merge_key, merge_value, err);
	if (e < 0)
		return e;
	map->n = g->n / 2;
	map->keys = eb_arena_alloc(r->arena, (map->n + 1) * sizeof(*map->keys));
	map->items = eb_arena_alloc(r->arena, (map->n + 1) * sizeof(*map->items));
	for (size_t i = 0; i < map->n; i++) {
		map->keys[i] = g->items[2 * i];
		map->items[i] = g->items[2 * i + 1];
		map->weight += 1 + map->items[i]->weight;
	}
	return 0;
}

static int map(struct reader *r, const yaml_event_t *ev, unsigned int depth, struct yml_node **ret,
	       struct eb_error **err)
{
	EB_CLEANUP(growing_release) struct growing g = { .n = 0 };
	struct yml_node *n = NULL;
	int e = new_node(r, ev, YML_MAP, &n, err);

	if (e >= 0)
		e = collection_tag(n, ev->data.mapping_start.tag, YAML_MAP_TAG, err);
	if (e >= 0)
		e = children(r, YAML_MAPPING_END_EVENT, depth, &g, err);
	if (e >= 0)
		e = fill_map(r, &g, n, err);
	if (e >= 0)
		e = remember(r, ev->data.mapping_start.anchor, n, err);
	if (e >= 0)
		*ret = n;
	return e;
}

static int node(struct reader *r, const yaml_event_t *ev, unsigned int depth, struct yml_node **ret,
		struct eb_error **err)
{
	struct yml_node at = place(r, &ev->start_mark);

	if (depth > r->limits->depth)
		return yml_throw(&at, err, EB_E_LIMIT, "nested more than %u deep",
				 r->limits->depth);
	switch ((int)ev->type) {
	case YAML_SCALAR_EVENT:
		return scalar(r, ev, ret, err);
	case YAML_ALIAS_EVENT:
		return alias(r, ev, ret, err);
	case YAML_SEQUENCE_START_EVENT:
		return list(r, ev, depth, ret, err);
	case YAML_MAPPING_START_EVENT:
		return map(r, ev, depth, ret, err);
	default:
		return yml_throw(&at, err, EB_E_FORMAT, "not YAML");
	}
}

/* ---- documents ---- */

static int document(struct reader *r, struct yml_node **ret, struct eb_error **err)
{
	struct yml_node *root = NULL;
	bool seen = false;

	for (;;) {
		EB_CLEANUP(event_delete) yaml_event_t ev = { 0 };
		struct yml_node at;
		int e = next_event(r, &ev, err);

		if (e < 0)
			return e;
		at = place(r, &ev.start_mark);
		switch ((int)ev.type) {
		case YAML_STREAM_START_EVENT:
		case YAML_DOCUMENT_END_EVENT:
			break;
		case YAML_DOCUMENT_START_EVENT:
			if (seen)
				return yml_throw(&at, err, EB_E_FORMAT,
						 "a second document starts here, expected one");
			seen = true;
			break;
		case YAML_STREAM_END_EVENT:
			*ret = root;
			return 0;
		default:
			e = node(r, &ev, 1, &root, err);
			if (e < 0)
				return e;
		}
	}
}

int yml_parse(const char *file, const char *text, size_t n, const struct yml_limits *limits,
	      struct eb_arena *arena, struct yml_node **ret, struct eb_error **err)
{
	EB_CLEANUP(reader_release_p) struct reader r = { .file = file, .arena = arena };
	struct yml_node *root = NULL;
	int e;

	r.limits = limits ? limits : &yml_default_limits;
	if (n > r.limits->bytes)
		return eb_throw(err, EB_E_LIMIT, "%s: %zu bytes, more than %zu", file, n,
				r.limits->bytes);
	if (!yaml_parser_initialize(&r.parser))
		abort();
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, n);
	e = document(&r, &root, err);
	if (e < 0)
		return e;
	if (root && root->kind == YML_SCALAR && yml_type(root) == YML_NULL)
		root = NULL;
	*ret = root;
	return 0;
}
