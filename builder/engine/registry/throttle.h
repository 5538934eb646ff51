/* Wrong passwords by address: after a few, an address has to wait, so that nobody can guess on, or
 * keep the server busy with hashes that are slow by design. */
#pragma once

#include <pthread.h>

enum { REG_THROTTLE_BUCKETS = 1024, REG_THROTTLE_TRIES = 10, REG_THROTTLE_SEC = 60 };

struct reg_throttle {
	pthread_mutex_t lock;
	struct {
		uint64_t since_usec;
		unsigned int failed;
	} buckets[REG_THROTTLE_BUCKETS];
};

void reg_throttle_init(struct reg_throttle *t);
void reg_throttle_release(struct reg_throttle *t);
/* May a password from this address be looked at? Any thread. */
bool reg_throttle_allows(struct reg_throttle *t, const char *peer, uint64_t now_usec);
void reg_throttle_failed(struct reg_throttle *t, const char *peer, uint64_t now_usec);
