#include <openssl/crypto.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "sign/key.h"

struct args {
	const char *output;
	bool force;
};

static int refuse_existing(const char *path, struct eb_error **err)
{
	struct stat st;
	int r;

	if (lstat(path, &st) < 0)
		return 0;
	r = eb_throw(err, EB_E_CONFLICT, "'%s' exists", path);
	return eb_hint(err, r, "give another prefix with -o, or --force to replace it");
}

static int write_pair(const struct oci_key *key, const char *private, const char *public,
		      const char *password, struct eb_error **err)
{
	EB_AUTOBUF(secret, OCI_KEY_FILE_MAX_BYTES);
	EB_AUTOBUF(open, OCI_KEY_FILE_MAX_BYTES);
	int r = oci_key_write_private(key, password, &secret, err);

	if (r >= 0)
		r = oci_key_write_public(key, &open, err);
	if (r >= 0)
		r = eb_file_write(private, eb_buf_str(&secret), secret.len, 0600, err);
	if (r >= 0)
		r = eb_file_write(public, eb_buf_str(&open), open.len, 0644, err);
	if (secret.data)
		OPENSSL_cleanse(secret.data, secret.alloc);
	return r;
}

static int run(struct cmd_env *env, void *argp, int argc, char **argv, struct eb_error **err)
{
	const struct args *a = argp;
	autofree char *private = eb_xasprintf("%s.key", a->output);
	autofree char *public = eb_xasprintf("%s.pub", a->output);
	EB_CLEANUP(oci_key_free_p) struct oci_key *key = NULL;
	char *password = NULL;
	char hint[48];
	int r = 0;

	(void)argc;
	(void)argv;
	if (!a->force)
		r = refuse_existing(private, err);
	if (r >= 0 && !a->force)
		r = refuse_existing(public, err);
	if (r >= 0)
		r = env_password("password for the new key", true, &password, err);
	if (r >= 0)
		r = oci_key_generate(&key, err);
	if (r >= 0)
		r = write_pair(key, private, public, password, err);
	env_password_free(&password);
	if (r < 0)
		return r;
	oci_key_hint(key, hint);
	if (env->json) {
		json_t *j = eb_json_object();

		eb_json_set_str(j, "private", private);
		eb_json_set_str(j, "public", public);
		eb_json_set_str(j, "id", hint);
		env_print_json(env, j);
	} else {
		env_printf(env, "%s\n%s\n", private, public);
	}
	return 0;
}

static const struct opt options[] = {
	{ "output", 'o', .kind = OPT_STRING, .arg = "PREFIX",
	  .help = "write PREFIX.key and PREFIX.pub, by default ess-bundle.key and .pub",
	  .offset = offsetof(struct args, output) },
	{ "force", 'f', .kind = OPT_FLAG, .help = "replace existing files",
	  .offset = offsetof(struct args, force) },
	OPT_END,
};

static const struct args defaults = { .output = "ess-bundle" };

const struct cmd cmd_keygen = {
	.name = "keygen",
	.group = CMD_TRUST,
	.summary = "make a pair of signing keys",
	.synopsis = "[OPTION]...",
	.description =
		"Makes an ECDSA P-256 key in cosign's format: the private half is encrypted with a "
		"password (from COSIGN_PASSWORD, which may be empty, or asked for twice) and "
		"readable "
		"by its owner only; the public half goes to whoever verifies.",
	.options = options,
	.args_size = sizeof(struct args),
	.defaults = &defaults,
	.uses = CMD_JSON,
	.min_args = 0,
	.max_args = 0,
	.run = run,
};
