/* values check, values explain, values defaults */
#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/rendering.h"
#include "render/explain.h"
#include "render/schema.h"

enum { OUTPUT_MAX_BYTES = 8 * 1024 * 1024 };

struct args {
	struct rendering_args values;
	const char *name, *namespace_;
	struct opt_list api_versions;
};

static int run_check(struct cmd_env *env, void *argp, int argc, char **argv, struct eb_error **err)
{
	struct args a = *(const struct args *)argp;
	EB_CLEANUP(bnd_site_release_p) struct bnd_site site = { .schema = NULL };
	EB_CLEANUP(rnd_values_release_p) struct rnd_values values = { .tree = NULL };
	EB_CLEANUP(rnd_objects_release_p) struct rnd_objects objects = { 0 };
	autofree const char **files = eb_xcalloc(a.values.values.n + (size_t)argc, sizeof(*files));
	struct rnd_input in = { .release = a.name,
				.namespace_ = a.namespace_,
				.api_versions = a.api_versions.items,
				.n_api_versions = a.api_versions.n,
				.values = &values };
	size_t n = 0;
	int r = rendering_site(env, argv[0], true, true, &site, err);

	for (size_t i = 0; i < a.values.values.n; i++)
		files[n++] = a.values.values.items[i];
	for (int i = 1; i < argc; i++)
		files[n++] = argv[i];
	a.values.values = (struct opt_list){ files, n };
	if (r >= 0)
		r = rendering_values(&a.values, &site, &values, err);
	if (r < 0)
		return r;
	bnd_site_input(&site, &in);
	r = rnd_render(&in, &objects, err);
	if (r >= 0)
		env_note(env, "these values are fine: they make %zu objects", objects.n);
	return r;
}

static int schema_of(struct cmd_env *env, const char *path, struct bnd_site *site,
		     struct eb_error **err)
{
	int r = rendering_site(env, path, false, true, site, err);

	if (r >= 0 && !site->schema)
		return eb_throw(err, EB_E_NOT_FOUND, "'%s' has no schema of its values", path);
	return r < 0 ? r : rnd_schema_check(site->schema, err);
}

static int run_explain(struct cmd_env *env, void *argp, int argc, char **argv,
		       struct eb_error **err)
{
	EB_CLEANUP(bnd_site_release_p) struct bnd_site site = { .schema = NULL };
	EB_AUTOBUF(out, OUTPUT_MAX_BYTES);
	int r = schema_of(env, argv[0], &site, err);

	(void)argp;
	if (r >= 0)
		r = rnd_explain(site.schema, argc > 1 ? argv[1] : "", &out, err);
	if (r >= 0)
		env_printf(env, "%s", eb_buf_str(&out));
	return r;
}

static int run_defaults(struct cmd_env *env, void *argp, int argc, char **argv,
			struct eb_error **err)
{
	EB_CLEANUP(bnd_site_release_p) struct bnd_site site = { .schema = NULL };
	EB_AUTOBUF(out, OUTPUT_MAX_BYTES);
	int r = schema_of(env, argv[0], &site, err);

	(void)argp;
	(void)argc;
	if (r < 0)
		return r;
	rnd_explain_defaults(site.schema, &out);
	r = eb_buf_check(&out, "the defaults", err);
	if (r >= 0)
		env_printf(env, "%s", eb_buf_str(&out));
	return r;
}

static const struct args defaults = { .name = "ess", .namespace_ = "ess" };

static const struct opt check_options[] = {
	RENDERING_OPTIONS(struct args),
	{ "name", .kind = OPT_STRING, .arg = "NAME",
	  .help = "name of the release, by default 'ess'", .offset = offsetof(struct args, name) },
	{ "namespace", 'n', .kind = OPT_STRING, .arg = "NAME",
	  .help = "namespace of the objects, by default 'ess'",
	  .offset = offsetof(struct args, namespace_) },
	{ "api-versions", .kind = OPT_WORDS, .arg = "A,B",
	  .help = "what the cluster offers, like cert-manager.io/v1/Certificate",
	  .offset = offsetof(struct args, api_versions) },
	OPT_END,
};

const struct cmd cmd_values_check = {
	.name = "values check",
	.group = CMD_LOOK,
	.summary = "check values against a bundle's schema and manifests",
	.synopsis = "[OPTION]... DIR|FILE [VALUES]...",
	.description =
		"Does everything that 'render' does with the values, and prints nothing but "
		"what is wrong with them: the file, the line and column, the value, what was "
		"expected.",
	.options = check_options,
	.args_size = sizeof(struct args),
	.defaults = &defaults,
	.min_args = 1,
	.max_args = CMD_ANY_ARGS,
	.run = run_check,
};

const struct cmd cmd_values_explain = {
	.name = "values explain",
	.group = CMD_LOOK,
	.summary = "say what a value of a bundle is for",
	.synopsis = "DIR|FILE [KEY]",
	.description = "Prints the description, type, limits and default of KEY, like "
		       "synapse.workers, and the keys below it.",
	.min_args = 1,
	.max_args = 2,
	.run = run_explain,
};

const struct cmd cmd_values_defaults = {
	.name = "values defaults",
	.group = CMD_LOOK,
	.summary = "print all values of a bundle with their defaults",
	.synopsis = "DIR|FILE",
	.description = "Prints YAML that can be used as a values file: each value below a comment "
		       "that says what it is for. Values without a default stand in comments.",
	.min_args = 1,
	.max_args = 1,
	.run = run_defaults,
};
