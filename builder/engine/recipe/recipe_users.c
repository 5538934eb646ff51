/* Keys of a recipe that define accounts: users, groups; and who owns what. */
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "recipe/recipe_parse.h"

static int read_account(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_account, to, err);
}

static int read_members(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	struct rcp_group *g = to;

	return rcp_read_list(rd, v, sizeof(*g->members), read_account, &g->members, &g->n_members,
			     err);
}

static int read_group(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		      struct eb_error **err)
{
	static const struct rcp_field fields[] = {
		{ "name", read_account, offsetof(struct rcp_group, name), true },
		{ "gid", rcp_read_id, offsetof(struct rcp_group, gid), true },
		{ "members", read_members, 0, false },
	};
	struct rcp_group *g = to;

	g->pos = rcp_pos_of(v);
	return rcp_read_map(rd, v, fields, EB_ARRAY_LEN(fields), g, err);
}

int rcp_read_groups(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		    struct eb_error **err)
{
	struct rcp_recipe *r = to;

	return rcp_read_list(rd, v, sizeof(*r->groups), read_group, &r->groups, &r->n_groups, err);
}

/* The fields of passwd(5) are separated by ':'. */
static const char *check_comment(const char *s)
{
	if (strchr(s, ':'))
		return "allowed here: it has a ':'";
	return *s ? rcp_check_line(s) : NULL;
}

static const char *check_passwd_path(const char *s)
{
	if (strchr(s, ':'))
		return "a path for /etc/passwd: it has a ':'";
	return rcp_check_path(s);
}

static int read_comment(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	return rcp_read_checked(rd, v, check_comment, to, err);
}

static int read_passwd_path(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			    struct eb_error **err)
{
	return rcp_read_checked(rd, v, check_passwd_path, to, err);
}

/* The gid is the uid unless given: read in this order. */
static int read_uid(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		    struct eb_error **err)
{
	struct rcp_user *u = to;
	int r = rcp_read_id(rd, v, &u->uid, err);

	u->gid = u->uid;
	return r;
}

static int read_user(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		     struct eb_error **err)
{
	static const struct rcp_field fields[] = {
		{ "name", read_account, offsetof(struct rcp_user, name), true },
		{ "uid", read_uid, 0, true },
		{ "gid", rcp_read_id, offsetof(struct rcp_user, gid), false },
		{ "home", read_passwd_path, offsetof(struct rcp_user, home), false },
		{ "shell", read_passwd_path, offsetof(struct rcp_user, shell), false },
		{ "comment", read_comment, offsetof(struct rcp_user, comment), false },
	};
	struct rcp_user *u = to;

	u->pos = rcp_pos_of(v);
	u->home = "/";
	u->shell = "/usr/sbin/nologin";
	u->comment = "";
	return rcp_read_map(rd, v, fields, EB_ARRAY_LEN(fields), u, err);
}

int rcp_read_users(struct rcp_reader *rd, const struct rcp_yaml *v, void *to, struct eb_error **err)
{
	struct rcp_recipe *r = to;

	return rcp_read_list(rd, v, sizeof(*r->users), read_user, &r->users, &r->n_users, err);
}

static const struct rcp_group *group_by_gid(const struct rcp_recipe *r, uint32_t gid)
{
	for (size_t i = 0; i < r->n_groups; i++)
		if (r->groups[i].gid == gid)
			return &r->groups[i];
	return NULL;
}

static const struct rcp_group *group_by_name(const struct rcp_recipe *r, const char *name)
{
	for (size_t i = 0; i < r->n_groups; i++)
		if (strcmp(r->groups[i].name, name) == 0)
			return &r->groups[i];
	return NULL;
}

static const struct rcp_user *user_by_name(const struct rcp_recipe *r, const char *name)
{
	for (size_t i = 0; i < r->n_users; i++)
		if (strcmp(r->users[i].name, name) == 0)
			return &r->users[i];
	return NULL;
}

static int name_groups(struct rcp_recipe *r, struct eb_error **err)
{
	for (size_t i = 0; i < r->n_users; i++) {
		struct rcp_user *u = &r->users[i];
		const struct rcp_group *g = group_by_gid(r, u->gid);
		const struct rcp_group *same_name = group_by_name(r, u->name);

		if (!g && same_name)
			return rcp_throw(
				&u->pos, err,
				"user '%s' has gid %u, but group '%s' has gid %u (%s:%u:%u)",
				u->name, u->gid, same_name->name, same_name->gid,
				same_name->pos.file, same_name->pos.line, same_name->pos.column);
		u->group = g ? g->name : u->name;
	}
	return 0;
}

