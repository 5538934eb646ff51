/* Keys of a recipe that shape the root file system. */
#include "base/error.h"
#include "base/mem.h"
#include "recipe/recipe_parse.h"

static int read_entry_owner(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			    struct eb_error **err)
{
	struct rcp_entry *e = to;
	struct rcp_owner o;
	int r = rcp_read_owner(rd, v, &o, err);

	if (r < 0)
		return r;
	e->uid = o.uid;
	e->gid = o.gid;
	return 0;
}

static int read_source(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		       struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_relative, to, err);
}

struct file_keys {
	struct rcp_entry entry; /* first: the other readers know this one */
	const char *program;
};

static int read_program(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_word, to, err);
}

static int read_file(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		     struct eb_error **err)
{
	static const struct rcp_field fields[] = {
		{ "path", rcp_read_path_below, offsetof(struct rcp_entry, path), true },
		{ "content", rcp_read_text, offsetof(struct rcp_entry, text), false },
		{ "source", read_source, offsetof(struct rcp_entry, source), false },
		{ "program", read_program, offsetof(struct file_keys, program), false },
		RCP_REMOTE_FIELDS(struct rcp_entry),
		{ "mode", rcp_read_mode, offsetof(struct rcp_entry, mode), false },
		{ "owner", read_entry_owner, 0, false },
		{ "replace", rcp_read_bool, offsetof(struct rcp_entry, replace), false },
	};
	struct file_keys keys = { .entry = { .kind = RCP_FILE, .mode = UINT32_MAX } };
	struct rcp_entry *e = &keys.entry;
	int r, given;

	e->pos = rcp_pos_of(v);
	r = rcp_read_map(rd, v, fields, EB_ARRAY_LEN(fields), &keys, err);
	if (r < 0)
		return r;
	if (e->mode == UINT32_MAX)
		e->mode = keys.program ? 0755 : 0644;
	given = !!e->text + !!e->source + !!e->remote.url + !!keys.program;
	if (given != 1)
		return rcp_read_throw(rd, v, err,
				      "'%s' needs either 'content', 'source', 'url' or 'program'%s",
				      e->path, given ? ", only one of them" : "");
	r = rcp_check_remote(rd, v, &e->remote, err);
	if (r < 0)
		return r;
	if (keys.program)
		e->remote.url = eb_arena_printf(rd->arena, RCP_OWN_URL "%s", keys.program);
	*(struct rcp_entry *)to = *e;
	return 0;
}

static int read_directory(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			  struct eb_error **err)
{
	static const struct rcp_field fields[] = {
		{ "path", rcp_read_path_below, offsetof(struct rcp_entry, path), true },
		{ "mode", rcp_read_mode, offsetof(struct rcp_entry, mode), false },
		{ "owner", read_entry_owner, 0, false },
	};
	struct rcp_entry *e = to;

	e->kind = RCP_DIRECTORY;
	e->mode = 0755;
	e->pos = rcp_pos_of(v);
	return rcp_read_map(rd, v, fields, EB_ARRAY_LEN(fields), e, err);
}

/* A relative target counts from the link's directory; more ".." than that has levels would climb
 * out of the root. Inside a container the kernel stops at "/", but other readers may not. */
static bool climbs_out(const char *path, const char *target)
{
	size_t depth = 0;

	if (target[0] != '/')
		for (const char *p = path + 1; *p; p++)
			depth += *p == '/';
	for (const char *p = target; *p;) {
		size_t n = strcspn(p, "/");

		if (n == 2 && p[0] == '.' && p[1] == '.') {
			if (depth == 0)
				return true;
			depth--;
		} else if (n > 0 && !(n == 1 && p[0] == '.')) {
			depth++;
		}
		p += n;
		p += *p == '/';
	}
	return false;
}

static int read_link(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		     struct eb_error **err)
{
	static const struct rcp_field fields[] = {
		{ "path", rcp_read_path_below, offsetof(struct rcp_entry, path), true },
		{ "target", rcp_read_line, offsetof(struct rcp_entry, target), true },
		{ "replace", rcp_read_bool, offsetof(struct rcp_entry, replace), false },
	};
	struct rcp_entry *e = to;
	int r;

	e->kind = RCP_LINK;
	e->mode = 0777;
	e->pos = rcp_pos_of(v);
	r = rcp_read_map(rd, v, fields, EB_ARRAY_LEN(fields), e, err);
	if (r < 0)
		return r;
	if (climbs_out(e->path, e->target))
		return rcp_read_throw(rd, rcp_yaml_get(v, "target"), err,
				      "target '%s' of '%s' climbs out of the root",
				      rcp_read_show(rd, e->target), e->path);
	return 0;
}

/* Files, directories and links share one array, in the order of the keys. */
static int append_entries(struct rcp_reader *rd, const struct rcp_yaml *v, rcp_read_fn item,
			  struct rcp_recipe *r, struct eb_error **err)
{
	struct rcp_entry *more = NULL, *all;
	size_t n = 0;
	int e = rcp_read_list(rd, v, sizeof(*more), item, &more, &n, err);

	if (e < 0)
		return e;
	all = eb_arena_alloc(rd->arena, (r->n_entries + n) * sizeof(*all));
	if (r->n_entries)
		memcpy(all, r->entries, r->n_entries * sizeof(*all));
	if (n)
		memcpy(all + r->n_entries, more, n * sizeof(*all));
	r->entries = all;
	r->n_entries += n;
	return 0;
}

int rcp_read_files(struct rcp_reader *rd, const struct rcp_yaml *v, void *to, struct eb_error **err)
{
	return append_entries(rd, v, read_file, to, err);
}

int rcp_read_directories(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			 struct eb_error **err)
{
	return append_entries(rd, v, read_directory, to, err);
}

