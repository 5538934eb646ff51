/* What resolve.c and resolve_codec.c share. */
#pragma once

#include "pkg/resolve.h"

struct pkg_solver;
struct rcp_lock;
struct rcp_recipe;

/* The packages of the codecs, collected while the solvers are there. */
struct resolve_codecs {
	struct rcp_locked_codec *v; /* strings of the arena */
	size_t n;
	struct eb_arena *arena;
};

/* The hosts that an image can be built on. */
extern const char *const resolve_hosts[];
bool resolve_is_host(const char *arch);

/* Find the package of each codec of r for the host arch. */
int resolve_codecs_find(struct resolve_codecs *c, const struct rcp_recipe *r, struct pkg_solver *s,
			const char *arch, struct eb_error **err) EB_MUST_CHECK;
/* Fetch the packages, find the libraries in them and add all to the lock. */
int resolve_codecs_lock(const struct resolve_codecs *c, const struct pkg_repo_options *o,
			const struct rcp_recipe *r, struct rcp_lock *lock,
			struct eb_error **err) EB_MUST_CHECK;