int rcp_check_accounts(struct rcp_recipe *r, struct eb_error **err)
{
	size_t most = r->n_users > r->n_groups ? r->n_users : r->n_groups;
	autofree struct rcp_unique *u = eb_xcalloc(most, sizeof(*u));
	int e;

	for (size_t i = 0; i < r->n_users; i++)
		u[i] = (struct rcp_unique){ r->users[i].name, r->users[i].pos };
	e = rcp_check_unique(u, r->n_users, "user", err);
	if (e < 0)
		return e;
	for (size_t i = 0; i < r->n_users; i++)
		u[i] = (struct rcp_unique){ eb_arena_printf(r->arena, "%u", r->users[i].uid),
					    r->users[i].pos };
	e = rcp_check_unique(u, r->n_users, "uid", err);
	if (e < 0)
		return e;
	for (size_t i = 0; i < r->n_groups; i++)
		u[i] = (struct rcp_unique){ r->groups[i].name, r->groups[i].pos };
	e = rcp_check_unique(u, r->n_groups, "group", err);
	if (e < 0)
		return e;
	for (size_t i = 0; i < r->n_groups; i++)
		u[i] = (struct rcp_unique){ eb_arena_printf(r->arena, "%u", r->groups[i].gid),
					    r->groups[i].pos };
	e = rcp_check_unique(u, r->n_groups, "gid", err);
	return e < 0 ? e : name_groups(r, err);
}

/* A number or a name the recipe knows; 0 found, 1 unknown name, 2 neither. */
enum lookup { FOUND, UNKNOWN, MALFORMED };

static enum lookup look_up_number(const char *s, uint32_t *ret)
{
	uint64_t n;

	if (*s < '0' || *s > '9')
		return rcp_check_account(s) ? MALFORMED : UNKNOWN;
	if (eb_parse_u64(eb_span_str(s), INT32_MAX, &n, NULL) < 0)
		return MALFORMED;
	*ret = (uint32_t)n;
	return FOUND;
}

static enum lookup look_up_user(const struct rcp_recipe *r, const char *s, struct rcp_owner *o)
{
	const struct rcp_user *u = user_by_name(r, s);

	if (u || strcmp(s, "root") == 0) {
		o->uid = u ? u->uid : 0;
		o->gid = u ? u->gid : 0;
		o->has_gid = true;
		return FOUND;
	}
	return look_up_number(s, &o->uid);
}

static enum lookup look_up_group(const struct rcp_recipe *r, const char *s, struct rcp_owner *o)
{
	const struct rcp_group *g = group_by_name(r, s);
	const struct rcp_user *u = user_by_name(r, s);

	o->has_gid = true;
	if (g || strcmp(s, "root") == 0) {
		o->gid = g ? g->gid : 0;
		return FOUND;
	}
	/* The group that comes with a user of its own. */
	if (u && !group_by_gid(r, u->gid)) {
		o->gid = u->gid;
		return FOUND;
	}
	return look_up_number(s, &o->gid);
}

static int unknown(struct rcp_reader *rd, const struct rcp_yaml *v, const char *what,
		   const char *name, struct eb_error **err)
{
	const struct rcp_recipe *r = rd->document;
	size_t n = r->n_users + r->n_groups;
	const char **names = eb_arena_alloc(rd->arena, (n + 2) * sizeof(*names));
	const char *near;

	for (size_t i = 0; i < r->n_users; i++)
		names[i] = r->users[i].name;
	for (size_t i = 0; i < r->n_groups; i++)
		names[r->n_users + i] = r->groups[i].name;
	names[n] = "root";
	near = eb_nearest(name, names);
	if (near)
		return rcp_read_throw(rd, v, err,
				      "this recipe defines no %s '%s'; did you mean '%s'?", what,
				      rcp_read_show(rd, name), near);
	return rcp_read_throw(rd, v, err,
			      "this recipe defines no %s '%s'; define it or write its number", what,
			      rcp_read_show(rd, name));
}

static int read_pair(struct rcp_reader *rd, const struct rcp_yaml *v, bool lone_number,
		     struct rcp_owner *ret, struct eb_error **err)
{
	const struct rcp_recipe *r = rd->document;
	struct rcp_owner o = { 0 };
	const char *text = NULL, *user, *group = NULL;
	enum lookup u, g = FOUND;
	size_t n;
	int e = rcp_read_text(rd, v, &text, err);

	if (e < 0)
		return e;
	n = strcspn(text, ":");
	user = eb_arena_strndup(rd->arena, text, n);
	u = look_up_user(r, user, &o);
	if (text[n]) {
		group = text + n + 1;
		g = look_up_group(r, group, &o);
	}
	if (u == MALFORMED || g == MALFORMED || (u == FOUND && !o.has_gid && !lone_number))
		return rcp_read_throw(
			rd, v, err,
			"expected \"uid:gid\" (numbers from 0 to %d or names that this "
			"recipe defines), found '%s'",
			INT32_MAX, rcp_read_show(rd, text));
	if (u == UNKNOWN)
		return unknown(rd, v, "user", user, err);
	if (g == UNKNOWN)
		return unknown(rd, v, "group", group, err);
	*ret = o;
	return 0;
}

int rcp_read_owner(struct rcp_reader *rd, const struct rcp_yaml *v, void *to, struct eb_error **err)
{
	return read_pair(rd, v, false, to, err);
}

int rcp_read_run_as(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		    struct eb_error **err)
{
	return read_pair(rd, v, true, to, err);
}
