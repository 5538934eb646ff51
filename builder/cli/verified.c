#include "cli/verified.h"

#include "base/error.h"
#include "bundle/verify.h"
#include "cli/signing.h"
#include "sign/key.h"

int verified_open(struct cmd_env *env, const struct verified_args *a, const char *path,
		  struct bnd_bundle *ret, struct eb_error **err)
{
	EB_CLEANUP(oci_key_free_p) struct oci_key *key = NULL;
	struct bnd_verify_result res;
	int r = 0;

	if (!a->key && !a->digests_only) {
		r = eb_throw(err, EB_E_SIGNATURE, "no key given, so nobody can say who made '%s'",
			     path);
		return eb_hint(err, r,
			       "give the maker's public key with --key, or --digests-only to check "
			       "for damage alone");
	}
	if (a->key)
		r = signing_load_public(a->key, &key, err);
	return r < 0 ? r : bnd_verify(path, key, env_pool(env), env->progress, ret, &res, err);
}
