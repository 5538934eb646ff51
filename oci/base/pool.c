/* The threads. One lock guards all state of a pool and of the maps and pipes that run on it: units
 * of work are files and blocks, milliseconds each, so the lock is never what anybody waits for.
 *
 * A job (a map or a pipe) stands in the pool's list while it has units to hand out; an idle thread
 * claims a unit from the first job that has one. Pipes stand before maps there: what has begun goes
 * on before something new begins, or memory would go by how much is begun. Whoever starts a job
 * works on that job only and waits for that job only, so waiting follows the nesting of calls and
 * cannot go round in a circle. */
#include "base/pool.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"

enum { POOL_MAX_THREADS = 256, THREAD_STACK_BYTES = 2 * 1024 * 1024 };

struct job {
	struct job *next, *prev; /* in the pool's ring */
	bool listed, first;	 /* first: before those that are not */
	/* With the lock held: take a unit (*ret) or say that there is none now. */
	bool (*claim)(struct job *j, size_t *ret);
	/* Without the lock; takes it at its end to record the result. */
	void (*run)(struct job *j, size_t unit);
};

struct eb_pool {
	pthread_mutex_t lock;
	pthread_cond_t work; /* a job got units, or the end: for idle threads */
	pthread_cond_t news; /* a unit or a sink ended: for those who started a job */
	struct job jobs;     /* head of the ring */
	bool stop;
	size_t pipes;	   /* that there are */
	size_t unworked;   /* items of all pipes that were pushed and whose work has not ended */
	unsigned int size; /* with the caller */
	unsigned int started;
	pthread_t *threads;
};

static void lock(struct eb_pool *p)
{
	int c = pthread_mutex_lock(&p->lock);

	assert(c == 0);
	(void)c;
}

static void unlock(struct eb_pool *p)
{
	int c = pthread_mutex_unlock(&p->lock);

	assert(c == 0);
	(void)c;
}

static void job_list(struct eb_pool *p, struct job *j)
{
	struct job *before = &p->jobs;

	if (j->listed)
		return;
	if (j->first)
		for (before = p->jobs.next; before != &p->jobs && before->first;)
			before = before->next;
	j->prev = before->prev;
	j->next = before;
	j->prev->next = j;
	j->next->prev = j;
	j->listed = true;
}

static void job_unlist(struct job *j)
{
	if (!j->listed)
		return;
	j->prev->next = j->next;
	j->next->prev = j->prev;
	j->listed = false;
}

static struct job *claim_any(struct eb_pool *p, size_t *ret_unit)
{
	for (struct job *j = p->jobs.next; j != &p->jobs; j = j->next)
		if (j->claim(j, ret_unit))
			return j;
	return NULL;
}

static void *thread_main(void *arg)
{
	struct eb_pool *p = arg;

	lock(p);
	while (!p->stop) {
		size_t unit;
		struct job *j = claim_any(p, &unit);

		if (!j) {
			pthread_cond_wait(&p->work, &p->lock);
			continue;
		}
		unlock(p);
		j->run(j, unit);
		lock(p);
	}
	unlock(p);
	return NULL;
}

struct eb_pool *eb_pool_new(unsigned int n)
{
	struct eb_pool *p = eb_xcalloc(1, sizeof(*p));
	sigset_t all, before;
	pthread_attr_t attr;

	if (n == 0) {
		long online = sysconf(_SC_NPROCESSORS_ONLN);

		n = online > 0 ? (unsigned int)online : 1;
	}
	p->size = n > POOL_MAX_THREADS ? POOL_MAX_THREADS : n;
	p->jobs.next = p->jobs.prev = &p->jobs;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->news, NULL);
	p->threads = eb_xcalloc(p->size, sizeof(*p->threads));
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, THREAD_STACK_BYTES);
	/* Signals are for the program's own thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	/* A machine that refuses more threads makes the pool slower, not wrong. */
	while (p->started + 1 < p->size &&
	       pthread_create(&p->threads[p->started], &attr, thread_main, p) == 0)
		p->started++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return p;
}

struct eb_pool *eb_pool_free(struct eb_pool *p)
{
	if (!p)
		return NULL;
	lock(p);
	assert(p->jobs.next == &p->jobs);
	p->stop = true;
	pthread_cond_broadcast(&p->work);
	unlock(p);
	for (unsigned int i = 0; i < p->started; i++)
		pthread_join(p->threads[i], NULL);
	pthread_cond_destroy(&p->news);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p->threads);
	free(p);
	return NULL;
}

unsigned int eb_pool_size(const struct eb_pool *p)
{
	return p->size;
}

unsigned int eb_pool_threads(const struct eb_pool *p)
{
	return p->started + 1;
}

