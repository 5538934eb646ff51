/* What the files of the fix-ups share; nobody else includes this. */
#pragma once

#include "base/buf.h"
#include "rootfs/fixups.h"

/* A fix-up that runs. */
struct fixup {
	const struct rfs_fixup_env *env;
	unsigned int origin;
};

/* The content of a file of the tree, links followed; EB_E_NOT_FOUND when there is none. */
int rfs_fixup_read_(const struct fixup *f, const char *path, struct eb_buf *out,
		    struct eb_error **err) EB_MUST_CHECK;
int rfs_fixup_read_node_(const struct fixup *f, const struct rfs_node *n, struct eb_buf *out,
			 struct eb_error **err) EB_MUST_CHECK;
/* Have a file, link or directory as said; what is so already is not touched. A file or link of
 * another kind gives way, a directory does not. A directory that is there keeps its owner. */
int rfs_fixup_file_(const struct fixup *f, const char *path, const char *text, size_t n,
		    struct eb_error **err) EB_MUST_CHECK;
int rfs_fixup_link_(const struct fixup *f, const char *path, const char *target,
		    struct eb_error **err) EB_MUST_CHECK;
int rfs_fixup_dir_(const struct fixup *f, const char *path, uint32_t mode,
		   struct eb_error **err) EB_MUST_CHECK;

int rfs_fixup_passwd_(const struct fixup *f, struct eb_error **err) EB_MUST_CHECK;
int rfs_fixup_ca_certificates_(const struct fixup *f, struct eb_error **err) EB_MUST_CHECK;
int rfs_fixup_ld_so_(const struct fixup *f, struct eb_error **err) EB_MUST_CHECK;
