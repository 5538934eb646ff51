/* Wheels that a lock names, downloaded by pip and stored in the cache. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/stream.h"
#include "pkg/cache.h"
#include "pkg/pip_internal.h"
#include "pkg/wheel_file.h"
#include "pkg/workdir.h"

enum { MAX_LOG = 16 * 1024 * 1024, MAX_LIST = 16 * 1024 * 1024, MAX_PLATFORMS = 60 };

/* The wheels of one run: pip takes one of a name, and one machine's. */
struct batch {
	const struct pkg_pip_wheel **v;
	size_t n;
	char *machine; /* "x86_64"; NULL while only wheels for any have come */
	char *platforms[MAX_PLATFORMS];
	size_t n_platforms;
	unsigned int minor; /* the newest Python 3 that a tag names */
	char *abi;	    /* "cp313", or NULL */
};

static void batch_release(struct batch *b)
{
	for (size_t i = 0; i < b->n_platforms; i++)
		free(b->platforms[i]);
	free(b->v);
	free(b->machine);
	free(b->abi);
	*b = (struct batch){ 0 };
}
EB_DEFINE_RELEASE(struct batch, batch_release)

/* "x86_64" of "manylinux_2_28_x86_64"; empty for "any". */
static const char *machine_of(const char *platform)
{
	static const char *const known[] = { "x86_64", "aarch64" };
	struct eb_span s = eb_span_str(platform);

	for (size_t i = 0; i < EB_ARRAY_LEN(known); i++)
		if (eb_span_ends(s, known[i]))
			return known[i];
	return "";
}

/* The number of "cp313", "py3" or "py37"; 0 when there is none. */
static unsigned int minor_of(struct eb_span tag)
{
	uint64_t v = 0;

	if (tag.len < 4 || tag.ptr[2] != '3')
		return 0;
	tag = (struct eb_span){ tag.ptr + 3, tag.len - 3 };
	return eb_parse_u64(tag, 99, &v, NULL) < 0 ? 0 : (unsigned int)v;
}

static void add_platforms(struct batch *b, const char *platforms)
{
	struct eb_span rest = eb_span_str(platforms), one;

	while (eb_span_next(&rest, '.', &one)) {
		bool known = eb_span_eq(one, "any");

		for (size_t i = 0; i < b->n_platforms; i++)
			known = known || eb_span_eq(one, b->platforms[i]);
		if (!known && b->n_platforms < MAX_PLATFORMS)
			b->platforms[b->n_platforms++] = eb_span_dup(one);
	}
}

/* Does it go with what is in the batch? Then it is taken. */
static bool take(struct batch *b, const struct pkg_pip_wheel *w, const struct pkg_wheel_file *f)
{
	const char *machine = machine_of(f->platform);
	struct eb_span rest = eb_span_str(f->python), one;
	/* abi3 and none go with any; a version's own ABI with that version. */
	bool own_abi = strcmp(f->abi, "none") != 0 && strcmp(f->abi, "abi3") != 0;

	if ((*machine && b->machine && strcmp(b->machine, machine) != 0) ||
	    (own_abi && b->abi && strcmp(b->abi, f->abi) != 0))
		return false;
	for (size_t i = 0; i < b->n; i++)
		if (strcmp(b->v[i]->name, w->name) == 0)
			return false;
	if (*machine && !b->machine)
		b->machine = eb_xstrdup(machine);
	if (own_abi && !b->abi)
		b->abi = eb_xstrdup(f->abi);
	while (eb_span_next(&rest, '.', &one))
		if (minor_of(one) > b->minor)
			b->minor = minor_of(one);
	add_platforms(b, f->platform);
	b->v[b->n++] = w;
	return true;
}

static void add_arguments(struct pkg_pip_args *a, const struct batch *b, const char *dir)
{
	pkg_pip_arg_(a, "download");
	pkg_pip_arg_(a, "--no-deps");
	pkg_pip_arg_(a, "--require-hashes");
	pkg_pip_arg_(a, "--only-binary=:all:");
	pkg_pip_arg_(a, "--ignore-requires-python");
	pkg_pip_argf_(a, "--dest=%s/wheels", dir);
	pkg_pip_argf_(a, "--requirement=%s/wheels.txt", dir);
	pkg_pip_arg_(a, "--implementation=cp");
	/* Every tag of every file is named; the version only has to be no older than them. */
	if (b->abi)
		pkg_pip_argf_(a, "--abi=%s", b->abi);
	pkg_pip_argf_(a, "--python-version=3.%u", b->minor);
	for (size_t i = 0; i < b->n_platforms; i++)
		pkg_pip_argf_(a, "--platform=%s", b->platforms[i]);
	if (b->n_platforms == 0)
		pkg_pip_arg_(a, "--platform=any");
}

