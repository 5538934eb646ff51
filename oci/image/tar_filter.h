/* Decompressing one stream for the tar reader: gzip and zstd by base/codec.h, xz by
 * base/xz.h, bzip2 by libarchive's filter. Exactly one layer of compression, nothing after it, and
 * not more output per input than allowed. */
#pragma once

#include "image/tar_read.h"

/* Take ownership of in (on failure too). OCI_TAR_PLAIN gives in itself back; OCI_TAR_ANY looks at
 * the first bytes. ratio: most bytes of output per byte of input, asked above the first MiB of
 * output; 0 = any. Errors, here or while reading: EB_E_FORMAT (not that format, damaged, truncated,
 * bytes after the end), EB_E_LIMIT (ratio), those of in. */
int oci_tar_filter_open(struct eb_reader *in, enum oci_tar_filter filter, uint32_t ratio,
			struct eb_reader **ret, struct eb_error **err) EB_MUST_CHECK;
