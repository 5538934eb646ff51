#include "registry/shelf.h"

#include <errno.h>

#include "base/error.h"
#include "base/mem.h"

struct file {
	const char *path;
	struct reg_served *source; /* NULL while there is nothing to serve */
	struct stat seen;	   /* at the last look */
	struct stat tried;	   /* when it was opened, or could not be; st_ino 0 = not yet */
	bool gone;
};

struct reg_shelf {
	struct file *files;
	size_t n;
	reg_open_fn open;
	void *ctx;
};

struct reg_shelf *reg_shelf_new(const char *const *paths, size_t n, reg_open_fn open, void *ctx)
{
	struct reg_shelf *s = eb_xcalloc(1, sizeof(*s));

	s->files = eb_xcalloc(n + 1, sizeof(*s->files));
	s->n = n;
	s->open = open;
	s->ctx = ctx;
	for (size_t i = 0; i < n; i++)
		s->files[i].path = paths[i];
	return s;
}

struct reg_shelf *reg_shelf_free(struct reg_shelf *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < s->n; i++)
		reg_served_unref(s->files[i].source);
	free(s->files);
	free(s);
	return NULL;
}

static int open_file(struct reg_shelf *s, struct file *f, struct eb_error **err)
{
	struct oci_archive *archive = NULL;
	struct reg_served *source = NULL;
	int r;

	if (stat(f->path, &f->tried) < 0)
		return eb_throw_errno(err, "'%s'", f->path);
	f->seen = f->tried;
	r = s->open(s->ctx, f->path, &archive, err);
	if (r >= 0)
		r = reg_served_new(archive, &f->tried, &source, err);
	if (r < 0)
		return r;
	reg_served_unref(f->source);
	f->source = source;
	return 0;
}

int reg_shelf_open(struct reg_shelf *s, struct eb_error **err)
{
	for (size_t i = 0; i < s->n; i++) {
		int r = open_file(s, &s->files[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Is it to be opened now? */
static bool is_due(struct file *f, bool now, reg_shelf_fn said, void *said_ctx)
{
	struct stat st;
	bool settled;

	if (stat(f->path, &st) < 0) {
		if (!f->gone)
			said(said_ctx, REG_SHELF_GONE, f->path, NULL);
		f->gone = true;
		return false;
	}
	f->gone = false;
	settled = same_file(&st, &f->seen);
	f->seen = st;
	if (same_file(&st, &f->tried))
		return now && !f->source;
	return now || settled;
}

bool reg_shelf_refresh(struct reg_shelf *s, bool now, reg_shelf_fn said, void *said_ctx)
{
	bool changed = false;

	for (size_t i = 0; i < s->n; i++) {
		struct file *f = &s->files[i];
		autoerror struct eb_error *why = NULL;

		if (f->source && !reg_served_is_fresh(f->source)) {
			f->source = reg_served_unref(f->source);
			f->tried = (struct stat){ 0 };
		}
		if (!is_due(f, now, said, said_ctx))
			continue;
		if (open_file(s, f, &why) < 0) {
			said(said_ctx, REG_SHELF_FAILED, f->path, why);
			continue;
		}
		said(said_ctx, REG_SHELF_CHANGED, f->path, NULL);
		changed = true;
	}
	return changed;
}

struct reg_catalog *reg_shelf_catalog(const struct reg_shelf *s)
{
	autofree struct reg_served **sources = eb_xcalloc(s->n + 1, sizeof(struct reg_served *));
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->files[i].source)
			sources[n++] = s->files[i].source;
	return reg_catalog_new(sources, n);
}
