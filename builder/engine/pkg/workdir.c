#include "pkg/workdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/stream.h"

enum { MAX_DEPTH = 100 };

int pkg_workdir_make(const char *below, const char *name, struct pkg_workdir *ret,
		     struct eb_error **err)
{
	autofree char *path = eb_xasprintf("%s/ess-bundle-%s-XXXXXX", below, name);
	int r;

	if (!mkdtemp(path))
		return eb_throw_errno(err, "make a directory in '%s'", below);
	r = eb_dir_open(path, false, &ret->dir, err);
	if (r < 0) {
		eb_ignore(rmdir(path));
		return r;
	}
	ret->path = EB_TAKE_PTR(path);
	return 0;
}

/* Never follows a link, whatever a program has put here. What cannot be removed stays. */
static void clear(int dirfd, unsigned int depth)
{
	DIR *d = depth < MAX_DEPTH ? fdopendir(dirfd) : NULL;
	const struct dirent *e;

	if (!d) {
		close(dirfd);
		return;
	}
	while ((e = readdir(d)) != NULL) {
		int fd;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    unlinkat(dirfd, e->d_name, 0) == 0)
			continue;
		eb_ignore(fchmodat(dirfd, e->d_name, 0700, 0));
		fd = openat(dirfd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0)
			clear(fd, depth + 1);
		eb_ignore(unlinkat(dirfd, e->d_name, AT_REMOVEDIR));
	}
	closedir(d);
}

void pkg_workdir_release(struct pkg_workdir *w)
{
	int fd = w->path ? dup(w->dir.fd) : -1;

	if (fd >= 0)
		clear(fd, 0);
	if (w->path)
		eb_ignore(rmdir(w->path));
	free(w->path);
	w->path = NULL;
	eb_dir_release(&w->dir);
}

int pkg_workdir_write(const struct pkg_workdir *w, const char *rel, const void *p, size_t n,
		      uint32_t mode, struct eb_error **err)
{
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *out = NULL;
	autofree char *dir = eb_xstrdup(rel);
	char *slash = strrchr(dir, '/');
	EB_AUTODIR(sub);
	int fd, r;

	if (slash) {
		*slash = '\0';
		r = eb_dir_sub(&w->dir, dir, true, 0700, &sub, err);
		if (r < 0)
			return r;
	}
	fd = eb_dir_open_file(&w->dir, rel, O_WRONLY | O_CREAT | O_EXCL, mode, err);
	if (fd < 0)
		return fd;
	out = eb_writer_fd(fd, true);
	return eb_write(out, p, n, err);
}
