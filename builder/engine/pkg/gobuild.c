#include "pkg/gobuild.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/remove.h"
#include "base/stream.h"
#include "pkg/gobuild_private.h"

enum { MAX_MESSAGES = 4 * 1024 * 1024, MAX_TAGS_TEXT = 64 * 1024 };
static const uint64_t MAX_PROGRAM_BYTES = 2ull * 1024 * 1024 * 1024;

void pkg_go_result_release(struct pkg_go_result *r)
{
	free(r->modules);
	eb_arena_free(r->arena);
	*r = (struct pkg_go_result){ 0 };
}

/* One build under way. */
struct work {
	char *dir, *src, *out, *tmp;
};

static void work_release(struct work *w)
{
	if (w->dir)
		eb_ignore(eb_remove_tree(AT_FDCWD, w->dir, NULL));
	free(w->dir);
	free(w->src);
	free(w->out);
	free(w->tmp);
}
EB_DEFINE_RELEASE(struct work, work_release)

/* Under the lock, so what another build left was left by one that was killed. */
static int work_open(const struct go *g, struct work *w, struct eb_error **err)
{
	int r;

	w->dir = eb_xasprintf("%s/work", g->root);
	w->src = eb_xasprintf("%s/src", w->dir);
	w->out = eb_xasprintf("%s/program", w->dir);
	w->tmp = eb_xasprintf("%s/tmp", w->dir);
	r = eb_remove_tree(AT_FDCWD, w->dir, err);
	if (r < 0)
		return r;
	if (mkdir(w->dir, 0700) < 0 || mkdir(w->tmp, 0700) < 0)
		return eb_throw_errno(err, "make '%s'", w->dir);
	return 0;
}

/* ---- sums ---- */

static int throw_sum(struct go *g, const struct pkg_go_module *m, const char *found,
		     struct eb_error **err)
{
	int r = eb_throw(err, EB_E_DIGEST, "Go module %s %s: expected %s, found %s", m->module,
			 m->version, m->h1, found);

	go_forget(g, m->module, m->version);
	return eb_hint(err, r,
		       "it was removed from the cache '%s'; run the same command again to fetch it "
		       "anew",
		       g->o->cache->dir.path);
}

/* The private copy of the main module. */
static int copy_main(struct go *g, const struct pkg_go_program *p, const char *expect_h1,
		     const struct work *w, const char **ret_h1, struct eb_error **err)
{
	autofree char *name = eb_xasprintf("%s@%s", p->module, p->version), *mod = NULL;
	struct pkg_go_module m = { .module = p->module, .version = p->version };
	const char *dir = NULL, *h1 = NULL;
	char found[PKG_GOSUM_BYTES];
	int r = go_download(g, p->module, p->version, &dir, &h1, err);

	if (r >= 0)
		r = pkg_gosum_dir(dir, name, w->src, found, err);
	if (r < 0)
		return r;
	m.h1 = expect_h1 ? expect_h1 : h1;
	if (strcmp(found, m.h1) != 0)
		return throw_sum(g, &m, found, err);
	/* Without one, Go would look for it in the directories above. */
	mod = eb_xasprintf("%s/go.mod", w->src);
	if (access(mod, R_OK) < 0)
		return eb_throw(err, EB_E_UNSUPPORTED, "Go module %s has no go.mod", name);
	*ret_h1 = eb_arena_strdup(g->arena, found);
	return 0;
}

/* What was compiled is what the sums say: Go looks at a module when it is unpacked only. */
static int check_modules(struct go *g, const struct pkg_go_result *res, struct eb_error **err)
{
	for (size_t i = 1; i < res->n_modules; i++) {
		const struct pkg_go_module *m = &res->modules[i];
		autofree char *dir = go_module_dir(g, m->module, m->version);
		autofree char *name = eb_xasprintf("%s@%s", m->module, m->version);
		char found[PKG_GOSUM_BYTES];
		int r = pkg_gosum_dir(dir, name, NULL, found, err);

		if (r < 0)
			return eb_prefix(err, r, "Go module %s %s", m->module, m->version);
		if (strcmp(found, m->h1) != 0)
			return throw_sum(g, m, found, err);
	}
	return 0;
}

