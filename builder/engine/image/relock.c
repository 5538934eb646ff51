#include "image/relock.h"

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "image/image.h"
#include "image/others.h"
#include "image/programs.h"
#include "image/python.h"
#include "image/upstream.h"
#include "pkg/resolve.h"

#define IMG_ONLY_DEBIAN "debian"

enum { LOCK_MAX_BYTES = 16 * 1024 * 1024, MANIFESTS_MAX_BYTES = 64 * 1024 };

void img_relock_release(struct img_relock_result *r)
{
	free(r->diff);
	free(r->review);
	free(r->file);
	free(r->manifests);
	*r = (struct img_relock_result){ 0 };
}

static int load_old(const struct rcp_recipe *rcp, struct rcp_lock **ret, struct eb_error **err)
{
	autoerror struct eb_error *e = NULL;
	int r = rcp_lock_load(rcp->dir, ret, &e);

	if (r >= 0 || r == -EB_E_NOT_FOUND)
		return 0;
	return eb_error_forward(err, EB_TAKE_PTR(e));
}

/* Whether the Debian packages that `old` has are still what is asked for. */
static bool same_packages(const struct rcp_chain *recipes, const struct img_stage *stage,
			  const struct rcp_lock *old)
{
	if (!old || rcp_lock_state(old, recipes) == RCP_LOCK_STALE)
		return false;
	for (size_t i = 0; i + 1 < recipes->n; i++)
		if (stage[i].lock->epoch_sec > old->epoch_sec)
			return false;
	return true;
}

static int choose(const struct img_relock_options *o, const struct img_chain *c,
		  const struct rcp_lock *old, struct rcp_lock **ret, struct eb_error **err)
{
	autofree struct rcp_lock **parents = eb_xcalloc(c->n, sizeof(*parents));

	if (img_recipe(c)->image.ref)
		return img_upstream_lock(o->env, img_recipe(c), ret, err);

	for (size_t i = 0; i + 1 < c->n; i++)
		parents[i] = c->stage[i].lock;
	return pkg_resolve(o->repo, &c->recipes, parents, old, ret, err);
}

/* The package that gives the image its version must be in it. */
static int check_version(const struct img_chain *c, struct eb_error **err)
{
	const struct rcp_recipe *rcp = img_recipe(c);
	autofree const char **names = NULL;
	size_t n = 0, max = 0;
	const char *near;

	for (size_t s = 0; s < c->n; s++)
		max += c->stage[s].lock->n_packages;
	names = eb_xcalloc(max + 1, sizeof(*names));
	for (size_t s = 0; s < c->n; s++)
		for (size_t i = 0; i < c->stage[s].lock->n_packages; i++)
			names[n++] = c->stage[s].lock->packages[i].name;
	for (size_t i = 0; i < n; i++)
		if (!rcp->version_package || strcmp(names[i], rcp->version_package) == 0)
			return 0;
	if (!rcp->version_package)
		return 0;
	near = eb_nearest(rcp->version_package, names);
	return rcp_throw(&rcp->version_pos, err, "version: package '%s' is not in the image%s%s%s",
			 rcp->version_package, near ? "; did you mean '" : "", near ? near : "",
			 near ? "'?" : "");
}

static int measure(const struct img_relock_options *o, struct img_chain *c, struct rcp_lock *lock,
		   char **ret_manifests, struct eb_error **err)
{
	/* A lock's clock is its own, or nobody else could build with it. */
	struct img_env env = *o->env;
	EB_CLEANUP(img_session_free_p) struct img_session *s = img_session_new(&env);
	EB_CLEANUP(img_image_release_p) struct img_image image = { 0 };
	const struct img_need all = { .chain = c };
	EB_AUTOBUF(b, MANIFESTS_MAX_BYTES);
	int r;

	env.epoch_sec = -1;
	rcp_lock_clear_results(lock);
	/* Made below, of what the recipe says now. */
	lock->n_built = 0;
	r = img_fetch(&env, &all, 1, err);
	if (r >= 0)
		r = img_python_bytecode(&env, c, err);
	if (r >= 0)
		r = img_image_plan(s, c, NULL, 0, IMG_TRUST_PARENTS, &image, err);
	if (r < 0)
		return r;
	img_image_to_lock(&image, &env, lock);
	for (size_t i = 0; i < image.n_platforms; i++)
		eb_buf_addf(&b, "linux/%s %s\n", image.platforms[i].arch,
			    image.platforms[i].manifest.desc.digest.text);
	*ret_manifests = eb_buf_take(&b);
	return 0;
}

static int finish(const struct img_relock_options *o, const struct rcp_recipe *rcp,
		  const struct rcp_lock *old, struct rcp_lock *now, struct img_relock_result *ret,
		  struct eb_error **err)
{
	EB_AUTOBUF(before, LOCK_MAX_BYTES);
	autofree char *text = NULL;
	size_t n;
	int r = 0;

