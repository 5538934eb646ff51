/* RECORD: what a wheel's files are, as comma-separated values (RFC 4180 quoting): path, hash
 * ("sha256=" and base64url without padding), size. */
#pragma once

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/span.h"

struct eb_arena;
struct eb_error;

struct pkg_record_row {
	const char *path;
	const char *hash; /* "sha256=..."; "" for none */
	uint64_t size;	  /* UINT64_MAX = not given */
};
struct pkg_record {
	struct pkg_record_row *rows; /* sorted by path */
	size_t n;
};

/* Strings are the arena's. Errors: EB_E_FORMAT with the line, EB_E_LIMIT; a path that is there
 * twice is EB_E_FORMAT. */
int pkg_record_parse(struct eb_arena *arena, const char *text, size_t n, struct pkg_record *ret,
		     struct eb_error **err) EB_MUST_CHECK;
const struct pkg_record_row *pkg_record_find(const struct pkg_record *r, const char *path);
/* "sha256=..." of n bytes. */
enum { PKG_RECORD_HASH = 7 + 43 + 1 };
void pkg_record_hash(const void *p, size_t n, char out[static PKG_RECORD_HASH]);
/* Which algorithm a hash is of; EB_E_UNSUPPORTED for one that is weaker or unknown. */
int pkg_record_alg(const char *hash, enum eb_hash_alg *ret, struct eb_error **err) EB_MUST_CHECK;
/* Is `hash` that of a file whose digest has these hex digits? */
bool pkg_record_matches(const char *hash, const char *hex);
struct eb_buf;
/* One line; quoted where needed. size UINT64_MAX = leave it empty. */
void pkg_record_add(struct eb_buf *b, const char *path, const char *hash, uint64_t size);
