/* The stanzas of a Packages file (Debian policy 5.3), reduced to the fields that choosing and
 * fetching a package needs. Everything is checked here, once: required fields, their form, sizes of
 * everything. The order of the stanzas in the file has no meaning and gets lost. */
#pragma once

#include "base/cleanup.h"

struct eb_arena;
struct eb_error;
struct eb_reader;

struct pkg_stanza {
	unsigned int line; /* of the stanza's first line, from 1 */
	const char *name, *version, *arch;
	const char *path, *sha256; /* below the archive; lower-case hex */
	const char *source;	   /* name of the source package */
	uint64_t size, installed_bytes;
	unsigned int rank; /* of the Priority field: 0 required ... 3 optional, 4 others */
	bool allowed;	   /* Multi-Arch: allowed */
	/* Fields as they are, lines joined; NULL when missing. They live in `scratch`. */
	const char *depends, *pre_depends, *recommends, *conflicts, *breaks, *provides;
};

enum {
	PKG_STANZA_MAX_BYTES = 4 * 1024 * 1024,
	PKG_STANZA_MAX_COUNT = 1000000,
	PKG_PACKAGES_MAX_BYTES = 512 * 1024 * 1024,
	PKG_NAME_MAX = 255,
};

/* Read a Packages text to its end (takes ownership of in). Stanzas of other architectures than arch
 * and all are left out.
 * keep     gets the strings that outlive solving: name, version, path...
 * scratch  gets the array and the dependency fields.
 * The result is sorted by name, version, architecture, path, all by bytes.
 * Errors: EB_E_FORMAT and EB_E_LIMIT naming the line, those of in. */
int pkg_stanzas_read(struct eb_reader *in, const char *arch, struct eb_arena *keep,
		     struct eb_arena *scratch, struct pkg_stanza **ret, size_t *ret_n,
		     struct eb_error **err) EB_MUST_CHECK;
/* At most max bytes of a text by somebody else, for a message: all that is not printable ASCII
 * becomes '?', a cut is shown by "..." (heap). */
char *pkg_text_show(const char *s, size_t n, size_t max);
/* Letters, digits, "+-._": what a package name is made of. */
bool pkg_name_is_valid(const char *s, size_t n);
/* [epoch:]upstream[-revision] of the characters that policy 5.6.12 allows. */
bool pkg_version_is_valid(const char *s, size_t n);
