#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "bundle/def.h"
#include "cli/building.h"
#include "cli/cmd.h"
#include "cli/setup.h"
#include "recipe/recipe.h"

struct args {
	struct setup_args setup;
	struct building_args build;
	const char *registry;
};

/* A definition of one image, as if somebody had written it: bundle.yaml is never read. */
static int define(const char *dir, const char *registry, struct bnd_def **ret,
		  struct eb_error **err)
{
	EB_CLEANUP(rcp_free_p) struct rcp_recipe *rcp = NULL;
	EB_AUTOBUF(text, 64 * 1024);
	int r = rcp_load(dir, &rcp, err);

	if (r < 0)
		return r;
	eb_buf_addf(&text, "name: %s\nversion: \"0\"\nregistry: %s\nimages:\n- {recipe: ../%s}\n",
		    rcp->name, registry, rcp->name);
	r = eb_buf_check(&text, "definition", err);
	return r < 0 ? r : bnd_def_parse(dir, rcp->file, eb_buf_str(&text), text.len, ret, err);
}

static int run(struct cmd_env *env, void *argp, int argc, char **argv, struct eb_error **err)
{
	const struct args *a = argp;
	EB_CLEANUP(bnd_def_free_p) struct bnd_def *def = NULL;
	EB_CLEANUP(setup_release_p) struct setup s = { .cache = { .dir = { .fd = -1 } } };
	int r = define(argv[0], a->registry, &def, err);

	(void)argc;
	if (r >= 0)
		r = setup_init(&s, env, &a->setup, setup_compression(&a->setup, EB_CODEC_ZSTD),
			       err);
	return r < 0 ? r : building_run(env, &a->build, &s, def, true, err);
}

static const struct opt options[] = {
	BUILDING_OPTIONS(struct args),
	{ "registry", .kind = OPT_STRING, .arg = "HOST",
	  .help = "host part of the image's name, by default ess.internal",
	  .offset = offsetof(struct args, registry) },
	SETUP_COMPRESS(struct args),
	SETUP_OPTIONS(struct args),
	OPT_END,
};

static const struct args defaults = { .registry = "ess.internal" };

const struct cmd cmd_image_build = {
	.name = "image build",
	.group = CMD_BUILD,
	.summary = "build one image from its recipe",
	.synopsis = "[OPTION]... -o FILE DIR",
	.description = "DIR holds a recipe.yaml with its lock. FILE becomes an OCI image layout in "
		       "a tar, which "
		       "skopeo reads as oci-archive:FILE, and containerd and podman import. The "
		       "digest of the "
		       "image's index is the last line on stdout.",
	.options = options,
	.args_size = sizeof(struct args),
	.defaults = &defaults,
	.uses = CMD_JSON | CMD_JOBS,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
