/* libyaml's events to a JSON tree. Anchors are kept as finished trees and copied where an alias
 * stands, every copied value counting, so that a small file cannot become a large tree. */
#include "render/yaml_read.h"

#include <stdarg.h>
#include <yaml.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/span.h"
#include "render/path.h"

struct reader {
	yaml_parser_t parser;
	const char *file;
	json_t *places;	 /* or NULL */
	json_t *anchors; /* name -> finished value */
	struct eb_buf path;
	size_t nodes, place_bytes;
};

static void event_delete(yaml_event_t *ev)
{
	yaml_event_delete(ev);
}

static int throw_at(const struct reader *rd, const yaml_mark_t *at, int code, struct eb_error **err,
		    const char *fmt, ...) EB_PRINTF(5, 6);
static int throw_at(const struct reader *rd, const yaml_mark_t *at, int code, struct eb_error **err,
		    const char *fmt, ...)
{
	autofree char *text = NULL, *shown = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = eb_xvasprintf(fmt, ap);
	va_end(ap);
	shown = eb_printable(text, 500);
	return eb_throw(err, code, "%s:%zu:%zu: %s", rd->file, at->line + 1, at->column + 1, shown);
}

static int next_event(struct reader *rd, yaml_event_t *ev, struct eb_error **err)
{
	const yaml_parser_t *p = &rd->parser;
	const char *problem;

	if (yaml_parser_parse(&rd->parser, ev))
		return 0;
	problem = p->problem ? p->problem : "not enough memory";
	if (p->error == YAML_READER_ERROR)
		return throw_at(rd, &p->mark, EB_E_FORMAT, err, "not UTF-8 text: %s", problem);
	return throw_at(rd, &p->problem_mark, EB_E_FORMAT, err, "not YAML: %s", problem);
}

static int count_nodes(struct reader *rd, const yaml_mark_t *at, size_t n, struct eb_error **err)
{
	rd->nodes += n;
	if (rd->nodes > RND_YAML_MAX_NODES)
		return throw_at(rd, at, EB_E_LIMIT, err, "more than %d values, aliases included",
				RND_YAML_MAX_NODES);
	return 0;
}

static int note_place(struct reader *rd, const yaml_mark_t *at, struct eb_error **err)
{
	autofree char *place = NULL;

	if (!rd->places || rd->path.len == 0)
		return 0;
	rd->place_bytes += rd->path.len;
	if (rd->place_bytes > RND_YAML_MAX_PLACES)
		return throw_at(rd, at, EB_E_LIMIT, err, "keys are too long for being nested");
	place = eb_xasprintf("%s:%zu:%zu", rd->file, at->line + 1, at->column + 1);
	eb_json_set_str(rd->places, eb_buf_str(&rd->path), place);
	return 0;
}

static int read_node(struct reader *rd, const yaml_event_t *ev, unsigned int depth, json_t **ret,
		     struct eb_error **err);

/* ---- anchors ---- */

static size_t size_of(const json_t *j, size_t max)
{
	size_t n = 1, i;
	const char *key = NULL;
	json_t *v;

	if (json_is_object(j)) {
		json_object_foreach((json_t *)(uintptr_t)j, key, v)
		{
			if (n > max)
				break;
			n += size_of(v, max);
		}
	} else {
		json_array_foreach(j, i, v)
		{
			if (n > max)
				break;
			n += size_of(v, max);
		}
	}
	return n;
}

static unsigned int depth_of(const json_t *j)
{
	unsigned int deepest = 0;
	const char *key = NULL;
	json_t *v;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)j, key, v)
	{
		unsigned int d = depth_of(v);

		deepest = d > deepest ? d : deepest;
	}
	json_array_foreach(j, i, v)
	{
		unsigned int d = depth_of(v);

		deepest = d > deepest ? d : deepest;
	}
	return deepest + 1;
}

