#include "pkg/partial.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "pkg/cache.h"

enum { MAX_TURNS = 1000, READ_BYTES = 256 * 1024 };

struct pkg_partial {
	const struct pkg_cache *cache;
	int fd;
	bool published;
	char sha256[EB_SHA256_HEX + 1];
	char rel[128]; /* below the cache */
	uint64_t size; /* expected, UINT64_MAX = unknown */
	uint64_t have;
	struct eb_hash *hash; /* of the bytes had */
};

static void partial_path(const char *sha256, char out[static 128])
{
	snprintf(out, 128, "partial/%s", sha256);
}

/* Does rel still name the file behind fd? Whoever had the lock before may have renamed it into
 * place or removed it. */
static bool is_current(const struct pkg_cache *c, int fd, const char *rel)
{
	struct stat mine, there;

	return fstat(fd, &mine) == 0 && fstatat(c->dir.fd, rel, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	       mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
}

/* The locked file, or a negative code; -EWOULDBLOCK when another process has it. */
static int open_locked(const struct pkg_cache *c, const char *rel, struct eb_error **err)
{
	for (unsigned int turn = 0; turn < MAX_TURNS; turn++) {
		autofd int fd = eb_dir_open_file(
			&c->dir, rel, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600, err);

		if (fd < 0)
			return fd;
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			if (errno == EWOULDBLOCK)
				return -EWOULDBLOCK;
			return eb_throw_errno(err, "lock '%s/%s'", c->dir.path, rel);
		}
		if (is_current(c, fd, rel))
			return EB_TAKE_FD(fd);
	}
	return eb_throw(err, EB_E_CONFLICT, "'%s/%s' is replaced all the time", c->dir.path, rel);
}

static bool is_stored(const struct pkg_cache *c, const char *sha256, uint64_t size)
{
	uint64_t there = 0;
	autofd int fd = pkg_cache_find(c, sha256, &there, NULL);

	return fd >= 0 && (size == UINT64_MAX || there == size);
}

int pkg_partial_restart(struct pkg_partial *p, struct eb_error **err)
{
	if (ftruncate(p->fd, 0) < 0)
		return eb_throw_errno(err, "truncate '%s/%s'", p->cache->dir.path, p->rel);
	eb_hash_free(p->hash);
	p->hash = eb_hash_new(EB_SHA256);
	p->have = 0;
	return 0;
}

/* Hash what an earlier run left. */
static int take_over(struct pkg_partial *p, struct eb_error **err)
{
	autofree char *buf = NULL;
	struct stat st;

	if (fstat(p->fd, &st) < 0)
		return eb_throw_errno(err, "stat '%s/%s'", p->cache->dir.path, p->rel);
	if (!S_ISREG(st.st_mode))
		return eb_throw(err, EB_E_FORMAT, "'%s/%s' is not a regular file",
				p->cache->dir.path, p->rel);
	if (st.st_size == 0)
		return 0;
	if ((uint64_t)st.st_size > p->size)
		return pkg_partial_restart(p, err);
	buf = eb_xmalloc(READ_BYTES);
	for (;;) {
		ssize_t got = pread(p->fd, buf, READ_BYTES, (off_t)p->have);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return eb_throw_errno(err, "read '%s/%s'", p->cache->dir.path, p->rel);
		if (got == 0)
			return 0;
		eb_hash_update(p->hash, buf, (size_t)got);
		p->have += (uint64_t)got;
	}
}

int pkg_partial_open(const struct pkg_cache *c, const char *sha256, uint64_t size,
		     struct pkg_partial **ret, struct eb_error **err)
{
	EB_CLEANUP(pkg_partial_free_p) struct pkg_partial *p = eb_xcalloc(1, sizeof(*p));
	EB_AUTODIR(dir);
	int r;

