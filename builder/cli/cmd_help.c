#include "base/buf.h"
#include "cli/cmd.h"
#include "cli/help.h"

static int run(struct cmd_env *env, void *args, int argc, char **argv, struct eb_error **err)
{
	EB_AUTOBUF(b, 256 * 1024);
	const struct cmd *c;
	int r = 0, words;

	(void)args;
	if (argc == 0) {
		help_program(&b);
	} else if (argc > 1 || !help_prefix(argv[0], &b)) {
		r = cmd_find(argc, argv, &c, &words, err);
		if (r == 0)
			help_command(c, &b);
	}
	if (r == 0)
		env_printf(env, "%s", eb_buf_str(&b));
	return r;
}

const struct cmd cmd_help = {
	.name = "help",
	.group = CMD_OTHER,
	.summary = "show the commands, or the help of one",
	.synopsis = "[COMMAND]",
	.max_args = 2,
	.run = run,
};
