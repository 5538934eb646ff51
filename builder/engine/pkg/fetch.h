/* Bring sources into the cache: from --sources directories, else from mirrors, in parallel, resumed
 * where a previous run stopped, verified before they get their name. A mirror that gives wrong
 * bytes, stalls or fails is named and the next one is tried. Offline opens no socket. */
#pragma once

#include "pkg/cache.h"

struct eb_http_options;
struct eb_progress;
struct pkg_mirrors;
struct pkg_pip;

struct pkg_source {
	const char *what;	      /* "package libc6 2.41-12 (amd64)" */
	const char *archive;	      /* mirror archive, or NULL when only `url` is set */
	const char *path;	      /* below the archive */
	const char *url;	      /* tried before the mirrors; NULL = mirrors only */
	const char *const *more_urls; /* tried after `url`; NULL-terminated, may be NULL */
	/* Of a wheel: its file's name, which pip is asked for when no directory has it, and what it
	 * is of; NULL = no wheel. */
	const char *wheel, *name, *version;
	const char *sha256;
	uint64_t size; /* UINT64_MAX = unknown */
	int64_t locked_sec;
};

struct pkg_fetch_options {
	const struct pkg_cache *cache;
	const struct pkg_mirrors *mirrors; /* may be NULL when offline */
	const char *const
		*source_dirs; /* --sources, NULL-terminated, may be NULL: searched for <sha256>, the
				 path, <archive>/<path>, its base name, and as another cache */
	bool offline;	      /* mirrors in file: URLs are read all the same */
	unsigned int parallel;		    /* 0 = as in http */
	const struct eb_http_options *http; /* NULL = the defaults */
	struct eb_progress *progress;
	const struct pkg_pip *pip; /* for wheels; NULL = there are none */
	/* Called, where it is set, for each source that was not in the cache and is now. */
	void (*got)(void *ctx, const struct pkg_source *s);
	void *got_ctx;
};

/* All of them, those already in the cache untouched. The first failure by order is reported, after
 * everything else that could be had has been fetched. Errors: EB_E_OFFLINE, EB_E_DIGEST,
 * EB_E_NETWORK, EB_E_NOT_FOUND, EB_E_AUTH, EB_E_FORMAT (a source without hash or place), ENOSPC and
 * other -errno of the cache. Duplicate hashes are fetched once. An item that another process is
 * fetching is waited for. A mirror that fails is asked last from then on, and no more after several
 * failures without a byte. */
int pkg_fetch(const struct pkg_fetch_options *o, const struct pkg_source *sources, size_t n,
	      struct eb_error **err) EB_MUST_CHECK;

/* What has no hash yet: fetch it for the first time, from --sources directories (by the URL's path
 * or its last component), else from its URLs, one after the other. The caller shows the hash to
 * somebody who can judge it before anything is made of it. s->sha256 is not looked at; s->size is
 * what it must have, or UINT64_MAX. A web page where none was asked for is EB_E_FORMAT. */
int pkg_fetch_first(const struct pkg_fetch_options *o, const struct pkg_source *s,
		    char ret_sha256[static 65], uint64_t *ret_size,
		    struct eb_error **err) EB_MUST_CHECK;
