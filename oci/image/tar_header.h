/* One header block of a tar, read strictly: for finding members by offset in a tar that nobody
 * unpacks (archive.c). ustar, GNU and pre-POSIX blocks; pax records. Unlike tar_read.h this gives
 * only what is needed to walk: type, name, size. (POSIX.1-2017 pax, "ustar Interchange Format";
 * GNU tar manual, "Basic Tar Format".) */
#pragma once

#include "base/span.h"

struct eb_error;

enum { OCI_TAR_BLOCK = 512, OCI_TAR_USTAR_NAME = 256, OCI_TAR_USTAR_LINK = 100 };

struct oci_tar_block {
	char name[OCI_TAR_USTAR_NAME + 1]; /* prefix and name joined, as they stand */
	char type;			   /* '0' for NUL and '7' too */
	char link[OCI_TAR_USTAR_LINK + 1]; /* of a link, as it stands */
	uint64_t size;
};

/* 1 with *ret filled, 0 for a block of zeros. EB_E_FORMAT: checksum, number fields. */
int oci_tar_block_parse(const char block[static OCI_TAR_BLOCK], struct oci_tar_block *ret,
			struct eb_error **err) EB_MUST_CHECK;
/* Take one "<length> <key>=<value>\n" off the front of *rest: 1, or 0 when it is empty.
 * EB_E_FORMAT: anything else. key and value are views into rest. */
int oci_tar_pax_next(struct eb_span *rest, struct eb_span *key, struct eb_span *value,
		     struct eb_error **err) EB_MUST_CHECK;
