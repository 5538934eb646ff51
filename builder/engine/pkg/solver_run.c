#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "pkg/depends.h"
#include "pkg/solver_private.h"
#include "pkg/stanza.h"

/* --- packages that are there already --- */

/* The solvable of exactly that version, else the best one of that name, else 0. */
static Id find_like(const struct pkg_solver *s, Id name, const char *version)
{
	Id best = 0;

	for (Id at = pool_whatprovides(s->pool, name), p; (p = s->pool->whatprovidesdata[at]);
	     at++) {
		if (s->pool->solvables[p].name != name || !solver_info(s, p)->suite)
			continue;
		if (strcmp(solver_info(s, p)->version, version) == 0)
			return p;
		if (!best || solver_compare(s, p, best) < 0)
			best = p;
	}
	return best;
}

/* Copy ids from `like`, whose own version stands for that of p. */
static Offset copy_ids(struct solver_run *r, Offset from, Id like, Id p)
{
	Pool *pool = r->pool;
	const Repo *repo = pool->solvables[like].repo;
	Id old = pool->solvables[like].evr, now = pool->solvables[p].evr;
	Offset at = 0;

	for (; from && repo->idarraydata[from]; from++) {
		Id id = repo->idarraydata[from];

		if (old != now && pkg_dep_has_version(pool, id)) {
			const Reldep rd = *pkg_dep_relation(pool, id);

			if (rd.evr == old)
				id = pool_rel2id(pool, rd.name, now, rd.flags, 1);
		}
		at = repo_addid(r->installed, at, id);
	}
	return at;
}

/* An installed package has no needs: they were met when it was chosen (some of them perhaps by an
 * exclude). What it provides and conflicts with is in the Packages text; when the suites have moved
 * on to another version, that one's is taken to hold for it too. */
static void fill_installed(struct solver_run *r, Id p, Id name, const char *version, Id like)
{
	struct solver_info *info = &r->s->info[p];
	Pool *pool = r->pool;
	Solvable *v = &pool->solvables[p];
	Offset conflicts, provides;

	*info = (struct solver_info){ .version = version, .rank = 4 };
	v->name = name;
	v->arch = ARCH_ALL;
	v->evr = pkg_dep_version(pool, version, strlen(version));
	if (like) {
		const struct solver_info *known = solver_info(r->s, like);

		if (strcmp(known->version, version) == 0)
			*info = *known;
		info->suite = NULL;
		info->n_conflicts = known->n_conflicts;
		conflicts = copy_ids(r, pool->solvables[like].conflicts, like, p);
		provides = copy_ids(r, pool->solvables[like].provides, like, p);
	} else {
		conflicts = 0;
		provides = repo_addid(r->installed, 0, pool_rel2id(pool, name, v->evr, REL_EQ, 1));
	}
	pool->solvables[p].conflicts = conflicts;
	pool->solvables[p].provides = provides;
}

struct installed {
	Id name, like;
	const char *version;
};

/* Split the words and look each up, as long as the pool's index of providers is good. */
static int find_installed(struct solver_run *r, struct installed *v, struct eb_error **err)
{
	for (size_t i = 0; i < r->rq->n_installed; i++) {
		const char *word = r->rq->installed[i], *eq = strchr(word, '=');
		size_t n = eq ? (size_t)(eq - word) : 0;

		if (!eq || !pkg_name_is_valid(word, n) ||
		    !pkg_version_is_valid(eq + 1, strlen(eq + 1)))
			return eb_throw(err, EB_E_FORMAT,
					"installed package '%s': expected NAME=VERSION", word);
		v[i].name = pool_strn2id(r->pool, word, (unsigned int)n, 1);
		v[i].version = eb_arena_strdup(r->s->arena, eq + 1);
		v[i].like = find_like(r->s, v[i].name, v[i].version);
	}
	return 0;
}

