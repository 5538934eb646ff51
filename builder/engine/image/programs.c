#include "image/programs.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/span.h"
#include "image/shared.h"
#include "pkg/gobuild.h"
#include "pkg/once.h"
#include "recipe/lock.h"
#include "recipe/recipe.h"

#define DERIVED_KIND "go-1" /* raise it when the same request gives another program */
#define SHARED_KIND "go"

enum { MAX_NOTE_BYTES = 4 * 1024 * 1024, MAX_KEY_BYTES = 1024 * 1024 };

/* ---- what is asked for ---- */

struct request {
	struct pkg_go_program p;
	const char **tags;
};

static void request_release(struct request *q)
{
	free(q->tags);
}
EB_DEFINE_RELEASE(struct request, request_release)

static void request_init(struct request *q, const struct rcp_go *g, const char *arch)
{
	q->tags = eb_xcalloc(g->n_tags + 1, sizeof(*q->tags));
	for (size_t i = 0; i < g->n_tags; i++)
		q->tags[i] = g->tags[i].text;
	q->p = (struct pkg_go_program){ .module = g->module,
					.version = g->version,
					.package = g->package,
					.toolchain = g->toolchain,
					.tags = q->tags,
					.n_tags = g->n_tags,
					.ldflags = g->ldflags,
					.arch = arch };
}

/* ---- what is known from before ---- */

static void note_key(const struct pkg_go_program *p, char out[static 65])
{
	EB_AUTOBUF(b, MAX_KEY_BYTES);

	eb_buf_addf(&b, "%s\n%s\n%s\n%s\n%s\n%s\n", p->module, p->version, p->package, p->toolchain,
		    p->arch, p->ldflags ? p->ldflags : "");
	for (size_t i = 0; i < p->n_tags; i++)
		eb_buf_addf(&b, "%s\n", p->tags[i]);
	eb_sha256_hex(eb_buf_str(&b), b.len, out);
}

static void note_put(const struct pkg_cache *c, const struct pkg_go_program *p,
		     const struct pkg_go_result *res)
{
	EB_AUTOBUF(b, MAX_NOTE_BYTES);
	char key[65];

	eb_buf_addf(&b, "%s %llu %s\n", res->sha256, (unsigned long long)res->size, res->gosum);
	for (size_t i = 0; i < res->n_modules; i++)
		eb_buf_addf(&b, "%s %s %s\n", res->modules[i].module, res->modules[i].version,
			    res->modules[i].h1);
	note_key(p, key);
	/* Without it the program is built again. */
	if (!b.overflow)
		eb_ignore(pkg_cache_derived_put(c, DERIVED_KIND, key, eb_buf_str(&b), b.len, NULL));
}

static bool words(struct eb_span line, const char **to, size_t n, struct eb_arena *arena)
{
	struct eb_span w;

	for (size_t i = 0; i < n; i++) {
		if (!eb_span_word(&line, &w))
			return false;
		to[i] = eb_arena_strndup(arena, w.ptr, w.len);
	}
	return line.len == 0;
}

/* Its checksum says that the note is ours, so its form is not in doubt; what it says of the modules
 * is checked by their sum all the same. */
static bool note_get(const struct pkg_cache *c, const struct pkg_go_program *p,
		     struct pkg_go_result *ret)
{
	EB_CLEANUP(pkg_go_result_release_p) struct pkg_go_result res = { .arena = eb_arena_new() };
	EB_AUTOBUF(b, MAX_NOTE_BYTES);
	const char *w[3] = { NULL };
	struct eb_span rest, line = { NULL, 0 };
	char key[65], gosum[65];
	size_t alloc = 0;

	note_key(p, key);
	if (pkg_cache_derived_get(c, DERIVED_KIND, key, &b, NULL) < 0)
		return false;
	rest = (struct eb_span){ eb_buf_str(&b), b.len };
	if (!eb_span_next(&rest, '\n', &line) || !words(line, w, 3, res.arena) ||
	    !eb_is_hex(w[0], EB_SHA256_HEX) || !eb_is_hex(w[2], EB_SHA256_HEX) ||
	    eb_parse_u64(eb_span_str(w[1]), UINT64_MAX, &res.size, NULL) < 0)
		return false;
	memcpy(res.sha256, w[0], sizeof(res.sha256));
	memcpy(res.gosum, w[2], sizeof(res.gosum));
	while (eb_span_next(&rest, '\n', &line)) {
		if (!words(line, w, 3, res.arena) ||
		    eb_grow(&res.modules, &alloc, res.n_modules + 1, sizeof(*res.modules),
			    MAX_NOTE_BYTES, "modules", NULL) < 0)
			return false;
		res.modules[res.n_modules++] = (struct pkg_go_module){ w[0], w[1], w[2] };
	}
	pkg_go_gosum(res.modules, res.n_modules, gosum);
	if (strcmp(gosum, res.gosum) != 0)
		return false;
	*ret = res;
	res = (struct pkg_go_result){ 0 };
	return true;
}

