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

static void add_python(struct lines *l, const struct rcp_python *p)
{
	if (!p->interpreter)
		return;
	add(l, eb_arena_printf(l->arena, "python\t%s\t%s", p->interpreter,
			       p->bytecode ? "bytecode" : ""));
	for (size_t i = 0; i < p->n_requirements; i++)
		add_wish(l, "requirement", &p->requirements[i]);
	for (size_t i = 0; i < p->n_provided; i++)
		add_wish(l, "provided", &p->provided[i]);
}

static void add_go(struct lines *l, const struct rcp_go *g)
{
	add(l, eb_arena_printf(l->arena, "go\t%s\t%s\t%s\t%s\t%s", g->module, g->package,
			       g->version, g->toolchain, g->ldflags ? g->ldflags : ""));
	for (size_t i = 0; i < g->n_tags; i++)
		add(l, eb_arena_printf(l->arena, "tag\t%s\t%s\t%s", g->module, g->package,
				       g->tags[i].text));
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static void add_archive(struct lines *l, const struct rcp_archive *a)
{
	add(l, eb_arena_printf(l->arena, "archive\t%s\t%s\t%s\t%s\t%s", a->name,
			       or_empty(a->version), or_empty(a->remote.url), or_empty(a->commit),
			       or_empty(a->remote.sha256)));
	for (size_t i = 0; i < a->n_arches; i++)
		add(l, eb_arena_printf(l->arena, "archive\t%s\t%s", a->name, a->arches[i]));
}

/* Sorts l and frees its list. */
static void hash_lines(struct eb_hash *h, const char *what, const struct rcp_recipe *r,
		       struct lines *l)
{
	autofree char *head = eb_xasprintf("%s\t%s\n", what, r->name);

	qsort(l->line, l->n, sizeof(*l->line), by_bytes);
	eb_hash_update(h, head, strlen(head));
	for (size_t i = 0; i < l->n; i++) {
		eb_hash_update(h, l->line[i], strlen(l->line[i]));
		eb_hash_update(h, "\n", 1);
	}
	free(l->line);
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
	if (r->image.ref)
		add(&l, eb_arena_printf(arena, "image\t%s\t%s\t%s", r->image.ref, r->image.digest,
					or_empty(r->version)));
	add(&l, r->recommends ? "recommends\ttrue" : "recommends\tfalse");
	hash_lines(h, "recipe", r, &l);
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

void rcp_lock_others_hash(const struct rcp_recipe *r, char out[static 65])
{
	EB_CLEANUP(eb_hash_free_p) struct eb_hash *h = eb_hash_new(EB_SHA256);
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *arena = eb_arena_new();
	struct lines l = { .arena = arena };
	char hex[EB_HASH_MAX_HEX + 1];

	out[0] = '\0';
	add_python(&l, &r->python);
	for (size_t i = 0; i < r->n_go; i++)
		add_go(&l, &r->go[i]);
	for (size_t i = 0; i < r->n_archives; i++)
		add_archive(&l, &r->archives[i]);
	for (size_t i = 0; i < r->n_entries; i++)
		if (r->entries[i].remote.url)
			add(&l, eb_arena_printf(arena, "file\t%s\t%s\t%s", r->entries[i].path,
						r->entries[i].remote.url,
						or_empty(r->entries[i].remote.sha256)));
	if (l.n == 0)
		return;
	for (size_t i = 0; i < r->n_architectures; i++)
		add(&l, eb_arena_printf(arena, "architecture\t%s", r->architectures[i]));
	eb_hash_update(h, "others 1\n", 9);
	hash_lines(h, "recipe", r, &l);
	eb_hash_final_hex(h, hex);
	memcpy(out, hex, EB_SHA256_HEX + 1);
}

enum rcp_lock_state rcp_lock_state(const struct rcp_lock *l, const struct rcp_chain *chain)
{
	const struct rcp_recipe *r = chain->stage[chain->n - 1];
	const char *have = l->others_sha256 ? l->others_sha256 : "";
	char want[65];

	rcp_lock_inputs_hash(chain, want);
	if (!l->inputs_sha256 || strcmp(l->inputs_sha256, want) != 0)
		return RCP_LOCK_STALE;
	rcp_lock_others_hash(r, want);
	return strcmp(have, want) == 0 ? RCP_LOCK_ANSWERS : RCP_LOCK_OTHERS_STALE;
}
