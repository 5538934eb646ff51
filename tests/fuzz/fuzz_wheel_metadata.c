/* The texts in a wheel that say what is in it: RECORD, entry points and the name of the
 * file. The first byte says which. What is accepted keeps its promises. */
#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "pkg/wheel_file.h"
#include "pkg/wheel_record.h"
#include "pkg/wheel_scripts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Sorted, each path once, and the same when it is written and read again. */
static void record(struct eb_arena *arena, const char *text, size_t n)
{
	struct pkg_record r = { .n = 0 }, again = { .n = 0 };
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 16 << 20);

	if (pkg_record_parse(arena, text, n, &r, &e) < 0) {
		if (!e)
			abort();
		return;
	}
	for (size_t i = 0; i < r.n; i++) {
		/* Those that are written are our own. */
		if (strpbrk(r.rows[i].hash, ",\"\r"))
			r.rows[i].hash = "";
		if (i > 0 && strcmp(r.rows[i - 1].path, r.rows[i].path) >= 0)
			abort();
		if (pkg_record_find(&r, r.rows[i].path) != &r.rows[i])
			abort();
		pkg_record_add(&b, r.rows[i].path, r.rows[i].hash, r.rows[i].size);
	}
	if (pkg_record_parse(arena, eb_buf_str(&b), b.len, &again, NULL) < 0 || again.n != r.n)
		abort();
	for (size_t i = 0; i < r.n; i++)
		if (strcmp(r.rows[i].path, again.rows[i].path) != 0 ||
		    strcmp(r.rows[i].hash, again.rows[i].hash) != 0 ||
		    r.rows[i].size != again.rows[i].size)
			abort();
}

/* A script's name is one component: it goes into a directory of programs. */
static void entry_points(struct eb_arena *arena, const char *text)
{
	struct pkg_scripts s = { .n = 0 };
	autoerror struct eb_error *e = NULL;
	int r = pkg_scripts_entry_points(arena, text, "/usr/bin/python3", &s, &e);

	if (r < 0 && !e)
		abort();
	for (size_t i = 0; i < s.n && r >= 0; i++)
		if (!s.v[i].name[0] || strchr(s.v[i].name, '/') || !s.v[i].text)
			abort();
}

static void file_name(const char *text)
{
	EB_CLEANUP(pkg_wheel_file_release_p)
	struct pkg_wheel_file f = { NULL, NULL, NULL, NULL, NULL };
	autoerror struct eb_error *e = NULL;

	if (pkg_wheel_file_parse(text, &f, &e) < 0) {
		if (!e)
			abort();
		return;
	}
	if (!f.name[0] || !f.version[0] || !pkg_wheel_same_name(f.name, f.name))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *arena = eb_arena_new();
	autofree char *text = NULL;

	if (size == 0 || size > 1 << 20)
		return 0;
	text = eb_xstrndup((const char *)data + 1, size - 1);
	switch (data[0] % 3) {
	case 0:
		record(arena, (const char *)data + 1, size - 1);
		break;
	case 1:
		entry_points(arena, text);
		break;
	default:
		file_name(text);
	}
	return 0;
}
