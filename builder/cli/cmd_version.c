#include "base/json.h"
#include "cli/cmd.h"

static int run(struct cmd_env *env, void *args, int argc, char **argv, struct eb_error **err)
{
	(void)args;
	(void)argc;
	(void)argv;
	(void)err;
	if (env->json)
		env_print_json(
			env, json_pack("{s:s, s:s}", "name", "ess-bundle", "version", EB_VERSION));
	else
		env_printf(env, "ess-bundle %s\n", EB_VERSION);
	return 0;
}

const struct cmd cmd_version = {
	.name = "version",
	.group = CMD_OTHER,
	.summary = "show the version",
	.synopsis = "[OPTION]...",
	.uses = CMD_JSON,
	.run = run,
};
