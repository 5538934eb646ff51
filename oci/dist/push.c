#include "dist/push.h"

#include <pthread.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/progress.h"
#include "base/rate.h"

enum { MAX_WORK = 1000000 };

struct target {
	struct oci_push_target *t;
	struct oci_graph graph;
	bool *kept; /* per node: the repository has it, and so all below it */
};

/* A blob and the targets whose repositories need it; the first of them gets it, the others mount.
 */
struct work {
	const struct oci_descriptor *d;
	size_t first, n; /* in `needs` */
};

struct need {
	const struct oci_descriptor *d;
	size_t target;
};

struct put {
	size_t target, node;
};

struct push {
	struct oci_registry *registry;
	const struct oci_source *src;
	const struct oci_push_options *o;
	struct target *targets;
	size_t n_targets;
	struct need *needs;
	size_t n_needs, alloc_needs;
	struct work *work;
	size_t n_work;
	struct put *puts; /* of one step */
	size_t n_puts;
	pthread_mutex_t lock; /* of the counts and the referrers */
	struct oci_push_result res;
	unsigned int task;
	struct put *refer; /* documents whose subject the registry took no note of */
	size_t n_refer, alloc_refer;
};

static void push_release(struct push *p)
{
	for (size_t i = 0; i < p->n_targets; i++) {
		oci_graph_release(&p->targets[i].graph);
		free(p->targets[i].kept);
	}
	free(p->targets);
	free(p->needs);
	free(p->work);
	free(p->puts);
	free(p->refer);
	pthread_mutex_destroy(&p->lock);
}
EB_DEFINE_RELEASE(struct push, push_release)

/* One item behind the other through the gate. */
static int through_gate(struct push *p, eb_pool_fn fn, size_t i, struct eb_error **err)
{
	struct eb_gate *gate = oci_registry_gate(p->registry);
	int r;

	eb_gate_enter(gate);
	r = fn(p, i, err);
	eb_gate_leave(gate, r >= 0);
	return r;
}

/* ---- what is there ---- */

/* Of a target that was there before in another form, much is there. */
static int look_below(struct push *p, struct target *t, struct eb_error **err)
{
	const struct oci_node *root = oci_graph_root(&t->graph);

	for (size_t i = 0; i < root->doc.n_items && root->doc.is_index; i++) {
		const struct oci_node *n = oci_graph_find(&t->graph, &root->doc.items[i].digest);
		EB_CLEANUP(oci_descriptor_release_p)
		struct oci_descriptor d = { .media_type = NULL };
		struct eb_error *e = NULL;
		int r;

		if (!n)
			continue;
		r = oci_registry_head(p->registry, t->t->repo, n->desc.digest.text, &d, &e);
		if (r >= 0)
			t->kept[n - t->graph.nodes] = true;
		else if (r != -EB_E_NOT_FOUND)
			return eb_error_forward(err, e);
		eb_error_free(e);
	}
	return 0;
}

static int look_at(void *ctx, size_t i, struct eb_error **err)
{
	struct push *p = ctx;
	struct target *t = &p->targets[i];
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .media_type = NULL };
	struct eb_error *e = NULL;
	const char *version = t->t->tag ? t->t->tag : t->t->root.digest.text;
	int r = oci_registry_head(p->registry, t->t->repo, version, &d, &e);

	if (r == -EB_E_NOT_FOUND) {
		eb_error_free(e);
		r = 0;
	} else if (r < 0) {
		eb_error_forward(err, e);
	} else {
		t->t->there = oci_digest_eq(&d.digest, &t->t->root.digest);
		if (t->t->there)
			return 0;
		r = oci_graph_load(p->src, &t->t->root, &t->graph, err);
		t->kept = eb_xcalloc(t->graph.n_nodes + 1, sizeof(*t->kept));
		return r < 0 ? r : look_below(p, t, err);
	}
	if (r >= 0)
		r = oci_graph_load(p->src, &t->t->root, &t->graph, err);
	t->kept = eb_xcalloc(t->graph.n_nodes + 1, sizeof(*t->kept));
	return r < 0 ? eb_prefix(err, r, "%s", t->t->name) : 0;
}

static int look_one(void *ctx, size_t i, struct eb_error **err)
{
	return through_gate(ctx, look_at, i, err);
}

