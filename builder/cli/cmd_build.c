#include "base/error.h"
#include "bundle/def.h"
#include "cli/cmd.h"
#include "cli/building.h"
#include "cli/rendering.h"
#include "cli/setup.h"

struct args {
	struct setup_args setup;
	struct building_args build;
	struct rendering_args values;
};

/* Values that the manifests are rendered with, when there are any. */
static int make_values(struct args *a, const struct bnd_def *def, struct rnd_values *v,
		       struct eb_error **err)
{
	EB_CLEANUP(bnd_site_release_p) struct bnd_site site = { .schema = NULL };
	int r;

	if (!a->values.profile &&
	    a->values.values.n + a->values.set.n + a->values.set_string.n + a->values.set_file.n ==
		    0)
		return 0;
	r = bnd_site_load(def, &site, err);
	if (r >= 0)
		r = rendering_values(&a->values, &site, v, err);
	if (r >= 0)
		a->build.rendered = v;
	return r;
}

static int run(struct cmd_env *env, void *argp, int argc, char **argv, struct eb_error **err)
{
	struct args *a = argp;
	EB_CLEANUP(rnd_values_release_p) struct rnd_values values = { .tree = NULL };
	EB_CLEANUP(bnd_def_free_p) struct bnd_def *def = NULL;
	EB_CLEANUP(setup_release_p) struct setup s = { .cache = { .dir = { .fd = -1 } } };
	int r = bnd_def_load(argv[0], &def, err);

	(void)argc;
	if (r >= 0)
		r = make_values(a, def, &values, err);
	if (r >= 0)
		r = setup_init(&s, env, &a->setup, setup_compression(&a->setup, def->compression),
			       err);
	return r < 0 ? r : building_run(env, &a->build, &s, def, false, err);
}

static const struct opt options[] = {
	BUILDING_OPTIONS(struct args),
	{ "key", .kind = OPT_STRING, .arg = "FILE", .help = "sign the bundle with this private key",
	  .offset = BUILDING_OFFSET(struct args, key) },
	RENDERING_OPTIONS(struct args),
	SETUP_COMPRESS(struct args),
	SETUP_OPTIONS(struct args),
	OPT_END,
};

const struct cmd cmd_build = {
	.name = "build",
	.group = CMD_BUILD,
	.summary = "build a bundle from its definition",
	.synopsis = "[OPTION]... -o FILE DIR",
	.description = "DIR holds a bundle.yaml; its recipes must have locks (see 'ess-bundle "
		       "lock'). Packages "
		       "are fetched, verified and read into layers that go straight into FILE, "
		       "which appears "
		       "when it is whole. No root, no daemon, no package script is needed, and the "
		       "same locks "
		       "give the same bytes on any machine.\n\n"
		       "The last line on stdout is the digest of the bundle's root, which covers "
		       "everything "
		       "in it.",
	.options = options,
	.args_size = sizeof(struct args),
	.uses = CMD_JSON | CMD_JOBS,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
