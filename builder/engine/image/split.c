#include "image/split.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "image/tar_write.h"

#define OPAQUE ".wh..opq" /* as the tree's list of whiteouts has it */

enum { MAX_SHARED = 4, LABEL_MAX_BYTES = 4096, NO_GROUP = -1 };

struct source {
	const char *name;
	uint64_t bytes;
	int group;
};

struct item {
	const struct rfs_node *node;
	size_t order;	  /* of the walk: path order */
	const char *unit; /* the input's name, or "" */
	int class;	  /* 0 links and small content, 1 archive members, 2 hard links */
	const char *from; /* class 1: name of the input that holds the bytes */
	int group;
};

struct splitter {
	const struct rfs_tree *tree;
	const struct pkg_input *inputs;
	struct eb_arena *arena;
	struct source *sources;
	size_t n_sources, alloc_sources;
	size_t *source_at;  /* by origin: index in sources + 1, 0 = not looked up yet */
	struct item *items; /* all but directories */
	size_t n_items, alloc_items;
	const struct rfs_node **dirs;
	size_t n_dirs, alloc_dirs;
	size_t seen;
};

static const struct rfs_origin *origin_of(const struct splitter *s, unsigned int i)
{
	return &s->tree->origins[i];
}

/* The source of what an origin made, or NULL. */
static struct source *source_of(struct splitter *s, unsigned int origin)
{
	const struct rfs_origin *o = origin_of(s, origin);

	if (o->kind != RFS_ORIGIN_PACKAGE)
		return NULL;
	for (size_t i = 0; !s->source_at[origin] && i < s->n_sources; i++)
		if (strcmp(s->sources[i].name, s->inputs[o->input].group) == 0)
			s->source_at[origin] = i + 1;
	return s->source_at[origin] ? &s->sources[s->source_at[origin] - 1] : NULL;
}

static const char *input_name(const struct splitter *s, unsigned int origin)
{
	const struct rfs_origin *o = origin_of(s, origin);

	return o->kind == RFS_ORIGIN_PACKAGE ? s->inputs[o->input].name : "";
}

static int add_source(struct splitter *s, unsigned int origin, struct eb_error **err)
{
	const struct rfs_origin *o = origin_of(s, origin);
	int r;

	if (o->kind != RFS_ORIGIN_PACKAGE || source_of(s, origin))
		return 0;
	r = eb_grow(&s->sources, &s->alloc_sources, s->n_sources + 1, sizeof(*s->sources), 100000,
		    "source packages", err);
	if (r >= 0)
		s->sources[s->n_sources++] = (struct source){ s->inputs[o->input].group, 0,
							      NO_GROUP };
	return r;
}

/* Hard links go where the file is that they are another name of. */
static const struct rfs_node *owner(const struct rfs_node *n)
{
	return n->link ? n->link : n;
}

static int collect(void *ctx, struct rfs_node *n, struct eb_error **err)
{
	struct splitter *s = ctx;
	const struct rfs_node *o = owner(n);
	struct source *src;
	struct item *it;
	int r;

	if (n->inherited)
		return 0;
	r = add_source(s, o->origin, err);
	if (r < 0)
		return r;
	if (n->type == RFS_DIR) {
		r = eb_grow(&s->dirs, &s->alloc_dirs, s->n_dirs + 1, sizeof(*s->dirs),
			    RFS_MAX_NODES, "directories", err);
		if (r >= 0)
			s->dirs[s->n_dirs++] = n;
		return r;
	}
	r = eb_grow(&s->items, &s->alloc_items, s->n_items + 1, sizeof(*s->items), RFS_MAX_NODES,
		    "files", err);
	if (r < 0)
		return r;
	it = &s->items[s->n_items++];
	*it = (struct item){ n, s->seen++, input_name(s, o->origin), 0, "", NO_GROUP };
	if (n->link) {
		it->class = 2;
	} else if (n->type == RFS_FILE && n->content.kind == RFS_MEMBER) {
		it->class = 1;
		it->from = input_name(s, n->content.origin);
	}
	src = source_of(s, o->origin);
	if (src && n->type == RFS_FILE && !n->link)
		src->bytes += n->size;
	return 0;
}

