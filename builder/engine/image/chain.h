/* A recipe with all that it builds on, each stage with its lock: the input of everything in this
 * folder. Immutable after loading. */
#pragma once

#include "image/env.h"
#include "recipe/lock.h"
#include "recipe/recipe.h"

struct img_stage {
	const struct rcp_recipe *recipe; /* borrowed from recipes */
	struct rcp_lock *lock;		 /* owned */
};

struct img_chain {
	struct rcp_chain recipes;
	struct img_stage *stage;
	size_t n;
};

/* Reads dir/recipe.yaml, its parents, and their locks. A lock whose inputs hash is not the
 * recipe's is EB_E_CONFLICT with the hint to lock again. */
int img_chain_load(const char *dir, struct img_chain *ret, struct eb_error **err) EB_MUST_CHECK;
void img_chain_release(struct img_chain *c);
EB_DEFINE_RELEASE(struct img_chain, img_chain_release)

/* The first s + 1 stages of c; borrows all of it. */
struct img_chain img_chain_upto(const struct img_chain *c, size_t s);
const struct rcp_recipe *img_recipe(const struct img_chain *c); /* of the image itself */
bool img_has_arch(const struct img_chain *c, const char *arch);
/* The clock of the build: the override, else the newest epoch of the locks. */
int64_t img_epoch(const struct img_env *env, const struct img_chain *c);
/* Version of the image: literal, or that of its package without epoch; "0" if nothing says one.
 * Heap. */
char *img_version(const struct img_chain *c);

/* The key of the last stage on `arch`: hash of everything that decides the bytes of its layers, the
 * files of the recipe and the codec included. */
int img_stage_key(const struct img_env *env, const struct img_chain *c, const char *arch,
		  char ret[static 65], struct eb_error **err) EB_MUST_CHECK;

struct img_need { /* an image, and on which architectures */
	const struct img_chain *chain;
	const char *const *arches; /* NULL = all of its recipe */
	size_t n_arches;
	const char *const *made; /* on these only what it carries is needed: its layers are there */
	size_t n_made;
};
/* Fetch all packages that the images need, each once, and this host's codec library. */
int img_fetch(const struct img_env *env, const struct img_need *needs, size_t n,
	      struct eb_error **err) EB_MUST_CHECK;

/* The codec that the chain's locks name for env->compression, loaded from the source cache.
 * *ret_fallback is set when the system's had to be taken (no entry for this host). */
int img_codec_open(const struct img_env *env, const struct img_chain *c, struct eb_codec **ret,
		   bool *ret_fallback, struct eb_error **err) EB_MUST_CHECK;
/* The nearest stage's entry for env->compression on the host architecture (NULL = any). */
const struct rcp_locked_codec *img_locked_codec(const struct img_env *env,
						const struct img_chain *c, const char *arch);
