#include "image/others.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/url.h"
#include "image/own.h"
#include "pkg/gitarchive.h"

/* Something that is to be locked: where it is, what is known of it. */
struct other {
	const char *what; /* "archive 'x'" */
	const char *name;
	const struct rcp_remote *remote;
	const struct rcp_archive *archive; /* NULL for a file */
	const struct rcp_pos *pos;
	char sha256[65];
	uint64_t size;
};

struct locker {
	const struct img_env *env;
	const struct rcp_recipe *rcp;
	const struct rcp_lock *old;
	bool update;
	const char *only; /* update just this one; NULL = all */
	struct rcp_lock *now;
	struct eb_buf *review;
};

int img_git_archive(const struct img_env *env, const struct rcp_recipe *rcp,
		    const struct rcp_archive *a, char ret_sha256[static 65], uint64_t *ret_size,
		    struct eb_error **err)
{
	autofree char *what = eb_xasprintf("archive '%s'", a->name);
	autofree char *where = a->git[0] == '/' ? eb_xstrdup(a->git)
						: eb_xasprintf("%s/%s", rcp->dir, a->git);

	return pkg_git_archive(env->cache, where, a->commit, what, ret_sha256, ret_size, err);
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Whether the old line (URL or commit, sum) still is an answer; then x knows what it says. */
static bool take_over(const struct locker *l, struct other *x, const char *url, const char *commit,
		      const char *sha256, uint64_t size)
{
	/* What these sources are built to changes with them. */
	if (rcp_is_own(url))
		return false;
	if (!same(url, x->remote->url) || !same(commit, x->archive ? x->archive->commit : NULL) ||
	    (x->remote->sha256 && strcmp(x->remote->sha256, sha256) != 0))
		return false;
	/* A commit, or a sum in the recipe, leaves nothing to be chosen anew. */
	if (l->update && !commit && !x->remote->sha256 &&
	    (!l->only || strcmp(l->only, x->name) == 0))
		return false;
	snprintf(x->sha256, sizeof(x->sha256), "%s", sha256);
	x->size = size;
	return true;
}

static const char *const *url_list(struct eb_arena *arena, const struct rcp_remote *m)
{
	const char **urls = eb_arena_alloc(arena, (m->n_mirrors + 1) * sizeof(*urls));

	for (size_t i = 0; i < m->n_mirrors; i++)
		urls[i] = m->mirrors[i];
	return urls;
}

static int fetch(const struct locker *l, struct other *x, struct eb_error **err)
{
	const struct rcp_remote *m = x->remote;
	const struct pkg_source s = { .what = x->what,
				      .url = m->url,
				      .more_urls = url_list(l->now->arena, m),
				      .sha256 = m->sha256,
				      .size = m->size ? m->size : UINT64_MAX };
	autofd int fd = -1;
	int r;

	if (!m->sha256 && rcp_is_own(m->url))
		return img_own_find(l->env, m->url, x->what, x->sha256, &x->size, err);
	if (!m->sha256)
		return pkg_fetch_first(l->env->fetch, &s, x->sha256, &x->size, err);
	r = pkg_fetch(l->env->fetch, &s, 1, err);
	if (r < 0)
		return r;
	snprintf(x->sha256, sizeof(x->sha256), "%s", m->sha256);
	fd = pkg_cache_find(l->env->cache, m->sha256, &x->size, err);
	return fd < 0 ? fd : 0;
}

static int choose(const struct locker *l, struct other *x, struct eb_error **err)
{
	const struct rcp_remote *m = x->remote;
	bool git = x->archive && x->archive->git;
	int r = git ? img_git_archive(l->env, l->rcp, x->archive, x->sha256, &x->size, err)
		    : fetch(l, x, err);
	autofree char *shown = m->url ? eb_url_show(m->url) : NULL;

	if (r < 0)
		return eb_prefix(err, r, "%s:%u:%u", x->pos->file, x->pos->line, x->pos->column);
	if (m->sha256 && strcmp(m->sha256, x->sha256) != 0)
		return rcp_throw(x->pos, err, "%s: the recipe says sha256:%s, git made sha256:%s",
				 x->what, m->sha256, x->sha256);
	if (!m->sha256 && !git && !rcp_is_own(m->url))
		eb_buf_addf(l->review,
			    "! %s (%s): taken from the net for the first time, nobody vouches for "
			    "it yet; compare with what its makers publish: sha256 %s\n",
			    x->what, shown, x->sha256);
	return 0;
}

static int lock_archive(const struct locker *l, const struct rcp_archive *a, const char *arch,
			struct eb_error **err)
{
	autofree char *what = eb_xasprintf("archive '%s'", a->name);
	struct other x = {
		.what = what, .name = a->name, .remote = &a->remote, .archive = a, .pos = &a->pos
	};
	const struct rcp_locked_archive *old = l->old ? rcp_lock_find_archive(l->old, a->name,
									      arch ? arch
									      : a->n_arches
										      ? a->arches[0]
										      : "")
						      : NULL;
	struct rcp_locked_archive line = { .arch = arch,
					   .name = a->name,
					   .version = a->version,
					   .url = a->remote.url,
					   .commit = a->commit };
	int r = 0;

	if (!old || !take_over(l, &x, old->url, old->commit, old->sha256, old->size))
		r = choose(l, &x, err);
	if (r < 0)
		return r;
	line.sha256 = x.sha256;
	line.size = x.size;
	rcp_lock_add_archive(l->now, &line);
	return 0;
}

static int lock_file(const struct locker *l, const struct rcp_entry *e, struct eb_error **err)
{
	autofree char *what = eb_xasprintf("file '%s'", e->path);
	struct other x = { .what = what, .name = e->path, .remote = &e->remote, .pos = &e->pos };
	const struct rcp_locked_file *old = l->old ? rcp_lock_find_file(l->old, e->path) : NULL;
	struct rcp_locked_file line = { .path = e->path, .url = e->remote.url };
	int r = 0;

	if (!old || !take_over(l, &x, old->url, NULL, old->sha256, old->size))
		r = choose(l, &x, err);
	if (r < 0)
		return r;
	line.sha256 = x.sha256;
	line.size = x.size;
	rcp_lock_add_file(l->now, &line);
	return 0;
}

int img_lock_others(const struct img_env *env, const struct rcp_recipe *rcp,
		    const struct rcp_lock *old, bool update, const char *only, struct rcp_lock *now,
		    struct eb_buf *review, struct eb_error **err)
{
	const struct locker l = { env, rcp, old, update, only, now, review };
	char hash[65];
	int r = 0;

	for (size_t i = 0; i < rcp->n_archives && r >= 0; i++) {
		const struct rcp_archive *a = &rcp->archives[i];

		if (a->n_arches == 0)
			r = lock_archive(&l, a, NULL, err);
		for (size_t k = 0; k < a->n_arches && r >= 0; k++)
			r = lock_archive(&l, a, a->arches[k], err);
	}
	for (size_t i = 0; i < rcp->n_entries && r >= 0; i++)
		if (rcp->entries[i].remote.url)
			r = lock_file(&l, &rcp->entries[i], err);
	if (r < 0)
		return r;
	rcp_lock_others_hash(rcp, hash);
	now->others_sha256 = *hash ? eb_arena_strdup(now->arena, hash) : NULL;
	return eb_buf_check(review, "lines to review", err);
}