static int larger_first(const void *pa, const void *pb)
{
	const struct source *a = *(struct source *const *)pa, *b = *(struct source *const *)pb;

	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? 1 : -1;
	return strcmp(a->name, b->name);
}

static int by_name(const void *pa, const void *pb)
{
	const struct source *a = *(struct source *const *)pa, *b = *(struct source *const *)pb;

	return strcmp(a->name, b->name);
}

static unsigned int shared_slot(const char *name, unsigned int n)
{
	uint8_t hash[EB_SHA256_BYTES];

	eb_sha256(name, strlen(name), hash);
	return hash[0] % n;
}

/* Number the groups: shared ones first, then the large sources by name, the image last. */
static int assign_groups(struct splitter *s, size_t inherited, struct img_split *out,
			 struct eb_error **err)
{
	autofree struct source **order = eb_xcalloc(s->n_sources, sizeof(*order));
	size_t n_own = 0, room = inherited + MAX_SHARED + 1;
	unsigned int n_shared;
	uint64_t small = 0;
	int next = 0, slots[MAX_SHARED];

	if (room > IMG_MAX_LAYERS)
		return eb_throw(err, EB_E_LIMIT,
				"the parent image has %zu layers already; an image may have %d",
				inherited, IMG_MAX_LAYERS);
	room = IMG_MAX_LAYERS - room < IMG_MAX_OWN ? IMG_MAX_LAYERS - room : IMG_MAX_OWN;
	for (size_t i = 0; i < s->n_sources; i++)
		order[i] = &s->sources[i];
	qsort(order, s->n_sources, sizeof(*order), larger_first);
	while (n_own < s->n_sources && n_own < room && order[n_own]->bytes >= IMG_OWN_BYTES)
		n_own++;
	for (size_t i = n_own; i < s->n_sources; i++)
		small += order[i]->bytes;
	n_shared = small > 4ull * IMG_SHARED_BYTES ? 4 : small > IMG_SHARED_BYTES ? 2 : 1;
	for (unsigned int k = 0; k < n_shared; k++) {
		bool used = false;

		for (size_t i = n_own; i < s->n_sources; i++)
			used |= shared_slot(order[i]->name, n_shared) == k;
		slots[k] = used ? next : NO_GROUP;
		if (used)
			out->groups[next++].name = eb_arena_printf(s->arena, "shared %u", k);
	}
	for (size_t i = n_own; i < s->n_sources; i++)
		order[i]->group = slots[shared_slot(order[i]->name, n_shared)];
	qsort(order, n_own, sizeof(*order), by_name);
	for (size_t i = 0; i < n_own; i++) {
		order[i]->group = next;
		out->groups[next++].name = eb_arena_strdup(s->arena, order[i]->name);
	}
	out->groups[next++].name = "image";
	out->n = (size_t)next;
	return 0;
}

static int group_of(struct splitter *s, const struct rfs_node *n, const struct img_split *out)
{
	const struct source *src = source_of(s, owner(n)->origin);

	return src ? src->group : (int)out->n - 1;
}

