#include "mirror/send.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/progress.h"
#include "mirror/mux.h"

enum {
	/* Images of one push: many, to send what they share once and to have all connections busy
	 * to the end; not all, because tags appear when all blobs are there. */
	BATCH = 64,
};

struct send {
	const struct mir_list *l;
	const struct mir_net *net;
	struct oci_registry *registry;
	const struct mir_send_options *o;
	struct oci_push_result *res;
	struct mir_mux *mux; /* of all that was sent so far */
	/* What the pushes show: not those that have nothing to send. */
	struct eb_progress progress;
};

void mir_mux_add_items(struct mir_mux *m, struct mir_item *const *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct mir_item *it = items[i];

		mir_mux_add(m, &it->root.digest, &it->origin->source, it->text, it->repo);
		for (size_t k = 0; k < it->n_attached; k++)
			mir_mux_add(m, &it->attached[k].desc.digest, &it->origin->source, NULL,
				    it->repo);
	}
}

/* ---- progress ---- */

static struct send *of_progress(struct eb_progress *p)
{
	return (struct send *)(void *)((char *)p - offsetof(struct send, progress));
}

static unsigned int started(struct eb_progress *p, const char *name, enum eb_unit unit,
			    uint64_t total)
{
	if (total == 0)
		return 0;
	return eb_progress_start(of_progress(p)->net->progress, name, unit, total);
}

static void advanced(struct eb_progress *p, unsigned int task, uint64_t by)
{
	if (task)
		eb_progress_advance(of_progress(p)->net->progress, task, by);
}

static void finished(struct eb_progress *p, unsigned int task)
{
	if (task)
		eb_progress_finish(of_progress(p)->net->progress, task);
}

static void said(struct eb_progress *p, const char *line)
{
	eb_progress_message(of_progress(p)->net->progress, "%s", line);
}

static const struct eb_progress_ops progress_ops = { started, advanced, finished, said };

/* ---- one push ---- */

static void sum_up(struct oci_push_result *to, const struct oci_push_result *r)
{
	to->targets_there += r->targets_there;
	to->documents += r->documents;
	to->blobs_there += r->blobs_there;
	to->blobs_mounted += r->blobs_mounted;
	to->blobs_sent += r->blobs_sent;
	to->bytes_sent += r->bytes_sent;
}

/* Where the registry may have its blobs already, because they come from there. */
static const char *mount_from(const struct send *s, const struct mir_item *it)
{
	const struct mir_origin *o = it->origin;

	if (o->registry && strcmp(oci_registry_host(o->registry), s->l->to.ref.host) == 0)
		return o->repository.repo;
	return NULL;
}

static size_t add_attached(const struct send *s, const struct mir_item *it,
			   struct oci_push_target *to)
{
	for (size_t k = 0; k < it->n_attached; k++)
		to[k] = (struct oci_push_target){ .repo = it->repo,
						  .tag = it->attached[k].tag,
						  .root = it->attached[k].desc,
						  .name = it->to,
						  .from_repo = mount_from(s, it) };
	return it->n_attached;
}

static struct oci_push_target root_target(const struct send *s, const struct mir_item *it)
{
	return (struct oci_push_target){ .repo = it->repo,
					 .tag = it->to_tag,
					 .root = it->root,
					 .name = it->to,
					 .from_repo = mount_from(s, it) };
}

/* A repository that got this blob from an earlier push. */
static const char *sent_to(void *ctx, const struct oci_digest *d)
{
	return mir_mux_repo(ctx, d);
}

/* What hangs on the images first, then the images: whoever sees a tag can check its signature. */
static int push(struct send *s, struct mir_mux *mux, struct mir_item *const *items, size_t n,
		struct eb_error **err)
{
	const struct oci_source all = mir_mux_source(mux);
	/* A sparse index comes alone: others may need what it leaves out. */
	struct mir_view view = { &all, items[0] };
	const struct oci_source src = mir_view_source(&view);
	const struct oci_push_options o = { .pool = s->net->pool,
					    .progress = &s->progress,
					    .plan = s->o->plan,
					    .where = sent_to,
					    .where_ctx = s->mux };
	autofree struct oci_push_target *attached = NULL, *roots = NULL;
	struct oci_push_result a = { .documents = 0 }, b = { .documents = 0 };
	size_t n_attached = 0;
	int r;

