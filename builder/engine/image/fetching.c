#include "image/fetching.h"

#include <pthread.h>

#include "base/mem.h"
#include "base/pool.h"
#include "pkg/index.h"
#include "pkg/input.h"

struct fetching {
	const struct img_env *env;
	struct pkg_fetch_options options;
	const struct pkg_source *sources;
	size_t n;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t news;
	const struct pkg_source **got; /* in the order in which they came */
	size_t n_got, taken;
	bool ended;
};

static bool is_deb(const struct pkg_source *s)
{
	size_t n = s->path ? strlen(s->path) : 0;

	return s->archive && n > 4 && strcmp(s->path + n - 4, ".deb") == 0;
}

static void on_got(void *ctx, const struct pkg_source *s)
{
	struct fetching *f = ctx;

	if (!is_deb(s))
		return;
	pthread_mutex_lock(&f->lock);
	f->got[f->n_got++] = s;
	pthread_cond_signal(&f->news);
	pthread_mutex_unlock(&f->lock);
}

static int fetch(struct fetching *f, struct eb_error **err)
{
	int r = pkg_fetch(&f->options, f->sources, f->n, err);

	pthread_mutex_lock(&f->lock);
	f->ended = true;
	pthread_cond_broadcast(&f->news);
	pthread_mutex_unlock(&f->lock);
	return r;
}

/* The next package to read, waiting for one; NULL at the end. */
static const struct pkg_source *take(struct fetching *f)
{
	const struct pkg_source *s = NULL;

	pthread_mutex_lock(&f->lock);
	while (f->taken == f->n_got && !f->ended)
		pthread_cond_wait(&f->news, &f->lock);
	if (f->taken < f->n_got)
		s = f->got[f->taken++];
	pthread_mutex_unlock(&f->lock);
	return s;
}

static void read_packages(struct fetching *f)
{
	const struct pkg_source *s;

	while ((s = take(f))) {
		const struct pkg_input in = {
			.kind = PKG_INPUT_DEB, .what = s->what, .sha256 = s->sha256, .size = s->size
		};
		struct pkg_index *x = NULL;

		if (pkg_input_index(f->env->cache, &in, &x, NULL) >= 0)
			pkg_index_free(x);
	}
}

/* The first unit is the calling thread's, so it is never one of the others that wait. */
static int run_unit(void *ctx, size_t i, struct eb_error **err)
{
	struct fetching *f = ctx;

	if (i == 0)
		return fetch(f, err);
	read_packages(f);
	return 0;
}

int img_fetch_sources(const struct img_env *env, const struct pkg_source *sources, size_t n,
		      struct eb_error **err)
{
	struct fetching f = { .env = env, .options = *env->fetch, .sources = sources, .n = n };
	int r;

	f.options.got = on_got;
	f.options.got_ctx = &f;
	f.got = eb_xcalloc(n, sizeof(*f.got));
	pthread_mutex_init(&f.lock, NULL);
	pthread_cond_init(&f.news, NULL);
	r = eb_pool_map(env->pool, eb_pool_threads(env->pool), run_unit, &f, err);
	/* With one thread, or where the others had other work. */
	if (r >= 0)
		read_packages(&f);
	pthread_cond_destroy(&f.news);
	pthread_mutex_destroy(&f.lock);
	free(f.got);
	return r;
}
