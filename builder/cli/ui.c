#include "cli/ui.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>

#include "base/mem.h"

enum { SAMPLE_USEC = 500000, TICK_USEC = 250000 };

struct ui {
	struct eb_progress base; /* first: engines know only this part */
	struct ui_options opts;
	const struct ui_renderer *r;
	pthread_mutex_t lock;
	struct ui_task *tasks;
	size_t n, alloc;
	unsigned int last_id;
	struct ui_tty_state tty;

	bool ticking, stop;
	pthread_t ticker;
	pthread_cond_t wake;
};

const char *const ui_mode_names[] = { "auto", "tty", "plain", "json", "none", NULL };

const struct ui_options *ui_opts(const struct ui *u)
{
	return &u->opts;
}

struct ui_tty_state *ui_tty(struct ui *u)
{
	return &u->tty;
}

size_t ui_tasks(const struct ui *u, struct ui_task **ret)
{
	*ret = u->tasks;
	return u->n;
}

static uint64_t system_now_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t ui_now(const struct ui *u)
{
	return u->opts.now_usec();
}

void ui_put(struct ui *u, const char *p, size_t n)
{
	while (n) {
		ssize_t k = write(u->opts.fd, p, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0 && errno == EAGAIN) {
			struct pollfd pf = { .fd = u->opts.fd, .events = POLLOUT };

			poll(&pf, 1, 1000);
			continue;
		}
		if (k <= 0)
			return;
		p += k;
		n -= (size_t)k;
	}
}

void ui_sample(struct ui_task *t, uint64_t now_usec)
{
	uint64_t age = now_usec - t->sample_usec;
	double now;

	if (age < SAMPLE_USEC)
		return;
	now = (double)(t->done - t->sample_done) * 1e6 / (double)age;
	/* About the last five seconds count; the first sample stands for itself. */
	t->rate = t->sample_usec == t->start_usec ? now : t->rate * 0.85 + now * 0.15;
	t->sample_usec = now_usec;
	t->sample_done = t->done;
}

static struct ui_task *find(struct ui *u, unsigned int id)
{
	for (size_t i = 0; i < u->n; i++)
		if (u->tasks[i].id == id)
			return &u->tasks[i];
	return NULL;
}

static unsigned int on_start(struct eb_progress *p, const char *name, enum eb_unit unit,
			     uint64_t total)
{
	struct ui *u = (struct ui *)p;
	struct ui_task *t;
	unsigned int id;

	pthread_mutex_lock(&u->lock);
	if (u->n == u->alloc) {
		u->alloc = u->alloc ? u->alloc * 2 : 8;
		t = reallocarray(u->tasks, u->alloc, sizeof(*t));
		if (!t)
			abort();
		u->tasks = t;
	}
	t = &u->tasks[u->n++];
	*t = (struct ui_task){ .id = ++u->last_id, .unit = unit, .total = total };
	t->name = eb_xstrdup(name);
	ui_clean(t->name, u->r == &ui_renderer_tty);
	t->start_usec = t->shown_usec = t->sample_usec = ui_now(u);
	id = t->id;
	u->r->started(u, t);
	pthread_mutex_unlock(&u->lock);
	return id;
}

static void on_advance(struct eb_progress *p, unsigned int task, uint64_t by)
{
	struct ui *u = (struct ui *)p;
	struct ui_task *t;

	pthread_mutex_lock(&u->lock);
	t = find(u, task);
	if (t) {
		t->done += by;
		u->r->advanced(u, t);
	}
	pthread_mutex_unlock(&u->lock);
}

static void on_finish(struct eb_progress *p, unsigned int task)
{
	struct ui *u = (struct ui *)p;
	struct ui_task *t, gone;

	pthread_mutex_lock(&u->lock);
	t = find(u, task);
	if (t) {
		gone = *t;
		memmove(t, t + 1, (size_t)(u->tasks + u->n - t - 1) * sizeof(*t));
		u->n--;
		u->r->finished(u, &gone);
		free(gone.name);
	}
	pthread_mutex_unlock(&u->lock);
}

static void on_message(struct eb_progress *p, const char *line)
{
	ui_line((struct ui *)p, UI_NOTE, line);
}

void ui_line(struct ui *u, enum ui_line kind, const char *text)
{
	autofree char *clean = eb_xstrdup(text);

	ui_clean(clean, false);
	pthread_mutex_lock(&u->lock);
	u->r->line(u, kind, clean);
	pthread_mutex_unlock(&u->lock);
}

/* Redraws while nothing happens, so that a stalled transfer shows its rate falling to nothing. */
static void *tick(void *arg)
{
	struct ui *u = arg;

	pthread_mutex_lock(&u->lock);
	while (!u->stop) {
		struct timespec until;

		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += TICK_USEC * 1000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&u->wake, &u->lock, &until);
		if (!u->stop && u->n)
			u->r->tick(u);
	}
	pthread_mutex_unlock(&u->lock);
	return NULL;
}

static const struct ui_renderer *renderer(enum ui_mode mode)
{
	switch (mode) {
	case UI_TTY:
		return &ui_renderer_tty;
	case UI_JSON:
		return &ui_renderer_json;
	case UI_NONE:
		return &ui_renderer_none;
	case UI_AUTO:
	case UI_PLAIN:
		break;
	}
	return &ui_renderer_plain;
}

struct ui *ui_new(const struct ui_options *o)
{
	static const struct eb_progress_ops ops = { on_start, on_advance, on_finish, on_message };
	struct ui *u = eb_xcalloc(1, sizeof(*u));
	pthread_condattr_t attr;

	u->base.ops = &ops;
	u->opts = *o;
	if (!u->opts.now_usec)
		u->opts.now_usec = system_now_usec;
	u->r = renderer(o->mode);
	pthread_mutex_init(&u->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&u->wake, &attr);
	pthread_condattr_destroy(&attr);
	/* Without its ticker the display still works, it is only less alive. */
	u->ticking = o->ticker && u->r->tick && pthread_create(&u->ticker, NULL, tick, u) == 0;
	return u;
}

struct ui *ui_free(struct ui *u)
{
	if (!u)
		return NULL;
	pthread_mutex_lock(&u->lock);
	u->stop = true;
	pthread_cond_signal(&u->wake);
	pthread_mutex_unlock(&u->lock);
	if (u->ticking)
		pthread_join(u->ticker, NULL);
	if (u->r->close)
		u->r->close(u);
	for (size_t i = 0; i < u->n; i++)
		free(u->tasks[i].name);
	free(u->tasks);
	pthread_cond_destroy(&u->wake);
	pthread_mutex_destroy(&u->lock);
	free(u);
	return NULL;
}

struct eb_progress *ui_progress(struct ui *u)
{
	return &u->base;
}
