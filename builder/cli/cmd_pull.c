#include <errno.h>

#include "base/error.h"
#include "base/json.h"
#include "bundle/pull.h"
#include "cli/cmd.h"
#include "cli/remote.h"
#include "cli/signing.h"
#include "sign/key.h"

struct args {
	const char *output, *key;
	bool plan;
	struct remote_args remote;
};

static void report(struct cmd_env *env, const char *path, const struct bnd_pull_result *res)
{
	if (env->json) {
		json_t *j = eb_json_object();

		eb_json_set_str(j, "file", path);
		eb_json_set_str(j, "root", res->root.text);
		eb_json_set_u64(j, "bytes", res->file_bytes);
		eb_json_set_u64(j, "bytes_fetched", res->fetched_bytes);
		eb_json_set_u64(j, "signatures", res->signatures);
		env_print_json(env, j);
		return;
	}
	env_note(env, "%s: %llu bytes, %llu fetched, %zu signatures", path,
		 (unsigned long long)res->file_bytes, (unsigned long long)res->fetched_bytes,
		 res->signatures);
	env_printf(env, "%s\n", res->root.text);
}

static int report_plan(struct cmd_env *env, const struct args *a, const struct bnd_pull_result *res,
		       struct eb_error **err)
{
	bool known = res->free_bytes != UINT64_MAX, room = res->file_bytes <= res->free_bytes;

	if (env->json) {
		json_t *j = eb_json_object();

		eb_json_set(j, "plan", json_boolean(true));
		eb_json_set_str(j, "file", a->output);
		eb_json_set_str(j, "root", res->root.text);
		eb_json_set_u64(j, "bytes", res->file_bytes);
		eb_json_set_u64(j, "bytes_missing", res->missing_bytes);
		eb_json_set_u64(j, "signatures", res->signatures);
		if (known)
			eb_json_set_u64(j, "bytes_free", res->free_bytes);
		if (a->remote.max_rate)
			eb_json_set(
				j, "seconds_at_least",
				json_real((double)res->missing_bytes / (double)a->remote.max_rate));
		env_print_json(env, j);
	} else {
		env_note(env, "%s: %llu bytes, %llu to fetch, %zu signatures", a->output,
			 (unsigned long long)res->file_bytes,
			 (unsigned long long)res->missing_bytes, res->signatures);
		env_printf(env, "%s\n", res->root.text);
	}
	if (room)
		return 0;
	return eb_throw(err, ENOSPC, "'%s' needs %llu bytes, %llu are free there", a->output,
			(unsigned long long)res->file_bytes, (unsigned long long)res->free_bytes);
}

static int run(struct cmd_env *env, void *argp, int argc, char **argv, struct eb_error **err)
{
	const struct args *a = argp;
	EB_CLEANUP(oci_ref_release_p) struct oci_ref ref = { .host = NULL };
	EB_CLEANUP(remote_release_p) struct remote remote = { .progress = env->progress };
	EB_CLEANUP(oci_registry_free_p) struct oci_registry *registry = NULL;
	EB_CLEANUP(oci_key_free_p) struct oci_key *key = NULL;
	struct bnd_pull_options o = { .progress = env->progress, .plan = a->plan };
	struct bnd_pull_result res;
	int r = oci_ref_parse(argv[0], &ref, err);

	(void)argc;
	if (r >= 0 && a->key)
		r = signing_load_public(a->key, &key, err);
	if (r >= 0)
		r = remote_init(&remote, &a->remote, err);
	if (r >= 0)
		r = remote_registry(&remote, ref.host, false, false, &registry, err);
	o.pool = remote.pool;
	o.key = key;
	if (r >= 0)
		r = bnd_pull(registry, &ref, a->output, &o, &res, err);
	if (r >= 0 && a->plan)
		r = report_plan(env, a, &res, err);
	else if (r >= 0)
		report(env, a->output, &res);
	return r;
}

static const struct opt options[] = {
	{ "output", 'o', .required = true, .kind = OPT_STRING, .arg = "FILE",
	  .help = "write the bundle to FILE", .offset = offsetof(struct args, output) },
	{ "key", 'k', .kind = OPT_STRING, .arg = "PUB",
	  .help = "public key that must have signed the bundle",
	  .offset = offsetof(struct args, key) },
	{ "plan", .kind = OPT_FLAG, .help = "look and say what would be fetched; write nothing",
	  .offset = offsetof(struct args, plan) },
	REMOTE_TRANSFER_OPTIONS(struct args),
	OPT_END,
};

const struct cmd cmd_pull = {
	.name = "pull",
	.group = CMD_REGISTRY,
	.summary = "make a bundle file of what push brought to a registry",
	.synopsis = "[OPTION]... -o FILE REF",
	.description =
		"REF is where 'push' said that the bundle is: HOST/PREFIX/NAME:VERSION, or with "
		"@DIGEST. FILE has the same bytes as the one that was pushed. Every byte is "
		"verified; with --key the signature as well.\n\n"
		"What was fetched stays in FILE.part when it fails; the next run fetches the "
		"rest.",
	.options = options,
	.args_size = sizeof(struct args),
	.uses = CMD_JSON,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
