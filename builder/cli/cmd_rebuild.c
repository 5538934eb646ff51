#include <errno.h>
#include <fcntl.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/remove.h"
#include "bundle/rebuild.h"
#include "bundle/rendered.h"
#include "bundle/verify.h"
#include "cli/cmd.h"
#include "cli/setup.h"

struct args {
	struct setup_args setup;
	bool compare;
};

/* Verification failed: design of the exit statuses. */
enum { STATUS_DIFFERS = 3 };

struct temp {
	char *path; /* NULL = none */
};

static void temp_release(struct temp *t)
{
	if (t->path)
		eb_ignore(eb_remove_tree(AT_FDCWD, t->path, NULL));
	free(t->path);
}
EB_DEFINE_RELEASE(struct temp, temp_release)

static int temp_make(struct temp *t, struct eb_error **err)
{
	autofree char *path = eb_xasprintf("%s/ess-bundle-rebuild.XXXXXX", env_temp_dir());

	if (!mkdtemp(path))
		return eb_throw_errno(err, "make a directory in '%s'", env_temp_dir());
	t->path = EB_TAKE_PTR(path);
	return 0;
}

static void report_json(struct cmd_env *env, const char *file, const struct bnd_bundle *b,
			const struct bnd_plan *p, const struct bnd_rebuild_difference *d)
{
	json_t *j = eb_json_object();

	eb_json_set_str(j, "file", file);
	eb_json_set_str(j, "root", b->root.digest.text);
	eb_json_set_str(j, "rebuilt", p->root.digest.text);
	eb_json_set(j, "same", json_boolean(d->kind == BND_SAME));
	if (d->kind != BND_SAME) {
		json_t *x = eb_json_object();

		eb_json_set_str(x, "kind", bnd_rebuild_kind_name(d->kind));
		eb_json_set_str(x, "image", d->image);
		eb_json_set_str(x, "platform", d->platform);
		eb_json_set_str(x, "what", d->what);
		eb_json_set_str(x, "expected", d->expected);
		eb_json_set_str(x, "made", d->made);
		eb_json_set_str(x, "member", d->member);
		eb_json_set_str(x, "detail", d->detail);
		eb_json_set(j, "first_difference", x);
	}
	env_print_json(env, j);
}

static void report_difference(struct cmd_env *env, const struct bnd_rebuild_difference *d)
{
	static const char *const said[] = {
		[BND_SAME] = "",
		[BND_DIFF_IMAGES] = "other images",
		[BND_DIFF_PLATFORMS] = "other platforms",
		[BND_DIFF_LAYERS] = "another number of layers",
		[BND_DIFF_CONTENT] = "a layer has other content",
		[BND_DIFF_COMPRESSION] = "a layer has the same content but other compressed bytes",
		[BND_DIFF_DOCUMENT] = "a document differs",
	};

	env_printf(env, "first difference: %s\n", said[d->kind]);
	if (d->image)
		env_printf(env, "  image     %s\n", d->image);
	if (d->platform)
		env_printf(env, "  platform  %s\n", d->platform);
	if (d->what)
		env_printf(env, "  %-9s %s\n", d->kind == BND_DIFF_DOCUMENT ? "document" : "layer",
			   d->what);
	env_printf(env, "  expected  %s\n  made      %s\n", d->expected, d->made);
	if (d->member)
		env_printf(env, "  member    %s\n            %s\n", d->member, d->detail);
}

static int plan(const struct bnd_bundle *b, struct bnd_plan *p, struct setup *s,
		const struct bnd_def *def, struct img_session *session, struct rnd_values *values,
		struct eb_error **err)
{
	struct bnd_plan_options o = { .trust = IMG_TRUST_NOTHING };
	autofree const char **arches = bnd_rebuild_arches(b, &o.n_arches);
	int64_t epoch = -1;
	int r = bnd_plan_load(def, session, p, err);

