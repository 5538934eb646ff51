/* What pip.c, pip_run.c and pip_download.c share; nobody else includes this. */
#pragma once

#include "base/buf.h"
#include "pkg/pip.h"

enum { PKG_PIP_MAX_ARGS = 200, PKG_PIP_MAX_GLIBC = 99 };

/* Arguments of pip, kept in an arena. */
struct pkg_pip_args {
	struct eb_arena *arena;
	const char *v[PKG_PIP_MAX_ARGS + 1];
	size_t n;
};
void pkg_pip_arg_(struct pkg_pip_args *a, const char *arg);
void pkg_pip_argf_(struct pkg_pip_args *a, const char *fmt, ...) EB_PRINTF(2, 3);

/* Run `pip <args>` in dir. env: JSON text of the markers' environment, or "null".
 * log: what it wrote, to both its outputs. 0, or 1 when pip ended with a failure that `log` tells;
 * errors: EB_E_NOT_FOUND (no python3, no pip), EB_E_PROGRAM, EB_E_LIMIT. */
int pkg_pip_run_(const struct pkg_pip *p, const struct pkg_pip_args *a, const char *env,
		 const char *dir, struct eb_buf *log, struct eb_error **err) EB_MUST_CHECK;
/* Throw what a failed pip said, without URLs and hosts: network, access, conflict, other. */
int pkg_pip_explain_(struct eb_buf *log, struct eb_error **err);
/* "x86_64" for "amd64", or NULL. */
const char *pkg_pip_machine_(const char *arch);
