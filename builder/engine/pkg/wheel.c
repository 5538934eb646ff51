#include "pkg/wheel.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/stream.h"
#include "pkg/wheel_file.h"
#include "pkg/wheel_record.h"
#include "pkg/zip.h"

/* METADATA holds whole READMEs; RECORD has a hundred bytes a file; scripts that Python's installer
 * rewrites are small stubs. */
enum {
	MAX_WHEEL = 64 * 1024,
	MAX_METADATA = 4 * 1024 * 1024,
	MAX_ENTRY_POINTS = 1024 * 1024,
	MAX_SCRIPTS = 1024 * 1024,
};
#define MAX_RECORD ((size_t)16 << 20)
#define MAX_INDEX ((size_t)64 << 20)

struct read {
	const struct pkg_zip *z;
	struct pkg_wheel *w;
	struct pkg_record record;
	struct eb_buf *scripts;
	char *data_dir; /* "six-1.17.0.data/" */
};

static struct eb_arena *arena_of(const struct read *x)
{
	return x->w->base.arena;
}

/* ---- finding the parts ---- */

/* The one directory at the top that ends in .dist-info. */
static int find_dist_info(struct read *x, struct eb_error **err)
{
	static const char suffix[] = ".dist-info";
	struct eb_span found = { NULL, 0 };

	for (size_t i = 0; i < x->z->n; i++) {
		const char *path = x->z->members[i].path, *slash = strchr(path, '/');
		struct eb_span top = { path, slash ? (size_t)(slash - path) : strlen(path) };

		if (!slash || !eb_span_ends(top, suffix))
			continue;
		if (found.ptr && (found.len != top.len || memcmp(found.ptr, top.ptr, top.len) != 0))
			return eb_throw(err, EB_E_FORMAT,
					"holds '%.*s' and '%.*s', expected one .dist-info",
					(int)found.len, found.ptr, (int)top.len, top.ptr);
		found = top;
	}
	if (!found.ptr)
		return eb_throw(err, EB_E_FORMAT, "is no wheel: it has no .dist-info directory");
	x->w->dist_info = eb_arena_strndup(arena_of(x), found.ptr, found.len);
	x->data_dir = eb_arena_printf(arena_of(x), "%.*s.data/", (int)(found.len - strlen(suffix)),
				      found.ptr);
	return 0;
}

/* A text of .dist-info (arena), or NULL with 0 when there is none. */
static int read_text(const struct read *x, const char *name, size_t max, const char **ret,
		     size_t *ret_n, struct eb_error **err)
{
	autofree char *path = eb_xasprintf("%s/%s", x->w->dist_info, name);
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	size_t i = pkg_zip_find(x->z, path);
	EB_AUTOBUF(b, max);
	int r;

	*ret = NULL;
	if (i == SIZE_MAX || x->z->members[i].directory)
		return 0;
	r = pkg_zip_read(x->z, i, &in, err);
	if (r >= 0)
		r = eb_read_all(in, &b, path, err);
	if (r < 0)
		return r;
	if (b.len && memchr(b.data, '\0', b.len))
		return eb_throw(err, EB_E_FORMAT, "%s holds a NUL", path);
	*ret = eb_arena_strndup(arena_of(x), eb_buf_str(&b), b.len);
	if (ret_n)
		*ret_n = b.len;
	return 0;
}

static int need_text(const struct read *x, const char *name, size_t max, const char **ret,
		     size_t *ret_n, struct eb_error **err)
{
	int r = read_text(x, name, max, ret, ret_n, err);

	if (r >= 0 && !*ret)
		return eb_throw(err, EB_E_FORMAT, "has no %s/%s", x->w->dist_info, name);
	return r;
}

/* ---- WHEEL and METADATA: headers as in mail ---- */

/* The next "Key: value" before the empty line that ends them; continuation lines are skipped. */
static bool next_header(struct eb_span *rest, struct eb_span *key, struct eb_span *value)
{
	struct eb_span line;

	while (eb_span_next(rest, '\n', &line)) {
		const char *colon;

		if (line.len && line.ptr[line.len - 1] == '\r')
			line.len--;
		if (line.len == 0)
			return false;
		colon = memchr(line.ptr, ':', line.len);
		if (line.ptr[0] == ' ' || line.ptr[0] == '\t' || !colon)
			continue;
		*key = (struct eb_span){ line.ptr, (size_t)(colon - line.ptr) };
		*value = eb_span_trim(
			(struct eb_span){ colon + 1, line.len - (size_t)(colon + 1 - line.ptr) });
		return true;
	}
	return false;
}

