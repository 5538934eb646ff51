#include "render/values.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "render/path.h"
#include "render/yaml_read.h"

void rnd_values_init(struct rnd_values *v)
{
	v->tree = eb_json_object();
	v->places = eb_json_object();
}

void rnd_values_release(struct rnd_values *v)
{
	json_decref(v->tree);
	json_decref(v->places);
	*v = (struct rnd_values){ 0 };
}

/* Depth is bounded by the readers of both. */
void rnd_values_merge(json_t *base, const json_t *over)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)over, key, v)
	{
		json_t *old = json_object_get(base, key);

		if (json_is_object(old) && json_is_object(v))
			rnd_values_merge(old, v);
		else
			eb_json_set(base, key, json_deep_copy(v));
	}
}

int rnd_values_add(struct rnd_values *v, const char *file, const char *text, size_t n,
		   struct eb_error **err)
{
	autojson json_t *tree = NULL, *places = eb_json_object();
	int r = rnd_yaml_read(file, text, n, places, &tree, err);

	if (r < 0)
		return r;
	rnd_values_merge(v->tree, tree);
	json_object_update(v->places, places);
	return 0;
}

/* ---- settings ---- */

struct setter {
	struct rnd_values *values;
	const char *expression, *p;
	enum rnd_set_kind kind;
};

/* What follows "=" may be a secret and is not shown. */
static int throw_set(const struct setter *s, struct eb_error **err, const char *what)
{
	size_t n = strcspn(s->expression, "=");
	int r = eb_throw(err, EB_E_USAGE, "setting '%.*s', at character %zu: %s",
			 (int)(n < 200 ? n : 200), s->expression,
			 (size_t)(s->p - s->expression) + 1, what);

	return eb_hint(err, r, "write key=value, with '\\' before a '.' or ',' that belongs to it");
}

/* Up to one of the stops, which is not taken. */
static char *read_word(struct setter *s, const char *stops)
{
	autofree char *word = eb_xmalloc(strlen(s->p) + 1);
	size_t n = 0;

	while (*s->p && !strchr(stops, *s->p)) {
		if (*s->p == '\\' && s->p[1])
			s->p++;
		word[n++] = *s->p++;
	}
	word[n] = '\0';
	return EB_TAKE_PTR(word);
}

static json_t *typed(const char *word)
{
	const char *digits = word + (*word == '-');
	json_t *j;

	if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0)
		return json_boolean(*word == 't');
	if (strcmp(word, "null") == 0)
		return json_null();
	/* No number has a zero before its other digits: a telephone number stays one. */
	if (strcmp(word, "0") == 0)
		return json_integer(0);
	if (*digits < '1' || *digits > '9' || strspn(digits, "0123456789") != strlen(digits) ||
	    strlen(digits) > 18)
		return eb_json_str(word);
	j = rnd_yaml_plain(word);
	return j ? j : eb_json_str(word);
}

static json_t *read_one(struct setter *s, const char *stops)
{
	autofree char *word = read_word(s, stops);

	return s->kind == RND_SET_STRING ? eb_json_str(word) : typed(word);
}

static int read_value(struct setter *s, json_t **ret, struct eb_error **err)
{
	autojson json_t *list = NULL;

	if (*s->p != '{') {
		*ret = read_one(s, ",");
		return 0;
	}
	list = eb_json_array();
	s->p++;
	if (*s->p == '}') {
		s->p++;
		*ret = EB_TAKE_PTR(list);
		return 0;
	}
	for (;;) {
		eb_json_push(list, read_one(s, ",}"));
		if (*s->p == '}')
			break;
		if (!*s->p)
			return throw_set(s, err, "expected '}' at the end of the list");
		s->p++;
	}
	s->p++;
	if (*s->p && *s->p != ',')
		return throw_set(s, err, "expected ',' or the end after '}'");
	*ret = EB_TAKE_PTR(list);
	return 0;
}

static int read_index(struct setter *s, size_t *ret, struct eb_error **err)
{
	size_t i = 0, n = strspn(++s->p, "0123456789");

	if (n == 0 || s->p[n] != ']')
		return throw_set(s, err, "expected a number and ']'");
	for (; *s->p != ']'; s->p++) {
		i = i * 10 + (size_t)(*s->p - '0');
		if (i > RND_SET_MAX_INDEX)
			return throw_set(s, err, "the index is larger than 1000");
	}
	s->p++;
	*ret = i;
	return 0;
}

