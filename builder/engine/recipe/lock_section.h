/* What the sections of a lock are made of: one table from which lines are read, kept, sorted and
 * written. Inside of recipe/ only. */
#pragma once

#include "recipe/lock.h"
#include "recipe/read.h"

enum lock_type {
	LOCK_TEXT, /* const char * */
	LOCK_SIZE, /* uint64_t */
	LOCK_TIME, /* int64_t, not negative */
	LOCK_INT,  /* int, not negative */
	LOCK_UINT, /* unsigned int */
};

enum { LOCK_MAX_FIELDS = 12, LOCK_MAX_ORDER = 3 };

struct lock_field {
	const char *key; /* NULL = the end of the table */
	rcp_read_fn read;
	size_t offset; /* in the line's struct */
	enum lock_type type;
	bool optional;	  /* text that may be missing */
	const char *like; /* text that is, unless given, that of this other key of the line */
};

struct lock_section {
	const char *key;  /* "packages" */
	const char *what; /* "package" */
	size_t size;	  /* of a line's struct */
	size_t items, n;  /* offsets in struct rcp_lock */
	struct lock_field fields[LOCK_MAX_FIELDS + 1];
	/* Lines are sorted by these keys; the first n_unique of them are given to one line only. */
	const char *order[LOCK_MAX_ORDER + 1];
	unsigned int n_unique;
};

/* In the order in which they are written. */
enum lock_section_id {
	LOCK_SUITES,
	LOCK_PACKAGES,
	LOCK_WHEELS,
	LOCK_PROGRAMS,
	LOCK_MODULES,
	LOCK_ARCHIVES,
	LOCK_FILES,
	LOCK_BUILT,
	LOCK_BLOBS,
	LOCK_CODECS,
	LOCK_RESULTS,
	LOCK_LAYERS,
	LOCK_SECTIONS,
};
extern const struct lock_section lock_sections[LOCK_SECTIONS];

static inline size_t lock_count(const struct rcp_lock *l, const struct lock_section *s)
{
	return *(const size_t *)((uintptr_t)l + s->n);
}

static inline char *lock_items(const struct rcp_lock *l, const struct lock_section *s)
{
	return *(char *const *)((uintptr_t)l + s->items);
}

/* Append a copy of item, whose strings are duplicated. */
void lock_add(struct rcp_lock *l, enum lock_section_id id, const void *item);
/* The section's list into l (of the reader's arena). */
int lock_read_section(struct rcp_reader *rd, const struct lock_section *s, const struct rcp_yaml *v,
		      struct rcp_lock *l, struct eb_error **err) EB_MUST_CHECK;
