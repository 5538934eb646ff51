/* What deb.c and deb_data.c share; nobody else includes this. */
#pragma once

#include "image/tar_read.h"
#include "pkg/ar.h"
#include "pkg/deb.h"
#include "pkg/input_kind.h"

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
/* The operations of deb_data.c: input_kind.h. */
int pkg_deb_data_open_(const struct pkg_cache *c, const struct pkg_input *in, struct pkg_data **ret,
		       struct eb_error **err) EB_MUST_CHECK;
int pkg_deb_data_next_(struct pkg_data *base, struct oci_tar_entry *ret,
		       struct eb_error **err) EB_MUST_CHECK;
ssize_t pkg_deb_data_read_(struct pkg_data *base, void *p, size_t n,
			   struct eb_error **err) EB_MUST_CHECK;
int pkg_deb_data_drain_(struct pkg_data *base, struct eb_error **err) EB_MUST_CHECK;
void pkg_deb_data_free_(struct pkg_data *base);
