/* Inputs of an image: locked files in the source cache, each of a kind that says how its members
 * are read. Everything behind this header is the same for all of them: an index of the members, and
 * the members' data as a stream. */
#pragma once

#include "base/cleanup.h"
#include "image/tar_write.h"

struct eb_error;
struct pkg_cache;
struct pkg_index;

enum pkg_input_kind {
	PKG_INPUT_DEB,
	PKG_INPUT_WHEEL,
	PKG_INPUT_ARCHIVE, /* tar, compressed or not, or zip */
	PKG_INPUT_FILE,	   /* one file as it is: a program, a download */
};

struct pkg_input {
	enum pkg_input_kind kind;
	const char *what; /* for messages: "package libc6 2.41-12 (amd64)" */
	const char *name, *version;
	const char *group; /* inputs of one group change together: they go into the same layer */
	const char *sha256;
	uint64_t size;
};

/* "package", "wheel", ...: what one of that kind is called. */
const char *pkg_input_noun(enum pkg_input_kind kind);

/* The index of a cached input: the derived file, made anew when missing or damaged. For debs it is
 * a struct pkg_deb_index, and so on. */
int pkg_input_index(const struct pkg_cache *c, const struct pkg_input *in, struct pkg_index **ret,
		    struct eb_error **err) EB_MUST_CHECK;

/* The data of a cached input as a stream of members; the whole file is verified against its hash by
 * the time the end is reached, and the end must be reached for anything to be believed. */
struct pkg_data;
int pkg_data_open(const struct pkg_cache *c, const struct pkg_input *in, struct pkg_data **ret,
		  struct eb_error **err) EB_MUST_CHECK;
struct pkg_data *pkg_data_free(struct pkg_data *d);
EB_DEFINE_CLEANUP(struct pkg_data *, pkg_data_free)
/* 1 with the entry and its member number, 0 at the verified end. */
int pkg_data_next(struct pkg_data *d, struct oci_tar_entry *ret, uint32_t *ret_member,
		  struct eb_error **err) EB_MUST_CHECK;
ssize_t pkg_data_read(struct pkg_data *d, void *p, size_t n, struct eb_error **err) EB_MUST_CHECK;
/* Read the rest so that the hash is checked. */
int pkg_data_drain(struct pkg_data *d, struct eb_error **err) EB_MUST_CHECK;
