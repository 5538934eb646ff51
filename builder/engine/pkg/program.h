/* Running another program (gpgv, go, pip): started with posix_spawn, with an environment that is
 * given in full, and with files in memory as its standard streams, so nothing can block and what it
 * said is looked at when it has ended. */
#pragma once

#include "base/cleanup.h"

struct eb_buf;
struct eb_error;

enum { PKG_PROGRAM_STATUS_FD = 3 };

struct pkg_program {
	const char *const *argv; /* NULL-terminated; [0] is a path, or a name looked for in PATH */
	const char *const *env;	 /* "NAME=value", NULL-terminated: all that it gets */
	const char *dir;	 /* where it runs; NULL = in the working directory */
	const void *in;		 /* n_in bytes for its standard input; NULL = none */
	size_t n_in;
	const char *in_file;  /* instead of `in`: opened as its standard input; NULL = none */
	const char *out_file; /* instead of `out`: made anew, mode 0600, for its standard output */
	const char *install;  /* what to do when it is not there, the hint of that error */
	/* What it wrote is appended, the buffers' caps are the limits (EB_E_LIMIT). NULL = dropped.
	 * status is what it wrote to file descriptor 3, which is closed when NULL. */
	struct eb_buf *out, *messages, *status;
};

/* Its exit status (>= 0). Errors: EB_E_NOT_FOUND (not installed), EB_E_PROGRAM (ended by a signal),
 * EB_E_LIMIT, -errno. Threads: any number at once. */
int pkg_program_run(const struct pkg_program *p, struct eb_error **err) EB_MUST_CHECK;
