/* The tar headers of our layers and bundles: POSIX ustar, with a pax header before an entry that
 * ustar cannot hold (path over 256 bytes or not splittable, link over 100, size over 8 GiB,
 * id over 2097151, time before 1970, xattrs). Same entry, same bytes; no user or group names, no
 * device numbers, no access or change times. (POSIX.1-2017 pax, "ustar Interchange Format".) */
#pragma once

#include "base/cleanup.h"

struct eb_buf;

struct oci_xattr {
	const char *name; /* "security.capability" */
	const void *value;
	size_t size;
};

struct oci_tar_entry {
	const char *path; /* no leading slash, no trailing slash */
	char type;	  /* '0' file, '1' hard link, '2' symlink, '5' directory */
	uint32_t mode;	  /* 07777 */
	uint32_t uid, gid;
	uint64_t size; /* of a file */
	int64_t mtime_sec;
	const char *link;		/* of '1' and '2' */
	const struct oci_xattr *xattrs; /* sorted by name */
	size_t n_xattrs;
};

/* Append the header block(s) of e. A directory gets the trailing slash. */
void oci_tar_header(const struct oci_tar_entry *e, struct eb_buf *out);
/* Bytes of the header block(s) alone, and of the whole member with data and padding. */
uint64_t oci_tar_header_size(const struct oci_tar_entry *e);
uint64_t oci_tar_member_size(const struct oci_tar_entry *e);
/* Zero bytes that fill `size` up to a multiple of 512. */
static inline uint64_t oci_tar_padding(uint64_t size)
{
	return (512 - size % 512) % 512;
}
enum { OCI_TAR_END_BYTES = 1024 };
