/* Removing directories of our own. */
#pragma once

#include "base/cleanup.h"

struct eb_error;

/* Remove what `name` in dirfd (or AT_FDCWD) is, with everything below, whatever the modes of its
 * directories are; links are not followed, nothing there is fine. For directories that nobody else
 * writes to. It needs two descriptors, however deep they are. Errors: errno with the name. */
int eb_remove_tree(int dirfd, const char *name, struct eb_error **err) EB_MUST_CHECK;
