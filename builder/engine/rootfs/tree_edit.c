/* Changing a tree that stands: removal, whiteouts, the names of one file, and walking. */
#include "base/error.h"
#include "base/mem.h"
#include "rootfs/tree_internal.h"

/* ---- walking ---- */

static int walk(struct rfs_node *dir,
		int (*fn)(void *ctx, struct rfs_node *n, struct eb_error **err), void *ctx,
		struct eb_error **err)
{
	int r;

	for (size_t i = 0; i < dir->n_child; i++) {
		r = fn(ctx, dir->child[i], err);
		if (r < 0)
			return r;
		/* Depth is bounded by RFS_MAX_DEPTH. */
		r = walk(dir->child[i], fn, ctx, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int rfs_walk(const struct rfs_tree *t,
	     int (*fn)(void *ctx, struct rfs_node *n, struct eb_error **err), void *ctx,
	     struct eb_error **err)
{
	return walk(t->root, fn, ctx, err);
}

/* ---- the names of one file ---- */

void rfs_copy_attributes_(struct rfs_node *to, const struct rfs_node *from)
{
	to->mode = from->mode;
	to->uid = from->uid;
	to->gid = from->gid;
	to->mtime_sec = from->mtime_sec;
	to->size = from->size;
	to->xattrs = from->xattrs;
	to->n_xattrs = from->n_xattrs;
}

struct names {
	struct rfs_node *old;	 /* holds the content until now */
	struct rfs_node *holder; /* takes it over: the first other name in path order */
	unsigned int origin;
};

static int hand_over(void *ctx, struct rfs_node *n, struct eb_error **err)
{
	struct names *x = ctx;

	(void)err;
	if (n->type != RFS_FILE || n->link != x->old)
		return 0;
	if (x->holder) {
		n->link = x->holder;
		x->holder->n_links++;
		return 0;
	}
	n->link = NULL;
	n->content = x->old->content;
	n->size = x->old->size;
	x->holder = n;
	return 0;
}

void rfs_drop_content_(struct rfs_tree *t, struct rfs_node *n)
{
	struct names x = { .old = n };

	if (n->type != RFS_FILE)
		return;
	if (n->link)
		n->link->n_links -= n->link->n_links ? 1 : 0;
	else if (n->n_links)
		eb_ignore(rfs_walk(t, hand_over, &x, NULL));
	n->link = NULL;
	n->n_links = 0;
}

static int follow_change(void *ctx, struct rfs_node *n, struct eb_error **err)
{
	struct names *x = ctx;

	(void)err;
	if (n != x->holder && n->link != x->holder)
		return 0;
	if (n != x->old)
		rfs_copy_attributes_(n, x->old);
	n->origin = x->origin;
	n->inherited = false;
	return 0;
}

void rfs_touch(struct rfs_tree *t, struct rfs_node *n, unsigned int origin)
{
	struct names x = { .old = n, .holder = n->link ? n->link : n, .origin = origin };

	n->origin = origin;
	n->inherited = n->implicit = false;
	if (n->type == RFS_FILE && (n->link || n->n_links))
		eb_ignore(rfs_walk(t, follow_change, &x, NULL));
}

/* ---- whiteouts ---- */

/* Index of the first whiteout that is not below `path` in byte order. */
static size_t whiteout_index(const struct rfs_tree *t, const char *path)
{
	size_t low = 0, high = t->n_whiteouts;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(t->whiteouts[mid], path) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void delete_whiteout(struct rfs_tree *t, size_t at)
{
	memmove(t->whiteouts + at, t->whiteouts + at + 1,
		(t->n_whiteouts - at - 1) * sizeof(t->whiteouts[0]));
	t->n_whiteouts--;
}

static int add_whiteout(struct rfs_tree *t, const char *path, struct eb_error **err)
{
	size_t len = strlen(path), at;
	int r = eb_grow(&t->whiteouts, &t->alloc_whiteouts, t->n_whiteouts + 1,
			sizeof(t->whiteouts[0]), RFS_MAX_NODES, "removed paths", err);

	if (r < 0)
		return r;
	at = whiteout_index(t, path);
	/* What was removed below it before is covered by it. Names that sort between "a" and "a/"
	 * ("a-b") may stand in between. */
	for (size_t i = at; i < t->n_whiteouts && strncmp(t->whiteouts[i], path, len) == 0;) {
		if (t->whiteouts[i][len] == '/')
			delete_whiteout(t, i);
		else
			i++;
	}
	memmove(t->whiteouts + at + 1, t->whiteouts + at,
		(t->n_whiteouts - at) * sizeof(t->whiteouts[0]));
	t->whiteouts[at] = eb_arena_strdup(t->arena, path);
	t->n_whiteouts++;
	return 0;
}

int rfs_unwhiteout_(struct rfs_tree *t, struct rfs_node *n, struct eb_error **err)
{
	autofree char *path = NULL, *opaque = NULL;
	size_t at;

	if (t->n_whiteouts == 0)
		return 0;
	path = rfs_path(n);
	at = whiteout_index(t, path);
	if (at == t->n_whiteouts || strcmp(t->whiteouts[at], path) != 0)
		return 0;
	delete_whiteout(t, at);
	n->covers = true;
	if (n->type != RFS_DIR)
		return 0;
	opaque = eb_xasprintf("%s/.wh..opq", path);
	return add_whiteout(t, opaque, err);
}

/* ---- removal ---- */

static size_t forget(struct rfs_tree *t, struct rfs_node *n)
{
	size_t count = 1;

	for (size_t i = 0; i < n->n_child; i++)
		count += forget(t, n->child[i]);
	rfs_drop_content_(t, n);
	return count;
}

int rfs_remove(struct rfs_tree *t, struct rfs_node *n, struct eb_error **err)
{
	int r;

	if (!n->parent)
		return eb_throw(err, EB_E_UNSUPPORTED, "the root directory cannot be removed");
	if (n->covers) {
		autofree char *path = rfs_path(n);

		r = add_whiteout(t, path, err);
		if (r < 0)
			return r;
	}
	rfs_detach_(n);
	t->n_nodes -= forget(t, n);
	return 0;
}

static int inherit(void *ctx, struct rfs_node *n, struct eb_error **err)
{
	(void)ctx;
	(void)err;
	n->inherited = n->covers = true;
	return 0;
}

void rfs_inherit(struct rfs_tree *t)
{
	t->root->inherited = t->root->covers = true;
	eb_ignore(rfs_walk(t, inherit, NULL, NULL));
	t->n_whiteouts = 0;
}
