/* A root file system in memory. Files point at where their bytes are (a member of a package, a file
 * of the recipe, a string made here); nothing is unpacked, so there are no ownership, umask, link
 * or root problems. Paths are relative to the root, without leading slash. Not thread-safe while
 * it is being built; immutable and shared afterwards. */
#pragma once

#include "base/cleanup.h"

struct eb_arena;
struct eb_error;
struct oci_xattr;

enum rfs_type { RFS_DIR, RFS_FILE, RFS_SYMLINK };

enum rfs_content_kind {
	RFS_INLINE, /* data */
	RFS_MEMBER, /* member `member` of the archive of origin `origin` */
	RFS_HOST,   /* a file on this machine (recipe directory), `host_path` */
};

struct rfs_content {
	enum rfs_content_kind kind;
	unsigned int origin; /* RFS_MEMBER: which input's archive holds the bytes */
	uint32_t member;     /* RFS_MEMBER: index in that archive's order */
	const void *data;    /* RFS_INLINE: size bytes, owned by the tree's arena */
	const char *host_path;
};

struct rfs_node {
	struct rfs_node *parent;
	const char *name;
	enum rfs_type type;
	uint32_t mode; /* 07777 */
	uint32_t uid, gid;
	int64_t mtime_sec;
	uint64_t size;	       /* files */
	const char *target;    /* symlinks, as stored */
	struct rfs_node *link; /* hard link: the file that holds the content; never itself a link */
	uint32_t n_links;      /* the file that holds the content: how many other names it has */
	const struct oci_xattr *xattrs;
	size_t n_xattrs;
	unsigned int origin; /* who made or last changed it */
	struct rfs_content content;
	bool inherited; /* in a layer of the image this one is built from, unchanged since */
	bool covers;	/* that image has something at this path, so removal needs a whiteout */
	bool implicit;	/* directory made because something needed it */
	struct rfs_node **child; /* directories: sorted by name bytes */
	size_t n_child, alloc_child;
};

enum rfs_origin_kind {
	RFS_ORIGIN_PACKAGE, /* a Debian package (later: wheel, tarball) */
	RFS_ORIGIN_RECIPE,  /* files, links, users written in the recipe */
	RFS_ORIGIN_FIXUP,   /* what a maintainer script would have done */
};

struct rfs_origin {
	enum rfs_origin_kind kind;
	const char *name; /* package name, recipe name, fix-up name; for messages and layer names */
	unsigned int input; /* RFS_ORIGIN_PACKAGE: index in the caller's list of inputs */
	unsigned int stage; /* which recipe of the `from` chain, 0 = the first */
};

/* whiteouts are the paths of the parent image that are gone: they become whiteout entries, ".wh."
 * before the last component (image-spec, layer.md#whiteouts). A path that is added again is taken
 * off the list, because the new entry hides the old one by itself; a directory in such a place gets
 * "<path>/.wh..opq" on the list, which becomes the marker that hides what the old one held. */
struct rfs_tree {
	struct eb_arena *arena;
	struct rfs_node *root;
	struct rfs_origin *origins;
	size_t n_origins, alloc_origins;
	const char **whiteouts; /* always sorted by bytes, none below another */
	size_t n_whiteouts, alloc_whiteouts;
	size_t n_nodes;
};

/* NAME_MAX of every Linux file system; more than any distribution has; ELOOP's 40 links. */
enum { RFS_MAX_NODES = 2000000, RFS_MAX_DEPTH = 256, RFS_MAX_LINKS = 40, RFS_MAX_NAME = 255 };

struct rfs_tree *rfs_tree_new(void) EB_MALLOC;
struct rfs_tree *rfs_tree_free(struct rfs_tree *t);
EB_DEFINE_CLEANUP(struct rfs_tree *, rfs_tree_free)
unsigned int rfs_tree_origin(struct rfs_tree *t, enum rfs_origin_kind kind, const char *name,
			     unsigned int input, unsigned int stage);

/* The node at path without following a link in the last component; links in the leading ones are
 * followed inside the root. NULL when there is none. path "" is the root. */
struct rfs_node *rfs_lookup(const struct rfs_tree *t, const char *path);
/* The same, following the last component too (at most RFS_MAX_LINKS links). */
struct rfs_node *rfs_lookup_follow(const struct rfs_tree *t, const char *path);
/* Path of a node without leading slash (heap, caller frees); "" for the root. */
char *rfs_path(const struct rfs_node *n);

/* What a new entry is; copied into the tree. */
struct rfs_attr {
	enum rfs_type type;
	uint32_t mode, uid, gid;
	int64_t mtime_sec;
	uint64_t size;
	const char *target;    /* symlink */
	const char *hard_link; /* file: path of an existing file that it is another name of */
	const struct oci_xattr *xattrs;
	size_t n_xattrs;
	struct rfs_content content;
};

enum rfs_add_flags {
	RFS_REPLACE =
		1u << 0, /* an existing file or link of another origin gives way (recipe files) */
};

/* Add an entry at path, making missing parents (0755 root, implicit, the entry's time). Links in
 * the leading components are followed inside the root, as in a chroot; what a dangling one leads to
 * is made. *ret (may be NULL) is the node that is there now. A directory over a directory keeps the
 * first owner's attributes (an implicit one takes the new ones); a directory over a symlink to a
 * directory keeps the link and puts the contents behind it, as dpkg does; identical symlinks are
 * fine. Anything else that exists already is a conflict: EB_E_CONFLICT naming the path and both
 * origins, unless flags say otherwise; a directory never gives way to something else. Other errors:
 * EB_E_FORMAT (path, hard link to what is no file), EB_E_LIMIT (nodes, depth, name). A failure may
 * leave parents behind that were made for the entry. */
int rfs_add(struct rfs_tree *t, unsigned int origin, const char *path, const struct rfs_attr *attr,
	    unsigned int flags, struct rfs_node **ret, struct eb_error **err) EB_MUST_CHECK;
/* Remove a node and what is below it. A file that has other names keeps its content: the first of
 * them (in path order) becomes the holder. Inherited nodes are noted as whiteouts. */
int rfs_remove(struct rfs_tree *t, struct rfs_node *n, struct eb_error **err) EB_MUST_CHECK;
/* Say that a node's attributes or content were changed by `origin` (it leaves its parent's layer).
 * The other names of the same file get the same attributes and origin. */
void rfs_touch(struct rfs_tree *t, struct rfs_node *n, unsigned int origin);
/* Everything so far comes from the parent image: mark all nodes inherited. */
void rfs_inherit(struct rfs_tree *t);

/* Depth-first, children in byte order, parents before children; the root is not visited. fn
 * returns < 0 to stop. The tree must not change meanwhile. */
int rfs_walk(const struct rfs_tree *t,
	     int (*fn)(void *ctx, struct rfs_node *n, struct eb_error **err), void *ctx,
	     struct eb_error **err) EB_MUST_CHECK;
