/* Shared by the files of extract.h. */
#pragma once

#include "bundle/extract.h"
#include "bundle/paths.h"
#include "image/tar_write.h"

enum { EXTRACT_MAX_DEPTH = 256, EXTRACT_BUF = 256 * 1024 };

struct extract_node {
	struct bnd_path base;
	unsigned int layer; /* the last one that made it */
	char type;	    /* 0 = it is gone */
	/* of directories, until the end */
	uint32_t mode, uid, gid;
	int64_t mtime_sec;
	struct oci_xattr *xattrs;
	size_t n_xattrs;
};

struct bnd_extract {
	struct bnd_extract_options o;
	struct bnd_extract_result result;
	struct bnd_paths *nodes;
	unsigned int layer; /* under way, from 1 */
	char *buf;

	/* The directories that are open: the path of the last one and where each ends in it. */
	char at[4096 + 1];
	int fds[EXTRACT_MAX_DEPTH + 1]; /* [0] is the root, borrowed */
	size_t ends[EXTRACT_MAX_DEPTH + 1];
	size_t depth;
};

/* extract_walk.c: the fd of the directory path[0..n) (borrowed until the next call). Missing ones
 * are made with the time of `like`; NULL: EB_E_NOT_FOUND. */
int extract_enter(struct bnd_extract *x, const char *path, size_t n,
		  const struct oci_tar_entry *like, struct eb_error **err) EB_MUST_CHECK;
/* The directory that path is in; *ret_name is its last component. */
int extract_enter_parent(struct bnd_extract *x, const char *path, const struct oci_tar_entry *like,
			 const char **ret_name, struct eb_error **err) EB_MUST_CHECK;
void extract_leave_all(struct bnd_extract *x);
/* Remove `name` in fd, which is `path`, and what is below. lower_only: keep what the layer under
 * way made. content_only: keep the directory itself. */
int extract_remove(struct bnd_extract *x, int fd, const char *name, const char *path,
		   bool lower_only, bool content_only, struct eb_error **err) EB_MUST_CHECK;

/* extract_meta.c: owner, mode, attributes and time of an open file or directory. */
int extract_set_meta(struct bnd_extract *x, int fd, const struct oci_tar_entry *e,
		     struct eb_error **err) EB_MUST_CHECK;
/* Of a link or pipe, by name. */
int extract_set_meta_at(struct bnd_extract *x, int fd, const char *name,
			const struct oci_tar_entry *e, struct eb_error **err) EB_MUST_CHECK;
int extract_throw(struct eb_error **err, int code, const char *path, const char *why);