static bool is_key(struct eb_span key, const char *name)
{
	return key.len == strlen(name) && strncasecmp(key.ptr, name, key.len) == 0;
}

static int read_wheel(struct read *x, struct eb_error **err)
{
	struct eb_span rest, key, value, version = { NULL, 0 }, purelib = { NULL, 0 };
	const char *text;
	EB_AUTOBUF(tags, MAX_WHEEL);
	int r = need_text(x, "WHEEL", MAX_WHEEL, &text, NULL, err);

	if (r < 0)
		return r;
	rest = eb_span_str(text);
	while (next_header(&rest, &key, &value)) {
		if (is_key(key, "Wheel-Version"))
			version = value;
		if (is_key(key, "Root-Is-Purelib"))
			purelib = value;
		if (is_key(key, "Tag"))
			eb_buf_addf(&tags, "%.*s\n", (int)value.len, value.ptr);
	}
	if (!version.ptr || !eb_span_starts(version, "1."))
		return eb_throw(err, version.ptr ? EB_E_UNSUPPORTED : EB_E_FORMAT,
				"%s/WHEEL: Wheel-Version is '%.*s', expected 1.x", x->w->dist_info,
				(int)version.len, version.ptr ? version.ptr : "");
	if (!purelib.ptr || (purelib.len != 4 && purelib.len != 5) || tags.len == 0)
		return eb_throw(err, EB_E_FORMAT,
				"%s/WHEEL: expected Root-Is-Purelib (true or false) and Tag",
				x->w->dist_info);
	x->w->purelib = purelib.len == 4 ? "true" : "false";
	x->w->tags = eb_arena_strdup(arena_of(x), eb_buf_str(&tags));
	return 0;
}

static const char *dup_value(const struct read *x, struct eb_span v)
{
	return v.ptr ? eb_arena_strndup(arena_of(x), v.ptr, v.len) : NULL;
}

static int read_metadata(struct read *x, const char *name, const char *version,
			 struct eb_error **err)
{
	struct eb_span rest, key, value, n = { NULL, 0 }, v = { NULL, 0 };
	struct pkg_wheel *w = x->w;
	const char *text;
	autofree char *dir = NULL;
	int r = need_text(x, "METADATA", MAX_METADATA, &text, NULL, err);

	if (r < 0)
		return r;
	rest = eb_span_str(text);
	while (next_header(&rest, &key, &value)) {
		if (is_key(key, "Name"))
			n = value;
		if (is_key(key, "Version"))
			v = value;
	}
	w->name = dup_value(x, n);
	w->version = dup_value(x, v);
	if (!w->name || !*w->name || !w->version || !*w->version)
		return eb_throw(err, EB_E_FORMAT, "%s/METADATA: expected Name and Version",
				w->dist_info);
	dir = eb_xstrndup(w->dist_info, strcspn(w->dist_info, "-"));
	if (!pkg_wheel_same_name(dir, w->name) || (name && !pkg_wheel_same_name(name, w->name)) ||
	    (version && strcmp(version, w->version) != 0))
		return eb_throw(err, EB_E_FORMAT, "%s/METADATA: is of %s %s, expected %s %s",
				w->dist_info, w->name, w->version, name ? name : dir,
				version ? version : w->version);
	return 0;
}

static int read_record(struct read *x, struct eb_error **err)
{
	size_t n = 0;
	int r = need_text(x, "RECORD", MAX_RECORD, &x->w->record, &n, err);

	if (r >= 0)
		r = pkg_record_parse(arena_of(x), x->w->record, n, &x->record, err);
	return r < 0 ? eb_prefix(err, r, "%s/RECORD", x->w->dist_info) : 0;
}

/* ---- the members against RECORD ---- */

