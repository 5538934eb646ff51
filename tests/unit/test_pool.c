#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/pool.h"
#include "testlib.h"

static void nap(long usec)
{
	struct timespec t = { 0, usec * 1000 };

	nanosleep(&t, NULL);
}

/* ---- map ---- */

struct marks {
	atomic_int seen[1000];
	size_t fail_a, fail_b; /* indexes that fail */
};

static int mark(void *ctx, size_t i, struct eb_error **err)
{
	struct marks *m = ctx;

	atomic_fetch_add(&m->seen[i], 1);
	if (i == m->fail_a) {
		nap(3000); /* the smaller index fails later in time */
		return eb_throw(err, EB_E_FORMAT, "item %zu is bad", i);
	}
	if (i == m->fail_b)
		return eb_throw(err, EB_E_LIMIT, "item %zu is bad", i);
	if (i > m->fail_b)
		nap(1000); /* or all would be done while a failing thread waits for its CPU */
	return 0;
}

TEST(pool, map_visits_every_index_once)
{
	autoerror struct eb_error *e = NULL;
	const unsigned int sizes[] = { 1, 2, 7 };

	for (size_t k = 0; k < EB_ARRAY_LEN(sizes); k++) {
		EB_CLEANUP(eb_pool_free_p) struct eb_pool *p = eb_pool_new(sizes[k]);
		autofree struct marks *m = eb_xcalloc(1, sizeof(*m));

		m->fail_a = m->fail_b = SIZE_MAX;
		CHECK_INT(eb_pool_size(p), sizes[k]);
		CHECK(eb_pool_threads(p) >= 1 && eb_pool_threads(p) <= sizes[k]);
		CHECK_OK(eb_pool_map(p, 0, mark, m, &e), e);
		CHECK_OK(eb_pool_map(p, 1000, mark, m, &e), e);
		for (size_t i = 0; i < 1000; i++)
			CHECK_INT(m->seen[i], 1);
	}
}

TEST(pool, map_reports_failure_of_smallest_index)
{
	const unsigned int sizes[] = { 1, 2, 7 };

	for (size_t k = 0; k < EB_ARRAY_LEN(sizes); k++) {
		EB_CLEANUP(eb_pool_free_p) struct eb_pool *p = eb_pool_new(sizes[k]);
		autofree struct marks *m = eb_xcalloc(1, sizeof(*m));
		autoerror struct eb_error *e = NULL;

		m->fail_a = 10;
		m->fail_b = 11;
		CHECK_FAIL(eb_pool_map(p, 1000, mark, m, &e), EB_E_FORMAT, "item 10 is bad", e);
		CHECK_INT(m->seen[999], 0);
		CHECK_INT(eb_pool_map(p, 1000, mark, m, NULL), -EB_E_FORMAT);
	}
}

struct nest {
	struct eb_pool *pool;
	int depth;
	atomic_int *leaves;
};

static int nested(void *ctx, size_t i, struct eb_error **err)
{
	struct nest *up = ctx, down = { up->pool, up->depth - 1, up->leaves };

	(void)i;
	if (up->depth == 0) {
		atomic_fetch_add(up->leaves, 1);
		return 0;
	}
	return eb_pool_map(up->pool, 4, nested, &down, err);
}

TEST(pool, map_nested_in_itself_ends)
{
	EB_CLEANUP(eb_pool_free_p) struct eb_pool *p = eb_pool_new(3);
	autoerror struct eb_error *e = NULL;
	atomic_int leaves = 0;
	struct nest top = { p, 5, &leaves };

	for (int round = 0; round < 20; round++)
		CHECK_OK(eb_pool_map(p, 4, nested, &top, &e), e);
	CHECK_INT(leaves, 20 * 4096);
}

/* ---- pipe ---- */

struct flow {
	pthread_mutex_t lock;
	struct eb_pool *pool;
	int next;	/* what sink must see */
	int live, most; /* items between push and sink or drop */
	int worked, sunk, dropped;
	int in_sink;
	int fail_work, fail_sink; /* item that fails, -1 = none */
	bool nest, disorder;
};

struct item {
	int id;
	bool worked;
};

static int flow_work(void *ctx, void *item, struct eb_error **err)
{
	struct flow *f = ctx;
	struct item *it = item;

	nap((it->id * 7919) % 400);
	pthread_mutex_lock(&f->lock);
	f->worked++;
	if (it->worked)
		f->disorder = true;
	it->worked = true;
	pthread_mutex_unlock(&f->lock);
	if (f->nest) {
		atomic_int leaves = 0;
		struct nest top = { f->pool, 1, &leaves };

		return eb_pool_map(f->pool, 3, nested, &top, err);
	}
	if (it->id == f->fail_work)
		return eb_throw(err, EB_E_FORMAT, "item %d does not work", it->id);
	return 0;
}

