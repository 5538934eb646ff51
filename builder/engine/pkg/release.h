/* The text of a Debian Release file (the signed part of InRelease), as
 * https://wiki.debian.org/DebianRepository/Format describes it. Only what is needed to find and
 * check Packages files; MD5 and SHA1 lists are passed over. */
#pragma once

#include "base/cleanup.h"

struct eb_arena;
struct eb_error;

struct pkg_release_file {
	const char *path; /* relative to the Release file */
	const char *sha256;
	uint64_t size;
};

struct pkg_release_text {
	struct eb_arena *arena;
	const char *origin, *suite, *codename; /* "" when missing */
	int64_t date_sec, valid_until_sec;     /* valid_until 0 = none */
	const char *const *architectures;      /* NULL-terminated */
	const char *const *components;	       /* NULL-terminated; "main", "updates/main" */
	bool by_hash;			       /* Acquire-By-Hash: yes */
	const struct pkg_release_file *files;  /* sorted by path */
	size_t n_files;
};

enum { PKG_RELEASE_MAX_BYTES = 16 * 1024 * 1024, PKG_RELEASE_MAX_FILES = 200000 };

/* Errors: EB_E_FORMAT and EB_E_LIMIT with the line. */
int pkg_release_parse(const char *text, size_t n, struct pkg_release_text **ret,
		      struct eb_error **err) EB_MUST_CHECK;
struct pkg_release_text *pkg_release_text_free(struct pkg_release_text *t);
EB_DEFINE_CLEANUP(struct pkg_release_text *, pkg_release_text_free)
/* NULL when not listed. */
const struct pkg_release_file *pkg_release_find(const struct pkg_release_text *t, const char *path);
/* "Sat, 21 Nov 2026 09:15:44 UTC" (also GMT, Z and +0000). False when it is none. */
bool pkg_release_date(const char *text, int64_t *ret_sec);