static bool is_cached(const struct pkg_cache *c, const char *sha256, uint64_t size)
{
	uint64_t found = 0;
	autofd int fd = pkg_cache_find(c, sha256, &found, NULL);

	return fd >= 0 && found == size;
}

/* The lock of making it, NULL = none. */
static struct pkg_once *begin(const struct img_env *env, const struct pkg_go_program *p)
{
	autofree char *what = eb_xasprintf("%s %s (%s)", p->module, p->version, p->arch);
	char key[65];

	note_key(p, key);
	return pkg_once_begin(env->cache, DERIVED_KIND, key, what, env->progress);
}

static bool is_known(const struct img_env *env, const struct pkg_go_program *p,
		     struct pkg_go_result *ret)
{
	if (!note_get(env->cache, p, ret))
		return false;
	if (is_cached(env->cache, ret->sha256, ret->size))
		return true;
	pkg_go_result_release(ret);
	*ret = (struct pkg_go_result){ 0 };
	return false;
}

/* ---- locking ---- */

static int need_go(const struct img_env *env, const struct pkg_go_program *p, struct eb_error **err)
{
	if (env->go)
		return 0;
	return eb_throw(err, EB_E_UNSUPPORTED, "Go program %s of %s: no Go to build it with",
			p->package, p->module);
}

static int add_modules(struct rcp_lock *l, const struct pkg_go_result *res, struct eb_error **err)
{
	for (size_t i = 0; i < res->n_modules; i++) {
		const struct pkg_go_module *m = &res->modules[i];
		const struct rcp_locked_module line = { m->module, m->version, m->h1 };
		const struct rcp_locked_module *there = NULL;

		for (size_t k = 0; k < l->n_modules && !there; k++)
			if (strcmp(l->modules[k].module, m->module) == 0 &&
			    strcmp(l->modules[k].version, m->version) == 0)
				there = &l->modules[k];
		if (!there)
			rcp_lock_add_module(l, &line);
		else if (strcmp(there->h1, m->h1) != 0)
			return eb_throw(err, EB_E_DIGEST, "Go module %s %s: both %s and %s",
					m->module, m->version, there->h1, m->h1);
	}
	return 0;
}

static int lock_one(const struct img_env *env, const struct rcp_go *g, const char *arch,
		    struct rcp_lock *now, struct eb_error **err)
{
	EB_CLEANUP(pkg_go_result_release_p) struct pkg_go_result res = { 0 };
	EB_CLEANUP(request_release_p) struct request q;
	struct rcp_locked_program line;
	int r;

	request_init(&q, g, arch);
	r = need_go(env, &q.p, err);
	if (r < 0)
		return r;
	if (!is_known(env, &q.p, &res)) {
		EB_CLEANUP(pkg_once_end_p) struct pkg_once *once = begin(env, &q.p);
		(void)once;

		/* Another process may have made it meanwhile. */
		r = is_known(env, &q.p, &res) ? 0 : pkg_go_build(env->go, &q.p, NULL, &res, err);
		if (r < 0)
			return eb_prefix(err, r, "%s:%u:%u", g->pos.file, g->pos.line,
					 g->pos.column);
		note_put(env->cache, &q.p, &res);
	}
	line = (struct rcp_locked_program){ .arch = arch,
					    .module = g->module,
					    .version = g->version,
					    .package = g->package,
					    .toolchain = g->toolchain,
					    .gosum = res.gosum,
					    .sha256 = res.sha256,
					    .size = res.size };
	rcp_lock_add_program(now, &line);
	return add_modules(now, &res, err);
}

/* Everything about a program is said by the recipe, so there is nothing to choose anew. */
static bool take_over(const struct rcp_recipe *rcp, const struct rcp_lock *old,
		      struct rcp_lock *now)
{
	char hash[65];

	rcp_lock_others_hash(rcp, hash);
	if (!old || !old->others_sha256 || strcmp(old->others_sha256, hash) != 0)
		return false;
	for (size_t i = 0; i < old->n_programs; i++)
		rcp_lock_add_program(now, &old->programs[i]);
	for (size_t i = 0; i < old->n_modules; i++)
		rcp_lock_add_module(now, &old->modules[i]);
	return true;
}

