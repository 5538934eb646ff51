#include "pkg/cache_care.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/progress.h"
#include "base/remove.h"
#include "base/stream.h"

enum {
	MAX_FILES = 4000000,
	MAX_LEVELS = 64,
	IO_BYTES = 256 * 1024,
	LEFTOVER_SEC = 24 * 60 * 60,
	PARTIAL_SEC = 14 * LEFTOVER_SEC
};

/* Directories whose content has no names of ours (pkg/gobuild.h); removed as a whole. */
static const struct whole {
	const char *rel;
	enum pkg_cache_kind kind;
} wholes[] = {
	{ "go/mod", PKG_CACHE_MODULE },
	{ "go/build", PKG_CACHE_DERIVED },
	{ "go/work", PKG_CACHE_DERIVED },
};

const char *pkg_cache_kind_name(enum pkg_cache_kind kind)
{
	switch (kind) {
	case PKG_CACHE_SOURCE:
		return "sources";
	case PKG_CACHE_MODULE:
		return "modules";
	case PKG_CACHE_PARTIAL:
		return "partial";
	case PKG_CACHE_DERIVED:
		return "derived";
	case PKG_CACHE_DAMAGED:
		return "damaged";
	case PKG_CACHE_LEFTOVER:
		return "leftover";
	case PKG_CACHE_KINDS:
		break;
	}
	return "";
}

/* ---- what there is ---- */

struct file {
	enum pkg_cache_kind kind;
	char *rel;  /* below the cache */
	bool whole; /* goes with the directory that it is in */
	struct stat st;
};

struct files {
	struct file *items;
	size_t n, alloc;
};

static void files_release(struct files *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->items[i].rel);
	free(f->items);
	*f = (struct files){ 0 };
}
EB_DEFINE_RELEASE(struct files, files_release)

static const char *base_of(const char *rel)
{
	return strrchr(rel, '/') + 1;
}

static int list(const struct pkg_cache *c, const char *rel, enum pkg_cache_kind kind,
		unsigned int levels, struct files *f, struct eb_error **err);

static int list_entry(const struct pkg_cache *c, int fd, const char *name, const char *dir,
		      enum pkg_cache_kind kind, unsigned int levels, struct files *f,
		      struct eb_error **err)
{
	autofree char *rel = eb_xasprintf("%s/%s", dir, name);
	struct stat st;
	int r;

	/* Gone meanwhile: another process is at work. */
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (S_ISDIR(st.st_mode))
		return levels ? list(c, rel, kind, levels - 1, f, err) : 0;
	if (!S_ISREG(st.st_mode))
		return 0;
	r = eb_grow(&f->items, &f->alloc, f->n + 1, sizeof(*f->items), MAX_FILES, "cache files",
		    err);
	if (r >= 0)
		f->items[f->n++] = (struct file){ name[0] == '.' ? PKG_CACHE_LEFTOVER : kind,
						  EB_TAKE_PTR(rel), false, st };
	return r;
}

