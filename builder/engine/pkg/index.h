/* What an input holds: its members as it was read once, and the small text that they are kept as in
 * the cache. The readers of each kind (deb.c, tarball.c, ...) fill it; trees are built from it
 * without opening the input again. */
#pragma once

#include "base/cleanup.h"
#include "image/tar_write.h"

struct eb_arena;
struct eb_buf;
struct eb_error;

struct pkg_entry {
	const char *path; /* "" = the root */
	char type;	  /* '0' '1' '2' '5' */
	uint32_t mode, uid, gid;
	int64_t mtime_sec;
	uint64_t size;
	const char *link;
	const struct oci_xattr *xattrs;
	size_t n_xattrs;
};

/* A kind that keeps more beside it embeds this as its first member, and keeps all of that in the
 * arena. */
struct pkg_index {
	struct eb_arena *arena;
	struct pkg_entry *entries; /* in archive order; entry i is member i */
	size_t n_entries, alloc_entries;
};

/* size: of the kind's own struct. */
void *pkg_index_new(size_t size) EB_MALLOC;
struct pkg_index *pkg_index_free(struct pkg_index *x);
EB_DEFINE_CLEANUP(struct pkg_index *, pkg_index_free)
/* Append a copy of m. Errors: EB_E_UNSUPPORTED (a type that no image holds), EB_E_LIMIT above
 * max_entries, or when the arena holds more than max_bytes. */
int pkg_index_add(struct pkg_index *x, const struct oci_tar_entry *m, uint64_t max_entries,
		  size_t max_bytes, struct eb_error **err) EB_MUST_CHECK;

/* The form it is stored in: index.c. Texts are members (const char *) of the kind's own struct. */
struct pkg_index_text {
	const char *name;
	size_t offset;
	bool required; /* else NULL is fine, and left out */
};
struct pkg_index_format {
	const char *magic;		    /* the first line */
	size_t size;			    /* of the kind's own struct */
	const struct pkg_index_text *texts; /* in the order they are written */
	size_t n_texts;
	uint64_t max_entries;
};
void pkg_index_write(const struct pkg_index_format *f, const struct pkg_index *x,
		     struct eb_buf *out);
/* Takes text of anybody. Paths are clean, links are where they belong, texts hold no NUL. */
int pkg_index_parse(const struct pkg_index_format *f, const char *text, size_t n,
		    struct pkg_index **ret, struct eb_error **err) EB_MUST_CHECK;
/* The whole text: twice the most that an index takes in memory, for what has to be escaped. */
enum { PKG_INDEX_MAX_BYTES = 96 * 1024 * 1024 };
