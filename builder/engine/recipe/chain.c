/* A recipe and all it builds on: found beside each other, what is inherited filled in, and the
 * checks that need more than one recipe. */
#include <dirent.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/span.h"
#include "recipe/check.h"
#include "recipe/recipe.h"

enum { MAX_STAGES = 16, MAX_SIBLINGS = 1000 };

char *rcp_sibling(const char *dir, const char *name)
{
	size_t n = strlen(dir), start;

	while (n > 0 && dir[n - 1] == '/')
		n--;
	for (start = n; start > 0 && dir[start - 1] != '/';)
		start--;
	if (n == start || strspn(dir + start, ".") >= n - start)
		return eb_xasprintf("%.*s/../%s", n ? (int)n : 1, n ? dir : ".", name);
	return eb_xasprintf("%.*s%s", (int)start, dir, name);
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *const *rcp_list_recipes(struct eb_arena *arena, const char *parent)
{
	const char **names = eb_arena_alloc(arena, (MAX_SIBLINGS + 1) * sizeof(*names));
	DIR *d = opendir(parent);
	const struct dirent *e;
	size_t n = 0;

	if (!d)
		return names;
	while (n < MAX_SIBLINGS && (e = readdir(d))) {
		autofree char *file = NULL;

		if (e->d_name[0] == '.')
			continue;
		file = eb_xasprintf("%s/%s/recipe.yaml", parent, e->d_name);
		if (access(file, F_OK) == 0)
			names[n++] = eb_arena_strdup(arena, e->d_name);
	}
	closedir(d);
	if (n)
		qsort(names, n, sizeof(*names), by_bytes);
	return names;
}

static int throw_missing(const struct rcp_recipe *child, const char *dir, struct eb_error **err)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *arena = eb_arena_new();
	const char *slash = strrchr(dir, '/');
	const char *parent = slash ? eb_arena_strndup(arena, dir, (size_t)(slash - dir)) : ".";
	const char *near = eb_nearest(child->from, rcp_list_recipes(arena, parent));

	if (near)
		return rcp_throw(&child->from_pos, err,
				 "from: no recipe '%s' in directory '%s'; did you mean '%s'?",
				 child->from, parent, near);
	return rcp_throw(&child->from_pos, err,
			 "from: no recipe '%s' in directory '%s' (expected '%s/recipe.yaml')",
			 child->from, parent, dir);
}

/* "a -> b -> a": stages are child first here. */
static int refuse_cycle(const struct rcp_chain *c, struct eb_error **err)
{
	const struct rcp_recipe *last = c->stage[c->n - 1];
	EB_AUTOBUF(text, 8192);

	for (size_t i = 0; i < c->n; i++) {
		if (strcmp(c->stage[i]->name, last->from) != 0)
			continue;
		for (size_t j = i; j < c->n; j++)
			eb_buf_addf(&text, "%s -> ", c->stage[j]->name);
		return rcp_throw(&last->from_pos, err, "from: recipes build on each other: %s%s",
				 eb_buf_str(&text), last->from);
	}
	if (c->n == MAX_STAGES)
		return rcp_throw(&last->from_pos, err, "from: more than %d recipes in a row",
				 MAX_STAGES);
	return 0;
}

static int load_stages(const char *dir, struct rcp_chain *c, struct eb_error **err)
{
	autofree char *at = eb_xstrdup(dir);

	for (;;) {
		autoerror struct eb_error *cause = NULL;
		const struct rcp_recipe *child = c->n ? c->stage[c->n - 1] : NULL;
		int r = rcp_load(at, &c->stage[c->n], &cause);

		if (r == -EB_E_NOT_FOUND && child)
			return throw_missing(child, at, err);
		if (r < 0)
			return eb_error_forward(err, EB_TAKE_PTR(cause));
		child = c->stage[c->n++];
		if (!child->from)
			return 0;
		r = refuse_cycle(c, err);
		if (r < 0)
			return r;
		free(at);
		at = rcp_sibling(child->dir, child->from);
	}
}

static void inherit_words(struct eb_arena *arena, const struct rcp_word *first, size_t n_first,
			  struct rcp_word **words, size_t *n)
{
	struct rcp_word *all;

