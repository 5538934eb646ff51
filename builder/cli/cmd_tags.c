#include "base/error.h"
#include "base/json.h"
#include "cli/cmd.h"
#include "cli/remote.h"
#include "dist/ref.h"

struct args {
	struct remote_args remote;
};

static void report(struct cmd_env *env, char *const *tags, size_t n)
{
	json_t *list;

	if (!env->json) {
		for (size_t i = 0; i < n; i++)
			env_printf(env, "%s\n", tags[i]);
		return;
	}
	list = eb_json_array();
	for (size_t i = 0; i < n; i++)
		eb_json_push(list, eb_json_str(tags[i]));
	env_print_json(env, list);
}

static int run(struct cmd_env *env, void *argp, int argc, char **argv, struct eb_error **err)
{
	const struct args *a = argp;
	EB_CLEANUP(oci_ref_release_p) struct oci_ref ref = { .host = NULL };
	EB_CLEANUP(remote_release_p) struct remote remote = { .pool = NULL };
	EB_CLEANUP(oci_registry_free_p) struct oci_registry *registry = NULL;
	char **tags = NULL;
	size_t n = 0;
	int r = oci_ref_parse(argv[0], &ref, err);

	(void)argc;
	if (r >= 0 && (ref.tag || ref.digest.text[0]))
		r = eb_throw(err, EB_E_USAGE, "'%s' names one image, expected a repository",
			     argv[0]);
	if (r >= 0)
		r = remote_init(&remote, &a->remote, err);
	if (r >= 0)
		r = remote_registry(&remote, ref.host, false, false, &registry, err);
	if (r >= 0)
		r = oci_registry_tags(registry, ref.repo, &tags, &n, err);
	if (r < 0)
		return r;
	report(env, tags, n);
	oci_tags_free(tags, n);
	return 0;
}

static const struct opt options[] = { REMOTE_OPTIONS(struct args), OPT_END };

const struct cmd cmd_tags = {
	.name = "tags",
	.group = CMD_REGISTRY,
	.summary = "list the tags of a repository",
	.synopsis = "[OPTION]... HOST/REPO",
	.description = "One per line, all of them, in the order in which the registry has them.",
	.options = options,
	.args_size = sizeof(struct args),
	.uses = CMD_JSON,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
