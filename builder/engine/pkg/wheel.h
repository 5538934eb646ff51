/* Python wheels (the binary distribution format of packaging.python.org): a zip whose members are
 * the files of one distribution, and a directory <name>-<version>.dist-info that says how they are
 * installed. A wheel is read as a whole when it enters the cache: every member against RECORD, and
 * what its installation needs goes into the index. Nothing in it is ever run.
 *
 * Not supported, and refused: zip64, links, members that RECORD does not list or that it lists with
 * a hash weaker than SHA-256, wheels of another major version than 1. */
#pragma once

#include "pkg/index.h"

struct pkg_zip;
struct pkg_zip_limits;

struct pkg_wheel {
	struct pkg_index base; /* members of the zip, in the order of its directory */
	const char *dist_info; /* "six-1.17.0.dist-info" */
	const char *name, *version;
	const char *purelib;	  /* "true" or "false": which library the root goes to */
	const char *tags;	  /* of WHEEL: "py3-none-any", one a line */
	const char *record;	  /* the text of RECORD */
	const char *entry_points; /* the text of entry_points.txt; NULL = none */
	/* Members of .data/scripts that begin with "#!python", whose first line is to be rewritten:
	 * "<member> <bytes>\n" and the rest of the file, one after the other. NULL = none. */
	const char *scripts;
};

/* Read and check all of it. name and version: what it has to be (name in normal form); NULL =
 * anything. Errors: EB_E_FORMAT, EB_E_DIGEST (RECORD says otherwise), EB_E_LIMIT, EB_E_UNSUPPORTED,
 * naming the member. */
int pkg_wheel_read(const struct pkg_zip *z, const char *name, const char *version,
		   struct pkg_wheel **ret, struct eb_error **err) EB_MUST_CHECK;
/* Does the file's name (name-version[-build]-python-abi-platform.whl) fit what the wheel says of
 * itself? Its compressed tags may stand for no tag that WHEEL does not have. */
int pkg_wheel_check_file(const struct pkg_wheel *w, const char *file,
			 struct eb_error **err) EB_MUST_CHECK;
