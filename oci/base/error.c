#include "base/error.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

struct code_row {
	int code;
	int status;
	const char *name, *text;
};

static const struct code_row rows[] = {
#define EB_X(name, number, text, status) { number, status, #name, text },
	EB_ERROR_LIST(EB_X)
#undef EB_X
};

static const struct code_row *find_row(int code)
{
	for (size_t i = 0; i < EB_ARRAY_LEN(rows); i++)
		if (rows[i].code == code)
			return &rows[i];
	return NULL;
}

int(eb_throw)(struct eb_error **err, int code, const char *fmt, ...)
{
	va_list ap;

	assert(code > 0);
	if (!err)
		return -code;
	assert(!*err);
	*err = eb_xcalloc(1, sizeof(**err));
	(*err)->code = code;
	va_start(ap, fmt);
	(*err)->message = eb_xvasprintf(fmt, ap);
	va_end(ap);
	return -code;
}

int(eb_throw_errno)(struct eb_error **err, const char *fmt, ...)
{
	int saved = errno > 0 ? errno : EIO;
	autofree char *text = NULL;
	va_list ap;

	if (!err)
		return -saved;
	va_start(ap, fmt);
	text = eb_xvasprintf(fmt, ap);
	va_end(ap);
	return eb_throw(err, saved, "%s: %s", text, eb_code_text(saved));
}

int(eb_prefix)(struct eb_error **err, int code, const char *fmt, ...)
{
	autofree char *text = NULL;
	char *joined;
	va_list ap;

	if (!err || !*err)
		return code;
	va_start(ap, fmt);
	text = eb_xvasprintf(fmt, ap);
	va_end(ap);
	joined = eb_xasprintf("%s: %s", text, (*err)->message);
	free((*err)->message);
	(*err)->message = joined;
	return code;
}

int(eb_hint)(struct eb_error **err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err || !*err || (*err)->hint)
		return code;
	va_start(ap, fmt);
	(*err)->hint = eb_xvasprintf(fmt, ap);
	va_end(ap);
	return code;
}

const char *eb_code_text(int code)
{
	int positive = code < 0 ? -code : code;
	const struct code_row *row = find_row(positive);
	const char *text;

	if (row)
		return row->text;
	text = strerrordesc_np(positive);
	return text ? text : "unknown error";
}

const char *eb_code_name(int code)
{
	int positive = code < 0 ? -code : code;
	const struct code_row *row = find_row(positive);
	const char *name;

	if (row)
		return row->name;
	name = strerrorname_np(positive);
	return name ? name : "UNKNOWN";
}

int eb_code_exit_status(int code)
{
	int positive = code < 0 ? -code : code;
	const struct code_row *row = find_row(positive);

	if (row)
		return row->status;
	switch (positive) {
	case 0:
		return 0;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return 7;
	case ENOENT:
		return 4;
	case EACCES:
	case EPERM:
		return 5;
	default:
		return 1;
	}
}

void eb_error_clear(struct eb_error **err)
{
	if (err)
		*err = eb_error_free(*err);
}

struct eb_error *eb_error_free(struct eb_error *err)
{
	if (err) {
		free(err->message);
		free(err->hint);
		free(err);
	}
	return NULL;
}

int eb_error_forward(struct eb_error **err, struct eb_error *e)
{
	int code = -e->code;

	if (!err) {
		eb_error_free(e);
		return code;
	}
	assert(!*err);
	*err = e;
	return code;
}
