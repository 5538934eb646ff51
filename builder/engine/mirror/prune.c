#include "mirror/prune.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/progress.h"
#include "dist/registry.h"
#include "mirror/choose.h"

/* The records of one repository that are candidates, and what is in the repository. */
struct repo {
	const struct mir_record *first; /* its name */
	size_t from, to;		/* in pruning.items */
	char **tags;
	size_t n_tags;
};

struct prune {
	const struct mir_net *net;
	struct oci_registry *registry;
	const struct mir_state *s;
	struct mir_pruning *p;
	struct repo *repos;
	size_t n_repos;
	unsigned int task;
};

void mir_pruning_release(struct mir_pruning *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->items[i].ref);
		eb_error_free(p->items[i].error);
	}
	free(p->items);
	*p = (struct mir_pruning){ .n = 0 };
}

static void prune_release(struct prune *x)
{
	for (size_t i = 0; i < x->n_repos; i++)
		oci_tags_free(x->repos[i].tags, x->repos[i].n_tags);
	free(x->repos);
}
EB_DEFINE_RELEASE(struct prune, prune_release)

static const struct mir_record *record_of(const struct prune *x, const struct mir_pruned *d)
{
	return &x->s->records[d->record];
}

static const char *version_of(const struct mir_record *m)
{
	return m->tag ? m->tag : m->digest.text;
}

/* ---- candidates ---- */

/* Everything that the list means now, as a state of its own to look things up in. */
static void note_wanted(const struct mir_list *l, const struct mir_items *items,
			struct mir_state *ret)
{
	static const struct oci_digest none;

	for (size_t i = 0; i < items->n; i++) {
		const struct mir_item *it = &items->items[i];

		if (!it->repo || (!it->to_tag && !it->root.digest.text[0]))
			continue;
		eb_ignore(mir_state_put(ret, l->to.ref.host, it->repo, it->to_tag,
					it->to_tag ? &none : &it->root.digest, "", NULL));
		for (size_t k = 0; k < it->n_attached; k++)
			eb_ignore(mir_state_put(ret, l->to.ref.host, it->repo, it->attached[k].tag,
						it->attached[k].tag ? &none
								    : &it->attached[k].desc.digest,
						"", NULL));
	}
}

/* Of what comes from the same place, or goes to the same place. */
static bool has_failed(const struct mir_items *items, const struct mir_record *m)
{
	for (size_t i = 0; i < items->n; i++) {
		const struct mir_item *it = &items->items[i];

		if (it->status == MIR_FAILED && (strcmp(it->image->from, m->from) == 0 ||
						 (it->repo && strcmp(it->repo, m->repo) == 0)))
			return true;
	}
	return false;
}

/* No tag says that this is wanted. */
static bool is_by_digest(const struct mir_items *items, const char *repo)
{
	for (size_t i = 0; i < items->n; i++)
		if (items->items[i].repo && !items->items[i].to_tag &&
		    strcmp(items->items[i].repo, repo) == 0)
			return true;
	return false;
}

/* One state may serve a list that was sent to several places. */
static bool is_below(const char *repo, const char *prefix)
{
	size_t n = prefix ? strlen(prefix) : 0;

	return n == 0 || (strncmp(repo, prefix, n) == 0 && (repo[n] == '/' || !repo[n]));
}

static void add_candidate(struct mir_pruning *p, const struct mir_items *items,
			  const struct mir_state *s, size_t record, bool failed)
{
	const struct mir_record *m = &s->records[record];

	p->items[p->n++] = (struct mir_pruned){
		.record = record,
		.ref = eb_xasprintf("%s/%s%s%s", m->host, m->repo, m->tag ? ":" : "@",
				    version_of(m)),
		.fate = failed ? MIR_KEPT : MIR_PRUNE,
		.why = failed ? "something else of its source or repository failed" : NULL,
		.by_digest = is_by_digest(items, m->repo),
	};
}

