#include <solv/evr.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/stream.h"
#include "pkg/depends.h"
#include "pkg/solver_private.h"
#include "pkg/stanza.h"

struct pkg_solver *pkg_solver_new(const char *arch)
{
	struct pkg_solver *s = eb_xcalloc(1, sizeof(*s));

	s->arena = eb_arena_new();
	s->arch = eb_arena_strdup(s->arena, arch);
	s->pool = pool_create();
	/* Fails only where libsolv was built for one kind of distribution; add_packages reports it.
	 */
	pool_setdisttype(s->pool, DISTTYPE_DEB);
	return s;
}

struct pkg_solver *pkg_solver_free(struct pkg_solver *s)
{
	if (!s)
		return NULL;
	pool_free(s->pool);
	eb_arena_free(s->arena);
	free(s->info);
	free(s);
	return NULL;
}

const struct solver_info *solver_info(const struct pkg_solver *s, Id p)
{
	static const struct solver_info none = { .version = "?", .rank = 4 };

	return (size_t)p < s->n_info ? &s->info[p] : &none;
}

int solver_compare(const struct pkg_solver *s, Id a, Id b)
{
	const Solvable *sa = &s->pool->solvables[a], *sb = &s->pool->solvables[b];
	int c = sb->repo->priority - sa->repo->priority;

	if (!c)
		c = pool_evrcmp(s->pool, sb->evr, sa->evr, EVRCMP_COMPARE);
	return c ? c : a - b;
}

/* The dependency fields of one package. */
struct fields {
	Queue requires, recommends, conflicts, provides;
};

static void fields_release(struct fields *f)
{
	queue_free(&f->requires);
	queue_free(&f->recommends);
	queue_free(&f->conflicts);
	queue_free(&f->provides);
}
EB_DEFINE_RELEASE(struct fields, fields_release)

static Offset add_ids(Repo *repo, const Queue *q)
{
	Offset at = 0;

	for (int i = 0; i < q->count; i++)
		at = repo_addid(repo, at, q->elements[i]);
	return at;
}

/* "foo:any" for everything that a package with Multi-Arch: allowed provides. */
static void provide_any(Pool *pool, Queue *provides)
{
	int n = provides->count;

	for (int i = 0; i < n; i++) {
		Id dep = provides->elements[i];
		const char *name = pool_id2str(pool, pkg_dep_name(pool, dep));
		char text[2 * PKG_NAME_MAX + 8];
		Id any;

		if (strchr(name, '%'))
			continue;
		snprintf(text, sizeof(text), "%s%%any", name);
		any = pool_str2id(pool, text, 1);
		if (pkg_dep_has_version(pool, dep)) {
			const Reldep rd = *pkg_dep_relation(pool, dep);

			any = pool_rel2id(pool, any, rd.evr, rd.flags, 1);
		}
		queue_push(provides, any);
	}
}

static int parse_fields(struct pkg_solver *s, const struct pkg_stanza *z, struct fields *f,
			unsigned int *ret_n_conflicts, struct eb_error **err)
{
	const struct {
		const char *text, *field;
		enum pkg_dep_kind kind;
		Queue *to;
	} parts[] = {
		{ z->pre_depends, "Pre-Depends", PKG_DEP_NEEDS, &f->requires },
		{ z->depends, "Depends", PKG_DEP_NEEDS, &f->requires },
		{ z->recommends, "Recommends", PKG_DEP_NEEDS, &f->recommends },
		{ z->provides, "Provides", PKG_DEP_PROVIDES, &f->provides },
		{ z->conflicts, "Conflicts", PKG_DEP_CONFLICTS, &f->conflicts },
		{ z->breaks, "Breaks", PKG_DEP_CONFLICTS, &f->conflicts },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(parts); i++) {
		int r;

		if (i == EB_ARRAY_LEN(parts) - 1) /* Breaks share the array, after Conflicts */
			*ret_n_conflicts = (unsigned int)f->conflicts.count;
		if (!parts[i].text)
			continue;
		r = pkg_dep_parse(s->pool, s->arch, parts[i].text, parts[i].kind, parts[i].to, err);
		if (r < 0)
			return eb_prefix(err, r, "line %u: package '%s': %s", z->line, z->name,
					 parts[i].field);
	}
	return 0;
}