static int write_list(const struct batch *b, const struct pkg_workdir *w, struct eb_error **err)
{
	EB_AUTOBUF(list, MAX_LIST);
	int r;

	for (size_t i = 0; i < b->n; i++)
		eb_buf_addf(&list, "%s==%s --hash=sha256:%s\n", b->v[i]->name, b->v[i]->version,
			    b->v[i]->sha256);
	r = eb_buf_check(&list, "wheels", err);
	return r < 0 ? r
		     : pkg_workdir_write(w, "wheels.txt", eb_buf_str(&list), list.len, 0600, err);
}

static int store(const struct pkg_workdir *w, const struct pkg_pip_wheel *v,
		 const struct pkg_cache *c, struct eb_error **err)
{
	autofree char *rel = eb_xasprintf("wheels/%s", v->file);
	autofree char *what = eb_xasprintf("wheel %s", v->file);
	struct stat st;
	int fd = eb_dir_open_file(&w->dir, rel, O_RDONLY, 0, err);

	if (fd < 0)
		return eb_prefix(err, fd, "pip downloaded no %s", v->file);
	if (fstat(fd, &st) < 0) {
		int r = eb_throw_errno(err, "%s", what);

		close(fd);
		return r;
	}
	return pkg_cache_store(c, v->sha256, v->size == UINT64_MAX ? (uint64_t)st.st_size : v->size,
			       eb_reader_fd(fd, true), what, err);
}

static int run_batch(const struct pkg_pip *p, const struct batch *b, const struct pkg_cache *c,
		     struct eb_error **err)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *arena = eb_arena_new();
	struct pkg_pip_args a = { .arena = arena };
	PKG_AUTOWORKDIR(w);
	EB_AUTOBUF(log, MAX_LOG);
	int r = pkg_workdir_make(p->temp_dir, "pip", &w, err);

	if (r >= 0)
		r = write_list(b, &w, err);
	if (r < 0)
		return r;
	add_arguments(&a, b, w.path);
	r = pkg_pip_run_(p, &a, "null", w.path, &log, err);
	if (r > 0)
		r = pkg_pip_explain_(&log, err);
	if (r < 0)
		return eb_prefix(err, r, "wheel %s%s", b->v[0]->file,
				 b->n > 1 ? " and others" : "");
	for (size_t i = 0; r >= 0 && i < b->n; i++)
		r = store(&w, b->v[i], c, err);
	return r;
}

/* One batch out of those that are left (NULL = done); what it took becomes NULL. */
static int next_batch(const struct pkg_pip_wheel **left, size_t n, struct batch *b,
		      struct eb_error **err)
{
	b->v = eb_xcalloc(n + 1, sizeof(*b->v));
	for (size_t i = 0; i < n; i++) {
		EB_CLEANUP(pkg_wheel_file_release_p) struct pkg_wheel_file f = { 0 };
		int r;

		if (!left[i])
			continue;
		r = pkg_wheel_file_parse(left[i]->file, &f, err);
		if (r < 0)
			return r;
		if (take(b, left[i], &f))
			left[i] = NULL;
	}
	return 0;
}

int pkg_pip_download(const struct pkg_pip *p, const struct pkg_pip_wheel *v, size_t n,
		     const struct pkg_cache *c, struct eb_error **err)
{
	autofree const struct pkg_pip_wheel **left = eb_xcalloc(n + 1, sizeof(*left));

	for (size_t i = 0; i < n; i++) {
		uint64_t size = 0;
		autofd int fd = pkg_cache_find(c, v[i].sha256, &size, NULL);

		left[i] = fd < 0 ? &v[i] : NULL;
	}
	for (;;) {
		EB_CLEANUP(batch_release_p) struct batch b = { 0 };
		int r = next_batch(left, n, &b, err);

		if (r < 0)
			return r;
		if (b.n == 0)
			return 0;
		r = run_batch(p, &b, c, err);
		if (r < 0)
			return r;
	}
}
