#include "registry/throttle.h"

static size_t bucket_of(const char *peer)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (; *peer; peer++)
		h = (h ^ (uint8_t)*peer) * 16777619u;
	return (h ^ h >> 16) % REG_THROTTLE_BUCKETS;
}

void reg_throttle_init(struct reg_throttle *t)
{
	memset(t, 0, sizeof(*t));
	pthread_mutex_init(&t->lock, NULL);
}

void reg_throttle_release(struct reg_throttle *t)
{
	pthread_mutex_destroy(&t->lock);
}

bool reg_throttle_allows(struct reg_throttle *t, const char *peer, uint64_t now_usec)
{
	size_t i = bucket_of(peer);
	bool ok;

	pthread_mutex_lock(&t->lock);
	if (now_usec - t->buckets[i].since_usec > (uint64_t)REG_THROTTLE_SEC * 1000000)
		t->buckets[i].failed = 0;
	ok = t->buckets[i].failed < REG_THROTTLE_TRIES;
	pthread_mutex_unlock(&t->lock);
	return ok;
}

void reg_throttle_failed(struct reg_throttle *t, const char *peer, uint64_t now_usec)
{
	size_t i = bucket_of(peer);

	pthread_mutex_lock(&t->lock);
	if (t->buckets[i].failed == 0)
		t->buckets[i].since_usec = now_usec;
	t->buckets[i].failed++;
	pthread_mutex_unlock(&t->lock);
}