static int add_package(struct pkg_solver *s, Repo *repo, const struct pkg_stanza *z, Id p,
		       struct eb_error **err)
{
	EB_CLEANUP(fields_release_p) struct fields f = { 0 };
	struct solver_info *info = &s->info[p];
	Pool *pool = s->pool;
	Solvable *v;
	int r;

	*info = (struct solver_info){
		.version = z->version,
		.deb_arch = z->arch,
		.path = z->path,
		.sha256 = z->sha256,
		.source = z->source,
		.size = z->size,
		.installed_bytes = z->installed_bytes,
		.suite = repo->appdata,
		.rank = z->rank,
	};
	v = pool_id2solvable(pool, p);
	v->name = pool_str2id(pool, z->name, 1);
	v->arch = pool_str2id(pool, z->arch, 1);
	v->evr = pkg_dep_version(pool, z->version, strlen(z->version));
	queue_push(&f.provides, pool_rel2id(pool, v->name, v->evr, REL_EQ, 1));
	r = parse_fields(s, z, &f, &info->n_conflicts, err);
	if (r < 0)
		return r;
	if (z->allowed)
		provide_any(pool, &f.provides);
	v->requires = add_ids(repo, &f.requires);
	v->recommends = add_ids(repo, &f.recommends);
	v->conflicts = add_ids(repo, &f.conflicts);
	v->provides = add_ids(repo, &f.provides);
	return 0;
}

static int add_stanzas(struct pkg_solver *s, Repo *repo, const struct pkg_stanza *z, size_t n,
		       struct eb_error **err)
{
	Id first;
	int r;

	if (n == 0)
		return 0;
	first = repo_add_solvable_block(repo, (int)n);
	r = eb_grow(&s->info, &s->alloc_info, (size_t)first + n, sizeof(*s->info), 16000000,
		    "packages", err);
	if (r < 0)
		return r;
	if ((size_t)first > s->n_info)
		memset(s->info + s->n_info, 0, ((size_t)first - s->n_info) * sizeof(*s->info));
	s->n_info = (size_t)first + n;
	memset(s->info + first, 0, n * sizeof(*s->info));
	for (size_t i = 0; i < n; i++) {
		r = add_package(s, repo, &z[i], first + (Id)i, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int pkg_solver_add_packages(struct pkg_solver *s, struct eb_reader *in, const char *archive,
			    const char *suite, int priority, struct eb_error **err)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *scratch = eb_arena_new();
	struct solver_suite *u = eb_arena_alloc(s->arena, sizeof(*u));
	struct pkg_stanza *z = NULL;
	size_t n = 0;
	Repo *repo;
	int r;

	if (s->pool->disttype != DISTTYPE_DEB) {
		eb_reader_free(in);
		return eb_throw(err, EB_E_UNSUPPORTED,
				"libsolv was built without Debian's version rules");
	}
	r = pkg_stanzas_read(in, s->arch, s->arena, scratch, &z, &n, err);
	if (r < 0)
		return eb_prefix(err, r, "Packages of %s/%s (%s)", archive, suite, s->arch);
	*u = (struct solver_suite){ eb_arena_strdup(s->arena, archive),
				    eb_arena_strdup(s->arena, suite), priority };
	repo = repo_create(s->pool, u->name);
	repo->appdata = u;
	repo->priority = priority;
	r = add_stanzas(s, repo, z, n, err);
	if (r < 0) {
		repo_free(repo, 1);
		return eb_prefix(err, r, "Packages of %s/%s (%s)", archive, suite, s->arch);
	}
	return 0;
}