int img_programs_lock(const struct img_env *env, const struct rcp_recipe *rcp,
		      const struct rcp_lock *old, struct rcp_lock *now, struct eb_error **err)
{
	int r = 0;

	if (rcp->n_go == 0 || take_over(rcp, old, now))
		return 0;

	for (size_t i = 0; i < rcp->n_go && r >= 0; i++)
		for (size_t a = 0; a < rcp->n_architectures && r >= 0; a++)
			r = lock_one(env, &rcp->go[i], rcp->architectures[a], now, err);
	return r;
}

/* ---- making what a lock names ---- */

static const struct rcp_go *find_asked(const struct rcp_recipe *rcp,
				       const struct rcp_locked_program *p)
{
	for (size_t i = 0; i < rcp->n_go; i++)
		if (strcmp(rcp->go[i].module, p->module) == 0 &&
		    strcmp(rcp->go[i].package, p->package) == 0)
			return &rcp->go[i];
	return NULL;
}

static const char *main_sum(const struct rcp_lock *l, const struct rcp_locked_program *p)
{
	for (size_t i = 0; i < l->n_modules; i++)
		if (strcmp(l->modules[i].module, p->module) == 0 &&
		    strcmp(l->modules[i].version, p->version) == 0)
			return l->modules[i].h1;
	return NULL;
}

/* From the directories alone: a program has no address. */
static bool from_dirs(const struct img_env *env, const struct rcp_locked_program *p)
{
	struct pkg_fetch_options o = *env->fetch;
	const struct pkg_source s = { .what = p->module,
				      .archive = "programs",
				      .path = p->sha256,
				      .sha256 = p->sha256,
				      .size = p->size };

	o.offline = true;
	o.mirrors = NULL;
	o.progress = NULL;
	return o.source_dirs && pkg_fetch(&o, &s, 1, NULL) >= 0;
}

static int have_one(const struct img_env *env, const struct rcp_recipe *rcp,
		    const struct rcp_lock *lock, const struct rcp_locked_program *p,
		    struct eb_error **err)
{
	autofree char *what = eb_xasprintf("%s %s (%s)", p->module, p->version, p->arch);
	struct pkg_go_module main_module = { p->module, p->version, main_sum(lock, p) };
	const struct rcp_go *g = find_asked(rcp, p);
	EB_CLEANUP(request_release_p) struct request q = { 0 };
	EB_CLEANUP(pkg_once_end_p) struct pkg_once *once = NULL;
	struct pkg_go_result expect = { .size = p->size };
	char key[65];
	int r;

	if (!g || !main_module.h1 || strcmp(g->version, p->version) != 0 ||
	    strcmp(g->toolchain, p->toolchain) != 0) {
		r = eb_throw(err, EB_E_CONFLICT, "'%s/lock.yaml': %s %s %s is not in the recipe",
			     rcp->dir, p->module, p->version, p->package);
		return eb_hint(err, r, "ess-bundle lock %s", rcp->dir);
	}
	request_init(&q, g, p->arch);
	note_key(&q.p, key);
	if (is_cached(env->cache, p->sha256, p->size) || from_dirs(env, p) ||
	    img_shared_get_file(env->shared, SHARED_KIND, key, what, p->sha256, p->size)) {
		img_shared_put_file(env->shared, SHARED_KIND, key, what, p->sha256, p->size);
		return 0;
	}
	r = need_go(env, &q.p, err);
	if (r < 0)
		return r;
	snprintf(expect.sha256, sizeof(expect.sha256), "%s", p->sha256);
	snprintf(expect.gosum, sizeof(expect.gosum), "%s", p->gosum);
	expect.modules = &main_module;
	expect.n_modules = 1;
	once = begin(env, &q.p);
	if (!is_cached(env->cache, p->sha256, p->size))
		r = pkg_go_build(env->go, &q.p, &expect, NULL, err);
	if (r >= 0)
		img_shared_put_file(env->shared, SHARED_KIND, key, what, p->sha256, p->size);
	return r;
}

int img_programs_remake(const struct img_env *env, const struct rcp_recipe *rcp,
			const struct rcp_lock *lock, const char *arch, struct eb_error **err)
{
	int r = 0;

	for (size_t i = 0; i < lock->n_programs && r >= 0; i++) {
		const struct rcp_locked_program *p = &lock->programs[i];

		if (strcmp(p->arch, arch) == 0)
			r = have_one(env, rcp, lock, p, err);
	}
	return r;
}
