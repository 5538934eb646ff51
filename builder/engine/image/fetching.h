/* Fetching sources and, while others are still on their way, reading those that have come. */
#pragma once

#include "image/env.h"

/* pkg_fetch(), and the index of each Debian package as soon as it is there: the list of its members
 * for which it has to be decompressed once. The pool's other threads do that while this one waits
 * for the network, so that a build from the cache finds the indexes made. A package that cannot be
 * read is left to the build, which says so. */
int img_fetch_sources(const struct img_env *env, const struct pkg_source *sources, size_t n,
		      struct eb_error **err) EB_MUST_CHECK;
