#include "render/fileset.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/mem.h"

int rnd_fileset_add(struct rnd_fileset *f, const char *name, const char *text, size_t n,
		    struct eb_error **err)
{
	int r;

	if (!eb_path_is_clean(name))
		return eb_throw(err, EB_E_FORMAT, "'%s' is no relative path without '..'", name);
	if (memchr(text, '\0', n))
		return eb_throw(err, EB_E_FORMAT, "%s: is no text, it holds a NUL character", name);
	if (n > RND_FILE_MAX_BYTES || f->total_bytes + n > RND_FILES_MAX_BYTES)
		return eb_throw(err, EB_E_LIMIT,
				"%s: more than %d bytes in one file or %d in all files of the "
				"library",
				name, RND_FILE_MAX_BYTES, RND_FILES_MAX_BYTES);
	r = eb_grow(&f->items, &f->alloc, f->n + 1, sizeof(*f->items), RND_FILES_MAX,
		    "files of the library", err);
	if (r < 0)
		return r;
	f->items[f->n].name = eb_xstrdup(name);
	f->items[f->n].text = eb_xstrndup(text, n);
	f->items[f->n++].n = n;
	f->total_bytes += n;
	return 0;
}

static void dir_close(DIR **d)
{
	if (*d)
		closedir(*d);
}

static int add_below(struct rnd_fileset *f, const struct eb_dir *dir, const char *prefix,
		     unsigned int depth, struct eb_error **err);

static int add_entry(struct rnd_fileset *f, const struct eb_dir *dir, const char *entry,
		     const char *prefix, unsigned int depth, struct eb_error **err)
{
	autofree char *name = eb_xasprintf("%s%s", prefix, entry);
	EB_AUTOBUF(text, RND_FILE_MAX_BYTES);
	struct stat st;
	int r;

	if (fstatat(dir->fd, entry, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return eb_throw_errno(err, "'%s/%s'", dir->path, entry);
	if (S_ISDIR(st.st_mode)) {
		autofree char *below = eb_xasprintf("%s/", name);
		EB_AUTODIR(sub);

		r = eb_dir_sub(dir, entry, false, 0, &sub, err);
		return r < 0 ? r : add_below(f, &sub, below, depth + 1, err);
	}
	if (!S_ISREG(st.st_mode))
		return 0;
	r = eb_dir_read(dir, entry, &text, err);
	return r < 0 ? r : rnd_fileset_add(f, name, eb_buf_str(&text), text.len, err);
}

static int add_below(struct rnd_fileset *f, const struct eb_dir *dir, const char *prefix,
		     unsigned int depth, struct eb_error **err)
{
	EB_CLEANUP(dir_close) DIR *d = NULL;
	struct dirent *e;
	int fd, r = 0;

	if (depth > RND_FILES_MAX_DEPTH)
		return eb_throw(err, EB_E_LIMIT, "'%s': directories more than %d deep", dir->path,
				RND_FILES_MAX_DEPTH);
	fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return eb_throw_errno(err, "'%s'", dir->path);
	while (r >= 0 && (e = readdir(d)))
		if (e->d_name[0] != '.')
			r = add_entry(f, dir, e->d_name, prefix, depth, err);
	return r;
}

int rnd_fileset_add_dir(struct rnd_fileset *f, const char *path, const char *prefix,
			struct eb_error **err)
{
	EB_AUTODIR(dir);
	int r = eb_dir_open(path, false, &dir, err);

	return r < 0 ? r : add_below(f, &dir, prefix, 0, err);
}

static int by_name(const void *pa, const void *pb)
{
	const struct rnd_file *a = pa, *b = pb;

	return strcmp(a->name, b->name);
}

int rnd_fileset_sort(struct rnd_fileset *f, struct eb_error **err)
{
	if (f->n)
		qsort(f->items, f->n, sizeof(*f->items), by_name);
	for (size_t i = 1; i < f->n; i++)
		if (strcmp(f->items[i - 1].name, f->items[i].name) == 0)
			return eb_throw(err, EB_E_CONFLICT, "file '%s' is there twice",
					f->items[i].name);
	return 0;
}

const struct rnd_file *rnd_fileset_find(const struct rnd_fileset *f, const char *name)
{
	struct rnd_file key = { .name = (char *)(uintptr_t)name };

	return f->n ? bsearch(&key, f->items, f->n, sizeof(*f->items), by_name) : NULL;
}

void rnd_fileset_release(struct rnd_fileset *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->items[i].name);
		free(f->items[i].text);
	}
	free(f->items);
	*f = (struct rnd_fileset){ 0 };
}
