#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <jansson.h>

#include "base/error.h"
#include "base/secret.h"
#include "base/span.h"
#include "tools/tool.h"

static const struct tool *const tools[] = {
	&tool_concat,  &tool_deployment_markers, &tool_generate_secrets, &tool_render_config,
	&tool_syn2mas, &tool_synapse_wait,	 &tool_tcpwait,
};

/* JSON documents hold Secrets: what was theirs is overwritten. */
static void wiping_free(void *p)
{
	if (p)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

/* The first process of a container has no default action for signals. */
static void on_signal(int sig)
{
	_exit(128 + sig);
}

static void set_up(void)
{
	struct sigaction end = { .sa_handler = on_signal };
	const struct rlimit none = { 0, 0 };
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
	umask(0); /* modes of files are as documented */
	/* Memory with secrets goes into no core file. */
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGINT, &end, NULL);
	signal(SIGPIPE, SIG_IGN);
	json_set_alloc_funcs(malloc, wiping_free);
}

static int help(FILE *to)
{
	fputs("In-cluster tools of ess-bundle " EB_VERSION "\n\nusage: ess-tools COMMAND [-OPTION "
	      "VALUE]... [FILE]...\n\n",
	      to);
	for (size_t i = 0; i < EB_ARRAY_LEN(tools); i++)
		fprintf(to, "  %-20s %s\n", tools[i]->name, tools[i]->summary);
	fputs("\n'ess-tools COMMAND -h' lists a command's options.\n", to);
	return to == stdout ? 0 : 2;
}

static bool is_help(const char *word)
{
	static const char *const words[] = { "-h", "-help", "--help", "help" };

	for (size_t i = 0; word && i < EB_ARRAY_LEN(words); i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

static int run(const struct tool *t, const char *const *argv)
{
	autoerror struct eb_error *err = NULL;
	struct tool_args a;
	int r;

	if (is_help(argv[0])) {
		autofree char *text = tool_usage(t);

		fputs(text, stdout);
		return 0;
	}
	r = tool_args_parse(t, argv, &a, &err);
	if (r >= 0)
		r = t->run(&a, &err);
	if (r >= 0)
		return r;
	fprintf(stderr, "ess-tools %s: %s\n", t->name, err ? err->message : eb_code_text(r));
	if (err && err->hint)
		fprintf(stderr, "ess-tools %s: hint: %s\n", t->name, err->hint);
	return r == -EB_E_USAGE ? 2 : 1;
}

static const struct tool *find_tool(const char *name)
{
	for (size_t i = 0; i < EB_ARRAY_LEN(tools); i++)
		if (strcmp(tools[i]->name, name) == 0)
			return tools[i];
	return NULL;
}

static int unknown(const char *name)
{
	const char *names[EB_ARRAY_LEN(tools) + 1] = { NULL };
	autofree char *shown = eb_printable(name, 60);
	const char *near;

	for (size_t i = 0; i < EB_ARRAY_LEN(tools); i++)
		names[i] = tools[i]->name;
	near = eb_nearest(name, names);
	fprintf(stderr, "ess-tools: there is no command '%s'\n", shown);
	if (near)
		fprintf(stderr, "ess-tools: hint: did you mean '%s'?\n", near);
	return 2;
}

int main(int argc, char **argv)
{
	const struct tool *t;

	set_up();
	if (argc < 2)
		return help(stderr);
	if (is_help(argv[1]))
		return help(stdout);
	if (strcmp(argv[1], "version") == 0 || strcmp(argv[1], "--version") == 0) {
		puts("ess-tools " EB_VERSION);
		return 0;
	}
	t = find_tool(argv[1]);
	return t ? run(t, (const char *const *)argv + 2) : unknown(argv[1]);
}