	if (n_first == 0)
		return;
	all = eb_arena_alloc(arena, (n_first + *n) * sizeof(*all));
	memcpy(all, first, n_first * sizeof(*all));
	if (*n)
		memcpy(all + n_first, *words, *n * sizeof(*all));
	*words = all;
	*n += n_first;
}

static void inherit(const struct rcp_recipe *parent, struct rcp_recipe *r)
{
	if (r->n_architectures == 0) {
		r->architectures = parent->architectures;
		r->n_architectures = parent->n_architectures;
	}
	if (r->n_suites == 0) {
		r->suites = parent->suites;
		r->n_suites = parent->n_suites;
	}
	if (r->n_codecs == 0) {
		r->codecs = parent->codecs;
		r->n_codecs = parent->n_codecs;
	}
	inherit_words(r->arena, parent->path_exclude, parent->n_path_exclude, &r->path_exclude,
		      &r->n_path_exclude);
	inherit_words(r->arena, parent->path_include, parent->n_path_include, &r->path_include,
		      &r->n_path_include);
}

static bool has_arch(const struct rcp_recipe *r, const char *arch)
{
	for (size_t i = 0; i < r->n_architectures; i++)
		if (strcmp(r->architectures[i], arch) == 0)
			return true;
	return false;
}

static int check_architectures(const struct rcp_recipe *parent, const struct rcp_recipe *r,
			       struct eb_error **err)
{
	for (size_t i = 0; parent && i < r->n_architectures; i++)
		if (!has_arch(parent, r->architectures[i]))
			return rcp_throw(&r->from_pos, err,
					 "from: '%s' is not built for %s, which '%s' asks for",
					 parent->name, r->architectures[i], r->name);
	for (size_t i = 0; i < r->n_packages; i++)
		for (size_t j = 0; j < r->packages[i].n_arches; j++)
			if (!has_arch(r, r->packages[i].arches[j]))
				return rcp_throw(
					&r->packages[i].pos, err,
					"package '%s' is for %s, but '%s' is not built for "
					"it",
					r->packages[i].text, r->packages[i].arches[j], r->name);
	return 0;
}

/* "name/suite" must name a suite that packages are taken from. */
static int check_wished_suite(const struct rcp_recipe *r, const struct rcp_word *w,
			      struct eb_error **err)
{
	const char *slash = strchr(w->text, '/');
	autofree const char **names = eb_xcalloc(r->n_suites + 1, sizeof(*names));
	const char *near;

	if (!slash)
		return 0;
	for (size_t i = 0; i < r->n_suites; i++)
		names[i] = r->suites[i].name;
	if (rcp_is_one_of(slash + 1, names))
		return 0;
	near = eb_nearest(slash + 1, names);
	if (near)
		return rcp_throw(&w->pos, err,
				 "package '%s': '%s' is not one of the suites; did you mean '%s'?",
				 w->text, slash + 1, near);
	return rcp_throw(&w->pos, err, "package '%s': '%s' is not one of the suites; add it there",
			 w->text, slash + 1);
}

static int check_packages(const struct rcp_recipe *r, struct eb_error **err)
{
	if (r->n_packages && r->n_suites == 0)
		return rcp_throw(&r->packages[0].pos, err,
				 "there are packages, but no 'suites' to take them from");
	for (size_t i = 0; i < r->n_packages; i++) {
		int e = check_wished_suite(r, &r->packages[i], err);

		if (e < 0)
			return e;
	}
	return 0;
}

/* A later stage may define an account anew (another shell, say) but not give its number to another
 * name or its name another number. */
