#include "pkg/wheel_tree.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "pkg/wheel.h"
#include "pkg/wheel_record.h"
#include "pkg/wheel_scripts.h"

#define MAX_RECORD ((size_t)32 << 20)

struct install {
	struct rfs_tree *t;
	unsigned int origin;
	const struct pkg_wheel *w;
	const struct pkg_wheel_scheme *s;
	const struct rfs_merge_options *o;
	const char *package;
	struct eb_arena *arena;
	char *data_dir; /* "six-1.17.0.data/" */
	struct pkg_record record;
	struct pkg_scripts scripts;
	struct pkg_record_row *made; /* what goes into the new RECORD */
	size_t n_made;
};

/* ---- where ---- */

/* Left out: what is said anew, or was said about another installation. */
static bool is_dropped(const struct install *x, const char *path)
{
	static const char *const names[] = { "RECORD",	  "RECORD.jws", "RECORD.p7s",
					     "INSTALLER", "REQUESTED",	"direct_url.json" };
	size_t n = strlen(x->w->dist_info);

	if (strncmp(path, x->w->dist_info, n) != 0 || path[n] != '/')
		return false;
	for (size_t i = 0; i < EB_ARRAY_LEN(names); i++)
		if (strcmp(path + n + 1, names[i]) == 0)
			return true;
	return false;
}

/* The absolute path of a member (arena), and whether it is a script. */
static int place(const struct install *x, const char *path, const char **ret, bool *ret_script,
		 struct eb_error **err)
{
	const struct {
		const char *key, *dir;
	} scheme[] = { { "purelib/", x->s->library },
		       { "platlib/", x->s->library },
		       { "scripts/", x->s->scripts },
		       { "headers/", x->s->headers },
		       { "data/", x->s->data } };
	const char *rest = path + strlen(x->data_dir);

	*ret_script = false;
	if (strncmp(path, x->data_dir, strlen(x->data_dir)) != 0) {
		*ret = eb_arena_printf(x->arena, "%s/%s", x->s->library, path);
		return 0;
	}
	for (size_t i = 0; i < EB_ARRAY_LEN(scheme); i++) {
		size_t n = strlen(scheme[i].key);

		if (strncmp(rest, scheme[i].key, n) != 0)
			continue;
		*ret_script = scheme[i].dir == x->s->scripts;
		if (scheme[i].dir == x->s->headers)
			*ret = eb_arena_printf(x->arena, "%s/%s/%s", scheme[i].dir, x->w->name,
					       rest + n);
		else
			*ret = eb_arena_printf(x->arena, "%s/%s", scheme[i].dir, rest + n);
		return 0;
	}
	return eb_throw(err, EB_E_FORMAT,
			"'%s': expected purelib, platlib, scripts, headers or data below '%s'",
			path, x->data_dir);
}

/* How RECORD names a file: seen from the library. */
static const char *relative(const struct install *x, const char *path)
{
	EB_AUTOBUF(b, 16 * 1024);
	const char *from = x->s->library;
	size_t common = 0;

	for (size_t i = 0; from[i] && from[i] == path[i]; i++)
		if (from[i] == '/')
			common = i;
	if (strncmp(from, path, strlen(from)) == 0 && path[strlen(from)] == '/')
		return eb_arena_strdup(x->arena, path + strlen(from) + 1);
	for (const char *c = from + common; *c; c++)
		if (*c == '/')
			eb_buf_adds(&b, "../");
	eb_buf_adds(&b, path + common + 1);
	return eb_arena_strdup(x->arena, eb_buf_str(&b));
}

/* ---- adding ---- */

static int add(struct install *x, const char *path, struct rfs_attr *a, const char *hash,
	       struct eb_error **err)
{
	autofree char *to = NULL;
	int r;

	if (!rfs_merge_wants(x->o, path + 1))
		return 0;
	to = rfs_merge_place(x->o, x->package, path + 1, false);
	a->type = RFS_FILE;
	a->mtime_sec = rfs_merge_time(x->o, a->mtime_sec);
	r = rfs_add(x->t, x->origin, to, a, 0, NULL, err);
	if (r == -EB_E_CONFLICT)
		return eb_hint(err, r, "exclude the path with path-exclude");
	if (r >= 0)
		x->made[x->n_made++] = (struct pkg_record_row){ relative(x, path), hash, a->size };
	return r;
}

static int add_text(struct install *x, const char *path, const char *text, uint32_t mode,
		    int64_t mtime_sec, struct eb_error **err)
{
	size_t n = strlen(text);
	char *hash = eb_arena_alloc(x->arena, PKG_RECORD_HASH);
	struct rfs_attr a = { .mode = mode,
			      .mtime_sec = mtime_sec,
			      .size = n,
			      .content = { .kind = RFS_INLINE, .data = text } };

	pkg_record_hash(text, n, hash);
	return add(x, path, &a, hash, err);
}

