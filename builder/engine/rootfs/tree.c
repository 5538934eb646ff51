/* The inode tree: looking up and adding. Children are sorted arrays: found by bisection, and an
 * entry that comes in order (as in most archives) is appended without moving anything. All memory
 * is the arena's; an array that grows leaves its old half behind, which at worst doubles what the
 * pointers take and makes freeing a tree trivial. */
#include "rootfs/tree.h"

#include "base/dir.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/tar_write.h"
#include "rootfs/tree_internal.h"

struct rfs_tree *rfs_tree_new(void)
{
	struct rfs_tree *t = eb_xcalloc(1, sizeof(*t));

	t->arena = eb_arena_new();
	t->root = eb_arena_alloc(t->arena, sizeof(*t->root));
	t->root->name = "";
	t->root->type = RFS_DIR;
	t->root->mode = 0755;
	t->root->implicit = true;
	t->n_nodes = 1;
	return t;
}

struct rfs_tree *rfs_tree_free(struct rfs_tree *t)
{
	if (!t)
		return NULL;
	free(t->origins);
	free(t->whiteouts);
	eb_arena_free(t->arena);
	free(t);
	return NULL;
}

unsigned int rfs_tree_origin(struct rfs_tree *t, enum rfs_origin_kind kind, const char *name,
			     unsigned int input, unsigned int stage)
{
	/* Bounded by the nodes, since callers make one for each input they add nodes from. */
	eb_ignore(eb_grow(&t->origins, &t->alloc_origins, t->n_origins + 1, sizeof(*t->origins),
			  SIZE_MAX / sizeof(*t->origins), "origins", NULL));
	t->origins[t->n_origins] = (struct rfs_origin){ kind, eb_arena_strdup(t->arena, name),
							input, stage };
	return (unsigned int)t->n_origins++;
}

/* ---- names ---- */

static int compare_name(const char *a, size_t n, const char *b)
{
	int c = strncmp(a, b, n);

	return c ? c : -(b[n] != '\0');
}