static int check_accounts(const struct rcp_recipe *parent, const struct rcp_recipe *r,
			  struct eb_error **err)
{
	for (size_t i = 0; i < r->n_users; i++)
		for (size_t j = 0; j < parent->n_users; j++) {
			const struct rcp_user *u = &r->users[i], *o = &parent->users[j];

			if ((strcmp(u->name, o->name) == 0) != (u->uid == o->uid))
				return rcp_throw(&u->pos, err,
						 "user '%s' (uid %u) contradicts user '%s' (uid "
						 "%u) at %s:%u:%u",
						 u->name, u->uid, o->name, o->uid, o->pos.file,
						 o->pos.line, o->pos.column);
		}
	for (size_t i = 0; i < r->n_groups; i++)
		for (size_t j = 0; j < parent->n_groups; j++) {
			const struct rcp_group *g = &r->groups[i], *o = &parent->groups[j];

			if ((strcmp(g->name, o->name) == 0) != (g->gid == o->gid))
				return rcp_throw(&g->pos, err,
						 "group '%s' (gid %u) contradicts group '%s' (gid "
						 "%u) at %s:%u:%u",
						 g->name, g->gid, o->name, o->gid, o->pos.file,
						 o->pos.line, o->pos.column);
		}
	return 0;
}

static int check_stage(const struct rcp_chain *c, size_t i, struct eb_error **err)
{
	const struct rcp_recipe *r = c->stage[i];
	int e = check_architectures(i ? c->stage[i - 1] : NULL, r, err);

	if (e < 0)
		return e;
	e = check_packages(r, err);
	for (size_t j = 0; j < i && e >= 0; j++)
		e = check_accounts(c->stage[j], r, err);
	return e;
}

int rcp_chain_load(const char *dir, struct rcp_chain *ret, struct eb_error **err)
{
	EB_CLEANUP(rcp_chain_release_p)
	struct rcp_chain c = { .stage = eb_xcalloc(MAX_STAGES, sizeof(*c.stage)) };
	int r = load_stages(dir, &c, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < c.n / 2; i++) {
		struct rcp_recipe *swap = c.stage[i];

		c.stage[i] = c.stage[c.n - 1 - i];
		c.stage[c.n - 1 - i] = swap;
	}
	for (size_t i = 0; i < c.n; i++) {
		if (i > 0)
			inherit(c.stage[i - 1], c.stage[i]);
		r = check_stage(&c, i, err);
		if (r < 0)
			return r;
	}
	*ret = c;
	c = (struct rcp_chain){ 0 };
	return 0;
}

void rcp_chain_release(struct rcp_chain *c)
{
	/* Children hold pointers into their parents: nothing is used while they go. */
	for (size_t i = c->n; i > 0; i--)
		rcp_free(c->stage[i - 1]);
	free(c->stage);
	*c = (struct rcp_chain){ 0 };
}

/* Variables of both lists, those of `child` winning, sorted. */
static json_t *merge_env(json_t *parent, json_t *child)
{
	size_t n_child = json_array_size(child), n_parent = json_array_size(parent), n = 0;
	autofree const char **lines = eb_xcalloc(n_child + n_parent, sizeof(*lines));
	json_t *list = eb_json_array();

	for (size_t i = 0; i < n_child; i++)
		lines[n++] = json_string_value(json_array_get(child, i));
	for (size_t i = 0; i < n_parent; i++) {
		const char *line = json_string_value(json_array_get(parent, i));
		size_t name = strcspn(line, "=") + 1, j = 0;

		while (j < n_child && strncmp(lines[j], line, name) != 0)
			j++;
		if (j == n_child)
			lines[n++] = line;
	}
	if (n)
		qsort(lines, n, sizeof(*lines), by_bytes);
	for (size_t i = 0; i < n; i++)
		eb_json_push(list, json_string(lines[i]));
	return list;
}

json_t *rcp_config_merge(const struct rcp_chain *chain, const json_t *base)
{
	json_t *merged = base ? json_deep_copy(base) : eb_json_object(), *value;
	const char *key;

	/* Their arguments are for their entry point. */
	for (size_t i = 0; i < chain->n; i++)
		if (json_object_get(chain->stage[i]->config, "Entrypoint"))
			json_object_del(merged, "Cmd");
	for (size_t i = 0; i < chain->n; i++)
		json_object_foreach(chain->stage[i]->config, key, value)
		{
			json_t *old = json_object_get(merged, key);

			if (old && strcmp(key, "Env") == 0)
				eb_json_set(merged, key, merge_env(old, value));
			else
				eb_json_set(merged, key, json_deep_copy(value));
		}
	return merged;
}
