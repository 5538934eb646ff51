/* The three verbs of the source cache: list, verify, gc. */
#include "base/error.h"
#include "base/json.h"
#include "base/progress.h"
#include "bundle/keep.h"
#include "cli/cmd.h"
#include "cli/ui.h"
#include "pkg/cache_care.h"

/* Damaged sources were found. */
enum { STATUS_DAMAGED = 3 };

static int open_cache(struct cmd_env *env, struct pkg_cache *ret, struct eb_error **err)
{
	const char *dir;
	int r = env_cache_dir(env, &dir, err);

	return r < 0 ? r : pkg_cache_open(dir, ret, err);
}

static json_t *usage_json(const struct pkg_cache_usage *u)
{
	json_t *j = eb_json_object();

	eb_json_set_u64(j, "files", u->files);
	eb_json_set_u64(j, "bytes", u->bytes);
	return j;
}

/* One line or member for each kind, and their sum. */
static void print_usage(struct cmd_env *env, const char *dir, const char *what,
			const struct pkg_cache_usage usage[static PKG_CACHE_KINDS])
{
	json_t *j = env->json ? eb_json_object() : NULL, *kinds = j ? eb_json_object() : NULL;
	struct pkg_cache_usage sum = { 0 };
	char size[24];

	for (unsigned int k = 0; k < PKG_CACHE_KINDS; k++) {
		const char *name = pkg_cache_kind_name((enum pkg_cache_kind)k);

		sum.files += usage[k].files;
		sum.bytes += usage[k].bytes;
		ui_format_amount(EB_UNIT_BYTES, usage[k].bytes, size);
		if (j)
			eb_json_set(kinds, name, usage_json(&usage[k]));
		else
			env_printf(env, "%10s  %7llu  %s\n", size,
				   (unsigned long long)usage[k].files, name);
	}
	if (j) {
		eb_json_set(j, "cache", eb_json_str(dir));
		eb_json_set(j, what, kinds);
		eb_json_set(j, "total", usage_json(&sum));
		env_print_json(env, j);
		return;
	}
	ui_format_amount(EB_UNIT_BYTES, sum.bytes, size);
	env_printf(env, "%10s  %7llu  in '%s'\n", size, (unsigned long long)sum.files, dir);
}

/* ---- list ---- */

static int run_list(struct cmd_env *env, void *argp, int argc, char **argv, struct eb_error **err)
{
	EB_CLEANUP(pkg_cache_release_p) struct pkg_cache c = { .dir = { .fd = -1 } };
	struct pkg_cache_usage usage[PKG_CACHE_KINDS];
	int r = open_cache(env, &c, err);

	(void)argp, (void)argc, (void)argv;
	if (r >= 0)
		r = pkg_cache_measure(&c, usage, err);
	if (r >= 0)
		print_usage(env, c.dir.path, "kinds", usage);
	return r;
}

const struct cmd cmd_cache_list = {
	.name = "cache list",
	.group = CMD_OTHER,
	.summary = "show what the source cache holds",
	.synopsis = "[OPTION]...",
	.description =
		"Sizes and numbers of files by kind: sources by their hash, Go modules, "
		"partial downloads, results derived from sources, damaged files that were moved "
		"aside, and leftovers of runs that were killed.",
	.uses = CMD_JSON,
	.run = run_list,
};

/* ---- verify ---- */

struct verify_args {
	bool dry_run;
};

static int run_verify(struct cmd_env *env, void *argp, int argc, char **argv, struct eb_error **err)
{
	const struct verify_args *a = argp;
	EB_CLEANUP(pkg_cache_release_p) struct pkg_cache c = { .dir = { .fd = -1 } };
	EB_CLEANUP(pkg_cache_check_release_p) struct pkg_cache_check k = { 0 };
	int r = open_cache(env, &c, err);

	(void)argc, (void)argv;
	if (r >= 0)
		r = pkg_cache_verify(&c, a->dry_run, env_pool(env), env->progress, &k, err);
	if (r < 0)
		return r;
	if (env->json) {
		json_t *j = eb_json_object(), *list = eb_json_array();

		for (size_t i = 0; i < k.n_damaged; i++)
			eb_json_push(list, eb_json_str(k.damaged[i]));
		eb_json_set(j, "cache", eb_json_str(c.dir.path));
		eb_json_set(j, "checked", usage_json(&k.checked));
		eb_json_set(j, "damaged", list);
		eb_json_set(j, "removed", json_boolean(!a->dry_run));
		env_print_json(env, j);
	} else {
		for (size_t i = 0; i < k.n_damaged; i++)
			env_printf(env, "damaged%s: sources/sha256/%s\n",
				   a->dry_run ? "" : ", removed", k.damaged[i]);
		env_printf(env, "%llu sources, %llu bytes, %zu damaged\n",
			   (unsigned long long)k.checked.files, (unsigned long long)k.checked.bytes,
			   k.n_damaged);
	}
	return k.n_damaged ? STATUS_DAMAGED : 0;
}

