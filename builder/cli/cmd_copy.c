#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/preflight.h"
#include "cli/copy.h"
#include "cli/env_registry.h"
#include "cli/setup.h"
#include "cli/ui.h"

/* What an image is known by where it went. */
static const char *digest_of(const struct copy *c, size_t i)
{
	if (c->to.kind == PLACE_DOCKER)
		return oci_graph_root(&c->items[i].graph)->doc.config.digest.text;
	return c->items[i].root.digest.text;
}

/* j: what the look before found, or empty; taken. */
static void report(struct cmd_env *env, const struct copy *c, const struct oci_push_result *res,
		   json_t *j)
{
	char size[24];

	if (env->json) {
		json_t *list = eb_json_array();

		for (size_t i = 0; i < c->n; i++)
			eb_json_push(list, eb_json_str(digest_of(c, i)));
		eb_json_set(j, "digests", list);
		eb_json_set(j, "plan", json_boolean(c->a->plan));
		if (c->to.kind == PLACE_REGISTRY) {
			eb_json_set_u64(j, "blobs_sent", res->blobs_sent);
			eb_json_set_u64(j, "blobs_mounted", res->blobs_mounted);
			eb_json_set_u64(j, "blobs_there", res->blobs_there);
			eb_json_set_u64(j, "bytes_sent", res->bytes_sent);
		}
		env_print_json(env, j);
		return;
	}
	if (c->to.kind == PLACE_REGISTRY) {
		ui_format_amount(EB_UNIT_BYTES, res->bytes_sent, size);
		env_note(env, "%s %zu blobs (%s), mounted %zu, %zu were there; %zu documents",
			 c->a->plan ? "to send:" : "sent", res->blobs_sent, size,
			 res->blobs_mounted, res->blobs_there, res->documents);
	}
	env_printf(env, "%s\n", digest_of(c, 0));
}

static int preflight(const struct copy *c, const struct oci_push_result *res, json_t *j,
		     struct eb_error **err)
{
	const char *const repos[] = { c->to.ref.repo };
	const struct preflight p = { .registry = c->dst_registry,
				     .sum = res,
				     .max_rate = c->a->remote.max_rate,
				     .parallel = remote_parallel(&c->a->remote),
				     .repos = repos,
				     .n = res->documents ? 1 : 0 };

	return preflight_push(c->env, &p, j, err);
}

static int check_containerd(const struct copy *c, struct eb_error **err)
{
	bool into = c->to.kind == PLACE_CONTAINERD;

	if (c->from.kind == PLACE_CONTAINERD && into)
		return eb_hint(err, eb_throw(err, EB_E_UNSUPPORTED, "not from containerd into it"),
			       "'ctr images tag' gives an image another name");
	if (c->from.kind == PLACE_CONTAINERD && !c->from.name)
		return eb_throw(err, EB_E_USAGE, "which image of containerd?");
	if (into && c->to.name && strchr(c->to.name, '@'))
		return eb_throw(err, EB_E_USAGE,
				"containerd:...: say a tag, the name by digest comes by itself");
	if ((c->a->labels.n || c->a->all_platforms) && !into)
		return eb_throw(err, EB_E_USAGE,
				"--label and --all-platforms are for copies into containerd");
	if (c->a->all_platforms && c->a->platform)
		return eb_throw(err, EB_E_USAGE, "either --platform or --all-platforms");
	return 0;
}

static int check_args(const struct copy *c, struct eb_error **err)
{
	bool registries = c->from.kind == PLACE_REGISTRY && c->to.kind == PLACE_REGISTRY;
	EB_CLEANUP(oci_ref_release_p) struct oci_ref name = { .host = NULL };

	if (c->to.kind == PLACE_BUNDLE)
		return eb_hint(err, eb_throw(err, EB_E_USAGE, "copy does not write bundles"),
			       "'ess-bundle pull' makes a bundle file of what 'push' sent");
	if (c->a->referrers && !registries)
		return eb_throw(err, EB_E_USAGE, "--referrers is for copies between registries");
	if (c->a->referrers && c->a->platform)
		return eb_throw(err, EB_E_USAGE,
				"what hangs on an index does not belong to one of its platforms");
	if (c->a->plan && c->to.kind != PLACE_REGISTRY)
		return eb_throw(err, EB_E_USAGE, "--plan is for copies into registries");
	if (c->a->digest_names && c->to.kind != PLACE_FOLDER && c->to.kind != PLACE_ARCHIVE)
		return eb_throw(err, EB_E_USAGE, "--digest-names is for copies into layouts");
	if (c->to.kind == PLACE_DOCKER && c->to.name)
		return oci_ref_parse(c->to.name, &name, err);
	return check_containerd(c, err);
}

