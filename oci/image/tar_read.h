/* Reading tars of others, within limits, over libarchive (tar formats only, no filters but the one
 * asked for): names are checked, nothing touches the disk. */
#pragma once

#include "base/cleanup.h"
#include "base/codec.h"
#include "image/tar_write.h"

struct eb_error;
struct eb_reader;

struct oci_tar_limits {
	uint64_t entries;      /* members */
	uint64_t total_bytes;  /* sum of the members' data */
	uint64_t header_bytes; /* of one member's pax and long-name headers */
	uint32_t path_bytes;   /* of one path or link */
	uint32_t depth;	       /* components of one path */
	uint32_t ratio; /* uncompressed bytes per compressed byte, asked above the first MiB */
};
/* What a layer or package may be at the most; each value has its reason in tar_read.c. */
extern const struct oci_tar_limits oci_tar_default_limits;

enum oci_tar_filter {
	OCI_TAR_PLAIN,
	OCI_TAR_GZIP,
	OCI_TAR_XZ,
	OCI_TAR_ZSTD,
	OCI_TAR_BZIP2,
	OCI_TAR_ANY
};

struct oci_tar_reader;
/* Takes ownership of in. */
int oci_tar_open(struct eb_reader *in, enum oci_tar_filter filter, const struct oci_tar_limits *lim,
		 struct oci_tar_reader **ret, struct eb_error **err) EB_MUST_CHECK;
struct oci_tar_reader *oci_tar_reader_free(struct oci_tar_reader *t);
EB_DEFINE_CLEANUP(struct oci_tar_reader *, oci_tar_reader_free)
/* The next member: 1 with *ret filled (valid until the next call), 0 at the end. Paths come without
 * "./" and without slash at the end; the root directory itself comes as "". Refused with
 * EB_E_FORMAT: absolute paths and hard link targets, ".." components, paths with two spellings
 * ("a//b"), a missing end of the archive, bytes after it; with EB_E_UNSUPPORTED: device nodes,
 * sparse members ("what to do" in the hint); with EB_E_LIMIT: over lim. type may also be '6'
 * (fifo). A name ends at its first NUL. After a failure only oci_tar_reader_free() may follow. */
int oci_tar_next(struct oci_tar_reader *t, struct oci_tar_entry *ret,
		 struct eb_error **err) EB_MUST_CHECK;
/* Data of the current member: count, 0 at its end. */
ssize_t oci_tar_data(struct oci_tar_reader *t, void *p, size_t n,
		     struct eb_error **err) EB_MUST_CHECK;
