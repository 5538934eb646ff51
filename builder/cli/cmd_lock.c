#include <sys/stat.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "bundle/def.h"
#include "cli/cmd.h"
#include "cli/setup.h"
#include "image/relock.h"
#include "recipe/recipe.h"

/* Status of --check. */
enum { STALE = 1 };

struct args {
	struct setup_args setup;
	bool update, check, dry_run;
	const char *only;
};

/* Directories of recipes, parents before children, each once. */
struct dirs {
	char **items;
	size_t n, alloc;
};

static void dirs_release(struct dirs *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->items[i]);
	free(d->items);
}
EB_DEFINE_RELEASE(struct dirs, dirs_release)

static int add_dir(struct dirs *d, const char *dir, struct eb_error **err)
{
	struct stat a, b;
	int r;

	if (stat(dir, &a) < 0)
		return eb_throw_errno(err, "'%s'", dir);
	for (size_t i = 0; i < d->n; i++)
		if (stat(d->items[i], &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
			return 0;
	r = eb_grow(&d->items, &d->alloc, d->n + 1, sizeof(*d->items), 10000, "recipes", err);
	if (r >= 0)
		d->items[d->n++] = eb_xstrdup(dir);
	return r;
}

static bool has_lock(const char *dir)
{
	autofree char *path = eb_xasprintf("%s/lock.yaml", dir);
	struct stat st;

	return stat(path, &st) == 0;
}

/* A recipe's parents are locked with it when asked for the whole (a bundle) or when they have none.
 */
static int add_recipe(struct dirs *d, const char *dir, bool parents, struct eb_error **err)
{
	EB_CLEANUP(rcp_chain_release_p) struct rcp_chain chain = { 0 };
	int r = rcp_chain_load(dir, &chain, err);

	for (size_t i = 0; r >= 0 && i < chain.n; i++)
		if (parents || i + 1 == chain.n || !has_lock(chain.stage[i]->dir))
			r = add_dir(d, chain.stage[i]->dir, err);
	return r;
}

static int add_argument(struct dirs *d, const char *dir, struct eb_error **err)
{
	autofree char *bundle = eb_xasprintf("%s/bundle.yaml", dir);
	EB_CLEANUP(bnd_def_free_p) struct bnd_def *def = NULL;
	struct stat st;
	int r;

	if (stat(bundle, &st) < 0)
		return add_recipe(d, dir, false, err);
	r = bnd_def_load(dir, &def, err);
	for (size_t i = 0; r >= 0 && i < def->n_images; i++)
		r = add_recipe(d, def->images[i].dir, true, err);
	return r;
}

static void report(struct cmd_env *env, const char *dir, const struct img_relock_result *res,
		   json_t *list)
{
	const char *name = strrchr(dir, '/');

	if (env->json) {
		json_t *j = eb_json_object();

		eb_json_set_str(j, "file", res->file);
		eb_json_set(j, "changed", json_boolean(res->changed));
		eb_json_set_str(j, "diff", res->diff);
		eb_json_set_str(j, "review", res->review);
		eb_json_push(list, j);
		return;
	}
	env_printf(env, "%s: %s\n%s%s", name ? name + 1 : dir,
		   !res->changed     ? "unchanged"
		   : res->diff[0]    ? "changed"
		   : res->new_inputs ? "same inputs, newer archive"
				     : "same inputs, other result",
		   res->diff, res->review);
}

static int run(struct cmd_env *env, void *argp, int argc, char **argv, struct eb_error **err)
{
	const struct args *a = argp;
	EB_CLEANUP(dirs_release_p) struct dirs dirs = { 0 };
	EB_CLEANUP(setup_release_p) struct setup s = { .cache = { .dir = { .fd = -1 } } };
	struct img_relock_options o = { .env = &s.env,
					.repo = &s.repo,
					.update = a->update || a->only,
					.only = a->only,
					.dry_run = a->dry_run || a->check };
	json_t *list = env->json ? eb_json_array() : NULL;
	size_t stale = 0;
	int r = 0;

	for (int i = 0; i < argc && r >= 0; i++)
		r = add_argument(&dirs, argv[i], err);
	if (r >= 0)
		r = setup_init(&s, env, &a->setup, setup_compression(&a->setup, EB_CODEC_ZSTD),
			       err);
	for (size_t i = 0; i < dirs.n && r >= 0; i++) {
		EB_CLEANUP(img_relock_release_p) struct img_relock_result res = { 0 };

		r = img_relock(&o, dirs.items[i], &res, err);
		if (r < 0)
			break;
		stale += res.changed;
		report(env, dirs.items[i], &res, list);
	}
	if (list && r >= 0)
		env_print_json(env, list);
	else
		json_decref(list);
	if (r >= 0 && a->check && stale) {
		env_warn(
			env,
			"%zu of %zu locks do not match their recipes: run 'ess-bundle lock %s' and "
			"review the diff",
			stale, dirs.n, argv[0]);
		return STALE;
	}
	return r;
}

static const struct opt options[] = {
	{ "update", 'u', .kind = OPT_FLAG,
	  .help = "choose the newest inputs although the recipe asks for the same",
	  .offset = offsetof(struct args, update) },
	{ "only", .arg = "NAME", .kind = OPT_STRING,
	  .help = "update one archive or file by its name, or 'debian'",
	  .offset = offsetof(struct args, only) },
	{ "dry-run", 'n', .kind = OPT_FLAG, .help = "show what would change, write nothing",
	  .offset = offsetof(struct args, dry_run) },
	{ "check", .kind = OPT_FLAG, .help = "end with 1 if a lock does not match its recipe",
	  .offset = offsetof(struct args, check) },
	SETUP_OPTIONS(struct args),
	SETUP_KEYRING(struct args),
	OPT_END,
};

const struct cmd cmd_lock = {
	.name = "lock",
	.group = CMD_BUILD,
	.summary = "choose the exact inputs of recipes and record them",
	.synopsis = "[OPTION]... DIR...",
	.description =
		"DIR holds a recipe.yaml, or a bundle.yaml whose recipes are all locked. Debian "
		"archives are verified against their keyring, dependencies are solved for every "
		"architecture, packages are fetched into the cache, and the image is made once to "
		"record its digests. The lock (lock.yaml beside the recipe) names no host; review "
		"it as a diff.\n\n"
		"Inputs that are locked already are kept unless the recipe asks for others or "
		"--update is given.",
	.options = options,
	.args_size = sizeof(struct args),
	.uses = CMD_JSON | CMD_JOBS,
	.min_args = 1,
	.max_args = CMD_ANY_ARGS,
	.run = run,
};
