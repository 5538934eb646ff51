#include "cli/building.h"

#include "base/dir.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "bundle/plan.h"
#include "bundle/stamp.h"
#include "cli/setup.h"
#include "cli/signing.h"
#include "image/shared.h"
#include "pkg/once.h"

static void report(struct cmd_env *env, const struct bnd_plan *p, const char *path,
		   const struct oci_digest *root, bool fresh)
{
	if (env->json) {
		json_t *j = eb_json_object();

		eb_json_set_str(j, "file", path);
		eb_json_set_str(j, "root", root->text);
		eb_json_set(j, "written", json_boolean(fresh));
		if (fresh)
			eb_json_set_u64(j, "size_bytes", p->layout.total);
		env_print_json(env, j);
		return;
	}
	if (fresh)
		env_note(env, "%s: %zu images, %llu bytes", path, p->n_images,
			 (unsigned long long)p->layout.total);
	else
		env_note(env, "%s: up to date", path);
	env_printf(env, "%s\n", root->text);
}

/* What would fail after all the work is tried before it. */
static int check_output(const char *path, struct eb_error **err)
{
	EB_AUTOTMP(tmp);

	return eb_tmpfile_open(NULL, path, 0644, &tmp, err);
}

static int open_shared(const struct cmd_env *env, const struct building_args *a, struct setup *s,
		       struct img_shared **ret, struct eb_error **err)
{
	const struct img_shared_options o = { .upstream = &s->upstream,
					      .cache = &s->cache,
					      .pool = s->env.pool,
					      .progress = env->progress,
					      .from = a->cache_from.items,
					      .n_from = a->cache_from.n,
					      .to = a->cache_to.items,
					      .n_to = a->cache_to.n };
	int r;

	if (o.n_from + o.n_to == 0)
		return 0;
	if (s->fetch.offline)
		return eb_throw(err, EB_E_OFFLINE, "--offline forbids to ask %s for results",
				o.n_from ? o.from[0] : o.to[0]);
	r = img_shared_new(&o, ret, err);
	s->env.shared = *ret;
	return r;
}

static void report_shared(struct cmd_env *env, const struct building_args *a,
			  const struct img_shared *shared)
{
	struct img_shared_counts n = img_shared_count(shared);

	for (size_t i = 0; i < a->cache_from.n + a->cache_to.n; i++)
		if (img_shared_complaint(shared, i))
			env_warn(env, "shared cache %s; built without it",
				 img_shared_complaint(shared, i));
	if (shared && !env->json)
		env_note(env, "shared cache: %zu results taken, %zu kept", n.had, n.kept);
}

/* The steps of a build, when something is to be done. */
static int build(struct cmd_env *env, const struct building_args *a, struct setup *s,
		 struct bnd_plan *plan, const struct bnd_plan_options *o, struct eb_error **err)
{
	EB_CLEANUP(img_shared_free_p) struct img_shared *shared = NULL;
	int r = check_output(a->output, err);

	if (r >= 0)
		r = open_shared(env, a, s, &shared, err);
	if (r >= 0)
		r = bnd_plan_fetch(plan, o, err);
	if (r >= 0)
		r = bnd_plan_make(plan, o, err);
	if (r >= 0 && img_session_used_fallback(plan->session))
		env_warn(env, "no locked codec for this machine: the system's shapes the bytes");
	if (r >= 0)
		r = bnd_plan_write(plan, a->output, err);
	if (r >= 0 && a->cache_to.n)
		bnd_plan_share(plan, a->output);
	report_shared(env, a, shared);
	s->env.shared = NULL;
	return r;
}

int building_run(struct cmd_env *env, const struct building_args *a, struct setup *s,
		 const struct bnd_def *def, bool layout_only, struct eb_error **err)
{
	EB_CLEANUP(img_session_free_p) struct img_session *session = img_session_new(&s->env);
	EB_CLEANUP(bnd_plan_release_p) struct bnd_plan plan = { 0 };
	EB_CLEANUP(signing_release_p) struct signing signing = { 0 };
	EB_CLEANUP(pkg_once_end_p) struct pkg_once *once = NULL;
	struct bnd_plan_options o = { .arches = a->arches.items,
				      .n_arches = a->arches.n,
				      .layout_only = layout_only,
				      .values = a->rendered };
	autofree char *reference = eb_xasprintf("%s/%s", def->registry, def->name), *same = NULL;
	struct oci_digest root;
	char key[65], signer[65] = "";
	int r = bnd_plan_load(def, session, &plan, err);

	if (r >= 0 && a->key)
		r = signing_name(a->key, signer, err);
	if (r >= 0)
		r = bnd_plan_key(&plan, &o, signer, key, err);
	if (r < 0)
		return r;
	/* Another process may be writing the same file. */
	same = eb_xasprintf("%s %s", key, a->output);
	once = pkg_once_begin(&s->cache, "build", same, a->output, env->progress);
	if (bnd_stamp_check(&s->cache, key, a->output, &root, NULL) >= 0) {
		report(env, &plan, a->output, &root, false);
		return 0;
	}
	if (a->key) {
		r = signing_load(a->key, &signing, err);
		signing.reference = reference;
		o.sign = signing_add;
		o.sign_ctx = &signing;
	}
	if (r >= 0)
		r = build(env, a, s, &plan, &o, err);
	if (r < 0)
		return r;
	bnd_stamp_note(&s->cache, key, a->output, &plan.root.digest);
	report(env, &plan, a->output, &plan.root.digest, true);
	return 0;
}