/* ---- building ---- */

static int compile(struct go *g, const struct pkg_go_program *p, const struct work *w,
		   const char *what, struct eb_error **err)
{
	autofree char *arch = eb_xasprintf("GOARCH=%s", p->arch);
	autofree char *tmp = eb_xasprintf("GOTMPDIR=%s", w->tmp);
	autofree char *ldflags = eb_xasprintf("-s -w -buildid=%s%s", p->ldflags ? " " : "",
					      p->ldflags ? p->ldflags : "");
	autofree char *jobs = eb_xasprintf("%u", g->o->jobs ? g->o->jobs : 1);
	/* What a CPU of each architecture must have: the least. */
	const char *const more[] = {
		arch,		tmp,	   "GOOS=linux",     "CGO_ENABLED=0",	   "GOAMD64=v1",
		"GOARM64=v8.0", "GOARM=7", "GOPPC64=power8", "GORISCV64=rva20u64", NULL
	};
	const char *argv[20] = { g->tool,     "build",		 "-mod=readonly",
				 "-trimpath", "-buildvcs=false", "-modcacherw",
				 "-ldflags",  ldflags,		 "-o",
				 w->out };
	EB_AUTOBUF(tags, MAX_TAGS_TEXT);
	EB_AUTOBUF(messages, MAX_MESSAGES);
	size_t n = 10;
	int r;

	for (size_t i = 0; i < p->n_tags; i++)
		eb_buf_addf(&tags, "%s%s", i ? "," : "", p->tags[i]);
	if (tags.len) {
		argv[n++] = "-tags";
		argv[n++] = eb_buf_str(&tags);
	}
	if (g->o->jobs) {
		argv[n++] = "-p";
		argv[n++] = jobs;
	}
	argv[n++] = p->package;
	argv[n] = NULL;
	r = go_run(g, argv, w->src, more, NULL, &messages, err);
	return r > 0 ? go_throw(g, eb_buf_str(&messages), what, err) : r;
}

static int read_info(struct go *g, const struct pkg_go_program *p, const struct work *w,
		     const char *h1, struct pkg_go_result *res, struct eb_error **err)
{
	const char *const argv[] = { g->tool, "version", "-m", w->out, NULL };
	EB_AUTOBUF(out, GO_MAX_OUTPUT);
	EB_AUTOBUF(messages, MAX_MESSAGES);
	int r = go_run(g, argv, w->dir, NULL, &out, &messages, err);

	if (r > 0)
		return go_throw(g, eb_buf_str(&messages), "go version -m", err);
	if (r < 0)
		return r;
	r = go_info_parse(eb_buf_str(&out), out.len, p->module, p->version, p->toolchain, res, err);
	if (r < 0)
		return r;
	res->modules[0].h1 = eb_arena_strdup(res->arena, h1);
	pkg_go_gosum(res->modules, res->n_modules, res->gosum);
	return 0;
}

