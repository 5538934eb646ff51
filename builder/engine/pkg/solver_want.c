/* From a wanted word to the solvables it may mean. */
#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "pkg/depends.h"
#include "pkg/solver_private.h"
#include "pkg/stanza.h"

/* A word taken apart. */
struct word {
	struct eb_span name, suite;
	Id dep; /* name, or name with a version relation */
};

static int malformed(const char *word, struct eb_error **err)
{
	autofree char *shown = pkg_text_show(word, strlen(word), 200);

	return eb_throw(err, EB_E_FORMAT,
			"'%s' is not a package: expected NAME, NAME=VERSION, NAME (>= VERSION) or "
			"NAME/SUITE",
			shown);
}

/* The id of "NAME OP VERSION" put together from parts, through the parser of dependencies. */
static int relation(struct solver_run *r, const char *word, struct eb_span name,
		    struct eb_span inner, Id *ret, struct eb_error **err)
{
	autofree char *text = eb_xasprintf("%.*s (%.*s)", (int)name.len, name.ptr, (int)inner.len,
					   inner.ptr);
	Queue q;
	int rc;

	queue_init(&q);
	rc = pkg_dep_parse(r->pool, r->s->arch, text, PKG_DEP_PROVIDES, &q, NULL);
	if (rc < 0) /* other relations than "=" */
		rc = pkg_dep_parse(r->pool, r->s->arch, text, PKG_DEP_CONFLICTS, &q, NULL);
	if (rc == 0 && q.count == 1)
		*ret = q.elements[0];
	else
		rc = malformed(word, err);
	queue_free(&q);
	return rc;
}

static int parse_word(struct solver_run *r, const char *word, struct word *ret,
		      struct eb_error **err)
{
	struct eb_span all = eb_span_trim(eb_span_str(word)), rest = { NULL, 0 };
	size_t n = 0;
	char mark;

	while (n < all.len && !strchr("=/( ", all.ptr[n]))
		n++;
	*ret = (struct word){ .name = { all.ptr, n } };
	if (!pkg_name_is_valid(all.ptr, n))
		return malformed(word, err);
	ret->dep = pool_strn2id(r->pool, all.ptr, (unsigned int)n, 1);
	rest = eb_span_trim((struct eb_span){ all.ptr + n, all.len - n });
	if (rest.len == 0)
		return 0;
	mark = rest.ptr[0];
	rest = eb_span_trim((struct eb_span){ rest.ptr + 1, rest.len - 1 });
	if (mark == '/') {
		ret->suite = rest;
		return rest.len ? 0 : malformed(word, err);
	}
	if (mark == '(' && eb_span_ends(rest, ")")) {
		rest.len--;
		return relation(r, word, ret->name, rest, &ret->dep, err);
	}
	if (mark == '=') {
		autofree char *eq = eb_xasprintf("= %.*s", (int)rest.len, rest.ptr);

		return relation(r, word, ret->name, eb_span_str(eq), &ret->dep, err);
	}
	return malformed(word, err);
}

static int compare(const void *ap, const void *bp, void *s)
{
	return solver_compare(s, *(const Id *)ap, *(const Id *)bp);
}

static void sort(struct solver_run *r, Queue *q)
{
	qsort_r(q->elements, (size_t)q->count, sizeof(Id), compare, r->s);
}

static bool in_suite(const struct solver_run *r, Id p, struct eb_span suite)
{
	const struct solver_suite *u = solver_info(r->s, p)->suite;

	return suite.len == 0 || (u && eb_span_eq(suite, u->name));
}

/* "5:8.0.2-3 (trixie), 7.0 (bookworm)": all versions of a name that could be chosen. */
static bool known_versions(const struct solver_run *r, Id name, struct eb_buf *out)
{
	unsigned int n = 0;

	for (Id at = pool_whatprovides(r->pool, name), p;
	     (p = r->pool->whatprovidesdata[at]) != 0 && n < 6; at++) {
		const struct solver_info *info = solver_info(r->s, p);

		if (r->pool->solvables[p].name != name || !info->suite)
			continue;
		eb_buf_addf(out, "%s%s (%s)", n++ ? ", " : "", info->version, info->suite->name);
	}
	return n > 0;
}

static const char *const *all_names(const struct solver_run *r)
{
	Pool *pool = r->pool;
	const char **names = eb_xcalloc((size_t)pool->nsolvables + 1, sizeof(*names));
	size_t n = 0;
	Id last = 0;

	for (Id p = 2; p < pool->nsolvables; p++) {
		const Solvable *s = &pool->solvables[p];

		if (s->repo && s->name != last && !solver_is_disabled(r, p))
			names[n++] = pool_id2str(pool, last = s->name);
	}
	return names;
}

static int throw_unknown(const struct solver_run *r, const char *name, struct eb_error **err)
{
	const char *const *names = all_names(r);
	const char *near = eb_nearest(name, names);
	int rc;

	if (near)
		rc = eb_throw(err, EB_E_NOT_FOUND,
			      "no package is called '%s' (%s); the nearest name is '%s'", name,
			      r->s->arch, near);
	else
		rc = eb_throw(err, EB_E_NOT_FOUND, "no package is called '%s' (%s)", name,
			      r->s->arch);
	free((void *)(uintptr_t)names);
	return rc;
}

