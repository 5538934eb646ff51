#include "recipe/read.h"

#include <assert.h>
#include <stdarg.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/span.h"

/* The year 9999. */
#define MAX_TIME_SEC ((uint64_t)253402300799)

int rcp_read_throw(const struct rcp_reader *rd, const struct rcp_yaml *at, struct eb_error **err,
		   const char *fmt, ...)
{
	autofree char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = eb_xvasprintf(fmt, ap);
	va_end(ap);
	if (!rd->key)
		return rcp_yaml_throw(at, err, "%s", text);
	return rcp_yaml_throw(at, err, "%s: %s", rd->key, text);
}

const char *rcp_read_show(const struct rcp_reader *rd, const char *text)
{
	enum { SHOWN = 80 };
	size_t n = strnlen(text, SHOWN + 1);
	char *copy;

	if (n > SHOWN) {
		n = SHOWN;
		/* not in the middle of a UTF-8 sequence */
		while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
			n--;
		copy = eb_arena_printf(rd->arena, "%.*s...", (int)n, text);
	} else {
		copy = eb_arena_strdup(rd->arena, text);
	}
	for (char *p = copy; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	return copy;
}

struct rcp_pos rcp_pos_of(const struct rcp_yaml *v)
{
	return (struct rcp_pos){ v->file, v->line, v->column };
}

static bool is_null(const struct rcp_yaml *v)
{
	return v->kind == RCP_YAML_SCALAR && v->plain &&
	       (!*v->text || strcmp(v->text, "~") == 0 || strcmp(v->text, "null") == 0);
}

/* What a node is, for "expected ..., found ...". */
static const char *found(const struct rcp_reader *rd, const struct rcp_yaml *v)
{
	if (v->kind == RCP_YAML_LIST)
		return "a list";
	if (v->kind == RCP_YAML_MAP)
		return "a mapping";
	if (is_null(v))
		return "nothing";
	return eb_arena_printf(rd->arena, "'%s'", rcp_read_show(rd, v->text));
}

int rcp_read_map(struct rcp_reader *rd, const struct rcp_yaml *v, const struct rcp_field *fields,
		 size_t n_fields, void *to, struct eb_error **err)
{
	const char *known[RCP_MAX_FIELDS + 1];
	const char *outer = rd->key;
	int r;

	assert(n_fields <= RCP_MAX_FIELDS);
	if (v->kind != RCP_YAML_MAP)
		return rcp_read_throw(rd, v, err, "expected a mapping, found %s", found(rd, v));
	for (size_t i = 0; i < n_fields; i++)
		known[i] = fields[i].key;
	known[n_fields] = NULL;
	r = rcp_yaml_check_keys(v, known, err);
	for (size_t i = 0; i < n_fields && r >= 0; i++) {
		const struct rcp_yaml *value = rcp_yaml_get(v, fields[i].key);

		if (!value) {
			if (fields[i].required)
				return rcp_read_throw(rd, v, err, "'%s' is missing", fields[i].key);
			continue;
		}
		rd->key = fields[i].key;
		r = fields[i].read(rd, value, (char *)to + fields[i].offset, err);
		rd->key = outer;
	}
	return r < 0 ? r : 0;
}

int rcp_read_list(struct rcp_reader *rd, const struct rcp_yaml *v, size_t size, rcp_read_fn item,
		  void *ret_items, size_t *ret_n, struct eb_error **err)
{
	char *items;

	if (v->kind != RCP_YAML_LIST)
		return rcp_read_throw(rd, v, err, "expected a list, found %s", found(rd, v));
	items = eb_arena_alloc(rd->arena, v->n * size);
	for (size_t i = 0; i < v->n; i++) {
		int r = item(rd, v->items[i], items + i * size, err);

		if (r < 0)
			return r;
	}
	*(void **)ret_items = items;
	*ret_n = v->n;
	return 0;
}

int rcp_read_text(struct rcp_reader *rd, const struct rcp_yaml *v, void *to, struct eb_error **err)
{
	if (v->kind != RCP_YAML_SCALAR)
		return rcp_read_throw(rd, v, err, "expected text, found %s", found(rd, v));
	if (is_null(v))
		return rcp_read_throw(rd, v, err,
				      "expected text, found nothing (quote it if it is meant: "
				      "\"%s\")",
				      v->text);
	*(const char **)to = v->text;
	return 0;
}

int rcp_read_checked(struct rcp_reader *rd, const struct rcp_yaml *v, rcp_check_fn check,
		     const char **to, struct eb_error **err)
{
	const char *text = "", *wrong;
	int r = rcp_read_text(rd, v, &text, err);

	if (r < 0)
		return r;
	wrong = check ? check(text) : NULL;
	if (wrong)
		return rcp_read_throw(rd, v, err, "'%s' is not %s", rcp_read_show(rd, text), wrong);
	*to = text;
	return 0;
}

int rcp_read_line(struct rcp_reader *rd, const struct rcp_yaml *v, void *to, struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_line, to, err);
}

int rcp_read_path(struct rcp_reader *rd, const struct rcp_yaml *v, void *to, struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_path, to, err);
}

int rcp_read_path_below(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_path_below, to, err);
}

int rcp_read_package(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		     struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_package, to, err);
}

