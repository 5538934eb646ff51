#include "image/own.h"

#include "base/error.h"
#include "recipe/recipe.h"

static struct pkg_fetch_options directories_only(const struct img_env *env)
{
	struct pkg_fetch_options o = *env->fetch;

	o.offline = true;
	o.mirrors = NULL;
	o.pip = NULL;
	o.progress = NULL;
	return o;
}

int img_own_find(const struct img_env *env, const char *url, const char *what,
		 char ret_sha256[static 65], uint64_t *ret_size, struct eb_error **err)
{
	const struct pkg_fetch_options o = directories_only(env);
	const struct pkg_source s = { .what = what, .url = url, .size = UINT64_MAX };
	autoerror struct eb_error *e = NULL;
	const char *name = url + strlen(RCP_OWN_URL);
	int r = pkg_fetch_first(&o, &s, ret_sha256, ret_size, &e);

	if (r >= 0)
		return 0;
	if (r != -EB_E_OFFLINE)
		return eb_error_forward(err, EB_TAKE_PTR(e));
	r = eb_throw(err, EB_E_NOT_FOUND, "%s: program '%s' is not beside this ess-bundle", what,
		     name);
	return eb_hint(err, r, "build it ('make'), or give --sources DIR with a file '%s'", name);
}

int img_own_have(const struct img_env *env, const char *url, const char *what, const char *sha256,
		 uint64_t size, const char *dir, struct eb_error **err)
{
	const struct pkg_fetch_options o = directories_only(env);
	const struct pkg_source s = { .what = what, .url = url, .sha256 = sha256, .size = size };
	char found[65];
	uint64_t found_size = 0;
	int r;

	if (pkg_fetch(&o, &s, 1, NULL) >= 0)
		return 0;
	r = img_own_find(env, url, what, found, &found_size, err);
	if (r < 0)
		return r;
	r = eb_throw(err, EB_E_DIGEST,
		     "%s: the lock has program '%s' with sha256:%s, the one beside this ess-bundle "
		     "has sha256:%s: other sources, or another compiler",
		     what, url + strlen(RCP_OWN_URL), sha256, found);
	return eb_hint(err, r, "ess-bundle lock %s", dir);
}