static int keep_anchor(struct reader *rd, const yaml_char_t *anchor, const yaml_mark_t *at,
		       json_t *value, struct eb_error **err)
{
	if (!anchor)
		return 0;
	if (json_object_size(rd->anchors) >= RND_YAML_MAX_ANCHORS)
		return throw_at(rd, at, EB_E_LIMIT, err, "more than %d anchors",
				RND_YAML_MAX_ANCHORS);
	eb_json_set(rd->anchors, (const char *)anchor, json_incref(value));
	return 0;
}

/* A value that should have been quoted, a password perhaps, is taken for an alias, a tag or a
 * number by its first characters: no message shows it. */
static int read_alias(struct reader *rd, const yaml_event_t *ev, unsigned int depth, json_t **ret,
		      struct eb_error **err)
{
	const char *name = (const char *)ev->data.alias.anchor;
	const json_t *value = json_object_get(rd->anchors, name);
	int r;

	if (!value)
		return throw_at(rd, &ev->start_mark, EB_E_FORMAT, err,
				"an alias ('*') has no anchor before it; quote it if it is text");
	r = count_nodes(rd, &ev->start_mark, size_of(value, RND_YAML_MAX_NODES), err);
	if (r < 0)
		return r;
	if (depth + depth_of(value) > RND_YAML_MAX_DEPTH)
		return throw_at(rd, &ev->start_mark, EB_E_LIMIT, err,
				"nested more than %d deep through an alias ('*')",
				RND_YAML_MAX_DEPTH);
	*ret = json_deep_copy(value);
	return 0;
}

/* ---- nodes ---- */

static int read_scalar(struct reader *rd, const yaml_event_t *ev, json_t **ret,
		       struct eb_error **err)
{
	const char *text = (const char *)ev->data.scalar.value;
	size_t n = ev->data.scalar.length;

	if (n > RND_YAML_MAX_STRING)
		return throw_at(rd, &ev->start_mark, EB_E_LIMIT, err,
				"a text of more than %d bytes", RND_YAML_MAX_STRING);
	if (memchr(text, '\0', n))
		return throw_at(rd, &ev->start_mark, EB_E_FORMAT, err,
				"a value may not hold a NUL character");
	if (ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
		*ret = eb_json_str(text);
		return 0;
	}
	*ret = rnd_yaml_plain(text);
	if (!*ret)
		return throw_at(rd, &ev->start_mark, EB_E_FORMAT, err,
				"this is no number that can be used; quote it if it is text");
	return 0;
}

static int read_key(struct reader *rd, const yaml_event_t *ev, const char **ret,
		    struct eb_error **err)
{
	size_t n;

	if (ev->type != YAML_SCALAR_EVENT)
		return throw_at(rd, &ev->start_mark, EB_E_FORMAT, err, "a key must be a word");
	if (ev->data.scalar.tag || ev->data.scalar.anchor)
		return throw_at(rd, &ev->start_mark, EB_E_FORMAT, err,
				"a key may have no tag or anchor");
	*ret = (const char *)ev->data.scalar.value;
	n = ev->data.scalar.length;
	if (n > RND_YAML_MAX_KEY || memchr(*ret, '\0', n))
		return throw_at(rd, &ev->start_mark, EB_E_LIMIT, err,
				"a key may have %d bytes at the most and no NUL", RND_YAML_MAX_KEY);
	return 0;
}

/* "<<": one mapping or a list of them, whose keys count where the mapping has none of its own. */
static int gather_merge(struct reader *rd, const yaml_mark_t *at, json_t *value, json_t *merged,
			struct eb_error **err)
{
	json_t *one;
	size_t i;
	int r = 0;

	if (json_is_object(value)) {
		json_object_update_missing(merged, value);
		return 0;
	}
	json_array_foreach(value, i, one)
	{
		if (!json_is_object(one))
			break;
		r = gather_merge(rd, at, one, merged, err);
	}
	if (!json_is_array(value) || i < json_array_size(value))
		return throw_at(rd, at, EB_E_FORMAT, err,
				"'<<' takes an alias of a mapping or a list of them");
	return r;
}

