#include "yaml/node.h"

#include <stdarg.h>

#include "base/mem.h"
#include "base/span.h"

const struct yml_limits yml_default_limits = { 16 * 1024 * 1024, 500000, 100 };

int(yml_throw)(const struct yml_node *at, struct eb_error **err, int code, const char *fmt, ...)
{
	autofree char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = eb_xvasprintf(fmt, ap);
	va_end(ap);
	return eb_throw(err, code, "%s:%u:%u: %s", at->file, at->line, at->column, text);
}

const char *yml_kind_name(const struct yml_node *n)
{
	if (!n)
		return "nothing";
	switch (n->kind) {
	case YML_SCALAR:
		return "a single value";
	case YML_LIST:
		return "a list";
	case YML_MAP:
		return "a map";
	}
	return "nothing";
}

struct yml_node *yml_get(const struct yml_node *map, const char *key)
{
	if (!map || map->kind != YML_MAP)
		return NULL;
	for (size_t i = 0; i < map->n; i++)
		if (strcmp(map->keys[i]->text, key) == 0)
			return map->items[i];
	return NULL;
}

/* ---- what a plain scalar means ---- */

static bool is_one_of(const char *s, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(s, *words) == 0)
			return true;
	return false;
}

static size_t digits(const char *s, const char *set)
{
	return strspn(s, set);
}

static bool all_digits(const char *s, const char *set)
{
	size_t n = digits(s, set);

	return n > 0 && s[n] == '\0' && s[0] != '_';
}

static bool is_int(const char *s)
{
	if (*s == '-' || *s == '+')
		s++;
	if (s[0] == '0' && s[1] == 'x')
		return all_digits(s + 2, "0123456789abcdefABCDEF_");
	if (s[0] == '0' && s[1] == 'o')
		return all_digits(s + 2, "01234567_");
	if (s[0] == '0' && s[1] == 'b')
		return all_digits(s + 2, "01_");
	return all_digits(s, "0123456789_");
}

static bool is_float(const char *s)
{
	static const char *const names[] = { ".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", NULL };
	size_t before, after = 0;

	if (*s == '-' || *s == '+')
		s++;
	if (is_one_of(s, names))
		return true;
	before = digits(s, "0123456789_");
	s += before;
	if (*s == '.') {
		after = digits(s + 1, "0123456789_");
		s += 1 + after;
	}
	if (before + after == 0)
		return false;
	if (*s == 'e' || *s == 'E') {
		s++;
		if (*s == '-' || *s == '+')
			s++;
		before = digits(s, "0123456789");
		if (before == 0)
			return false;
		s += before;
	}
	return *s == '\0';
}

enum yml_type yml_type(const struct yml_node *n)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const bools[] = {
		"true", "True", "TRUE", "false", "False", "FALSE", NULL
	};

	if (!n->plain)
		return YML_STRING;
	if (is_one_of(n->text, nulls))
		return YML_NULL;
	if (is_one_of(n->text, bools))
		return YML_BOOL;
	if (is_int(n->text))
		return YML_INT;
	return is_float(n->text) ? YML_FLOAT : YML_STRING;
}

/* ---- members ---- */

static struct yml_node *not_null(const struct yml_node *map, const char *key)
{
	struct yml_node *n = yml_get(map, key);

	return n && n->kind == YML_SCALAR && yml_type(n) == YML_NULL ? NULL : n;
}

static int wrong_kind(const struct yml_node *n, const char *key, const char *want,
		      struct eb_error **err)
{
	return yml_throw(n, err, EB_E_FORMAT, "'%s' is %s, expected %s", key, yml_kind_name(n),
			 want);
}

int yml_opt_text(const struct yml_node *map, const char *key, const char **ret,
		 struct eb_error **err)
{
	const struct yml_node *n = not_null(map, key);

	if (n && n->kind != YML_SCALAR)
		return wrong_kind(n, key, "text", err);
	if (n)
		*ret = n->text;
	return 0;
}

int yml_opt_bool(const struct yml_node *map, const char *key, bool *ret, struct eb_error **err)
{
	const struct yml_node *n = not_null(map, key);

	if (!n)
		return 0;
	if (n->kind != YML_SCALAR || yml_type(n) != YML_BOOL)
		return yml_throw(n, err, EB_E_FORMAT, "'%s' is not true or false", key);
	*ret = n->text[0] == 't' || n->text[0] == 'T';
	return 0;
}

static int opt_kind(const struct yml_node *map, const char *key, enum yml_kind kind,
		    const char *want, struct yml_node **ret, struct eb_error **err)
{
	struct yml_node *n = not_null(map, key);

	if (n && n->kind != kind)
		return wrong_kind(n, key, want, err);
	*ret = n;
	return 0;
}

int yml_opt_list(const struct yml_node *map, const char *key, struct yml_node **ret,
		 struct eb_error **err)
{
	return opt_kind(map, key, YML_LIST, "a list", ret, err);
}

int yml_opt_map(const struct yml_node *map, const char *key, struct yml_node **ret,
		struct eb_error **err)
{
	return opt_kind(map, key, YML_MAP, "a map", ret, err);
}
