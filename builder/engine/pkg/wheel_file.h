/* Names: of distributions and of wheel files (binary distribution format, "File name convention").
 */
#pragma once

#include "base/cleanup.h"

struct eb_error;

/* The normal form of a distribution's name: lower case, runs of "-", "_", "." are one "-". Heap. */
char *pkg_wheel_name(const char *name);
bool pkg_wheel_same_name(const char *a, const char *b);
/* The parts of a wheel's file name; heap strings, free with _release. EB_E_FORMAT. */
struct pkg_wheel_file {
	char *name, *version;	       /* name in normal form */
	char *python, *abi, *platform; /* compressed: "py2.py3", "none", "any" */
};
int pkg_wheel_file_parse(const char *file, struct pkg_wheel_file *ret,
			 struct eb_error **err) EB_MUST_CHECK;
void pkg_wheel_file_release(struct pkg_wheel_file *f);
EB_DEFINE_RELEASE(struct pkg_wheel_file, pkg_wheel_file_release)
