#include "bundle/staging.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/remove.h"

static bool is_empty(int fd)
{
	DIR *dir = fdopendir(fd);
	struct dirent *e;
	bool empty = true;

	if (!dir) {
		close(fd);
		return false;
	}
	while (empty && (e = readdir(dir)))
		empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
	closedir(dir);
	return empty;
}

static int check_free(int parent, const char *name, const char *path, struct eb_error **err)
{
	struct stat st;
	int fd, r;

	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : eb_throw_errno(err, "stat '%s'", path);
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && is_empty(fd))
		return 0;
	r = eb_throw(err, EB_E_CONFLICT,
		     S_ISDIR(st.st_mode) ? "'%s' is not empty" : "'%s' is not a directory", path);
	return eb_hint(err, r, "name a directory that does not exist yet, or remove it first");
}

/* The parent directory and the name in it, which must be free. */
static int look_up(const char *path, struct bnd_staging *s, struct eb_error **err)
{
	autofree char *copy = eb_xstrdup(path);
	size_t n = strlen(copy);
	char *slash;

	while (n > 1 && copy[n - 1] == '/')
		copy[--n] = '\0';
	slash = strrchr(copy, '/');
	s->name = eb_xstrdup(slash ? slash + 1 : copy);
	if (!*s->name || strcmp(s->name, ".") == 0 || strcmp(s->name, "..") == 0)
		return eb_throw(err, EB_E_USAGE, "'%s' does not name a directory to be made", path);
	if (slash)
		slash[slash == copy] = '\0';
	s->parent_fd = open(slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->parent_fd < 0)
		return eb_throw_errno(err, "open the directory of '%s'", path);
	return check_free(s->parent_fd, s->name, path, err);
}

int bnd_staging_check(const char *path, struct eb_error **err)
{
	BND_AUTOSTAGING(s);
	int r = look_up(path, &s, err);

	if (r >= 0 && faccessat(s.parent_fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
		r = eb_throw_errno(err, "make '%s'", path);
	return r;
}

int bnd_staging_open(const char *path, struct bnd_staging *ret, struct eb_error **err)
{
	static atomic_uint counter;
	BND_AUTOSTAGING(s);
	int r = look_up(path, &s, err);

	if (r < 0)
		return r;
	/* Before anything is made that would have to be removed. */
	s.spare_fd = fcntl(s.parent_fd, F_DUPFD_CLOEXEC, 3);
	if (s.spare_fd < 0)
		return eb_throw_errno(err, "open the directory of '%s'", path);
	s.temp = eb_xasprintf("%.200s.partial-%ld-%u", s.name, (long)getpid(),
			      atomic_fetch_add(&counter, 1));
	if (mkdirat(s.parent_fd, s.temp, 0700) < 0) {
		r = eb_throw_errno(err, "create '%s' beside '%s'", s.temp, path);
		free(EB_TAKE_PTR(s.temp));
		return r;
	}
	s.dir.path = eb_xstrdup(path);
	s.dir.fd = openat(s.parent_fd, s.temp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (s.dir.fd < 0)
		return eb_throw_errno(err, "open '%s' beside '%s'", s.temp, path);
	*ret = s;
	s = (struct bnd_staging){ .dir = { .fd = -1 }, .parent_fd = -1, .spare_fd = -1 };
	return 0;
}

int bnd_staging_publish(struct bnd_staging *s, struct eb_error **err)
{
	if (syncfs(s->dir.fd) < 0)
		return eb_throw_errno(err, "sync '%s'", s->dir.path);
	/* Replaces an empty directory, and nothing else. */
	if (renameat(s->parent_fd, s->temp, s->parent_fd, s->name) < 0)
		return eb_throw_errno(err, "give '%s' its name", s->dir.path);
	free(EB_TAKE_PTR(s->temp));
	eb_ignore(fsync(s->parent_fd));
	return 0;
}

void bnd_staging_release(struct bnd_staging *s)
{
	/* With these two it can be removed also when nothing more can be opened. */
	if (s->spare_fd >= 0)
		close(s->spare_fd);
	eb_dir_release(&s->dir);
	if (s->temp)
		eb_ignore(eb_remove_tree(s->parent_fd, s->temp, NULL));
	if (s->parent_fd >= 0)
		close(s->parent_fd);
	free(s->name);
	free(s->temp);
	*s = (struct bnd_staging){ .dir = { .fd = -1 }, .parent_fd = -1, .spare_fd = -1 };
}
