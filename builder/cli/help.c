#include "cli/help.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/span.h"
#include "cli/cmd.h"

enum { NAME_COLUMN = 16, OPTION_COLUMN = 28 };

static void add_spaces(struct eb_buf *b, size_t n)
{
	while (n--)
		eb_buf_addc(b, ' ');
}

void help_wrap(struct eb_buf *b, const char *text, size_t n, size_t indent, size_t at)
{
	struct eb_span rest = { text, n }, word;
	bool first = true;

	while (eb_span_word(&rest, &word)) {
		if (!first && at + 1 + word.len > HELP_COLUMNS) {
			eb_buf_addc(b, '\n');
			at = 0;
			first = true;
		}
		if (first && at < indent) {
			add_spaces(b, indent - at);
			at = indent;
		} else if (!first) {
			eb_buf_addc(b, ' ');
			at++;
		}
		eb_buf_addf(b, "%.*s", (int)word.len, word.ptr);
		at += word.len;
		first = false;
	}
	eb_buf_addc(b, '\n');
}

static void add_paragraphs(struct eb_buf *b, const char *text)
{
	while (*text) {
		const char *end = strstr(text, "\n\n");
		size_t n = end ? (size_t)(end - text) : strlen(text);

		help_wrap(b, text, n, 0, 0);
		eb_buf_addc(b, '\n');
		text += n + (end ? 2 : 0);
	}
}

static void add_option(struct eb_buf *b, const struct opt *o)
{
	autofree char *left = NULL, *help = NULL;
	char letter[8] = "    ", *all;

	if (o->letter)
		snprintf(letter, sizeof(letter), "-%c, ", o->letter);
	left = eb_xasprintf("  %s--%s%s%s", letter, o->name, o->arg ? " " : "",
			    o->arg ? o->arg : "");
	eb_buf_adds(b, left);
	help = eb_xstrdup(o->help);
	for (size_t i = 0; o->kind == OPT_ENUM && o->choices[i]; i++) {
		all = eb_xasprintf("%s%s%s", help, i ? ", " : ": ", o->choices[i]);
		free(help);
		help = all;
	}
	if (strlen(left) + 2 > OPTION_COLUMN) {
		eb_buf_addc(b, '\n');
		help_wrap(b, help, strlen(help), OPTION_COLUMN, 0);
	} else {
		help_wrap(b, help, strlen(help), OPTION_COLUMN, strlen(left));
	}
}

static void add_options(struct eb_buf *b, const struct opt *table)
{
	for (; table && table->name; table++)
		add_option(b, table);
}

static void add_entry(struct eb_buf *b, const struct cmd *c)
{
	eb_buf_addf(b, "  %-*s", NAME_COLUMN - 2, c->name);
	help_wrap(b, c->summary, strlen(c->summary), NAME_COLUMN,
		  strlen(c->name) + 2 > NAME_COLUMN ? strlen(c->name) + 2 : NAME_COLUMN);
}

void help_program(struct eb_buf *b)
{
	static const char *const titles[CMD_GROUPS] = { [CMD_BUILD] = "Build",
							[CMD_LOOK] = "Look",
							[CMD_TRUST] = "Trust",
							[CMD_REGISTRY] = "Registries",
							[CMD_OTHER] = "Other" };

	eb_buf_adds(b, "Usage: ess-bundle COMMAND [OPTION]... [ARGUMENT]...\n\n");
	add_paragraphs(b, "Build reproducible OCI images and carry them, signed, in one file to "
			  "where no network is.");
	for (int g = 0; g < CMD_GROUPS; g++) {
		bool any = false;

		for (const struct cmd *const *c = cmd_table(); *c && g != CMD_HIDDEN; c++) {
			if ((int)(*c)->group != g)
				continue;
			if (!any)
				eb_buf_addf(b, "%s:\n", titles[g]);
			any = true;
			add_entry(b, *c);
		}
		if (any)
			eb_buf_addc(b, '\n');
	}
	eb_buf_adds(b, "Every command takes:\n");
	add_options(b, cmd_common_options);
	eb_buf_adds(b, "\n'ess-bundle COMMAND --help' tells more; so does 'man ess-bundle'.\n");
}

void help_command(const struct cmd *c, struct eb_buf *b)
{
	autofree char *usage = eb_xasprintf("Usage: ess-bundle %s %s", c->name, c->synopsis);
	autofree char *page = eb_xasprintf("ess-bundle-%s", c->name);

	help_wrap(b, usage, strlen(usage), 8, 8); /* at 8: no indent on the first line */
	eb_buf_addc(b, '\n');
	add_paragraphs(b, c->description ? c->description : c->summary);
	if ((c->options && c->options->name) || c->uses) {
		eb_buf_adds(b, "Options:\n");
		add_options(b, c->options);
		add_options(b, cmd_uses_options(c->uses));
		eb_buf_addc(b, '\n');
	}
	eb_buf_adds(b, "Every command takes:\n");
	add_options(b, cmd_common_options);
	for (char *p = page; *p; p++)
		*p = *p == ' ' ? '-' : *p;
	if (c->group != CMD_HIDDEN)
		eb_buf_addf(b, "\n'man %s' tells more.\n", page);
}

bool help_prefix(const char *word, struct eb_buf *b)
{
	size_t n = strlen(word);
	bool any = false;

	for (const struct cmd *const *c = cmd_table(); *c; c++) {
		if (strncmp((*c)->name, word, n) != 0 || (*c)->name[n] != ' ')
			continue;
		if (!any)
			eb_buf_addf(b, "Usage: ess-bundle %s COMMAND [OPTION]... [ARGUMENT]...\n\n",
				    word);
		any = true;
		add_entry(b, *c);
	}
	return any;
}
