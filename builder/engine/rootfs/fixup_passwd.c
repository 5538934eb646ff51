/* /etc/passwd and /etc/group (passwd(5), group(5)): the lines that are there are kept as they are,
 * root and nobody are always there, and the declared users and groups follow; sorted by id. There
 * is no /etc/shadow: nobody logs in, and "x" without it means a password that never matches. */
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "rootfs/fixups_internal.h"

/* Both files together in any image one would want. */
enum { MAX_BYTES = 1024 * 1024, MAX_LINES = 10000, NOBODY = 65534 };

struct entry {
	char *name;
	uint32_t id;
	char *rest; /* passwd: "gid:comment:home:shell"; group: members */
	char *line; /* as it was in the file, NULL when made here or changed */
};

struct list {
	const char *path;
	struct entry *e;
	size_t n, alloc;
};

static void list_release(struct list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->e[i].name);
		free(l->e[i].rest);
		free(l->e[i].line);
	}
	free(l->e);
}
EB_DEFINE_RELEASE(struct list, list_release)

static struct entry *find_name(const struct list *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->e[i].name, name) == 0)
			return &l->e[i];
	return NULL;
}

static struct entry *find_id(const struct list *l, uint32_t id)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->e[i].id == id)
			return &l->e[i];
	return NULL;
}

/* Strings are taken over. */
static int add(struct list *l, uint32_t id, char *name, char *rest, char *line,
	       struct eb_error **err)
{
	autofree char *a = name, *b = rest, *c = line;
	int r = eb_grow(&l->e, &l->alloc, l->n + 1, sizeof(l->e[0]), MAX_LINES, "lines", err);

	if (r < 0)
		return eb_prefix(err, r, "'/%s'", l->path);
	l->e[l->n++] = (struct entry){ EB_TAKE_PTR(a), id, EB_TAKE_PTR(b), EB_TAKE_PTR(c) };
	return 0;
}

/* ---- what is there ---- */

static int parse_line(struct list *l, struct eb_span line, struct eb_error **err)
{
	struct eb_span rest = line, name, password, id;
	uint64_t v;
	int r;

	if (!eb_span_next(&rest, ':', &name) || !eb_span_next(&rest, ':', &password) ||
	    !eb_span_next(&rest, ':', &id))
		return eb_throw(err, EB_E_FORMAT, "expected name:x:id:..., found '%.*s'",
				line.len > 60 ? 60 : (int)line.len, line.ptr);
	r = eb_parse_u64(id, UINT32_MAX, &v, err);
	if (r < 0)
		return r;
	return add(l, (uint32_t)v, eb_span_dup(name), eb_span_dup(rest), eb_span_dup(line), err);
}

static int load(const struct fixup *f, struct list *l, struct eb_error **err)
{
	EB_AUTOBUF(b, MAX_BYTES);
	struct eb_span rest, line;
	unsigned int number = 0;
	int r = 0;

	if (!rfs_lookup_follow(f->env->tree, l->path))
		return 0;
	r = rfs_fixup_read_(f, l->path, &b, err);
	if (r < 0)
		return r;
	if (b.len && memchr(b.data, '\0', b.len))
		return eb_throw(err, EB_E_FORMAT, "'/%s' has a NUL byte", l->path);
	rest = (struct eb_span){ b.data, b.len };
	while (r >= 0 && eb_span_next(&rest, '\n', &line)) {
		number++;
		if (line.len)
			r = parse_line(l, line, err);
	}
	return r < 0 ? eb_prefix(err, r, "'/%s', line %u", l->path, number) : 0;
}

/* ---- what is declared ---- */

static int check_text(const char *what, const char *text, bool may_be_empty, struct eb_error **err)
{
	bool good = text[0] || may_be_empty;

	for (const char *p = text; *p; p++)
		good = good && *p != ':' && (unsigned char)*p >= ' ' && *p != 0x7f;
	return good ? 0
		    : eb_throw(err, EB_E_FORMAT, "%s '%s' cannot stand in /etc/passwd", what, text);
}

static int check_name(const char *what, const char *name, struct eb_error **err)
{
	size_t n = strlen(name);

	if (n == 0 || n > 32 || name[0] == '-' || strpbrk(name, " ,/"))
		return eb_throw(err, EB_E_FORMAT, "%s '%s': not a valid name", what, name);
	return check_text(what, name, false, err);
}

