/* Makes wheels in memory, good ones and bad ones. */
#pragma once

#include "base/buf.h"

#define MKWHEEL_METADATA "Metadata-Version: 2.1\nName: Demo\nVersion: 1.0\n\nA demonstration.\n"
#define MKWHEEL_WHEEL                                                                              \
	"Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"

struct mkwheel_file {
	const char *path, *text;
};

/* The wheel of demo 1.0 with these files and the three that each has. record: added to RECORD
 * (lines), may be NULL; skip: left out of RECORD, may be NULL. NULL for wheel or metadata: the
 * usual. */
void mkwheel(struct eb_buf *out, const struct mkwheel_file *files, size_t n, const char *wheel,
	     const char *metadata, const char *record, const char *skip);
