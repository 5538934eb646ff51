/* Debian repositories (Debian policy; the RepositoryFormat page of the Debian wiki). InRelease is
 * verified by gpgv against Debian's keyring, Packages by the hashes in it. Refused: unsigned, other
 * suite, expired (Valid-Until), older than the lock already saw. Packages files go through the
 * cache by their hash. */
#pragma once

#include "base/cleanup.h"
#include "recipe/recipe.h"

struct eb_error;
struct eb_progress;
struct pkg_cache;
struct pkg_mirrors;

struct pkg_release {
	const struct rcp_suite *suite;
	int64_t date_sec, valid_until_sec; /* valid_until 0 = none */
	char sha256[65];		   /* of the InRelease file */
	/* per architecture and component: hash of the uncompressed Packages text, in the cache */
	struct pkg_packages_file {
		char *arch, *component;
		char sha256[65];
		uint64_t size;
	} * files;
	size_t n_files;
};

struct pkg_repo_options {
	const struct pkg_cache *cache;
	const struct pkg_mirrors *mirrors;
	const char *keyring; /* NULL = the distribution's keyring file(s) on this machine */
	int64_t now_sec;     /* for Valid-Until */
	bool offline;	     /* use what the cache has from the last time */
	const char *const
		*source_dirs; /* repositories on disk: DIR/<archive>/dists/... ; may be NULL */
	struct eb_progress *progress;
};

/* min_date_sec: Date of the InRelease that the lock already saw, 0 = none; older is EB_E_EXPIRED.
 */
int pkg_release_load(const struct pkg_repo_options *o, const struct rcp_suite *suite,
		     const char *const *arches, size_t n_arches, int64_t min_date_sec,
		     struct pkg_release **ret, struct eb_error **err) EB_MUST_CHECK;
struct pkg_release *pkg_release_free(struct pkg_release *r);
EB_DEFINE_CLEANUP(struct pkg_release *, pkg_release_free)