/* ---- map ---- */

struct map {
	struct job job;
	struct eb_pool *pool;
	eb_pool_fn fn;
	void *ctx;
	size_t n, next;	 /* next = first index not handed out */
	size_t running;	 /* units being worked on */
	size_t failed;	 /* smallest index that failed, SIZE_MAX = none */
	int code;	 /* of that index */
	bool want_error; /* the caller gave an err */
	struct eb_error *error;
};

static bool map_claim(struct job *j, size_t *ret)
{
	struct map *m = (struct map *)j;

	if (m->next >= m->n || m->failed != SIZE_MAX) {
		job_unlist(j);
		return false;
	}
	*ret = m->next++;
	m->running++;
	return true;
}

static void map_run(struct job *j, size_t unit)
{
	struct map *m = (struct map *)j;
	struct eb_pool *pool = m->pool; /* m is gone once running is 0 and the lock is free */
	struct eb_error *e = NULL;
	int c = m->fn(m->ctx, unit, m->want_error ? &e : NULL);

	lock(pool);
	if (c < 0 && unit < m->failed) {
		struct eb_error *old = m->error;

		m->failed = unit;
		m->code = c;
		m->error = e;
		e = old;
	}
	m->running--;
	if (m->running == 0)
		pthread_cond_broadcast(&pool->news);
	unlock(pool);
	eb_error_free(e);
}

int eb_pool_map(struct eb_pool *p, size_t n, eb_pool_fn fn, void *ctx, struct eb_error **err)
{
	struct map m = { .job = { .claim = map_claim, .run = map_run },
			 .pool = p,
			 .fn = fn,
			 .ctx = ctx,
			 .n = n,
			 .failed = SIZE_MAX,
			 .want_error = err != NULL };
	size_t unit;

	if (n == 0)
		return 0;
	lock(p);
	if (n > 1 && p->started > 0) {
		job_list(p, &m.job);
		pthread_cond_broadcast(&p->work);
	}
	while (map_claim(&m.job, &unit)) {
		unlock(p);
		map_run(&m.job, unit);
		lock(p);
	}
	while (m.running > 0)
		pthread_cond_wait(&p->news, &p->lock);
	job_unlist(&m.job);
	unlock(p);
	if (m.failed == SIZE_MAX)
		return 0;
	return m.error ? eb_error_forward(err, m.error) : m.code;
}

/* ---- pipe ---- */

/* A ring of slots; serial numbers count up for ever, slot = serial % depth:
 *   head <= claimed <= tail,  head = next for sink,  claimed = next for work,  tail = next pushed
 */
enum slot_state { SLOT_QUEUED, SLOT_RUNNING, SLOT_DONE, SLOT_FAILED };

struct slot {
	void *item;
	enum slot_state state;
	int code;
	struct eb_error *error;
};

struct eb_pipe {
	struct job job;
	struct eb_pool *pool;
	const struct eb_pipe_ops *ops;
	void *ctx;
	unsigned int depth;
	size_t head, claimed, tail, running;
	bool stop;    /* hand out nothing more: an item failed, or the pipe is going away */
	bool sinking; /* some thread is in drain() */
	int code;     /* < 0: the first failure by order, everything before it went through sink */
	struct eb_error *error;
	struct slot slots[];
};

static struct slot *slot_of(struct eb_pipe *q, size_t serial)
{
	return &q->slots[serial % q->depth];
}

static bool pipe_claim(struct job *j, size_t *ret)
{
	struct eb_pipe *q = (struct eb_pipe *)j;

	if (q->stop || q->claimed == q->tail) {
		job_unlist(j);
		return false;
	}
	*ret = q->claimed++;
	slot_of(q, *ret)->state = SLOT_RUNNING;
	q->running++;
	return true;
}

/* Lock held. Give what is ready to sink, in order; one thread at a time. */
static void drain(struct eb_pipe *q)
{
	if (q->sinking)
		return;
	q->sinking = true;
	while (q->code == 0 && q->head < q->claimed) {
		struct slot *s = slot_of(q, q->head);
		struct eb_error *e = NULL;
		int c;

		if (s->state == SLOT_RUNNING)
			break;
		if (s->state == SLOT_DONE) {
			void *item = EB_TAKE_PTR(s->item);

			unlock(q->pool);
			c = q->ops->sink(q->ctx, item, &e);
			lock(q->pool);
		} else {
			c = s->code;
			e = EB_TAKE_PTR(s->error);
		}
		q->head++;
		if (c < 0) {
			q->stop = true;
			q->code = c;
			q->error = e;
		}
		pthread_cond_broadcast(&q->pool->news);
	}
	q->sinking = false;
	pthread_cond_broadcast(&q->pool->news);
}

