#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/progress.h"
#include "bundle/push.h"
#include "bundle/verify.h"
#include "cli/cmd.h"
#include "cli/preflight.h"
#include "cli/remote.h"
#include "cli/signing.h"
#include "cli/ui.h"
#include "dist/ref.h"
#include "sign/key.h"

struct args {
	const char *key;
	bool plan;
	unsigned int sparse; /* enum bnd_sparse */
	struct remote_args remote;
};

/* "HOST/REPO:TAG", or by digest. */
static char *target_ref(const struct bnd_push_target *t, const char *host)
{
	return t->tag ? eb_xasprintf("%s/%s:%s", host, t->repo, t->tag)
		      : eb_xasprintf("%s/%s@%s", host, t->repo, t->digest.text);
}

static json_t *target_json(const struct bnd_push_target *t, const char *host)
{
	json_t *j = eb_json_object();
	autofree char *ref = target_ref(t, host);

	eb_json_set_str(j, "name", t->name);
	eb_json_set_str(j, "ref", ref);
	eb_json_set_str(j, "digest", t->digest.text);
	eb_json_set(j, "there", json_boolean(t->there));
	if (t->rewritten)
		eb_json_set(j, "rewritten", json_true());
	return j;
}

/* j: what the look before found, or empty; taken. */
static void report_json(struct cmd_env *env, const struct bnd_push_result *res, const char *host,
			bool plan, json_t *j)
{
	json_t *list = eb_json_array();

	for (size_t i = 0; i < res->n_targets; i++)
		eb_json_push(list, target_json(&res->targets[i], host));
	eb_json_set(j, "plan", json_boolean(plan));
	eb_json_set(j, "targets", list);
	eb_json_set_u64(j, "blobs_sent", res->sum.blobs_sent);
	eb_json_set_u64(j, "blobs_mounted", res->sum.blobs_mounted);
	eb_json_set_u64(j, "blobs_there", res->sum.blobs_there);
	eb_json_set_u64(j, "documents", res->sum.documents);
	eb_json_set_u64(j, "bytes_sent", res->sum.bytes_sent);
	env_print_json(env, j);
}

static void warn_rewritten(struct cmd_env *env, const struct bnd_push_result *res)
{
	for (size_t i = 0; i < res->n_targets; i++)
		if (res->targets[i].rewritten)
			env_warn(env,
				 "%s: its index was rewritten without the platforms that are not "
				 "in the bundle; it is %s now, which no signature of its makers "
				 "covers",
				 res->targets[i].name, res->targets[i].digest.text);
	if (!res->with_root)
		env_warn(env, "the bundle itself, which lists the indexes as they are, is not "
			      "sent: 'pull' will not find it there");
}

static void report(struct cmd_env *env, const struct bnd_push_result *res, const char *host,
		   bool plan, json_t *j)
{
	const struct oci_push_result *s = &res->sum;
	const struct bnd_push_target *root = &res->targets[res->n_targets - 1];
	char size[24];

	warn_rewritten(env, res);
	if (env->json) {
		report_json(env, res, host, plan, j);
		return;
	}
	for (size_t i = 0; i < res->n_targets; i++) {
		autofree char *ref = target_ref(&res->targets[i], host);

		env_printf(env, "%-8s %s\n",
			   res->targets[i].there ? "there"
			   : plan		 ? "to send"
						 : "pushed",
			   ref);
	}
	ui_format_amount(EB_UNIT_BYTES, s->bytes_sent, size);
	env_note(env, "%s %zu blobs (%s), %s %zu, %zu were there; %zu documents",
		 plan ? "to send:" : "sent", s->blobs_sent, size, plan ? "to mount:" : "mounted",
		 s->blobs_mounted, s->blobs_there, s->documents);
	if (res->with_root)
		env_printf(env, "%s/%s@%s\n", host, root->repo, root->digest.text);
}

