/* The `python` part of recipes: which wheels, where they go, and bytecode made by the Python that
 * is in the image. */
#pragma once

#include "image/chain.h"

struct pkg_wheel_scheme;

/* Where wheels go in the image of this recipe; strings of the recipe or the arena. */
void img_python_scheme(const struct rcp_recipe *rcp, struct eb_arena *arena,
		       struct pkg_wheel_scheme *ret);

/* Choose the wheels of the last stage of c by pip, bring them into the cache and check them, and
 * put them into that stage's lock in place of those that it has; its Debian packages are chosen
 * already. Nothing if the recipe has no python. Errors: those of pkg_pip_resolve() with the place
 * in the recipe, EB_E_RECIPE for what no package provides, EB_E_OFFLINE. */
int img_python_wheels(const struct img_env *env, const struct img_chain *c,
		      struct eb_error **err) EB_MUST_CHECK;
/* Make the bytecode of the last stage for each of its architectures and add it to the lock. All
 * inputs are in the cache. */
int img_python_bytecode(const struct img_env *env, const struct img_chain *c,
			struct eb_error **err) EB_MUST_CHECK;
/* Make again what the lock of the last stage names for arch and the cache lacks: EB_E_DIGEST when
 * it comes out otherwise. */
int img_python_remake(const struct img_env *env, const struct img_chain *c, const char *arch,
		      struct eb_error **err) EB_MUST_CHECK;
/* Has the cache what the lock of c's last stage says was built for arch? */
bool img_python_has(const struct img_env *env, const struct img_chain *c, const char *arch);
/* The package of c's locks that makes its bytecode on this host, one after the other: the first
 * call with *at = 0; NULL at the end. */
const struct rcp_locked_package *img_python_tool(const struct img_env *env,
						 const struct img_chain *c, size_t *at);