/* ---- who needs which blob ---- */

static int need(struct push *p, const struct oci_descriptor *d, size_t target,
		struct eb_error **err)
{
	int r = eb_grow(&p->needs, &p->alloc_needs, p->n_needs + 1, sizeof(*p->needs), MAX_WORK,
			"blobs", err);

	if (r >= 0)
		p->needs[p->n_needs++] = (struct need){ d, target };
	return r;
}

/* Below what is kept, all is kept. Parents stand behind their children. */
static void keep_below(struct target *t)
{
	for (size_t i = t->graph.n_nodes; i-- > 0;) {
		const struct oci_node *n = &t->graph.nodes[i];

		for (size_t k = 0; t->kept[i] && n->doc.is_index && k < n->doc.n_items; k++) {
			const struct oci_node *c = oci_graph_find(&t->graph,
								  &n->doc.items[k].digest);

			if (c)
				t->kept[c - t->graph.nodes] = true;
		}
	}
}

static int need_all(struct push *p, size_t target, struct eb_error **err)
{
	struct target *t = &p->targets[target];
	int r = 0;

	if (t->t->there)
		return 0;
	keep_below(t);
	for (size_t i = 0; i < t->graph.n_nodes && r >= 0; i++) {
		const struct oci_manifest *m = &t->graph.nodes[i].doc;

		if (t->kept[i])
			continue;
		if (!m->is_index)
			r = need(p, &m->config, target, err);
		for (size_t k = 0; k < m->n_items && r >= 0; k++)
			if (!m->is_index || !oci_graph_find(&t->graph, &m->items[k].digest))
				r = need(p, &m->items[k], target, err);
	}
	return r;
}

/* By digest; of one digest, the last target first: it is the one that has everything. */
static int by_digest(const void *pa, const void *pb)
{
	const struct need *a = pa, *b = pb;
	int c = strcmp(a->d->digest.text, b->d->digest.text);

	return c ? c : (a->target < b->target) - (a->target > b->target);
}

static int largest_first(const void *pa, const void *pb)
{
	const struct work *a = pa, *b = pb;

	if (a->d->size != b->d->size)
		return a->d->size < b->d->size ? 1 : -1;
	return strcmp(a->d->digest.text, b->d->digest.text);
}

static int list_work(struct push *p, struct eb_error **err)
{
	int r = 0;

	for (size_t i = 0; i < p->n_targets && r >= 0; i++)
		r = need_all(p, i, err);
	if (r < 0 || p->n_needs == 0)
		return r;
	qsort(p->needs, p->n_needs, sizeof(*p->needs), by_digest);
	p->work = eb_xcalloc(p->n_needs, sizeof(*p->work));
	for (size_t i = 0; i < p->n_needs; i++) {
		struct work *last = p->n_work ? &p->work[p->n_work - 1] : NULL;

		if (last && oci_digest_eq(&last->d->digest, &p->needs[i].d->digest))
			last->n++;
		else
			p->work[p->n_work++] = (struct work){ p->needs[i].d, i, 1 };
	}
	qsort(p->work, p->n_work, sizeof(*p->work), largest_first);
	return 0;
}

/* ---- blobs ---- */

static int open_blob(void *ctx, const struct oci_descriptor *d, uint64_t offset,
		     struct eb_reader **ret, struct eb_error **err)
{
	const struct push *p = ctx;

	return p->src->blob(p->src->ctx, d, offset, ret, err);
}

static void count_blob(struct push *p, const struct oci_descriptor *d, size_t *count, uint64_t sent)
{
	pthread_mutex_lock(&p->lock);
	(*count)++;
	p->res.bytes_sent += sent;
	pthread_mutex_unlock(&p->lock);
	eb_progress_advance(p->o->progress, p->task, d->size);
}

static int put_blob(struct push *p, const struct oci_descriptor *d, const char *repo,
		    const char *from, struct eb_error **err)
{
	struct oci_blob_source source = { p, open_blob };
	struct oci_upload_result res = { .mounted = false };
	int r;

	if (p->o->plan) {
		count_blob(p, d, from ? &p->res.blobs_mounted : &p->res.blobs_sent,
			   from ? 0 : d->size);
		return 0;
	}
	r = oci_registry_put_blob(p->registry, repo, d, from, &source, &res, err);
	if (r < 0)
		return r;
	if (res.mounted)
		count_blob(p, d, &p->res.blobs_mounted, 0);
	else
		count_blob(p, d, &p->res.blobs_sent, d->size);
	return 0;
}

