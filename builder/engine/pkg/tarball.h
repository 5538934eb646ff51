/* Archives as inputs: tar, plain or compressed by gzip, xz, zstd or bzip2, and zip. What it is
 * shows in its first bytes; the name does not count. Limits and checks of paths are those of
 * packages. */
#pragma once

#include "pkg/index.h"

struct eb_reader;
struct rfs_tree;

struct pkg_archive_limits {
	uint64_t data_bytes; /* sum of the members */
	uint64_t entries;
	size_t index_bytes; /* names, links and attributes, in memory */
};
extern const struct pkg_archive_limits pkg_archive_default_limits;

/* Read the whole tar (takes ownership of in) and check it; what is for messages. */
int pkg_tar_index_read(struct eb_reader *in, const char *what, const struct pkg_archive_limits *lim,
		       struct pkg_index **ret, struct eb_error **err) EB_MUST_CHECK;

/* Where the members of an archive go. */
struct pkg_archive_place {
	uint64_t strip;	     /* leading components that are left out */
	const char *subpath; /* after that, only what is below this directory; "" = all */
	const char *to;	     /* in the image, without leading slash; "" = the root */
	uint32_t uid, gid;   /* of everything: those in archives mean nothing elsewhere */
	int64_t epoch_sec;   /* times later than this become this */
};
/* Add the members, as `origin`. Modes are cut down to 0755 (no set-id bits, nothing that others may
 * write to), extended attributes are left out. Refused with EB_E_FORMAT: a symbolic link that
 * climbs out of the root, a member behind a symbolic link of the archive, a hard link to what is no
 * file before it, a place that leaves nothing of the archive; with EB_E_CONFLICT: what somebody
 * else has already. The tree is of no use afterwards. */
int pkg_archive_to_tree(struct rfs_tree *t, unsigned int origin, const struct pkg_index *x,
			const struct pkg_archive_place *p, struct eb_error **err) EB_MUST_CHECK;
