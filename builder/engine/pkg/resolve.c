#include "pkg/resolve.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/span.h"
#include "base/stream.h"
#include "pkg/resolve_private.h"
#include "pkg/solver.h"
#include "recipe/lock.h"

struct resolve {
	const struct pkg_repo_options *o;
	const struct rcp_chain *chain;
	const struct rcp_recipe *recipe; /* the last stage */
	struct rcp_lock *const *parents;
	const struct rcp_lock *old;
	struct eb_arena *arena;
	const char **arches; /* whose Packages are needed: the image's, and of hosts for codecs */
	size_t n_arches;
	struct pkg_release **releases; /* one per suite */
	struct resolve_codecs codecs;
	struct rcp_lock *lock;
};

static void resolve_release(struct resolve *r)
{
	for (size_t i = 0; r->releases && i < r->recipe->n_suites; i++)
		pkg_release_free(r->releases[i]);
	rcp_lock_free(r->lock);
	eb_arena_free(r->arena);
}
EB_DEFINE_RELEASE(struct resolve, resolve_release)

/* --- words --- */

static bool is_for(const struct rcp_word *w, const char *arch)
{
	for (size_t i = 0; i < w->n_arches; i++)
		if (strcmp(w->arches[i], arch) == 0)
			return true;
	return w->n_arches == 0;
}

static bool has_arch(const struct rcp_recipe *r, const char *arch)
{
	for (size_t i = 0; i < r->n_architectures; i++)
		if (strcmp(r->architectures[i], arch) == 0)
			return true;
	return false;
}

static void find_arches(struct resolve *r)
{
	const struct rcp_recipe *recipe = r->recipe;
	bool codecs = recipe->n_codecs > 0;

	r->arches = eb_arena_alloc(r->arena, (recipe->n_architectures + 8) * sizeof(*r->arches));
	for (size_t i = 0; i < recipe->n_architectures; i++)
		r->arches[r->n_arches++] = recipe->architectures[i];
	for (size_t i = 0; codecs && resolve_hosts[i]; i++)
		if (!has_arch(recipe, resolve_hosts[i]))
			r->arches[r->n_arches++] = resolve_hosts[i];
}

/* The package name that a word begins with. */
static bool word_names(const char *word, const char *name)
{
	size_t n = strcspn(word, " =/(");

	return strlen(name) == n && strncmp(word, name, n) == 0;
}

/* --- suites --- */

/* The newest date of this suite that a lock of the chain has seen. */
static int64_t seen_date(const struct resolve *r, const struct rcp_suite *s)
{
	int64_t date = 0;

	for (size_t k = 0; k < r->chain->n; k++) {
		const struct rcp_lock *l = k + 1 < r->chain->n ? r->parents[k] : r->old;

		for (size_t i = 0; l && i < l->n_suites; i++)
			if (strcmp(l->suites[i].archive, s->archive) == 0 &&
			    strcmp(l->suites[i].suite, s->name) == 0 &&
			    l->suites[i].date_sec > date)
				date = l->suites[i].date_sec;
	}
	return date;
}

static int load_suites(struct resolve *r, struct eb_error **err)
{
	const struct rcp_recipe *recipe = r->recipe;

	r->releases = eb_arena_alloc(r->arena,
				     (recipe->n_suites + 1) * sizeof(struct pkg_release *));
	for (size_t i = 0; i < recipe->n_suites; i++) {
		const struct rcp_suite *s = &recipe->suites[i];
		int rc = pkg_release_load(r->o, s, r->arches, r->n_arches, seen_date(r, s),
					  &r->releases[i], err);

		if (rc < 0)
			return rc;
		rcp_lock_add_suite(r->lock,
				   &(struct rcp_locked_suite){ .archive = s->archive,
							       .suite = s->name,
							       .date_sec = r->releases[i]->date_sec,
							       .sha256 = r->releases[i]->sha256 });
		if (r->releases[i]->date_sec > r->lock->epoch_sec)
			r->lock->epoch_sec = r->releases[i]->date_sec;
	}
	for (size_t i = 0; i + 1 < r->chain->n; i++)
		if (r->parents[i]->epoch_sec > r->lock->epoch_sec)
			r->lock->epoch_sec = r->parents[i]->epoch_sec;
	return 0;
}

