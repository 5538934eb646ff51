/* Why a set of packages cannot be had, in terms of packages. libsolv gives the rules that
 * contradict each other; of these the ones that explain most are told: first what nothing provides,
 * then who conflicts with whom, then mere needs. */

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "pkg/depends.h"
#include "pkg/solver_private.h"

enum { MAX_SENTENCES = 3, MAX_BYTES = 16384, MAX_CHAIN = 12 };
enum rank { RANK_MISSING, RANK_CONFLICT, RANK_NEED, RANK_NONE };

struct sentence {
	enum rank rank;
	char *text;
	size_t want; /* the wanted word at the start of the chain, or SIZE_MAX */
};

struct explain {
	const struct solver_run *r;
	Pool *pool;
	Id *parent; /* who needs a solvable, on the shortest way from a wanted one; 0 = unknown,
		       itself = wanted */
	struct sentence *v;
	size_t n, alloc;
};

/* --- who needs it --- */

static void reach(struct explain *x, Queue *q, Id from, Id p)
{
	if (x->parent[p])
		return;
	x->parent[p] = from;
	queue_push(q, p);
}

static void find_parents(struct explain *x)
{
	Pool *pool = x->pool;
	Queue q;

	queue_init(&q);
	for (size_t i = 0; i < x->r->n_wants; i++)
		for (int j = 0; j < x->r->wants[i].matches.count; j++)
			reach(x, &q, x->r->wants[i].matches.elements[j],
			      x->r->wants[i].matches.elements[j]);
	while (q.count) {
		Id from = queue_shift(&q);
		const Solvable *s = &pool->solvables[from];

		for (Offset i = s->requires; i && s->repo->idarraydata[i]; i++)
			for (Id at = pool_whatprovides(pool, s->repo->idarraydata[i]), p;
			     (p = pool->whatprovidesdata[at]); at++)
				reach(x, &q, from, p);
	}
	queue_free(&q);
}

static size_t want_of(const struct explain *x, Id p)
{
	for (int i = 0; x->parent[p] && x->parent[p] != p && i < x->pool->nsolvables; i++)
		p = x->parent[p];
	for (size_t i = 0; i < x->r->n_wants; i++)
		for (int j = 0; j < x->r->wants[i].matches.count; j++)
			if (x->r->wants[i].matches.elements[j] == p)
				return i;
	return SIZE_MAX;
}

static const char *name_of(const struct explain *x, Id p)
{
	return pool_id2str(x->pool, x->pool->solvables[p].name);
}

static void add_package(const struct explain *x, Id p, struct eb_buf *out)
{
	eb_buf_addf(out, "%s %s", name_of(x, p), solver_info(x->r->s, p)->version);
}

/* "needed by b <- a", "wanted" or "in the image this one builds on". */
static void add_origin(const struct explain *x, Id p, struct eb_buf *out)
{
	int n = 0;

	if (solver_is_installed(x->r, p)) {
		eb_buf_adds(out, "in the image this one builds on");
	} else if (x->parent[p] == p) {
		eb_buf_adds(out, "wanted");
	} else if (x->parent[p]) {
		eb_buf_adds(out, "needed by ");
		do {
			p = x->parent[p];
			eb_buf_addf(out, "%s%s", n ? " <- " : "", name_of(x, p));
		} while (x->parent[p] != p && ++n < MAX_CHAIN);
	} else {
		eb_buf_adds(out, "a choice");
	}
}

/* --- why nothing satisfies a need --- */

/* The newest solvable of that name, disabled ones too. */
static Id newest(const struct explain *x, Id name)
{
	Id best = 0;

	for (Id p = 2; p < x->pool->nsolvables; p++) {
		const Solvable *s = &x->pool->solvables[p];

		if (!s->repo || s->name != name)
			continue;
		if (solver_is_installed(x->r, p))
			return p;
		if (!best || solver_compare(x->r->s, p, best) < 0)
			best = p;
	}
	return best;
}