/* Have a group. Members are appended to those that are there. */
static int want_group(struct list *groups, const char *name, uint32_t gid,
		      const char *const *members, size_t n_members, struct eb_error **err)
{
	struct entry *e = find_name(groups, name), *same = find_id(groups, gid);
	int r = check_name("group", name, err);

	if (r < 0)
		return r;
	if (e && e->id != gid)
		return eb_throw(err, EB_E_CONFLICT, "group '%s' is %u and %u", name, e->id, gid);
	if (same && same != e)
		return eb_throw(err, EB_E_CONFLICT, "group id %u is '%s' and '%s'", gid, same->name,
				name);
	if (!e) {
		r = add(groups, gid, eb_xstrdup(name), eb_xstrdup(""), NULL, err);
		if (r < 0)
			return r;
		e = &groups->e[groups->n - 1];
	}
	for (size_t i = 0; i < n_members; i++) {
		struct eb_span list = eb_span_str(e->rest), one;
		bool there = false;
		char *joined;

		r = check_name("member", members[i], err);
		if (r < 0)
			return r;
		while (!there && eb_span_next(&list, ',', &one))
			there = eb_span_eq(one, members[i]);
		if (there)
			continue;
		joined = eb_xasprintf("%s%s%s", e->rest, e->rest[0] ? "," : "", members[i]);
		free(e->rest);
		free(e->line);
		e->rest = joined;
		e->line = NULL;
	}
	return 0;
}

static int want_user(struct list *users, struct list *groups, const struct rfs_user *u,
		     struct eb_error **err)
{
	const char *home = u->home ? u->home : "/nonexistent";
	const char *shell = u->shell ? u->shell : "/usr/sbin/nologin";
	const char *comment = u->comment ? u->comment : "";
	struct entry *e = find_name(users, u->name), *same = find_id(users, u->uid);
	int r = check_name("user", u->name, err);

	if (r >= 0)
		r = check_text("home directory", home, false, err);
	if (r >= 0)
		r = check_text("shell", shell, false, err);
	if (r >= 0)
		r = check_text("comment", comment, true, err);
	if (r < 0)
		return r;
	if (e && e->id != u->uid)
		return eb_throw(err, EB_E_CONFLICT, "user '%s' is %u and %u", u->name, e->id,
				u->uid);
	if (same && same != e)
		return eb_throw(err, EB_E_CONFLICT, "user id %u is '%s' and '%s'", u->uid,
				same->name, u->name);
	if (u->group || !find_id(groups, u->gid)) {
		r = want_group(groups, u->group ? u->group : u->name, u->gid, NULL, 0, err);
		if (r < 0)
			return eb_prefix(err, r, "user '%s'", u->name);
	}
	if (e)
		return 0;
	return add(users, u->uid, eb_xstrdup(u->name),
		   eb_xasprintf("%u:%s:%s:%s", u->gid, comment, home, shell), NULL, err);
}

static int want_declared(const struct fixup *f, struct list *users, struct list *groups,
			 struct eb_error **err)
{
	static const struct rfs_user always[] = {
		{ "root", 0, 0, "root", "/root", NULL, "root" },
		{ "nobody", NOBODY, NOBODY, "nogroup", NULL, NULL, "nobody" },
	};
	const struct rfs_fixup_env *env = f->env;
	int r = 0;

	/* First, or a user of group 0 would give it the user's name. */
	for (size_t i = 0; r >= 0 && i < EB_ARRAY_LEN(always); i++)
		if (!find_id(groups, always[i].gid))
			r = want_group(groups, always[i].group, always[i].gid, NULL, 0, err);
	for (size_t i = 0; r >= 0 && i < env->n_groups; i++)
		r = want_group(groups, env->groups[i].name, env->groups[i].gid,
			       env->groups[i].members, env->groups[i].n_members, err);
	for (size_t i = 0; r >= 0 && i < env->n_users; i++)
		r = want_user(users, groups, &env->users[i], err);
	/* Last, so that a recipe may give root another home. */
	for (size_t i = 0; r >= 0 && i < EB_ARRAY_LEN(always); i++)
		if (!find_name(users, always[i].name))
			r = want_user(users, groups, &always[i], err);
	return r;
}

/* ---- writing ---- */

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->id != y->id ? (x->id < y->id ? -1 : 1) : strcmp(x->name, y->name);
}

static int store(const struct fixup *f, struct list *l, struct eb_error **err)
{
	EB_AUTOBUF(b, MAX_BYTES);
	int r;

	if (l->n)
		qsort(l->e, l->n, sizeof(l->e[0]), compare);
	for (size_t i = 0; i < l->n; i++) {
		const struct entry *e = &l->e[i];

		if (e->line)
			eb_buf_addf(&b, "%s\n", e->line);
		else
			eb_buf_addf(&b, "%s:x:%u:%s\n", e->name, e->id, e->rest);
	}
	r = eb_buf_check(&b, l->path, err);
	return r < 0 ? r : rfs_fixup_file_(f, l->path, eb_buf_str(&b), b.len, err);
}

int rfs_fixup_passwd_(const struct fixup *f, struct eb_error **err)
{
	EB_CLEANUP(list_release_p) struct list users = { .path = "etc/passwd" };
	EB_CLEANUP(list_release_p) struct list groups = { .path = "etc/group" };
	int r = load(f, &users, err);

	if (r >= 0)
		r = load(f, &groups, err);
	if (r >= 0)
		r = want_declared(f, &users, &groups, err);
	if (r >= 0)
		r = store(f, &users, err);
	if (r >= 0)
		r = store(f, &groups, err);
	return r;
}
