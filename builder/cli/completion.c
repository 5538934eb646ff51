/* Completion scripts, written from the command table. What an option's value completes to follows
 * from its kind and name: choices for an enumeration, directories for DIR, files for FILE and its
 * like, nothing for the rest. */
#include <stdio.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/help.h"

static bool is_one_of(const char *arg, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(arg, *names) == 0)
			return true;
	return false;
}

static bool wants_file(const struct opt *o)
{
	static const char *const names[] = { "FILE", "KEY", "PUB", "PREFIX", "PATH", NULL };

	return o->arg && is_one_of(o->arg, names);
}

static bool wants_dir(const struct opt *o)
{
	static const char *const names[] = { "DIR", NULL };

	return o->arg && is_one_of(o->arg, names);
}

typedef void (*option_fn)(struct eb_buf *b, const struct cmd *c, const struct opt *o);

static void each_option(struct eb_buf *b, const struct cmd *c, option_fn fn)
{
	const struct opt *tables[] = { c->options, cmd_uses_options(c->uses), cmd_common_options };

	for (size_t i = 0; i < EB_ARRAY_LEN(tables); i++)
		for (const struct opt *o = tables[i]; o && o->name; o++)
			fn(b, c, o);
}

static const struct cmd *const *next_shown(const struct cmd *const *c)
{
	while (*c && (*c)->group == CMD_HIDDEN)
		c++;
	return *c ? c : NULL;
}

/* First words of all commands, each once (the table is sorted). */
static void add_first_words(struct eb_buf *b)
{
	const char *last = "";
	size_t last_n = 0;

	for (const struct cmd *const *c = cmd_table(); (c = next_shown(c)); c++) {
		size_t n = strcspn((*c)->name, " ");

		if (n == last_n && memcmp((*c)->name, last, n) == 0)
			continue;
		eb_buf_addf(b, "%s%.*s", last_n ? " " : "", (int)n, (*c)->name);
		last = (*c)->name;
		last_n = n;
	}
}

static void add_words(struct eb_buf *b, const char *const *words)
{
	for (size_t i = 0; words[i]; i++)
		eb_buf_addf(b, "%s%s", i ? " " : "", words[i]);
}

/* --- bash --- */

static void bash_names(struct eb_buf *b, const struct cmd *c, const struct opt *o)
{
	(void)c;
	eb_buf_addf(b, " --%s", o->name);
	if (o->letter)
		eb_buf_addf(b, " -%c", o->letter);
}

static void bash_value(struct eb_buf *b, const struct cmd *c, const struct opt *o)
{
	if (!opt_takes_value(o))
		return;
	eb_buf_addf(b, "\t'%s:--%s'", c->name, o->name);
	if (o->letter)
		eb_buf_addf(b, "|'%s:-%c'", c->name, o->letter);
	eb_buf_adds(b, ")");
	if (o->kind == OPT_ENUM) {
		eb_buf_adds(b, " mapfile -t COMPREPLY < <(compgen -W '");
		add_words(b, o->choices);
		eb_buf_adds(b, "' -- \"$cur\");");
	} else if (wants_dir(o)) {
		eb_buf_adds(b, " mapfile -t COMPREPLY < <(compgen -d -- \"$cur\");");
	} else if (wants_file(o)) {
		eb_buf_adds(b, " mapfile -t COMPREPLY < <(compgen -f -- \"$cur\");");
	}
	eb_buf_adds(b, " return ;;\n");
}

