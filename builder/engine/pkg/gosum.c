#include "pkg/gosum.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/stream.h"

/* Go refuses module archives above 500 MiB and with more files than fit in them. */
enum { MAX_FILES = 500000, MAX_DEPTH = 64, IO_BYTES = 64 * 1024, H1_CHARS = 44 };
static const uint64_t MAX_BYTES = 500ull * 1024 * 1024;

struct sum_line {
	char *path; /* below the module */
	char hex[EB_SHA256_HEX + 1];
};

struct sum_walk {
	const char *dir, *copy;
	struct sum_line *lines;
	size_t n, alloc;
	uint64_t bytes;
	char *buf;
};

static void walk_release(struct sum_walk *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->lines[i].path);
	free(w->lines);
	free(w->buf);
}
EB_DEFINE_RELEASE(struct sum_walk, walk_release)

static int copy_bytes(struct sum_walk *w, int fd, int to, const char *rel, struct eb_hash *h,
		      struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = eb_reader_fd(fd, false);
	EB_CLEANUP(eb_writer_free_p)
	struct eb_writer *out = to >= 0 ? eb_writer_fd(to, false) : NULL;
	ssize_t got;
	int r = 0;

	while (r >= 0 && (got = eb_read(in, w->buf, IO_BYTES, err)) != 0) {
		if (got < 0)
			return eb_prefix(err, (int)got, "'%s/%s'", w->dir, rel);
		w->bytes += (uint64_t)got;
		if (w->bytes > MAX_BYTES)
			return eb_throw(err, EB_E_LIMIT, "'%s' holds more than %llu bytes", w->dir,
					(unsigned long long)MAX_BYTES);
		eb_hash_update(h, w->buf, (size_t)got);
		if (out)
			r = eb_write(out, w->buf, (size_t)got, err);
	}
	return r < 0 ? eb_prefix(err, r, "'%s/%s'", w->copy, rel) : 0;
}

static int hash_file(struct sum_walk *w, int fd, const char *rel, struct eb_error **err)
{
	EB_CLEANUP(eb_hash_free_p) struct eb_hash *h = eb_hash_new(EB_SHA256);
	char hex[EB_HASH_MAX_HEX + 1];
	struct sum_line *line;
	autofd int to = -1;
	int r;

	r = eb_grow(&w->lines, &w->alloc, w->n + 1, sizeof(*w->lines), MAX_FILES,
		    "files of a Go module", err);
	if (r < 0)
		return r;
	if (w->copy) {
		autofree char *path = eb_xasprintf("%s/%s", w->copy, rel);

		to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (to < 0)
			return eb_throw_errno(err, "make '%s'", path);
	}
	r = copy_bytes(w, fd, to, rel, h, err);
	if (r < 0)
		return r;
	eb_hash_final_hex(h, hex);
	line = &w->lines[w->n++];
	line->path = eb_xstrdup(rel);
	memcpy(line->hex, hex, sizeof(line->hex));
	return 0;
}

static int walk(struct sum_walk *w, int fd, const char *rel, unsigned int depth,
		struct eb_error **err);

static int walk_entry(struct sum_walk *w, int dirfd, const char *rel, unsigned int depth,
		      struct eb_error **err)
{
	const char *slash = strrchr(rel, '/');
	autofd int fd = openat(dirfd, slash ? slash + 1 : rel,
			       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && errno == ELOOP)
		return eb_throw(err, EB_E_FORMAT, "'%s/%s' is a link: not in a Go module", w->dir,
				rel);
	if (fd < 0)
		return eb_throw_errno(err, "open '%s/%s'", w->dir, rel);
	if (fstat(fd, &st) < 0)
		return eb_throw_errno(err, "stat '%s/%s'", w->dir, rel);
	if (S_ISREG(st.st_mode))
		return hash_file(w, fd, rel, err);
	if (!S_ISDIR(st.st_mode))
		return eb_throw(err, EB_E_FORMAT, "'%s/%s' is neither a file nor a directory",
				w->dir, rel);
	if (depth >= MAX_DEPTH)
		return eb_throw(err, EB_E_LIMIT, "'%s/%s': more than %u directories deep", w->dir,
				rel, (unsigned int)MAX_DEPTH);
	return walk(w, EB_TAKE_FD(fd), rel, depth + 1, err);
}

/* Takes fd. rel "" is the module itself. */
static int walk(struct sum_walk *w, int fd, const char *rel, unsigned int depth,
		struct eb_error **err)
{
	DIR *dir = fdopendir(fd);
	struct dirent *d;
	int r = 0;

	if (!dir) {
		close(fd);
		return eb_throw_errno(err, "list '%s/%s'", w->dir, rel);
	}
	if (w->copy) {
		autofree char *path = eb_xasprintf("%s%s%s", w->copy, rel[0] ? "/" : "", rel);

		if (mkdir(path, 0700) < 0)
			r = eb_throw_errno(err, "make '%s'", path);
	}
	while (r >= 0 && (d = readdir(dir))) {
		autofree char *sub = NULL;

		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		sub = eb_xasprintf("%s%s%s", rel, rel[0] ? "/" : "", d->d_name);
		if (strchr(d->d_name, '\n'))
			r = eb_throw(err, EB_E_FORMAT, "'%s': a name with a newline", w->dir);
		else
			r = walk_entry(w, dirfd(dir), sub, depth, err);
	}
	closedir(dir);
	return r;
}

static int by_path(const void *pa, const void *pb)
{
	return strcmp(((const struct sum_line *)pa)->path, ((const struct sum_line *)pb)->path);
}

static void sum_up(struct sum_walk *w, const char *name, char ret[static PKG_GOSUM_BYTES])
{
	EB_CLEANUP(eb_hash_free_p) struct eb_hash *h = eb_hash_new(EB_SHA256);
	char hex[EB_HASH_MAX_HEX + 1];
	uint8_t raw[EB_SHA256_BYTES];

	if (w->n)
		qsort(w->lines, w->n, sizeof(*w->lines), by_path);
	for (size_t i = 0; i < w->n; i++) {
		autofree char *line = eb_xasprintf("%s  %s/%s\n", w->lines[i].hex, name,
						   w->lines[i].path);

		eb_hash_update(h, line, strlen(line));
	}
	eb_hash_final_hex(h, hex);
	for (size_t i = 0; i < EB_SHA256_BYTES; i++) {
		static const char digits[] = "0123456789abcdef";
		size_t high = (size_t)(strchr(digits, hex[2 * i]) - digits);
		size_t low = (size_t)(strchr(digits, hex[2 * i + 1]) - digits);

		raw[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(ret, "h1:", 3);
	EVP_EncodeBlock((unsigned char *)ret + 3, raw, EB_SHA256_BYTES);
}

int pkg_gosum_dir(const char *dir, const char *name, const char *copy,
		  char ret[static PKG_GOSUM_BYTES], struct eb_error **err)
{
	EB_CLEANUP(walk_release_p) struct sum_walk w = { .dir = dir, .copy = copy };
	int r, fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return eb_throw_errno(err, "open '%s'", dir);
	w.buf = eb_xmalloc(IO_BYTES);
	r = walk(&w, fd, "", 0, err);
	if (r < 0)
		return r;
	sum_up(&w, name, ret);
	return 0;
}

bool pkg_gosum_is_valid(const char *h1)
{
	static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789+/";

	return strncmp(h1, "h1:", 3) == 0 && strspn(h1 + 3, chars) == H1_CHARS - 1 &&
	       strcmp(h1 + 3 + H1_CHARS - 1, "=") == 0;
}
