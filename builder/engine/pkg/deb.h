/* Debian binary packages (deb(5)): an ar archive of debian-binary, control.tar.* and data.tar.*.
 *
 * A package is read once when it enters the cache: its control files and the list of its members
 * become an index (a small derived file), from which trees are built without decompressing
 * anything. Later its data is streamed, in archive order, into layers. */
#pragma once

#include "base/cleanup.h"
#include "image/tar_write.h"

struct eb_arena;
struct eb_error;
struct eb_reader;
struct pkg_cache;

struct pkg_deb_entry {
	const char *path; /* "" = the root */
	char type;	  /* '0' '1' '2' '5' */
	uint32_t mode, uid, gid;
	int64_t mtime_sec;
	uint64_t size;
	const char *link;
	const struct oci_xattr *xattrs;
	size_t n_xattrs;
};

struct pkg_deb_index {
	struct eb_arena *arena;
	struct pkg_deb_entry *entries; /* in archive order; entry i is member i */
	size_t n_entries;
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

/* The form the index is stored in: deb_index.c. parse takes text of anybody. */
struct eb_buf;
void pkg_deb_index_write(const struct pkg_deb_index *x, struct eb_buf *out);
int pkg_deb_index_parse(const char *text, size_t n, struct pkg_deb_index **ret,
			struct eb_error **err) EB_MUST_CHECK;

/* Read the whole package (takes ownership of in) and check it; what is for messages. */
int pkg_deb_index_read(struct eb_reader *in, const char *what, const struct pkg_deb_limits *lim,
		       struct pkg_deb_index **ret, struct eb_error **err) EB_MUST_CHECK;
/* The index of a cached package: the derived file, made anew when missing or damaged. */
int pkg_deb_index_cached(const struct pkg_cache *c, const char *sha256, uint64_t size,
			 const char *what, struct pkg_deb_index **ret,
			 struct eb_error **err) EB_MUST_CHECK;
struct pkg_deb_index *pkg_deb_index_free(struct pkg_deb_index *x);
EB_DEFINE_CLEANUP(struct pkg_deb_index *, pkg_deb_index_free)
/* A field of the control stanza ("Version"), continuation lines joined; NULL = none. Heap. */
char *pkg_deb_field(const struct pkg_deb_index *x, const char *name);

/* The data of a cached package as a stream of members; the whole file is verified against its hash
 * by the time the end is reached, and the end must be reached for anything to be believed. */
struct pkg_deb_data;
int pkg_deb_data_open(const struct pkg_cache *c, const char *sha256, uint64_t size,
		      const char *what, struct pkg_deb_data **ret,
		      struct eb_error **err) EB_MUST_CHECK;
struct pkg_deb_data *pkg_deb_data_free(struct pkg_deb_data *d);
EB_DEFINE_CLEANUP(struct pkg_deb_data *, pkg_deb_data_free)
/* 1 with the entry and its member number, 0 at the verified end. */
int pkg_deb_data_next(struct pkg_deb_data *d, struct oci_tar_entry *ret, uint32_t *ret_member,
		      struct eb_error **err) EB_MUST_CHECK;
ssize_t pkg_deb_data_read(struct pkg_deb_data *d, void *p, size_t n,
			  struct eb_error **err) EB_MUST_CHECK;
/* Read the rest so that the hash is checked. */
int pkg_deb_data_drain(struct pkg_deb_data *d, struct eb_error **err) EB_MUST_CHECK;