/* Every repository that something would be sent to. */
static int preflight(struct cmd_env *env, const struct args *a, struct oci_registry *registry,
		     const struct bnd_push_result *res, json_t *j, struct eb_error **err)
{
	autofree const char **repos = eb_xcalloc(res->n_targets + 1, sizeof(*repos));
	struct preflight p = { .registry = registry,
			       .sum = &res->sum,
			       .max_rate = a->remote.max_rate,
			       .parallel = remote_parallel(&a->remote),
			       .repos = repos };

	for (size_t i = 0; i < res->n_targets; i++)
		if (!res->targets[i].there)
			repos[p.n++] = res->targets[i].repo;
	return preflight_push(env, &p, j, err);
}

static int check_key(const char *path, const struct bnd_bundle *b, struct eb_error **err)
{
	EB_CLEANUP(oci_key_free_p) struct oci_key *key = NULL;
	int r = path ? signing_load_public(path, &key, err) : 0;

	if (r >= 0 && key && !bnd_signed_by(b, key))
		r = eb_throw(err, EB_E_SIGNATURE, "the bundle is not signed by the key '%s'", path);
	return r;
}

static int run(struct cmd_env *env, void *argp, int argc, char **argv, struct eb_error **err)
{
	const struct args *a = argp;
	EB_CLEANUP(oci_ref_release_p) struct oci_ref to = { .host = NULL };
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	EB_CLEANUP(remote_release_p) struct remote remote = { .progress = env->progress };
	EB_CLEANUP(oci_registry_free_p) struct oci_registry *registry = NULL;
	EB_CLEANUP(bnd_push_result_release_p) struct bnd_push_result res = { .targets = NULL };
	struct oci_push_options o = { .progress = env->progress, .plan = a->plan };
	int r = oci_ref_parse_prefix(argv[1], &to, err);

	(void)argc;
	if (r >= 0)
		r = bnd_open(argv[0], &b, err);
	if (r >= 0)
		r = check_key(a->key, &b, err);
	if (r >= 0)
		r = remote_init(&remote, &a->remote, err);
	if (r >= 0 && !a->plan)
		remote_keep_notes(&remote, env);
	if (r >= 0)
		r = remote_registry(&remote, to.host, true, false, &registry, err);
	o.pool = remote.pool;
	if (r >= 0)
		r = bnd_push(&b, registry, to.repo, (enum bnd_sparse)a->sparse, &o, &res, err);
	if (r >= 0) {
		json_t *j = env->json ? eb_json_object() : NULL;

		/* What is to do is of interest all the same when some of it is refused. */
		if (a->plan)
			r = preflight(env, a, registry, &res, j, err);
		report(env, &res, to.host, a->plan, j);
	}
	return r;
}

static const char *const sparse_names[] = { "keep", "rewrite", NULL };

static const struct opt options[] = {
	{ "key", 'k', .kind = OPT_STRING, .arg = "PUB",
	  .help = "public key that must have signed the bundle",
	  .offset = offsetof(struct args, key) },
	{ "plan", .kind = OPT_FLAG, .help = "look and say what would be sent; send nothing",
	  .offset = offsetof(struct args, plan) },
	{ "sparse", .kind = OPT_ENUM, .arg = "HOW", .choices = sparse_names,
	  .help = "an index of which not all is in the bundle: keep or rewrite it",
	  .offset = offsetof(struct args, sparse) },
	REMOTE_TRANSFER_OPTIONS(struct args),
	OPT_END,
};

const struct cmd cmd_push = {
	.name = "push",
	.group = CMD_REGISTRY,
	.summary = "bring a bundle and its images into a registry",
	.synopsis = "[OPTION]... FILE HOST[:PORT][/PREFIX]",
	.description =
		"Each image lands at PREFIX/ and the path of its own name; the bundle itself, from "
		"which 'pull' makes the same file again, at PREFIX/NAME:VERSION, with its "
		"signatures under cosign's tag. Every blob is verified, sent once and mounted "
		"where else it is needed; what is there already is not sent.\n\n"
		"Prints each reference, and last that of the bundle by digest.",
	.options = options,
	.args_size = sizeof(struct args),
	.uses = CMD_JSON,
	.min_args = 2,
	.max_args = 2,
	.run = run,
};