static const char *rewritten(const struct install *x, size_t member)
{
	for (size_t i = 0; i < x->scripts.n; i++)
		if (x->scripts.v[i].member == member)
			return x->scripts.v[i].text;
	return NULL;
}

static int add_member(struct install *x, size_t i, struct eb_error **err)
{
	const struct pkg_entry *e = &x->w->base.entries[i];
	const struct pkg_record_row *row = pkg_record_find(&x->record, e->path);
	struct rfs_attr a = {
		.mode = e->mode,
		.mtime_sec = e->mtime_sec,
		.size = e->size,
		.content = { .kind = RFS_MEMBER, .origin = x->origin, .member = (uint32_t)i }
	};
	const char *path, *text;
	bool script;
	int r;

	if (e->type != '0' || is_dropped(x, e->path))
		return 0;
	r = place(x, e->path, &path, &script, err);
	if (r < 0)
		return r;
	text = script ? rewritten(x, i) : NULL;
	if (text)
		return add_text(x, path, text, 0755, e->mtime_sec, err);
	if (script)
		a.mode = 0755;
	if (!row)
		return eb_throw(err, EB_E_FORMAT, "'%s' is not in RECORD", e->path);
	return add(x, path, &a, row->hash, err);
}

static int add_entry_points(struct install *x, int64_t mtime_sec, struct eb_error **err)
{
	for (size_t i = 0; i < x->scripts.n; i++) {
		const struct pkg_script *s = &x->scripts.v[i];
		int r;

		if (s->member != SIZE_MAX)
			continue;
		r = add_text(x, eb_arena_printf(x->arena, "%s/%s", x->s->scripts, s->name), s->text,
			     0755, mtime_sec, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int by_path(const void *a, const void *b)
{
	const struct pkg_record_row *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static int add_record(struct install *x, int64_t mtime_sec, struct eb_error **err)
{
	const char *path = eb_arena_printf(x->arena, "%s/%s/RECORD", x->s->library,
					   x->w->dist_info);
	EB_AUTOBUF(b, MAX_RECORD);
	int r;

	qsort(x->made, x->n_made, sizeof(*x->made), by_path);
	for (size_t i = 0; i < x->n_made; i++)
		pkg_record_add(&b, x->made[i].path, x->made[i].hash, x->made[i].size);
	pkg_record_add(&b, relative(x, path), "", UINT64_MAX);
	r = eb_buf_check(&b, "RECORD", err);
	return r < 0 ? r : add_text(x, path, eb_buf_str(&b), 0644, mtime_sec, err);
}

/* The time of what is made here: that of the wheel's own description. */
static int64_t wheel_time(const struct pkg_wheel *w)
{
	size_t n = strlen(w->dist_info);

	for (size_t i = 0; i < w->base.n_entries; i++)
		if (strncmp(w->base.entries[i].path, w->dist_info, n) == 0 &&
		    strcmp(w->base.entries[i].path + n, "/METADATA") == 0)
			return w->base.entries[i].mtime_sec;
	return 0;
}

static int install(struct install *x, struct eb_error **err)
{
	int64_t mtime_sec = wheel_time(x->w);
	int r = pkg_record_parse(x->arena, x->w->record, strlen(x->w->record), &x->record, err);

	if (r >= 0)
		r = pkg_scripts_rewritten(x->arena, x->w->scripts, x->s->python, &x->scripts, err);
	if (r >= 0)
		r = pkg_scripts_entry_points(x->arena, x->w->entry_points, x->s->python,
					     &x->scripts, err);
	x->made = eb_arena_alloc(x->arena,
				 (x->w->base.n_entries + x->scripts.n + 4) * sizeof(*x->made));
	for (size_t i = 0; r >= 0 && i < x->w->base.n_entries; i++)
		r = add_member(x, i, err);
	if (r >= 0)
		r = add_entry_points(x, mtime_sec, err);
	if (r >= 0)
		r = add_text(x,
			     eb_arena_printf(x->arena, "%s/%s/INSTALLER", x->s->library,
					     x->w->dist_info),
			     "ess-bundle\n", 0644, mtime_sec, err);
	return r < 0 ? r : add_record(x, mtime_sec, err);
}

int pkg_wheel_to_tree(struct rfs_tree *t, unsigned int origin, const struct pkg_wheel *w,
		      const struct pkg_wheel_scheme *s, const struct rfs_merge_options *o,
		      struct eb_error **err)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *arena = eb_arena_new();
	struct install x = { .t = t, .origin = origin, .w = w, .s = s, .o = o, .arena = arena };
	int r;

	x.package = t->origins[origin].name;
	x.data_dir = eb_arena_printf(arena, "%.*s.data/",
				     (int)(strlen(w->dist_info) - strlen(".dist-info")),
				     w->dist_info);
	r = install(&x, err);
	return r < 0 ? eb_prefix(err, r, "wheel '%s'", w->name) : 0;
}
