/* One fixed pool of threads, created by the program and passed in. Work is handed out in order and
 * may finish in any order; results are taken in order, and the first failure by index, not by time,
 * is the one reported, so that output and errors do not depend on scheduling. */
#pragma once

#include "base/cleanup.h"

struct eb_error;
struct eb_pool;

/* n threads work at the same time (1..256), the calling thread among them; 0 = one per online CPU.
 */
struct eb_pool *eb_pool_new(unsigned int n);
struct eb_pool *eb_pool_free(struct eb_pool *p); /* nothing may be running */
EB_DEFINE_CLEANUP(struct eb_pool *, eb_pool_free)
unsigned int eb_pool_size(const struct eb_pool *p);
/* How many threads there are, the caller's among them: fewer than the size where the machine
 * refused more. For work that only ends when two sides run at once. */
unsigned int eb_pool_threads(const struct eb_pool *p);

/* fn(ctx, i) for i in 0..n-1, several at once. fn fills *err on failure. After the first failure no
 * new index above the failed one is started. Returns 0 or the failure with the smallest index.
 * Nested calls are fine (the caller works too). fn runs on any thread and gets only its index. */
typedef int (*eb_pool_fn)(void *ctx, size_t i, struct eb_error **err);
int eb_pool_map(struct eb_pool *p, size_t n, eb_pool_fn fn, void *ctx,
		struct eb_error **err) EB_MUST_CHECK;

/* An ordered pipeline: one producer pushes items, the pool works on them, and `sink` sees them in
 * the order of pushing, one at a time. At most `depth` items are under way; and a producer that
 * pushes while the pool's other threads have an item each, of whatever pipe, and perhaps one to
 * spare, works on one itself, so memory is bounded and nobody waits idly. A free thread takes an
 * item of a pipe before it starts the next index of a map. Both functions own the item they get:
 * work transforms it in place, sink consumes and frees it; after a failure the items that never
 * reach sink go to `drop`. Items are processed once. */
struct eb_pipe_ops {
	int (*work)(void *ctx, void *item, struct eb_error **err); /* any thread */
	int (*sink)(void *ctx, void *item,
		    struct eb_error **err); /* one thread at a time, in order */
	void (*drop)(void *ctx, void *item);
};
struct eb_pipe;
struct eb_pipe *eb_pipe_new(struct eb_pool *p, unsigned int depth, const struct eb_pipe_ops *ops,
			    void *ctx) EB_MALLOC;
/* Takes ownership of item. Fails with the first failure so far. */
int eb_pipe_push(struct eb_pipe *q, void *item, struct eb_error **err) EB_MUST_CHECK;
/* Wait until all items went through sink. */
int eb_pipe_finish(struct eb_pipe *q, struct eb_error **err) EB_MUST_CHECK;
/* Cancels what has not started, waits for the rest. */
struct eb_pipe *eb_pipe_free(struct eb_pipe *q);
EB_DEFINE_CLEANUP(struct eb_pipe *, eb_pipe_free)
