#include "base/error.h"
#include "base/json.h"
#include "bundle/sign.h"
#include "cli/cmd.h"
#include "cli/signing.h"

struct args {
	const char *key;
};

static int run(struct cmd_env *env, void *argp, int argc, char **argv, struct eb_error **err)
{
	const struct args *a = argp;
	EB_CLEANUP(signing_release_p) struct signing s = { 0 };
	struct oci_digest root;
	bool added = false;
	int r = signing_load(a->key, &s, err);

	(void)argc;
	if (r >= 0)
		r = bnd_sign_file(argv[0], s.key, env_pool(env), env->progress, &added, &root, err);
	if (r < 0)
		return r;
	if (env->json) {
		json_t *j = eb_json_object();

		eb_json_set_str(j, "file", argv[0]);
		eb_json_set_str(j, "root", root.text);
		eb_json_set_str(j, "key", s.public_id);
		eb_json_set(j, "added", json_boolean(added));
		env_print_json(env, j);
	} else {
		env_printf(env, "%s: root %s %s %s\n", argv[0], root.text,
			   added ? "signed by" : "was already signed by", s.public_id);
	}
	return 0;
}

static const struct opt options[] = {
	{ "key", 'k', .required = true, .kind = OPT_STRING, .arg = "KEY",
	  .help = "private key to sign with", .offset = offsetof(struct args, key) },
	OPT_END,
};

const struct cmd cmd_sign = {
	.name = "sign",
	.group = CMD_TRUST,
	.summary = "add a signature to a bundle, in place",
	.synopsis = "--key KEY FILE",
	.description = "Verifies the content of FILE, then adds a signature of its root. Nothing "
		       "that was there "
		       "changes, other signatures stay, and the root's digest is the same as "
		       "before. Several "
		       "people can sign one after the other.\n\n"
		       "The password of the key comes from COSIGN_PASSWORD or is asked for.",
	.options = options,
	.args_size = sizeof(struct args),
	.uses = CMD_JSON | CMD_JOBS,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