int rcp_read_one_of(struct rcp_reader *rd, const struct rcp_yaml *v, const char *const *names,
		    const char **to, struct eb_error **err)
{
	EB_AUTOBUF(all, 4096);
	const char *text = "", *near;
	int r = rcp_read_text(rd, v, &text, err);

	if (r < 0)
		return r;
	if (rcp_is_one_of(text, names)) {
		*to = text;
		return 0;
	}
	near = eb_nearest(text, names);
	if (near)
		return rcp_read_throw(rd, v, err, "unknown '%s'; did you mean '%s'?",
				      rcp_read_show(rd, text), near);
	for (size_t i = 0; names[i]; i++)
		eb_buf_addf(&all, "%s%s", i ? ", " : "", names[i]);
	return rcp_read_throw(rd, v, err, "unknown '%s'; expected one of %s",
			      rcp_read_show(rd, text), eb_buf_str(&all));
}

int rcp_read_architecture(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			  struct eb_error **err)
{
	return rcp_read_one_of(rd, v, rcp_architectures, to, err);
}

int rcp_read_sha256(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		    struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_sha256, to, err);
}

int rcp_read_time(struct rcp_reader *rd, const struct rcp_yaml *v, void *to, struct eb_error **err)
{
	uint64_t n = 0;
	int r = rcp_read_number(rd, v, MAX_TIME_SEC, &n, err);

	if (r >= 0)
		*(int64_t *)to = (int64_t)n;
	return r;
}

int rcp_read_codec_kind(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	return rcp_read_one_of(rd, v, rcp_codec_kinds, to, err);
}

int rcp_read_bool(struct rcp_reader *rd, const struct rcp_yaml *v, void *to, struct eb_error **err)
{
	bool yes = v->kind == RCP_YAML_SCALAR && v->plain && strcmp(v->text, "true") == 0;

	if (!yes && (v->kind != RCP_YAML_SCALAR || !v->plain || strcmp(v->text, "false") != 0))
		return rcp_read_throw(rd, v, err, "expected true or false, found %s", found(rd, v));
	*(bool *)to = yes;
	return 0;
}

int rcp_read_number(struct rcp_reader *rd, const struct rcp_yaml *v, uint64_t max, uint64_t *to,
		    struct eb_error **err)
{
	if (v->kind != RCP_YAML_SCALAR || eb_parse_u64(eb_span_str(v->text), max, to, NULL) < 0)
		return rcp_read_throw(rd, v, err, "expected a number from 0 to %llu, found %s",
				      (unsigned long long)max, found(rd, v));
	return 0;
}

int rcp_read_id(struct rcp_reader *rd, const struct rcp_yaml *v, void *to, struct eb_error **err)
{
	uint64_t n = 0;
	int r = rcp_read_number(rd, v, INT32_MAX, &n, err);

	if (r < 0)
		return r;
	*(uint32_t *)to = (uint32_t)n;
	return 0;
}

int rcp_read_mode(struct rcp_reader *rd, const struct rcp_yaml *v, void *to, struct eb_error **err)
{
	uint64_t n = 0;

	if (v->kind != RCP_YAML_SCALAR || strlen(v->text) < 3 || strlen(v->text) > 5 ||
	    eb_parse_octal(eb_span_str(v->text), 07777, &n, NULL) < 0)
		return rcp_read_throw(rd, v, err,
				      "expected a mode in octal such as \"0644\", found %s",
				      found(rd, v));
	*(uint32_t *)to = (uint32_t)n;
	return 0;
}

int rcp_read_strings(struct rcp_reader *rd, const struct rcp_yaml *v, rcp_check_fn check_name,
		     json_t **to, struct eb_error **err)
{
	autojson json_t *object = NULL;
	int r;

	if (v->kind != RCP_YAML_MAP)
		return rcp_read_throw(rd, v, err, "expected a mapping, found %s", found(rd, v));
	object = eb_json_object();
	for (size_t i = 0; i < v->n; i++) {
		const char *name = NULL, *value = NULL;

		r = rcp_read_checked(rd, v->keys[i], check_name, &name, err);
		if (r < 0)
			return r;
		r = rcp_read_text(rd, v->items[i], &value, err);
		if (r < 0)
			return r;
		eb_json_set_str(object, name, value);
	}
	*to = EB_TAKE_PTR(object);
	return 0;
}

static int by_text(const void *a, const void *b)
{
	const struct rcp_unique *x = a, *y = b;
	int c = strcmp(x->text, y->text);

	if (c != 0)
		return c;
	if (x->pos.line != y->pos.line)
		return x->pos.line < y->pos.line ? -1 : 1;
	return (x->pos.column > y->pos.column) - (x->pos.column < y->pos.column);
}

int rcp_check_unique(struct rcp_unique *u, size_t n, const char *what, struct eb_error **err)
{
	if (n)
		qsort(u, n, sizeof(*u), by_text);
	for (size_t i = 1; i < n; i++)
		if (strcmp(u[i - 1].text, u[i].text) == 0)
			return rcp_throw(&u[i].pos, err,
					 "%s '%.80s' is given twice; first at %s:%u:%u", what,
					 u[i].text, u[i - 1].pos.file, u[i - 1].pos.line,
					 u[i - 1].pos.column);
	return 0;
}
