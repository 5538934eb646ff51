/* A directory of this run's own, for programs that want files: made below a directory for temporary
 * files, and gone with all it holds when it is released. */
#pragma once

#include "base/dir.h"

struct pkg_workdir {
	struct eb_dir dir;
	char *path; /* absolute if `below` is */
};

/* name: part of its name, for people who find it after a kill. Mode 0700. */
int pkg_workdir_make(const char *below, const char *name, struct pkg_workdir *ret,
		     struct eb_error **err) EB_MUST_CHECK;
void pkg_workdir_release(struct pkg_workdir *w);
EB_DEFINE_RELEASE(struct pkg_workdir, pkg_workdir_release)
#define PKG_AUTOWORKDIR(name)                                                                      \
	EB_CLEANUP(pkg_workdir_release_p) struct pkg_workdir name = { .dir.fd = -1 }
/* Make a file in it; rel's directories are made too. */
int pkg_workdir_write(const struct pkg_workdir *w, const char *rel, const void *p, size_t n,
		      uint32_t mode, struct eb_error **err) EB_MUST_CHECK;
