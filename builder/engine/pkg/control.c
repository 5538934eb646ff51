#include "pkg/control.h"

#include <solv/evr.h>
#include <solv/pool.h>

#include "base/error.h"
#include "base/mem.h"

/* ---- reading ---- */

/* Take one line off *rest, without its newline. */
static bool next_line(struct eb_span *rest, struct eb_span *ret)
{
	return eb_span_next(rest, '\n', ret);
}

bool pkg_control_next(struct eb_span *rest, struct eb_span *ret_name, struct eb_span *ret_value)
{
	struct eb_span line, more, after;
	const char *colon;

	do {
		if (!next_line(rest, &line))
			return false;
		colon = line.len ? memchr(line.ptr, ':', line.len) : NULL;
	} while (!colon);
	*ret_name = (struct eb_span){ line.ptr, (size_t)(colon - line.ptr) };
	*ret_value = (struct eb_span){ colon + 1, line.len - ret_name->len - 1 };
	for (after = *rest; next_line(&after, &more); *rest = after) {
		if (more.len == 0 || (more.ptr[0] != ' ' && more.ptr[0] != '\t'))
			break;
		ret_value->len = (size_t)(more.ptr + more.len - ret_value->ptr);
	}
	*ret_value = eb_span_trim(*ret_value);
	return true;
}

struct eb_span pkg_control_field(struct eb_span text, const char *name)
{
	struct eb_span n, v;
	size_t len = strlen(name);

	while (pkg_control_next(&text, &n, &v))
		if (n.len == len && strncasecmp(n.ptr, name, len) == 0)
			return v;
	return (struct eb_span){ NULL, 0 };
}

/* ---- checking ---- */

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
	return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z');
}

/* Policy 5.6.1: lower-case letters, digits, "+-.", at least two, begins with a letter or digit. */
static bool good_name(struct eb_span s)
{
	if (s.len < 2 || s.len > 200 || !(is_lower(s.ptr[0]) || is_digit(s.ptr[0])))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_lower(s.ptr[i]) && !is_digit(s.ptr[i]) && !strchr("+-.", s.ptr[i]))
			return false;
	return true;
}

/* Policy 5.6.12, characters only. */
static bool good_version(struct eb_span s)
{
	if (s.len == 0 || s.len > 250 || !is_digit(s.ptr[0]))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_alnum(s.ptr[i]) && (!s.ptr[i] || !strchr(".+-~:", s.ptr[i])))
			return false;
	return true;
}

static bool good_arch(struct eb_span s)
{
	if (s.len == 0 || s.len > 50)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_lower(s.ptr[i]) && !is_digit(s.ptr[i]) && s.ptr[i] != '-')
			return false;
	return true;
}

static int check_required(struct eb_span text, struct eb_error **err)
{
	static const struct {
		const char *name;
		bool (*good)(struct eb_span s);
	} fields[] = {
		{ "Package", good_name },
		{ "Version", good_version },
		{ "Architecture", good_arch },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(fields); i++) {
		struct eb_span v = pkg_control_field(text, fields[i].name);

		if (!v.ptr)
			return eb_throw(err, EB_E_FORMAT, "control: no field %s", fields[i].name);
		if (!fields[i].good(v))
			return eb_throw(err, EB_E_FORMAT,
					"control: %s is '%.*s', which is no valid one",
					fields[i].name, v.len > 60 ? 60 : (int)v.len, v.ptr);
	}
	return 0;
}

/* Length of a field's name at the start of the line, 0 if there is none. */
static size_t name_length(struct eb_span line)
{
	size_t n = 0;

	while (n < line.len && line.ptr[n] > ' ' && line.ptr[n] <= '~' && line.ptr[n] != ':')
		n++;
	return n && n < line.len && line.ptr[n] == ':' && line.ptr[0] != '-' && line.ptr[0] != '#'
		       ? n
		       : 0;
}

/* Enough for every field there is; a stanza has about twenty. */
enum { MAX_FIELDS = 256 };

struct field_names {
	struct eb_span name[MAX_FIELDS];
	size_t n;
};

