#include "base/buf.h"
#include "base/error.h"
#include "base/stream.h"
#include "cli/cmd.h"
#include "cli/rendering.h"
#include "render/yaml_write.h"

enum { OUTPUT_MAX_BYTES = 64 * 1024 * 1024 };

struct args {
	struct rendering_args values;
	const char *name, *namespace_, *registry;
	struct opt_list api_versions;
	bool unlocked;
};

static int print(struct cmd_env *env, const struct rnd_objects *objects, struct eb_error **err)
{
	EB_AUTOBUF(out, OUTPUT_MAX_BYTES);
	int r;

	for (size_t i = 0; i < objects->n; i++) {
		eb_buf_adds(&out, "---\n");
		rnd_yaml_write(objects->items[i].json, &out);
	}
	r = eb_buf_check(&out, "rendered manifests", err);
	if (r < 0)
		return r;
	env_printf(env, "%s", eb_buf_str(&out));
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
	int r = rendering_site(env, argv[0], true, a->unlocked, &site, err);

	(void)argc;
	if (r >= 0 && a->registry)
		r = bnd_site_relocate(&site, a->registry, err);
	if (r >= 0)
		r = rendering_values(&a->values, &site, &values, err);
	if (r < 0)
		return r;
	bnd_site_input(&site, &in);
	r = rnd_render(&in, &objects, err);
	return r < 0 ? r : print(env, &objects, err);
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
