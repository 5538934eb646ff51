/* Takes a tar of plain files apart, lets a test bend its members, and puts it together again with
 * right headers. */
#pragma once

#include "base/buf.h"

struct retar_member {
	char name[256];
	uint32_t mode;
	char *data; /* heap; NUL-terminated */
	size_t n;
};

enum { RETAR_MAX = 100 };

struct retar {
	struct retar_member m[RETAR_MAX];
	size_t n;
	int64_t mtime_sec;
};

void retar_read(const char *path, int64_t mtime_sec, struct retar *t);
void retar_release(struct retar *t);
EB_DEFINE_RELEASE(struct retar, retar_release)
void retar_write(const struct retar *t, const char *path);

struct retar_member *retar_find(struct retar *t, const char *name); /* fails the test */
/* The first member from `after` on (NULL = the first) whose data has `text`; NULL = none. */
struct retar_member *retar_with(struct retar *t, const struct retar_member *after,
				const char *text);
void retar_add(struct retar *t, const char *name, const char *data);
void retar_drop(struct retar *t, struct retar_member *m);
/* Every `from` in a member's data becomes `to`, of the same length; how many there were. */
size_t retar_replace(struct retar_member *m, const char *from, const char *to);
/* A blob's data was changed: give it the name it must have now, and every blob and index that
 * mentions the old digest the new one, and so on up. Blobs are not sorted again. */
void retar_rename(struct retar *t, struct retar_member *m);
