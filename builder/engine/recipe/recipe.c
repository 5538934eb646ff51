/* The top of recipe.yaml: its keys, and loading one recipe. The groups of keys are in
 * recipe_debian.c, recipe_image.c, recipe_archives.c, recipe_programs.c, recipe_users.c,
 * recipe_tree.c and recipe_config.c. */
#include "recipe/recipe.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "recipe/recipe_parse.h"

int(rcp_throw)(const struct rcp_pos *pos, struct eb_error **err, const char *fmt, ...)
{
	struct rcp_yaml place = { .file = pos->file, .line = pos->line, .column = pos->column };
	autofree char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = eb_xvasprintf(fmt, ap);
	va_end(ap);
	return rcp_yaml_throw(&place, err, "%s", text);
}

static int read_name(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		     struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_component, to, err);
}

/* A literal, or {package: NAME}. */
static int read_version(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	static const struct rcp_field fields[] = {
		{ "package", rcp_read_package, offsetof(struct rcp_recipe, version_package), true },
	};
	struct rcp_recipe *r = to;

	r->version_pos = rcp_pos_of(v);
	if (v->kind == RCP_YAML_MAP)
		return rcp_read_map(rd, v, fields, EB_ARRAY_LEN(fields), r, err);
	return rcp_read_checked(rd, v, rcp_check_version, &r->version, err);
}

static int read_from(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		     struct eb_error **err)
{
	struct rcp_recipe *r = to;

	r->from_pos = rcp_pos_of(v);
	return rcp_read_checked(rd, v, rcp_check_component, &r->from, err);
}

/* In this order: owners need the users, users need the groups. */
static const struct rcp_field fields[] = {
	{ "name", read_name, offsetof(struct rcp_recipe, name), true },
	{ "summary", rcp_read_line, offsetof(struct rcp_recipe, summary), false },
	{ "description", rcp_read_text, offsetof(struct rcp_recipe, description), false },
	{ "version", read_version, 0, false },
	{ "from", read_from, 0, false },
	{ "architectures", rcp_read_architectures, 0, false },
	{ "image", rcp_read_image, 0, false },
	{ "debian", rcp_read_debian, 0, false },
	{ "path-exclude", rcp_read_path_exclude, 0, false },
	{ "path-include", rcp_read_path_include, 0, false },
	{ "groups", rcp_read_groups, 0, false },
	{ "users", rcp_read_users, 0, false },
	{ "python", rcp_read_python, offsetof(struct rcp_recipe, python), false },
	{ "go", rcp_read_go, 0, false },
	{ "archives", rcp_read_archives, 0, false },
	{ "files", rcp_read_files, 0, false },
	{ "directories", rcp_read_directories, 0, false },
	{ "links", rcp_read_links, 0, false },
	{ "remove", rcp_read_remove, 0, false },
	{ "permissions", rcp_read_permissions, 0, false },
	{ "alternatives", rcp_read_alternatives, 0, false },
	{ "diversions", rcp_read_diversions, 0, false },
	{ "codecs", rcp_read_codecs, 0, false },
	{ "fixups", rcp_read_fixups, 0, false },
	{ "config", rcp_read_config, 0, false },
	{ "annotations", rcp_read_annotations, 0, false },
};

/* Last component of a directory's path (heap), or NULL when the path does not say ("", ".", "..").
 */
static char *dir_name(const char *dir)
{
	size_t n = strlen(dir), start;

	while (n > 0 && dir[n - 1] == '/')
		n--;
	for (start = n; start > 0 && dir[start - 1] != '/';)
		start--;
	dir += start;
	n -= start;
	if (n == 0 || (n == 1 && dir[0] == '.') || (n == 2 && dir[0] == '.' && dir[1] == '.'))
		return NULL;
	return eb_xstrndup(dir, n);
}

static int check_name(const struct rcp_yaml *root, const struct rcp_recipe *r,
		      const char *directory, struct eb_error **err)
{
	if (!directory || strcmp(r->name, directory) == 0)
		return 0;
	return rcp_yaml_throw(rcp_yaml_get(root, "name"), err,
			      "name: expected '%s', the name of the recipe's directory, found '%s'",
			      directory, r->name);
}

