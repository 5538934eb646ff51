/* What maintainer scripts would have done, as small named functions on the tree. A fix-up depends
 * on the tree and its arguments only: same tree, same result. It runs after the packages and the
 * entries of a stage, is asked for by name in the recipe, and may run again in a later stage, where
 * it leaves alone what is right already (so that the parent's layers stay shared). */
#pragma once

#include "rootfs/tree.h"

struct eb_buf;

struct rfs_user {
	const char *name;
	uint32_t uid, gid;
	const char *group; /* name of the group gid; NULL = the one there is, or the user's name */
	const char *home;  /* NULL = /nonexistent */
	const char *shell; /* NULL = /usr/sbin/nologin */
	const char *comment; /* NULL = "" */
};

struct rfs_group {
	const char *name;
	uint32_t gid;
	const char *const *members;
	size_t n_members;
};

struct rfs_alternative {
	const char *link; /* "/usr/bin/awk", or "awk" for /usr/bin/awk */
	const char *path; /* "/usr/bin/mawk" */
};

struct rfs_fixup_env {
	struct rfs_tree *tree;
	const char *arch; /* Debian's name: amd64, arm64 */
	int64_t epoch_sec;
	unsigned int stage;
	/* declared by this stage and those before */
	const struct rfs_user *users;
	size_t n_users;
	const struct rfs_group *groups;
	size_t n_groups;
	const struct rfs_alternative *alternatives;
	size_t n_alternatives;
	/* Append the content of a file that is not RFS_INLINE (its cap limits it). */
	int (*read)(void *ctx, const struct rfs_node *n, struct eb_buf *out, struct eb_error **err);
	/* May be NULL: these nodes are going to be read, in this order; a reader of compressed
	 * archives fetches them in one pass. */
	int (*prefetch)(void *ctx, const struct rfs_node *const *nodes, size_t n,
			struct eb_error **err);
	void *ctx;
};

/* Run one by name. Errors: EB_E_NOT_FOUND (unknown name with the nearest one; something the fix-up
 * works on is missing), EB_E_CONFLICT, EB_E_FORMAT, EB_E_LIMIT, those of read; all name the fix-up.
 */
int rfs_fixup_run(const char *name, const struct rfs_fixup_env *env,
		  struct eb_error **err) EB_MUST_CHECK;
/* All names, sorted, NULL-terminated; and what one does, in a line (NULL for an unknown name). */
const char *const *rfs_fixup_names(void);
const char *rfs_fixup_summary(const char *name);
