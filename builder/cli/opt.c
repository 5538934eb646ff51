#include "cli/opt.h"

#include <stdio.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"

enum { MAX_NAMES = 64, MAX_ITEMS = 65536 };

struct found {
	const struct opt *opt;
	void *field;
};

static void *field_of(const struct opt_set *set, const struct opt *o)
{
	return (char *)set->args + o->offset;
}

static bool find(const struct opt_set *sets, const char *name, size_t n, char letter,
		 struct found *ret)
{
	for (; sets->table; sets++) {
		for (const struct opt *o = sets->table; o->name; o++) {
			bool same = name ? strlen(o->name) == n && memcmp(o->name, name, n) == 0
					 : o->letter == letter;

			if (same) {
				*ret = (struct found){ o, field_of(sets, o) };
				return true;
			}
		}
	}
	return false;
}

static int throw_unknown(const struct opt_set *sets, const char *word, size_t n,
			 struct eb_error **err)
{
	const char *names[MAX_NAMES + 1] = { NULL }, *near;
	autofree char *shown = eb_xstrndup(word, n);
	size_t count = 0;

	for (; sets->table; sets++)
		for (const struct opt *o = sets->table; o->name && count < MAX_NAMES; o++)
			names[count++] = o->name;
	near = eb_nearest(shown, names);
	if (near)
		return eb_throw(err, EB_E_USAGE, "unknown option '--%s' (did you mean '--%s'?)",
				shown, near);
	return eb_throw(err, EB_E_USAGE, "unknown option '--%s'", shown);
}

static int set_number(const struct opt *o, const char *value, uint64_t *ret, struct eb_error **err)
{
	autoerror struct eb_error *why = NULL;
	struct eb_span s = eb_span_str(value);
	int r;

	if (o->kind == OPT_BYTES)
		r = eb_parse_bytes(s, ret, &why);
	else
		r = eb_parse_u64(s, o->max ? o->max : UINT64_MAX, ret, &why);
	if (r < 0)
		return eb_throw(err, EB_E_USAGE, "option '--%s': %s", o->name, why->message);
	return 0;
}

static int set_enum(const struct opt *o, const char *value, unsigned int *ret,
		    struct eb_error **err)
{
	autofree char *all = eb_xstrdup("");
	const char *near;

	for (unsigned int i = 0; o->choices[i]; i++) {
		char *longer;

		if (strcmp(o->choices[i], value) == 0) {
			*ret = i;
			return 0;
		}
		longer = eb_xasprintf("%s%s%s", all, i ? ", " : "", o->choices[i]);
		free(all);
		all = longer;
	}
	near = eb_nearest(value, o->choices);
	if (near)
		return eb_throw(err, EB_E_USAGE,
				"option '--%s': '%s' is not one of %s (did you mean '%s'?)",
				o->name, value, all, near);
	return eb_throw(err, EB_E_USAGE, "option '--%s': '%s' is not one of %s", o->name, value,
			all);
}

static int append(const struct opt *o, struct opt_list *list, const char *item,
		  struct eb_error **err)
{
	const char **items;

	if (list->n >= MAX_ITEMS)
		return eb_throw(err, EB_E_USAGE, "option '--%s' is given more than %d times",
				o->name, MAX_ITEMS);
	items = reallocarray(list->items, list->n + 2, sizeof(*items));
	if (!items)
		abort();
	list->items = items;
	items[list->n++] = eb_xstrdup(item);
	items[list->n] = NULL;
	return 0;
}

static int append_words(const struct opt *o, struct opt_list *list, const char *value,
			struct eb_error **err)
{
	struct eb_span rest = eb_span_str(value), word;