static int emission_order(const void *pa, const void *pb)
{
	const struct item *a = pa, *b = pb;
	int c;

	if (a->group != b->group)
		return a->group - b->group;
	c = strcmp(a->unit, b->unit);
	if (c)
		return c;
	if (a->class != b->class)
		return a->class - b->class;
	c = strcmp(a->from, b->from);
	if (c)
		return c;
	if (a->class == 1 && a->node->content.origin != b->node->content.origin)
		return a->node->content.origin < b->node->content.origin ? -1 : 1;
	if (a->class == 1 && a->node->content.member != b->node->content.member)
		return a->node->content.member < b->node->content.member ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

static int dir_index(const void *pa, const void *pb)
{
	const struct rfs_node *const *a = pa, *const *b = pb;

	return *a < *b ? -1 : *a > *b;
}

/* A directory is written to every layer that has something below it, so that a layer stands on its
 * own. */
static void need_dirs(const struct rfs_node *n, int group, const struct rfs_node *const *sorted,
		      uint64_t *masks, size_t n_dirs)
{
	for (const struct rfs_node *d = n; d; d = d->parent) {
		const struct rfs_node *const *at = bsearch(&d, sorted, n_dirs, sizeof(*sorted),
							   dir_index);

		if (at)
			masks[at - sorted] |= (uint64_t)1 << group;
	}
}

static int append(struct img_split *out, int group, const struct rfs_node *n, const char *path,
		  struct eb_error **err)
{
	struct img_group *g = &out->groups[group];
	int r = eb_grow(&g->members, &g->alloc, g->n + 1, sizeof(*g->members), RFS_MAX_NODES,
			"members of a layer", err);

	if (r < 0)
		return r;
	g->members[g->n++] = (struct img_member){ n, path, false };
	if (n && n->type == RFS_FILE && !n->link)
		g->bytes += n->size;
	return 0;
}

static const char *arena_path(struct eb_arena *arena, const struct rfs_node *n)
{
	autofree char *path = rfs_path(n);

	return eb_arena_strdup(arena, path);
}

static int add_dirs(struct splitter *s, struct img_split *out, struct eb_error **err)
{
	autofree const struct rfs_node **sorted = eb_xcalloc(s->n_dirs, sizeof(*sorted));
	autofree uint64_t *masks = eb_xcalloc(s->n_dirs, sizeof(*masks));

	if (s->n_dirs == 0)
		return 0;
	memcpy(sorted, s->dirs, s->n_dirs * sizeof(*sorted));
	qsort(sorted, s->n_dirs, sizeof(*sorted), dir_index);
	for (size_t i = 0; i < s->n_items; i++)
		need_dirs(s->items[i].node, s->items[i].group, sorted, masks, s->n_dirs);
	for (size_t i = 0; i < s->n_dirs; i++)
		if (!s->dirs[i]->implicit)
			need_dirs(s->dirs[i], group_of(s, s->dirs[i], out), sorted, masks,
				  s->n_dirs);
	for (size_t i = 0; i < s->n_dirs; i++) {
		const struct rfs_node *const *at = bsearch(&s->dirs[i], sorted, s->n_dirs,
							   sizeof(*sorted), dir_index);
		const char *path = arena_path(s->arena, s->dirs[i]);

		for (int g = 0; g < (int)out->n; g++) {
			int r = masks[at - sorted] >> g & 1 ? append(out, g, s->dirs[i], path, err)
							    : 0;

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static bool is_below(const struct rfs_node *n, const struct rfs_node *dir)
{
	while (n && n != dir)
		n = n->parent;
	return n != NULL;
}

/* Whiteouts hide what the parent image has and stand in the last layer, which is this image's own.
 * That does not do for the marker of a directory that is here again: it hides all layers below its
 * own, so it goes into the first one that has something in the directory. */
static int whiteout_group(struct splitter *s, const struct img_split *out, const char *path)
{
	size_t n = strlen(path), mark = strlen("/" OPAQUE);
	autofree char *parent = NULL;
	const struct rfs_node *dir;
	int group = (int)out->n - 1;

	if (n <= mark || strcmp(path + n - mark, "/" OPAQUE) != 0)
		return group;
	parent = eb_xstrndup(path, n - mark);
	dir = rfs_lookup(s->tree, parent);
	for (size_t i = 0; dir && i < s->n_items; i++)
		if (s->items[i].group < group && is_below(s->items[i].node, dir))
			group = s->items[i].group;
	for (size_t i = 0; dir && i < s->n_dirs; i++)
		if (!s->dirs[i]->implicit && is_below(s->dirs[i], dir) &&
		    group_of(s, s->dirs[i], out) < group)
			group = group_of(s, s->dirs[i], out);
	return group;
}

/* "a/b" is hidden by an empty file "a/.wh.b" (image-spec, layer.md). */
static int add_whiteouts(struct splitter *s, struct img_split *out, struct eb_error **err)
{
	for (size_t i = 0; i < s->tree->n_whiteouts; i++) {
		const char *path = s->tree->whiteouts[i], *slash = strrchr(path, '/');
		int dir = slash ? (int)(slash - path + 1) : 0;
		int r;

		if (rfs_lookup(s->tree, path)) /* something new stands there */
			continue;
		r = append(out, whiteout_group(s, out, path), NULL,
			   eb_arena_printf(s->arena, "%.*s.wh.%s", dir, path, path + dir), err);
		if (r < 0)
			return r;
	}
	return 0;
}

static void plan_cuts(struct img_group *g)
{
	autofree struct oci_cut_item *items = eb_xcalloc(g->n, sizeof(*items));
	autofree bool *cut = eb_xcalloc(g->n, sizeof(*cut));

	for (size_t i = 0; i < g->n; i++) {
		const struct rfs_node *n = g->members[i].node;
		uint64_t size = n && n->type == RFS_FILE && !n->link ? n->size : 0;

		items[i] = (struct oci_cut_item){ g->members[i].path,
						  512 + size + oci_tar_padding(size) };
	}
	oci_cut_plan(items, g->n, cut);
	for (size_t i = 0; i < g->n; i++)
		g->members[i].cut_before = cut[i];
}

/* "libc6 2.41-12, libc-bin 2.41-12": the packages whose files a layer has, in their order. */
static void label_group(struct splitter *s, struct img_split *out, int group, const char *recipe)
{
	struct img_group *g = &out->groups[group];
	EB_AUTOBUF(b, LABEL_MAX_BYTES);
	const char *last = "";

	if (group == (int)out->n - 1) {
		g->label = eb_arena_printf(s->arena, "recipe %s", recipe);
		return;
	}
	for (size_t i = 0; i < s->n_items; i++) {
		const struct rfs_origin *o = origin_of(s, owner(s->items[i].node)->origin);

		if (s->items[i].group != group || strcmp(s->items[i].unit, last) == 0)
			continue;
		last = s->items[i].unit;
		eb_buf_addf(&b, "%s%s%s%s", b.len ? ", " : "", last,
			    *s->inputs[o->input].version ? " " : "", s->inputs[o->input].version);
	}
	g->label = eb_arena_strdup(s->arena, eb_buf_str(&b));
}

static void drop_empty_groups(struct img_split *out)
{
	size_t kept = 0;

	for (size_t i = 0; i < out->n; i++)
		if (out->groups[i].n)
			out->groups[kept++] = out->groups[i];
	out->n = kept;
}

static int fill(struct splitter *s, const char *recipe, struct img_split *out,
		struct eb_error **err)
{
	int r;

	for (size_t i = 0; i < s->n_items; i++)
		s->items[i].group = group_of(s, s->items[i].node, out);
	if (s->n_items)
		qsort(s->items, s->n_items, sizeof(*s->items), emission_order);
	r = add_dirs(s, out, err);
	if (r >= 0)
		r = add_whiteouts(s, out, err);
	for (size_t i = 0; i < s->n_items && r >= 0; i++)
		r = append(out, s->items[i].group, s->items[i].node,
			   arena_path(s->arena, s->items[i].node), err);
	for (size_t g = 0; g < out->n && r >= 0; g++) {
		label_group(s, out, (int)g, recipe);
		plan_cuts(&out->groups[g]);
	}
	drop_empty_groups(out);
	return r;
}

int img_split_tree(const struct rfs_tree *t, const struct pkg_input *inputs,
		   const char *recipe_name, size_t inherited_layers, struct img_split *ret,
		   struct eb_error **err)
{
	EB_CLEANUP(img_split_release_p) struct img_split out = { .arena = eb_arena_new() };
	struct splitter s = { .tree = t, .inputs = inputs, .arena = out.arena };
	int r;

	s.source_at = eb_xcalloc(t->n_origins, sizeof(*s.source_at));
	out.groups = eb_xcalloc(IMG_MAX_OWN + MAX_SHARED + 1, sizeof(*out.groups));
	r = rfs_walk(t, collect, &s, err);
	if (r >= 0)
		r = assign_groups(&s, inherited_layers, &out, err);
	if (r >= 0)
		r = fill(&s, recipe_name, &out, err);
	free(s.sources);
	free(s.source_at);
	free(s.items);
	free(s.dirs);
	if (r < 0)
		return r;
	*ret = out;
	out = (struct img_split){ 0 };
	return 0;
}

void img_split_release(struct img_split *s)
{
	for (size_t i = 0; s->groups && i < IMG_MAX_OWN + MAX_SHARED + 1; i++)
		if (i < s->n)
			free(s->groups[i].members);
	free(s->groups);
	eb_arena_free(s->arena);
	*s = (struct img_split){ 0 };
}
