#include "bundle/paths.h"

#include <search.h>

#include "base/error.h"
#include "base/mem.h"

/* What a record costs beside its own size: its node in the tree and malloc's share. */
enum { RECORD_OVERHEAD = 64 };

struct bnd_paths {
	void *root; /* of a balanced tree: bad names cannot make it slow */
	struct eb_arena *arena;
	size_t size, n, used;
};

struct bnd_paths *bnd_paths_new(size_t size)
{
	struct bnd_paths *p = eb_xcalloc(1, sizeof(*p));

	p->arena = eb_arena_new();
	p->size = size;
	return p;
}

static void keep(void *record)
{
	(void)record; /* the arena's */
}

struct bnd_paths *bnd_paths_free(struct bnd_paths *p)
{
	if (p) {
		tdestroy(p->root, keep);
		eb_arena_free(p->arena);
		free(p);
	}
	return NULL;
}

size_t bnd_paths_count(const struct bnd_paths *p)
{
	return p->n;
}

static int by_path(const void *pa, const void *pb)
{
	return strcmp(((const struct bnd_path *)pa)->path, ((const struct bnd_path *)pb)->path);
}

void *bnd_paths_find(const struct bnd_paths *p, const char *path)
{
	struct bnd_path key = { path };
	void **slot = tfind(&key, &p->root, by_path);

	return slot ? *slot : NULL;
}

static int charge(struct bnd_paths *p, size_t n, struct eb_error **err)
{
	if (n > BND_MAX_PATH_MEMORY - p->used)
		return eb_throw(err, EB_E_LIMIT,
				"names and attributes of the files need more than %d MiB",
				BND_MAX_PATH_MEMORY / (1024 * 1024));
	p->used += n;
	return 0;
}

int bnd_paths_add(struct bnd_paths *p, const char *path, void **ret, struct eb_error **err)
{
	void *found = bnd_paths_find(p, path);
	struct bnd_path *node;
	int r;

	if (found) {
		*ret = found;
		return 0;
	}
	if (p->n >= BND_MAX_PATHS)
		return eb_throw(err, EB_E_LIMIT, "more than %d files", BND_MAX_PATHS);
	r = charge(p, p->size + strlen(path) + 1 + RECORD_OVERHEAD, err);
	if (r < 0)
		return r;
	node = eb_arena_alloc(p->arena, p->size);
	node->path = eb_arena_strdup(p->arena, path);
	if (!tsearch(node, &p->root, by_path))
		abort();
	p->n++;
	*ret = node;
	return 0;
}

int bnd_paths_copy(struct bnd_paths *p, const void *from, size_t n, void **ret,
		   struct eb_error **err)
{
	void *to;
	int r = charge(p, n, err);

	if (r < 0)
		return r;
	to = eb_arena_alloc(p->arena, n ? n : 1);
	if (n)
		memcpy(to, from, n);
	*ret = to;
	return 0;
}

struct list {
	void **items;
	size_t n;
};

static void collect(const void *slot, VISIT visit, void *ctx)
{
	struct list *l = ctx;

	if (visit == postorder || visit == leaf)
		l->items[l->n++] = *(void *const *)slot;
}

void **bnd_paths_sorted(const struct bnd_paths *p)
{
	struct list l = { .items = eb_xcalloc(p->n ? p->n : 1, sizeof(*l.items)) };

	twalk_r(p->root, collect, &l);
	return l.items;
}
