/* libarchive, loaded at the first call: see base/lazy.h. Only the reading side is used. */
#include <archive.h>
#include <archive_entry.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/lazy.h"

#if EB_LAZY
/* clang-format off */
#define FUNCTIONS(X) \
	X(archive_entry_filetype) X(archive_entry_gid) X(archive_entry_hardlink) \
	X(archive_entry_is_encrypted) X(archive_entry_mtime) X(archive_entry_mtime_nsec) \
	X(archive_entry_pathname) X(archive_entry_pathname_utf8) X(archive_entry_perm) \
	X(archive_entry_size) X(archive_entry_size_is_set) X(archive_entry_sparse_count) \
	X(archive_entry_symlink) X(archive_entry_symlink_utf8) X(archive_entry_uid) \
	X(archive_entry_xattr_next) X(archive_entry_xattr_reset) X(archive_errno) \
	X(archive_error_string) X(archive_filter_bytes) X(archive_filter_code) \
	X(archive_filter_count) X(archive_format) X(archive_read_data) \
	X(archive_read_data_skip) X(archive_read_free) X(archive_read_new) \
	X(archive_read_next_header) X(archive_read_open) X(archive_read_open1) \
	X(archive_read_open_memory) X(archive_read_set_callback_data) \
	X(archive_read_set_options) X(archive_read_set_read_callback) \
	X(archive_read_set_seek_callback) X(archive_read_support_filter_bzip2) \
	X(archive_read_support_filter_xz) X(archive_read_support_format_empty) \
	X(archive_read_support_format_raw) X(archive_read_support_format_tar) \
	X(archive_read_support_format_zip) X(archive_read_support_format_zip_seekable) \
	X(archive_read_support_format_zip_streamable) X(archive_set_error)
/* clang-format on */

EB_LAZY_LIBRARY("libarchive.so.13")

/* Without the library archive_read_new() gives nothing, so the others are never called then. */
#define NUMBER(type, name) EB_LAZY_FORWARD(type, name, (struct archive_entry * e), (e), 0)
#define TEXT(name) EB_LAZY_FORWARD(const char *, name, (struct archive_entry * e), (e), NULL)
#define SUPPORT(name) EB_LAZY_FORWARD(int, name, (struct archive * a), (a), ARCHIVE_FATAL)

NUMBER(mode_t, archive_entry_filetype)
NUMBER(la_int64_t, archive_entry_gid)
NUMBER(int, archive_entry_is_encrypted)
NUMBER(time_t, archive_entry_mtime)
NUMBER(long, archive_entry_mtime_nsec)
NUMBER(mode_t, archive_entry_perm)
NUMBER(la_int64_t, archive_entry_size)
NUMBER(int, archive_entry_size_is_set)
NUMBER(int, archive_entry_sparse_count)
NUMBER(la_int64_t, archive_entry_uid)
NUMBER(int, archive_entry_xattr_reset)
TEXT(archive_entry_hardlink)
TEXT(archive_entry_pathname)
TEXT(archive_entry_pathname_utf8)
TEXT(archive_entry_symlink)
TEXT(archive_entry_symlink_utf8)
EB_LAZY_FORWARD(int, archive_entry_xattr_next,
		(struct archive_entry * e, const char **name, const void **value, size_t *n),
		(e, name, value, n), ARCHIVE_FATAL)

SUPPORT(archive_read_support_filter_bzip2)
SUPPORT(archive_read_support_filter_xz)
SUPPORT(archive_read_support_format_empty)
SUPPORT(archive_read_support_format_raw)
SUPPORT(archive_read_support_format_tar)
SUPPORT(archive_read_support_format_zip)
SUPPORT(archive_read_support_format_zip_seekable)
SUPPORT(archive_read_support_format_zip_streamable)

EB_LAZY_FORWARD(struct archive *, archive_read_new, (void), (), NULL)
EB_LAZY_FORWARD(int, archive_read_free, (struct archive * a), (a), ARCHIVE_OK)
EB_LAZY_FORWARD(int, archive_read_open,
		(struct archive * a, void *ctx, archive_open_callback *open,
		 archive_read_callback *read, archive_close_callback *close),
		(a, ctx, open, read, close), ARCHIVE_FATAL)
EB_LAZY_FORWARD(int, archive_read_open1, (struct archive * a), (a), ARCHIVE_FATAL)
EB_LAZY_FORWARD(int, archive_read_open_memory, (struct archive * a, const void *p, size_t n),
		(a, p, n), ARCHIVE_FATAL)
EB_LAZY_FORWARD(int, archive_read_set_callback_data, (struct archive * a, void *ctx), (a, ctx),
		ARCHIVE_FATAL)
EB_LAZY_FORWARD(int, archive_read_set_read_callback,
		(struct archive * a, archive_read_callback *read), (a, read), ARCHIVE_FATAL)
EB_LAZY_FORWARD(int, archive_read_set_seek_callback,
		(struct archive * a, archive_seek_callback *seek), (a, seek), ARCHIVE_FATAL)
EB_LAZY_FORWARD(int, archive_read_set_options, (struct archive * a, const char *options),
		(a, options), ARCHIVE_FATAL)
EB_LAZY_FORWARD(int, archive_read_next_header, (struct archive * a, struct archive_entry **ret),
		(a, ret), ARCHIVE_FATAL)
EB_LAZY_FORWARD(la_ssize_t, archive_read_data, (struct archive * a, void *p, size_t n), (a, p, n),
		ARCHIVE_FATAL)
EB_LAZY_FORWARD(int, archive_read_data_skip, (struct archive * a), (a), ARCHIVE_FATAL)

EB_LAZY_FORWARD(la_int64_t, archive_filter_bytes, (struct archive * a, int n), (a, n), 0)
EB_LAZY_FORWARD(int, archive_filter_code, (struct archive * a, int n), (a, n), 0)
EB_LAZY_FORWARD(int, archive_filter_count, (struct archive * a), (a), 0)
EB_LAZY_FORWARD(int, archive_format, (struct archive * a), (a), 0)
EB_LAZY_FORWARD(int, archive_errno, (struct archive * a), (a), 0)
EB_LAZY_FORWARD(const char *, archive_error_string, (struct archive * a), (a), lazy.problem)

void archive_set_error(struct archive *a, int code, const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (ready())
		real.archive_set_error_(a, code, "%s", text);
}
#endif
