/* Another program at the end of a pipe: one that reads what we write, or writes what we read, as it
 * comes, without a file in between. Its messages are kept in memory and shown when it fails. */
#pragma once

#include "base/cleanup.h"

struct eb_error;
struct eb_reader;
struct pkg_program;

struct pkg_piped;

enum pkg_pipe { PKG_PIPE_IN, PKG_PIPE_OUT }; /* its standard input, its standard output */

/* argv, env and install of p are used. Errors: EB_E_NOT_FOUND (not installed), -errno. */
int pkg_piped_start(const struct pkg_program *p, enum pkg_pipe which, struct pkg_piped **ret,
		    struct eb_error **err) EB_MUST_CHECK;
/* Our end of the pipe; owned. Writing after the program ended gives EPIPE. */
int pkg_piped_fd(const struct pkg_piped *p);
/* Close our end and wait. EB_E_PROGRAM with the end of its messages when its exit status is not 0.
 */
int pkg_piped_finish(struct pkg_piped *p, struct eb_error **err) EB_MUST_CHECK;
/* What still runs is killed. */
struct pkg_piped *pkg_piped_free(struct pkg_piped *p);
EB_DEFINE_CLEANUP(struct pkg_piped *, pkg_piped_free)

/* What a program writes, which has failed unless its exit status is 0: the end comes after that.
 * Freed before the end, the program is killed. */
int pkg_piped_reader(const struct pkg_program *p, struct eb_reader **ret,
		     struct eb_error **err) EB_MUST_CHECK;