/* A suite may lack an architecture, but not all of them. */
static int check_arch(const struct resolve *r, const char *arch, struct eb_error **err)
{
	for (size_t i = 0; i < r->recipe->n_suites; i++)
		for (size_t j = 0; j < r->releases[i]->n_files; j++)
			if (strcmp(r->releases[i]->files[j].arch, arch) == 0)
				return 0;
	if (r->recipe->n_suites == 0)
		return 0;
	return rcp_throw(&r->recipe->suites[0].pos, err, "none of the suites has architecture '%s'",
			 arch);
}

static int load_solver(const struct resolve *r, const char *arch, struct pkg_solver **ret,
		       struct eb_error **err)
{
	EB_CLEANUP(pkg_solver_free_p) struct pkg_solver *s = pkg_solver_new(arch);

	for (size_t i = 0; i < r->recipe->n_suites; i++) {
		const struct pkg_release *l = r->releases[i];

		for (size_t j = 0; j < l->n_files; j++) {
			struct eb_reader *in = NULL;
			int rc;

			if (strcmp(l->files[j].arch, arch) != 0)
				continue;
			rc = pkg_release_open(r->o, l, j, &in, err);
			if (rc == 0)
				rc = pkg_solver_add_packages(s, in, l->suite->archive,
							     l->suite->name, l->suite->priority,
							     err);
			if (rc < 0)
				return rc;
		}
	}
	*ret = EB_TAKE_PTR(s);
	return 0;
}

/* --- one architecture --- */

struct request {
	struct pkg_request rq;
	const struct rcp_word **words; /* of each wanted word */
};

static const char **make_list(struct resolve *r, size_t max)
{
	return eb_arena_alloc(r->arena, (max + 1) * sizeof(const char *));
}

static void add_wants(struct resolve *r, const char *arch, struct request *q)
{
	const struct rcp_recipe *recipe = r->recipe;
	const char **want = make_list(r, recipe->n_packages);

	q->words = eb_arena_alloc(r->arena, (recipe->n_packages + 1) * sizeof(*q->words));
	for (size_t i = 0; i < recipe->n_packages; i++) {
		if (!is_for(&recipe->packages[i], arch))
			continue;
		q->words[q->rq.n_want] = &recipe->packages[i];
		want[q->rq.n_want++] = recipe->packages[i].text;
	}
	q->rq.want = want;
}

static bool is_wanted(const struct request *q, const char *name)
{
	for (size_t i = 0; i < q->rq.n_want; i++)
		if (word_names(q->rq.want[i], name))
			return true;
	return false;
}

static void add_excludes(struct resolve *r, const char *arch, struct request *q)
{
	const char **exclude;
	size_t max = 0;

	for (size_t k = 0; k < r->chain->n; k++)
		max += r->chain->stage[k]->n_exclude;
	exclude = make_list(r, max);
	for (size_t k = 0; k < r->chain->n; k++) {
		const struct rcp_recipe *stage = r->chain->stage[k];

		for (size_t i = 0; i < stage->n_exclude; i++)
			if (is_for(&stage->exclude[i], arch) &&
			    (stage == r->recipe || !is_wanted(q, stage->exclude[i].text)))
				exclude[q->rq.n_exclude++] = stage->exclude[i].text;
	}
	q->rq.exclude = exclude;
}

static void add_parents(struct resolve *r, const char *arch, struct request *q)
{
	const char **installed;
	size_t max = 0;

	for (size_t k = 0; k + 1 < r->chain->n; k++)
		max += r->parents[k]->n_packages;
	installed = make_list(r, max);
	for (size_t k = 0; k + 1 < r->chain->n; k++)
		for (size_t i = 0; i < r->parents[k]->n_packages; i++) {
			const struct rcp_locked_package *p = &r->parents[k]->packages[i];

			if (strcmp(p->arch, arch) == 0)
				installed[q->rq.n_installed++] = eb_arena_printf(
					r->arena, "%s=%s", p->name, p->version);
		}
	q->rq.installed = installed;
}