/* The member to go on with: an object, or a list when an index follows; made when it is neither. */
static json_t *fit(json_t *have, char next)
{
	if (next == '[')
		return json_is_array(have) ? json_incref(have) : eb_json_array();
	if (next == '.')
		return json_is_object(have) ? json_incref(have) : eb_json_object();
	return NULL;
}

static void put_index(json_t *list, size_t i, json_t *value)
{
	while (json_array_size(list) <= i)
		eb_json_push(list, json_null());
	json_array_set_new(list, i, value);
}

/* A key, or with *ret_key NULL an index into the list `at`; both are added to path. */
static int read_step(struct setter *s, const json_t *at, struct eb_buf *path, char **ret_key,
		     size_t *ret_index, struct eb_error **err)
{
	autofree char *key = NULL;
	int r;

	if (*s->p == '[' && json_is_array(at)) {
		r = read_index(s, ret_index, err);
		if (r >= 0)
			rnd_path_index(path, *ret_index);
		return r;
	}
	key = read_word(s, ".[,=");
	if (!*key)
		return throw_set(s, err, "expected a key");
	rnd_path_key(path, key);
	*ret_key = EB_TAKE_PTR(key);
	return 0;
}

/* What stands at the end of the path: text, or what follows "=". */
static int read_end(struct setter *s, const char *text, json_t **ret, struct eb_error **err)
{
	if (text) {
		if (*s->p)
			return throw_set(s, err, "expected the end of the key");
		*ret = eb_json_str(text);
		return 0;
	}
	if (*s->p != '=')
		return throw_set(s, err, "expected '=' and a value");
	s->p++;
	return read_value(s, ret, err);
}

/* One step at a time, until "=" or, with a text that is given apart, the end. */
static int set_path(struct setter *s, const char *text, struct eb_error **err)
{
	json_t *at = s->values->tree;
	EB_AUTOBUF(path, RND_SET_MAX_BYTES);

	for (unsigned int depth = 0; depth < RND_YAML_MAX_DEPTH; depth++) {
		autofree char *key = NULL;
		json_t *next;
		size_t i = 0;
		bool end;
		int r = read_step(s, at, &path, &key, &i, err);

		if (r < 0)
			return r;
		next = fit(key ? json_object_get(at, key) : json_array_get(at, i), *s->p);
		end = !next;
		if (end)
			r = read_end(s, text, &next, err);
		if (r < 0)
			return r;
		if (key)
			eb_json_set(at, key, next);
		else
			put_index(at, i, next);
		if (end) {
			eb_json_set_str(s->values->places, eb_buf_str(&path),
					text ? "--set-file" : "--set");
			return 0;
		}
		s->p += *s->p == '.';
		at = next;
	}
	return throw_set(s, err, "nested too deeply");
}

/* JSON can hold nothing else. */
static int check_utf8(const char *text, const char *what, struct eb_error **err)
{
	autojson json_t *j = json_string(text);

	return j ? 0 : eb_throw(err, EB_E_USAGE, "%s is not UTF-8 text", what);
}

int rnd_values_set(struct rnd_values *v, const char *expression, enum rnd_set_kind kind,
		   struct eb_error **err)
{
	struct setter s = { .values = v, .expression = expression, .p = expression, .kind = kind };
	int r;

	if (strlen(expression) > RND_SET_MAX_BYTES)
		return eb_throw(err, EB_E_LIMIT, "a setting of more than %d bytes",
				RND_SET_MAX_BYTES);
	r = check_utf8(expression, "a setting", err);
	if (r < 0)
		return r;
	do {
		r = set_path(&s, NULL, err);

		if (r < 0)
			return r;
	} while (*s.p == ',' && *++s.p);
	return 0;
}

int rnd_values_set_text(struct rnd_values *v, const char *key, const char *text,
			struct eb_error **err)
{
	struct setter s = { .values = v, .expression = key, .p = key, .kind = RND_SET_STRING };
	int r = check_utf8(key, "a key", err);

	if (r >= 0)
		r = check_utf8(text, key, err);
	return r < 0 ? r : set_path(&s, text, err);
}