/* An archive of `docker save` holds one platform, containerd gets one: this machine's, if nobody
 * says which. */
static void choose_platform(struct copy *c)
{
	c->platform = c->a->platform;
	if (c->platform || c->a->all_platforms ||
	    (c->to.kind != PLACE_DOCKER && c->to.kind != PLACE_CONTAINERD))
		return;
	snprintf(c->machine, sizeof(c->machine), "linux/%s", setup_host_arch());
	c->platform = c->machine;
}

static void choose_containerd(struct copy *c)
{
	const struct place *p = c->from.kind == PLACE_CONTAINERD ? &c->from : &c->to;

	c->ctr = (struct bnd_ctr){
		.address = c->a->address ? c->a->address : env_containerd_address(),
		.namespace = p->namespace ? p->namespace : env_containerd_namespace(),
		.env = (const char *const *)env_environ(),
	};
}

static int run(struct cmd_env *env, void *argp, int argc, char **argv, struct eb_error **err)
{
	EB_CLEANUP(copy_release_p)
	struct copy c = { .a = argp, .env = env, .remote.progress = env->progress };
	struct oci_push_result res = { .documents = 0 };
	int r = place_parse(argv[0], &c.from, err);

	(void)argc;
	if (r >= 0)
		r = place_parse(argv[1], &c.to, err);
	if (r >= 0)
		r = check_args(&c, err);
	choose_platform(&c);
	choose_containerd(&c);
	if (r >= 0)
		r = remote_init(&c.remote, &c.a->remote, err);
	if (r >= 0 && !c.a->plan)
		remote_keep_notes(&c.remote, env);
	if (r >= 0)
		r = copy_pick(&c, err);
	if (r >= 0)
		r = copy_deliver(&c, &res, err);
	if (r >= 0) {
		json_t *j = env->json ? eb_json_object() : NULL;

		if (c.a->plan)
			r = preflight(&c, &res, j, err);
		report(env, &c, &res, j);
	}
	return r < 0 ? eb_prefix(err, r, "copy %s", argv[0]) : 0;
}

static const struct opt options[] = {
	{ "all-platforms", .kind = OPT_FLAG,
	  .help = "into containerd: not only this machine's platform",
	  .offset = offsetof(struct copy_args, all_platforms) },
	{ "containerd-address", .kind = OPT_STRING, .arg = "SOCKET",
	  .help = "containerd's socket, by default /run/containerd/containerd.sock",
	  .offset = offsetof(struct copy_args, address) },
	{ "label", .kind = OPT_LIST, .arg = "KEY=VALUE",
	  .help = "into containerd: label the images; may be given again",
	  .offset = offsetof(struct copy_args, labels) },
	{ "digest-names", .kind = OPT_FLAG,
	  .help = "name each image in a layout by its digest, too",
	  .offset = offsetof(struct copy_args, digest_names) },
	{ "plan", .kind = OPT_FLAG, .help = "look and say what would be sent; send nothing",
	  .offset = offsetof(struct copy_args, plan) },
	{ "platform", .kind = OPT_STRING, .arg = "OS/ARCH",
	  .help = "only this platform of an index; its digest is another",
	  .offset = offsetof(struct copy_args, platform) },
	{ "referrers", .kind = OPT_FLAG,
	  .help = "with signatures, attestations and other referrers",
	  .offset = offsetof(struct copy_args, referrers) },
	REMOTE_TRANSFER_OPTIONS(struct copy_args),
	OPT_END,
};

const struct cmd cmd_copy = {
	.name = "copy",
	.group = CMD_REGISTRY,
	.summary = "copy images between registries, layouts and archives",
	.synopsis = "[OPTION]... SRC DST",
	.description =
		"SRC and DST are references (HOST/REPO:TAG), oci:DIR[:NAME], "
		"oci-archive:FILE[:NAME], docker-archive:FILE[:NAME], "
		"containerd:[NAMESPACE/][REF]; SRC may also be bundle:FILE[:NAME] or the name of a "
		"bundle file. Documents are copied byte for "
		"byte, indexes with all their platforms, and every blob is verified.\n\n"
		"From one file or folder into another without a NAME, all images with a name are "
		"copied. Archives for 'docker load' hold one platform, containerd gets one: by "
		"default this machine's.",
	.options = options,
	.args_size = sizeof(struct copy_args),
	.uses = CMD_JSON,
	.min_args = 2,
	.max_args = 2,
	.run = run,
};