static int read_member(struct reader *rd, const yaml_event_t *key_event, unsigned int depth,
		       json_t *object, json_t *merged, struct eb_error **err)
{
	EB_CLEANUP(event_delete) yaml_event_t ev = { 0 };
	autojson json_t *value = NULL;
	size_t len = rd->path.len;
	const char *key = NULL;
	bool is_merge;
	int r = read_key(rd, key_event, &key, err);

	if (r < 0)
		return r;
	is_merge = strcmp(key, "<<") == 0 &&
		   key_event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (json_object_get(object, key))
		return throw_at(rd, &key_event->start_mark, EB_E_FORMAT, err,
				"key '%.80s' is given twice", key);
	r = next_event(rd, &ev, err);
	if (r < 0)
		return r;
	rnd_path_key(&rd->path, key);
	r = note_place(rd, &key_event->start_mark, err);
	if (r >= 0)
		r = read_node(rd, &ev, depth, &value, err);
	rnd_path_cut(&rd->path, len);
	if (r < 0)
		return r;
	if (is_merge)
		return gather_merge(rd, &key_event->start_mark, value, merged, err);
	eb_json_set(object, key, EB_TAKE_PTR(value));
	return 0;
}

static int read_map(struct reader *rd, const yaml_event_t *start, unsigned int depth, json_t **ret,
		    struct eb_error **err)
{
	autojson json_t *object = eb_json_object(), *merged = eb_json_object();
	int r;

	(void)start;
	for (;;) {
		EB_CLEANUP(event_delete) yaml_event_t ev = { 0 };

		r = next_event(rd, &ev, err);
		if (r < 0)
			return r;
		if (ev.type == YAML_MAPPING_END_EVENT)
			break;
		r = read_member(rd, &ev, depth + 1, object, merged, err);
		if (r < 0)
			return r;
	}
	json_object_update_missing(object, merged);
	*ret = EB_TAKE_PTR(object);
	return 0;
}

static int read_list(struct reader *rd, unsigned int depth, json_t **ret, struct eb_error **err)
{
	autojson json_t *array = eb_json_array();

	for (size_t i = 0;; i++) {
		EB_CLEANUP(event_delete) yaml_event_t ev = { 0 };
		json_t *value = NULL;
		size_t len = rd->path.len;
		int r = next_event(rd, &ev, err);

		if (r < 0)
			return r;
		if (ev.type == YAML_SEQUENCE_END_EVENT)
			break;
		rnd_path_index(&rd->path, i);
		r = note_place(rd, &ev.start_mark, err);
		if (r >= 0)
			r = read_node(rd, &ev, depth + 1, &value, err);
		rnd_path_cut(&rd->path, len);
		if (r < 0)
			return r;
		eb_json_push(array, value);
	}
	*ret = EB_TAKE_PTR(array);
	return 0;
}

static const yaml_char_t *anchor_of(const yaml_event_t *ev)
{
	return ev->type == YAML_SCALAR_EVENT	       ? ev->data.scalar.anchor
	       : ev->type == YAML_MAPPING_START_EVENT  ? ev->data.mapping_start.anchor
	       : ev->type == YAML_SEQUENCE_START_EVENT ? ev->data.sequence_start.anchor
						       : NULL;
}

static const yaml_char_t *tag_of(const yaml_event_t *ev)
{
	return ev->type == YAML_SCALAR_EVENT	       ? ev->data.scalar.tag
	       : ev->type == YAML_MAPPING_START_EVENT  ? ev->data.mapping_start.tag
	       : ev->type == YAML_SEQUENCE_START_EVENT ? ev->data.sequence_start.tag
						       : NULL;
}

static int read_node(struct reader *rd, const yaml_event_t *ev, unsigned int depth, json_t **ret,
		     struct eb_error **err)
{
	json_t *value = NULL;
	int r;

