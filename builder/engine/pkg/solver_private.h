/* What the files of the solver share. solver.c fills the pool; for a request, solver_run.c brings
 * in what is installed and takes out what is excluded, solver_want.c finds the wanted packages,
 * solver_prefer.c decides between alternatives, solver_solve.c asks libsolv, solver_problem.c
 * explains failures. */
#pragma once

#include <solv/bitmap.h>
#include <solv/pool.h>
#include <solv/queue.h>
#include <solv/repo.h>
#include <solv/solver.h>

#include "pkg/solver.h"

struct eb_arena;
struct eb_buf;

struct solver_suite {
	const char *archive, *name;
	int priority;
};

/* What libsolv need not know about a solvable; indexed by its id. */
struct solver_info {
	const char *version, *deb_arch, *path, *sha256, *source;
	uint64_t size, installed_bytes;
	const struct solver_suite *suite; /* NULL: not of any suite */
	unsigned int n_conflicts;	  /* the others in its array come from Breaks */
	unsigned int rank;
};

struct pkg_solver {
	Pool *pool;
	struct eb_arena *arena;
	const char *arch;
	struct solver_info *info;
	size_t n_info, alloc_info;
};

/* One wanted word. */
struct solver_want {
	const char *word; /* as written */
	Queue matches;	  /* solvables that satisfy it, best first; never empty */
};

struct solver_run {
	struct pkg_solver *s;
	Pool *pool;
	const struct pkg_request *rq;
	struct solver_want *wants;
	size_t n_wants;
	Repo *installed; /* NULL when nothing is */
	Map disabled;	 /* solvables that cannot be chosen */
	Map excluded;	 /* the ones among them that the request excludes */
	Queue saved;	 /* solvable, old requires, old recommends: to be put back */
	Map closure;	 /* what solver_prefer() would take */
};

static inline Solvable *solver_solvable(const struct solver_run *r, Id p)
{
	return &r->pool->solvables[p];
}

/* libsolv's map_tst() wants a Map it could write to. */
static inline bool solver_map_has(const Map *m, Id p)
{
	Map copy = *m;

	return map_tst(&copy, p) != 0;
}

static inline bool solver_is_disabled(const struct solver_run *r, Id p)
{
	return solver_map_has(&r->disabled, p);
}

static inline bool solver_is_excluded(const struct solver_run *r, Id p)
{
	return solver_map_has(&r->excluded, p);
}

static inline bool solver_is_installed(const struct solver_run *r, Id p)
{
	return r->installed && r->pool->solvables[p].repo == r->installed;
}

/* Information of solvable p, of an installed one too. */
const struct solver_info *solver_info(const struct pkg_solver *s, Id p);
/* < 0 if a is the better one of two versions of a package: the suites' priority decides, then the
 * version, then the id. */
int solver_compare(const struct pkg_solver *s, Id a, Id b);
/* Bring the installed packages and the excludes of a request into the pool. */
int solver_run_open(struct solver_run *r, struct pkg_solver *s, const struct pkg_request *rq,
		    struct eb_error **err) EB_MUST_CHECK;
void solver_run_release(struct solver_run *r);
EB_DEFINE_RELEASE(struct solver_run, solver_run_release)
/* Find what each wanted word means; what solver_want is about. *ret_bad (may be NULL) as in
 * pkg_solve(). */
int solver_wants_parse(struct solver_run *r, size_t *ret_bad, struct eb_error **err) EB_MUST_CHECK;
/* Fill r->closure: what taking the first usable alternative everywhere leads to. A preference; it
 * need not be consistent. */
void solver_prefer(struct solver_run *r);
void solver_choice(const struct solver_run *r, Id p, struct pkg_choice *ret);
/* Say why `solv` failed. Always EB_E_UNSOLVABLE; *ret_bad gets the wanted word at the start. */
int solver_explain(const struct solver_run *r, Solver *solv, size_t *ret_bad,
		   struct eb_error **err);