static int add_name(struct field_names *f, struct eb_span name, struct eb_error **err)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->name[i].len == name.len &&
		    strncasecmp(f->name[i].ptr, name.ptr, name.len) == 0)
			return eb_throw(err, EB_E_FORMAT, "field '%.*s' is there twice",
					name.len > 60 ? 60 : (int)name.len, name.ptr);
	if (f->n == MAX_FIELDS)
		return eb_throw(err, EB_E_LIMIT, "more than %d fields", MAX_FIELDS);
	f->name[f->n++] = name;
	return 0;
}

static int check_line(struct eb_span line, struct field_names *f, bool *ended,
		      struct eb_error **err)
{
	size_t n;

	if (eb_span_trim(line).len == 0) {
		/* Empty lines may follow the stanza; one in it ends it. */
		*ended = *ended || f->n > 0;
		return 0;
	}
	if (*ended)
		return eb_throw(err, EB_E_FORMAT, "a second stanza, expected one");
	if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
		return f->n ? 0 : eb_throw(err, EB_E_FORMAT, "continuation line before any field");
	n = name_length(line);
	if (n == 0)
		return eb_throw(err, EB_E_FORMAT, "expected 'Field: value', found '%.*s'",
				line.len > 60 ? 60 : (int)line.len, line.ptr);
	return add_name(f, (struct eb_span){ line.ptr, n }, err);
}

int pkg_control_check(struct eb_span text, struct eb_error **err)
{
	struct eb_span rest = text, line;
	struct field_names names = { .n = 0 };
	unsigned int number = 0;
	bool ended = false;
	int r;

	if (text.len > PKG_CONTROL_MAX_BYTES)
		return eb_throw(err, EB_E_LIMIT, "control: %zu bytes, at most %d", text.len,
				PKG_CONTROL_MAX_BYTES);
	if (text.len && memchr(text.ptr, '\0', text.len))
		return eb_throw(err, EB_E_FORMAT, "control: has a NUL byte");
	while (next_line(&rest, &line)) {
		number++;
		r = check_line(line, &names, &ended, err);
		if (r < 0)
			return eb_prefix(err, r, "control, line %u", number);
	}
	return check_required(text, err);
}

/* ---- Replaces ---- */

/* dpkg's order of versions, from libsolv. */
static int compare_versions(const char *a, const char *b)
{
	Pool *pool = pool_create();
	int c;

	pool_setdisttype(pool, DISTTYPE_DEB);
	c = pool_evrcmp_str(pool, a, b, EVRCMP_COMPARE);
	pool_free(pool);
	return c;
}

/* "<< 1.2-3" between the parentheses. */
static bool relation_holds(struct eb_span s, const char *version)
{
	static const char *const operators[] = { "<<", "<=", "=", ">=", ">>" };
	size_t which = 0;
	int c;

	s = eb_span_trim(s);
	while (which < EB_ARRAY_LEN(operators) && !eb_span_starts(s, operators[which]))
		which++;
	if (which == EB_ARRAY_LEN(operators))
		return false;
	s.ptr += strlen(operators[which]);
	s.len -= strlen(operators[which]);
	s = eb_span_trim(s);
	autofree char *wanted = eb_span_dup(s);
	c = compare_versions(version, wanted);
	switch (which) {
	case 0:
		return c < 0;
	case 1:
		return c <= 0;
	case 2:
		return c == 0;
	case 3:
		return c >= 0;
	default:
		return c > 0;
	}
}

bool pkg_control_replaces(struct eb_span value, const char *name, const char *version)
{
	struct eb_span item, relation;
	const char *open, *close;
	size_t n;

	while (eb_span_next(&value, ',', &item)) {
		item = eb_span_trim(item);
		n = 0;
		while (n < item.len && !strchr(" \t\n(:", item.ptr[n]))
			n++;
		if (!eb_span_eq((struct eb_span){ item.ptr, n }, name))
			continue;
		open = memchr(item.ptr, '(', item.len);
		if (!open)
			return true;
		close = memchr(open, ')', item.len - (size_t)(open - item.ptr));
		relation = (struct eb_span){ open + 1, close ? (size_t)(close - open - 1) : 0 };
		if (relation_holds(relation, version))
			return true;
	}
	return false;
}
