/* An OCI image layout inside one uncompressed tar, read by offset: any blob without unpacking. The
 * index of members is made by walking the headers (they are strict ustar or simple pax/GNU ones);
 * memory is 64 bytes per member. Nothing is believed: each read of a blob is verified by its
 * digest through eb_reader_verify(). A directory in layout form is opened the same way. */
#pragma once

#include "image/manifest.h"

struct eb_reader;

enum { OCI_ARCHIVE_MAX_MEMBERS = 200000 };

struct oci_member {
	char *name;		/* as in the tar */
	uint64_t header_offset; /* of the first header block of this member */
	uint64_t offset, size;	/* of its data */
};

struct oci_archive; /* immutable after opening; shared by threads */

int oci_archive_open(const char *path, struct oci_archive **ret,
		     struct eb_error **err) EB_MUST_CHECK;
struct oci_archive *oci_archive_free(struct oci_archive *a);
EB_DEFINE_CLEANUP(struct oci_archive *, oci_archive_free)
const char *oci_archive_path(const struct oci_archive *a);
int oci_archive_fd(const struct oci_archive *a);
uint64_t oci_archive_file_size(const struct oci_archive *a);
uint64_t oci_archive_end_offset(const struct oci_archive *a); /* after the end-of-archive blocks */
size_t oci_archive_count(const struct oci_archive *a);
const struct oci_member *oci_archive_member(const struct oci_archive *a, size_t i);
const struct oci_member *oci_archive_find(const struct oci_archive *a,
					  const char *name); /* NULL = none */
const struct oci_member *oci_archive_find_blob(const struct oci_archive *a,
					       const struct oci_digest *d);
const struct oci_manifest *oci_archive_index(const struct oci_archive *a); /* index.json, parsed */
/* The blob, verified while it is read. EB_E_NOT_FOUND names it and the file. */
int oci_archive_blob(const struct oci_archive *a, const struct oci_descriptor *d,
		     struct eb_reader **ret, struct eb_error **err) EB_MUST_CHECK;
/* A verified small blob as text (heap, NUL-terminated), at most max bytes. */
int oci_archive_blob_text(const struct oci_archive *a, const struct oci_descriptor *d, size_t max,
			  char **ret, size_t *ret_n, struct eb_error **err) EB_MUST_CHECK;
int oci_archive_manifest(const struct oci_archive *a, const struct oci_descriptor *d,
			 struct oci_manifest *ret, struct eb_error **err) EB_MUST_CHECK;
