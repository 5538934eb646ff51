/* What is known about each path of an image: a map from path to a record of the caller's, with a
 * bound on its memory. Paths are as in a tar reader: relative, no slash at the end, "" = root. */
#pragma once

#include "base/cleanup.h"

struct eb_error;

enum {
	BND_MAX_PATHS = 1000000, /* the largest images have some 300,000 */
	BND_MAX_PATH_MEMORY = 256 * 1024 * 1024,
};

struct bnd_path { /* callers embed it as first member of their record */
	const char *path;
};

struct bnd_paths;
/* Records have `size` bytes and begin as zeros. */
struct bnd_paths *bnd_paths_new(size_t size) EB_MALLOC;
struct bnd_paths *bnd_paths_free(struct bnd_paths *p);
EB_DEFINE_CLEANUP(struct bnd_paths *, bnd_paths_free)
size_t bnd_paths_count(const struct bnd_paths *p);
void *bnd_paths_find(const struct bnd_paths *p, const char *path); /* NULL = not there */
/* The record of path, made when it is not there. EB_E_LIMIT. Records never move. */
int bnd_paths_add(struct bnd_paths *p, const char *path, void **ret,
		  struct eb_error **err) EB_MUST_CHECK;
/* Memory that lives as long as the map and counts against its bound. EB_E_LIMIT. */
int bnd_paths_copy(struct bnd_paths *p, const void *from, size_t n, void **ret,
		   struct eb_error **err) EB_MUST_CHECK;
/* All records by path (bytes): what is below a directory comes after it. Heap, count of them. */
void **bnd_paths_sorted(const struct bnd_paths *p);