static int flow_sink(void *ctx, void *item, struct eb_error **err)
{
	struct flow *f = ctx;
	struct item *it = item;
	int c = 0;

	pthread_mutex_lock(&f->lock);
	if (f->in_sink++ || it->id != f->next++ || !it->worked)
		f->disorder = true;
	pthread_mutex_unlock(&f->lock);
	if (it->id % 16 == 0)
		nap(300);
	if (it->id == f->fail_sink)
		c = eb_throw(err, ENOSPC, "item %d does not fit", it->id);
	pthread_mutex_lock(&f->lock);
	f->in_sink--;
	f->sunk++;
	f->live--;
	pthread_mutex_unlock(&f->lock);
	free(it);
	return c;
}

static void flow_drop(void *ctx, void *item)
{
	struct flow *f = ctx;

	pthread_mutex_lock(&f->lock);
	f->dropped++;
	f->live--;
	pthread_mutex_unlock(&f->lock);
	free(item);
}

static const struct eb_pipe_ops flow_ops = { flow_work, flow_sink, flow_drop };

/* Push n items; the result of the first failing push, or of finish. */
static int flow_run(struct flow *f, struct eb_pipe *q, int n, int *ret_pushed,
		    struct eb_error **err)
{
	for (*ret_pushed = 0; *ret_pushed < n;) {
		struct item *it = eb_xcalloc(1, sizeof(*it));
		int c;

		it->id = *ret_pushed;
		pthread_mutex_lock(&f->lock);
		if (++f->live > f->most)
			f->most = f->live;
		pthread_mutex_unlock(&f->lock);
		++*ret_pushed;
		c = eb_pipe_push(q, it, err);
		if (c < 0)
			return c;
	}
	return eb_pipe_finish(q, err);
}

#define FLOW(pool_)                                                                                \
	{                                                                                          \
		.lock = PTHREAD_MUTEX_INITIALIZER, .pool = (pool_), .fail_work = -1,               \
		.fail_sink = -1                                                                    \
	}

TEST(pool, pipe_sinks_in_order_within_depth)
{
	const unsigned int sizes[] = { 1, 2, 7 }, depths[] = { 1, 2, 3, 9 };

	for (size_t k = 0; k < EB_ARRAY_LEN(sizes) * EB_ARRAY_LEN(depths); k++) {
		unsigned int depth = depths[k / EB_ARRAY_LEN(sizes)];
		EB_CLEANUP(eb_pool_free_p)
		struct eb_pool *p = eb_pool_new(sizes[k % EB_ARRAY_LEN(sizes)]);
		autoerror struct eb_error *e = NULL;
		struct flow f = FLOW(p);
		EB_CLEANUP(eb_pipe_free_p)
		struct eb_pipe *q = eb_pipe_new(p, depth, &flow_ops, &f);
		int pushed;

		CHECK_OK(flow_run(&f, q, 200, &pushed, &e), e);
		CHECK_INT(f.sunk, 200);
		CHECK_INT(f.worked, 200);
		CHECK_INT(f.dropped, 0);
		CHECK(!f.disorder);
		CHECK(f.most <= (int)depth);
	}
}

TEST(pool, pipe_work_failure_comes_after_everything_before_it)
{
	const unsigned int sizes[] = { 1, 2, 7 };

	for (size_t k = 0; k < EB_ARRAY_LEN(sizes); k++) {
		EB_CLEANUP(eb_pool_free_p) struct eb_pool *p = eb_pool_new(sizes[k]);
		autoerror struct eb_error *e = NULL;
		struct flow f = FLOW(p);
		struct eb_pipe *q = eb_pipe_new(p, 5, &flow_ops, &f);
		int pushed;

		f.fail_work = 50;
		CHECK_FAIL(flow_run(&f, q, 200, &pushed, &e), EB_E_FORMAT, "item 50 does not work",
			   e);
		CHECK(pushed < 200);
		CHECK_INT(f.sunk, 50);
		CHECK_FAIL(eb_pipe_finish(q, &e), EB_E_FORMAT, "item 50 does not work", e);
		q = eb_pipe_free(q);
		CHECK_INT(f.live, 0);
		CHECK_INT(f.sunk + f.dropped, pushed);
		CHECK(!f.disorder);
	}
}

