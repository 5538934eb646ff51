#include "base/rate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "testlib.h"

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

TEST(rate, none_is_no_limit)
{
	double begin = seconds();

	CHECK(eb_rate_new(0) == NULL);
	eb_rate_take(NULL, UINT64_MAX);
	CHECK_INT(eb_rate_piece(NULL), 256 * 1024);
	CHECK(seconds() - begin < 1);
}

static void *take_all(void *rate)
{
	for (int i = 0; i < 50; i++)
		eb_rate_take(rate, 10000);
	return NULL;
}

/* 1 MB in all at 4 MB/s by two threads: a quarter second, less the burst. */
TEST(rate, threads_share_it)
{
	EB_CLEANUP(eb_rate_free_p) struct eb_rate *r = eb_rate_new(4000000);
	pthread_t other;
	double took, begin = seconds();

	CHECK_INT(pthread_create(&other, NULL, take_all, r), 0);
	take_all(r);
	pthread_join(other, NULL);
	took = seconds() - begin;
	CHECK(took > 0.12);
	CHECK(took < 5);
}

TEST(rate, pieces_follow_the_rate)
{
	EB_CLEANUP(eb_rate_free_p) struct eb_rate *slow = eb_rate_new(100);
	EB_CLEANUP(eb_rate_free_p) struct eb_rate *fast = eb_rate_new(1u << 30);

	CHECK_INT(eb_rate_piece(slow), 4096);
	CHECK_INT(eb_rate_piece(fast), 256 * 1024);
}

static void pass(struct eb_gate *g, unsigned int times)
{
	for (unsigned int i = 0; i < times; i++) {
		eb_gate_enter(g);
		eb_gate_leave(g, true);
	}
}

TEST(rate, gate_widens_with_success_and_halves_with_trouble)
{
	EB_CLEANUP(eb_gate_free_p) struct eb_gate *g = eb_gate_new();
	unsigned int first = eb_gate_width(g);

	pass(g, 12);
	CHECK_INT(eb_gate_width(g), first + 12);
	eb_gate_trouble(g);
	CHECK_INT(eb_gate_width(g), (first + 12) / 2);
	/* The same trouble, seen by another. */
	eb_gate_trouble(g);
	CHECK_INT(eb_gate_width(g), (first + 12) / 2);
	pass(g, (first + 12) / 2);
	CHECK_INT(eb_gate_width(g), (first + 12) / 2 + 1);
	eb_gate_enter(g);
	eb_gate_leave(g, false);
	CHECK_INT(eb_gate_width(g), (first + 12) / 2 + 1);
}

static atomic_uint inside, most;

static void *crowd(void *gate)
{
	for (int i = 0; i < 20; i++) {
		unsigned int n, m;

		eb_gate_enter(gate);
		n = atomic_fetch_add(&inside, 1) + 1;
		m = atomic_load(&most);
		while (n > m && !atomic_compare_exchange_weak(&most, &m, n))
			;
		nanosleep(&(struct timespec){ 0, 200000 }, NULL);
		atomic_fetch_sub(&inside, 1);
		eb_gate_leave(gate, false);
	}
	return NULL;
}

TEST(rate, gate_holds_back_what_is_too_many)
{
	EB_CLEANUP(eb_gate_free_p) struct eb_gate *g = eb_gate_new();
	pthread_t threads[8];

	eb_gate_trouble(g);
	for (size_t i = 0; i < EB_ARRAY_LEN(threads); i++)
		CHECK_INT(pthread_create(&threads[i], NULL, crowd, g), 0);
	for (size_t i = 0; i < EB_ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	CHECK(atomic_load(&most) >= 1);
	CHECK_INT(atomic_load(&most) <= eb_gate_width(g), 1);
}
