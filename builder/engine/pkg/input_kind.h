/* A kind of input: what its reader gives to input.c. Only readers include this. */
#pragma once

#include "pkg/index.h"
#include "pkg/input.h"

/* The start of a kind's own stream. */
struct pkg_data {
	const struct pkg_input_ops *ops;
	uint32_t members; /* handed out so far */
	bool done;	  /* the verified end was reached */
};

struct pkg_input_ops {
	const char *noun;
	/* Kind of the derived files that hold indexes; the number changes with the format or with
	 * what is read. NULL = not worth keeping. */
	const char *index_kind;
	const struct pkg_index_format *format;
	/* Read the whole input and check it. */
	int (*index)(const struct pkg_cache *c, const struct pkg_input *in, struct pkg_index **ret,
		     struct eb_error **err);
	/* What parsing a stored index does not know; may be NULL. */
	int (*check)(const struct pkg_index *x, struct eb_error **err);
	int (*open)(const struct pkg_cache *c, const struct pkg_input *in, struct pkg_data **ret,
		    struct eb_error **err);
	/* 1, or 0 at the verified end; not called again after that. */
	int (*next)(struct pkg_data *d, struct oci_tar_entry *ret, struct eb_error **err);
	/* Of the current member; 0 at its end. */
	ssize_t (*read)(struct pkg_data *d, void *p, size_t n, struct eb_error **err);
	/* To the end of the file, so that its hash is checked. */
	int (*drain)(struct pkg_data *d, struct eb_error **err);
	void (*free)(struct pkg_data *d);
};

extern const struct pkg_input_ops pkg_deb_ops;	   /* deb_data.c */
extern const struct pkg_input_ops pkg_archive_ops; /* tarball.c */
extern const struct pkg_input_ops pkg_file_ops;	   /* file.c */
extern const struct pkg_input_ops pkg_wheel_ops;   /* wheel_data.c */