static void find_candidates(const struct mir_list *l, const struct mir_items *items,
			    const struct mir_state *s, struct mir_pruning *p)
{
	EB_CLEANUP(mir_state_release_p) struct mir_state wanted = { .n = 0 };
	const struct mir_record *last = NULL;
	bool last_failed = false;

	note_wanted(l, items, &wanted);
	p->items = eb_xcalloc(s->n + 1, sizeof(*p->items));
	for (size_t i = 0; i < s->n; i++) {
		const struct mir_record *m = &s->records[i];

		if (strcmp(m->host, l->to.ref.host) != 0 || !is_below(m->repo, l->to.ref.repo) ||
		    mir_state_find(&wanted, m->host, m->repo, m->tag, &m->digest))
			continue;
		if (!last || strcmp(last->from, m->from) != 0 || strcmp(last->repo, m->repo) != 0)
			last_failed = has_failed(items, m);
		last = m;
		add_candidate(p, items, s, i, last_failed);
	}
}

/* ---- what is in the repositories ---- */

static bool is_there(const struct repo *repo, const char *tag)
{
	for (size_t i = 0; i < repo->n_tags; i++)
		if (strcmp(repo->tags[i], tag) == 0)
			return true;
	return false;
}

/* Is it still what was put there? */
static void look_at(const struct prune *x, const struct repo *repo, struct mir_pruned *d)
{
	const struct mir_record *m = record_of(x, d);
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor now = { .media_type = NULL };
	struct eb_error *e = NULL;
	int r;

	if (d->fate != MIR_PRUNE)
		return;
	if (m->tag && !is_there(repo, m->tag)) {
		d->fate = MIR_GONE;
		return;
	}
	r = oci_registry_head(x->registry, m->repo, version_of(m), &now, &e);
	if (r == -EB_E_NOT_FOUND) {
		d->fate = MIR_GONE;
	} else if (r < 0) {
		d->fate = MIR_NOT_PRUNED;
		d->error = EB_TAKE_PTR(e);
	} else if (!oci_digest_eq(&now.digest, &m->digest)) {
		d->fate = MIR_TAKEN;
		d->why = "somebody else has put another image there";
	}
	eb_error_free(e);
}

/* The candidate with this tag, or NULL: it stays. */
static const struct mir_pruned *candidate(const struct prune *x, const struct repo *repo,
					  const char *tag)
{
	for (size_t i = repo->from; i < repo->to; i++) {
		const struct mir_record *m = record_of(x, &x->p->items[i]);

		if (m->tag && strcmp(m->tag, tag) == 0 &&
		    (x->p->items[i].fate == MIR_PRUNE || x->p->items[i].fate == MIR_PRUNED))
			return &x->p->items[i];
	}
	return NULL;
}

/* Signatures do not count: what they sign must be left. */
static void keep_last(const struct prune *x, const struct repo *repo)
{
	struct mir_pruned *newest = NULL;

	for (size_t i = 0; i < repo->n_tags; i++)
		if (!mir_tag_is_attached(repo->tags[i]) && !candidate(x, repo, repo->tags[i]))
			return;
	for (size_t i = repo->from; i < repo->to; i++) {
		struct mir_pruned *d = &x->p->items[i];
		const char *tag = record_of(x, d)->tag;

		if (d->fate == MIR_PRUNE && tag && !mir_tag_is_attached(tag) &&
		    (!newest || mir_tag_cmp(tag, record_of(x, newest)->tag) > 0))
			newest = d;
	}
	if (!newest)
		return;
	newest->fate = MIR_KEPT;
	newest->why = "it is the last tag of its repository";
	/* And what hangs on it. */
	for (size_t i = repo->from; i < repo->to; i++) {
		struct mir_pruned *d = &x->p->items[i];
		const char *tag = record_of(x, d)->tag;

		if (d->fate == MIR_PRUNE && (!tag || mir_tag_is_attached(tag))) {
			d->fate = MIR_KEPT;
			d->why = "its repository has one tag left";
		}
	}
}