/* A name that is unknown here: perhaps another architecture has it. Adds to the message. */
static int look_elsewhere(const struct resolve *r, struct pkg_solver *here, const char *arch,
			  const struct rcp_word *w, int code, struct eb_error **err)
{
	size_t n = strcspn(w->text, " =/(");
	autofree char *name = eb_xstrndup(w->text, n);
	struct pkg_choice known;

	/* The name is known: it is the version or the suite that is not. */
	if (pkg_solver_find(here, name, &known, NULL) >= 0)
		return code;
	for (size_t i = 0; i < r->n_arches; i++) {
		EB_CLEANUP(pkg_solver_free_p) struct pkg_solver *s = NULL;
		struct pkg_choice c;

		if (strcmp(r->arches[i], arch) == 0 || load_solver(r, r->arches[i], &s, NULL) < 0 ||
		    pkg_solver_find(s, name, &c, NULL) < 0)
			continue;
		eb_error_clear(err);
		code = eb_throw(err, EB_E_NOT_FOUND,
				"package '%s' is not there for %s, only for %s (%s)", name, arch,
				r->arches[i], c.version);
		return eb_hint(err, code, "{name: %s, arch: [%s]}", w->text, r->arches[i]);
	}
	return code;
}

static int blame(const struct resolve *r, struct pkg_solver *s, const char *arch,
		 const struct request *q, size_t bad, int code, struct eb_error **err)
{
	const struct rcp_word *w = bad < q->rq.n_want ? q->words[bad] : NULL;

	if (!w)
		return eb_prefix(err, code, "%s: packages for %s", r->recipe->file, arch);
	if (code == -EB_E_NOT_FOUND)
		code = look_elsewhere(r, s, arch, w, code, err);
	return eb_prefix(err, code, "%s:%u:%u", w->pos.file, w->pos.line, w->pos.column);
}

static void lock_choice(struct resolve *r, const char *arch, const struct pkg_choice *c)
{
	if (c->was_installed)
		return;
	rcp_lock_add_package(r->lock, &(struct rcp_locked_package){ .arch = arch,
								    .name = c->name,
								    .version = c->version,
								    .path = c->path,
								    .archive = c->archive,
								    .suite = c->suite,
								    .source = c->source,
								    .sha256 = c->sha256,
								    .deb_arch = c->deb_arch,
								    .size = c->size });
}

static int solve(struct resolve *r, struct pkg_solver *s, const char *arch, struct eb_error **err)
{
	struct request q = { .rq.recommends = r->recipe->recommends };
	autofree struct pkg_choice *v = NULL;
	size_t n = 0, bad = SIZE_MAX;
	int rc;

	add_wants(r, arch, &q);
	add_excludes(r, arch, &q);
	add_parents(r, arch, &q);
	rc = pkg_solve(s, &q.rq, &v, &n, &bad, err);
	if (rc < 0)
		return blame(r, s, arch, &q, bad, rc, err);
	for (size_t i = 0; i < n; i++)
		lock_choice(r, arch, &v[i]);
	return 0;
}

static int resolve_arch(struct resolve *r, const char *arch, struct eb_error **err)
{
	EB_CLEANUP(pkg_solver_free_p) struct pkg_solver *s = NULL;
	int rc = check_arch(r, arch, err);

	if (rc == 0)
		rc = load_solver(r, arch, &s, err);
	if (rc == 0 && has_arch(r->recipe, arch))
		rc = solve(r, s, arch, err);
	if (rc == 0 && resolve_is_host(arch))
		rc = resolve_codecs_find(&r->codecs, r->recipe, s, arch, err);
	return rc;
}

int pkg_resolve(const struct pkg_repo_options *o, const struct rcp_chain *chain,
		struct rcp_lock *const *parent_locks, const struct rcp_lock *old,
		struct rcp_lock **ret, struct eb_error **err)
{
	EB_CLEANUP(resolve_release_p)
	struct resolve r = {
		.o = o,
		.chain = chain,
		.recipe = chain->stage[chain->n - 1],
		.parents = parent_locks,
		.old = old,
		.arena = eb_arena_new(),
	};
	char hash[65];
	int rc;

	r.codecs.arena = r.arena;
	r.lock = rcp_lock_new(r.recipe->name);
	find_arches(&r);
	rc = load_suites(&r, err);
	for (size_t i = 0; rc == 0 && i < r.n_arches; i++)
		rc = resolve_arch(&r, r.arches[i], err);
	if (rc == 0)
		rc = resolve_codecs_lock(&r.codecs, o, r.recipe, r.lock, err);
	if (rc < 0)
		return rc;
	rcp_lock_inputs_hash(chain, hash);
	r.lock->inputs_sha256 = eb_arena_strdup(r.lock->arena, hash);
	rcp_lock_sort(r.lock);
	*ret = EB_TAKE_PTR(r.lock);
	return 0;
}
