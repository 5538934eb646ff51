/* The programs of a wheel: entry points, which become small scripts (entry points specification),
 * and scripts whose first line is rewritten. */
#pragma once

#include "base/cleanup.h"

struct eb_arena;
struct eb_error;

struct pkg_script {
	const char *name; /* of an entry point: what the file is called */
	const char *text;
	size_t member; /* of a rewritten script; SIZE_MAX for an entry point */
};
struct pkg_scripts {
	struct pkg_script *v;
	size_t n;
};

/* Append a script for each line of the groups console_scripts and gui_scripts of text (an ini file;
 * NULL = none). python: path in the image, for the first line. Errors: EB_E_FORMAT with the line.
 */
int pkg_scripts_entry_points(struct eb_arena *arena, const char *text, const char *python,
			     struct pkg_scripts *s, struct eb_error **err) EB_MUST_CHECK;
/* Append what struct pkg_wheel has as scripts, with `python` as their interpreter. */
int pkg_scripts_rewritten(struct eb_arena *arena, const char *scripts, const char *python,
			  struct pkg_scripts *s, struct eb_error **err) EB_MUST_CHECK;
