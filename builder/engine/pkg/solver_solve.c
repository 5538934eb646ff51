#include "base/error.h"
#include "base/mem.h"
#include "pkg/solver_private.h"

/* What libsolv is asked, in this order until it finds a solution: whether the closure of the
 * preferred alternatives holds together as a whole; for a choice among the best candidates of every
 * package; among every version there is. */
enum level { LEVEL_CLOSURE, LEVEL_CANDIDATES, LEVEL_ALL };

/* One version of each name: the wanted ones, else the best. */
static void add_candidates(const struct solver_run *r, Map *m)
{
	Pool *pool = r->pool;
	Id *best = eb_xcalloc((size_t)pool->ss.nstrings, sizeof(*best));

	for (Id p = 2; p < pool->nsolvables; p++) {
		const Solvable *s = &pool->solvables[p];

		if (s->repo && !solver_is_disabled(r, p) &&
		    (!best[s->name] || solver_compare(r->s, p, best[s->name]) < 0))
			best[s->name] = p;
	}
	for (size_t i = 0; i < r->n_wants; i++) {
		Id p = r->wants[i].matches.elements[0];

		best[pool->solvables[p].name] = p;
	}
	for (Id i = 0; i < pool->ss.nstrings; i++)
		if (best[i])
			map_set(m, best[i]);
	free(best);
}

static void consider(struct solver_run *r, enum level level, Map *m)
{
	map_init_clone(m, &r->closure);
	if (level == LEVEL_CANDIDATES)
		add_candidates(r, m);
	for (Id p = 2; level == LEVEL_ALL && p < r->pool->nsolvables; p++)
		if (r->pool->solvables[p].repo && !solver_is_disabled(r, p))
			map_set(m, p);
}

static void add_jobs(struct solver_run *r, enum level level, const Map *considered, Queue *jobs)
{
	/* The closure must not be made smaller: "gnupg | gpg" means gnupg, though gnupg brings gpg.
	 */
	Id how = level == LEVEL_CLOSURE ? SOLVER_INSTALL : SOLVER_FAVOR;
	Queue q;

	queue_init(&q);
	for (Id p = r->installed ? r->installed->start : 0; r->installed && p < r->installed->end;
	     p++)
		queue_push2(jobs, SOLVER_INSTALL | SOLVER_SOLVABLE, p);
	for (size_t i = 0; i < r->n_wants; i++) {
		const Queue *all = &r->wants[i].matches;

		queue_empty(&q);
		for (int j = 0; j < all->count; j++)
			if (solver_map_has(considered, all->elements[j]))
				queue_push(&q, all->elements[j]);
		queue_push2(jobs, SOLVER_INSTALL | SOLVER_SOLVABLE_ONE_OF,
			    pool_queuetowhatprovides(r->pool, &q));
	}
	for (Id p = 2; p < r->pool->nsolvables; p++)
		if (solver_map_has(&r->closure, p))
			queue_push2(jobs, how | SOLVER_SOLVABLE, p);
	queue_free(&q);
}

void solver_choice(const struct solver_run *r, Id p, struct pkg_choice *ret)
{
	const struct solver_info *info = solver_info(r->s, p);

	*ret = (struct pkg_choice){
		/* A copy: the pool moves its strings whenever it solves again. */
		.name = eb_arena_strdup(r->s->arena,
					pool_id2str(r->pool, r->pool->solvables[p].name)),
		.version = info->version,
		.deb_arch = info->deb_arch,
		.path = info->path,
		.sha256 = info->sha256,
		.source = info->source,
		.archive = info->suite ? info->suite->archive : NULL,
		.suite = info->suite ? info->suite->name : NULL,
		.size = info->size,
		.installed_bytes = info->installed_bytes,
		.was_installed = solver_is_installed(r, p),
	};
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct pkg_choice *)a)->name, ((const struct pkg_choice *)b)->name);
}

static void take_solution(const struct solver_run *r, Solver *solv, struct pkg_choice **ret,
			  size_t *ret_n)
{
	struct pkg_choice *v;
	Queue q;
	size_t n = 0;

	queue_init(&q);
	solver_get_decisionqueue(solv, &q);
	v = eb_xcalloc((size_t)q.count + 1, sizeof(*v));
	for (int i = 0; i < q.count; i++)
		if (q.elements[i] > SYSTEMSOLVABLE)
			solver_choice(r, q.elements[i], &v[n++]);
	queue_free(&q);
	qsort(v, n, sizeof(*v), by_name);
	*ret = v;
	*ret_n = n;
}

/* 0 = solved, 1 = the next level may do better. */
static int try_level(struct solver_run *r, enum level level, struct pkg_choice **ret, size_t *ret_n,
		     size_t *ret_bad, struct eb_error **err)
{
	Solver *solv = solver_create(r->pool);
	Map considered;
	Queue jobs;
	int rc = 0;

	consider(r, level, &considered);
	r->pool->considered = &considered;
	pool_createwhatprovides(r->pool);
	queue_init(&jobs);
	add_jobs(r, level, &considered, &jobs);
	solver_set_flag(solv, SOLVER_FLAG_IGNORE_RECOMMENDED, !r->rq->recommends);
	if (solver_solve(solv, &jobs) == 0)
		take_solution(r, solv, ret, ret_n);
	else
		rc = level == LEVEL_ALL ? solver_explain(r, solv, ret_bad, err) : 1;
	solver_free(solv);
	queue_free(&jobs);
	r->pool->considered = NULL;
	map_free(&considered);
	return rc;
}

int pkg_solve(struct pkg_solver *s, const struct pkg_request *rq, struct pkg_choice **ret,
	      size_t *ret_n, size_t *ret_bad, struct eb_error **err)
{
	EB_CLEANUP(solver_run_release_p) struct solver_run r = { 0 };
	int rc;

	rc = solver_run_open(&r, s, rq, err);
	if (rc == 0)
		rc = solver_wants_parse(&r, ret_bad, err);
	if (rc < 0)
		return rc;
	solver_prefer(&r);
	rc = 1;
	for (enum level level = LEVEL_CLOSURE; rc > 0 && level <= LEVEL_ALL; level++)
		rc = try_level(&r, level, ret, ret_n, ret_bad, err);
	return rc;
}
