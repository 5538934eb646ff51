/* One stanza of Debian control data (deb822(5)), as the control file of a package holds it. */
#pragma once

#include "base/span.h"

struct eb_error;

/* Larger than any control file of Debian (a long Provides list has tens of kilobytes). */
enum { PKG_CONTROL_MAX_BYTES = 1024 * 1024 };

/* Check the control file of a binary package: exactly one stanza, fields in form and none twice,
 * Package, Version and Architecture there with values of Debian policy's grammar (so that they may
 * stand in file names). Errors: EB_E_FORMAT with the line, EB_E_LIMIT. */
int pkg_control_check(struct eb_span text, struct eb_error **err) EB_MUST_CHECK;

/* The next field of a checked stanza: its value as written, continuation lines included, without
 * blanks at its ends. False at the end. */
bool pkg_control_next(struct eb_span *rest, struct eb_span *ret_name, struct eb_span *ret_value);
/* The value of a field (name without regard to case), {NULL, 0} if there is none. */
struct eb_span pkg_control_field(struct eb_span text, const char *name);

/* Does a Replaces field (value, possibly empty) let a package take over files of the package `name`
 * in `version`? As dpkg: by real name, version relation honoured. */
bool pkg_control_replaces(struct eb_span value, const char *name, const char *version);
