#include "pkg/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/stream.h"

#define SOURCES "sources/sha256"
#define DAMAGED "damaged"
#define STAMP "sha256:"

enum {
	PATH_BYTES = 128,
	/* "sha256:", the hex digits, newline */
	STAMP_BYTES = sizeof(STAMP) - 1 + EB_SHA256_HEX + 1
};

static const char hint_cache[] =
	"set ESS_BUNDLE_CACHE to a directory of your own that can be written to";

/* Derived results are believed by their own checksum alone, so whoever owns the directory decides
 * what comes out of a build: it has to be the user who runs it. */
static int check_usable(const struct eb_dir *d, struct eb_error **err)
{
	struct stat st;
	int r;

	if (fstat(d->fd, &st) < 0)
		return eb_throw_errno(err, "stat '%s'", d->path);
	if (st.st_uid != geteuid()) {
		r = eb_throw(err, EPERM, "cache '%s' belongs to uid %lu, this is uid %lu", d->path,
			     (unsigned long)st.st_uid, (unsigned long)geteuid());
		return eb_hint(err, r, "%s", hint_cache);
	}
	if (faccessat(d->fd, ".", R_OK | W_OK | X_OK, AT_EACCESS) < 0) {
		r = eb_throw_errno(err, "cache '%s' cannot be written to", d->path);
		return eb_hint(err, r, "%s", hint_cache);
	}
	return 0;
}

int pkg_cache_open(const char *path, struct pkg_cache *ret, struct eb_error **err)
{
	EB_AUTODIR(dir);
	int r = eb_dir_open(path, true, &dir, err);

	if (r < 0) {
		r = eb_prefix(err, r, "cache '%s'", path);
		return eb_hint(err, r, "%s", hint_cache);
	}
	r = check_usable(&dir, err);
	if (r < 0)
		return r;
	ret->dir = dir;
	dir = (struct eb_dir){ .fd = -1 };
	return 0;
}

void pkg_cache_release(struct pkg_cache *c)
{
	eb_dir_release(&c->dir);
}

static int source_path(const char *sha256, char out[static PATH_BYTES], struct eb_error **err)
{
	if (!eb_is_hex(sha256, EB_SHA256_HEX))
		return eb_throw(err, EB_E_FORMAT, "'%.80s' is not a SHA-256 in lower-case hex",
				sha256);
	snprintf(out, PATH_BYTES, SOURCES "/%s", sha256);
	return 0;
}

int pkg_cache_find(const struct pkg_cache *c, const char *sha256, uint64_t *ret_size,
		   struct eb_error **err)
{
	char rel[PATH_BYTES];
	struct stat st;
	autofd int fd = -1;
	int r = source_path(sha256, rel, err);

	if (r < 0)
		return r;
	fd = eb_dir_open_file(&c->dir, rel, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, NULL);
	if (fd == -ENOENT)
		return eb_throw(err, EB_E_NOT_FOUND, "sha256:%s is not in the cache '%s'", sha256,
				c->dir.path);
	if (fd < 0)
		return eb_throw(err, -fd, "open '%s/%s': %s", c->dir.path, rel, eb_code_text(fd));
	if (fstat(fd, &st) < 0)
		return eb_throw_errno(err, "stat '%s/%s'", c->dir.path, rel);
	if (!S_ISREG(st.st_mode))
		return eb_throw(err, EB_E_FORMAT, "'%s/%s' is not a regular file", c->dir.path,
				rel);
	*ret_size = (uint64_t)st.st_size;
	return EB_TAKE_FD(fd);
}

/* ---- reading ---- */

struct cache_reader {
	struct eb_reader base;
	struct eb_reader *in; /* verifies, owns fd */
	int fd;
	struct eb_dir dir; /* a copy: the reader may outlive the cache handle */
	char rel[PATH_BYTES];
	char sha256[EB_SHA256_HEX + 1];
	char *what;
};

/* Take the file that fd stands for out of the way, unless somebody has replaced it already. Returns
 * whether it is gone from its name. */
