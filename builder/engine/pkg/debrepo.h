/* Debian repositories (Debian policy; the RepositoryFormat page of the Debian wiki). InRelease is
 * verified by gpgv against Debian's keyring, Packages by the hashes in it. Refused: unsigned, other
 * suite, expired (Valid-Until), older than the lock already saw. Packages files go through the
 * cache by the hash of their compressed form; they are decompressed anew each time, which takes a
 * second for the largest. */
#pragma once

#include "base/cleanup.h"
#include "recipe/recipe.h"

struct eb_arena;
struct eb_error;
struct eb_http_options;
struct eb_progress;
struct eb_reader;
struct pkg_cache;
struct pkg_mirrors;

struct pkg_packages_file {
	const char *arch, *component;
	const char *path;	 /* of the compressed file, below dists/<suite>/ */
	const char *sha256;	 /* of the compressed file, in the cache */
	uint64_t size;		 /* of the compressed file */
	const char *text_sha256; /* of the text; NULL when Release does not list it */
	uint64_t text_size;
};

struct pkg_release {
	struct eb_arena *arena;
	const struct rcp_suite *suite;	   /* borrowed */
	int64_t date_sec, valid_until_sec; /* valid_until 0 = none */
	char sha256[65];		   /* of the InRelease file */
	struct pkg_packages_file *files;   /* one per architecture and component */
	size_t n_files;
};

struct pkg_repo_options {
	const struct pkg_cache *cache;
	const struct pkg_mirrors *mirrors; /* may be NULL when offline */
	const char *keyring; /* NULL = the distribution's keyring file on this machine */
	int64_t now_sec;     /* for Valid-Until and as the time of the snapshot fall-back */
	bool offline;	     /* use what the cache has from the last time */
	/* repositories on disk, tried before mirrors: DIR/<archive>/dists/... and DIR/dists/...;
	 * NULL-terminated, may be NULL */
	const char *const *source_dirs;
	const struct eb_http_options *http; /* NULL = the defaults */
	struct eb_progress *progress;
};

/* Find, verify and read InRelease, and bring its Packages files into the cache.
 * min_date_sec: Date of the InRelease that the lock already saw, 0 = none; older is EB_E_EXPIRED.
 * Sources are tried in order: source_dirs, mirrors (offline: only those on disk), and offline the
 * InRelease that the cache kept from the last time. When all fail the first failure is told.
 * Errors: EB_E_SIGNATURE, EB_E_EXPIRED, EB_E_POLICY (another suite), EB_E_FORMAT, EB_E_OFFLINE,
 * EB_E_NETWORK, EB_E_DIGEST; EB_E_RECIPE with the suite's place in the recipe when the archive has
 * no such suite, component or architecture. */
int pkg_release_load(const struct pkg_repo_options *o, const struct rcp_suite *suite,
		     const char *const *arches, size_t n_arches, int64_t min_date_sec,
		     struct pkg_release **ret, struct eb_error **err) EB_MUST_CHECK;
struct pkg_release *pkg_release_free(struct pkg_release *r);
EB_DEFINE_CLEANUP(struct pkg_release *, pkg_release_free)
/* The text of r->files[i], verified by its end. */
int pkg_release_open(const struct pkg_repo_options *o, const struct pkg_release *r, size_t i,
		     struct eb_reader **ret, struct eb_error **err) EB_MUST_CHECK;
