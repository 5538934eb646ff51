#include "base/remove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

enum { MAX_DEPTH = 4096 };

static int remove_at(int dirfd, const char *name, unsigned int depth, struct eb_error **err);

static int remove_content(int fd, unsigned int depth, struct eb_error **err)
{
	DIR *dir = fdopendir(fd);
	struct dirent *e;
	int r = 0;

	if (!dir) {
		close(fd);
		return eb_throw_errno(err, "list a directory to be removed");
	}
	while (r >= 0 && (e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = remove_at(dirfd(dir), e->d_name, depth + 1, err);
	closedir(dir);
	return r;
}

static int remove_at(int dirfd, const char *name, unsigned int depth, struct eb_error **err)
{
	int fd, r;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return eb_throw_errno(err, "remove '%s'", name);
	if (depth > MAX_DEPTH)
		return eb_throw(err, EB_E_LIMIT, "remove '%s': more than %d directories deep", name,
				MAX_DEPTH);
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == EACCES && fchmodat(dirfd, name, 0700, 0) == 0)
		fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return eb_throw_errno(err, "remove '%s'", name);
	/* Our own: a mode that it already got must not keep its content alive. */
	eb_ignore(fchmod(fd, 0700));
	r = remove_content(fd, depth, err);
	if (r >= 0 && unlinkat(dirfd, name, AT_REMOVEDIR) < 0)
		return eb_throw_errno(err, "remove '%s'", name);
	return r;
}

int eb_remove_tree(int dirfd, const char *name, struct eb_error **err)
{
	return remove_at(dirfd, name, 0, err);
}