TEST(pool, pipe_sink_failure_stops_the_rest)
{
	const unsigned int sizes[] = { 1, 2, 7 };

	for (size_t k = 0; k < EB_ARRAY_LEN(sizes); k++) {
		EB_CLEANUP(eb_pool_free_p) struct eb_pool *p = eb_pool_new(sizes[k]);
		autoerror struct eb_error *e = NULL;
		struct flow f = FLOW(p);
		struct eb_pipe *q = eb_pipe_new(p, 4, &flow_ops, &f);
		int pushed;

		f.fail_sink = 31;
		CHECK_FAIL(flow_run(&f, q, 200, &pushed, &e), ENOSPC, "item 31 does not fit", e);
		q = eb_pipe_free(q);
		CHECK_INT(f.sunk, 32);
		CHECK_INT(f.live, 0);
		CHECK_INT(f.sunk + f.dropped, pushed);
	}
}

TEST(pool, pipe_freed_early_drops_what_is_left)
{
	EB_CLEANUP(eb_pool_free_p) struct eb_pool *p = eb_pool_new(3);
	autoerror struct eb_error *e = NULL;
	struct flow f = FLOW(p);
	struct eb_pipe *q = eb_pipe_new(p, 8, &flow_ops, &f);

	for (int i = 0; i < 6; i++) {
		struct item *it = eb_xcalloc(1, sizeof(*it));

		it->id = i;
		f.live++;
		CHECK_OK(eb_pipe_push(q, it, &e), e);
	}
	q = eb_pipe_free(q);
	CHECK_INT(f.sunk + f.dropped, 6);
}

static int whole_flow(void *ctx, size_t i, struct eb_error **err)
{
	struct eb_pool *p = ctx;
	struct flow f = FLOW(p);
	EB_CLEANUP(eb_pipe_free_p) struct eb_pipe *q = eb_pipe_new(p, 3, &flow_ops, &f);
	int pushed, c;

	f.nest = i % 2;
	c = flow_run(&f, q, 40, &pushed, err);
	if (c == 0 && (f.disorder || f.sunk != 40))
		return eb_throw(err, EB_E_CONFLICT, "flow %zu in disorder", i);
	return c;
}

TEST(pool, pipes_inside_a_map_end)
{
	const unsigned int sizes[] = { 1, 2, 5 };

	for (size_t k = 0; k < EB_ARRAY_LEN(sizes); k++) {
		EB_CLEANUP(eb_pool_free_p) struct eb_pool *p = eb_pool_new(sizes[k]);
		autoerror struct eb_error *e = NULL;

		CHECK_OK(eb_pool_map(p, 8, whole_flow, p, &e), e);
	}
}

/* ---- what goes first ---- */

struct turns {
	struct eb_pool *pool;
	atomic_int stage; /* 1 = an item is in the pipe, 2 = something was begun after it */
	atomic_int first; /* what that was: 'p' or 'm' */
};

static void begun(struct turns *t, int what)
{
	int none = 0;

	atomic_compare_exchange_strong(&t->first, &none, what);
	atomic_store(&t->stage, 2);
}

static int turns_work(void *ctx, void *item, struct eb_error **err)
{
	(void)item;
	(void)err;
	begun(ctx, 'p');
	return 0;
}

static int turns_sink(void *ctx, void *item, struct eb_error **err)
{
	(void)ctx;
	(void)item;
	(void)err;
	return 0;
}

static void turns_drop(void *ctx, void *item)
{
	(void)ctx;
	(void)item;
}

static int turns_fn(void *ctx, size_t i, struct eb_error **err)
{
	static const struct eb_pipe_ops ops = { turns_work, turns_sink, turns_drop };
	struct turns *t = ctx;
	EB_CLEANUP(eb_pipe_free_p) struct eb_pipe *q = NULL;
	int r;

	if (i == 2)
		begun(t, 'm');
	while (i == 1 && atomic_load(&t->stage) < 1)
		nap(100);
	if (i > 0)
		return 0;
	q = eb_pipe_new(t->pool, 4, &ops, t);
	r = eb_pipe_push(q, t, err);
	atomic_store(&t->stage, 1);
	while (r >= 0 && atomic_load(&t->stage) < 2)
		nap(100);
	return r < 0 ? r : eb_pipe_finish(q, err);
}

TEST(pool, item_of_a_pipe_goes_before_the_next_index_of_a_map)
{
	EB_CLEANUP(eb_pool_free_p) struct eb_pool *p = eb_pool_new(2);
	struct turns t = { .pool = p };
	autoerror struct eb_error *e = NULL;

	if (eb_pool_threads(p) < 2)
		return;
	CHECK_OK(eb_pool_map(p, 3, turns_fn, &t, &e), e);
	CHECK_INT(t.first, 'p');
}
