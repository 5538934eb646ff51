/* A commit of a git repository on this machine as a tar, made by git itself. */
#pragma once

#include "base/cleanup.h"

struct eb_error;
struct pkg_cache;

/* where: a repository (bare or not) or a bundle file; commit: its whole hash. The tar goes into the
 * cache; its hash and size are told. The same commit gives the same bytes, whatever the
 * configuration of git on this machine says. Errors: EB_E_NOT_FOUND (no git, no such repository or
 * commit), EB_E_PROGRAM. */
int pkg_git_archive(const struct pkg_cache *c, const char *where, const char *commit,
		    const char *what, char ret_sha256[static 65], uint64_t *ret_size,
		    struct eb_error **err) EB_MUST_CHECK;
