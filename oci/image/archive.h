/* An OCI image layout inside one uncompressed tar, read by offset: any blob without unpacking. The
 * index of members is made by walking the headers once (ustar, GNU and pax ones, strictly); memory
 * is about 128 bytes per member. Nothing is believed: each read of a blob is verified by its digest
 * through eb_reader_verify(), so a reader's bytes count only once it has given 0. A directory in
 * layout form is opened the same way. (image-spec, image-layout.md.) */
#pragma once

#include "image/manifest.h"

struct eb_reader;

enum { OCI_ARCHIVE_MAX_MEMBERS = 200000 };

/* A regular file; directories have no entry. */
struct oci_member {
	char *name;		/* without "./" at its front */
	uint64_t header_offset; /* of the first header block of this member; 0 in a directory */
	uint64_t offset, size;	/* of its data; offset is 0 in a directory */
};

struct oci_archive; /* immutable after opening; shared by threads */

/* path names the file or directory. Errors, with path, member and offset: EB_E_FORMAT (damage,
 * truncation, no layout, links or devices in it, a member twice), EB_E_LIMIT, EB_E_UNSUPPORTED
 * (layout version), errno. What stands behind the end is not looked at here; see
 * oci_archive_end_offset(). */
int oci_archive_open(const char *path, struct oci_archive **ret,
		     struct eb_error **err) EB_MUST_CHECK;
/* Any other plain tar (an archive of `docker save`), its members only: oci_archive_index() is
 * empty. Links are members that have the place and the bytes of their targets. */
int oci_archive_open_tar(const char *path, struct oci_archive **ret,
			 struct eb_error **err) EB_MUST_CHECK;
struct oci_archive *oci_archive_free(struct oci_archive *a);
EB_DEFINE_CLEANUP(struct oci_archive *, oci_archive_free)
const char *oci_archive_path(const struct oci_archive *a);
bool oci_archive_is_dir(const struct oci_archive *a);
int oci_archive_fd(const struct oci_archive *a);	     /* -1 for a directory */
uint64_t oci_archive_file_size(const struct oci_archive *a); /* 0 for a directory */
/* Where the two end-of-archive blocks end; 0 for a directory. */
uint64_t oci_archive_end_offset(const struct oci_archive *a);
size_t oci_archive_count(const struct oci_archive *a);
/* In the order of the tar; a directory's by name. */
const struct oci_member *oci_archive_member(const struct oci_archive *a, size_t i);
const struct oci_member *oci_archive_find(const struct oci_archive *a,
					  const char *name); /* NULL = none */
const struct oci_member *oci_archive_find_blob(const struct oci_archive *a,
					       const struct oci_digest *d);
const struct oci_manifest *oci_archive_index(const struct oci_archive *a); /* index.json, parsed */
/* Bytes of a member as they are, not verified. Free it before a. */
int oci_archive_member_reader(const struct oci_archive *a, const struct oci_member *m,
			      struct eb_reader **ret, struct eb_error **err) EB_MUST_CHECK;
/* The blob, verified while it is read; free it before a. EB_E_NOT_FOUND names it and the file,
 * EB_E_DIGEST when its size is not d->size. */
int oci_archive_blob(const struct oci_archive *a, const struct oci_descriptor *d,
		     struct eb_reader **ret, struct eb_error **err) EB_MUST_CHECK;
/* A verified small blob as text (heap, NUL-terminated), at most max bytes. */
int oci_archive_blob_text(const struct oci_archive *a, const struct oci_descriptor *d, size_t max,
			  char **ret, size_t *ret_n, struct eb_error **err) EB_MUST_CHECK;
/* The manifest or index that d describes: EB_E_FORMAT also when it is of the other kind. */
int oci_archive_manifest(const struct oci_archive *a, const struct oci_descriptor *d,
			 struct oci_manifest *ret, struct eb_error **err) EB_MUST_CHECK;
