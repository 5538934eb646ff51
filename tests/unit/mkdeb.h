/* Makes Debian packages in memory, good ones and bad ones, piece by piece. */
#pragma once

#include "base/buf.h"

struct oci_tar_entry;

#define MKDEB_CONTROL                                                                              \
	"Package: demo\nVersion: 1.2-3\nArchitecture: amd64\nMaintainer: A <a@example.org>\n"      \
	"Description: a demonstration\n of packages\n"

void mkdeb_ar_begin(struct eb_buf *ar);
void mkdeb_ar_member(struct eb_buf *ar, const char *name, const void *p, size_t n);

void mkdeb_tar_add(struct eb_buf *tar, const struct oci_tar_entry *e, const void *data);
void mkdeb_tar_file(struct eb_buf *tar, const char *path, const char *text);
void mkdeb_tar_dir(struct eb_buf *tar, const char *path);
void mkdeb_tar_link(struct eb_buf *tar, char type, const char *path, const char *target);
void mkdeb_tar_end(struct eb_buf *tar);

/* b becomes its compressed form: "gz", "xz", "zst", "bz2". */
void mkdeb_compress(struct eb_buf *b, const char *how);

/* A whole package. how: compression of both parts ("" = none); control: text of the control file;
 * tar: data.tar, not compressed. */
void mkdeb(struct eb_buf *out, const char *how, const char *control, const struct eb_buf *tar);
