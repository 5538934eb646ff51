/* What zip.c and zip_data.c share; nobody else includes this. */
#pragma once

#include "pkg/zip.h"

/* n bytes from offset, or EB_E_FORMAT. */
int pkg_zip_pread_(const struct pkg_zip *z, uint64_t offset, void *p, size_t n,
		   struct eb_error **err) EB_MUST_CHECK;
