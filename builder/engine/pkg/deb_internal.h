/* What deb.c, deb_index.c and deb_data.c share; nobody else includes this. */
#pragma once

#include "image/tar_read.h"
#include "pkg/ar.h"
#include "pkg/deb.h"

/* Kind of the derived files; the number changes with the format or with what is read. */
#define PKG_DEB_INDEX_KIND "debindex-1"

/* Read up to the member that holds `part` ("control", "data") of the package and open it as a tar
 * of at most the given size. For "control" the format member in front of it is checked. */
int pkg_deb_part_(struct pkg_ar *ar, const char *part, uint64_t max_bytes, uint64_t max_entries,
		  struct oci_tar_reader **ret, struct eb_error **err) EB_MUST_CHECK;
/* The rest of the file after data.tar: nothing but "_" members. */
int pkg_deb_end_(struct pkg_ar *ar, struct eb_error **err) EB_MUST_CHECK;
/* Something failed with r, err is set: name the package, or, if the file is not the one it should
 * be, forward the reader's message about that (which names it) instead. Returns the code to return.
 */
int pkg_deb_verdict_(struct pkg_ar *ar, int r, const char *what, struct eb_error **err);
