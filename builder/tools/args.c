#include "base/error.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/span.h"
#include "tools/tool.h"

static size_t n_options(const struct tool *t)
{
	size_t n = 0;

	while (n < TOOL_MAX_OPTIONS && t->options[n].name)
		n++;
	return n;
}

static int throw_unknown(const struct tool *t, const char *word, struct eb_error **err)
{
	const char *names[TOOL_MAX_OPTIONS + 1] = { NULL };
	autofree char *shown = eb_printable(word, 60);
	const char *near;
	int r;

	for (size_t i = 0; i < n_options(t); i++)
		names[i] = t->options[i].name;
	near = eb_nearest(word, names);
	r = eb_throw(err, EB_E_USAGE, "there is no option -%s", shown);
	return near ? eb_hint(err, r, "did you mean -%s?", near)
		    : eb_hint(err, r, "ess-tools %s -h lists them", t->name);
}

/* "name" or "name=value" at *at; value may be the next word. */
static int take_option(const struct tool *t, const char *word, const char *const **at,
		       struct tool_args *a, struct eb_error **err)
{
	struct eb_span rest = eb_span_str(word), name;
	size_t i = 0;

	if (!eb_span_next(&rest, '=', &name))
		return throw_unknown(t, word, err);
	while (i < n_options(t) && !eb_span_eq(name, t->options[i].name))
		i++;
	if (i == n_options(t)) {
		autofree char *alone = eb_span_dup(name);

		return throw_unknown(t, alone, err);
	}
	if (word[name.len] == '=') {
		a->values[i] = word + name.len + 1;
		return 0;
	}
	if (!(*at)[0])
		return eb_throw(err, EB_E_USAGE, "-%s wants %s", t->options[i].name,
				t->options[i].arg);
	a->values[i] = *(*at)++;
	return 0;
}

int tool_args_parse(const struct tool *t, const char *const *argv, struct tool_args *ret,
		    struct eb_error **err)
{
	struct tool_args a = { .n_operands = 0 };

	while (*argv && argv[0][0] == '-' && argv[0][1]) {
		const char *word = *argv++ + 1;
		int r;

		word += *word == '-';
		if (!*word)
			break; /* "--" */
		r = take_option(t, word, &argv, &a, err);
		if (r < 0)
			return r;
	}
	a.operands = argv;
	while (a.operands[a.n_operands])
		a.n_operands++;
	for (size_t i = 0; i < n_options(t); i++)
		if (t->options[i].required && (!a.values[i] || !*a.values[i]))
			return eb_throw(err, EB_E_USAGE, "-%s %s is missing", t->options[i].name,
					t->options[i].arg);
	if (a.n_operands < t->min_operands)
		return eb_throw(err, EB_E_USAGE, "%s is missing", t->operands);
	if (!t->operands && a.n_operands > 0) {
		autofree char *shown = eb_printable(a.operands[0], 60);

		return eb_throw(err, EB_E_USAGE, "'%s' means nothing here", shown);
	}
	*ret = a;
	return 0;
}

char *tool_usage(const struct tool *t)
{
	EB_AUTOBUF(b, 16 * 1024);

	eb_buf_addf(&b, "%s\n\nusage: ess-tools %s", t->summary, t->name);
	for (size_t i = 0; i < n_options(t); i++) {
		const struct tool_option *o = &t->options[i];

		eb_buf_addf(&b, " %s-%s %s%s", o->required ? "" : "[", o->name, o->arg,
			    o->required ? "" : "]");
	}
	eb_buf_addf(&b, "%s%s\n\n", t->operands ? " " : "", t->operands ? t->operands : "");
	for (size_t i = 0; i < n_options(t); i++) {
		const struct tool_option *o = &t->options[i];
		autofree char *left = eb_xasprintf("-%s %s", o->name, o->arg);

		eb_buf_addf(&b, "  %-30s %s\n", left, o->help);
	}
	return eb_buf_take(&b);
}

int tool_seconds(const char *text, const char *option, uint64_t otherwise, uint64_t *ret,
		 struct eb_error **err)
{
	struct eb_span s = eb_span_str(text);
	uint64_t v = otherwise;
	int r = 0;

	if (eb_span_ends(s, "s"))
		s.len--;
	if (text)
		r = eb_parse_u64(s, 7 * 24 * 3600, &v, err);
	if (r < 0)
		return eb_prefix(err, r, "-%s", option);
	*ret = v;
	return 0;
}