	text = rcp_lock_write(now, &n);
	ret->file = eb_xasprintf("%s/lock.yaml", rcp->dir);
	ret->diff = rcp_lock_diff(old, now);
	if (old)
		r = eb_file_read(ret->file, &before, err);
	if (r < 0)
		return r;
	ret->changed = before.len != n || memcmp(eb_buf_str(&before), text, n) != 0;
	if (ret->changed && !o->dry_run)
		r = eb_file_write(ret->file, text, n, 0644, err);
	return r;
}

/* The chain with the locks of all stages but the last. */
static int load_parents(const char *dir, struct img_chain *c, struct eb_error **err)
{
	int r = rcp_chain_load(dir, &c->recipes, err);

	if (r < 0)
		return r;
	c->n = c->recipes.n;
	c->stage = eb_xcalloc(c->n, sizeof(*c->stage));
	for (size_t i = 0; i < c->n && r >= 0; i++) {
		c->stage[i].recipe = c->recipes.stage[i];
		if (i + 1 < c->n)
			r = rcp_lock_load(c->recipes.stage[i]->dir, &c->stage[i].lock, err);
	}
	return r;
}

/* Must be the name of something. */
static int check_only(const struct img_relock_options *o, const struct rcp_recipe *rcp,
		      struct eb_error **err)
{
	autofree const char **names = eb_xcalloc(rcp->n_archives + rcp->n_entries + 2,
						 sizeof(*names));
	const char *near;
	size_t n = 0;

	names[n++] = IMG_ONLY_DEBIAN;
	for (size_t i = 0; i < rcp->n_archives; i++)
		names[n++] = rcp->archives[i].name;
	for (size_t i = 0; i < rcp->n_entries; i++)
		if (rcp->entries[i].remote.url)
			names[n++] = rcp->entries[i].path;
	for (size_t i = 0; i < n; i++)
		if (!o->only || strcmp(o->only, names[i]) == 0)
			return 0;
	near = eb_nearest(o->only, names);
	return eb_throw(err, EB_E_NOT_FOUND, "%s: has no archive or file '%s'%s%s%s", rcp->file,
			o->only, near ? "; did you mean '" : "", near ? near : "",
			near ? "'?" : "");
}

/* The lock of the last stage with its inputs, chosen anew or kept. */
static int choose_inputs(const struct img_relock_options *o, struct img_chain *c,
			 const struct rcp_lock *old, struct img_relock_result *res,
			 struct eb_error **err)
{
	const struct rcp_recipe *rcp = img_recipe(c);
	struct rcp_lock **now = &c->stage[c->n - 1].lock;
	EB_AUTOBUF(review, LOCK_MAX_BYTES);
	bool wheels;
	int r;

	r = check_only(o, rcp, err);
	if (r < 0)
		return r;
	res->new_inputs = (o->update && (!o->only || strcmp(o->only, IMG_ONLY_DEBIAN) == 0)) ||
			  !same_packages(&c->recipes, c->stage, old);
	if (res->new_inputs)
		r = choose(o, c, old, now, err);
	else
		r = load_old(rcp, now, err);
	if (r < 0)
		return r;
	wheels = res->new_inputs || (o->update && !o->only) ||
		 rcp_lock_state(*now, &c->recipes) != RCP_LOCK_ANSWERS;
	res->new_inputs |= o->update || rcp_lock_state(*now, &c->recipes) != RCP_LOCK_ANSWERS;
	rcp_lock_clear_others(*now);
	r = img_lock_others(o->env, rcp, old, o->update, o->only, *now, &review, err);
	if (r >= 0)
		r = img_programs_lock(o->env, rcp, old, *now, err);
	if (r >= 0 && wheels)
		r = img_python_wheels(o->env, c, err);
	if (r < 0)
		return r;
	res->review = eb_buf_take(&review);
	return 0;
}

int img_relock(const struct img_relock_options *o, const char *dir, struct img_relock_result *ret,
	       struct eb_error **err)
{
	EB_CLEANUP(img_relock_release_p) struct img_relock_result res = { 0 };
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *old = NULL;
	EB_CLEANUP(img_chain_release_p) struct img_chain c = { 0 };
	const struct rcp_recipe *rcp;
	int r = load_parents(dir, &c, err);

	if (r < 0)
		return r;
	rcp = img_recipe(&c);
	r = load_old(rcp, &old, err);
	if (r < 0)
		return r;
	r = choose_inputs(o, &c, old, &res, err);
	if (r >= 0)
		r = check_version(&c, err);
	if (r >= 0)
		r = measure(o, &c, c.stage[c.n - 1].lock, &res.manifests, err);
	if (r >= 0)
		r = finish(o, rcp, old, c.stage[c.n - 1].lock, &res, err);
	if (r < 0)
		return r;
	*ret = res;
	res = (struct img_relock_result){ 0 };
	return 0;
}