/* Several targets may be in one repository. */
static bool had_before(const struct push *p, const struct work *w, size_t i)
{
	const char *repo = p->targets[p->needs[w->first + i].target].t->repo;

	for (size_t k = 0; k < i; k++)
		if (strcmp(p->targets[p->needs[w->first + k].target].t->repo, repo) == 0)
			return true;
	return false;
}

/* What the caller knows of a blob that the first repository lacks. */
static const char *mount_from(const struct push *p, const struct oci_push_target *home,
			      const struct oci_descriptor *d)
{
	const char *from = home->from_repo;

	if (!from && p->o->where)
		from = p->o->where(p->o->where_ctx, &d->digest);
	return from && strcmp(from, home->repo) != 0 ? from : NULL;
}

static int work_at(void *ctx, size_t i, struct eb_error **err)
{
	struct push *p = ctx;
	const struct work *w = &p->work[i];
	const struct oci_push_target *home = p->targets[p->needs[w->first].target].t;
	struct eb_error *e = NULL;
	int r = -EB_E_NOT_FOUND;

	/* Mounting answers as fast as asking whether it is there. */
	if (!home->from_repo)
		r = oci_registry_has_blob(p->registry, home->repo, w->d, &e);
	if (r >= 0) {
		count_blob(p, w->d, &p->res.blobs_there, 0);
	} else if (r == -EB_E_NOT_FOUND) {
		eb_error_free(e);
		r = put_blob(p, w->d, home->repo, mount_from(p, home, w->d), err);
	} else {
		r = eb_error_forward(err, e);
	}
	for (size_t k = 1; k < w->n && r >= 0; k++)
		if (had_before(p, w, k))
			eb_progress_advance(p->o->progress, p->task, w->d->size);
		else
			r = put_blob(p, w->d, p->targets[p->needs[w->first + k].target].t->repo,
				     home->repo, err);
	/* The image that holds it, rather than the bundle. */
	return r < 0 ? eb_prefix(err, r, "image %s",
				 p->targets[p->needs[w->first + w->n - 1].target].t->name)
		     : 0;
}

static int work_one(void *ctx, size_t i, struct eb_error **err)
{
	return through_gate(ctx, work_at, i, err);
}

static int send_blobs(struct push *p, struct eb_error **err)
{
	uint64_t total = 0;
	int r;

	for (size_t i = 0; i < p->n_work; i++)
		total += p->work[i].d->size * p->work[i].n;
	p->task = eb_progress_start(p->o->progress, p->o->plan ? "look" : "push", EB_UNIT_BYTES,
				    total);
	r = eb_pool_map(p->o->pool, p->n_work, work_one, p, err);
	eb_progress_finish(p->o->progress, p->task);
	return r;
}

/* ---- documents ---- */

static int remember_referrer(struct push *p, struct put put, struct eb_error **err)
{
	int r;

	pthread_mutex_lock(&p->lock);
	r = eb_grow(&p->refer, &p->alloc_refer, p->n_refer + 1, sizeof(*p->refer), MAX_WORK,
		    "referrers", err);
	if (r >= 0)
		p->refer[p->n_refer++] = put;
	pthread_mutex_unlock(&p->lock);
	return r;
}

static int put_at(void *ctx, size_t i, struct eb_error **err)
{
	struct push *p = ctx;
	struct put put = p->puts[i];
	const struct target *t = &p->targets[put.target];
	const struct oci_node *n = &t->graph.nodes[put.node];
	bool is_root = put.node + 1 == t->graph.n_nodes, noted = true;
	const char *version = is_root && t->t->tag ? t->t->tag : n->desc.digest.text;
	int r = oci_registry_put_manifest(p->registry, t->t->repo, version, &n->desc, n->text,
					  &noted, err);

	if (r >= 0 && n->doc.subject && !noted)
		r = remember_referrer(p, put, err);
	return r < 0 ? eb_prefix(err, r, "image %s", t->t->name) : 0;
}

static int put_one(void *ctx, size_t i, struct eb_error **err)
{
	return through_gate(ctx, put_at, i, err);
}

