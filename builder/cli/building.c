#include "cli/building.h"

#include "base/dir.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "bundle/plan.h"
#include "bundle/stamp.h"
#include "cli/setup.h"
#include "cli/signing.h"
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

int building_run(struct cmd_env *env, const struct building_args *a, const struct setup *s,
		 const struct bnd_def *def, bool layout_only, struct eb_error **err)
{
	EB_CLEANUP(img_session_free_p) struct img_session *session = img_session_new(&s->env);
	EB_CLEANUP(bnd_plan_release_p) struct bnd_plan plan = { 0 };
	EB_CLEANUP(signing_release_p) struct signing signing = { 0 };
	EB_CLEANUP(pkg_once_end_p) struct pkg_once *once = NULL;
	struct bnd_plan_options o = { .arches = a->arches.items,
				      .n_arches = a->arches.n,
				      .layout_only = layout_only };
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
		r = check_output(a->output, err);
	if (r >= 0)
		r = bnd_plan_fetch(&plan, &o, err);
	if (r >= 0)
		r = bnd_plan_make(&plan, &o, err);
	if (r >= 0 && img_session_used_fallback(session))
		env_warn(env, "no locked codec for this machine: the system's shapes the bytes");
	if (r >= 0)
		r = bnd_plan_write(&plan, a->output, err);
	if (r < 0)
		return r;
	bnd_stamp_note(&s->cache, key, a->output, &plan.root.digest);
	report(env, &plan, a->output, &plan.root.digest, true);
	return 0;
}
