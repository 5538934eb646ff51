/* Making a lock answer its recipe: choose the inputs (or keep them), fetch them, make the layers
 * once without writing them, and record what came out. */
#pragma once

#include "image/env.h"

struct pkg_repo_options;
struct rcp_chain;

struct img_relock_options {
	const struct img_env *env;
	const struct pkg_repo_options *repo;
	bool update; /* choose the inputs anew although the recipe did not change */
	/* With update: only the archive or file of that name, or with "debian" the Debian packages,
	 * as a whole because they depend on each other. NULL = everything. */
	const char *only;
	bool dry_run; /* write nothing */
};

struct img_relock_result {
	bool changed;	 /* the text of the lock is another */
	bool new_inputs; /* they were chosen anew */
	char *diff;	 /* what a person reviews; "" = the same inputs */
	char *review;	 /* hashes that nobody vouches for yet, a line each; "" = none */
	char *file;	 /* the lock's path */
	char *manifests; /* "linux/amd64 sha256:..." a line each */
};
void img_relock_release(struct img_relock_result *r);
EB_DEFINE_RELEASE(struct img_relock_result, img_relock_release)

/* The recipe in dir; its parents must have locks. Inputs are chosen when there is no lock, the
 * recipe asks for other ones, a parent's lock is newer, or `update`. EB_E_NOT_FOUND when the recipe
 * has no input that is called `only`. */
int img_relock(const struct img_relock_options *o, const char *dir, struct img_relock_result *ret,
	       struct eb_error **err) EB_MUST_CHECK;
