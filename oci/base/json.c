/* JSON over jansson. The parser is jansson's; what it does not limit (size, nesting) is limited
 * before it sees the text. */
#include "base/json.h"

#include <inttypes.h>
#include <stdarg.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

/* The place of text[at], counted from 1. */
static void locate(const char *text, size_t at, size_t *ret_line, size_t *ret_column)
{
	size_t line = 1, start = 0;

	for (size_t i = 0; i < at; i++) {
		if (text[i] == '\n') {
			line++;
			start = i + 1;
		}
	}
	*ret_line = line;
	*ret_column = at - start + 1;
}

/* jansson recurses; so nesting is measured before it does. */
static int check_depth(const char *text, size_t n, struct eb_error **err)
{
	size_t depth = 0, line, column;
	bool in_string = false;

	for (size_t i = 0; i < n; i++) {
		char c = text[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			if (++depth <= EB_JSON_MAX_DEPTH)
				continue;
			locate(text, i, &line, &column);
			return eb_throw(err, EB_E_LIMIT, "%zu:%zu: nested deeper than %d levels",
					line, column, EB_JSON_MAX_DEPTH);
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return 0;
}

int eb_json_parse(const char *text, size_t n, size_t max_bytes, json_t **ret, struct eb_error **err)
{
	json_error_t e;
	json_t *j;
	int r;

	if (n > max_bytes)
		return eb_throw(err, EB_E_LIMIT, "JSON text of %zu bytes is larger than %zu", n,
				max_bytes);
	r = check_depth(text, n, err);
	if (r < 0)
		return r;
	j = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);
	if (!j) {
		/* jansson quotes the input in its message, which is one line here. */
		for (char *p = e.text; *p; p++)
			if ((unsigned char)*p < 0x20 || *p == 0x7f)
				*p = '?';
		return eb_throw(err, EB_E_FORMAT, "%d:%d: invalid JSON: %s",
				e.line > 0 ? e.line : 1, e.column > 0 ? e.column : 1, e.text);
	}
	*ret = j;
	return 0;
}

static char *dump(const json_t *j, size_t flags)
{
	return must(json_dumps(j, flags | JSON_SORT_KEYS | JSON_ENCODE_ANY));
}

char *eb_json_canonical(const json_t *j, size_t *ret_n)
{
	char *text = dump(j, JSON_COMPACT);

	if (ret_n)
		*ret_n = strlen(text);
	return text;
}

char *eb_json_pretty(const json_t *j)
{
	return dump(j, JSON_INDENT(2));
}

const char *eb_json_type_name(const json_t *j)
{
	if (!j)
		return "nothing";
	switch (json_typeof(j)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "an integer";
	case JSON_REAL:
		return "a fraction";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	case JSON_NULL:
		return "null";
	}
	return "something else";
}

int eb_json_inside(struct eb_error **err, int code, const char *fmt, ...)
{
	char *place, *joined;
	va_list ap;

	if (!err || !*err)
		return code;
	va_start(ap, fmt);
	place = eb_xvasprintf(fmt, ap);
	va_end(ap);
	joined = eb_xasprintf("%s.%s", place, (*err)->message);
	free(place);
	free((*err)->message);
	(*err)->message = joined;
	return code;
}

const char *eb_json_text(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "";
}

uint64_t eb_json_number(const json_t *j, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(j, key));

	return v > 0 ? (uint64_t)v : 0;
}

static int get(const json_t *j, const char *key, json_type type, const char *expected, json_t **ret,
	       struct eb_error **err)
{
	json_t *v = json_object_get(j, key);

	if (v && json_typeof(v) == type) {
		*ret = v;
		return 0;
	}
	if (!json_is_object(j))
		return eb_throw(err, EB_E_FORMAT, "%s: expected inside an object, found %s", key,
				eb_json_type_name(j));
	return eb_throw(err, EB_E_FORMAT, "%s: expected %s, found %s", key, expected,
			eb_json_type_name(v));
}

/* null counts as missing: programs in Go write it for what they do not have. */
static bool is_missing(const json_t *j, const char *key)
{
	const json_t *v = json_object_get(j, key);

	return json_is_object(j) && (!v || json_is_null(v));
}

int eb_json_get_str(const json_t *j, const char *key, const char **ret, struct eb_error **err)
{
	json_t *v = NULL;
	int r = get(j, key, JSON_STRING, "a string", &v, err);

	if (r == 0)
		*ret = json_string_value(v);
	return r;
}

int eb_json_get_u64(const json_t *j, const char *key, uint64_t max, uint64_t *ret,
		    struct eb_error **err)
{
	json_t *v = NULL;
	int r = get(j, key, JSON_INTEGER, "an integer", &v, err);
	json_int_t i;

	if (r < 0)
		return r;
	i = json_integer_value(v);
	if (i < 0)
		return eb_throw(err, EB_E_FORMAT, "%s: expected 0 or more, found %lld", key,
				(long long)i);
	if ((uint64_t)i > max)
		return eb_throw(err, EB_E_LIMIT, "%s: %lld is larger than %" PRIu64, key,
				(long long)i, max);
	*ret = (uint64_t)i;
	return 0;
}

int eb_json_get_array(const json_t *j, const char *key, json_t **ret, struct eb_error **err)
{
	return get(j, key, JSON_ARRAY, "an array", ret, err);
}

int eb_json_get_object(const json_t *j, const char *key, json_t **ret, struct eb_error **err)
{
	return get(j, key, JSON_OBJECT, "an object", ret, err);
}

int eb_json_opt_str(const json_t *j, const char *key, const char **ret, struct eb_error **err)
{
	return is_missing(j, key) ? 0 : eb_json_get_str(j, key, ret, err);
}

int eb_json_opt_array(const json_t *j, const char *key, json_t **ret, struct eb_error **err)
{
	return is_missing(j, key) ? 0 : eb_json_get_array(j, key, ret, err);
}

int eb_json_opt_object(const json_t *j, const char *key, json_t **ret, struct eb_error **err)
{
	return is_missing(j, key) ? 0 : eb_json_get_object(j, key, ret, err);
}

/* Length of the UTF-8 sequence at p (NUL-terminated), 0 when it is not valid. */
static size_t utf8_length(const unsigned char *p)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (p[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

json_t *eb_json_str(const char *value)
{
	static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
	json_t *v = json_string(value);
	EB_AUTOBUF(b, SIZE_MAX / 2);

	if (v)
		return v;
	for (const char *p = value; *p;) {
		size_t n = utf8_length((const unsigned char *)p);

		eb_buf_add(&b, n ? p : replacement, n ? n : sizeof(replacement) - 1);
		p += n ? n : 1;
	}
	return must(json_string(eb_buf_str(&b)));
}

void eb_json_set_str(json_t *j, const char *key, const char *value)
{
	if (value)
		eb_json_set(j, key, eb_json_str(value));
}

void eb_json_set_u64(json_t *j, const char *key, uint64_t value)
{
	if (value > INT64_MAX)
		abort();
	eb_json_set(j, key, must(json_integer((json_int_t)value)));
}

void eb_json_set(json_t *j, const char *key, json_t *value)
{
	if (json_object_set_new(j, key, value) < 0)
		abort();
}

void eb_json_push(json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) < 0)
		abort();
}

json_t *eb_json_object(void)
{
	return must(json_object());
}

json_t *eb_json_array(void)
{
	return must(json_array());
}