static int look(void *ctx, size_t i, struct eb_error **err)
{
	struct prune *x = ctx;
	struct repo *repo = &x->repos[i];
	struct eb_error *e = NULL;
	int r = oci_registry_tags(x->registry, repo->first->repo, &repo->tags, &repo->n_tags, &e);

	(void)err;
	for (size_t k = repo->from; k < repo->to; k++) {
		struct mir_pruned *d = &x->p->items[k];

		if (r >= 0) {
			look_at(x, repo, d);
		} else if (r == -EB_E_NOT_FOUND && d->fate == MIR_PRUNE) {
			d->fate = MIR_GONE;
		} else if (d->fate == MIR_PRUNE) {
			d->fate = MIR_NOT_PRUNED;
			eb_ignore(eb_throw(&d->error, e->code, "%s", e->message));
		}
	}
	eb_error_free(e);
	if (r >= 0)
		keep_last(x, repo);
	return 0;
}

/* They are sorted by repository. */
static void find_repos(struct prune *x)
{
	x->repos = eb_xcalloc(x->p->n + 1, sizeof(*x->repos));
	for (size_t i = 0; i < x->p->n; i++) {
		const struct mir_record *m = record_of(x, &x->p->items[i]);
		struct repo *last = x->n_repos ? &x->repos[x->n_repos - 1] : NULL;

		if (!last || strcmp(last->first->repo, m->repo) != 0)
			x->repos[x->n_repos++] = (struct repo){ .first = m, .from = i, .to = i };
		x->repos[x->n_repos - 1].to = i + 1;
	}
}

void mir_prune_plan(const struct mir_list *l, const struct mir_net *net, struct oci_registry *r,
		    const struct mir_items *items, const struct mir_state *s,
		    struct mir_pruning *ret)
{
	EB_CLEANUP(prune_release_p)
	struct prune x = { .net = net, .registry = r, .s = s, .p = ret };

	*ret = (struct mir_pruning){ .n = 0 };
	find_candidates(l, items, s, ret);
	find_repos(&x);
	eb_ignore(eb_pool_map(net->pool, x.n_repos, look, &x, NULL));
}

/* ---- deleting ---- */

/* Mirrors hold sparse indexes, too. */
static int text_or_absent(void *ctx, const struct oci_descriptor *d, char **ret,
			  struct eb_error **err)
{
	struct oci_source src = oci_source_repository(ctx);
	struct eb_error *e = NULL;
	int r = src.text(src.ctx, d, ret, &e);

	if (r >= 0)
		return r;
	if (r != -EB_E_NOT_FOUND)
		return eb_error_forward(err, e);
	eb_error_free(e);
	return OCI_SOURCE_ABSENT;
}

/* Does a tag that stays need this document? Reads all indexes that stay. */
static int is_needed(const struct prune *x, const struct repo *repo, const struct oci_digest *d,
		     bool *ret, struct eb_error **err)
{
	struct oci_repository at = { x->registry, repo->first->repo };
	const struct oci_source src = { &at, text_or_absent, NULL };

	*ret = false;
	for (size_t i = 0; i < repo->n_tags && !*ret; i++) {
		EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor root = { .size = 0 };
		EB_CLEANUP(oci_graph_release_p) struct oci_graph g = { .nodes = NULL };
		struct eb_error *e = NULL;
		int r;

		if (candidate(x, repo, repo->tags[i]))
			continue;
		r = oci_registry_head(x->registry, repo->first->repo, repo->tags[i], &root, &e);
		if (r == -EB_E_NOT_FOUND) {
			eb_error_free(e);
			continue;
		}
		if (r < 0)
			return eb_error_forward(err, e);
		*ret = oci_digest_eq(&root.digest, d);
		if (*ret || !oci_media_type_is_index(root.media_type))
			continue;
		r = oci_graph_load(&src, &root, &g, err);
		if (r < 0)
			return r;
		*ret = oci_graph_find(&g, d) != NULL;
	}
	return 0;
}

