/* The libraries that compress layers: each is a file of a package of the suites, for each host that
 * can build. */
#include "base/codec.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "pkg/fetch.h"
#include "pkg/index.h"
#include "pkg/input.h"
#include "pkg/resolve_private.h"
#include "pkg/solver.h"
#include "recipe/lock.h"

enum { MAX_LINKS = 8 };

const char *const resolve_hosts[] = { "amd64", "arm64", NULL };

bool resolve_is_host(const char *arch)
{
	for (size_t i = 0; resolve_hosts[i]; i++)
		if (strcmp(resolve_hosts[i], arch) == 0)
			return true;
	return false;
}

/* Written out, so that another default of a later program changes nothing that is locked. */
static int default_level(const char *kind)
{
	enum eb_codec_kind k;

	return eb_codec_parse(kind, &k, NULL) < 0 ? 0 : eb_codec_default_level(k);
}

int resolve_codecs_find(struct resolve_codecs *c, const struct rcp_recipe *r, struct pkg_solver *s,
			const char *arch, struct eb_error **err)
{
	size_t max = r->n_codecs * (EB_ARRAY_LEN(resolve_hosts) - 1);

	if (!c->v)
		c->v = eb_arena_alloc(c->arena, (max + 1) * sizeof(*c->v));
	for (size_t i = 0; i < r->n_codecs; i++) {
		const struct rcp_codec *k = &r->codecs[i];
		struct pkg_choice p;
		int rc;

		/* The parent's lock has those that the recipe only inherits. */
		if (strcmp(k->pos.file, r->file) != 0)
			continue;
		rc = pkg_solver_find(s, k->package, &p, err);

		if (rc < 0)
			return eb_prefix(err, rc, "%s:%u:%u: codec %s", k->pos.file, k->pos.line,
					 k->pos.column, k->kind);
		c->v[c->n++] = (struct rcp_locked_codec){
			.kind = k->kind,
			.arch = eb_arena_strdup(c->arena, arch),
			.version = eb_arena_strdup(c->arena, p.version),
			.path = eb_arena_strdup(c->arena, p.path),
			.archive = eb_arena_strdup(c->arena, p.archive),
			.sha256 = eb_arena_strdup(c->arena, p.sha256),
			.level = k->level ? k->level : default_level(k->kind),
			.size = p.size,
		};
	}
	return 0;
}

/* --- the library in the package --- */

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static const struct pkg_entry *entry_at(const struct pkg_index *x, const char *dir, size_t n_dir,
					const char *name)
{
	for (size_t i = 0; i < x->n_entries; i++) {
		const char *path = x->entries[i].path;

		if (strncmp(path, dir, n_dir) == 0 && strcmp(path + n_dir, name) == 0)
			return &x->entries[i];
	}
	return NULL;
}

/* Follow links within the directory, which is all that libraries have. */
static const struct pkg_entry *real_file(const struct pkg_index *x, const struct pkg_entry *e)
{
	for (unsigned int i = 0; e && e->type == '2' && i < MAX_LINKS; i++) {
		if (!e->link || strchr(e->link, '/'))
			return NULL;
		e = entry_at(x, e->path, (size_t)(base_of(e->path) - e->path), e->link);
	}
	return e && e->type == '0' ? e : NULL;
}

/* "usr/lib/x86_64-linux-gnu/libzstd.so.1.5.7" for "libzstd.so.1", or NULL. */
static const char *find_library(const struct pkg_index *x, const char *soname)
{
	for (size_t i = 0; i < x->n_entries; i++) {
		const char *path = x->entries[i].path;
		const struct pkg_entry *e;

		if ((strncmp(path, "usr/lib/", 8) != 0 && strncmp(path, "lib/", 4) != 0) ||
		    strcmp(base_of(path), soname) != 0)
			continue;
		e = real_file(x, &x->entries[i]);
		if (e)
			return e->path;
	}
	return NULL;
}

static const struct rcp_codec *codec_of(const struct rcp_recipe *r, const char *kind)
{
	for (size_t i = 0; i < r->n_codecs; i++)
		if (strcmp(r->codecs[i].kind, kind) == 0)
			return &r->codecs[i];
	return NULL;
}

static int lock_one(const struct rcp_locked_codec *c, const struct rcp_codec *k, const char *what,
		    const struct pkg_repo_options *o, struct rcp_lock *lock, struct eb_error **err)
{
	EB_CLEANUP(pkg_index_free_p) struct pkg_index *x = NULL;
	const struct pkg_input in = {
		.kind = PKG_INPUT_DEB, .what = what, .sha256 = c->sha256, .size = c->size
	};
	struct rcp_locked_codec full = *c;
	int rc = pkg_input_index(o->cache, &in, &x, err);

	if (rc < 0)
		return rc;
	full.library = find_library(x, k->library);
	if (!full.library)
		return rcp_throw(&k->pos, err,
				 "%s has no library '%s': expected usr/lib/<triplet>/%s", what,
				 k->library, k->library);
	rcp_lock_add_codec(lock, &full);
	return 0;
}

int resolve_codecs_lock(const struct resolve_codecs *c, const struct pkg_repo_options *o,
			const struct rcp_recipe *r, struct rcp_lock *lock, struct eb_error **err)
{
	const struct pkg_fetch_options options = { .cache = o->cache,
						   .mirrors = o->mirrors,
						   .source_dirs = o->source_dirs,
						   .offline = o->offline,
						   .http = o->http,
						   .progress = o->progress };
	struct pkg_source *s = eb_arena_alloc(c->arena, (c->n + 1) * sizeof(*s));
	int rc;

	for (size_t i = 0; i < c->n; i++)
		s[i] = (struct pkg_source){
			.what = eb_arena_printf(c->arena, "package %s %s (%s)",
						codec_of(r, c->v[i].kind)->package, c->v[i].version,
						c->v[i].arch),
			.archive = c->v[i].archive,
			.path = c->v[i].path,
			.sha256 = c->v[i].sha256,
			.size = c->v[i].size,
			.locked_sec = o->now_sec,
		};
	rc = pkg_fetch(&options, s, c->n, err);
	for (size_t i = 0; rc == 0 && i < c->n; i++)
		rc = lock_one(&c->v[i], codec_of(r, c->v[i].kind), s[i].what, o, lock, err);
	return rc;
}
