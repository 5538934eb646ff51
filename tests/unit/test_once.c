#include "pkg/once.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/progress.h"
#include "pkg/cache.h"
#include "testlib.h"

#define AUTOCACHE(name)                                                                            \
	EB_CLEANUP(pkg_cache_release_p) struct pkg_cache name = { .dir = { .fd = -1 } }

/* What is shown. */
struct shown {
	struct eb_progress base;
	char name[200];
	unsigned int started, finished;
};

static unsigned int start(struct eb_progress *p, const char *name, enum eb_unit unit,
			  uint64_t total)
{
	struct shown *s = (struct shown *)p;

	(void)unit;
	(void)total;
	snprintf(s->name, sizeof(s->name), "%s", name);
	return ++s->started;
}

static void advance(struct eb_progress *p, unsigned int task, uint64_t by)
{
	(void)p;
	(void)task;
	(void)by;
}

static void finish(struct eb_progress *p, unsigned int task)
{
	(void)task;
	((struct shown *)p)->finished++;
}

static void message(struct eb_progress *p, const char *line)
{
	(void)p;
	(void)line;
}

static const struct eb_progress_ops ops = { start, advance, finish, message };

struct holder {
	struct pkg_cache *cache;
	int ready[2];
	atomic_bool done;
};

/* Has the lock for a while. */
static void *hold(void *arg)
{
	struct holder *h = arg;
	struct pkg_once *o = pkg_once_begin(h->cache, "k", "key", "it", NULL);

	eb_ignore((int)write(h->ready[1], "", 1));
	usleep(50 * 1000);
	atomic_store(&h->done, true);
	pkg_once_end(o);
	return NULL;
}

TEST(once, second_waits_for_the_first_and_says_so)
{
	struct shown shown = { .base = { &ops } };
	autoerror struct eb_error *e = NULL;
	struct holder h = { .cache = NULL };
	struct pkg_once *o;
	pthread_t thread;
	char c;
	AUTOCACHE(cache);

	CHECK_OK(pkg_cache_open(test_path("cache"), &cache, &e), e);
	h.cache = &cache;
	CHECK_INT(pipe(h.ready), 0);
	CHECK_INT(pthread_create(&thread, NULL, hold, &h), 0);
	CHECK_INT(read(h.ready[0], &c, 1), 1);
	/* Another key, and the same of another kind, are free. */
	pkg_once_end(pkg_once_begin(&cache, "k", "other", "it", &shown.base));
	pkg_once_end(pkg_once_begin(&cache, "other", "key", "it", &shown.base));
	CHECK_INT(shown.started, 0);
	o = pkg_once_begin(&cache, "k", "key", "it", &shown.base);
	CHECK(o);
	CHECK(atomic_load(&h.done));
	CHECK_INT(shown.started, 1);
	CHECK_INT(shown.finished, 1);
	CHECK_STR(shown.name, "waiting for another process: it");
	pkg_once_end(o);
	CHECK_INT(pthread_join(thread, NULL), 0);
	/* Nothing is left of it. */
	CHECK_INT(rmdir(test_path("cache/partial")), 0);
	close(h.ready[0]);
	close(h.ready[1]);
}

TEST(once, killed_holder_is_not_waited_for)
{
	struct shown shown = { .base = { &ops } };
	autoerror struct eb_error *e = NULL;
	struct pkg_once *o;
	int ready[2], status;
	pid_t child;
	char c;
	AUTOCACHE(cache);

	CHECK_OK(pkg_cache_open(test_path("cache"), &cache, &e), e);
	CHECK_INT(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		o = pkg_once_begin(&cache, "k", "key", "it", NULL);
		eb_ignore((int)write(ready[1], o ? "" : "x", 1));
		pause();
		_exit(0);
	}
	CHECK_INT(read(ready[0], &c, 1), 1);
	CHECK_INT(c, 0);
	CHECK_INT(kill(child, SIGKILL), 0);
	CHECK_INT(waitpid(child, &status, 0), child);
	o = pkg_once_begin(&cache, "k", "key", "it", &shown.base);
	CHECK(o);
	CHECK_INT(shown.started, 0);
	pkg_once_end(o);
	close(ready[0]);
	close(ready[1]);
}