static int delete_digest(struct prune *x, const struct repo *repo, struct mir_pruned *d,
			 struct eb_error **err)
{
	const struct mir_record *m = record_of(x, d);
	struct eb_error *e = NULL;
	bool needed = true;
	int r;

	/* What is wanted by digest is no tag's, so nothing that stays would tell. */
	if (d->by_digest) {
		d->fate = MIR_KEPT;
		d->late = true;
		d->why = "the list asks for something there by its digest, and this would go by "
			 "digest too";
		return 0;
	}
	r = is_needed(x, repo, &m->digest, &needed, err);
	if (r < 0)
		return r;
	if (needed) {
		d->fate = MIR_KEPT;
		d->late = true;
		d->why = "a tag that stays needs it, and this registry deletes by digest only";
		return 0;
	}
	r = oci_registry_delete(x->registry, m->repo, m->digest.text, &e);
	if (r >= 0 || r == -EB_E_NOT_FOUND) { /* by another tag of it */
		eb_error_free(e);
		d->fate = MIR_PRUNED;
		return 0;
	}
	return eb_error_forward(err, e);
}

static int delete_one(struct prune *x, const struct repo *repo, struct mir_pruned *d,
		      struct eb_error **err)
{
	const struct mir_record *m = record_of(x, d);
	struct eb_error *e = NULL;
	int r;

	if (!m->tag)
		return delete_digest(x, repo, d, err);
	r = oci_registry_delete(x->registry, m->repo, m->tag, &e);
	if (r >= 0 || r == -EB_E_NOT_FOUND) {
		eb_error_free(e);
		d->fate = MIR_PRUNED;
		return 0;
	}
	if (r == -EB_E_AUTH)
		return eb_error_forward(err, e);
	/* Not all registries know to delete a tag; they say so in many ways. */
	eb_error_free(e);
	return delete_digest(x, repo, d, err);
}

/* A repository's tags one after the other: each time it is seen what is left. */
static int prune_repo(void *ctx, size_t i, struct eb_error **err)
{
	struct prune *x = ctx;
	struct repo *repo = &x->repos[i];
	struct eb_error *e = NULL;
	bool any = false;
	int r = 0;

	(void)err;
	for (size_t k = repo->from; k < repo->to; k++)
		any |= x->p->items[k].fate == MIR_PRUNE;
	if (any)
		r = oci_registry_tags(x->registry, repo->first->repo, &repo->tags, &repo->n_tags,
				      &e);
	for (size_t k = repo->from; k < repo->to && any; k++) {
		struct mir_pruned *d = &x->p->items[k];

		if (d->fate != MIR_PRUNE)
			continue;
		if (r < 0)
			eb_ignore(eb_throw(&d->error, e->code, "%s", e->message));
		if (r < 0 || delete_one(x, repo, d, &d->error) < 0)
			d->fate = MIR_NOT_PRUNED;
		eb_progress_advance(x->net->progress, x->task, 1);
	}
	eb_error_free(e);
	return 0;
}

void mir_prune(const struct mir_net *net, struct oci_registry *r, struct mir_pruning *p,
	       struct mir_state *s)
{
	EB_CLEANUP(prune_release_p)
	struct prune x = { .net = net, .registry = r, .s = s, .p = p };
	autofree bool *drop = eb_xcalloc(s->n + 1, sizeof(*drop));
	size_t n = 0;

	find_repos(&x);
	for (size_t i = 0; i < p->n; i++)
		n += p->items[i].fate == MIR_PRUNE;
	if (n) {
		x.task = eb_progress_start(net->progress, "prune", EB_UNIT_ITEMS, n);
		eb_ignore(eb_pool_map(net->pool, x.n_repos, prune_repo, &x, NULL));
		eb_progress_finish(net->progress, x.task);
	}
	for (size_t i = 0; i < p->n; i++)
		drop[p->items[i].record] = p->items[i].fate == MIR_PRUNED ||
					   p->items[i].fate == MIR_GONE ||
					   p->items[i].fate == MIR_TAKEN;
	mir_state_drop(s, drop);
}