	o.arches = arches;
	if (r >= 0)
		r = bnd_rendered_values(b, values, err);
	if (r > 0)
		o.values = values;
	if (r >= 0)
		r = bnd_rebuild_epoch(b, p, &epoch, err);
	if (r >= 0 && epoch >= 0) {
		/* Made with SOURCE_DATE_EPOCH: loaded again under that clock. */
		s->env.epoch_sec = epoch;
		bnd_plan_release(p);
		r = bnd_plan_load(def, session, p, err);
	}
	if (r >= 0)
		r = bnd_plan_fetch(p, &o, err);
	return r < 0 ? r : bnd_plan_make(p, &o, err);
}

static int compare(struct cmd_env *env, const char *file, const struct bnd_bundle *b,
		   const struct bnd_plan *p, struct eb_error **err)
{
	EB_CLEANUP(bnd_rebuild_difference_release_p) struct bnd_rebuild_difference d = { 0 };
	autoerror struct eb_error *closer = NULL;
	int r = bnd_rebuild_compare(b, p, &d, err);

	if (r < 0)
		return r;
	/* That they differ is the answer even when the place cannot be found. */
	if (d.kind == BND_DIFF_CONTENT && bnd_rebuild_look_closer(b, p, &d, &closer) < 0)
		env_warn(env, "cannot find the place: %s", closer->message);
	if (env->json)
		report_json(env, file, b, p, &d);
	else if (d.kind != BND_SAME)
		report_difference(env, &d);
	else {
		env_note(env, "%s: the same bytes came out", file);
		env_printf(env, "%s\n", b->root.digest.text);
	}
	return d.kind == BND_SAME ? 0 : STATUS_DIFFERS;
}

static int run(struct cmd_env *env, void *argp, int argc, char **argv, struct eb_error **err)
{
	const struct args *a = argp;
	EB_CLEANUP(temp_release_p) struct temp temp = { 0 };
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	EB_CLEANUP(bnd_def_free_p) struct bnd_def *def = NULL;
	EB_CLEANUP(setup_release_p) struct setup s = { .cache = { .dir = { .fd = -1 } } };
	EB_CLEANUP(img_session_free_p) struct img_session *session = NULL;
	EB_CLEANUP(rnd_values_release_p) struct rnd_values values = { .tree = NULL };
	EB_CLEANUP(bnd_plan_release_p) struct bnd_plan p = { 0 };
	enum eb_codec_kind compression;
	int r;

	(void)argc;
	if (!a->compare) {
		r = eb_throw(err, EB_E_USAGE, "rebuild writes nothing yet: --compare is required");
		return eb_hint(err, r,
			       "unpack the recipes from the bundle and use 'ess-bundle "
			       "build' to make a file");
	}
	r = bnd_open_checked(argv[0], BND_EVERY_BYTE, env_pool(env), env->progress, &b, err);
	if (r >= 0)
		r = bnd_rebuild_compression(&b, &compression, err);
	if (r >= 0)
		r = temp_make(&temp, err);
	if (r >= 0)
		r = bnd_rebuild_load(&b, temp.path, &def, err);
	if (r >= 0)
		r = setup_init(&s, env, &a->setup, compression, err);
	if (r < 0)
		return r;
	session = img_session_new(&s.env);
	r = plan(&b, &p, &s, def, session, &values, err);
	if (r >= 0 && img_session_used_fallback(session))
		env_warn(env, "no locked codec for this machine: the system's shapes the bytes");
	return r < 0 ? r : compare(env, argv[0], &b, &p, err);
}

static const struct opt options[] = {
	{ "compare", .kind = OPT_FLAG, .help = "compare with FILE; required",
	  .offset = offsetof(struct args, compare) },
	SETUP_OPTIONS(struct args),
	OPT_END,
};

const struct cmd cmd_rebuild = {
	.name = "rebuild",
	.group = CMD_TRUST,
	.summary = "make a bundle again from itself and compare",
	.synopsis = "--compare [OPTION]... FILE",
	.description =
		"Takes the recipes and locks out of FILE, fetches the sources that the locks name, "
		"makes every layer again and compares the root digests. Nothing that was made "
		"before is believed, neither by the locks nor in the cache.\n\n"
		"What differs first is named: the image, the platform, the layer, whether it is "
		"content or only compression, and the first member and byte.\n\n"
		"Exit status 0 when the same bytes came out, 3 when others did.",
	.options = options,
	.args_size = sizeof(struct args),
	.uses = CMD_JSON | CMD_JOBS,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
