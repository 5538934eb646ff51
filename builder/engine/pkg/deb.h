/* Debian binary packages (deb(5)): an ar archive of debian-binary, control.tar.* and data.tar.*.
 *
 * A package is read once when it enters the cache: its control files and the list of its members
 * become an index (a small derived file), from which trees are built without decompressing
 * anything. Later its data is streamed, in archive order, into layers: input.h. */
#pragma once

#include "base/cleanup.h"
#include "pkg/index.h"

struct eb_buf;
struct eb_error;
struct eb_reader;

struct pkg_deb_index {
	struct pkg_index files;
	const char *control;   /* the control stanza, text */
	const char *md5sums;   /* may be NULL */
	const char *conffiles; /* may be NULL */
	const char *scripts; /* names of maintainer scripts it ships, blank-separated, "" if none */
};

struct pkg_deb_limits {
	uint64_t control_bytes; /* control.tar uncompressed */
	uint64_t data_bytes;	/* data.tar uncompressed */
	uint64_t entries;
	size_t index_bytes; /* names, links, attributes and texts, in memory */
};
extern const struct pkg_deb_limits pkg_deb_default_limits;

/* The form the index is stored in. parse takes text of anybody. */
void pkg_deb_index_write(const struct pkg_deb_index *x, struct eb_buf *out);
int pkg_deb_index_parse(const char *text, size_t n, struct pkg_deb_index **ret,
			struct eb_error **err) EB_MUST_CHECK;

/* Read the whole package (takes ownership of in) and check it; what is for messages. */
int pkg_deb_index_read(struct eb_reader *in, const char *what, const struct pkg_deb_limits *lim,
		       struct pkg_deb_index **ret, struct eb_error **err) EB_MUST_CHECK;
struct pkg_deb_index *pkg_deb_index_free(struct pkg_deb_index *x);
EB_DEFINE_CLEANUP(struct pkg_deb_index *, pkg_deb_index_free)
/* A field of the control stanza ("Version"), continuation lines joined; NULL = none. Heap. */
char *pkg_deb_field(const struct pkg_deb_index *x, const char *name);
/* Is it the package that the signed list of the archive promised under its hash? EB_E_FORMAT when
 * its control file names another version, or an architecture that is neither `arch` nor "all". */
int pkg_deb_check_identity(const struct pkg_deb_index *x, const char *version, const char *arch,
			   struct eb_error **err) EB_MUST_CHECK;