	mir_mux_add_items(mux, items, n);
	for (size_t i = 0; i < n; i++)
		n_attached += items[i]->n_attached;
	attached = eb_xcalloc(n_attached + 1, sizeof(*attached));
	roots = eb_xcalloc(n + 1, sizeof(*roots));
	n_attached = 0;
	for (size_t i = 0; i < n; i++) {
		n_attached += add_attached(s, items[i], &attached[n_attached]);
		roots[i] = root_target(s, items[i]);
	}
	r = oci_push(s->registry, &src, attached, n_attached, &o, &a, err);
	if (r < 0)
		return r;
	r = oci_push(s->registry, &src, roots, n, &o, &b, err);
	if (r < 0 && items[0]->n_absent)
		return eb_hint(err, r,
			       "not every registry takes a sparse index; without 'sparse' an index "
			       "of its own is made");
	if (r < 0)
		return r;
	sum_up(s->res, &a);
	sum_up(s->res, &b);
	n_attached = 0;
	for (size_t i = 0; i < n; i++) {
		bool there = roots[i].there;

		for (size_t k = 0; k < items[i]->n_attached; k++)
			there &= attached[n_attached++].there;
		items[i]->status = there ? MIR_THERE : s->o->plan ? MIR_MISSING : MIR_DONE;
	}
	return 0;
}

/* One after the other, to find those that fail. *ret_stop: the rest would fail as well. */
static void push_each(struct send *s, struct mir_item *const *items, size_t n, bool *ret_stop)
{
	for (size_t i = 0; i < n; i++) {
		/* Not the common one: it may know a blob from where it cannot be had. */
		EB_CLEANUP(mir_mux_free_p) struct mir_mux *mux = mir_mux_new();
		struct eb_error *e = NULL, *gone = NULL;

		if (push(s, mux, &items[i], 1, &e) >= 0)
			continue;
		if (e->code == EB_E_NETWORK && oci_registry_ping(s->registry, &gone) < 0) {
			for (size_t k = i; k < n; k++)
				mir_item_fail_as(items[k], gone);
			*ret_stop = true;
		}
		eb_error_free(gone);
		if (items[i]->status == MIR_FAILED)
			eb_error_free(e);
		else
			mir_item_fail(items[i], e);
		*ret_stop |= s->o->fail_fast;
		if (*ret_stop)
			return;
	}
}

/* ---- all of them ---- */

static size_t missing(const struct mir_items *items, struct mir_item **ret)
{
	size_t n = 0;

	for (size_t i = 0; i < items->n; i++)
		if (items->items[i].status == MIR_MISSING)
			ret[n++] = &items->items[i];
	return n;
}

/* How many of the n go together. */
static size_t batch(const struct send *s, struct mir_item *const *items, size_t n)
{
	size_t most = s->o->plan || n < BATCH ? n : BATCH;

	for (size_t i = 0; i < most; i++)
		if (items[i]->n_absent)
			return i ? i : 1;
	return most;
}

static int send_to_registry(struct send *s, struct mir_items *items, struct eb_error **err)
{
	autofree struct mir_item **todo = eb_xcalloc(items->n + 1, sizeof(struct mir_item *));
	size_t n = missing(items, todo), now;
	bool stop = false;
	int r = 0;

	for (size_t i = 0; i < n && r >= 0 && !stop; i += now) {
		struct eb_error *e = NULL;

		now = batch(s, &todo[i], n - i);

		if (push(s, s->mux, &todo[i], now, &e) < 0) {
			if (now > 1 && !s->o->fail_fast)
				push_each(s, &todo[i], now, &stop);
			else
				mir_item_fail(todo[i], EB_TAKE_PTR(e));
			stop |= s->o->fail_fast;
		}
		eb_error_free(e);
		mir_mux_settle(s->mux);
		if (!s->o->plan && s->o->done)
			r = s->o->done(s->o->ctx, err);
	}
	return r;
}

int mir_send(const struct mir_list *l, const struct mir_net *net, struct oci_registry *registry,
	     struct mir_items *items, const struct mir_send_options *o, struct oci_push_result *ret,
	     struct eb_error **err)
{
	EB_CLEANUP(mir_mux_free_p) struct mir_mux *mux = mir_mux_new();
	struct send s = { .l = l,
			  .mux = mux,
			  .net = net,
			  .registry = registry,
			  .o = o,
			  .res = ret,
			  .progress = { &progress_ops } };

	*ret = (struct oci_push_result){ .documents = 0 };
	if (l->to.kind != MIR_TO_REGISTRY)
		return mir_send_layout(l, net, items, o, ret, err);
	return send_to_registry(&s, items, err);
}
