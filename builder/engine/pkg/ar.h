/* ar archives as deb(5) uses them, read in one pass without seeking:
 *
 *   "!<arch>\n"  { name[16] mtime[12] uid[6] gid[6] mode[8] size[10] "`\n"  data  pad to even }*
 *
 * Strict: numbers are decimal (mode octal) and blank-padded, the pad byte is "\n" and always there,
 * names are plain; no symbol tables, no long names (GNU "//", BSD "#1/"). */
#pragma once

#include "base/cleanup.h"

struct eb_error;
struct eb_reader;

struct pkg_ar_member {
	char name[17]; /* without padding and without the slash that some writers end it with */
	uint64_t size; /* bytes */
};

struct pkg_ar;
/* Takes ownership of in. Nothing is read yet. */
struct pkg_ar *pkg_ar_new(struct eb_reader *in) EB_MALLOC;
struct pkg_ar *pkg_ar_free(struct pkg_ar *a);
EB_DEFINE_CLEANUP(struct pkg_ar *, pkg_ar_free)
/* The next member, after dropping what was not read of the current one: 1, or 0 at the end of the
 * file. Errors: EB_E_FORMAT with the offset, EB_E_LIMIT (members). */
int pkg_ar_next(struct pkg_ar *a, struct pkg_ar_member *ret, struct eb_error **err) EB_MUST_CHECK;
/* The current member's data as a reader that borrows a: use and free it before the next
 * pkg_ar_next() and before pkg_ar_free(). A file that ends inside the member is EB_E_FORMAT. */
struct eb_reader *pkg_ar_reader(struct pkg_ar *a) EB_MALLOC;
/* Read the file to its end without looking at it, so that a verifying reader gives its verdict. */
int pkg_ar_drain(struct pkg_ar *a, struct eb_error **err) EB_MUST_CHECK;
