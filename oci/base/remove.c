#include "base/remove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

/* Removing needs two descriptors, however deep the tree is: what a directory below the top holds is
 * moved up to the top, and so taken apart level by level. */
struct removal {
	int top; /* the directory to be emptied */
	unsigned long moved;
};

/* Directories on the way that must be read and written although their mode is final already. */
static int open_own_dir(int dirfd, const char *name, struct eb_error **err)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == EACCES && fchmodat(dirfd, name, 0700, 0) == 0)
		fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return eb_throw_errno(err, "remove '%s'", name);
	eb_ignore(fchmod(fd, 0700));
	return fd;
}

/* Whatever goes at once: 1 when it is gone, 0 when it is a directory that holds something. */
static int remove_simple(int dirfd, const char *name, struct eb_error **err)
{
	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 1;
	if (errno != EISDIR && errno != EPERM)
		return eb_throw_errno(err, "remove '%s'", name);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 1;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return eb_throw_errno(err, "remove '%s'", name);
	return 0;
}

/* Move a directory, whose own mode must allow it, to a name of the top that is free. */
static int move_up(struct removal *m, int dirfd, const char *name, struct eb_error **err)
{
	char to[32];

	eb_ignore(fchmodat(dirfd, name, 0700, 0));
	do {
		snprintf(to, sizeof(to), "moved-%lu", m->moved++);
		if (renameat2(dirfd, name, m->top, to, 1u /* RENAME_NOREPLACE */) == 0)
			return 0;
	} while (errno == EEXIST);
	return eb_throw_errno(err, "remove '%s'", name);
}

/* What is in the directory: removed, or moved up when it holds something itself. Takes fd. */
static int take_apart(struct removal *m, int fd, struct eb_error **err)
{
	DIR *dir = fdopendir(fd);
	struct dirent *e;
	int r = 0;

	if (!dir) {
		close(fd);
		return eb_throw_errno(err, "list a directory to be removed");
	}
	while (r >= 0 && (e = readdir(dir))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		r = remove_simple(dirfd(dir), e->d_name, err);
		if (r == 0)
			r = move_up(m, dirfd(dir), e->d_name, err);
	}
	closedir(dir);
	return r < 0 ? r : 0;
}

static int empty_below(struct removal *m, const char *name, struct eb_error **err)
{
	int fd = open_own_dir(m->top, name, err);
	int r = fd < 0 ? fd : take_apart(m, fd, err);

	if (r >= 0)
		r = remove_simple(m->top, name, err);
	if (r == 0)
		r = eb_throw(err, EB_E_CONFLICT, "remove '%s': somebody else writes to it", name);
	return r;
}

/* Takes fd. */
static int remove_content(int fd, struct eb_error **err)
{
	struct removal m = { .top = fd };
	DIR *dir = fdopendir(fd);
	struct dirent *e;
	bool more = true;
	int r = 0;

	if (!dir) {
		close(fd);
		return eb_throw_errno(err, "list a directory to be removed");
	}
	/* What was moved up meanwhile may come in the next round only. */
	while (more && r >= 0) {
		more = false;
		rewinddir(dir);
		while (r >= 0 && (e = readdir(dir))) {
			if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
				continue;
			more = true;
			r = remove_simple(m.top, e->d_name, err);
			if (r == 0)
				r = empty_below(&m, e->d_name, err);
		}
	}
	closedir(dir);
	return r < 0 ? r : 0;
}

int eb_remove_tree(int dirfd, const char *name, struct eb_error **err)
{
	int fd, r = remove_simple(dirfd, name, err);

	if (r != 0)
		return r < 0 ? r : 0;
	fd = open_own_dir(dirfd, name, err);
	r = fd < 0 ? fd : remove_content(fd, err);
	if (r >= 0 && unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		r = eb_throw_errno(err, "remove '%s'", name);
	return r;
}