int rcp_read_links(struct rcp_reader *rd, const struct rcp_yaml *v, void *to, struct eb_error **err)
{
	return append_entries(rd, v, read_link, to, err);
}

int rcp_read_remove(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		    struct eb_error **err)
{
	struct rcp_recipe *r = to;

	return rcp_read_words(rd, v, rcp_check_path_below, "remove: pattern", &r->remove,
			      &r->n_remove, err);
}

int rcp_read_path_exclude(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			  struct eb_error **err)
{
	struct rcp_recipe *r = to;

	return rcp_read_words(rd, v, rcp_check_path_below, "path-exclude: pattern",
			      &r->path_exclude, &r->n_path_exclude, err);
}

int rcp_read_path_include(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			  struct eb_error **err)
{
	struct rcp_recipe *r = to;

	return rcp_read_words(rd, v, rcp_check_path_below, "path-include: pattern",
			      &r->path_include, &r->n_path_include, err);
}

static int read_new_mode(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			 struct eb_error **err)
{
	struct rcp_permission *p = to;

	p->has_mode = true;
	return rcp_read_mode(rd, v, &p->mode, err);
}

static int read_new_owner(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			  struct eb_error **err)
{
	struct rcp_permission *p = to;
	struct rcp_owner o;
	int r = rcp_read_owner(rd, v, &o, err);

	if (r < 0)
		return r;
	p->has_owner = true;
	p->uid = o.uid;
	p->gid = o.gid;
	return 0;
}

static int read_permission(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			   struct eb_error **err)
{
	static const struct rcp_field fields[] = {
		{ "path", rcp_read_path_below, offsetof(struct rcp_permission, path), true },
		{ "mode", read_new_mode, 0, false },
		{ "owner", read_new_owner, 0, false },
	};
	struct rcp_permission *p = to;
	int r;

	p->pos = rcp_pos_of(v);
	r = rcp_read_map(rd, v, fields, EB_ARRAY_LEN(fields), p, err);
	if (r < 0)
		return r;
	if (!p->has_mode && !p->has_owner)
		return rcp_read_throw(rd, v, err, "'%s' needs 'mode' or 'owner'", p->path);
	return 0;
}

int rcp_read_permissions(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			 struct eb_error **err)
{
	struct rcp_recipe *r = to;

	return rcp_read_list(rd, v, sizeof(*r->permissions), read_permission, &r->permissions,
			     &r->n_permissions, err);
}

static int read_alternative(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			    struct eb_error **err)
{
	static const struct rcp_field fields[] = {
		{ "name", rcp_read_path_below, offsetof(struct rcp_pair, from), true },
		{ "path", rcp_read_path_below, offsetof(struct rcp_pair, to), true },
	};
	struct rcp_pair *p = to;

	p->pos = rcp_pos_of(v);
	return rcp_read_map(rd, v, fields, EB_ARRAY_LEN(fields), p, err);
}

int rcp_read_alternatives(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			  struct eb_error **err)
{
	struct rcp_recipe *r = to;

	return rcp_read_list(rd, v, sizeof(*r->alternatives), read_alternative, &r->alternatives,
			     &r->n_alternatives, err);
}

static int read_diversion(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			  struct eb_error **err)
{
	static const struct rcp_field fields[] = {
		{ "path", rcp_read_path_below, offsetof(struct rcp_pair, from), true },
		{ "to", rcp_read_path_below, offsetof(struct rcp_pair, to), true },
	};
	struct rcp_pair *p = to;

	p->pos = rcp_pos_of(v);
	return rcp_read_map(rd, v, fields, EB_ARRAY_LEN(fields), p, err);
}

int rcp_read_diversions(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	struct rcp_recipe *r = to;

	return rcp_read_list(rd, v, sizeof(*r->diversions), read_diversion, &r->diversions,
			     &r->n_diversions, err);
}

int rcp_read_fixups(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		    struct eb_error **err)
{
	struct rcp_recipe *r = to;

	return rcp_read_words(rd, v, rcp_check_word, "fixup", &r->fixups, &r->n_fixups, err);
}

static int check_pairs(const struct rcp_pair *p, size_t n, const char *what, struct eb_error **err)
{
	autofree struct rcp_unique *u = eb_xcalloc(n, sizeof(*u));

	for (size_t i = 0; i < n; i++) {
		if (strcmp(p[i].from, p[i].to) == 0)
			return rcp_throw(&p[i].pos, err, "%s '%s' leads to itself", what,
					 p[i].from);
		u[i] = (struct rcp_unique){ p[i].from, p[i].pos };
	}
	return rcp_check_unique(u, n, what, err);
}

/* No path twice among the entries, the permissions, the alternatives, the diversions. */
int rcp_check_paths(struct rcp_recipe *r, struct eb_error **err)
{
	size_t most = r->n_entries > r->n_permissions ? r->n_entries : r->n_permissions;
	autofree struct rcp_unique *u = eb_xcalloc(most, sizeof(*u));
	int e;

	for (size_t i = 0; i < r->n_entries; i++)
		u[i] = (struct rcp_unique){ r->entries[i].path, r->entries[i].pos };
	e = rcp_check_unique(u, r->n_entries, "path", err);
	if (e < 0)
		return e;
	for (size_t i = 0; i < r->n_permissions; i++)
		u[i] = (struct rcp_unique){ r->permissions[i].path, r->permissions[i].pos };
	e = rcp_check_unique(u, r->n_permissions, "permissions: path", err);
	if (e < 0)
		return e;
	e = check_pairs(r->alternatives, r->n_alternatives, "alternative", err);
	if (e < 0)
		return e;
	return check_pairs(r->diversions, r->n_diversions, "diversion", err);
}
