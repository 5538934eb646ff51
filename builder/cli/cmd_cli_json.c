/* Hidden: the command table as JSON, for the lint that holds manual pages and help against it. */
#include "base/json.h"
#include "cli/cmd.h"

static json_t *describe_options(const struct opt *o)
{
	json_t *all = json_array();

	for (; o && o->name; o++) {
		const char letter[2] = { o->letter, '\0' };
		json_t *choices = json_array();

		for (size_t i = 0; o->kind == OPT_ENUM && o->choices[i]; i++)
			json_array_append_new(choices, json_string(o->choices[i]));
		json_array_append_new(all,
				      json_pack("{s:s, s:s, s:s?, s:s, s:s, s:b, s:o}", "name",
						o->name, "letter", letter, "arg", o->arg, "kind",
						opt_kind_name(o->kind), "help", o->help, "required",
						(int)o->required, "choices", choices));
	}
	return all;
}

static json_t *describe(const struct cmd *c)
{
	json_t *options = describe_options(c->options);
	json_t *added = describe_options(cmd_uses_options(c->uses));

	json_array_extend(options, added);
	json_decref(added);
	return json_pack("{s:s, s:s, s:s, s:s?, s:b, s:i, s:i, s:o}", "name", c->name, "summary",
			 c->summary, "synopsis", c->synopsis, "description", c->description,
			 "hidden", (int)(c->group == CMD_HIDDEN), "min_args", c->min_args,
			 "max_args", c->max_args, "options", options);
}

static int run(struct cmd_env *env, void *args, int argc, char **argv, struct eb_error **err)
{
	json_t *all = json_array();

	(void)args;
	(void)argc;
	(void)argv;
	(void)err;
	for (const struct cmd *const *c = cmd_table(); *c; c++)
		json_array_append_new(all, describe(*c));
	env_print_json(env, json_pack("{s:s, s:s, s:o, s:o}", "name", "ess-bundle", "version",
				      EB_VERSION, "common", describe_options(cmd_common_options),
				      "commands", all));
	return 0;
}

const struct cmd cmd_cli_json = {
	.name = "__cli-json",
	.group = CMD_HIDDEN,
	.summary = "describe the command line as JSON",
	.synopsis = "",
	.run = run,
};
