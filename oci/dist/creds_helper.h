/* Inside dist/creds: the programs docker-credential-NAME. */
#pragma once

#include "dist/creds.h"

/* verb is "get", "store" or "erase"; input goes to its standard input. *ret_out (heap, wiped by the
 * caller) is what it wrote; *ret_found false when it has nothing for that key. Errors:
 * EB_E_PROGRAM, EB_E_NOT_FOUND when there is no such program. */
int oci_creds_helper(const char *name, const char *verb, const char *input, char *const *environ_,
		     char **ret_out, bool *ret_found, struct eb_error **err) EB_MUST_CHECK;
void oci_creds_wipe(char *s); /* and free; NULL is fine */
