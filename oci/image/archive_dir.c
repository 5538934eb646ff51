#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/dir.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/archive_walk.h"

/* Append the regular files directly in d, their names behind prefix. */
static int list_files(DIR *dir, const char *prefix, struct oci_member_list *list,
		      struct eb_error **err)
{
	struct dirent *e;

	for (;;) {
		struct oci_member m = { .size = 0 };
		autofree char *name = NULL;
		struct stat st;
		int r;

		errno = 0;
		e = readdir(dir);
		if (!e)
			return errno ? eb_throw_errno(err, "list directory '%s'", prefix) : 0;
		/* What vanishes meanwhile was not there. */
		if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISREG(st.st_mode))
			continue;
		name = eb_xasprintf("%s%s", prefix, e->d_name);
		m.size = (uint64_t)st.st_size;
		r = oci_member_add(list, name, &m, err);
		if (r < 0)
			return r;
	}
}

static int list_sub(const struct eb_dir *d, const char *rel, const char *prefix,
		    struct oci_member_list *list, struct eb_error **err)
{
	autofd int fd = -1;
	DIR *dir;
	int r;

	if (*rel)
		fd = eb_dir_open_file(d, rel, O_RDONLY | O_DIRECTORY, 0, err);
	else
		fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return *rel ? fd : eb_throw_errno(err, "open directory '%s'", d->path);
	dir = fdopendir(fd);
	if (!dir)
		return eb_throw_errno(err, "list directory '%s/%s'", d->path, rel);
	eb_ignore(EB_TAKE_FD(fd)); /* dir has it now */
	r = list_files(dir, prefix, list, err);
	closedir(dir);
	return r;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct oci_member *)a)->name, ((const struct oci_member *)b)->name);
}

int oci_walk_dir(const struct eb_dir *d, struct oci_member_list *list, struct eb_error **err)
{
	static const char *const blobs[] = { "blobs/sha256", "blobs/sha512" };
	int r = list_sub(d, "", "", list, err);

	for (size_t i = 0; i < EB_ARRAY_LEN(blobs) && r == 0; i++) {
		autofree char *prefix = eb_xasprintf("%s/", blobs[i]);
		struct eb_error *e = NULL;

		r = list_sub(d, blobs[i], prefix, list, &e);
		if (r == -ENOENT) {
			eb_error_clear(&e);
			r = 0;
		} else if (r < 0) {
			return eb_error_forward(err, e);
		}
	}
	if (r == 0 && list->n > 0)
		qsort(list->items, list->n, sizeof(*list->items), by_name);
	return r;
}
