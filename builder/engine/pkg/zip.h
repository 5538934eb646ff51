/* Zip archives (APPNOTE.TXT 6.3), read by their central directory, in place and strictly:
 *
 *   { local header  data  [descriptor] }*  { central header }*  end of central directory
 *
 * Every local header must say what the central directory says, members may not overlap, nothing
 * may stand before the first or after the directory. Stored and
 * deflated members only; no encryption, no volumes, no zip64 (4 GiB, 65534 members), no links or
 * devices. What a different reader could read differently is refused. */
#pragma once

#include "base/cleanup.h"

struct eb_error;
struct eb_reader;

struct pkg_zip_limits {
	uint64_t members;
	uint64_t total_bytes;  /* sum of the members' sizes */
	uint64_t member_bytes; /* of one */
	uint32_t ratio;	       /* bytes per compressed byte: of one above 16 MiB, of all above 64 */
	uint32_t path_bytes;
};
/* What a wheel or release archive may be at the most; reasons in zip.c. */
extern const struct pkg_zip_limits pkg_zip_default_limits;

struct pkg_zip_member {
	const char *path; /* clean: relative, no "." or "..", no slash at the end */
	bool directory;
	bool executable; /* some execute bit of a Unix mode is set */
	uint64_t size, packed;
	int64_t mtime_sec; /* DOS time, taken as UTC; seconds are even */
	uint32_t crc;
	uint16_t method;     /* 0 stored, 8 deflated */
	uint64_t data_start; /* offset of the data in the file, bytes */
};

struct pkg_zip {
	struct pkg_zip_member *members; /* in the order of the central directory */
	size_t n;
	/* private */
	struct eb_arena *arena;
	int fd;
	const unsigned char *mem;
	uint64_t size;
};

/* fd is borrowed and read with pread; size is the file's. Errors: EB_E_FORMAT with the member or
 * offset, EB_E_LIMIT, EB_E_UNSUPPORTED. */
int pkg_zip_open(int fd, uint64_t size, const struct pkg_zip_limits *lim, struct pkg_zip **ret,
		 struct eb_error **err) EB_MUST_CHECK;
/* The same for n bytes of memory, borrowed (tests, fuzzing). */
int pkg_zip_open_mem(const void *p, size_t n, const struct pkg_zip_limits *lim,
		     struct pkg_zip **ret, struct eb_error **err) EB_MUST_CHECK;
struct pkg_zip *pkg_zip_free(struct pkg_zip *z);
EB_DEFINE_CLEANUP(struct pkg_zip *, pkg_zip_free)
/* The member of that path, or SIZE_MAX. */
size_t pkg_zip_find(const struct pkg_zip *z, const char *path);
/* The data of member i, which borrows z. Size and CRC are checked when its end is reached: the
 * read that would return 0 fails with EB_E_FORMAT otherwise. */
int pkg_zip_read(const struct pkg_zip *z, size_t i, struct eb_reader **ret,
		 struct eb_error **err) EB_MUST_CHECK;
