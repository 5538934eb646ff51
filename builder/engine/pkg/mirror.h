/* Where Debian archives are on this machine: the URLs in apt's own configuration (sources.list and
 * deb822 .sources files, mirror lists aside), then those the user gave, then Debian's snapshot
 * service. An archive is known by the last element of its URL's path ("debian",
 * "debian-security"). No host name is written anywhere but in the snapshot fall-back. */
#pragma once

#include "base/cleanup.h"

struct eb_arena;
struct eb_error;

struct pkg_mirrors {
	struct eb_arena *arena;
	const char **urls; /* without trailing slash, in order of preference */
	size_t n;
	size_t n_user; /* the first n_user were given by the user: an archive may lie below them */
	bool no_snapshot;
};

struct pkg_mirror_options {
	const char *apt_dir;	    /* NULL = /etc/apt */
	const char *const *mirrors; /* --mirror URL, tried first; NULL-terminated, may be NULL */
	bool no_snapshot;
};

/* Files of apt_dir that cannot be read, and entries of other kinds (cdrom, mirror lists), are
 * passed over. Errors: EB_E_USAGE (a --mirror that is no http, https, file or copy URL),
 * EB_E_LIMIT. */
int pkg_mirrors_load(const struct pkg_mirror_options *o, struct pkg_mirrors **ret,
		     struct eb_error **err) EB_MUST_CHECK;
struct pkg_mirrors *pkg_mirrors_free(struct pkg_mirrors *m);
EB_DEFINE_CLEANUP(struct pkg_mirrors *, pkg_mirrors_free)
/* URLs for archive/rel ("pool/main/..."), best first, snapshot (at locked_sec, if > 0) last, into a
 * NULL-terminated heap array of heap strings; empty when no mirror has the archive and snapshot is
 * out. http and https URLs come percent-encoded, file: and copy: ones as they are. m may be NULL.
 */
char **pkg_mirrors_urls(const struct pkg_mirrors *m, const char *archive, const char *rel,
			int64_t locked_sec);
void pkg_mirrors_urls_free(char **urls);
