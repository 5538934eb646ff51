#include "base/buf.h"
#include "base/error.h"
#include "base/span.h"
#include "cli/cmd.h"
#include "cli/help.h"

static const char *const shells[] = { "bash", "zsh", "fish", NULL };

static int run(struct cmd_env *env, void *args, int argc, char **argv, struct eb_error **err)
{
	EB_AUTOBUF(b, 1024 * 1024);
	const char *near;

	(void)args;
	(void)argc;
	for (unsigned int i = 0; shells[i]; i++) {
		if (strcmp(argv[0], shells[i]) != 0)
			continue;
		completion_script((enum completion_shell)i, &b);
		env_printf(env, "%s", eb_buf_str(&b));
		return 0;
	}
	near = eb_nearest(argv[0], shells);
	return eb_throw(err, EB_E_USAGE, "no completion for '%s': expected bash, zsh or fish%s%s%s",
			argv[0], near ? " (did you mean '" : "", near ? near : "",
			near ? "'?)" : "");
}

const struct cmd cmd_completion = {
	.name = "completion",
	.group = CMD_OTHER,
	.summary = "print the completion script of a shell",
	.synopsis = "bash|zsh|fish",
	.description =
		"Prints a script that completes commands, options and their values.\n\n"
		"For this shell only: source <(ess-bundle completion bash). For good: put the "
		"output into /etc/bash_completion.d/ess-bundle, into a file _ess-bundle in a "
		"directory of zsh's fpath, or into ~/.config/fish/completions/ess-bundle.fish. "
		"'make install' does so.",
	.min_args = 1,
	.max_args = 1,
	.words = shells,
	.run = run,
};