/* Append the files in rel, which may be missing, and in directories `levels` deep below it. */
static int list(const struct pkg_cache *c, const char *rel, enum pkg_cache_kind kind,
		unsigned int levels, struct files *f, struct eb_error **err)
{
	autoerror struct eb_error *e = NULL;
	struct dirent *d;
	DIR *dir;
	int r = 0, fd = eb_dir_open_file(&c->dir, rel, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &e);

	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return eb_error_forward(err, EB_TAKE_PTR(e));
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return eb_throw_errno(err, "list '%s/%s'", c->dir.path, rel);
	}
	while (r >= 0 && (d = readdir(dir)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			r = list_entry(c, dirfd(dir), d->d_name, rel, kind, levels, f, err);
	closedir(dir);
	return r;
}

static int by_rel(const void *pa, const void *pb)
{
	return strcmp(((const struct file *)pa)->rel, ((const struct file *)pb)->rel);
}

static int list_all(const struct pkg_cache *c, struct files *f, struct eb_error **err)
{
	int r = list(c, "sources/sha256", PKG_CACHE_SOURCE, 0, f, err);

	if (r >= 0)
		r = list(c, "partial", PKG_CACHE_PARTIAL, 0, f, err);
	if (r >= 0)
		r = list(c, "derived", PKG_CACHE_DERIVED, 1, f, err);
	if (r >= 0)
		r = list(c, "damaged", PKG_CACHE_DAMAGED, 0, f, err);
	for (size_t i = 0; i < EB_ARRAY_LEN(wholes) && r >= 0; i++) {
		size_t k = f->n;

		r = list(c, wholes[i].rel, wholes[i].kind, MAX_LEVELS, f, err);
		for (; k < f->n; k++) {
			f->items[k].kind = wholes[i].kind;
			f->items[k].whole = true;
		}
	}
	if (f->n)
		qsort(f->items, f->n, sizeof(*f->items), by_rel);
	return r;
}

static void count(struct pkg_cache_usage *u, const struct file *f)
{
	u->files++;
	u->bytes += (uint64_t)f->st.st_size;
}

int pkg_cache_measure(const struct pkg_cache *c, struct pkg_cache_usage ret[static PKG_CACHE_KINDS],
		      struct eb_error **err)
{
	EB_CLEANUP(files_release_p) struct files f = { 0 };
	int r = list_all(c, &f, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < PKG_CACHE_KINDS; i++)
		ret[i] = (struct pkg_cache_usage){ 0 };
	for (size_t i = 0; i < f.n; i++)
		count(&ret[f.items[i].kind], &f.items[i]);
	return 0;
}

/* Remove f unless its name stands for another file by now. */
static int remove_file(const struct pkg_cache *c, const struct file *f, struct eb_error **err)
{
	struct stat st;

	if (fstatat(c->dir.fd, f->rel, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_ino != f->st.st_ino ||
	    st.st_dev != f->st.st_dev)
		return 0;
	if (unlinkat(c->dir.fd, f->rel, 0) < 0 && errno != ENOENT)
		return eb_throw_errno(err, "remove '%s/%s'", c->dir.path, f->rel);
	return 0;
}

/* ---- verify ---- */

struct verify {
	const struct pkg_cache *c;
	const struct files *files;
	bool *damaged; /* by file */
	struct eb_progress *progress;
	unsigned int task;
};

void pkg_cache_check_release(struct pkg_cache_check *k)
{
	for (size_t i = 0; i < k->n_damaged; i++)
		free(k->damaged[i]);
	free(k->damaged);
	*k = (struct pkg_cache_check){ 0 };
}

static int verify_one(void *ctx, size_t i, struct eb_error **err)
{
	struct verify *v = ctx;
	const struct file *f = &v->files->items[i];
	EB_CLEANUP(eb_hash_free_p) struct eb_hash *h = eb_hash_new(EB_SHA256);
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	autofree char *buf = eb_xmalloc(IO_BYTES);
	char hex[EB_HASH_MAX_HEX + 1];
	ssize_t got;
	int fd = eb_dir_open_file(&v->c->dir, f->rel, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, NULL);

	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return eb_throw(err, -fd, "open '%s/%s': %s", v->c->dir.path, f->rel,
				eb_code_text(fd));
	in = eb_reader_fd(fd, true);
	while ((got = eb_read(in, buf, IO_BYTES, err)) > 0) {
		eb_hash_update(h, buf, (size_t)got);
		eb_progress_advance(v->progress, v->task, (uint64_t)got);
	}
	if (got < 0)
		return eb_prefix(err, (int)got, "'%s/%s'", v->c->dir.path, f->rel);
	eb_hash_final_hex(h, hex);
	v->damaged[i] = strcmp(hex, base_of(f->rel)) != 0;
	return 0;
}

/* Only files that are named by a hash can be checked. */
static int list_sources(const struct pkg_cache *c, struct files *f, struct eb_error **err)
{
	int r = list(c, "sources/sha256", PKG_CACHE_SOURCE, 0, f, err);
	size_t kept = 0;

	for (size_t i = 0; i < f->n; i++) {
		const char *name = base_of(f->items[i].rel);

		if (strlen(name) == EB_SHA256_HEX && eb_is_hex(name, EB_SHA256_HEX))
			f->items[kept++] = f->items[i];
		else
			free(f->items[i].rel);
	}
	f->n = kept;
	if (f->n)
		qsort(f->items, f->n, sizeof(*f->items), by_rel);
	return r;
}

int pkg_cache_verify(const struct pkg_cache *c, bool dry_run, struct eb_pool *pool,
		     struct eb_progress *progress, struct pkg_cache_check *ret,
		     struct eb_error **err)
{
	EB_CLEANUP(pkg_cache_check_release_p) struct pkg_cache_check k = { 0 };
	EB_CLEANUP(files_release_p) struct files f = { 0 };
	autofree bool *damaged = NULL;
	struct verify v = { .c = c, .files = &f, .progress = progress };
	int r = list_sources(c, &f, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < f.n; i++)
		count(&k.checked, &f.items[i]);
	v.damaged = damaged = eb_xcalloc(f.n + 1, sizeof(*damaged));
	v.task = eb_progress_start(progress, "verify cache", EB_UNIT_BYTES, k.checked.bytes);
	r = eb_pool_map(pool, f.n, verify_one, &v, err);
	eb_progress_finish(progress, v.task);
	k.damaged = eb_xcalloc(f.n + 1, sizeof(*k.damaged));
	for (size_t i = 0; i < f.n && r >= 0; i++) {
		if (!damaged[i])
			continue;
		k.damaged[k.n_damaged++] = eb_xstrdup(base_of(f.items[i].rel));
		if (!dry_run)
			r = remove_file(c, &f.items[i], err);
	}
	if (r < 0)
		return r;
	*ret = k;
	k = (struct pkg_cache_check){ 0 };
	return 0;
}

/* ---- gc ---- */

static int by_text(const void *pa, const void *pb)
{
	return strcmp(*(const char *const *)pa, *(const char *const *)pb);
}

static bool is_kept(const struct pkg_cache_gc_options *o, const char *hash)
{
	return !o->keep ||
	       (o->n_keep && bsearch(&hash, o->keep, o->n_keep, sizeof(*o->keep), by_text) != NULL);
}

/* Take the lock of a download and remove it under it; false when somebody has it. */
static int remove_partial(const struct pkg_cache *c, const struct file *f, bool dry_run,
			  bool *ret_free, struct eb_error **err)
{
	autofd int fd = eb_dir_open_file(&c->dir, f->rel, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0,
					 NULL);

	*ret_free = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
	return *ret_free && !dry_run ? remove_file(c, f, err) : 0;
}

static bool may_go(const struct file *f, const struct pkg_cache_gc_options *o)
{
	switch (f->kind) {
	case PKG_CACHE_SOURCE:
		return !is_kept(o, base_of(f->rel));
	case PKG_CACHE_MODULE:
		return o->keep != NULL;
	case PKG_CACHE_LEFTOVER:
		return f->st.st_mtime < o->now_sec - LEFTOVER_SEC;
	case PKG_CACHE_PARTIAL:
	case PKG_CACHE_DERIVED:
	case PKG_CACHE_DAMAGED:
		return true;
	case PKG_CACHE_KINDS:
		break;
	}
	return false;
}

/* Under the lock of pkg/gobuild; *ret_free is false when a build has it. What is a link is somebody
 * else's: it is not followed. */
static int remove_wholes(const struct pkg_cache *c, const struct pkg_cache_gc_options *o,
			 bool *ret_free, struct eb_error **err)
{
	autofd int fd = eb_dir_open_file(&c->dir, "go/lock", O_RDWR | O_NOFOLLOW, 0, NULL);
	int r = 0;

	*ret_free = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
	for (size_t i = 0; i < EB_ARRAY_LEN(wholes) && r >= 0 && *ret_free && !o->dry_run; i++) {
		EB_AUTODIR(go);
		const struct file any = { .kind = wholes[i].kind };

		if (!may_go(&any, o))
			continue;
		r = eb_dir_sub(&c->dir, "go", false, 0, &go, err);
		if (r >= 0)
			r = eb_remove_tree(go.fd, base_of(wholes[i].rel), err);
	}
	return r < 0 ? eb_prefix(err, r, "cache '%s/go'", c->dir.path) : 0;
}

int pkg_cache_gc(const struct pkg_cache *c, const struct pkg_cache_gc_options *o,
		 struct pkg_cache_usage removed[static PKG_CACHE_KINDS], struct eb_error **err)
{
	EB_CLEANUP(files_release_p) struct files f = { 0 };
	struct pkg_cache_usage sum[PKG_CACHE_KINDS] = { 0 };
	bool wholes_gone = false;
	int r = list_all(c, &f, err);

	if (r >= 0)
		r = remove_wholes(c, o, &wholes_gone, err);
	for (size_t i = 0; i < f.n && r >= 0; i++) {
		const struct file *x = &f.items[i];
		bool gone = !x->whole || wholes_gone;

		if (!may_go(x, o))
			continue;
		if (x->kind == PKG_CACHE_PARTIAL)
			r = remove_partial(c, x, o->dry_run, &gone, err);
		else if (!o->dry_run && !x->whole)
			r = remove_file(c, x, err);
		if (r >= 0 && gone)
			count(&sum[x->kind], x);
	}
	if (r < 0)
		return r;
	memcpy(removed, sum, sizeof(sum));
	return 0;
}

void pkg_cache_age(const struct pkg_cache *c, int64_t now_sec)
{
	EB_CLEANUP(files_release_p) struct files f = { 0 };
	bool gone;

	if (list(c, "partial", PKG_CACHE_PARTIAL, 0, &f, NULL) < 0)
		return;
	for (size_t i = 0; i < f.n; i++)
		if (f.items[i].st.st_mtime < now_sec - PARTIAL_SEC)
			eb_ignore(remove_partial(c, &f.items[i], false, &gone, NULL));
}