	if (depth > RND_YAML_MAX_DEPTH)
		return throw_at(rd, &ev->start_mark, EB_E_LIMIT, err, "nested more than %d deep",
				RND_YAML_MAX_DEPTH);
	if (ev->type == YAML_ALIAS_EVENT)
		return read_alias(rd, ev, depth, ret, err);
	if (tag_of(ev))
		return throw_at(rd, &ev->start_mark, EB_E_FORMAT, err,
				"a tag ('!'): tags are not allowed, quote the value if it is text");
	r = count_nodes(rd, &ev->start_mark, 1, err);
	if (r < 0)
		return r;
	if (ev->type == YAML_SCALAR_EVENT)
		r = read_scalar(rd, ev, &value, err);
	else if (ev->type == YAML_MAPPING_START_EVENT)
		r = read_map(rd, ev, depth, &value, err);
	else if (ev->type == YAML_SEQUENCE_START_EVENT)
		r = read_list(rd, depth, &value, err);
	else
		r = throw_at(rd, &ev->start_mark, EB_E_FORMAT, err, "expected a value");
	if (r >= 0)
		r = keep_anchor(rd, anchor_of(ev), &ev->start_mark, value, err);
	if (r < 0) {
		json_decref(value);
		return r;
	}
	*ret = value;
	return 0;
}

/* ---- document ---- */

static int read_root(struct reader *rd, json_t **ret, struct eb_error **err)
{
	EB_CLEANUP(event_delete) yaml_event_t ev = { 0 };
	autojson json_t *root = NULL;
	yaml_mark_t at;
	int r = next_event(rd, &ev, err);

	if (r < 0)
		return r;
	at = ev.start_mark;
	r = read_node(rd, &ev, 1, &root, err);
	if (r < 0)
		return r;
	if (json_is_null(root)) {
		*ret = eb_json_object();
		return 0;
	}
	if (!json_is_object(root))
		return throw_at(rd, &at, EB_E_FORMAT, err, "expected keys with values, found %s",
				eb_json_type_name(root));
	*ret = EB_TAKE_PTR(root);
	return 0;
}

static int read_document(struct reader *rd, json_t **ret, struct eb_error **err)
{
	autojson json_t *root = NULL;
	bool in_document = false;

	for (;;) {
		EB_CLEANUP(event_delete) yaml_event_t ev = { 0 };
		int r = next_event(rd, &ev, err);

		if (r < 0)
			return r;
		if (ev.type == YAML_STREAM_END_EVENT)
			break;
		if (ev.type != YAML_DOCUMENT_START_EVENT)
			continue;
		if (in_document)
			return throw_at(rd, &ev.start_mark, EB_E_FORMAT, err,
					"a second document starts here, only one is allowed");
		in_document = true;
		r = read_root(rd, &root, err);
		if (r < 0)
			return r;
	}
	*ret = root ? EB_TAKE_PTR(root) : eb_json_object();
	return 0;
}

int rnd_yaml_read(const char *file, const char *text, size_t n, json_t *places, json_t **ret,
		  struct eb_error **err)
{
	autojson json_t *anchors = eb_json_object();
	struct reader rd = { .file = file, .places = places, .anchors = anchors };
	int r;

	if (n > RND_YAML_MAX_BYTES)
		return eb_throw(err, EB_E_LIMIT, "%s: larger than %d bytes", file,
				RND_YAML_MAX_BYTES);
	if (!yaml_parser_initialize(&rd.parser))
		return eb_throw(err, EB_E_LIMIT, "%s: no memory for the YAML parser", file);
	eb_buf_init(&rd.path, (size_t)RND_YAML_MAX_DEPTH * (RND_YAML_MAX_KEY * 2 + 16));
	/* Without this libyaml would take UTF-16 text as well. */
	yaml_parser_set_encoding(&rd.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&rd.parser, (const unsigned char *)text, n);
	r = read_document(&rd, ret, err);
	yaml_parser_delete(&rd.parser);
	eb_buf_release(&rd.path);
	return r;
}