/* A list cannot hold its own hash; signatures are made over it. */
static bool is_unlisted(const struct read *x, const char *path)
{
	size_t n = strlen(x->w->dist_info);

	return strncmp(path, x->w->dist_info, n) == 0 &&
	       (strcmp(path + n, "/RECORD") == 0 || strcmp(path + n, "/RECORD.jws") == 0 ||
		strcmp(path + n, "/RECORD.p7s") == 0);
}

static int throw_changed(const struct read *x, const char *path, struct eb_error **err)
{
	return eb_throw(err, EB_E_DIGEST, "member '%s' is not what %s/RECORD lists", path,
			x->w->dist_info);
}

/* A script whose first line names no interpreter of its own. */
static bool is_rewritten(const struct read *x, const char *path, const char *head, size_t n)
{
	struct eb_span rest = eb_span_str(path);

	return eb_span_starts(rest, x->data_dir) &&
	       strncmp(path + strlen(x->data_dir), "scripts/", 8) == 0 &&
	       eb_span_starts((struct eb_span){ head, n }, "#!python");
}

static int keep_script(struct read *x, size_t i, const struct eb_buf *b, struct eb_error **err)
{
	const char *line = memchr(b->data, '\n', b->len);
	size_t n = line ? b->len - (size_t)(line + 1 - b->data) : 0;

	if (memchr(b->data, '\0', b->len))
		return eb_throw(err, EB_E_FORMAT, "script '%s' holds a NUL", x->z->members[i].path);
	eb_buf_addf(x->scripts, "%zu %zu\n", i, n);
	eb_buf_add(x->scripts, line ? line + 1 : "", n);
	return 0;
}

/* Read the member to its end, which checks size and CRC; ret_hex may be NULL. */
static int hash_member(struct read *x, size_t i, enum eb_hash_alg alg, char *ret_hex,
		       struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	EB_CLEANUP(eb_hash_free_p) struct eb_hash *h = eb_hash_new(alg);
	EB_AUTOBUF(script, MAX_SCRIPTS);
	char part[64 * 1024];
	bool first = true, keep = false;
	ssize_t n;
	int r = pkg_zip_read(x->z, i, &in, err);

	if (r < 0)
		return r;
	while ((n = eb_read(in, part, sizeof(part), err)) > 0) {
		if (first)
			keep = is_rewritten(x, x->z->members[i].path, part, (size_t)n);
		first = false;
		eb_hash_update(h, part, (size_t)n);
		if (keep)
			eb_buf_add(&script, part, (size_t)n);
	}
	r = n < 0 ? (int)n : 0;
	if (r >= 0 && keep)
		r = eb_buf_check(&script, x->z->members[i].path, err);
	if (r >= 0 && keep)
		r = keep_script(x, i, &script, err);
	if (r >= 0)
		eb_hash_final_hex(h, ret_hex);
	return r;
}

static int check_member(struct read *x, size_t i, struct eb_error **err)
{
	const struct pkg_zip_member *m = &x->z->members[i];
	const struct pkg_record_row *row = pkg_record_find(&x->record, m->path);
	char hex[EB_HASH_MAX_HEX + 1];
	enum eb_hash_alg alg = EB_SHA256;
	int r;

	if (!row && !is_unlisted(x, m->path))
		return eb_throw(err, EB_E_DIGEST, "member '%s' is not in %s/RECORD", m->path,
				x->w->dist_info);
	if (is_unlisted(x, m->path))
		return hash_member(x, i, alg, hex, err);
	r = pkg_record_alg(row->hash, &alg, err);
	if (r < 0)
		return eb_prefix(err, r, "%s/RECORD: '%s'", x->w->dist_info, m->path);
	if (row->size != m->size)
		return throw_changed(x, m->path, err);
	r = hash_member(x, i, alg, hex, err);
	if (r < 0)
		return r;
	return pkg_record_matches(row->hash, hex) ? 0 : throw_changed(x, m->path, err);
}

static int add_member(struct read *x, size_t i, struct eb_error **err)
{
	const struct pkg_zip_member *m = &x->z->members[i];
	const struct oci_tar_entry e = { .path = m->path,
					 .type = m->directory ? '5' : '0',
					 .mode = m->directory || m->executable ? 0755 : 0644,
					 .size = m->size,
					 .mtime_sec = m->mtime_sec };

	return pkg_index_add(&x->w->base, &e, x->z->n, MAX_INDEX, err);
}

