/* The hash that says which question a lock answers. The text that is hashed is one word per line
 * part, so nothing in it can be read two ways: all values were checked to hold no tab or line
 * break. Order in the recipe does not matter where it does not change the answer. */
#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "recipe/lock.h"
#include "recipe/recipe.h"

struct lines {
	struct eb_arena *arena;
	const char **line;
	size_t n, alloc;
};

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add(struct lines *l, const char *text)
{
	/* Fewer than the nodes of the YAML file: cannot fail. */
	if (eb_grow(&l->line, &l->alloc, l->n + 1, sizeof(*l->line), SIZE_MAX / 64, "lines", NULL) <
	    0)
		abort();
	l->line[l->n++] = text;
}

static void add_wish(struct lines *l, const char *what, const struct rcp_word *w)
{
	if (w->n_arches == 0)
		add(l, eb_arena_printf(l->arena, "%s\t%s", what, w->text));
	for (size_t i = 0; i < w->n_arches; i++)
		add(l, eb_arena_printf(l->arena, "%s\t%s\t%s", what, w->text, w->arches[i]));
}

static void add_suite(struct lines *l, size_t n, const struct rcp_suite *s)
{
	for (size_t i = 0; i < s->n_components; i++)
		add(l, eb_arena_printf(l->arena, "suite\t%03zu\t%s\t%s\t%s\t%d", n, s->archive,
				       s->name, s->components[i], s->priority));
}

/* Suites keep their order, as equal priorities are decided by it. */
static void hash_stage(struct eb_hash *h, const struct rcp_recipe *r)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *arena = eb_arena_new();
	struct lines l = { .arena = arena };

	for (size_t i = 0; i < r->n_suites; i++)
		add_suite(&l, i, &r->suites[i]);
	for (size_t i = 0; i < r->n_architectures; i++)
		add(&l, eb_arena_printf(arena, "architecture\t%s", r->architectures[i]));
	for (size_t i = 0; i < r->n_packages; i++)
		add_wish(&l, "package", &r->packages[i]);
	for (size_t i = 0; i < r->n_exclude; i++)
		add_wish(&l, "exclude", &r->exclude[i]);
	for (size_t i = 0; i < r->n_codecs; i++)
		add(&l, eb_arena_printf(arena, "codec\t%s\t%s\t%s\t%d", r->codecs[i].kind,
					r->codecs[i].package, r->codecs[i].library,
					r->codecs[i].level));
	add(&l, r->recommends ? "recommends\ttrue" : "recommends\tfalse");
	qsort(l.line, l.n, sizeof(*l.line), by_bytes);
	eb_hash_update(h, "recipe\t", 7);
	eb_hash_update(h, r->name, strlen(r->name));
	eb_hash_update(h, "\n", 1);
	for (size_t i = 0; i < l.n; i++) {
		eb_hash_update(h, l.line[i], strlen(l.line[i]));
		eb_hash_update(h, "\n", 1);
	}
	free(l.line);
}

void rcp_lock_inputs_hash(const struct rcp_chain *chain, char out[static 65])
{
	EB_CLEANUP(eb_hash_free_p) struct eb_hash *h = eb_hash_new(EB_SHA256);
	char hex[EB_HASH_MAX_HEX + 1];

	eb_hash_update(h, "inputs 1\n", 9);
	for (size_t i = 0; i < chain->n; i++)
		hash_stage(h, chain->stage[i]);
	eb_hash_final_hex(h, hex);
	memcpy(out, hex, EB_SHA256_HEX + 1);
}
