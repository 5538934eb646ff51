#include "bundle/keep.h"

#include <dirent.h>

#include "base/error.h"
#include "base/mem.h"
#include "bundle/def.h"
#include "recipe/lock.h"

enum { MAX_HASHES = 4000000 };

void bnd_keep_release(struct bnd_keep *k)
{
	free(k->hashes);
	if (k->arena)
		eb_arena_free(k->arena);
	*k = (struct bnd_keep){ 0 };
}

static int add(struct bnd_keep *k, const char *sha256, struct eb_error **err)
{
	int r = eb_grow(&k->hashes, &k->alloc, k->n + 1, sizeof(*k->hashes), MAX_HASHES,
			"sources to keep", err);

	if (r >= 0)
		k->hashes[k->n++] = eb_arena_strdup(k->arena, sha256);
	return r;
}

/* What does not come from a Debian archive. */
static int add_others(struct bnd_keep *k, const struct rcp_lock *l, struct eb_error **err)
{
	int r = 0;

	for (size_t i = 0; i < l->n_wheels && r >= 0; i++)
		r = add(k, l->wheels[i].sha256, err);
	for (size_t i = 0; i < l->n_programs && r >= 0; i++)
		r = add(k, l->programs[i].sha256, err);
	for (size_t i = 0; i < l->n_archives && r >= 0; i++)
		r = add(k, l->archives[i].sha256, err);
	for (size_t i = 0; i < l->n_files && r >= 0; i++)
		r = add(k, l->files[i].sha256, err);
	for (size_t i = 0; i < l->n_blobs && r >= 0; i++)
		r = add(k, l->blobs[i].sha256, err);
	for (size_t i = 0; i < l->n_built && r >= 0; i++)
		r = add(k, l->built[i].sha256, err);
	return r;
}

static int add_lock(struct bnd_keep *k, const char *dir, struct eb_error **err)
{
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *l = NULL;
	autoerror struct eb_error *e = NULL;
	int r = rcp_lock_load(dir, &l, &e);

	if (r == -EB_E_NOT_FOUND)
		return 0;
	if (r < 0)
		return eb_error_forward(err, EB_TAKE_PTR(e));
	k->recipes++;
	for (size_t i = 0; i < l->n_suites && r >= 0; i++)
		r = add(k, l->suites[i].sha256, err);
	for (size_t i = 0; i < l->n_packages && r >= 0; i++)
		r = add(k, l->packages[i].sha256, err);
	for (size_t i = 0; i < l->n_codecs && r >= 0; i++)
		r = add(k, l->codecs[i].sha256, err);
	return r < 0 ? r : add_others(k, l, err);
}

/* Locks count whether or not they answer their recipe any more: what they name is what a build or
 * the next lock begins with. */
static int add_recipe(struct bnd_keep *k, const char *dir, struct eb_error **err)
{
	EB_CLEANUP(rcp_chain_release_p) struct rcp_chain chain = { 0 };
	int r = rcp_chain_load(dir, &chain, err);

	for (size_t i = 0; i < chain.n && r >= 0; i++)
		r = add_lock(k, chain.stage[i]->dir, err);
	return r;
}

static int add_bundle(struct bnd_keep *k, const char *dir, struct eb_error **err)
{
	EB_CLEANUP(bnd_def_free_p) struct bnd_def *def = NULL;
	int r = bnd_def_load(dir, &def, err);

	for (size_t i = 0; r >= 0 && i < def->n_images; i++)
		r = add_recipe(k, def->images[i].dir, err);
	return r;
}

/* 1 when dir was one of the two. */
static int add_one(struct bnd_keep *k, const char *dir, struct eb_error **err)
{
	autofree char *bundle = eb_xasprintf("%s/bundle.yaml", dir);
	autofree char *recipe = eb_xasprintf("%s/recipe.yaml", dir);
	int r;

	if (access(bundle, F_OK) == 0)
		r = add_bundle(k, dir, err);
	else if (access(recipe, F_OK) == 0)
		r = add_recipe(k, dir, err);
	else
		return 0;
	return r < 0 ? r : 1;
}

int bnd_keep_add(struct bnd_keep *k, const char *dir, struct eb_error **err)
{
	struct dirent *e;
	int found = 0, r;
	DIR *d;

	if (!k->arena)
		k->arena = eb_arena_new();
	r = add_one(k, dir, err);
	if (r != 0)
		return r < 0 ? r : 0;
	d = opendir(dir);
	if (!d)
		return eb_throw_errno(err, "open directory '%s'", dir);
	while (r >= 0 && (e = readdir(d))) {
		autofree char *below = eb_xasprintf("%s/%s", dir, e->d_name);

		if (e->d_name[0] == '.')
			continue;
		r = add_one(k, below, err);
		found |= r > 0;
	}
	closedir(d);
	if (r < 0)
		return r;
	if (!found)
		return eb_throw(err, EB_E_NOT_FOUND,
				"'%s' holds neither recipe.yaml nor bundle.yaml, nor directories "
				"that do",
				dir);
	return 0;
}

static int by_text(const void *pa, const void *pb)
{
	return strcmp(*(const char *const *)pa, *(const char *const *)pb);
}

void bnd_keep_finish(struct bnd_keep *k)
{
	size_t kept = 0;

	if (k->n)
		qsort(k->hashes, k->n, sizeof(*k->hashes), by_text);
	for (size_t i = 0; i < k->n; i++)
		if (kept == 0 || strcmp(k->hashes[i], k->hashes[kept - 1]) != 0)
			k->hashes[kept++] = k->hashes[i];
	k->n = kept;
}