static void bash_script(struct eb_buf *b)
{
	eb_buf_adds(b, "# bash completion of ess-bundle, made by 'ess-bundle completion bash'\n"
		       "_ess_bundle()\n{\n"
		       "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
		       "\tlocal cmd=${COMP_WORDS[1]} words='' args=''\n"
		       "\tCOMPREPLY=()\n"
		       "\tif ((COMP_CWORD == 1)); then\n\t\tmapfile -t COMPREPLY < <(compgen -W '");
	add_first_words(b);
	eb_buf_adds(b, " --help --version' -- \"$cur\")\n\t\treturn\n\tfi\n");
	for (const struct cmd *const *c = cmd_table(); (c = next_shown(c)); c++) {
		const char *second = strchr((*c)->name, ' ');

		if (!second)
			continue;
		eb_buf_addf(b, "\tif [[ $cmd == '%.*s' ]]; then\n", (int)(second - (*c)->name),
			    (*c)->name);
		eb_buf_adds(b,
			    "\t\tif ((COMP_CWORD == 2)); then\n"
			    "\t\t\tmapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen -W '");
		eb_buf_addf(b, "%s' -- \"$cur\")\n", second + 1);
		eb_buf_addf(b, "\t\telif [[ ${COMP_WORDS[2]} == '%s' ]]; then\n\t\t\tcmd='%s'\n",
			    second + 1, (*c)->name);
		eb_buf_adds(b, "\t\tfi\n\tfi\n");
	}
	eb_buf_adds(b, "\tcase \"$cmd:$prev\" in\n");
	for (const struct cmd *const *c = cmd_table(); (c = next_shown(c)); c++)
		each_option(b, *c, bash_value);
	eb_buf_adds(b, "\tesac\n\tcase \"$cmd\" in\n");
	for (const struct cmd *const *c = cmd_table(); (c = next_shown(c)); c++) {
		eb_buf_addf(b, "\t'%s') words='", (*c)->name);
		each_option(b, *c, bash_names);
		eb_buf_adds(b, "'");
		if ((*c)->words) {
			eb_buf_adds(b, " args='");
			add_words(b, (*c)->words);
			eb_buf_adds(b, "'");
		} else if (strcmp((*c)->name, "help") == 0) {
			eb_buf_adds(b, " args='");
			add_first_words(b);
			eb_buf_adds(b, "'");
		}
		eb_buf_adds(b, " ;;\n");
	}
	eb_buf_adds(b, "\tesac\n"
		       "\tif [[ $cur == -* ]]; then\n"
		       "\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
		       "\telif [[ -n $args ]]; then\n"
		       "\t\tmapfile -t COMPREPLY < <(compgen -W \"$args\" -- \"$cur\")\n"
		       "\telif ((${#COMPREPLY[@]} == 0)); then\n"
		       "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
		       "\tfi\n}\n"
		       "complete -o filenames -F _ess_bundle ess-bundle\n");
}

/* --- zsh --- */

/* Inside '...': a quote ends it; inside _arguments brackets and colons are special. */
static void zsh_text(struct eb_buf *b, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			eb_buf_adds(b, "'\\''");
		else if (strchr("[]:\\", *text))
			eb_buf_addf(b, "\\%c", *text);
		else
			eb_buf_addc(b, *text);
	}
}

static void zsh_spec(struct eb_buf *b, const struct opt *o, const char *name, const char *sep)
{
	bool many = o->kind == OPT_LIST || o->kind == OPT_WORDS || o->kind == OPT_COUNT;

	eb_buf_addf(b, " \\\n\t\t\t'%s%s%s[", many ? "*" : "", name, sep);
	zsh_text(b, o->help);
	eb_buf_adds(b, "]");
	if (opt_takes_value(o)) {
		eb_buf_addf(b, ":%s:", o->arg);
		if (o->kind == OPT_ENUM) {
			eb_buf_adds(b, "(");
			add_words(b, o->choices);
			eb_buf_adds(b, ")");
		} else if (wants_dir(o)) {
			eb_buf_adds(b, "_files -/");
		} else if (wants_file(o)) {
			eb_buf_adds(b, "_files");
		}
	}
	eb_buf_adds(b, "'");
}

static void zsh_option(struct eb_buf *b, const struct cmd *c, const struct opt *o)
{
	autofree char *name = eb_xasprintf("--%s", o->name);
	const char letter[3] = { '-', o->letter, '\0' };

	(void)c;
	zsh_spec(b, o, name, opt_takes_value(o) ? "=" : "");
	if (o->letter)
		zsh_spec(b, o, letter, opt_takes_value(o) ? "+" : "");
}

