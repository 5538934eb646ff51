/* A copy of the committed archives (tests/repo) in the test's directory, to be bent as needed, and
 * options that read it from there. Made on 2026-02-01 for "now" from 2026-02-04 on. */
#pragma once

#include "pkg/cache.h"
#include "pkg/debrepo.h"

enum { TESTREPO_NOW = 1770200000 }; /* 2026-02-04T10:13:20Z */

struct testrepo {
	struct pkg_cache cache;
	struct pkg_repo_options o;
	const char *dirs[2];
};

void testrepo_init(struct testrepo *t);
void testrepo_release(struct testrepo *t);
EB_DEFINE_RELEASE(struct testrepo, testrepo_release)
/* Path of a file in the copy: "debian/dists/demo/InRelease". */
const char *testrepo_path(const char *rel);
/* Put one file of the copy in the place of another. */
void testrepo_replace(const char *rel, const char *by);
/* Change the first `from` in a file into `to` (of the same length). */
void testrepo_edit(const char *rel, const char *from, const char *to);
