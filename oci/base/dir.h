/* The disk, seen from one directory. Paths are relative and may not leave the directory: openat2
 * with RESOLVE_BENEATH, or component by component with O_NOFOLLOW where the kernel lacks it. A
 * file is published whole: written to a nameless or temporary file, synced, then linked or renamed
 * to its name, so that kill -9 leaves either nothing or all of it. */
#pragma once

#include "base/cleanup.h"

struct eb_buf;
struct eb_error;

struct eb_dir {
	int fd;
	char *path; /* for messages only */
};

/* Open a directory named by the user (follows links); `create` makes it and its parents, 0700. */
int eb_dir_open(const char *path, bool create, struct eb_dir *ret,
		struct eb_error **err) EB_MUST_CHECK;
/* A directory below another; `create` makes each missing component with `mode`. */
int eb_dir_sub(const struct eb_dir *d, const char *rel, bool create, uint32_t mode,
	       struct eb_dir *ret, struct eb_error **err) EB_MUST_CHECK;
void eb_dir_release(struct eb_dir *d);
EB_DEFINE_RELEASE(struct eb_dir, eb_dir_release)
#define EB_AUTODIR(name) EB_CLEANUP(eb_dir_release_p) struct eb_dir name = { .fd = -1 }

/* open(2) beneath d: flags as for open, O_CLOEXEC is added. Returns the fd. ENOENT keeps its code.
 */
int eb_dir_open_file(const struct eb_dir *d, const char *rel, int flags, uint32_t mode,
		     struct eb_error **err) EB_MUST_CHECK;
/* The whole of a regular file into b (cap = limit). */
int eb_dir_read(const struct eb_dir *d, const char *rel, struct eb_buf *b,
		struct eb_error **err) EB_MUST_CHECK;
/* Replace or create a small file atomically, with fsync. */
int eb_dir_write(const struct eb_dir *d, const char *rel, const void *p, size_t n, uint32_t mode,
		 struct eb_error **err) EB_MUST_CHECK;

/* Whole files named by the user on the command line. */
int eb_file_read(const char *path, struct eb_buf *b, struct eb_error **err) EB_MUST_CHECK;
int eb_file_write(const char *path, const void *p, size_t n, uint32_t mode,
		  struct eb_error **err) EB_MUST_CHECK;

/* A file in the making, beside its final name. */
struct eb_tmpfile {
	int fd;		 /* read-write */
	bool nameless;	 /* made by O_TMPFILE: the kernel drops it if we die */
	int dirfd;	 /* of the final directory */
	char *name;	 /* final base name */
	char *temp_name; /* ".NAME.PID-N.tmp" */
	char *path;	 /* what the user called it, for messages */
};

/* Start a file that will appear as `path` (absolute or relative to the working directory) or, with
 * `d`, beneath it. Its disk space counts against the final place's file system only.
 * Errors: EISDIR for a directory, EB_E_CONFLICT for what is there and is not a file (a device, a
 * pipe), -errno. */
int eb_tmpfile_open(const struct eb_dir *d, const char *path, uint32_t mode, struct eb_tmpfile *ret,
		    struct eb_error **err) EB_MUST_CHECK;
/* fsync, then give it its name. replace=false leaves an existing file alone and fails with EEXIST.
 */
int eb_tmpfile_publish(struct eb_tmpfile *t, bool replace, struct eb_error **err) EB_MUST_CHECK;
/* The same for n of them, replacing: all are synced before the first gets its name. Files of one
 * directory stand together in t. After a failure some have their names. */
int eb_tmpfile_publish_many(struct eb_tmpfile *t, size_t n, struct eb_error **err) EB_MUST_CHECK;
void eb_tmpfile_release(struct eb_tmpfile *t); /* removes it unless published */
EB_DEFINE_RELEASE(struct eb_tmpfile, eb_tmpfile_release)
#define EB_AUTOTMP(name)                                                                           \
	EB_CLEANUP(eb_tmpfile_release_p) struct eb_tmpfile name = { .fd = -1, .dirfd = -1 }

/* True for a relative path without empty, "." or ".." components, no NUL, at most 4095 bytes. */
bool eb_path_is_clean(const char *rel);
