/* Where an entry of a package goes, and whether at all: path filters, diversions and merged /usr.
 * Paths have no leading slash, globs and diversions have one, as users write them. */
#pragma once

#include "rootfs/tree.h"

/* dpkg's path-exclude and path-include: fnmatch(3) without FNM_PATHNAME, so "*" (and "**", which is
 * the same) matches slashes too; the last rule that matches decides. Rules see paths as packages
 * ship them. */
struct rfs_rule {
	const char *glob; /* "/usr/share/man/??" */
	bool include;
};

struct rfs_diversion {
	const char *from, *to; /* "/usr/bin/x" -> "/usr/bin/x.real" */
	const char *by;	       /* the package whose own file keeps the name; NULL = none */
};

struct rfs_merge_options {
	const struct rfs_rule *rules;
	size_t n_rules;
	const struct rfs_diversion *diversions;
	size_t n_diversions;
	bool merged_usr;   /* bin, sbin, lib, lib32, lib64, libo32, libx32 live in usr */
	int64_t epoch_sec; /* times later than this become this */
};

/* What the rules say about a path by itself. */
bool rfs_merge_wants(const struct rfs_merge_options *o, const char *path);
/* Could an include rule want something below path (a link that may lead to a directory)? */
bool rfs_merge_leads(const struct rfs_merge_options *o, const char *path);
/* The path an entry of `package` gets (heap): moved into usr, then diverted; a diversion means a
 * file by either of its names. is_link: the entry itself is a symbolic link, so that "lib" means
 * the link that merged /usr has there. */
char *rfs_merge_place(const struct rfs_merge_options *o, const char *package, const char *path,
		      bool is_link);
static inline int64_t rfs_merge_time(const struct rfs_merge_options *o, int64_t mtime_sec)
{
	return mtime_sec < o->epoch_sec ? mtime_sec : o->epoch_sec;
}

/* Remove everything that matches glob (as above, "/" first), with what is below it. *ret_n (may be
 * NULL) counts what matched, so that a glob that matches nothing can be reported. */
int rfs_remove_matching(struct rfs_tree *t, const char *glob, size_t *ret_n,
			struct eb_error **err) EB_MUST_CHECK;
