/* Layers to files. What a tar says is done inside one directory only: each component of a path is
 * opened by itself and no link is followed, hard links lead to what this extraction made, and
 * nothing but files, directories, links and named pipes comes to be. The directory must be one that
 * nobody else writes to, and belongs under its final name only after bnd_extract_finish(). */
#pragma once

#include "base/cleanup.h"

struct eb_error;
struct oci_tar_reader;

struct bnd_extract_options {
	/* Owners, set-id bits and capabilities as the layers say (needs privilege); else all
	 * belongs to whoever runs this, who can read, write and remove it. */
	bool same_owner;
};

struct bnd_extract_result {
	uint64_t members, bytes; /* of the layers; bytes of file content */
	uint64_t dropped_setid;	 /* files whose set-id bits were not kept */
	uint64_t dropped_xattrs; /* extended attributes that were not */
};

struct bnd_extract;
/* root_fd is borrowed: an empty directory. */
struct bnd_extract *bnd_extract_new(int root_fd, const struct bnd_extract_options *o) EB_MALLOC;
struct bnd_extract *bnd_extract_free(struct bnd_extract *x);
EB_DEFINE_CLEANUP(struct bnd_extract *, bnd_extract_free)
/* Apply one layer on top of those before it. t is read to its end and not freed. Errors name the
 * member: EB_E_FORMAT (a path that goes through a link, a hard link to nothing of ours, bad
 * whiteouts), EB_E_LIMIT, errno, those of t. */
int bnd_extract_layer(struct bnd_extract *x, struct oci_tar_reader *t,
		      struct eb_error **err) EB_MUST_CHECK;
/* Give the directories their modes, owners and times. Nothing may be called after it. */
int bnd_extract_finish(struct bnd_extract *x, struct bnd_extract_result *ret,
		       struct eb_error **err) EB_MUST_CHECK;
