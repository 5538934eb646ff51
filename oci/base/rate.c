#include "base/rate.h"

#include <pthread.h>
#include <time.h>

#include "base/mem.h"

enum {
	BURST_USEC = 100 * 1000,
	LEAST_PIECE = 4096,
	MOST_PIECE = 256 * 1024,
	FIRST_WIDTH = 4,
	MOST_WIDTH = 256,
	CALM_USEC = 1000 * 1000, /* troubles within it count once: they have one cause */
};

static int64_t now_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* ---- bytes per second ---- */

struct eb_rate {
	pthread_mutex_t lock;
	uint64_t bytes_per_sec;
	int64_t paid_until_usec; /* what was let through is worth the time up to here */
};

struct eb_rate *eb_rate_new(uint64_t bytes_per_sec)
{
	struct eb_rate *r;

	if (!bytes_per_sec)
		return NULL;
	r = eb_xcalloc(1, sizeof(*r));
	pthread_mutex_init(&r->lock, NULL);
	r->bytes_per_sec = bytes_per_sec;
	return r;
}

struct eb_rate *eb_rate_free(struct eb_rate *r)
{
	if (!r)
		return NULL;
	pthread_mutex_destroy(&r->lock);
	free(r);
	return NULL;
}

void eb_rate_take(struct eb_rate *r, uint64_t n)
{
	int64_t now, wait;
	struct timespec ts;

	if (!r || n == 0)
		return;
	now = now_usec();
	pthread_mutex_lock(&r->lock);
	if (r->paid_until_usec < now - BURST_USEC)
		r->paid_until_usec = now - BURST_USEC;
	r->paid_until_usec += (int64_t)((double)n * 1e6 / (double)r->bytes_per_sec);
	wait = r->paid_until_usec - now;
	pthread_mutex_unlock(&r->lock);
	if (wait <= 0)
		return;
	ts = (struct timespec){ (time_t)(wait / 1000000), (long)(wait % 1000000) * 1000 };
	while (nanosleep(&ts, &ts) < 0)
		;
}

size_t eb_rate_piece(const struct eb_rate *r)
{
	uint64_t n = r ? r->bytes_per_sec / 16 : MOST_PIECE;

	return n < LEAST_PIECE ? LEAST_PIECE : n > MOST_PIECE ? MOST_PIECE : (size_t)n;
}

/* ---- how many at once ---- */

struct eb_gate {
	pthread_mutex_t lock;
	pthread_cond_t room;
	unsigned int width, inside, successes;
	bool troubled;
	int64_t last_trouble_usec;
};

struct eb_gate *eb_gate_new(void)
{
	struct eb_gate *g = eb_xcalloc(1, sizeof(*g));

	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->room, NULL);
	g->width = FIRST_WIDTH;
	return g;
}

struct eb_gate *eb_gate_free(struct eb_gate *g)
{
	if (!g)
		return NULL;
	pthread_cond_destroy(&g->room);
	pthread_mutex_destroy(&g->lock);
	free(g);
	return NULL;
}

void eb_gate_enter(struct eb_gate *g)
{
	pthread_mutex_lock(&g->lock);
	while (g->inside >= g->width)
		pthread_cond_wait(&g->room, &g->lock);
	g->inside++;
	pthread_mutex_unlock(&g->lock);
}

void eb_gate_leave(struct eb_gate *g, bool success)
{
	pthread_mutex_lock(&g->lock);
	g->inside--;
	if (success && g->width < MOST_WIDTH && ++g->successes >= (g->troubled ? g->width : 1)) {
		g->successes = 0;
		g->width++;
	}
	pthread_cond_broadcast(&g->room);
	pthread_mutex_unlock(&g->lock);
}

void eb_gate_trouble(struct eb_gate *g)
{
	int64_t now = now_usec();

	pthread_mutex_lock(&g->lock);
	if (!g->troubled || now - g->last_trouble_usec > CALM_USEC) {
		/* More were never inside at once than there are threads. */
		if (g->width > g->inside && g->inside > 0)
			g->width = g->inside;
		g->width = g->width > 1 ? g->width / 2 : 1;
		g->last_trouble_usec = now;
	}
	g->troubled = true;
	g->successes = 0;
	pthread_mutex_unlock(&g->lock);
}

unsigned int eb_gate_width(struct eb_gate *g)
{
	unsigned int width;

	pthread_mutex_lock(&g->lock);
	width = g->width;
	pthread_mutex_unlock(&g->lock);
	return width;
}