/* All documents of one level of the targets first..last-1. */
static int put_level(struct push *p, size_t first, size_t last, unsigned int level,
		     struct eb_error **err)
{
	int r;

	p->n_puts = 0;
	for (size_t i = first; i < last; i++)
		for (size_t k = 0; !p->targets[i].t->there && k < p->targets[i].graph.n_nodes; k++)
			if (p->targets[i].graph.nodes[k].level == level && !p->targets[i].kept[k])
				p->puts[p->n_puts++] = (struct put){ i, k };
	p->res.documents += p->n_puts;
	if (p->o->plan)
		return 0;
	r = eb_pool_map(p->o->pool, p->n_puts, put_one, p, err);
	return r;
}

static int put_documents(struct push *p, size_t first, size_t last, struct eb_error **err)
{
	int r = 0;

	for (unsigned int level = 0; level <= OCI_GRAPH_MAX_DEPTH && r >= 0; level++)
		r = put_level(p, first, last, level, err);
	return r;
}

/* An entry of the list of referrers: with the type and all annotations of the document. */
static void referrer_entry(const struct oci_node *n, struct oci_descriptor *ret)
{
	const char *type = n->doc.artifact_type ? n->doc.artifact_type
			   : n->doc.is_index	? NULL
						: n->doc.config.media_type;

	*ret = (struct oci_descriptor){ .media_type = eb_xstrdup(n->desc.media_type),
					.digest = n->desc.digest,
					.size = n->desc.size,
					.artifact_type = type ? eb_xstrdup(type) : NULL };
	ret->annotations = n->doc.annotations ? json_deep_copy(n->doc.annotations) : NULL;
}

/* One write per subject and repository. */
static int write_referrers(struct push *p, struct eb_error **err)
{
	autofree struct oci_descriptor *list = eb_xcalloc(p->n_refer + 1, sizeof(*list));
	int r = 0;

	for (size_t i = 0; i < p->n_refer && r >= 0; i++) {
		const struct target *t = &p->targets[p->refer[i].target];
		const struct oci_node *n = &t->graph.nodes[p->refer[i].node];
		bool done = false;
		size_t count = 0;

		for (size_t k = 0; k < p->n_refer; k++) {
			const struct target *u = &p->targets[p->refer[k].target];
			const struct oci_node *m = &u->graph.nodes[p->refer[k].node];

			if (strcmp(u->t->repo, t->t->repo) != 0 ||
			    !oci_digest_eq(&m->doc.subject->digest, &n->doc.subject->digest))
				continue;
			done |= k < i;
			referrer_entry(m, &list[count++]);
		}
		if (!done)
			r = oci_registry_add_referrers(p->registry, t->t->repo,
						       &n->doc.subject->digest, list, count, err);
		while (count > 0)
			oci_descriptor_release(&list[--count]);
	}
	return r;
}

static int run(struct push *p, struct eb_error **err)
{
	size_t nodes = 0;
	int r = eb_pool_map(p->o->pool, p->n_targets, look_one, p, err);

	if (r >= 0)
		r = list_work(p, err);
	if (r >= 0)
		r = send_blobs(p, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < p->n_targets; i++) {
		nodes += p->targets[i].graph.n_nodes;
		p->res.targets_there += p->targets[i].t->there;
	}
	p->puts = eb_xcalloc(nodes + 1, sizeof(*p->puts));
	r = put_documents(p, 0, p->n_targets - 1, err);
	if (r >= 0)
		r = put_documents(p, p->n_targets - 1, p->n_targets, err);
	return r < 0 ? r : write_referrers(p, err);
}

int oci_push(struct oci_registry *r, const struct oci_source *src, struct oci_push_target *targets,
	     size_t n, const struct oci_push_options *o, struct oci_push_result *ret,
	     struct eb_error **err)
{
	EB_CLEANUP(push_release_p) struct push p = { .registry = r, .src = src, .o = o };
	int e;

	pthread_mutex_init(&p.lock, NULL);
	p.targets = eb_xcalloc(n + 1, sizeof(*p.targets));
	p.n_targets = n;
	for (size_t i = 0; i < n; i++) {
		targets[i].there = false;
		p.targets[i].t = &targets[i];
	}
	e = n ? run(&p, err) : 0;
	if (e >= 0)
		*ret = p.res;
	return e;
}
