/* Which alternative to prefer. libsolv finds a set that satisfies all rules, but among several it
 * goes by names; Debian means the first alternative that can be had. So the first usable one is
 * followed from package to package, and libsolv is first asked to prove that closure; only if it
 * does not hold together libsolv chooses itself, favouring what is in it.
 *
 * Groups that leave no choice are followed before those that do, so that "a | b" does not bring a
 * when b comes anyway; recommendations are last and never take the place of a need. */
#include "base/mem.h"
#include "pkg/depends.h"
#include "pkg/solver_private.h"

enum { BROKEN_MAX_DEPTH = 200 };

struct prefer {
	struct solver_run *r;
	Map *chosen;  /* r->closure */
	Map blocked;  /* in conflict with something chosen */
	Map known;    /* broken[] has been found out */
	Map broken;   /* some need of it cannot be had at all */
	Queue open;   /* chosen, dependencies not looked at yet */
	Queue unsure; /* groups with several choices */
	Queue weak;   /* recommendations */
};

static const Id *ids_at(const Solvable *s, Offset at)
{
	static const Id none[] = { 0 };

	return at ? s->repo->idarraydata + at : none;
}

static bool is_broken(struct prefer *x, Id p, unsigned int depth);

/* Some provider of some alternative can be had as far as needs go. */
static bool can_be_had(struct prefer *x, Id dep, unsigned int depth)
{
	for (Id at = pool_whatprovides(x->r->pool, dep), p; (p = x->r->pool->whatprovidesdata[at]);
	     at++)
		if (!map_tst(&x->r->disabled, p) && !is_broken(x, p, depth))
			return true;
	return false;
}

/* A cycle counts as sound while it is being looked at; what is wrong here costs a preference, not
 * correctness. */
static bool is_broken(struct prefer *x, Id p, unsigned int depth)
{
	const Solvable *s = solver_solvable(x->r, p);

	if (map_tst(&x->known, p) || depth > BROKEN_MAX_DEPTH)
		return map_tst(&x->broken, p);
	map_set(&x->known, p);
	for (const Id *d = ids_at(s, s->requires); *d; d++) {
		if (can_be_had(x, *d, depth + 1))
			continue;
		map_set(&x->broken, p);
		return true;
	}
	return false;
}

static void choose(struct prefer *x, Id p)
{
	Pool *pool = x->r->pool;
	const Solvable *s = solver_solvable(x->r, p);

	if (map_tst(x->chosen, p))
		return;
	map_set(x->chosen, p);
	queue_push(&x->open, p);
	for (Id at = pool_whatprovides(pool, s->name), q; (q = pool->whatprovidesdata[at]); at++)
		if (q != p && pool->solvables[q].name == s->name)
			map_set(&x->blocked, q);
	for (const Id *c = ids_at(s, s->conflicts); *c; c++)
		for (Id at = pool_whatprovides(pool, *c), q; (q = pool->whatprovidesdata[at]); at++)
			if (q != p)
				map_set(&x->blocked, q);
}

static bool conflicts_with_chosen(struct prefer *x, Id p)
{
	const Solvable *s = solver_solvable(x->r, p);

	for (const Id *c = ids_at(s, s->conflicts); *c; c++)
		for (Id at = pool_whatprovides(x->r->pool, *c), q;
		     (q = x->r->pool->whatprovidesdata[at]); at++)
			if (q != p && map_tst(x->chosen, q))
				return true;
	return false;
}

static bool is_usable(struct prefer *x, Id p)
{
	return !map_tst(&x->r->disabled, p) && !map_tst(&x->blocked, p) &&
	       !conflicts_with_chosen(x, p) && !is_broken(x, p, 0);
}

/* Which provider of one alternative is the better one: the package of that name before those that
 * only provide it, then by Priority, then by name; the suites decide between versions. */
static bool is_better(struct prefer *x, Id name, Id a, Id b)
{
	Pool *pool = x->r->pool;
	Id na = pool->solvables[a].name, nb = pool->solvables[b].name;
	unsigned int ra = solver_info(x->r->s, a)->rank, rb = solver_info(x->r->s, b)->rank;

	if (na == nb)
		return solver_compare(x->r->s, a, b) < 0;
	if (na == name || nb == name)
		return na == name;
	if (ra != rb)
		return ra < rb;
	return strcmp(pool_id2str(pool, na), pool_id2str(pool, nb)) < 0;
}

/* The first usable choice of a group, 0 if there is none. *ret_sure: all usable ones are versions
 * of one package. */
static Id first_choice(struct prefer *x, Id group, bool *ret_sure)
{
	Pool *pool = x->r->pool;
	Id best = 0;

	*ret_sure = true;
	for (Id rest = group, alt; rest && (alt = pkg_dep_next(pool, &rest));) {
		Id name = pkg_dep_name(pool, alt), found = 0;

		for (Id at = pool_whatprovides(pool, alt), p; (p = pool->whatprovidesdata[at]);
		     at++) {
			if (!is_usable(x, p))
				continue;
			if (best || found)
				*ret_sure &= pool->solvables[p].name ==
					     pool->solvables[best ? best : found].name;
			if (!found || is_better(x, name, p, found))
				found = p;
		}
		if (!best)
			best = found;
	}
	return best;
}

static bool is_satisfied(struct prefer *x, Id group)
{
	for (Id at = pool_whatprovides(x->r->pool, group), p;
	     (p = x->r->pool->whatprovidesdata[at]); at++)
		if (map_tst(x->chosen, p))
			return true;
	return false;
}

/* Follow a group now if there is no choice or `force`; false = there is a choice. */
static bool follow(struct prefer *x, Id group, bool force)
{
	bool sure;
	Id p;

	if (is_satisfied(x, group))
		return true;
	p = first_choice(x, group, &sure);
	if (!p)
		return true;
	if (!sure && !force)
		return false;
	choose(x, p);
	return true;
}

static void look_at(struct prefer *x, Id p)
{
	const Solvable *s = solver_solvable(x->r, p);

	for (const Id *d = ids_at(s, s->requires); *d; d++)
		if (!follow(x, *d, false))
			queue_push(&x->unsure, *d);
	if (x->r->rq->recommends)
		for (const Id *d = ids_at(s, s->recommends); *d; d++)
			queue_push(&x->weak, *d);
}

void solver_prefer(struct solver_run *r)
{
	struct prefer x = { .r = r, .chosen = &r->closure };
	int n = r->pool->nsolvables;

	map_init(&x.blocked, n);
	map_init(&x.known, n);
	map_init(&x.broken, n);
	queue_init(&x.open);
	queue_init(&x.unsure);
	queue_init(&x.weak);
	if (r->installed)
		for (Id p = r->installed->start; p < r->installed->end; p++)
			choose(&x, p);
	for (size_t i = 0; i < r->n_wants; i++)
		choose(&x, r->wants[i].matches.elements[0]);
	while (x.open.count || x.unsure.count || x.weak.count) {
		if (x.open.count)
			look_at(&x, queue_shift(&x.open));
		else if (x.unsure.count)
			follow(&x, queue_shift(&x.unsure), true);
		else
			follow(&x, queue_shift(&x.weak), true);
	}
	queue_free(&x.open);
	queue_free(&x.unsure);
	queue_free(&x.weak);
	map_free(&x.blocked);
	map_free(&x.known);
	map_free(&x.broken);
}