static int hash_program(const struct work *w, struct pkg_go_result *res, int *ret_fd,
			struct eb_error **err)
{
	autofd int fd = open(w->out, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *h = eb_writer_hash(NULL);
	struct stat st;
	int r;

	/* A package that is a library is compiled, but nothing comes out. */
	if (fd < 0 && errno == ENOENT)
		return eb_throw(err, EB_E_RECIPE, "the package is no program");
	if (fd < 0 || fstat(fd, &st) < 0)
		return eb_throw_errno(err, "'%s'", w->out);
	if (!S_ISREG(st.st_mode) || !(st.st_mode & S_IXUSR))
		return eb_throw(err, EB_E_RECIPE, "the package is no program");
	if ((uint64_t)st.st_size > MAX_PROGRAM_BYTES)
		return eb_throw(err, EB_E_LIMIT, "the program is larger than %llu bytes",
				(unsigned long long)MAX_PROGRAM_BYTES);
	in = eb_reader_region(fd, 0, (uint64_t)st.st_size);
	r = eb_copy(in, h, NULL, err);
	if (r < 0)
		return r;
	eb_writer_hash_hex(h, res->sha256);
	res->size = (uint64_t)st.st_size;
	*ret_fd = EB_TAKE_FD(fd);
	return 0;
}

static int compare(const struct pkg_go_result *res, const struct pkg_go_result *expect,
		   struct eb_error **err)
{
	if (strcmp(res->gosum, expect->gosum) != 0)
		return eb_throw(err, EB_E_DIGEST,
				"expected modules with the sum %s, found %zu with %s",
				expect->gosum, res->n_modules, res->gosum);
	if (strcmp(res->sha256, expect->sha256) != 0 || res->size != expect->size)
		return eb_throw(err, EB_E_DIGEST,
				"expected sha256:%s (%llu bytes), built sha256:%s (%llu bytes)",
				expect->sha256, (unsigned long long)expect->size, res->sha256,
				(unsigned long long)res->size);
	return 0;
}

static int build(struct go *g, const struct pkg_go_program *p, const struct pkg_go_result *expect,
		 const char *what, struct pkg_go_result *res, struct eb_error **err)
{
	EB_CLEANUP(work_release_p) struct work w = { 0 };
	autofd int fd = -1;
	const char *h1 = NULL;
	int r = go_need_toolchain(g, p->toolchain, err);

	if (r >= 0)
		r = work_open(g, &w, err);
	if (r >= 0)
		r = copy_main(g, p, expect && expect->n_modules ? expect->modules[0].h1 : NULL, &w,
			      &h1, err);
	if (r < 0)
		return r;
	r = compile(g, p, &w, what, err);
	if (r < 0)
		return r;
	r = hash_program(&w, res, &fd, err);
	if (r >= 0) {
		struct pkg_go_result info = { 0 };

		r = read_info(g, p, &w, h1, &info, err);
		if (r >= 0) {
			memcpy(info.sha256, res->sha256, sizeof(info.sha256));
			info.size = res->size;
			*res = info;
		}
	}
	if (r >= 0)
		r = check_modules(g, res, err);
	if (r >= 0 && expect)
		r = compare(res, expect, err);
	if (r < 0)
		return eb_prefix(err, r, "%s", what);
	return pkg_cache_store(g->o->cache, res->sha256, res->size,
			       eb_reader_region(fd, 0, res->size), what, err);
}

static bool is_built(const struct pkg_cache *c, const struct pkg_go_result *expect)
{
	uint64_t size = 0;
	autofd int fd = expect ? pkg_cache_find(c, expect->sha256, &size, NULL) : -1;

	return fd >= 0 && size == expect->size;
}

int pkg_go_build(const struct pkg_go_options *o, const struct pkg_go_program *p,
		 const struct pkg_go_result *expect, struct pkg_go_result *ret,
		 struct eb_error **err)
{
	EB_CLEANUP(go_release_p) struct go g = { .lock_fd = -1 };
	EB_CLEANUP(pkg_go_result_release_p) struct pkg_go_result res = { 0 };
	autofree char *what = eb_xasprintf("Go program %s of %s %s (%s, %s)", p->package, p->module,
					   p->version, p->arch, p->toolchain);
	unsigned int task;
	int r = go_open(o, &g, err);

	if (r < 0)
		return eb_prefix(err, r, "%s", what);
	/* Another process may have done it while this one waited for the lock. */
	if (!ret && is_built(o->cache, expect))
		return 0;
	task = eb_progress_start(o->progress, what, EB_UNIT_ITEMS, 0);
	r = build(&g, p, expect, what, &res, err);
	eb_progress_finish(o->progress, task);
	if (r < 0)
		return r;
	if (ret) {
		*ret = res;
		res = (struct pkg_go_result){ 0 };
	}
	return 0;
}
