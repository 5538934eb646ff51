#include "base/error.h"
#include "base/json.h"
#include "bundle/verify.h"
#include "cli/cmd.h"
#include "cli/signing.h"
#include "sign/key.h"

struct args {
	const char *key;
	bool digests_only;
};

static void report(struct cmd_env *env, const char *path, const struct bnd_bundle *b,
		   const struct bnd_verify_result *res, const struct oci_key *key)
{
	char id[48] = "";

	if (key)
		oci_key_hint(key, id);
	if (env->json) {
		json_t *j = eb_json_object();

		eb_json_set_str(j, "file", path);
		eb_json_set_str(j, "root", b->root.digest.text);
		eb_json_set_u64(j, "blobs", res->blobs);
		eb_json_set_u64(j, "bytes", res->bytes);
		eb_json_set_u64(j, "signatures", res->signatures);
		eb_json_set_u64(j, "valid_signatures", res->valid);
		eb_json_set_str(j, "key", key ? id : NULL);
		eb_json_set(j, "verified", json_true());
		env_print_json(env, j);
		return;
	}
	env_printf(env, "%s: %llu blobs, %llu bytes, all as listed\n", path,
		   (unsigned long long)res->blobs, (unsigned long long)res->bytes);
	if (key)
		env_printf(env, "root %s signed by %s\n", b->root.digest.text, id);
	else
		env_printf(env, "root %s, signature not checked\n", b->root.digest.text);
}

static int run(struct cmd_env *env, void *argp, int argc, char **argv, struct eb_error **err)
{
	const struct args *a = argp;
	EB_CLEANUP(oci_key_free_p) struct oci_key *key = NULL;
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	struct bnd_verify_result res;
	int r = 0;

	(void)argc;
	if (!a->key && !a->digests_only) {
		r = eb_throw(err, EB_E_SIGNATURE, "no key given, so nobody can say who made '%s'",
			     argv[0]);
		return eb_hint(err, r,
			       "give the maker's public key with --key, or --digests-only to check "
			       "for damage alone");
	}
	if (a->key)
		r = signing_load_public(a->key, &key, err);
	if (r >= 0)
		r = bnd_verify(argv[0], key, env_pool(env), env->progress, &b, &res, err);
	if (r >= 0)
		report(env, argv[0], &b, &res, key);
	return r;
}

static const struct opt options[] = {
	{ "key", 'k', .kind = OPT_STRING, .arg = "PUB",
	  .help = "public key that must have signed the bundle",
	  .offset = offsetof(struct args, key) },
	{ "digests-only", .kind = OPT_FLAG, .help = "check for damage, not who signed",
	  .offset = offsetof(struct args, digests_only) },
	OPT_END,
};

const struct cmd cmd_verify = {
	.name = "verify",
	.group = CMD_TRUST,
	.summary = "check every byte of a bundle and who signed it",
	.synopsis = "--key PUB FILE",
	.description = "Every byte of FILE is accounted for: blobs by their digests, which the "
		       "root covers, the "
		       "rest by being what the writer writes. Then one of the signatures must be "
		       "by the key.\n\n"
		       "Exit status 0 when all holds, 3 when anything does not.",
	.options = options,
	.args_size = sizeof(struct args),
	.uses = CMD_JSON | CMD_JOBS,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
