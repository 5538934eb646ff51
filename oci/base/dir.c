#include "base/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/stream.h"

enum { MAX_TEMP_NAMES = 100 }; /* left by processes of the same number that were killed */

bool eb_path_is_clean(const char *rel)
{
	size_t total = strlen(rel);

	if (total == 0 || total > 4095 || rel[0] == '/')
		return false;
	for (const char *p = rel; *p;) {
		const char *end = strchrnul(p, '/');
		size_t n = (size_t)(end - p);

		if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		if (*end == '/' && end[1] == '\0')
			return false;
		p = *end ? end + 1 : end;
	}
	return true;
}

/* Component by component, for kernels without openat2: no link is followed anywhere. */
static int open_walk(int dirfd, const char *rel, int flags, uint32_t mode)
{
	autofd int at = dup(dirfd);

	if (at < 0)
		return -1;
	for (const char *p = rel;;) {
		const char *end = strchrnul(p, '/');
		char part[256];
		int next;

		if ((size_t)(end - p) >= sizeof(part)) {
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(part, p, (size_t)(end - p));
		part[end - p] = '\0';
		if (!*end)
			return openat(at, part, flags | O_NOFOLLOW | O_CLOEXEC, mode);
		next = openat(at, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return -1;
		close(at);
		at = next;
		p = end + 1;
	}
}

static int open_beneath(int dirfd, const char *rel, int flags, uint32_t mode)
{
	static atomic_bool missing;
	struct open_how how = { .flags = (uint64_t)(unsigned int)(flags | O_CLOEXEC),
				.mode = flags & (O_CREAT | O_TMPFILE) ? mode : 0,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	long fd;

	if (!atomic_load(&missing)) {
		do
			fd = syscall(SYS_openat2, dirfd, rel, &how, sizeof(how));
		while (fd < 0 && errno == EAGAIN);
		if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
			return (int)fd;
		atomic_store(&missing, true);
	}
	return open_walk(dirfd, rel, flags, mode);
}

static int make_parents(const char *path, struct eb_error **err)
{
	autofree char *copy = eb_xstrdup(path);

	for (char *p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, 0700) < 0 && errno != EEXIST)
			return eb_throw_errno(err, "create directory '%s'", copy);
		*p = '/';
	}
	if (mkdir(copy, 0700) < 0 && errno != EEXIST)
		return eb_throw_errno(err, "create directory '%s'", copy);
	return 0;
}

int eb_dir_open(const char *path, bool create, struct eb_dir *ret, struct eb_error **err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && create && *path) {
		int r = make_parents(path, err);

		if (r < 0)
			return r;
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return eb_throw_errno(err, "open directory '%s'", path);
	*ret = (struct eb_dir){ fd, eb_xstrdup(path) };
	return 0;
}

static int check_path(const struct eb_dir *d, const char *rel, struct eb_error **err)
{
	if (!eb_path_is_clean(rel))
		return eb_throw(err, EB_E_FORMAT, "'%s' is not a path inside '%s'", rel, d->path);
	return 0;
}

static int make_subdirs(const struct eb_dir *d, const char *rel, uint32_t mode,
			struct eb_error **err)
{
	autofree char *copy = eb_xstrdup(rel);

	for (char *p = copy;; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (mkdirat(d->fd, copy, mode) < 0 && errno != EEXIST)
			return eb_throw_errno(err, "create directory '%s/%s'", d->path, copy);
		*p = c;
		if (c == '\0')
			return 0;
	}
}

int eb_dir_sub(const struct eb_dir *d, const char *rel, bool create, uint32_t mode,
	       struct eb_dir *ret, struct eb_error **err)
{
	int r = check_path(d, rel, err);
	int fd;

	if (r < 0)
		return r;
	fd = open_beneath(d->fd, rel, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0 && errno == ENOENT && create) {
		r = make_subdirs(d, rel, mode, err);
		if (r < 0)
			return r;
		fd = open_beneath(d->fd, rel, O_RDONLY | O_DIRECTORY, 0);
	}
	if (fd < 0)
		return eb_throw_errno(err, "open directory '%s/%s'", d->path, rel);
	*ret = (struct eb_dir){ fd, eb_xasprintf("%s/%s", d->path, rel) };
	return 0;
}

void eb_dir_release(struct eb_dir *d)
{
	if (d->fd >= 0)
		close(d->fd);
	free(d->path);
	*d = (struct eb_dir){ -1, NULL };
}

int eb_dir_open_file(const struct eb_dir *d, const char *rel, int flags, uint32_t mode,
		     struct eb_error **err)
{
	int r = check_path(d, rel, err);
	int fd;

	if (r < 0)
		return r;
	fd = open_beneath(d->fd, rel, flags, mode);
	if (fd < 0)
		return eb_throw_errno(err, "open '%s/%s'", d->path, rel);
	return fd;
}

static int read_fd(int fd, const char *path, struct eb_buf *b, struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = eb_reader_fd(fd, false);
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return eb_throw_errno(err, "stat '%s'", path);
	if (S_ISDIR(st.st_mode))
		return eb_throw(err, EISDIR, "'%s' is a directory", path);
	r = eb_read_all(in, b, path, err);
	return r;
}

int eb_dir_read(const struct eb_dir *d, const char *rel, struct eb_buf *b, struct eb_error **err)
{
	autofree char *path = eb_xasprintf("%s/%s", d->path, rel);
	autofd int fd = eb_dir_open_file(d, rel, O_RDONLY, 0, err);

	return fd < 0 ? fd : read_fd(fd, path, b, err);
}

int eb_file_read(const char *path, struct eb_buf *b, struct eb_error **err)
{
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return eb_throw_errno(err, "open '%s'", path);
	return read_fd(fd, path, b, err);
}

static int write_tmp(struct eb_tmpfile *t, const void *p, size_t n, struct eb_error **err)
{
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *w = eb_writer_fd(t->fd, false);
	int r = eb_write(w, p, n, err);

	if (r < 0)
		return eb_prefix(err, r, "'%s'", t->path);
	return eb_tmpfile_publish(t, true, err);
}

int eb_dir_write(const struct eb_dir *d, const char *rel, const void *p, size_t n, uint32_t mode,
		 struct eb_error **err)
{
	EB_AUTOTMP(t);
	int r = eb_tmpfile_open(d, rel, mode, &t, err);

	return r < 0 ? r : write_tmp(&t, p, n, err);
}

int eb_file_write(const char *path, const void *p, size_t n, uint32_t mode, struct eb_error **err)
{
	EB_AUTOTMP(t);
	int r = eb_tmpfile_open(NULL, path, mode, &t, err);

	return r < 0 ? r : write_tmp(&t, p, n, err);
}

static int open_parent(const struct eb_dir *d, const char *path, const char *slash,
		       struct eb_error **err)
{
	autofree char *parent = slash ? eb_xstrndup(path, (size_t)(slash - path)) : NULL;
	int fd;

	if (d)
		fd = slash ? open_beneath(d->fd, parent, O_RDONLY | O_DIRECTORY, 0)
			   : fcntl(d->fd, F_DUPFD_CLOEXEC, 3);
	else
		fd = open(!slash	  ? "."
			  : slash == path ? "/"
					  : parent,
			  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return eb_throw_errno(err, "open the directory of '%s'", path);
	return fd;
}

/* A rename would put a file in the place of a device, for root even of /dev/null. */
static int check_replaceable(int dirfd, const char *name, const char *path, struct eb_error **err)
{
	struct stat st;
	int r;

	/* Through links: /dev/stdout is one. */
	if (fstatat(dirfd, name, &st, 0) < 0 || S_ISREG(st.st_mode))
		return 0;
	if (S_ISDIR(st.st_mode))
		return eb_throw(err, EISDIR, "'%s' is a directory", path);
	r = eb_throw(err, EB_E_CONFLICT, "'%s' is a device, pipe or socket", path);
	return eb_hint(err, r, "name a file: what is written appears there when it is whole");
}

static char *make_temp_name(const char *name)
{
	static atomic_uint counter;

	return eb_xasprintf(".%.200s.%ld-%u.tmp", name, (long)getpid(),
			    atomic_fetch_add(&counter, 1));
}

/* Never a file that is there already: whoever made it could read what goes into it. */
static int open_named(int dirfd, const char *name, uint32_t mode, char **temp)
{
	int fd = -1;

	for (unsigned int i = 0; i < MAX_TEMP_NAMES; i++) {
		fd = openat(dirfd, *temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
		if (fd >= 0 || errno != EEXIST)
			break;
		free(*temp);
		*temp = make_temp_name(name);
		errno = EEXIST;
	}
	return fd;
}

static void own_name(int fd, char out[static 64])
{
	snprintf(out, 64, "/proc/self/fd/%d", fd);
}

/* A file without a name, if it can be given one later: that goes through /proc, which a root of
 * one's own may lack. -1 otherwise. */
static int open_nameless(int dirfd, uint32_t mode)
{
	autofd int fd = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
	char self[64];

	if (fd < 0)
		return -1;
	own_name(fd, self);
	return faccessat(AT_FDCWD, self, F_OK, 0) == 0 ? EB_TAKE_FD(fd) : -1;
}

int eb_tmpfile_open(const struct eb_dir *d, const char *path, uint32_t mode, struct eb_tmpfile *ret,
		    struct eb_error **err)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	autofd int dirfd = -1;
	autofree char *temp = NULL;
	bool nameless;
	int fd, r;

	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return eb_throw(err, EISDIR, "'%s' does not name a file", path);
	if (d && !eb_path_is_clean(path))
		return eb_throw(err, EB_E_FORMAT, "'%s' is not a path inside '%s'", path, d->path);
	dirfd = open_parent(d, path, slash, err);
	if (dirfd < 0)
		return dirfd;
	r = check_replaceable(dirfd, name, path, err);
	if (r < 0)
		return r;
	temp = make_temp_name(name);
	fd = open_nameless(dirfd, mode);
	nameless = fd >= 0;
	if (!nameless)
		fd = open_named(dirfd, name, mode, &temp);
	if (fd < 0)
		return eb_throw_errno(err, "create '%s'", path);
	*ret = (struct eb_tmpfile){ .fd = fd,
				    .nameless = nameless,
				    .dirfd = EB_TAKE_FD(dirfd),
				    .name = eb_xstrdup(name),
				    .temp_name = EB_TAKE_PTR(temp),
				    .path = eb_xstrdup(path) };
	return 0;
}

/* Give a nameless file a name: 0 when it is the final one, 1 when it is the temporary one, to be
 * renamed over an existing file. */
static int link_name(struct eb_tmpfile *t, bool replace, struct eb_error **err)
{
	char self[64];

	own_name(t->fd, self);
	if (linkat(AT_FDCWD, self, t->dirfd, t->name, AT_SYMLINK_FOLLOW) == 0) {
		free(t->temp_name);
		t->temp_name = NULL;
		return 0;
	}
	if (errno != EEXIST || !replace)
		return eb_throw_errno(err, "give '%s' its name", t->path);
	eb_ignore(unlinkat(t->dirfd, t->temp_name, 0));
	if (linkat(AT_FDCWD, self, t->dirfd, t->temp_name, AT_SYMLINK_FOLLOW) < 0)
		return eb_throw_errno(err, "give '%s' its name", t->path);
	t->nameless = false;
	return 1;
}

static int give_name(struct eb_tmpfile *t, bool replace, struct eb_error **err)
{
	unsigned int flags = replace ? 0 : 1u; /* RENAME_NOREPLACE */
	int r;

	if (t->nameless) {
		r = link_name(t, replace, err);
		if (r <= 0)
			return r;
	}
	if (renameat2(t->dirfd, t->temp_name, t->dirfd, t->name, flags) < 0)
		return eb_throw_errno(err, "give '%s' its name", t->path);
	free(t->temp_name);
	t->temp_name = NULL;
	return 0;
}

int eb_tmpfile_publish(struct eb_tmpfile *t, bool replace, struct eb_error **err)
{
	int r;

	if (fsync(t->fd) < 0)
		return eb_throw_errno(err, "sync '%s'", t->path);
	r = give_name(t, replace, err);
	if (r >= 0)
		eb_ignore(fsync(t->dirfd));
	return r;
}

static bool is_same_file(int a, int b)
{
	struct stat sa, sb;

	return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}

int eb_tmpfile_publish_many(struct eb_tmpfile *t, size_t n, struct eb_error **err)
{
	int r = 0;

	for (size_t i = 0; i < n; i++)
		if (fsync(t[i].fd) < 0)
			return eb_throw_errno(err, "sync '%s'", t[i].path);
	for (size_t i = 0; i < n && r >= 0; i++)
		r = give_name(&t[i], true, err);
	for (size_t i = 0; i < n && r >= 0; i++)
		if (i + 1 == n || !is_same_file(t[i].dirfd, t[i + 1].dirfd))
			eb_ignore(fsync(t[i].dirfd));
	return r;
}

void eb_tmpfile_release(struct eb_tmpfile *t)
{
	if (t->temp_name && !t->nameless && t->dirfd >= 0)
		eb_ignore(unlinkat(t->dirfd, t->temp_name, 0));
	if (t->fd >= 0)
		close(t->fd);
	if (t->dirfd >= 0)
		close(t->dirfd);
	free(t->name);
	free(t->temp_name);
	free(t->path);
	*t = (struct eb_tmpfile){ .fd = -1, .dirfd = -1 };
}