static int parse(const char *dir, const char *file, const char *directory, const char *text,
		 size_t n, struct rcp_recipe **ret, struct eb_error **err)
{
	static const char *both[] = { "amd64", "arm64" };
	EB_CLEANUP(rcp_free_p) struct rcp_recipe *r = eb_xcalloc(1, sizeof(*r));
	struct rcp_reader rd = { .document = r };
	struct rcp_yaml *root;
	int e;

	r->arena = rd.arena = eb_arena_new();
	r->dir = eb_arena_strdup(r->arena, dir);
	r->file = eb_arena_strdup(r->arena, file);
	r->config = eb_json_object();
	e = rcp_yaml_parse(file, text, n, r->arena, &root, err);
	if (e < 0)
		return e;
	e = rcp_read_map(&rd, root, fields, EB_ARRAY_LEN(fields), r, err);
	if (e < 0)
		return e;
	e = check_name(root, r, directory, err);
	if (e >= 0)
		e = rcp_check_image(root, r, err);
	if (e < 0)
		return e;
	e = rcp_check_accounts(r, err);
	if (e < 0)
		return e;
	e = rcp_check_paths(r, err);
	if (e < 0)
		return e;
	if (!r->from && r->n_architectures == 0) {
		r->architectures = both;
		r->n_architectures = EB_ARRAY_LEN(both);
	}
	*ret = EB_TAKE_PTR(r);
	return 0;
}

int rcp_parse(const char *dir, const char *file, const char *text, size_t n,
	      struct rcp_recipe **ret, struct eb_error **err)
{
	autofree char *directory = dir_name(dir);

	return parse(dir, file, directory, text, n, ret, err);
}

/* Every `source` must be a regular file beneath the recipe's directory. */
static int check_sources(const struct rcp_recipe *r, struct eb_error **err)
{
	EB_AUTODIR(d);
	int e;

	e = eb_dir_open(*r->dir ? r->dir : ".", false, &d, err);
	if (e < 0)
		return e;
	for (size_t i = 0; i < r->n_entries; i++) {
		const struct rcp_entry *entry = &r->entries[i];
		autoerror struct eb_error *cause = NULL;
		autofd int fd = -1;
		struct stat st;

		if (!entry->source)
			continue;
		fd = eb_dir_open_file(&d, entry->source, O_PATH, 0, &cause);
		if (fd < 0)
			return rcp_throw(&entry->pos, err, "files: source of '%s': %s", entry->path,
					 cause->message);
		if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
			return rcp_throw(&entry->pos, err,
					 "files: source '%s' of '%s' is not a regular file",
					 entry->source, entry->path);
	}
	return 0;
}

int rcp_load(const char *dir, struct rcp_recipe **ret, struct eb_error **err)
{
	const char *slash = *dir && dir[strlen(dir) - 1] != '/' ? "/" : "";
	autofree char *file = eb_xasprintf("%s%srecipe.yaml", dir, slash);
	EB_CLEANUP(rcp_free_p) struct rcp_recipe *r = NULL;
	autoerror struct eb_error *cause = NULL;
	autofree char *directory = dir_name(dir);
	EB_AUTOBUF(text, RCP_YAML_MAX_BYTES);
	int e;

	e = eb_file_read(file, &text, &cause);
	if (e == -ENOENT || e == -ENOTDIR) {
		e = eb_throw(err, EB_E_NOT_FOUND, "no recipe in '%s': %s", dir, cause->message);
		return eb_hint(err, e, "name a directory that holds a recipe.yaml");
	}
	if (e < 0)
		return eb_error_forward(err, EB_TAKE_PTR(cause));
	if (!directory) {
		autofree char *real = realpath(*dir ? dir : ".", NULL);

		directory = real ? dir_name(real) : NULL;
	}
	e = parse(dir, file, directory, eb_buf_str(&text), text.len, &r, err);
	if (e < 0)
		return e;
	e = check_sources(r, err);
	if (e < 0)
		return e;
	*ret = EB_TAKE_PTR(r);
	return 0;
}

struct rcp_recipe *rcp_free(struct rcp_recipe *r)
{
	if (!r)
		return NULL;
	json_decref(r->config);
	json_decref(r->annotations);
	eb_arena_free(r->arena);
	free(r);
	return NULL;
}