	if (rest.len == 0 || eb_span_ends(rest, ","))
		return eb_throw(err, EB_E_USAGE, "option '--%s': empty word in '%s'", o->name,
				value);
	while (eb_span_next(&rest, ',', &word)) {
		autofree char *item = eb_span_dup(word);
		int r;

		if (word.len == 0)
			return eb_throw(err, EB_E_USAGE, "option '--%s': empty word in '%s'",
					o->name, value);
		r = append(o, list, item, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int set(const struct found *f, const char *value, struct eb_error **err)
{
	switch (f->opt->kind) {
	case OPT_FLAG:
		*(bool *)f->field = true;
		return 0;
	case OPT_COUNT:
		++*(unsigned int *)f->field;
		return 0;
	case OPT_STRING:
		*(const char **)f->field = value;
		return 0;
	case OPT_U64:
	case OPT_BYTES:
		return set_number(f->opt, value, f->field, err);
	case OPT_LIST:
		return append(f->opt, f->field, value, err);
	case OPT_WORDS:
		return append_words(f->opt, f->field, value, err);
	case OPT_ENUM:
		return set_enum(f->opt, value, f->field, err);
	}
	return 0;
}

struct parse {
	const struct opt_set *sets;
	int argc, at;
	char **argv;
};

static int need_value(struct parse *p, const struct found *f, const char **ret,
		      struct eb_error **err)
{
	if (p->at >= p->argc)
		return eb_throw(err, EB_E_USAGE, "option '--%s' needs a value (%s)", f->opt->name,
				f->opt->arg);
	*ret = p->argv[p->at++];
	return 0;
}

static int parse_long(struct parse *p, const char *word, struct eb_error **err)
{
	const char *eq = strchr(word, '='), *value = eq ? eq + 1 : NULL;
	size_t n = eq ? (size_t)(eq - word) : strlen(word);
	struct found f;
	int r;

	if (!find(p->sets, word, n, 0, &f))
		return throw_unknown(p->sets, word, n, err);
	if (!opt_takes_value(f.opt)) {
		if (value)
			return eb_throw(err, EB_E_USAGE, "option '--%s' takes no value, found '%s'",
					f.opt->name, value);
	} else if (!value) {
		r = need_value(p, &f, &value, err);
		if (r < 0)
			return r;
	}
	return set(&f, value, err);
}

static int parse_short(struct parse *p, const char *letters, struct eb_error **err)
{
	for (; *letters; letters++) {
		const char *value = NULL;
		struct found f;
		int r;

		if (!find(p->sets, NULL, 0, *letters, &f))
			return eb_throw(err, EB_E_USAGE, "unknown option '-%c'", *letters);
		if (opt_takes_value(f.opt)) {
			value = letters + 1;
			r = *value ? 0 : need_value(p, &f, &value, err);
			return r < 0 ? r : set(&f, value, err);
		}
		r = set(&f, NULL, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int opt_check_required(const struct opt_set *sets, struct eb_error **err)
{
	for (; sets->table; sets++) {
		for (const struct opt *o = sets->table; o->name; o++) {
			const void *field = field_of(sets, o);
			bool given = true;

			if (o->required && o->kind == OPT_STRING)
				given = *(const char *const *)field != NULL;
			else if (o->required)
				given = ((const struct opt_list *)field)->n > 0;
			if (!given)
				return eb_throw(err, EB_E_USAGE, "option '--%s %s' is required",
						o->name, o->arg);
		}
	}
	return 0;
}

int opt_parse(const struct opt_set *sets, int argc, char **argv, struct eb_error **err)
{
	struct parse p = { .sets = sets, .argc = argc, .argv = argv };
	bool only_args = false;
	int kept = 0, r;

	while (p.at < argc) {
		char *word = argv[p.at++];

		if (only_args || word[0] != '-' || word[1] == '\0') {
			argv[kept++] = word;
			continue;
		}
		if (strcmp(word, "--") == 0) {
			only_args = true;
			continue;
		}
		if (word[1] == '-')
			r = parse_long(&p, word + 2, err);
		else
			r = parse_short(&p, word + 1, err);
		if (r < 0)
			return r;
	}
	return kept;
}

void opt_release(const struct opt_set *sets)
{
	for (; sets->table; sets++) {
		for (const struct opt *o = sets->table; o->name; o++) {
			struct opt_list *list = field_of(sets, o);

			if (o->kind != OPT_LIST && o->kind != OPT_WORDS)
				continue;
			for (size_t i = 0; i < list->n; i++)
				free((void *)(uintptr_t)list->items[i]);
			free(list->items);
			*list = (struct opt_list){ 0 };
		}
	}
}

const char *opt_kind_name(enum opt_kind kind)
{
	static const char *const names[] = {
		[OPT_FLAG] = "flag",   [OPT_COUNT] = "count", [OPT_STRING] = "string",
		[OPT_U64] = "u64",     [OPT_BYTES] = "bytes", [OPT_LIST] = "list",
		[OPT_WORDS] = "words", [OPT_ENUM] = "enum",
	};

	return names[kind];
}
