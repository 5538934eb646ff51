#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "bundle/select.h"
#include "bundle/staging.h"
#include "bundle/unpack.h"
#include "cli/cmd.h"
#include "cli/setup.h"
#include "cli/verified.h"

struct args {
	struct verified_args verify;
	const char *output, *image, *platform;
	bool same_owner, no_same_owner;
};

static void report_layout(struct cmd_env *env, const struct args *a, const struct bnd_bundle *b,
			  const struct bnd_unpack_result *res)
{
	if (env->json) {
		json_t *j = eb_json_object();

		eb_json_set_str(j, "directory", a->output);
		eb_json_set_str(j, "root", b->root.digest.text);
		eb_json_set_u64(j, "files", res->files);
		eb_json_set_u64(j, "bytes", res->bytes);
		env_print_json(env, j);
		return;
	}
	env_note(env, "%s: image layout of %llu files, %llu bytes", a->output,
		 (unsigned long long)res->files, (unsigned long long)res->bytes);
}

static void report_image(struct cmd_env *env, const struct args *a, const struct bnd_image *im,
			 size_t p, bool same_owner, const struct bnd_extract_result *res)
{
	const struct oci_descriptor *d = &im->index.items[p];
	autofree char *platform = bnd_platform_name(d);

	if (env->json) {
		json_t *j = eb_json_object();

		eb_json_set_str(j, "directory", a->output);
		eb_json_set_str(j, "image", im->name);
		eb_json_set_str(j, "platform", platform);
		eb_json_set_str(j, "manifest", d->digest.text);
		eb_json_set_u64(j, "members", res->members);
		eb_json_set_u64(j, "bytes", res->bytes);
		eb_json_set(j, "same_owner", json_boolean(same_owner));
		eb_json_set_u64(j, "dropped_setid", res->dropped_setid);
		eb_json_set_u64(j, "dropped_xattrs", res->dropped_xattrs);
		env_print_json(env, j);
		return;
	}
	env_note(env, "%s: %s for %s, %llu members, %llu bytes", a->output, im->name, platform,
		 (unsigned long long)res->members, (unsigned long long)res->bytes);
	if (!same_owner)
		env_note(env,
			 "all files belong to you, who can read and write them; %llu set-id "
			 "bits were not kept",
			 (unsigned long long)res->dropped_setid);
	if (res->dropped_xattrs)
		env_note(env, "%llu extended attributes were not kept",
			 (unsigned long long)res->dropped_xattrs);
}

static int unpack_image(struct cmd_env *env, const struct args *a, const struct bnd_bundle *b,
			struct eb_error **err)
{
	struct bnd_extract_options o = { .same_owner = a->same_owner ||
						       (!a->no_same_owner && geteuid() == 0) };
	const struct bnd_image *im;
	struct bnd_extract_result res;
	size_t p;
	int r = bnd_select_image(b, a->image, &im, err);

	if (r >= 0)
		r = bnd_select_platform(im, a->platform, setup_host_arch(), &p, err);
	if (r >= 0)
		r = bnd_unpack_image(b, im, p, a->output, &o, env->progress, &res, err);
	if (r >= 0)
		report_image(env, a, im, p, o.same_owner, &res);
	return r;
}

static int check_args(const struct args *a, struct eb_error **err)
{
	if (a->same_owner && a->no_same_owner)
		return eb_throw(err, EB_E_USAGE, "--same-owner and --no-same-owner contradict");
	if (!a->image && (a->platform || a->same_owner || a->no_same_owner))
		return eb_throw(err, EB_E_USAGE, "--%s goes with --image",
				a->platform	? "platform"
				: a->same_owner ? "same-owner"
						: "no-same-owner");
	return 0;
}

static int run(struct cmd_env *env, void *argp, int argc, char **argv, struct eb_error **err)
{
	const struct args *a = argp;
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	struct bnd_unpack_result res;
	int r = check_args(a, err);

	(void)argc;
	/* Before the bundle is read as a whole. */
	if (r >= 0)
		r = bnd_staging_check(a->output, err);
	if (r >= 0)
		r = verified_open(env, &a->verify, argv[0], &b, err);
	if (r >= 0 && a->image)
		return unpack_image(env, a, &b, err);
	if (r >= 0)
		r = bnd_unpack_layout(&b, a->output, env->progress, &res, err);
	if (r >= 0)
		report_layout(env, a, &b, &res);
	return r;
}

static const struct opt options[] = {
	{ "output", 'o', .required = true, .kind = OPT_STRING, .arg = "DIR",
	  .help = "make the directory DIR", .offset = offsetof(struct args, output) },
	{ "image", .kind = OPT_STRING, .arg = "NAME",
	  .help = "unpack the files of this image instead of the layout",
	  .offset = offsetof(struct args, image) },
	{ "platform", .kind = OPT_STRING, .arg = "OS/ARCH",
	  .help = "of this platform, by default this machine's or the only one",
	  .offset = offsetof(struct args, platform) },
	{ "same-owner", .kind = OPT_FLAG,
	  .help = "keep owners, set-id bits and capabilities; the default for root",
	  .offset = offsetof(struct args, same_owner) },
	{ "no-same-owner", .kind = OPT_FLAG,
	  .help = "all files belong to you; the default for everybody else",
	  .offset = offsetof(struct args, no_same_owner) },
	VERIFIED_OPTIONS(struct args),
	OPT_END,
};

const struct cmd cmd_unpack = {
	.name = "unpack",
	.group = CMD_LOOK,
	.summary = "unpack a bundle, or the files of one image",
	.synopsis = "[OPTION]... --key PUB -o DIR FILE",
	.description =
		"Verifies FILE as 'ess-bundle verify' does, then writes its OCI image layout as a "
		"directory, which other tools read as oci:DIR.\n\n"
		"With --image the layers of one image are applied one upon the other and DIR "
		"becomes its root file system. NAME is the image's whole name, or its last part, "
		"with or without the tag.\n\n"
		"DIR must be missing or empty. It appears only when it is whole.",
	.options = options,
	.args_size = sizeof(struct args),
	.uses = CMD_JSON | CMD_JOBS,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
