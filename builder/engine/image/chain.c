#include "image/chain.h"

#include "base/error.h"
#include "base/mem.h"

/* The lock must answer the recipes up to its own stage. */
static int check_lock(const struct rcp_chain *recipes, size_t s, const struct rcp_lock *lock,
		      struct eb_error **err)
{
	struct rcp_chain upto = { recipes->stage, s + 1 };
	int r;

	if (lock->recipe && strcmp(lock->recipe, recipes->stage[s]->name) != 0)
		return eb_throw(err, EB_E_CONFLICT, "%s is the lock of '%s', expected '%s'",
				lock->file, lock->recipe, recipes->stage[s]->name);
	if (rcp_lock_state(lock, &upto) == RCP_LOCK_ANSWERS)
		return 0;
	r = eb_throw(err, EB_E_CONFLICT,
		     "%s does not answer %s any more: what it asks for has changed", lock->file,
		     recipes->stage[s]->file);
	return eb_hint(err, r, "run 'ess-bundle lock %s' and review the diff",
		       recipes->stage[s]->dir);
}

int img_chain_load(const char *dir, struct img_chain *ret, struct eb_error **err)
{
	EB_CLEANUP(img_chain_release_p) struct img_chain c = { 0 };
	int r = rcp_chain_load(dir, &c.recipes, err);

	if (r < 0)
		return r;
	c.n = c.recipes.n;
	c.stage = eb_xcalloc(c.n, sizeof(*c.stage));
	for (size_t i = 0; i < c.n; i++) {
		c.stage[i].recipe = c.recipes.stage[i];
		r = rcp_lock_load(c.recipes.stage[i]->dir, &c.stage[i].lock, err);
		if (r >= 0)
			r = check_lock(&c.recipes, i, c.stage[i].lock, err);
		if (r < 0)
			return r;
	}
	*ret = c;
	c = (struct img_chain){ 0 };
	return 0;
}

void img_chain_release(struct img_chain *c)
{
	for (size_t i = 0; c->stage && i < c->n; i++)
		rcp_lock_free(c->stage[i].lock);
	free(c->stage);
	rcp_chain_release(&c->recipes);
	*c = (struct img_chain){ 0 };
}

struct img_chain img_chain_upto(const struct img_chain *c, size_t s)
{
	return (struct img_chain){ { c->recipes.stage, s + 1 }, c->stage, s + 1 };
}

const struct rcp_recipe *img_recipe(const struct img_chain *c)
{
	return c->stage[c->n - 1].recipe;
}

bool img_has_arch(const struct img_chain *c, const char *arch)
{
	const struct rcp_recipe *r = img_recipe(c);

	for (size_t i = 0; i < r->n_architectures; i++)
		if (strcmp(r->architectures[i], arch) == 0)
			return true;
	return false;
}

int64_t img_epoch(const struct img_env *env, const struct img_chain *c)
{
	int64_t newest = 0;

	if (env->epoch_sec >= 0)
		return env->epoch_sec;
	for (size_t i = 0; i < c->n; i++)
		if (c->stage[i].lock->epoch_sec > newest)
			newest = c->stage[i].lock->epoch_sec;
	return newest;
}

char *img_version(const struct img_chain *c)
{
	const struct rcp_recipe *rcp = img_recipe(c);

	if (rcp->version)
		return eb_xstrdup(rcp->version);
	for (size_t s = c->n; rcp->version_package && s > 0; s--) {
		const struct rcp_lock *l = c->stage[s - 1].lock;

		for (size_t i = 0; i < l->n_packages; i++) {
			const char *v = l->packages[i].version, *colon = strchr(v, ':');

			if (strcmp(l->packages[i].name, rcp->version_package) == 0)
				return eb_xstrdup(colon ? colon + 1 : v);
		}
	}
	return eb_xstrdup("0");
}

static const struct rcp_locked_codec *find_codec(const struct img_chain *c, const char *kind,
						 const char *arch)
{
	for (size_t s = c->n; s > 0; s--) {
		const struct rcp_lock *l = c->stage[s - 1].lock;

		for (size_t i = 0; i < l->n_codecs; i++)
			if (strcmp(l->codecs[i].kind, kind) == 0 &&
			    (!arch || strcmp(l->codecs[i].arch, arch) == 0))
				return &l->codecs[i];
	}
	return NULL;
}

const struct rcp_locked_codec *img_locked_codec(const struct img_env *env,
						const struct img_chain *c, const char *arch)
{
	return find_codec(c, eb_codec_name(env->compression), arch);
}
