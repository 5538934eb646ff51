/* Python's bytecode, made by the very Python of a lock: its Debian packages are unpacked from the
 * source cache into a directory of this run's own and run there by their own dynamic linker, so
 * that nothing of this machine's Python has a say. The result is a tar of
 * <dir>/__pycache__/<module>.<tag>.pyc in the source cache.
 *
 * The pyc files are unchecked and hash-based (PEP 552): they hold no time, and Python does not look
 * at the source again. Same sources and same Python give the same bytes: strings are hashed with a
 * fixed seed, files are compiled one after the other in the order given, and nothing is imported
 * but the compiler's own modules. */
#pragma once

#include "pkg/cache.h"

struct pkg_input;

struct pkg_bytecode_options {
	const struct pkg_cache *cache;
	const struct pkg_input
		*tools; /* packages for this host; which ones: pkg_bytecode_needs() */
	size_t n_tools;
	const char *interpreter; /* "python3.13" */
	const char *host_arch;	 /* "amd64" */
	const char *temp_dir;	 /* absolute; files that are run must be allowed there */
};

/* Is the Debian package of that name part of what runs `interpreter`? */
bool pkg_bytecode_needs(const char *interpreter, const char *package);

struct pkg_bytecode;
/* Errors: EB_E_UNSUPPORTED (a host without known dynamic linker), those of the packages. */
int pkg_bytecode_new(const struct pkg_bytecode_options *o, struct pkg_bytecode **ret,
		     struct eb_error **err) EB_MUST_CHECK;
struct pkg_bytecode *pkg_bytecode_free(struct pkg_bytecode *b);
EB_DEFINE_CLEANUP(struct pkg_bytecode *, pkg_bytecode_free)
/* One source; path in the image without leading slash, ending in ".py". */
int pkg_bytecode_add(struct pkg_bytecode *b, const char *path, const void *p, size_t n,
		     struct eb_error **err) EB_MUST_CHECK;
/* Compile all that were added and store the tar. Sources that are no valid Python are left out, as
 * an installer would. Errors: EB_E_PROGRAM with what Python said. */
int pkg_bytecode_make(struct pkg_bytecode *b, char ret_sha256[static 65], uint64_t *ret_size,
		      struct eb_error **err) EB_MUST_CHECK;