/* What there is instead of one alternative; false = nothing of that name. */
static bool add_instead(const struct explain *x, Id alt, struct eb_buf *out)
{
	Pool *pool = x->pool;
	Id name = pkg_dep_name(pool, alt), p = newest(x, name);
	const struct solver_info *info;

	if (p) {
		info = solver_info(x->r->s, p);
		if (solver_is_excluded(x->r, p))
			eb_buf_addf(out, "%s is excluded", name_of(x, p));
		else if (solver_is_installed(x->r, p))
			eb_buf_addf(out, "the image this one builds on has %s %s", name_of(x, p),
				    info->version);
		else
			eb_buf_addf(out, "the newest %s in %s is %s", name_of(x, p),
				    info->suite->name, info->version);
		return true;
	}
	p = pool->whatprovidesdata[pool_whatprovides(pool, name)];
	if (!p)
		return false;
	eb_buf_adds(out, "only ");
	add_package(x, p, out);
	eb_buf_addf(out, " provides %s, and not in that version", pool_id2str(pool, name));
	return true;
}

static void tell_missing(const struct explain *x, Id from, Id dep, struct eb_buf *out)
{
	EB_AUTOBUF(instead, MAX_BYTES);
	EB_AUTOBUF(need, MAX_BYTES);
	int n = 0;

	pkg_dep_text(x->pool, dep, &need);
	for (Id rest = dep, alt; rest && n < 3 && (alt = pkg_dep_next(x->pool, &rest));) {
		size_t before = instead.len;

		if (n)
			eb_buf_adds(&instead, ", ");
		if (add_instead(x, alt, &instead))
			n++;
		else
			instead.len = before;
	}
	if (n == 0) {
		eb_buf_addf(out, "nothing provides %s, needed by %s", eb_buf_str(&need),
			    name_of(x, from));
		for (int i = 0; x->parent[from] && x->parent[from] != from && i < MAX_CHAIN; i++) {
			from = x->parent[from];
			eb_buf_addf(out, " <- %s", name_of(x, from));
		}
		return;
	}
	instead.data[instead.len] = '\0';
	add_package(x, from, out);
	eb_buf_addf(out, " depends on %s, but %s", eb_buf_str(&need), eb_buf_str(&instead));
	if (x->parent[from] != from) {
		eb_buf_adds(out, " (");
		eb_buf_addf(out, "%s is ", name_of(x, from));
		add_origin(x, from, out);
		eb_buf_addc(out, ')');
	}
}

/* --- sentences --- */

/* Did dep come from Breaks? */
static bool is_break(const struct explain *x, Id from, Id dep)
{
	const Solvable *s = &x->pool->solvables[from];
	unsigned int n = solver_info(x->r->s, from)->n_conflicts;

	for (Offset i = s->conflicts; i && s->repo->idarraydata[i]; i++)
		if (s->repo->idarraydata[i] == dep)
			return i - s->conflicts >= n;
	return false;
}

static void tell_conflict(const struct explain *x, Id from, Id to, Id dep, struct eb_buf *out)
{
	add_package(x, from, out);
	eb_buf_adds(out, " (");
	add_origin(x, from, out);
	eb_buf_addf(out, ") %s ", is_break(x, from, dep) ? "breaks" : "conflicts with");
	add_package(x, to, out);
	eb_buf_adds(out, " (");
	add_origin(x, to, out);
	eb_buf_addc(out, ')');
	if (dep != x->pool->solvables[to].name) {
		eb_buf_adds(out, ", as ");
		pkg_dep_text(x->pool, dep, out);
	}
}

static void tell_same_name(const struct explain *x, Id from, Id to, struct eb_buf *out)
{
	Id a = solver_compare(x->r->s, from, to) < 0 ? from : to, b = a == from ? to : from;

	eb_buf_adds(out, "there can be only one of ");
	add_package(x, a, out);
	eb_buf_adds(out, " (");
	add_origin(x, a, out);
	eb_buf_adds(out, ") and ");
	add_package(x, b, out);
	eb_buf_adds(out, " (");
	add_origin(x, b, out);
	eb_buf_addc(out, ')');
}

