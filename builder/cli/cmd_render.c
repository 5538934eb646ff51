#include "base/buf.h"
#include "base/error.h"
#include "cli/cmd.h"
#include "cli/rendering.h"
#include "render/chart.h"
#include "render/images.h"
#include "render/output.h"

struct args {
	struct rendering_args values;
	const char *name, *namespace_, *registry;
	struct opt_list api_versions;
	const char *split, *chart;
	bool unlocked, argocd, allow_foreign;
};

static int print(struct cmd_env *env, const struct rnd_objects *objects, struct eb_error **err)
{
	EB_AUTOBUF(out, RND_OUTPUT_MAX_BYTES);
	int r = rnd_write_documents(objects, &out, err);

	if (r >= 0)
		env_printf(env, "%s", eb_buf_str(&out));
	return r;
}

/* Pods whose image is not in the bundle would not start where there is no other source. */
static int check_images(struct cmd_env *env, const struct args *a, const struct bnd_site *site,
			const struct rnd_values *values, const struct rnd_objects *objects,
			struct eb_error **err)
{
	EB_CLEANUP(rnd_foreign_release_p) struct rnd_foreign_list list = { 0 };
	int r = rnd_foreign_images(objects, site->images, site->n_images, values->tree, &list, err);

	for (size_t i = 0; i < list.n && r >= 0; i++) {
		const struct rnd_foreign *f = &list.items[i];

		if (!f->asked && !a->allow_foreign) {
			r = eb_throw(err, EB_E_POLICY,
				     "%s '%s' names image '%s', which is not in "
				     "the bundle",
				     f->kind, f->name, f->image);
			return eb_hint(err, r,
				       "take it into the bundle, or go on with "
				       "--allow-foreign-image");
		}
		env_warn(env, "%s '%s' names image '%s', which is not in the bundle", f->kind,
			 f->name, f->image);
	}
	return r;
}

static int write_out(struct cmd_env *env, const struct args *a, const struct bnd_site *site,
		     struct rnd_objects *objects, struct eb_error **err)
{
	const struct rnd_chart chart = { site->name, site->version, a->name, a->namespace_ };
	int r;

	if (a->argocd)
		rnd_annotate_argocd(objects);
	if (a->chart)
		r = rnd_write_chart(&chart, objects, a->chart, err);
	else if (a->split)
		r = rnd_write_split(objects, a->split, err);
	else
		return print(env, objects, err);
	if (r >= 0)
		env_note(env, "%s: %zu objects", a->chart ? a->chart : a->split, objects->n);
	return r;
}

/* A name that other names are made of. */
static bool is_label(const char *s, size_t max)
{
	size_t n = strlen(s);

	return n > 0 && n <= max && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n &&
	       *s != '-' && s[n - 1] != '-';
}

static int check_args(const struct args *a, struct eb_error **err)
{
	const char *wrong = is_label(a->name, 40) ? NULL : a->name;

	if (a->split && a->chart)
		return eb_throw(err, EB_E_USAGE, "--split and --as-chart exclude each other");
	if (!wrong && !is_label(a->namespace_, 63))
		wrong = a->namespace_;
	if (wrong)
		return eb_throw(err, EB_E_USAGE,
				"'%s' is no name: expected lower-case letters, "
				"digits and '-', at most 40 of them (63 in a namespace)",
				wrong);
	return 0;
}

static int run(struct cmd_env *env, void *argp, int argc, char **argv, struct eb_error **err)
{
	const struct args *a = argp;
	EB_CLEANUP(bnd_site_release_p) struct bnd_site site = { .schema = NULL };
	EB_CLEANUP(rnd_values_release_p) struct rnd_values values = { .tree = NULL };
	EB_CLEANUP(rnd_objects_release_p) struct rnd_objects objects = { 0 };
	struct rnd_input in = { .release = a->name,
				.namespace_ = a->namespace_,
				.api_versions = a->api_versions.items,
				.n_api_versions = a->api_versions.n,
				.values = &values };
	int r = check_args(a, err);

	(void)argc;
	if (r >= 0)
		r = rendering_site(env, argv[0], true, a->unlocked, &site, err);
	if (r >= 0 && a->registry)
		r = bnd_site_relocate(&site, a->registry, err);
	if (r >= 0)
		r = rendering_values(&a->values, &site, &values, err);
	if (r < 0)
		return r;
	bnd_site_input(&site, &in);
	r = rnd_render(&in, &objects, err);
	if (r >= 0)
		r = check_images(env, a, &site, &values, &objects, err);
	return r < 0 ? r : write_out(env, a, &site, &objects, err);
}

static const struct args defaults = { .name = "ess", .namespace_ = "ess" };

static const struct opt options[] = {
	RENDERING_OPTIONS(struct args),
	{ "name", .kind = OPT_STRING, .arg = "NAME",
	  .help = "name of the release, by default 'ess'", .offset = offsetof(struct args, name) },
	{ "namespace", 'n', .kind = OPT_STRING, .arg = "NAME",
	  .help = "namespace of the objects, by default 'ess'",
	  .offset = offsetof(struct args, namespace_) },
	{ "api-versions", .kind = OPT_WORDS, .arg = "A,B",
	  .help = "what the cluster offers, like monitoring.coreos.com/v1/ServiceMonitor",
	  .offset = offsetof(struct args, api_versions) },
	{ "registry", 'r', .kind = OPT_STRING, .arg = "HOST[/PREFIX]",
	  .help = "where the cluster gets the images from",
	  .offset = offsetof(struct args, registry) },
	{ "split", .kind = OPT_STRING, .arg = "DIR",
	  .help = "write a file for each object into DIR", .offset = offsetof(struct args, split) },
	{ "as-chart", .kind = OPT_STRING, .arg = "DIR",
	  .help = "write a Helm chart that installs the objects into DIR",
	  .offset = offsetof(struct args, chart) },
	{ "argocd", .kind = OPT_FLAG, .help = "mark hooks for Argo CD too",
	  .offset = offsetof(struct args, argocd) },
	{ "allow-foreign-image", .kind = OPT_FLAG,
	  .help = "go on when an image is not in the bundle",
	  .offset = offsetof(struct args, allow_foreign) },
	{ "unlocked", .kind = OPT_FLAG, .help = "name images without a lock by their tag alone",
	  .offset = offsetof(struct args, unlocked) },
	OPT_END,
};

const struct cmd cmd_render = {
	.name = "render",
	.group = CMD_LOOK,
	.summary = "print the Kubernetes manifests of a bundle",
	.synopsis = "[OPTION]... DIR|FILE",
	.description = "Makes the objects that run the bundle's images in a cluster, from its "
		       "Jsonnet library and the values given, and prints them as YAML in the order "
		       "in which they can be applied. Nothing is fetched and no cluster is asked.",
	.options = options,
	.args_size = sizeof(struct args),
	.defaults = &defaults,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