static bool move_away(const struct eb_dir *d, int fd, const char *rel, const char *sha256)
{
	char to[PATH_BYTES];
	struct stat mine, there;

	if (fstat(fd, &mine) < 0 || fstatat(d->fd, rel, &there, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (mine.st_ino != there.st_ino || mine.st_dev != there.st_dev)
		return true;
	snprintf(to, sizeof(to), DAMAGED "/%s", sha256);
	if (mkdirat(d->fd, DAMAGED, 0700) < 0 && errno != EEXIST)
		return false;
	return renameat(d->fd, rel, d->fd, to) == 0;
}

static int damaged(const struct eb_dir *d, int fd, const char *rel, const char *sha256,
		   const char *what, int code, struct eb_error **err)
{
	bool moved = move_away(d, fd, rel, sha256);

	code = eb_prefix(err, code, "%s: cache file '%s/%s' is damaged", what, d->path, rel);
	if (moved)
		return eb_hint(err, code,
			       "run the same command again to fetch it anew; the damaged file was "
			       "moved to '%s/" DAMAGED "/%s' and may be removed",
			       d->path, sha256);
	return eb_hint(err, code, "remove '%s/%s' and run the same command again", d->path, rel);
}

static ssize_t cache_reader_read(struct eb_reader *base, void *p, size_t n, struct eb_error **err)
{
	struct cache_reader *r = (struct cache_reader *)base;
	ssize_t got = eb_read(r->in, p, n, err);

	if (got == -EB_E_DIGEST)
		return damaged(&r->dir, r->fd, r->rel, r->sha256, r->what, -EB_E_DIGEST, err);
	if (got < 0)
		return eb_prefix(err, (int)got, "%s: cache file '%s/%s'", r->what, r->dir.path,
				 r->rel);
	return got;
}

static void cache_reader_free(struct eb_reader *base)
{
	struct cache_reader *r = (struct cache_reader *)base;

	eb_reader_free(r->in);
	eb_dir_release(&r->dir);
	free(r->what);
	free(r);
}

int pkg_cache_read(const struct pkg_cache *c, const char *sha256, uint64_t size, const char *what,
		   struct eb_reader **ret, struct eb_error **err)
{
	static const struct eb_reader_ops ops = { cache_reader_read, cache_reader_free };
	struct cache_reader *r;
	char rel[PATH_BYTES];
	uint64_t found = 0;
	autofd int fd = pkg_cache_find(c, sha256, &found, err);
	int dirfd, code;

	if (fd < 0)
		return eb_prefix(err, fd, "%s", what);
	eb_ignore(source_path(sha256, rel, NULL));
	if (size != UINT64_MAX && found != size) {
		code = eb_throw(err, EB_E_DIGEST, "expected %llu bytes, found %llu",
				(unsigned long long)size, (unsigned long long)found);
		return damaged(&c->dir, fd, rel, sha256, what, code, err);
	}
	dirfd = fcntl(c->dir.fd, F_DUPFD_CLOEXEC, 3);
	if (dirfd < 0)
		return eb_throw_errno(err, "open directory '%s'", c->dir.path);
	r = eb_xcalloc(1, sizeof(*r));
	r->base.ops = &ops;
	r->dir = (struct eb_dir){ dirfd, eb_xstrdup(c->dir.path) };
	snprintf(r->rel, sizeof(r->rel), "%s", rel);
	snprintf(r->sha256, sizeof(r->sha256), "%s", sha256);
	r->what = eb_xstrdup(what);
	r->fd = fd;
	r->in = eb_reader_verify(eb_reader_fd(EB_TAKE_FD(fd), true), sha256, size, "content");
	*ret = &r->base;
	return 0;
}

/* ---- storing ---- */

static int write_source(const struct pkg_cache *c, const char *rel, struct eb_reader *in,
			struct eb_error **err)
{
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *w = NULL;
	EB_AUTOTMP(tmp);
	int r = eb_tmpfile_open(&c->dir, rel, 0400, &tmp, err);

	if (r < 0)
		return r;
	w = eb_writer_fd(tmp.fd, false);
	r = eb_copy(in, w, NULL, err);
	if (r < 0)
		return r;
	/* Not left to the umask: what is stored is never written to again. */
	if (fchmod(tmp.fd, 0444) < 0)
		return eb_throw_errno(err, "set the mode of '%s/%s'", c->dir.path, rel);
	return eb_tmpfile_publish(&tmp, true, err);
}

int pkg_cache_store(const struct pkg_cache *c, const char *sha256, uint64_t size,
		    struct eb_reader *in, const char *what, struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *checked = NULL;
	EB_AUTODIR(dir);
	char rel[PATH_BYTES];
	uint64_t there = 0;
	autofd int fd = -1;
	int r = source_path(sha256, rel, err);

	if (r < 0) {
		eb_reader_free(in);
		return eb_prefix(err, r, "%s", what);
	}
	checked = eb_reader_verify(in, sha256, size, "content");
	fd = pkg_cache_find(c, sha256, &there, NULL);
	if (fd >= 0 && (size == UINT64_MAX || there == size))
		return 0;
	r = eb_dir_sub(&c->dir, SOURCES, true, 0700, &dir, err);
	if (r >= 0)
		r = write_source(c, rel, checked, err);
	if (r < 0 && r != -EB_E_DIGEST)
		r = eb_prefix(err, r, "store sha256:%s in the cache '%s'", sha256, c->dir.path);
	return r < 0 ? eb_prefix(err, r, "%s", what) : 0;
}

int pkg_cache_store_text(const struct pkg_cache *c, const void *p, size_t n,
			 char ret_sha256[static 65], struct eb_error **err)
{
	char hex[EB_SHA256_HEX + 1];
	int r;

	eb_sha256_hex(p, n, hex);
	r = pkg_cache_store(c, hex, n, eb_reader_mem(p, n), "text", err);
	if (r < 0)
		return r;
	memcpy(ret_sha256, hex, sizeof(hex));
	return 0;
}

/* ---- derived results ---- */

static int derived_path(const char *kind, const char *key, char **ret, struct eb_error **err)
{
	if (!eb_path_is_clean(kind) || !eb_path_is_clean(key) || strchr(kind, '/') ||
	    strchr(key, '/') || strlen(kind) > 200 || strlen(key) > 200)
		return eb_throw(err, EB_E_FORMAT, "'%s', '%s' do not name a derived file", kind,
				key);
	*ret = eb_xasprintf("derived/%s/%s", kind, key);
	return 0;
}

/* Append the part after the stamp to out if the stamp is its hash; out is untouched otherwise. */
static int read_stamped(int fd, uint64_t size, struct eb_buf *out)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = eb_reader_fd(fd, false);
	char stamp[STAMP_BYTES], hex[EB_SHA256_HEX + 1];
	size_t n;
	char *to;

	if (size < STAMP_BYTES || size - STAMP_BYTES > SIZE_MAX / 2)
		return -EB_E_FORMAT;
	n = (size_t)(size - STAMP_BYTES);
	if (out->overflow || out->len > out->cap || n > out->cap - out->len)
		return -EB_E_LIMIT;
	to = eb_buf_reserve(out, n);
	if (!to || eb_read_full(in, stamp, sizeof(stamp), NULL) < 0 ||
	    eb_read_full(in, to, n, NULL) < 0)
		return -EB_E_FORMAT;
	eb_sha256_hex(to, n, hex);
	if (memcmp(stamp, STAMP, sizeof(STAMP) - 1) != 0 || stamp[STAMP_BYTES - 1] != '\n' ||
	    memcmp(stamp + sizeof(STAMP) - 1, hex, EB_SHA256_HEX) != 0)
		return -EB_E_FORMAT;
	out->len += n;
	out->data[out->len] = '\0';
	return 0;
}

int pkg_cache_derived_get(const struct pkg_cache *c, const char *kind, const char *key,
			  struct eb_buf *out, struct eb_error **err)
{
	autofree char *rel = NULL;
	autofd int fd = -1;
	struct stat st;
	int r = derived_path(kind, key, &rel, err);

	if (r < 0)
		return r;
	fd = eb_dir_open_file(&c->dir, rel, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, NULL);
	if (fd == -ENOENT)
		return eb_throw(err, EB_E_NOT_FOUND, "'%s/%s' is not there", c->dir.path, rel);
	if (fd < 0)
		return eb_throw(err, -fd, "open '%s/%s': %s", c->dir.path, rel, eb_code_text(fd));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    read_stamped(fd, (uint64_t)st.st_size, out) < 0) {
		/* Terminated again where the reservation was written to. */
		if (out->data)
			out->data[out->len] = '\0';
		return eb_throw(err, EB_E_NOT_FOUND, "'%s/%s' is damaged", c->dir.path, rel);
	}
	return 0;
}

