/* The address to listen on. */
#pragma once

#include "base/cleanup.h"

struct eb_error;

/* "127.0.0.1:5000", "[::1]:5000", "localhost:0", ":5000" (every address): a bound, listening,
 * non-blocking socket. Port 0 lets the kernel choose. Errors: EB_E_USAGE (grammar), -errno. */
int reg_listen(const char *address, int *ret_fd, struct eb_error **err) EB_MUST_CHECK;
/* "127.0.0.1:5000" of a socket, as others have to write it (heap). */
char *reg_listen_name(int fd);
