/* Sources that lie on this machine: --sources directories and mirrors in file: URLs. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/dir.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/stream.h"
#include "pkg/fetch_job.h"

static bool is_absent(int code)
{
	return code == ENOENT || code == ENOTDIR || code == EISDIR || code == ENAMETOOLONG;
}

/* What stands in the way here will do so with every other file, too. */
static bool is_of_the_cache(int code)
{
	return code == ENOSPC || code == EDQUOT || code == EROFS || code == EFBIG;
}

/* Links are followed: the directory is the user's, and the content is verified. */
static int open_regular(const char *path, struct eb_error **err)
{
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return eb_throw_errno(err, "open");
	if (fstat(fd, &st) < 0)
		return eb_throw_errno(err, "stat");
	if (!S_ISREG(st.st_mode))
		return eb_throw(err, EISDIR, "not a regular file");
	return EB_TAKE_FD(fd);
}

static bool try_file(struct fetch_item *it, const char *path)
{
	const struct pkg_source *s = it->src;
	autoerror struct eb_error *e = NULL;
	int r, fd = open_regular(path, &e);

	if (fd < 0) {
		if (!is_absent(e->code))
			fetch_cause(it, e->code, path, e->message);
		return false;
	}
	r = pkg_cache_store(it->job->o->cache, s->sha256, s->size, eb_reader_fd(fd, true), path,
			    &e);
	if (r >= 0) {
		fetch_got(it);
		return true;
	}
	if (is_of_the_cache(-r)) {
		fetch_fail_local(it, EB_TAKE_PTR(e));
		return true;
	}
	fetch_cause(it, e->code, NULL, e->message);
	return false;
}

char *fetch_url_path(const char *url)
{
	const char *start = strstr(url, "://");

	start = start ? strchr(start + 3, '/') : NULL;
	return start ? eb_xstrndup(start + 1, strcspn(start + 1, "?#")) : NULL;
}

static bool try_dir(struct fetch_item *it, const char *dir)
{
	const struct pkg_source *s = it->src;
	autofree char *path = s->path  ? eb_xstrdup(s->path)
			      : s->url ? fetch_url_path(s->url)
				       : NULL;
	const char *slash = path ? strrchr(path, '/') : NULL;
	autofree char *cached = eb_xasprintf("%s/sources/sha256/%s", dir, s->sha256);
	autofree char *by_hash = eb_xasprintf("%s/%s", dir, s->sha256);
	autofree char *by_path = NULL, *by_archive = NULL, *by_name = NULL;

	if (try_file(it, by_hash))
		return true;
	if (path && eb_path_is_clean(path)) {
		by_path = eb_xasprintf("%s/%s", dir, path);
		if (try_file(it, by_path))
			return true;
		by_archive = eb_xasprintf("%s/%s/%s", dir, s->archive ? s->archive : "", path);
		if (s->archive && eb_path_is_clean(s->archive) && try_file(it, by_archive))
			return true;
		by_name = eb_xasprintf("%s%s", dir, slash ? slash : "");
		if (slash && try_file(it, by_name))
			return true;
	}
	return try_file(it, cached);
}

bool fetch_from_dirs(struct fetch_item *it)
{
	const char *const *dirs = it->job->o->source_dirs;

	for (; dirs && *dirs; dirs++)
		if (try_dir(it, *dirs))
			return true;
	return false;
}

bool fetch_is_file_url(const char *url)
{
	return strncasecmp(url, "file:/", 6) == 0 || strncasecmp(url, "copy:/", 6) == 0;
}

const char *fetch_file_path(const char *url)
{
	const char *path = url + 5;

	/* file:///srv, file://localhost/srv and file:/srv are the same. */
	if (strncmp(path, "//localhost/", 12) == 0)
		path += 11;
	while (path[0] == '/' && path[1] == '/')
		path++;
	return path;
}

bool fetch_from_file_url(struct fetch_item *it, const char *url)
{
	const char *path = fetch_file_path(url);
	size_t causes = it->causes.len;

	if (try_file(it, path))
		return true;
	if (it->causes.len == causes)
		fetch_cause(it, EB_E_NOT_FOUND, path, "not there");
	return false;
}
