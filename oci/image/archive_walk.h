/* Finding the members of a layout: by the headers of a tar, or by listing a directory. Private to
 * archive.c. */
#pragma once

#include "image/archive.h"

struct eb_arena;
struct eb_dir;

struct oci_member_list {
	struct oci_member *items;
	size_t n, alloc;
	uint64_t name_bytes;
	struct eb_arena *arena; /* borrowed: holds the names */
};

/* Append the regular files of the tar of file_size bytes at fd; *ret_end is set behind its end
 * blocks. EB_E_FORMAT with member and offset, EB_E_LIMIT. */
int oci_walk_tar(int fd, uint64_t file_size, struct oci_member_list *list, uint64_t *ret_end,
		 struct eb_error **err) EB_MUST_CHECK;
/* Append the regular files that a layout has in d and in its blob directories. */
int oci_walk_dir(const struct eb_dir *d, struct oci_member_list *list,
		 struct eb_error **err) EB_MUST_CHECK;
/* Append one. */
int oci_member_add(struct oci_member_list *list, const char *name, const struct oci_member *m,
		   struct eb_error **err) EB_MUST_CHECK;