static void pipe_run(struct job *j, size_t serial)
{
	struct eb_pipe *q = (struct eb_pipe *)j;
	struct eb_pool *pool = q->pool; /* q may be gone once the lock is free */
	struct slot *s = slot_of(q, serial);
	struct eb_error *e = NULL;
	int c = q->ops->work(q->ctx, s->item, &e);

	if (c < 0)
		q->ops->drop(q->ctx, s->item);
	lock(pool);
	s->state = c < 0 ? SLOT_FAILED : SLOT_DONE;
	if (c < 0) {
		s->item = NULL;
		s->code = c;
		s->error = e;
		q->stop = true;
	}
	q->running--;
	pool->unworked--;
	drain(q);
	pthread_cond_broadcast(&pool->news);
	unlock(pool);
}

/* Lock held: work on one item of our own or wait for others to get on. */
static void help_or_wait(struct eb_pipe *q)
{
	size_t serial;

	if (pipe_claim(&q->job, &serial)) {
		unlock(q->pool);
		pipe_run(&q->job, serial);
		lock(q->pool);
	} else {
		pthread_cond_wait(&q->pool->news, &q->pool->lock);
	}
}

struct eb_pipe *eb_pipe_new(struct eb_pool *p, unsigned int depth, const struct eb_pipe_ops *ops,
			    void *ctx)
{
	struct eb_pipe *q;

	assert(depth > 0);
	q = eb_xcalloc(1, sizeof(*q) + depth * sizeof(q->slots[0]));
	q->job.claim = pipe_claim;
	q->job.run = pipe_run;
	q->job.first = true;
	q->pool = p;
	q->depth = depth;
	q->ops = ops;
	q->ctx = ctx;
	lock(p);
	p->pipes++;
	unlock(p);
	return q;
}

/* The stored failure again: every later call reports the same one. */
static int pipe_failure(const struct eb_pipe *q, struct eb_error **err)
{
	if (!q->error)
		return eb_throw(err, -q->code, "%s", eb_code_text(q->code));
	eb_ignore(eb_throw(err, q->error->code, "%s", q->error->message));
	if (q->error->hint)
		return eb_hint(err, q->code, "%s", q->error->hint);
	return q->code;
}

/* Enough is under way in all pipes together: one item for each of the other threads, and one to
 * spare while there are fewer producers than threads, so that a thread which gets free finds
 * something while a producer works. More would only take memory. */
static bool enough(const struct eb_pipe *q)
{
	const struct eb_pool *p = q->pool;
	size_t spare = p->started > 0 && p->pipes <= p->started;

	return q->claimed < q->tail && p->unworked > p->started + spare;
}

/* The item goes in first and the helping comes after it, so that a thread which gets free while the
 * producer works finds something to do. There is always a free slot at the start. */
int eb_pipe_push(struct eb_pipe *q, void *item, struct eb_error **err)
{
	int c;

	lock(q->pool);
	if (q->code == 0) {
		*slot_of(q, q->tail) = (struct slot){ .item = item, .state = SLOT_QUEUED };
		q->tail++;
		q->pool->unworked++;
		item = NULL;
		if (q->pool->started > 0 && !q->stop) {
			job_list(q->pool, &q->job);
			pthread_cond_signal(&q->pool->work);
		}
	}
	while (q->code == 0 && (q->tail - q->head == q->depth || enough(q)))
		help_or_wait(q);
	c = q->code;
	unlock(q->pool);
	if (item)
		q->ops->drop(q->ctx, item);
	return c == 0 ? 0 : pipe_failure(q, err);
}

int eb_pipe_finish(struct eb_pipe *q, struct eb_error **err)
{
	int c;

	lock(q->pool);
	while (q->code == 0 && q->head < q->tail)
		help_or_wait(q);
	while (q->running > 0 || q->sinking)
		pthread_cond_wait(&q->pool->news, &q->pool->lock);
	c = q->code;
	unlock(q->pool);
	return c == 0 ? 0 : pipe_failure(q, err);
}

struct eb_pipe *eb_pipe_free(struct eb_pipe *q)
{
	if (!q)
		return NULL;
	lock(q->pool);
	q->stop = true;
	while (q->running > 0 || q->sinking)
		pthread_cond_wait(&q->pool->news, &q->pool->lock);
	job_unlist(&q->job);
	q->pool->unworked -= q->tail - q->claimed;
	q->pool->pipes--;
	unlock(q->pool);
	for (size_t i = q->head; i < q->tail; i++) {
		struct slot *s = slot_of(q, i);

		if (s->item)
			q->ops->drop(q->ctx, s->item);
		eb_error_free(s->error);
	}
	eb_error_free(q->error);
	free(q);
	return NULL;
}
