/* The hash by which Go knows the content of a module ("h1:" of go.sum): SHA-256 over the sorted
 * lines "<sha256 of a file>  <module>@<version>/<path>\n", in base64
 * (golang.org/x/mod/sumdb/dirhash, Hash1). Computed over the directory that is compiled, because Go
 * itself believes a module that it has unpacked once. */
#pragma once

#include "base/cleanup.h"

struct eb_error;

enum { PKG_GOSUM_BYTES = 48 }; /* "h1:", 44 characters, NUL */

/* dir        holds the module's files; nothing but directories and regular files.
 * name       "<module>@<version>", as go.sum spells them.
 * copy       a directory to be made (its parent exists) that gets the same files, so that what was
 *            hashed is what is used; NULL = none.
 * Errors: EB_E_FORMAT (something else than a file), EB_E_LIMIT (more than Go allows), -errno. */
int pkg_gosum_dir(const char *dir, const char *name, const char *copy,
		  char ret[static PKG_GOSUM_BYTES], struct eb_error **err) EB_MUST_CHECK;
bool pkg_gosum_is_valid(const char *h1);
