/* What a signing run that was killed may leave behind, and how the next one puts it right. Writes
 * of 512 aligned bytes are taken as whole (a disk's sector, a part of one page). */
#pragma once

#include "bundle/writer.h"

struct bnd_bundle;

/* Write and wait until it is on the disk. */
int bnd_put_synced(int fd, uint64_t at, const void *p, size_t n,
		   struct eb_error **err) EB_MUST_CHECK;
/* index.json of fd, when the write of a new entry at its end was cut short: cut back to the last
 * whole entry. *ret_done says whether anything was written; a file that looks otherwise is left
 * alone. */
int bnd_mend_index(int fd, bool *ret_done, struct eb_error **err) EB_MUST_CHECK;
/* Cut off members behind those of `l` that no entry of index.json names. EB_E_DIGEST when that is
 * more than signing ever adds. */
int bnd_mend_tail(int fd, const struct bnd_bundle *b, const struct bnd_layout *l, bool *ret_done,
		  struct eb_error **err) EB_MUST_CHECK;
