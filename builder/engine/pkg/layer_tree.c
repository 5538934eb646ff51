#include "pkg/layer_tree.h"

#include "base/error.h"
#include "base/mem.h"
#include "rootfs/tree.h"

#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"
#define META ".wh..wh." /* other marks of aufs, which mean nothing outside it */

static const char *last_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_mark(const char *path)
{
	return strncmp(last_of(path), WHITEOUT, strlen(WHITEOUT)) == 0;
}

/* What stands below a mark of aufs is its own. */
static bool is_below_mark(const char *path)
{
	return strncmp(path, META, strlen(META)) == 0 || strstr(path, "/" META);
}

static int clear(struct rfs_tree *t, struct rfs_node *dir, struct eb_error **err)
{
	int r = 0;

	while (dir->n_child > 0 && r >= 0)
		r = rfs_remove(t, dir->child[dir->n_child - 1], err);
	return r;
}

static int hide(struct rfs_tree *t, const char *path, struct eb_error **err)
{
	const char *name = last_of(path);
	autofree char *dir = eb_xstrndup(path, (size_t)(name - path));
	autofree char *hidden = eb_xasprintf("%s%s", dir, name + strlen(WHITEOUT));
	struct rfs_node *n;

	if (strcmp(name, OPAQUE) == 0) {
		if (*dir)
			dir[strlen(dir) - 1] = '\0';
		n = rfs_lookup(t, dir);
		return n && n->type == RFS_DIR ? clear(t, n, err) : 0;
	}
	/* Of a layer that was made from several it may hide what no layer has. */
	n = strncmp(name, META, strlen(META)) == 0 ? NULL : rfs_lookup(t, hidden);
	return n ? rfs_remove(t, n, err) : 0;
}

static void describe(const struct pkg_entry *e, unsigned int origin, size_t member,
		     struct rfs_attr *a)
{
	*a = (struct rfs_attr){ .type = e->type == '5'	 ? RFS_DIR
					: e->type == '2' ? RFS_SYMLINK
							 : RFS_FILE,
				.mode = e->mode & 07777,
				.uid = e->uid,
				.gid = e->gid,
				.mtime_sec = e->mtime_sec,
				.xattrs = e->xattrs,
				.n_xattrs = e->n_xattrs };
	if (e->type == '2')
		a->target = e->link;
	if (e->type == '1')
		a->hard_link = e->link;
	if (e->type != '0')
		return;
	a->size = e->size;
	a->content = (struct rfs_content){ .kind = RFS_MEMBER,
					   .origin = origin,
					   .member = (uint32_t)member };
}

/* The root is a directory that cannot give way. Extended attributes stay: nobody gives directories
 * any. */
static void change(struct rfs_node *n, const struct rfs_attr *a, unsigned int origin)
{
	n->mode = a->mode;
	n->uid = a->uid;
	n->gid = a->gid;
	n->mtime_sec = a->mtime_sec;
	n->origin = origin;
	n->implicit = false;
}

static int put(struct rfs_tree *t, unsigned int origin, const struct pkg_entry *e, size_t member,
	       struct eb_error **err)
{
	struct rfs_node *there = rfs_lookup(t, e->path);
	/* Another name of a symbolic link is one like it: a tree has such names of files alone. */
	const struct rfs_node *target = e->type == '1' ? rfs_lookup(t, e->link) : NULL;
	struct rfs_attr a;
	int r = 0;

	describe(e, origin, member, &a);
	if (target && target->type == RFS_SYMLINK) {
		a.type = RFS_SYMLINK;
		a.target = target->target;
		a.hard_link = NULL;
	}
	if (a.type == RFS_DIR && there && there->type == RFS_DIR) {
		change(there, &a, origin);
		return 0;
	}
	if (there)
		r = rfs_remove(t, there, err);
	return r < 0 ? r : rfs_add(t, origin, e->path, &a, 0, NULL, err);
}

int pkg_layer_to_tree(struct rfs_tree *t, unsigned int origin, const struct pkg_index *x,
		      struct eb_error **err)
{
	int r = 0;

	for (size_t i = 0; i < x->n_entries && r >= 0; i++)
		if (is_mark(x->entries[i].path))
			r = hide(t, x->entries[i].path, err);
	for (size_t i = 0; i < x->n_entries && r >= 0; i++)
		if (!is_mark(x->entries[i].path) && !is_below_mark(x->entries[i].path))
			r = put(t, origin, &x->entries[i], i, err);
	return r < 0 ? eb_prefix(err, r, "layer '%s'", t->origins[origin].name) : 0;
}
