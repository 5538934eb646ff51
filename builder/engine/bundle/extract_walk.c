/* Moving through the tree that is being made, one component at a time. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "bundle/extract_internal.h"

int extract_throw(struct eb_error **err, int code, const char *path, const char *why)
{
	autofree char *shown = eb_printable(path, 200);

	return eb_throw(err, code, "'%s' %s", shown, why);
}

static int open_dir(int fd, const char *name)
{
	return openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void leave(struct bnd_extract *x)
{
	close(x->fds[x->depth]);
	x->depth--;
	x->at[x->ends[x->depth]] = '\0';
}

void extract_leave_all(struct bnd_extract *x)
{
	while (x->depth > 0)
		leave(x);
}

/* Is the last open directory on the way to path[0..n)? */
static bool on_the_way(const struct bnd_extract *x, const char *path, size_t n)
{
	size_t end = x->ends[x->depth];

	return end <= n && memcmp(x->at, path, end) == 0 && (end == n || path[end] == '/');
}

/* A directory that no layer mentions: its own time is as good as that of what made it needed. */
static int make_missing(struct bnd_extract *x, int fd, const char *name,
			const struct oci_tar_entry *like, struct eb_error **err)
{
	struct extract_node *n;
	void *node;
	int r = bnd_paths_add(x->nodes, x->at, &node, err);

	if (r < 0)
		return r;
	if (mkdirat(fd, name, 0700) < 0)
		return eb_throw_errno(err, "create directory '%s'", x->at);
	n = node;
	n->layer = x->layer;
	n->type = '5';
	n->mode = 0755;
	n->uid = n->gid = 0;
	n->mtime_sec = like->mtime_sec;
	n->xattrs = NULL;
	n->n_xattrs = 0;
	return 0;
}

/* Open the component that x->at already ends with. */
static int step(struct bnd_extract *x, const char *name, const struct oci_tar_entry *like,
		struct eb_error **err)
{
	int fd = open_dir(x->fds[x->depth], name), r;

	if (fd < 0 && errno == ENOENT && like) {
		r = make_missing(x, x->fds[x->depth], name, like, err);
		if (r < 0)
			return r;
		fd = open_dir(x->fds[x->depth], name);
	}
	if (fd >= 0)
		return fd;
	if (errno == ENOENT)
		return extract_throw(err, EB_E_NOT_FOUND, x->at, "is not there");
	if (errno == ENOTDIR || errno == ELOOP)
		return extract_throw(err, EB_E_FORMAT, x->at,
				     "is a link or file, and the path goes through it");
	return eb_throw_errno(err, "open directory '%s'", x->at);
}

int extract_enter(struct bnd_extract *x, const char *path, size_t n,
		  const struct oci_tar_entry *like, struct eb_error **err)
{
	while (x->depth > 0 && !on_the_way(x, path, n))
		leave(x);
	while (x->ends[x->depth] < n) {
		size_t from = x->ends[x->depth] + (x->depth > 0), to = from;
		int fd;

		while (to < n && path[to] != '/')
			to++;
		if (x->depth >= EXTRACT_MAX_DEPTH || to >= sizeof(x->at))
			return extract_throw(err, EB_E_LIMIT, path, "is too deep");
		memcpy(x->at, path, to);
		x->at[to] = '\0';
		fd = step(x, x->at + from, like, err);
		if (fd < 0) {
			x->at[x->ends[x->depth]] = '\0';
			return fd;
		}
		x->depth++;
		x->fds[x->depth] = fd;
		x->ends[x->depth] = to;
	}
	return x->fds[x->depth];
}

int extract_enter_parent(struct bnd_extract *x, const char *path, const struct oci_tar_entry *like,
			 const char **ret_name, struct eb_error **err)
{
	const char *slash = strrchr(path, '/');

	*ret_name = slash ? slash + 1 : path;
	return extract_enter(x, path, slash ? (size_t)(slash - path) : 0, like, err);
}

static int remove_content(struct bnd_extract *x, int fd, const char *path, bool lower_only,
			  struct eb_error **err)
{
	DIR *dir = fdopendir(fd);
	struct dirent *e;
	int r = 0;

	if (!dir) {
		close(fd);
		return eb_throw_errno(err, "list '%s'", path);
	}
	while (r >= 0 && (e = readdir(dir))) {
		autofree char *below = NULL;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		below = eb_xasprintf("%s%s%s", path, *path ? "/" : "", e->d_name);
		r = extract_remove(x, dirfd(dir), e->d_name, below, lower_only, false, err);
	}
	closedir(dir);
	return r;
}

int extract_remove(struct bnd_extract *x, int fd, const char *name, const char *path,
		   bool lower_only, bool content_only, struct eb_error **err)
{
	struct extract_node *n = bnd_paths_find(x->nodes, path);
	bool keep = content_only || (lower_only && n && n->layer == x->layer);
	struct stat st;
	int sub, r;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : eb_throw_errno(err, "stat '%s'", path);
	if (S_ISDIR(st.st_mode)) {
		sub = open_dir(fd, name);
		if (sub < 0)
			return eb_throw_errno(err, "open directory '%s'", path);
		r = remove_content(x, sub, path, lower_only, err);
		if (r < 0)
			return r;
	}
	if (keep)
		return 0;
	if (unlinkat(fd, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) < 0) {
		/* Something of this layer is in it. */
		if (lower_only && (errno == ENOTEMPTY || errno == EEXIST))
			return 0;
		return eb_throw_errno(err, "remove '%s'", path);
	}
	if (n)
		n->type = 0;
	return 0;
}