	p->fd = -1;
	if (!eb_is_hex(sha256, EB_SHA256_HEX))
		return eb_throw(err, EB_E_FORMAT, "'%.80s' is not a SHA-256 in lower-case hex",
				sha256);
	r = eb_dir_sub(&c->dir, "partial", true, 0700, &dir, err);
	if (r < 0)
		return r;
	p->cache = c;
	p->size = size;
	p->hash = eb_hash_new(EB_SHA256);
	snprintf(p->sha256, sizeof(p->sha256), "%s", sha256);
	partial_path(sha256, p->rel);
	p->fd = open_locked(c, p->rel, err);
	if (p->fd == -EWOULDBLOCK)
		return PKG_PARTIAL_BUSY;
	if (p->fd < 0)
		return p->fd;
	if (is_stored(c, sha256, size)) {
		p->have = 0; /* whatever is in it goes with it */
		return PKG_PARTIAL_STORED;
	}
	r = take_over(p, err);
	if (r < 0)
		return r;
	*ret = EB_TAKE_PTR(p);
	return PKG_PARTIAL_MINE;
}

struct pkg_partial *pkg_partial_free(struct pkg_partial *p)
{
	if (!p)
		return NULL;
	if (p->fd >= 0) {
		/* Removed under the lock: a waiter sees that the name is gone. */
		if (p->have == 0 && !p->published)
			eb_ignore(unlinkat(p->cache->dir.fd, p->rel, 0));
		close(p->fd);
	}
	eb_hash_free(p->hash);
	free(p);
	return NULL;
}

uint64_t pkg_partial_have(const struct pkg_partial *p)
{
	return p->have;
}

int pkg_partial_add(struct pkg_partial *p, const void *data, size_t n, struct eb_error **err)
{
	const char *from = data;

	while (n > 0) {
		ssize_t did = pwrite(p->fd, from, n, (off_t)p->have);

		if (did < 0 && errno == EINTR)
			continue;
		if (did < 0)
			return eb_throw_errno(err, "write to '%s/%s' after %llu bytes",
					      p->cache->dir.path, p->rel,
					      (unsigned long long)p->have);
		eb_hash_update(p->hash, from, (size_t)did);
		from += did;
		n -= (size_t)did;
		p->have += (uint64_t)did;
	}
	return 0;
}

static int check(const struct pkg_partial *p, struct eb_error **err)
{
	char found[EB_HASH_MAX_HEX + 1];

	if (p->size != UINT64_MAX && p->have != p->size)
		return eb_throw(err, EB_E_DIGEST, "expected %llu bytes, found %llu",
				(unsigned long long)p->size, (unsigned long long)p->have);
	eb_hash_peek_hex(p->hash, found);
	if (strcmp(found, p->sha256) != 0)
		return eb_throw(err, EB_E_DIGEST, "expected sha256:%s, found sha256:%s", p->sha256,
				found);
	return 0;
}

int pkg_partial_publish(struct pkg_partial *p, struct eb_error **err)
{
	const char *root = p->cache->dir.path;
	EB_AUTODIR(sources);
	int r = check(p, err);

	if (r < 0)
		return r;
	r = eb_dir_sub(&p->cache->dir, "sources/sha256", true, 0700, &sources, err);
	if (r < 0)
		return r;
	if (fsync(p->fd) < 0)
		return eb_throw_errno(err, "sync '%s/%s'", root, p->rel);
	if (renameat(p->cache->dir.fd, p->rel, sources.fd, p->sha256) < 0)
		return eb_throw_errno(err, "rename '%s/%s' to '%s/%s'", root, p->rel, sources.path,
				      p->sha256);
	p->published = true;
	/* Only now: a read-only partial file could not be gone on with. */
	if (fchmod(p->fd, 0444) < 0)
		return eb_throw_errno(err, "set the mode of '%s/%s'", sources.path, p->sha256);
	eb_ignore(fsync(sources.fd));
	return 0;
}

int pkg_partial_wait(const struct pkg_cache *c, const char *sha256, struct eb_error **err)
{
	char rel[128];
	autofd int fd = -1;

	partial_path(sha256, rel);
	fd = eb_dir_open_file(&c->dir, rel, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, NULL);
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return eb_throw(err, -fd, "open '%s/%s': %s", c->dir.path, rel, eb_code_text(fd));
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return eb_throw_errno(err, "lock '%s/%s'", c->dir.path, rel);
	return 0;
}