int pkg_cache_derived_put(const struct pkg_cache *c, const char *kind, const char *key,
			  const void *p, size_t n, struct eb_error **err)
{
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *w = NULL;
	autofree char *rel = NULL, *parent = NULL;
	char stamp[STAMP_BYTES + 1], hex[EB_SHA256_HEX + 1];
	EB_AUTODIR(dir);
	EB_AUTOTMP(tmp);
	int r = derived_path(kind, key, &rel, err);

	if (r < 0)
		return r;
	parent = eb_xasprintf("derived/%s", kind);
	r = eb_dir_sub(&c->dir, parent, true, 0700, &dir, err);
	if (r < 0)
		return r;
	r = eb_tmpfile_open(&c->dir, rel, 0600, &tmp, err);
	if (r < 0)
		return r;
	eb_sha256_hex(p, n, hex);
	snprintf(stamp, sizeof(stamp), STAMP "%s\n", hex);
	w = eb_writer_fd(tmp.fd, false);
	r = eb_write(w, stamp, STAMP_BYTES, err);
	if (r >= 0)
		r = eb_write(w, p, n, err);
	if (r >= 0)
		r = eb_tmpfile_publish(&tmp, true, err);
	return r < 0 ? eb_prefix(err, r, "write '%s/%s'", c->dir.path, rel) : 0;
}

void pkg_cache_derived_drop(const struct pkg_cache *c, const char *kind)
{
	EB_AUTODIR(dir);
	autofree char *rel = eb_xasprintf("derived/%s", kind);
	struct dirent *entry;
	DIR *list = NULL;
	int fd;

	if (!eb_path_is_clean(rel) || eb_dir_sub(&c->dir, rel, false, 0, &dir, NULL) < 0)
		return;
	fd = fcntl(dir.fd, F_DUPFD_CLOEXEC, 3);
	if (fd >= 0)
		list = fdopendir(fd);
	if (!list) {
		eb_ignore(fd >= 0 ? close(fd) : 0);
		return;
	}
	while ((entry = readdir(list)))
		eb_ignore(unlinkat(dir.fd, entry->d_name, 0));
	closedir(list);
}
