/* Python distributions through the machine's pip, as it is configured there: pip decides which
 * wheels a list of requirements needs, and pip downloads them. The index it asks is its own affair:
 * no host appears here, in locks or in messages.
 *
 * pip looks at wheels of another platform (--platform, --python-version, --abi), but takes the
 * environment markers of requirements ('; python_version >= "3.13"', '; platform_machine == ...')
 * from the interpreter that it runs in. So it is started through a few lines of Python that give
 * its copy of `packaging` the target's environment, and the environment that its report tells is
 * compared with what it was given: a pip that does it in another way is refused, not believed. */
#pragma once

#include "base/cleanup.h"

struct eb_arena;
struct eb_error;
struct pkg_cache;

struct pkg_pip {
	const char *const *env; /* of the program: what the client needs; NULL-terminated */
	const char *temp_dir;	/* absolute */
};

/* What the wheels are for. */
struct pkg_pip_target {
	const char *arch;	  /* "amd64", "arm64" */
	const char *python;	  /* "3.13.5" */
	unsigned int glibc_minor; /* 41 for glibc 2.41: the newest manylinux that works */
};

struct pkg_pip_provided {	    /* by a Debian package */
	const char *name, *version; /* as Python knows them: "psycopg2", "2.9.10" */
};

struct pkg_pip_wheel {
	const char *name; /* in normal form */
	const char *version, *file, *sha256;
	uint64_t size; /* bytes; UINT64_MAX = not known yet */
};

struct pkg_pip_set {
	struct eb_arena *arena;
	struct pkg_pip_wheel *wheels; /* sorted by name */
	size_t n;
};
struct pkg_pip_set *pkg_pip_set_free(struct pkg_pip_set *s);
EB_DEFINE_CLEANUP(struct pkg_pip_set *, pkg_pip_set_free)

/* A word of a recipe: a distribution's name, extras and versions, no marker, URL or path. */
int pkg_pip_check_requirement(const char *text, struct eb_error **err) EB_MUST_CHECK;

/* Which wheels the requirements need on the target, without those that are provided: pip is shown a
 * stand-in of exactly that version for each of these. An architecture that no wheels are made for
 * is EB_E_UNSUPPORTED.
 * Errors: EB_E_UNSOLVABLE (with what pip said; a distribution that has no wheel is named),
 * EB_E_NOT_FOUND (no python3 or pip), EB_E_NETWORK, EB_E_AUTH, EB_E_PROGRAM, EB_E_FORMAT. */
int pkg_pip_resolve(const struct pkg_pip *p, const struct pkg_pip_target *t,
		    const char *const *requirements, size_t n_requirements,
		    const struct pkg_pip_provided *provided, size_t n_provided,
		    struct pkg_pip_set **ret, struct eb_error **err) EB_MUST_CHECK;

/* Bring the wheels into the cache; each is checked against its hash (and size, where known) by pip
 * and again here. Those that are there are not downloaded. A wheel is found by its file name, so
 * the machine's own platform does not matter. */
int pkg_pip_download(const struct pkg_pip *p, const struct pkg_pip_wheel *v, size_t n,
		     const struct pkg_cache *c, struct eb_error **err) EB_MUST_CHECK;
