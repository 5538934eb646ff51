/* Which packages a list of names needs, by libsolv in Debian mode: Depends and Pre-Depends, virtual
 * packages, alternatives (the first that can be had is preferred), version relations, Conflicts and
 * Breaks, multi-arch qualifiers, Recommends if wanted, excludes; several suites with priorities.
 * One pool is one architecture. */
#pragma once

#include "base/cleanup.h"

struct eb_error;
struct eb_reader;

struct pkg_solver;
struct pkg_solver *pkg_solver_new(const char *arch) EB_MALLOC;
struct pkg_solver *pkg_solver_free(struct pkg_solver *s);
EB_DEFINE_CLEANUP(struct pkg_solver *, pkg_solver_free)
/* Add a Packages text (uncompressed; takes ownership of in). archive, suite: told back in results.
 */
int pkg_solver_add_packages(struct pkg_solver *s, struct eb_reader *in, const char *archive,
			    const char *suite, int priority, struct eb_error **err) EB_MUST_CHECK;

struct pkg_choice {
	const char *name, *version, *deb_arch, *path, *sha256, *source, *archive, *suite;
	uint64_t size, installed_bytes;
	bool was_installed; /* one of `installed` */
};

struct pkg_request {
	/* "name", "name=version", "name (>= version)", "name/suite" */
	const char *const *want;
	size_t n_want;
	const char *const *exclude; /* names never installed, their dependents' needs dropped */
	size_t n_exclude;
	/* "name=version": in the parent image already, kept as they are */
	const char *const *installed;
	size_t n_installed;
	bool recommends;
};

/* Errors: EB_E_UNSOLVABLE, whose message says in package terms which dependency of which package
 * cannot be had and why; EB_E_NOT_FOUND for an unknown name, with the nearest known one in the
 * message; EB_E_FORMAT for a word of another form. *ret_bad (may be NULL) gets the index in want of
 * the word that is to blame, and stays as it is when there is no such one.
 * *ret: heap array sorted by name, the caller frees it; its strings live as long as the solver.
 * `installed` packages are among them; path and hash of theirs may be NULL. The answer depends on
 * nothing but the set of packages and the request: not on the order of stanzas. */
int pkg_solve(struct pkg_solver *s, const struct pkg_request *rq, struct pkg_choice **ret,
	      size_t *ret_n, size_t *ret_bad, struct eb_error **err) EB_MUST_CHECK;
/* The newest candidate of one package by the suites' priorities (for codecs), no dependencies. name
 * may have any of the forms that are allowed in `want`. */
int pkg_solver_find(struct pkg_solver *s, const char *name, struct pkg_choice *ret,
		    struct eb_error **err) EB_MUST_CHECK;
