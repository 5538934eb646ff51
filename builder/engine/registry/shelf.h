/* The files that are to be served, by the names the user gave, and what they are now: looked at
 * from time to time, opened again when they changed. A new file takes the place of an old one only
 * when it was opened whole; until then the old one goes on, unless it was written to in place. */
#pragma once

#include "registry/catalog.h"

struct eb_error;

/* Open the file and make sure of every byte of it. */
typedef int (*reg_open_fn)(void *ctx, const char *path, struct oci_archive **ret,
			   struct eb_error **err);
enum reg_shelf_event {
	REG_SHELF_CHANGED, /* opened again; why is NULL */
	REG_SHELF_FAILED,  /* could not be opened again: why */
	REG_SHELF_GONE,	   /* no file of that name any more; what was there goes on */
};
typedef void (*reg_shelf_fn)(void *ctx, enum reg_shelf_event what, const char *path,
			     const struct eb_error *why);

struct reg_shelf;
/* paths are borrowed. */
struct reg_shelf *reg_shelf_new(const char *const *paths, size_t n, reg_open_fn open,
				void *ctx) EB_MALLOC;
struct reg_shelf *reg_shelf_free(struct reg_shelf *s);
EB_DEFINE_CLEANUP(struct reg_shelf *, reg_shelf_free)
/* Open all of them; the first failure is the result. */
int reg_shelf_open(struct reg_shelf *s, struct eb_error **err) EB_MUST_CHECK;
/* Look again. A file that changed is opened once it looks the same in two calls, as somebody may
 * still be writing; with `now`, at once, and one that failed is tried again. `said` hears what
 * happened. True when there is something else to serve. */
bool reg_shelf_refresh(struct reg_shelf *s, bool now, reg_shelf_fn said, void *said_ctx);
/* What is there now; a new reference. */
struct reg_catalog *reg_shelf_catalog(const struct reg_shelf *s);