static int add_installed(struct solver_run *r, struct eb_error **err)
{
	size_t n = r->rq->n_installed, total;
	struct pkg_solver *s = r->s;
	autofree struct installed *v = eb_xcalloc(n ? n : 1, sizeof(*v));
	Id first;
	int rc;

	if (n == 0)
		return 0;
	pool_createwhatprovides(r->pool);
	rc = find_installed(r, v, err);
	if (rc < 0)
		return rc;
	r->installed = repo_create(r->pool, "installed");
	first = repo_add_solvable_block(r->installed, (int)n);
	total = (size_t)first + n;
	rc = eb_grow(&s->info, &s->alloc_info, total, sizeof(*s->info), 16000000, "packages", err);
	if (rc < 0)
		return rc;
	memset(s->info + s->n_info, 0, (total - s->n_info) * sizeof(*s->info));
	s->n_info = total;
	for (size_t i = 0; i < n; i++)
		fill_installed(r, first + (Id)i, v[i].name, v[i].version, v[i].like);
	return 0;
}

/* --- what may not be chosen --- */

static bool is_named(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

/* Everything of a name that is excluded, or of which a version is there already. */
static void disable_name(struct solver_run *r, Id name, Map *also)
{
	Pool *pool = r->pool;

	if (!name)
		return;
	for (Id at = pool_whatprovides(pool, name), p; (p = pool->whatprovidesdata[at]); at++) {
		if (pool->solvables[p].name != name || solver_is_installed(r, p))
			continue;
		map_set(&r->disabled, p);
		if (also)
			map_set(also, p);
	}
}

static void disable(struct solver_run *r)
{
	for (size_t i = 0; i < r->rq->n_exclude; i++)
		disable_name(r, pool_str2id(r->pool, r->rq->exclude[i], 0), &r->excluded);
	for (Id p = r->installed ? r->installed->start : 0; r->installed && p < r->installed->end;
	     p++)
		disable_name(r, r->pool->solvables[p].name, NULL);
}

enum alternative { ALT_NONE, ALT_CAN_BE_HAD, ALT_EXCLUDED };

/* Is this a name that packages only provide? */
static bool is_virtual(const struct solver_run *r, Id name)
{
	Pool *pool = r->pool;

	for (Id at = pool_whatprovides(pool, name), p; (p = pool->whatprovidesdata[at]); at++)
		if (pool->solvables[p].name == name)
			return false;
	return true;
}

/* An alternative is excluded by its name, or because all its providers are. An excluded virtual
 * name takes the need away whoever provides it. */
static enum alternative classify(const struct solver_run *r, Id alt)
{
	Pool *pool = r->pool;
	Id id = pkg_dep_name(pool, alt);
	bool any = is_named(pool_id2str(pool, id), r->rq->exclude, r->rq->n_exclude);

	if (any && is_virtual(r, id))
		return ALT_EXCLUDED;
	for (Id at = pool_whatprovides(pool, alt), p; (p = pool->whatprovidesdata[at]); at++) {
		if (!solver_is_disabled(r, p))
			return ALT_CAN_BE_HAD;
		any |= solver_is_excluded(r, p);
	}
	return any ? ALT_EXCLUDED : ALT_NONE;
}

/* What is left of a group. An excluded package counts as if it were there: it satisfies the group
 * if no better alternative can be had, and is no choice otherwise. 0 = the need is dropped. */
static Id without_excluded(struct solver_run *r, Id group)
{
	Id kept[PKG_DEP_MAX_ALTERNATIVES], rest = group, alt, id;
	bool found = false, changed = false;
	size_t n = 0;

	while (rest && (alt = pkg_dep_next(r->pool, &rest))) {
		switch (classify(r, alt)) {
		case ALT_EXCLUDED:
			if (!found)
				return 0;
			changed = true;
			continue;
		case ALT_CAN_BE_HAD:
			found = true;
			break;
		case ALT_NONE:
			break;
		}
		if (n < EB_ARRAY_LEN(kept))
			kept[n++] = alt;
	}
	if (!changed)
		return group;
	for (id = kept[--n]; n > 0; n--)
		id = pool_rel2id(r->pool, kept[n - 1], id, REL_OR, 1);
	return id;
}

/* Does any alternative name something that an excluded package provides? (cheap test) */
static bool is_touched(const struct solver_run *r, Map *names, Id group)
{
	for (Id rest = group, alt; rest && (alt = pkg_dep_next(r->pool, &rest));) {
		Id name = pkg_dep_name(r->pool, alt);

		if (name < names->size * 8 && map_tst(names, name))
			return true;
	}
	return false;
}

static Offset rewrite(struct solver_run *r, Repo *repo, Offset from, Map *names)
{
	bool touched = false;
	Offset at = 0;

	for (Offset i = from; i && repo->idarraydata[i]; i++)
		touched |= is_touched(r, names, repo->idarraydata[i]);
	if (!touched)
		return from;
	for (Offset i = from; repo->idarraydata[i]; i++) {
		Id id = without_excluded(r, repo->idarraydata[i]);

		if (id)
			at = repo_addid(repo, at, id);
	}
	return at;
}

/* Take needs of excluded packages out of all others, remembering what was there. */
static void drop_needs(struct solver_run *r)
{
	Pool *pool = r->pool;
	Map names;

	if (r->rq->n_exclude == 0)
		return;
	map_init(&names, pool->ss.nstrings);
	for (size_t i = 0; i < r->rq->n_exclude; i++) /* 0, if unknown, is no package's */
		map_set(&names, pool_str2id(pool, r->rq->exclude[i], 0));
	for (Id p = 2; p < pool->nsolvables; p++) {
		const Solvable *s = &pool->solvables[p];

		if (!s->repo || !map_tst(&r->excluded, p))
			continue;
		for (Offset i = s->provides; s->repo->idarraydata[i]; i++)
			map_set(&names, pkg_dep_name(pool, s->repo->idarraydata[i]));
	}
	for (Id p = 2; p < pool->nsolvables; p++) {
		Solvable *s = &pool->solvables[p];
		Offset q, c;

		if (!s->repo || map_tst(&r->disabled, p))
			continue;
		q = rewrite(r, s->repo, s->requires, &names);
		c = rewrite(r, s->repo, s->recommends, &names);
		if (q == s->requires && c == s->recommends)
			continue;
		queue_push(&r->saved, p);
		queue_push2(&r->saved, (Id)s->requires, (Id)s->recommends);
		s->requires = q;
		s->recommends = c;
	}
	map_free(&names);
}

/* --- the whole --- */

int solver_run_open(struct solver_run *r, struct pkg_solver *s, const struct pkg_request *rq,
		    struct eb_error **err)
{
	int rc;

	*r = (struct solver_run){ .s = s, .pool = s->pool, .rq = rq };
	rc = add_installed(r, err);
	if (rc < 0)
		return rc;
	pool_createwhatprovides(r->pool);
	map_init(&r->disabled, r->pool->nsolvables);
	map_init(&r->excluded, r->pool->nsolvables);
	map_init(&r->closure, r->pool->nsolvables);
	disable(r);
	drop_needs(r);
	return 0;
}

void solver_run_release(struct solver_run *r)
{
	if (!r->pool)
		return;
	for (int i = 0; i + 2 < r->saved.count; i += 3) {
		Solvable *s = &r->pool->solvables[r->saved.elements[i]];

		s->requires = (Offset)r->saved.elements[i + 1];
		s->recommends = (Offset)r->saved.elements[i + 2];
	}
	queue_free(&r->saved);
	for (size_t i = 0; i < r->n_wants; i++)
		queue_free(&r->wants[i].matches);
	free(r->wants);
	map_free(&r->disabled);
	map_free(&r->excluded);
	map_free(&r->closure);
	if (r->installed) {
		r->s->n_info = (size_t)r->installed->start;
		repo_free(r->installed, 1);
	}
	pool_freewhatprovides(r->pool);
}