static void tell_need(const struct explain *x, Id from, Id dep, struct eb_buf *out)
{
	add_package(x, from, out);
	eb_buf_adds(out, " (");
	add_origin(x, from, out);
	eb_buf_adds(out, ") depends on ");
	pkg_dep_text(x->pool, dep, out);
}

static enum rank tell(const struct explain *x, SolverRuleinfo type, Id from, Id to, Id dep,
		      struct eb_buf *out)
{
	/* Only the kinds that package rules have; others (jobs, policies) follow from them. */
	if (type == SOLVER_RULE_PKG_NOTHING_PROVIDES_DEP) {
		tell_missing(x, from, dep, out);
		return RANK_MISSING;
	}
	if (type == SOLVER_RULE_PKG_CONFLICTS) {
		tell_conflict(x, from, to, dep, out);
		return RANK_CONFLICT;
	}
	if (type == SOLVER_RULE_PKG_SAME_NAME) {
		tell_same_name(x, from, to, out);
		return RANK_CONFLICT;
	}
	if (type == SOLVER_RULE_PKG_REQUIRES) {
		tell_need(x, from, dep, out);
		return RANK_NEED;
	}
	return RANK_NONE;
}

static void add_sentence(struct explain *x, enum rank rank, const char *text, Id from)
{
	for (size_t i = 0; i < x->n; i++)
		if (strcmp(x->v[i].text, text) == 0)
			return;
	if (eb_grow(&x->v, &x->alloc, x->n + 1, sizeof(*x->v), 10000, "sentences", NULL) < 0)
		return;
	x->v[x->n++] = (struct sentence){ rank, eb_xstrdup(text), want_of(x, from) };
}

static void collect(struct explain *x, Solver *solv, Id problem)
{
	Queue rules, infos;

	queue_init(&rules);
	queue_init(&infos);
	solver_findallproblemrules(solv, problem, &rules);
	for (int i = 0; i < rules.count; i++) {
		queue_empty(&infos);
		solver_allruleinfos(solv, rules.elements[i], &infos);
		for (int j = 0; j + 3 < infos.count; j += 4) {
			const Id *e = &infos.elements[j];
			EB_AUTOBUF(text, MAX_BYTES);
			enum rank rank = tell(x, (SolverRuleinfo)e[0], e[1], e[2], e[3], &text);

			if (rank != RANK_NONE)
				add_sentence(x, rank, eb_buf_str(&text), e[1]);
		}
	}
	queue_free(&rules);
	queue_free(&infos);
}

static int by_rank(const void *ap, const void *bp)
{
	const struct sentence *a = ap, *b = bp;

	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return strcmp(a->text, b->text);
}

static int throw_sentences(struct explain *x, size_t *ret_bad, struct eb_error **err)
{
	EB_AUTOBUF(out, (size_t)MAX_BYTES * 4);

	if (x->n == 0)
		return eb_throw(err, EB_E_UNSOLVABLE, "the wanted packages exclude each other");
	qsort(x->v, x->n, sizeof(*x->v), by_rank);
	for (size_t i = 0; i < x->n && i < MAX_SENTENCES && x->v[i].rank == x->v[0].rank; i++)
		eb_buf_addf(&out, "%s%s", i ? "; " : "", x->v[i].text);
	if (ret_bad && x->v[0].want != SIZE_MAX)
		*ret_bad = x->v[0].want;
	return eb_throw(err, EB_E_UNSOLVABLE, "%s", eb_buf_str(&out));
}

int solver_explain(const struct solver_run *r, Solver *solv, size_t *ret_bad, struct eb_error **err)
{
	struct explain x = { .r = r, .pool = r->pool };
	int rc;

	x.parent = eb_xcalloc((size_t)r->pool->nsolvables, sizeof(*x.parent));
	find_parents(&x);
	for (Id problem = 0; (problem = solver_next_problem(solv, problem));)
		collect(&x, solv, problem);
	rc = throw_sentences(&x, ret_bad, err);
	for (size_t i = 0; i < x.n; i++)
		free(x.v[i].text);
	free(x.v);
	free(x.parent);
	return rc;
}