static int check_members(struct read *x, struct eb_error **err)
{
	size_t listed = 0;

	for (size_t i = 0; i < x->z->n; i++) {
		const struct pkg_zip_member *m = &x->z->members[i];
		int r = m->directory ? 0 : check_member(x, i, err);

		if (r >= 0)
			r = add_member(x, i, err);
		if (r < 0)
			return r;
		listed += !m->directory && pkg_record_find(&x->record, m->path);
	}
	for (size_t k = 0; listed < x->record.n && k < x->record.n; k++) {
		size_t i = pkg_zip_find(x->z, x->record.rows[k].path);

		if (i == SIZE_MAX || x->z->members[i].directory)
			return eb_throw(err, EB_E_DIGEST,
					"%s/RECORD lists '%s', which is not there", x->w->dist_info,
					x->record.rows[k].path);
	}
	return 0;
}

int pkg_wheel_read(const struct pkg_zip *z, const char *name, const char *version,
		   struct pkg_wheel **ret, struct eb_error **err)
{
	struct pkg_wheel *w = pkg_index_new(sizeof(*w));
	EB_CLEANUP(pkg_index_free_p) struct pkg_index *owned = &w->base;
	EB_AUTOBUF(scripts, MAX_SCRIPTS);
	struct read x = { .z = z, .w = w, .scripts = &scripts };
	int r = find_dist_info(&x, err);

	if (r >= 0)
		r = read_wheel(&x, err);
	if (r >= 0)
		r = read_metadata(&x, name, version, err);
	if (r >= 0)
		r = read_record(&x, err);
	if (r >= 0)
		r = read_text(&x, "entry_points.txt", MAX_ENTRY_POINTS, &w->entry_points, NULL,
			      err);
	if (r >= 0)
		r = check_members(&x, err);
	if (r >= 0)
		r = eb_buf_check(&scripts, "scripts", err);
	if (r < 0)
		return r;
	if (scripts.len)
		w->scripts = eb_arena_strdup(w->base.arena, eb_buf_str(&scripts));
	owned = NULL;
	*ret = w;
	return 0;
}

/* ---- the file's name ---- */

static bool has_tag(const char *tags, struct eb_span python, struct eb_span abi,
		    struct eb_span platform)
{
	autofree char *want = eb_xasprintf("%.*s-%.*s-%.*s", (int)python.len, python.ptr,
					   (int)abi.len, abi.ptr, (int)platform.len, platform.ptr);
	struct eb_span rest = eb_span_str(tags), line;

	while (eb_span_next(&rest, '\n', &line))
		if (eb_span_eq(line, want))
			return true;
	return false;
}

static int check_tags(const struct pkg_wheel *w, const struct pkg_wheel_file *f,
		      struct eb_error **err)
{
	struct eb_span pythons = eb_span_str(f->python), python;

	while (eb_span_next(&pythons, '.', &python)) {
		struct eb_span abis = eb_span_str(f->abi), abi;

		while (eb_span_next(&abis, '.', &abi)) {
			struct eb_span platforms = eb_span_str(f->platform), platform;

			while (eb_span_next(&platforms, '.', &platform))
				if (!has_tag(w->tags, python, abi, platform))
					return eb_throw(err, EB_E_FORMAT,
							"%s/WHEEL has no tag '%.*s-%.*s-%.*s', "
							"which the file's name promises",
							w->dist_info, (int)python.len, python.ptr,
							(int)abi.len, abi.ptr, (int)platform.len,
							platform.ptr);
		}
	}
	return 0;
}

int pkg_wheel_check_file(const struct pkg_wheel *w, const char *file, struct eb_error **err)
{
	EB_CLEANUP(pkg_wheel_file_release_p) struct pkg_wheel_file f = { 0 };
	int r = pkg_wheel_file_parse(file, &f, err);

	if (r < 0)
		return r;
	if (!pkg_wheel_same_name(f.name, w->name))
		return eb_throw(err, EB_E_FORMAT, "holds '%s', which the name '%s' does not say",
				w->name, file);
	return check_tags(w, &f, err);
}
