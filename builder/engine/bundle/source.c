#include "bundle/source.h"

#include <sys/stat.h>

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/tar_write.h"
#include "render/fileset.h"

enum { MAX_FILES = 100000 };

struct file {
	char *name; /* in the tar */
	char *path; /* on disk */
	uint32_t mode;
};

struct files {
	struct file *items;
	size_t n, alloc;
};

static int add(struct files *f, char *name, char *path, uint32_t mode, struct eb_error **err)
{
	autofree char *n = name, *p = path;
	int r = eb_grow(&f->items, &f->alloc, f->n + 1, sizeof(*f->items), MAX_FILES,
			"source files", err);

	if (r < 0)
		return r;
	f->items[f->n++] = (struct file){ EB_TAKE_PTR(n), EB_TAKE_PTR(p), mode };
	return 0;
}

static int add_recipe(struct files *f, const struct rcp_recipe *rcp, struct eb_error **err)
{
	static const char *const own[] = { "recipe.yaml", "lock.yaml" };
	int r = 0;

	for (size_t i = 0; i < EB_ARRAY_LEN(own) && r >= 0; i++)
		r = add(f, eb_xasprintf("recipes/%s/%s", rcp->name, own[i]),
			eb_xasprintf("%s/%s", rcp->dir, own[i]), 0644, err);
	for (size_t i = 0; i < rcp->n_entries && r >= 0; i++)
		if (rcp->entries[i].source)
			r = add(f, eb_xasprintf("recipes/%s/%s", rcp->name, rcp->entries[i].source),
				eb_xasprintf("%s/%s", rcp->dir, rcp->entries[i].source), 0644, err);
	return r;
}

static int by_name(const void *pa, const void *pb)
{
	const struct file *a = pa, *b = pb;
	int c = strcmp(a->name, b->name);

	return c ? c : strcmp(a->path, b->path);
}

static void file_release(struct file *f)
{
	free(f->name);
	free(f->path);
}

/* One file may be reached by two paths ("recipes/base", "recipes/../recipes/base"). */
static bool same_file(const char *a, const char *b)
{
	struct stat x, y;

	return strcmp(a, b) == 0 || (stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
				     x.st_ino == y.st_ino);
}

/* Images share recipes. */
static int drop_doubles(struct files *f, struct eb_error **err)
{
	size_t kept = 0;

	if (f->n)
		qsort(f->items, f->n, sizeof(*f->items), by_name);
	for (size_t i = 0; i < f->n; i++) {
		struct file *last = kept ? &f->items[kept - 1] : NULL;
		bool same_name = last && strcmp(last->name, f->items[i].name) == 0;

		if (same_name && !same_file(last->path, f->items[i].path)) {
			int r = eb_throw(err, EB_E_CONFLICT, "'%s' and '%s' are both called %s",
					 last->path, f->items[i].path, last->name);

			memmove(&f->items[kept], &f->items[i], (f->n - i) * sizeof(*last));
			f->n -= i - kept;
			return r;
		}
		if (same_name)
			file_release(&f->items[i]);
		else
			f->items[kept++] = f->items[i];
	}
	f->n = kept;
	return 0;
}

static int write_file(const struct file *f, int64_t mtime_sec, struct eb_buf *out,
		      struct eb_error **err)
{
	EB_AUTOBUF(text, BND_SOURCE_MAX_BYTES);
	struct oci_tar_entry e = {
		.path = f->name, .type = '0', .mode = f->mode, .mtime_sec = mtime_sec
	};
	static const char zeros[512];
	int r = eb_file_read(f->path, &text, err);

	if (r < 0)
		return r;
	e.size = text.len;
	oci_tar_header(&e, out);
	eb_buf_add(out, eb_buf_str(&text), text.len);
	eb_buf_add(out, zeros, oci_tar_padding(text.len));
	return 0;
}

/* What manifests are rendered from. */
static int add_render(struct files *f, const struct bnd_def *def, struct eb_error **err)
{
	EB_CLEANUP(rnd_fileset_release_p) struct rnd_fileset library = { 0 };
	const struct bnd_def_render *render = &def->render;
	autofree char *dir = eb_xasprintf("%s/%s", render->dir, render->library);
	const char *name;
	json_t *profile;
	int r = rnd_fileset_add_dir(&library, dir, "", err);

	for (size_t i = 0; i < library.n && r >= 0; i++)
		r = add(f,
			eb_xasprintf("bundles/%s/%s/%s", def->name, render->library,
				     library.items[i].name),
			eb_xasprintf("%s/%s", dir, library.items[i].name), 0644, err);
	if (r >= 0 && render->schema)
		r = add(f, eb_xasprintf("bundles/%s/%s", def->name, render->schema),
			eb_xasprintf("%s/%s", render->dir, render->schema), 0644, err);
	json_object_foreach(render->profiles, name, profile)
	{
		const char *file = json_string_value(profile);

		if (r >= 0)
			r = add(f, eb_xasprintf("bundles/%s/%s", def->name, file),
				eb_xasprintf("%s/%s", render->dir, file), 0644, err);
	}
	return r;
}

static int collect(const struct bnd_def *def, const struct img_chain *const *chains, size_t n,
		   struct files *f, struct eb_error **err)
{
	int r = 0;

	for (const struct bnd_def *d = def; d && r >= 0; d = d->base) {
		r = add(f, eb_xasprintf("bundles/%s/bundle.yaml", d->name), eb_xstrdup(d->file),
			0644, err);
		/* That of the base, if there is no own one, comes with the base. */
		if (r >= 0 && d->tool && strcmp(d->tool_dir, d->dir) == 0)
			r = add(f, eb_xasprintf("bundles/%s/%s", d->name, d->tool),
				eb_xasprintf("%s/%s", d->tool_dir, d->tool), 0755, err);
		if (r >= 0 && d->render.library && strcmp(d->render.dir, d->dir) == 0)
			r = add_render(f, d, err);
	}
	for (size_t i = 0; i < n && r >= 0; i++)
		for (size_t s = 0; s < chains[i]->n && r >= 0; s++)
			r = add_recipe(f, chains[i]->stage[s].recipe, err);
	return r;
}

int bnd_source_tar(const struct bnd_def *def, const struct img_chain *const *chains, size_t n,
		   int64_t mtime_sec, struct eb_buf *out, struct eb_error **err)
{
	static const char end[OCI_TAR_END_BYTES];
	struct files f = { 0 };
	int r = collect(def, chains, n, &f, err);

	if (r >= 0)
		r = drop_doubles(&f, err);
	for (size_t i = 0; i < f.n && r >= 0; i++)
		r = write_file(&f.items[i], mtime_sec, out, err);
	for (size_t i = 0; i < f.n; i++)
		file_release(&f.items[i]);
	free(f.items);
	if (r < 0)
		return r;
	eb_buf_add(out, end, sizeof(end));
	return eb_buf_check(out, "source of the bundle", err);
}
