/* Bring sources into the cache: from --sources directories, else from mirrors, in parallel, resumed
 * where a previous run stopped, verified before they get their name. A mirror that gives wrong
 * bytes, stalls or fails is named and the next one is tried. Offline opens no socket. */
#pragma once

#include "pkg/cache.h"

struct eb_progress;
struct pkg_mirrors;

struct pkg_source {
	const char *what;    /* "package libc6 2.41-12 (amd64)" */
	const char *archive; /* mirror archive, or NULL when `url` is set */
	const char *path;    /* below the archive */
	const char *url;
	const char *sha256;
	uint64_t size; /* UINT64_MAX = unknown */
	int64_t locked_sec;
};

struct pkg_fetch_options {
	const struct pkg_cache *cache;
	const struct pkg_mirrors *mirrors; /* may be NULL when offline */
	const char *const
		*source_dirs; /* --sources: searched for <sha256>, the path, its base name */
	bool offline;
	unsigned int parallel; /* 0 = 6 */
	struct eb_progress *progress;
};

/* All of them, those already in the cache untouched. The first failure by order is reported, after
 * everything else that could be had has been fetched. Errors: EB_E_OFFLINE, EB_E_DIGEST,
 * EB_E_NETWORK, EB_E_NOT_FOUND, ENOSPC. Duplicate hashes are fetched once. */
int pkg_fetch(const struct pkg_fetch_options *o, const struct pkg_source *sources, size_t n,
	      struct eb_error **err) EB_MUST_CHECK;