static void zsh_script(struct eb_buf *b)
{
	eb_buf_adds(b, "#compdef ess-bundle\n"
		       "# zsh completion of ess-bundle, made by 'ess-bundle completion zsh'\n"
		       "_ess_bundle()\n{\n\tlocal cmd=$words[2]\n\tlocal -a commands\n"
		       "\tcommands=(\n");
	for (const struct cmd *const *c = cmd_table(); (c = next_shown(c)); c++) {
		eb_buf_addf(b, "\t\t'%.*s:", (int)strcspn((*c)->name, " "), (*c)->name);
		zsh_text(b, (*c)->summary);
		eb_buf_adds(b, "'\n");
	}
	eb_buf_adds(b, "\t)\n\tif (( CURRENT == 2 )); then\n"
		       "\t\t_describe command commands\n\t\treturn\n\tfi\n"
		       "\tshift words\n\t(( CURRENT-- ))\n");
	for (const struct cmd *const *c = cmd_table(); (c = next_shown(c)); c++) {
		const char *second = strchr((*c)->name, ' ');

		if (!second)
			continue;
		eb_buf_addf(b, "\tif [[ $cmd == '%.*s' ]]; then\n", (int)(second - (*c)->name),
			    (*c)->name);
		eb_buf_addf(b, "\t\tif (( CURRENT == 2 )); then\n\t\t\tcompadd %s\n\t\t\treturn\n",
			    second + 1);
		eb_buf_addf(b, "\t\tfi\n\t\tcmd=\"$cmd $words[2]\"\n\t\tshift words\n"
			       "\t\t(( CURRENT-- ))\n\tfi\n");
	}
	eb_buf_adds(b, "\tcase $cmd in\n");
	for (const struct cmd *const *c = cmd_table(); (c = next_shown(c)); c++) {
		eb_buf_addf(b, "\t\t('%s')\n\t\t\t_arguments -s -S", (*c)->name);
		each_option(b, *c, zsh_option);
		if ((*c)->words) {
			eb_buf_adds(b, " \\\n\t\t\t'*:argument:(");
			add_words(b, (*c)->words);
			eb_buf_adds(b, ")'");
		} else {
			eb_buf_adds(b, " \\\n\t\t\t'*:file:_files'");
		}
		eb_buf_adds(b, "\n\t\t\t;;\n");
	}
	eb_buf_adds(b, "\tesac\n}\n"
		       "if [[ $funcstack[1] == _ess-bundle ]]; then\n\t_ess_bundle \"$@\"\n"
		       "else\n\tcompdef _ess_bundle ess-bundle\nfi\n");
}

/* --- fish --- */

static void fish_quoted(struct eb_buf *b, const char *text)
{
	eb_buf_addc(b, '\'');
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			eb_buf_addc(b, '\\');
		eb_buf_addc(b, *text);
	}
	eb_buf_addc(b, '\'');
}

static void fish_condition(struct eb_buf *b, const struct cmd *c)
{
	const char *second = strchr(c->name, ' ');

	if (second)
		eb_buf_addf(b,
			    " -n '__fish_seen_subcommand_from %.*s; and "
			    "__fish_seen_subcommand_from %s'",
			    (int)(second - c->name), c->name, second + 1);
	else
		eb_buf_addf(b, " -n 'test (commandline -opc)[2] = %s 2>/dev/null'", c->name);
}

static void fish_option(struct eb_buf *b, const struct cmd *c, const struct opt *o)
{
	eb_buf_adds(b, "complete -c ess-bundle");
	fish_condition(b, c);
	eb_buf_addf(b, " -l %s", o->name);
	if (o->letter)
		eb_buf_addf(b, " -s %c", o->letter);
	if (o->kind == OPT_ENUM) {
		eb_buf_adds(b, " -x -a '");
		add_words(b, o->choices);
		eb_buf_adds(b, "'");
	} else if (wants_dir(o)) {
		eb_buf_adds(b, " -x -a '(__fish_complete_directories)'");
	} else if (wants_file(o)) {
		eb_buf_adds(b, " -r -F");
	} else if (opt_takes_value(o)) {
		eb_buf_adds(b, " -x");
	}
	eb_buf_adds(b, " -d ");
	fish_quoted(b, o->help);
	eb_buf_adds(b, "\n");
}

static void fish_script(struct eb_buf *b)
{
	eb_buf_adds(b, "# fish completion of ess-bundle, made by 'ess-bundle completion fish'\n");
	for (const struct cmd *const *c = cmd_table(); (c = next_shown(c)); c++) {
		const char *second = strchr((*c)->name, ' ');

		eb_buf_addf(b, "complete -c ess-bundle -n __fish_use_subcommand -f -a %.*s -d ",
			    (int)strcspn((*c)->name, " "), (*c)->name);
		fish_quoted(b, (*c)->summary);
		eb_buf_adds(b, "\n");
		if (second)
			eb_buf_addf(b,
				    "complete -c ess-bundle -n 'test (count (commandline -opc)) "
				    "-eq 2; and test (commandline -opc)[2] = %.*s' -f -a %s\n",
				    (int)(second - (*c)->name), (*c)->name, second + 1);
		if ((*c)->words) {
			eb_buf_adds(b, "complete -c ess-bundle");
			fish_condition(b, *c);
			eb_buf_adds(b, " -f -a '");
			add_words(b, (*c)->words);
			eb_buf_adds(b, "'\n");
		}
		each_option(b, *c, fish_option);
	}
}

void completion_script(enum completion_shell shell, struct eb_buf *b)
{
	switch (shell) {
	case COMPLETION_BASH:
		bash_script(b);
		break;
	case COMPLETION_ZSH:
		zsh_script(b);
		break;
	case COMPLETION_FISH:
		fish_script(b);
		break;
	}
}
