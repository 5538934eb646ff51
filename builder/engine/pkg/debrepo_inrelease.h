/* The InRelease file of a suite: found, verified, checked against what the recipe and an older lock
 * expect, and kept for offline use. */
#pragma once

#include "pkg/debrepo.h"

struct pkg_release_text;

/* As pkg_release_load(), which it is a part of. sha256: of the file, signature included. */
int pkg_inrelease_load(const struct pkg_repo_options *o, const struct rcp_suite *suite,
		       int64_t min_date_sec, char sha256[static 65], struct pkg_release_text **ret,
		       struct eb_error **err) EB_MUST_CHECK;