static const struct opt verify_options[] = {
	{ "dry-run", 'n', .kind = OPT_FLAG, .help = "only say which are damaged",
	  .offset = offsetof(struct verify_args, dry_run) },
	OPT_END,
};

const struct cmd cmd_cache_verify = {
	.name = "cache verify",
	.group = CMD_OTHER,
	.summary = "hash all cached sources, remove damaged ones",
	.synopsis = "[OPTION]...",
	.description = "Builds verify what they read anyway; this finds damage before. A damaged "
		       "source is fetched anew when it is needed.\n\n"
		       "Exit status 0 when all are sound, 3 when some were not.",
	.options = verify_options,
	.args_size = sizeof(struct verify_args),
	.uses = CMD_JSON | CMD_JOBS,
	.run = run_verify,
};

/* ---- gc ---- */

struct gc_args {
	struct opt_list keep_for;
	bool dry_run;
};

static int run_gc(struct cmd_env *env, void *argp, int argc, char **argv, struct eb_error **err)
{
	const struct gc_args *a = argp;
	EB_CLEANUP(pkg_cache_release_p) struct pkg_cache c = { .dir = { .fd = -1 } };
	EB_CLEANUP(bnd_keep_release_p) struct bnd_keep keep = { 0 };
	struct pkg_cache_usage removed[PKG_CACHE_KINDS];
	struct pkg_cache_gc_options o = { .dry_run = a->dry_run, .now_sec = env_now_sec() };
	int r = open_cache(env, &c, err);

	(void)argc, (void)argv;
	for (size_t i = 0; i < a->keep_for.n && r >= 0; i++)
		r = bnd_keep_add(&keep, a->keep_for.items[i], err);
	if (r >= 0 && a->keep_for.n) {
		/* A mistyped directory must not empty the cache. */
		if (keep.n == 0)
			return eb_throw(err, EB_E_NOT_FOUND,
					"no lock under '%s' names a source: nothing was removed",
					a->keep_for.items[0]);
		bnd_keep_finish(&keep);
		o.keep = keep.hashes;
		o.n_keep = keep.n;
		env_note(env, "%zu sources are kept", keep.n);
	}
	if (r >= 0)
		r = pkg_cache_gc(&c, &o, removed, err);
	if (r >= 0)
		print_usage(env, c.dir.path, a->dry_run ? "would_remove" : "removed", removed);
	return r;
}

static const struct opt gc_options[] = {
	{ "keep-for", .kind = OPT_LIST, .arg = "DIR",
	  .help = "remove sources that no lock under DIR names; may be given again",
	  .offset = offsetof(struct gc_args, keep_for) },
	{ "dry-run", 'n', .kind = OPT_FLAG, .help = "only say what would go",
	  .offset = offsetof(struct gc_args, dry_run) },
	OPT_END,
};

const struct cmd cmd_cache_gc = {
	.name = "cache gc",
	.group = CMD_OTHER,
	.summary = "make the source cache smaller",
	.synopsis = "[OPTION]...",
	.description =
		"Removes partial downloads that nobody has under way, results that can be derived "
		"again, damaged files and old leftovers. Sources stay unless --keep-for says which "
		"are needed.\n\n"
		"DIR is the directory of a recipe or of a bundle definition, or holds such "
		"directories.",
	.options = gc_options,
	.args_size = sizeof(struct gc_args),
	.uses = CMD_JSON,
	.run = run_gc,
};
