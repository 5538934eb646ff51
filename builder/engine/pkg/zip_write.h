/* The plainest zip there is: stored members with the time zero of DOS. For the stand-ins that pip
 * is given (pip.c), and for tests. Same members, same bytes. */
#pragma once

#include "base/buf.h"

struct pkg_zip_writer {
	struct eb_buf *out; /* borrowed, empty at the beginning; its cap is the limit */
	struct eb_buf directory;
	unsigned int n;
};

void pkg_zip_writer_init(struct pkg_zip_writer *w, struct eb_buf *out);
void pkg_zip_writer_add(struct pkg_zip_writer *w, const char *path, const void *p, size_t n);
/* Ends the archive and releases what w has. Running over the cap shows in out. */
void pkg_zip_writer_end(struct pkg_zip_writer *w);
