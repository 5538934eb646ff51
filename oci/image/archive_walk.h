/* Finding the members of a layout: by the headers of a tar, or by listing a directory. Private to
 * archive.c. */
#pragma once

#include "image/archive.h"

struct eb_arena;
struct eb_dir;

struct oci_member_link {
	char *name, *target; /* both from the root of the tar */
};

struct oci_member_list {
	struct oci_member *items;
	size_t n, alloc;
	uint64_t name_bytes;
	struct eb_arena *arena; /* borrowed: holds the names */

	bool takes_links; /* else they are refused */
	struct oci_member_link *links;
	size_t n_links, alloc_links;
};

/* Append the regular files of the tar of file_size bytes at fd; *ret_end is set behind its end
 * blocks. EB_E_FORMAT with member and offset, EB_E_LIMIT. */
int oci_walk_tar(int fd, uint64_t file_size, struct oci_member_list *list, uint64_t *ret_end,
		 struct eb_error **err) EB_MUST_CHECK;
/* Append a link: a symbolic one ('2'), whose target is seen from its own folder, or a hard one
 * ('1'). EB_E_FORMAT when it leads out of the archive. */
int oci_link_add(struct oci_member_list *list, const char *name, char type, const char *target,
		 struct eb_error **err) EB_MUST_CHECK;
/* Make each link a member of its own that has its target's place and bytes. EB_E_FORMAT for links
 * to nothing and in circles. */
int oci_links_resolve(struct oci_member_list *list, struct eb_error **err) EB_MUST_CHECK;
/* Append the regular files that a layout has in d and in its blob directories. */
int oci_walk_dir(const struct eb_dir *d, struct oci_member_list *list,
		 struct eb_error **err) EB_MUST_CHECK;
/* Append one. */
int oci_member_add(struct oci_member_list *list, const char *name, const struct oci_member *m,
		   struct eb_error **err) EB_MUST_CHECK;