/* Nothing matches: find out why. */
static int throw_no_match(const struct solver_run *r, const struct word *w, const char *word,
			  struct eb_error **err)
{
	autofree char *name = eb_span_dup(w->name);
	autofree char *shown = pkg_text_show(word, strlen(word), 200);
	Id id = pkg_dep_name(r->pool, w->dep);
	EB_AUTOBUF(versions, 4096);

	for (size_t i = 0; i < r->rq->n_exclude; i++)
		if (strcmp(r->rq->exclude[i], name) == 0)
			return eb_throw(err, EB_E_UNSOLVABLE, "'%s' is wanted and excluded", name);
	for (Id at = pool_whatprovides(r->pool, id), p; (p = r->pool->whatprovidesdata[at]); at++)
		if (r->pool->solvables[p].name == id && solver_is_installed(r, p))
			return eb_throw(
				err, EB_E_UNSOLVABLE,
				"'%s' is wanted, but the image this one builds on has %s %s", shown,
				name, solver_info(r->s, p)->version);
	if (known_versions(r, id, &versions))
		return eb_throw(err, EB_E_NOT_FOUND,
				"no version of '%s' is meant by '%s': there %s %s", name, shown,
				strchr(eb_buf_str(&versions), ',') ? "are" : "is",
				eb_buf_str(&versions));
	return throw_unknown(r, name, err);
}

/* A name that packages only provide: fine if exactly one package does. */
static int match_virtual(struct solver_run *r, const struct word *w, struct solver_want *want,
			 struct eb_error **err)
{
	Pool *pool = r->pool;
	EB_AUTOBUF(list, 4096);
	Id last = 0;
	int names = 0;

	for (Id at = pool_whatprovides(pool, w->dep), p; (p = pool->whatprovidesdata[at]); at++)
		if (!solver_is_disabled(r, p) && in_suite(r, p, w->suite))
			queue_push(&want->matches, p);
	/* Stanzas come in the order of names, suite by suite. */
	for (int i = 0; i < want->matches.count; i++) {
		Id name = pool->solvables[want->matches.elements[i]].name;

		if (name == last)
			continue;
		if (names++ < 8)
			eb_buf_addf(&list, "%s%s", last ? ", " : "", pool_id2str(pool, name));
		last = name;
	}
	for (int i = 0; i < want->matches.count; i++)
		if (pool->solvables[want->matches.elements[i]].name != last)
			return eb_throw(err, EB_E_UNSOLVABLE,
					"'%s' is not a package but provided by several: %s; name "
					"the one to take",
					want->word, eb_buf_str(&list));
	if (want->matches.count)
		return 0;
	return throw_no_match(r, w, want->word, err);
}

static int parse_want(struct solver_run *r, struct solver_want *want, struct eb_error **err)
{
	struct word w;
	Id name;
	int rc;

	rc = parse_word(r, want->word, &w, err);
	if (rc < 0)
		return rc;
	name = pkg_dep_name(r->pool, w.dep);
	for (Id at = pool_whatprovides(r->pool, w.dep), p; (p = r->pool->whatprovidesdata[at]);
	     at++)
		if (r->pool->solvables[p].name == name && !solver_is_disabled(r, p) &&
		    pool_match_nevr(r->pool, &r->pool->solvables[p], w.dep) &&
		    in_suite(r, p, w.suite))
			queue_push(&want->matches, p);
	if (want->matches.count == 0) {
		bool real = false;

		for (Id at = pool_whatprovides(r->pool, name), p;
		     (p = r->pool->whatprovidesdata[at]); at++)
			real |= r->pool->solvables[p].name == name;
		rc = real ? throw_no_match(r, &w, want->word, err)
			  : match_virtual(r, &w, want, err);
	}
	if (rc == 0)
		sort(r, &want->matches);
	return rc;
}

int solver_wants_parse(struct solver_run *r, size_t *ret_bad, struct eb_error **err)
{
	r->wants = eb_xcalloc(r->rq->n_want ? r->rq->n_want : 1, sizeof(*r->wants));
	for (size_t i = 0; i < r->rq->n_want; i++) {
		int rc;

		r->wants[i].word = r->rq->want[i];
		queue_init(&r->wants[i].matches);
		r->n_wants = i + 1;
		rc = parse_want(r, &r->wants[i], err);
		if (rc < 0) {
			if (ret_bad)
				*ret_bad = i;
			return rc;
		}
	}
	return 0;
}

int pkg_solver_find(struct pkg_solver *s, const char *name, struct pkg_choice *ret,
		    struct eb_error **err)
{
	const char *const want[] = { name };
	const struct pkg_request rq = { .want = want, .n_want = 1 };
	EB_CLEANUP(solver_run_release_p) struct solver_run r = { 0 };
	int rc;

	rc = solver_run_open(&r, s, &rq, err);
	if (rc == 0)
		rc = solver_wants_parse(&r, NULL, err);
	if (rc == 0)
		solver_choice(&r, r.wants[0].matches.elements[0], ret);
	return rc;
}