/* Where name is or would be. */
static size_t child_index(const struct rfs_node *dir, const char *name, size_t n, bool *ret_found)
{
	size_t low = 0, high = dir->n_child;
	int c;

	*ret_found = false;
	if (high && compare_name(name, n, dir->child[high - 1]->name) > 0)
		return high;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		c = compare_name(name, n, dir->child[mid]->name);
		if (c == 0) {
			*ret_found = true;
			return mid;
		}
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static struct rfs_node *find_child(const struct rfs_node *dir, const char *name, size_t n)
{
	bool found;
	size_t at = child_index(dir, name, n, &found);

	return found ? dir->child[at] : NULL;
}

void rfs_detach_(struct rfs_node *n)
{
	struct rfs_node *dir = n->parent;
	bool found;
	size_t at = child_index(dir, n->name, strlen(n->name), &found);

	if (!found)
		return;
	memmove(dir->child + at, dir->child + at + 1,
		(dir->n_child - at - 1) * sizeof(dir->child[0]));
	dir->n_child--;
}

/* A new node in dir, which has no child of that name. */
static int insert_child(struct rfs_tree *t, struct rfs_node *dir, const char *name, size_t n,
			struct rfs_node **ret, struct eb_error **err)
{
	struct rfs_node *node, **grown;
	unsigned int depth = 1;
	bool found;
	size_t at;

	for (const struct rfs_node *up = dir; up->parent; up = up->parent)
		depth++;
	if (depth > RFS_MAX_DEPTH)
		return eb_throw(err, EB_E_LIMIT, "deeper than %d directories", RFS_MAX_DEPTH);
	if (n > RFS_MAX_NAME)
		return eb_throw(err, EB_E_LIMIT, "name of %zu bytes, at most %d are possible", n,
				RFS_MAX_NAME);
	if (n >= 4 && memcmp(name, ".wh.", 4) == 0)
		return eb_hint(
			err,
			eb_throw(err, EB_E_FORMAT,
				 "'%.*s' would be a whiteout: in a layer such a name hides a "
				 "file of the layers below",
				 (int)n, name),
			"exclude the path; what has to go is named under 'remove' in the "
			"recipe");
	if (t->n_nodes >= RFS_MAX_NODES)
		return eb_throw(err, EB_E_LIMIT, "more than %d files and directories",
				RFS_MAX_NODES);
	if (dir->n_child == dir->alloc_child) {
		dir->alloc_child = dir->alloc_child ? dir->alloc_child * 2 : 4;
		grown = eb_arena_alloc(t->arena, dir->alloc_child * sizeof(grown[0]));
		if (dir->n_child)
			memcpy(grown, dir->child, dir->n_child * sizeof(grown[0]));
		dir->child = grown;
	}
	node = eb_arena_alloc(t->arena, sizeof(*node));
	node->parent = dir;
	node->name = eb_arena_strndup(t->arena, name, n);
	at = child_index(dir, name, n, &found);
	memmove(dir->child + at + 1, dir->child + at, (dir->n_child - at) * sizeof(dir->child[0]));
	dir->child[at] = node;
	dir->n_child++;
	t->n_nodes++;
	*ret = node;
	return 0;
}

char *rfs_path(const struct rfs_node *n)
{
	size_t len = 0;
	char *path, *at;

	for (const struct rfs_node *up = n; up->parent; up = up->parent)
		len += strlen(up->name) + 1;
	path = eb_xmalloc(len + 1);
	at = path + (len ? len - 1 : 0);
	*at = '\0';
	for (const struct rfs_node *up = n; up->parent; up = up->parent) {
		size_t part = strlen(up->name);

		at -= part;
		memcpy(at, up->name, part);
		if (up->parent->parent)
			*--at = '/';
	}
	return path;
}

/* ---- looking up ---- */

/* Take the next component off *path; false at its end. Runs of slashes count as one. */
static bool next_part(const char **path, const char **ret, size_t *ret_len)
{
	const char *p = *path + strspn(*path, "/");
	size_t n = strcspn(p, "/");

	*ret = p;
	*ret_len = n;
	*path = p + n + strspn(p + n, "/");
	return n > 0;
}

static bool is_dot(const char *p, size_t n)
{
	return n == 1 && p[0] == '.';
}

static bool is_dotdot(const char *p, size_t n)
{
	return n == 2 && p[0] == '.' && p[1] == '.';
}

/* Like the kernel in a chroot: ".." of the root is the root. *budget links may still be followed.
 */
static struct rfs_node *resolve(const struct rfs_tree *t, struct rfs_node *from, const char *path,
				bool follow_last, int *budget)
{
	struct rfs_node *at = path[0] == '/' ? t->root : from, *next;
	const char *part;
	size_t n;

	while (next_part(&path, &part, &n)) {
		if (at->type != RFS_DIR)
			return NULL;
		if (is_dot(part, n))
			continue;
		if (is_dotdot(part, n)) {
			at = at->parent ? at->parent : at;
			continue;
		}
		next = find_child(at, part, n);
		if (!next)
			return NULL;
		if (next->type == RFS_SYMLINK && (path[0] || follow_last)) {
			if (--*budget < 0)
				return NULL;
			next = resolve(t, at, next->target, true, budget);
			if (!next)
				return NULL;
		}
		at = next;
	}
	return at;
}

struct rfs_node *rfs_lookup(const struct rfs_tree *t, const char *path)
{
	int budget = RFS_MAX_LINKS;

	return resolve(t, t->root, path, false, &budget);
}

struct rfs_node *rfs_lookup_follow(const struct rfs_tree *t, const char *path)
{
	int budget = RFS_MAX_LINKS;

	return resolve(t, t->root, path, true, &budget);
}

/* ---- adding ---- */

char *rfs_origin_text_(const struct rfs_tree *t, unsigned int origin)
{
	static const char *const kinds[] = {
		[RFS_ORIGIN_PACKAGE] = "package",
		[RFS_ORIGIN_RECIPE] = "recipe",
		[RFS_ORIGIN_FIXUP] = "fix-up",
	};

	if (origin >= t->n_origins)
		return eb_xstrdup("something unknown");
	return eb_xasprintf("%s '%s'", kinds[t->origins[origin].kind], t->origins[origin].name);
}

static const char *type_text(enum rfs_type type)
{
	switch (type) {
	case RFS_DIR:
		return "directory";
	case RFS_FILE:
		return "file";
	case RFS_SYMLINK:
		return "symbolic link";
	}
	return "?";
}

struct add {
	struct rfs_tree *t;
	unsigned int origin;
	const char *path; /* as asked for, for messages */
	const struct rfs_attr *attr;
	int budget; /* links that may still be followed */
};

static int conflict(const struct add *a, const struct rfs_node *old, enum rfs_type type,
		    struct eb_error **err)
{
	autofree char *was = rfs_origin_text_(a->t, old->origin);
	autofree char *now = rfs_origin_text_(a->t, a->origin);
	autofree char *where = rfs_path(old);

	return eb_throw(err, EB_E_CONFLICT, "'/%s': %s of %s meets %s of %s", where,
			type_text(type), now, type_text(old->type), was);
}

/* The directory that path (any number of components) names, seen from `from`; missing ones are
 * made, links are followed. */
static int make_dirs(struct add *a, struct rfs_node *from, const char *path, size_t len,
		     struct rfs_node **ret, struct eb_error **err)
{
	autofree char *copy = eb_xstrndup(path, len);
	struct rfs_node *at = copy[0] == '/' ? a->t->root : from, *next;
	const char *rest = copy, *part;
	size_t n;
	int r;

	while (next_part(&rest, &part, &n)) {
		if (is_dot(part, n))
			continue;
		if (is_dotdot(part, n)) {
			at = at->parent ? at->parent : at;
			continue;
		}
		next = find_child(at, part, n);
		if (!next) {
			r = insert_child(a->t, at, part, n, &next, err);
			if (r < 0)
				return r;
			next->type = RFS_DIR;
			next->mode = 0755;
			next->mtime_sec = a->attr->mtime_sec;
			next->origin = a->origin;
			next->implicit = true;
			r = rfs_unwhiteout_(a->t, next, err);
			if (r < 0)
				return r;
		}
		if (next->type == RFS_SYMLINK) {
			if (--a->budget < 0)
				return eb_throw(err, EB_E_LIMIT, "more than %d symbolic links",
						RFS_MAX_LINKS);
			r = make_dirs(a, at, next->target, strlen(next->target), &next, err);
			if (r < 0)
				return r;
		}
		if (next->type != RFS_DIR)
			return conflict(a, next, RFS_DIR, err);
		at = next;
	}
	*ret = at;
	return 0;
}

static const struct oci_xattr *copy_xattrs(struct eb_arena *arena, const struct oci_xattr *x,
					   size_t n)
{
	struct oci_xattr *copy;

	if (n == 0)
		return NULL;
	copy = eb_arena_alloc(arena, n * sizeof(*copy));
	for (size_t i = 0; i < n; i++) {
		void *value = eb_arena_alloc(arena, x[i].size + 1);

		if (x[i].size)
			memcpy(value, x[i].value, x[i].size);
		copy[i] = (struct oci_xattr){ eb_arena_strdup(arena, x[i].name), value, x[i].size };
	}
	return copy;
}

static struct rfs_content copy_content(struct eb_arena *arena, const struct rfs_attr *attr)
{
	struct rfs_content c = attr->content;

	if (c.kind == RFS_INLINE) {
		void *data = eb_arena_alloc(arena, (size_t)attr->size + 1);

		if (attr->size)
			memcpy(data, c.data, (size_t)attr->size);
		c.data = data;
	}
	if (c.host_path)
		c.host_path = eb_arena_strdup(arena, c.host_path);
	return c;
}

/* Everything but place and children. */
static void fill(const struct add *a, struct rfs_node *n, struct rfs_node *holder)
{
	const struct rfs_attr *attr = a->attr;

	n->type = attr->type;
	n->origin = a->origin;
	n->inherited = n->implicit = false;
	n->link = holder;
	n->target = NULL;
	n->size = 0;
	n->content = (struct rfs_content){ 0 };
	if (holder) {
		rfs_copy_attributes_(n, holder);
		holder->n_links++;
		return;
	}
	n->mode = attr->type == RFS_SYMLINK ? 0777 : attr->mode & 07777;
	n->uid = attr->uid;
	n->gid = attr->gid;
	n->mtime_sec = attr->mtime_sec;
	n->xattrs = copy_xattrs(a->t->arena, attr->xattrs, attr->n_xattrs);
	n->n_xattrs = attr->n_xattrs;
	if (attr->type == RFS_SYMLINK)
		n->target = eb_arena_strdup(a->t->arena, attr->target);
	if (attr->type == RFS_FILE) {
		n->size = attr->size;
		n->content = copy_content(a->t->arena, attr);
	}
}

/* Something is at the place already: 1 = it stays and *ret is the node, 0 = it was cleared out. */
static int meet(struct add *a, struct rfs_node *old, unsigned int flags, struct rfs_node **ret,
		struct eb_error **err)
{
	enum rfs_type type = a->attr->type;
	struct rfs_node *dir = old;

	if (type == RFS_DIR && old->type == RFS_SYMLINK)
		dir = resolve(a->t, old->parent, old->target, true, &a->budget);
	if (type == RFS_DIR && dir && dir->type == RFS_DIR) {
		if (dir->implicit)
			fill(a, dir, NULL);
		*ret = dir;
		return 1;
	}
	if (type == RFS_SYMLINK && old->type == RFS_SYMLINK &&
	    strcmp(old->target, a->attr->target) == 0) {
		*ret = old;
		return 1;
	}
	if (old->type == RFS_DIR || !(flags & RFS_REPLACE) || old->origin == a->origin)
		return conflict(a, old, type, err);
	rfs_drop_content_(a->t, old);
	return 0;
}

static int check_attr(const struct rfs_attr *attr, const char *path, struct eb_error **err)
{
	if (path[0] && !eb_path_is_clean(path))
		return eb_throw(err, EB_E_FORMAT, "'%s' is not a path inside the root", path);
	if (!path[0] && attr->type != RFS_DIR)
		return eb_throw(err, EB_E_FORMAT, "the root is a %s", type_text(attr->type));
	if (attr->type == RFS_SYMLINK && (!attr->target || !attr->target[0]))
		return eb_throw(err, EB_E_FORMAT, "'/%s': symbolic link without a target", path);
	if (attr->type == RFS_SYMLINK && strlen(attr->target) > 4095)
		return eb_throw(err, EB_E_LIMIT, "'/%s': link target of %zu bytes", path,
				strlen(attr->target));
	return 0;
}

static int find_holder(const struct add *a, struct rfs_node **ret, struct eb_error **err)
{
	struct rfs_node *n;

	if (a->attr->type != RFS_FILE || !a->attr->hard_link)
		return 0;
	n = rfs_lookup(a->t, a->attr->hard_link);
	if (!n || n->type != RFS_FILE)
		return eb_throw(err, EB_E_FORMAT, "'/%s': hard link to '/%s', which is %s", a->path,
				a->attr->hard_link, n ? "no file" : "not there");
	*ret = n->link ? n->link : n;
	return 0;
}

int rfs_add(struct rfs_tree *t, unsigned int origin, const char *path, const struct rfs_attr *attr,
	    unsigned int flags, struct rfs_node **ret, struct eb_error **err)
{
	struct add a = { t, origin, path, attr, RFS_MAX_LINKS };
	struct rfs_node *dir = t->root, *node = t->root, *holder = NULL;
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	int r = check_attr(attr, path, err);

	if (r >= 0)
		r = find_holder(&a, &holder, err);
	if (r < 0)
		return r;
	if (slash)
		r = make_dirs(&a, t->root, path, (size_t)(slash - path), &dir, err);
	if (r < 0)
		return eb_prefix(err, r, "add '/%s'", path);
	if (name[0])
		node = find_child(dir, name, strlen(name));
	if (node) {
		if (node == holder || (holder && node->link == holder))
			return conflict(&a, node, RFS_FILE, err);
		r = meet(&a, node, flags, &node, err);
	} else {
		r = insert_child(t, dir, name, strlen(name), &node, err);
		if (r < 0)
			return eb_prefix(err, r, "add '/%s'", path);
	}
	if (r < 0)
		return r;
	if (r == 0) {
		fill(&a, node, holder);
		r = rfs_unwhiteout_(t, node, err);
		if (r < 0)
			return r;
	}
	if (ret)
		*ret = node;
	return 0;
}
