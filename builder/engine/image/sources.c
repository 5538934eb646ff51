/* What an image needs from the source cache: its inputs, and the compression library, which is one
 * like any other and is loaded from memory only. */
#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/chain.h"
#include "image/fetching.h"
#include "image/inputs.h"
#include "image/others.h"
#include "image/own.h"
#include "image/programs.h"
#include "image/python.h"
#include "image/upstream.h"
#include "pkg/input.h"

enum { LIBRARY_MAX_BYTES = 16 * 1024 * 1024, MAX_SOURCES = 200000 };

struct source_list {
	struct pkg_source *items;
	size_t n, alloc;
	struct eb_arena *arena;
};

static int add_source(struct source_list *l, const struct pkg_source *s, struct eb_error **err)
{
	int r = eb_grow(&l->items, &l->alloc, l->n + 1, sizeof(*l->items), MAX_SOURCES, "sources",
			err);

	if (r >= 0)
		l->items[l->n++] = *s;
	return r;
}

static bool among(const char *arch, const char *const *arches, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(arches[i], arch) == 0)
			return true;
	return false;
}

static struct pkg_source package_source(const struct rcp_locked_package *p,
					const struct rcp_lock *lock, struct eb_arena *arena)
{
	return (struct pkg_source){
		.what = eb_arena_printf(arena, "package %s %s (%s)", p->name, p->version,
					p->deb_arch),
		.archive = p->archive,
		.path = p->path,
		.sha256 = p->sha256,
		.size = p->size,
		.locked_sec = lock->epoch_sec,
	};
}

static int add_lock(struct source_list *l, const struct rcp_lock *lock, const char *const *arches,
		    size_t n_arches, struct eb_error **err)
{
	for (size_t i = 0; i < lock->n_packages; i++) {
		const struct rcp_locked_package *p = &lock->packages[i];
		struct pkg_source s = package_source(p, lock, l->arena);
		int r;

		if (!among(p->arch, arches, n_arches))
			continue;
		r = add_source(l, &s, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_wheels(struct source_list *l, const struct rcp_lock *lock, const char *const *arches,
		      size_t n_arches, struct eb_error **err)
{
	for (size_t i = 0; i < lock->n_wheels; i++) {
		const struct rcp_locked_wheel *w = &lock->wheels[i];
		const struct pkg_source s = {
			.what = eb_arena_printf(l->arena, "wheel %s %s (%s)", w->name, w->version,
						w->arch),
			.path = w->file,
			.wheel = w->file,
			.name = w->name,
			.version = w->version,
			.sha256 = w->sha256,
			.size = w->size,
			.locked_sec = lock->epoch_sec,
		};
		int r = among(w->arch, arches, n_arches) ? add_source(l, &s, err) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* What makes the bytecode of stage s, if it is to be made: packages for this machine. */
static int add_tools(struct source_list *l, const struct img_env *env, const struct img_chain *c,
		     size_t s, const char *const *arches, size_t n_arches, struct eb_error **err)
{
	struct img_chain upto = img_chain_upto(c, s);
	const struct rcp_locked_package *p;
	bool needed = false;
	size_t at = 0;

	for (size_t i = 0; i < n_arches; i++)
		needed = needed || !img_python_has(env, &upto, arches[i]);
	while (needed && (p = img_python_tool(env, &upto, &at)) != NULL) {
		struct pkg_source source = package_source(p, c->stage[s].lock, l->arena);
		int r = add_source(l, &source, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static const char *const *url_list(struct eb_arena *arena, const struct rcp_remote *m)
{
	const char **urls = eb_arena_alloc(arena, (m->n_mirrors + 1) * sizeof(*urls));

	for (size_t i = 0; i < m->n_mirrors; i++)
		urls[i] = m->mirrors[i];
	return urls;
}

static int add_remote(struct source_list *l, const char *what, const struct rcp_remote *m,
		      const char *sha256, uint64_t size, struct eb_error **err)
{
	const struct pkg_source s = { .what = eb_arena_strdup(l->arena, what),
				      .url = m->url,
				      .more_urls = url_list(l->arena, m),
				      .sha256 = sha256,
				      .size = size };

	return add_source(l, &s, err);
}

/* A commit's tar is made anew where it is missing, and must be what the lock says. */
static int make_commit(const struct img_env *env, const struct rcp_recipe *rcp,
		       const struct rcp_archive *a, const struct pkg_input *in,
		       struct eb_error **err)
{
	uint64_t size = 0;
	char hex[65];
	autofd int fd = pkg_cache_find(env->cache, in->sha256, &size, NULL);
	int r;

	if (fd >= 0 && size == in->size)
		return 0;
	r = img_git_archive(env, rcp, a, hex, &size, err);
	if (r < 0)
		return r;
	if (strcmp(hex, in->sha256) == 0)
		return 0;
	return eb_throw(err, EB_E_DIGEST,
			"%s of commit %s: expected sha256:%s, git made sha256:%s of it", in->what,
			a->commit, in->sha256, hex);
}

/* What does not come from a Debian archive, on one architecture. */
static int add_others(struct source_list *l, const struct img_env *env, const struct img_chain *c,
		      const char *arch, struct eb_error **err)
{
	EB_CLEANUP(img_inputs_release_p) struct img_inputs in = { 0 };
	int r = img_inputs_list(c, arch, l->arena, &in, err);

	for (size_t s = 0; s < c->n && r >= 0; s++)
		for (size_t i = in.first[s]; i < in.first[s + 1] && r >= 0; i++) {
			const struct img_asked *asked = &in.asked[i];
			const struct pkg_input *x = &in.items[i];
			const struct rcp_remote *m = asked->archive ? &asked->archive->remote
						     : asked->file  ? &asked->file->remote
								    : NULL;

			if (asked->archive && asked->archive->git)
				r = make_commit(env, c->stage[s].recipe, asked->archive, x, err);
			else if (m && rcp_is_own(m->url))
				r = img_own_have(env, m->url, x->what, x->sha256, x->size,
						 c->stage[s].recipe->dir, err);
			else if (m)
				r = add_remote(l, x->what, m, x->sha256, x->size, err);
		}
	return r;
}

static int add_codec(struct source_list *l, const struct img_env *env, const struct img_chain *c,
		     struct eb_error **err)
{
	const struct rcp_locked_codec *k = img_locked_codec(env, c, env->host_arch);
	struct pkg_source s;

	if (!k)
		return 0;
	s = (struct pkg_source){ .archive = k->archive,
				 .path = k->path,
				 .sha256 = k->sha256,
				 .size = k->size,
				 .locked_sec = img_epoch(env, c) };
	s.what = eb_arena_printf(l->arena, "codec %s %s (%s)", k->kind, k->version, k->arch);
	return add_source(l, &s, err);
}

/* The architectures of which something has to be made. */
static size_t to_make(const struct img_need *need, const char ***ret)
{
	const struct rcp_recipe *rcp = img_recipe(need->chain);
	const char *const *arches = need->arches ? need->arches : rcp->architectures;
	size_t n_arches = need->arches ? need->n_arches : rcp->n_architectures, n = 0;

	*ret = eb_xcalloc(n_arches + 1, sizeof(**ret));
	for (size_t i = 0; i < n_arches; i++)
		if (!among(arches[i], need->made, need->n_made))
			(*ret)[n++] = arches[i];
	return n;
}

static int add_need(struct source_list *l, const struct img_env *env, const struct img_need *need,
		    struct eb_error **err)
{
	autofree const char **arches = NULL;
	size_t n_arches = to_make(need, &arches);

	if (n_arches == 0 && need->n_made)
		return 0;
	for (size_t s = 0; s < need->chain->n; s++) {
		const struct rcp_lock *lock = need->chain->stage[s].lock;
		int r = add_lock(l, lock, arches, n_arches, err);

		if (r >= 0)
			r = add_wheels(l, lock, arches, n_arches, err);
		if (r >= 0)
			r = add_tools(l, env, need->chain, s, arches, n_arches, err);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < n_arches; i++) {
		/* An image may lack an architecture that others of the bundle have. */
		int r = img_has_arch(need->chain, arches[i])
				? add_others(l, env, need->chain, arches[i], err)
				: 0;

		if (r < 0)
			return r;
	}
	return add_codec(l, env, need->chain, err);
}

static int fetch_carried(const struct img_env *env, const struct img_need *need,
			 struct eb_error **err)
{
	const struct rcp_recipe *rcp = img_recipe(need->chain);
	const struct img_stage *first = &need->chain->stage[0];

	/* Itself, or what it is built on. */
	return img_upstream_fetch(env, first->recipe, first->lock,
				  need->arches ? need->arches : rcp->architectures,
				  need->arches ? need->n_arches : rcp->n_architectures, err);
}

/* Programs and bytecode that the locks name and the cache lacks. */
static int remake(const struct img_env *env, const struct img_need *need, struct eb_error **err)
{
	autofree const char **arches = NULL;
	size_t n_arches = to_make(need, &arches);
	int r = 0;

	for (size_t s = 0; s < need->chain->n; s++) {
		struct img_chain upto = img_chain_upto(need->chain, s);

		for (size_t i = 0; i < n_arches && r >= 0; i++) {
			r = img_programs_remake(env, upto.stage[s].recipe, upto.stage[s].lock,
						arches[i], err);
			if (r >= 0)
				r = img_python_remake(env, &upto, arches[i], err);
		}
	}
	return r;
}

int img_fetch(const struct img_env *env, const struct img_need *needs, size_t n,
	      struct eb_error **err)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *arena = eb_arena_new();
	struct source_list l = { .arena = arena };
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++)
		r = add_need(&l, env, &needs[i], err);
	if (r >= 0)
		r = img_fetch_sources(env, l.items, l.n, err);
	free(l.items);
	for (size_t i = 0; i < n && r >= 0; i++)
		r = fetch_carried(env, &needs[i], err);
	for (size_t i = 0; i < n && r >= 0; i++)
		r = remake(env, &needs[i], err);
	return r;
}

static int read_library(const struct img_env *env, const struct rcp_locked_codec *k,
			struct eb_buf *out, struct eb_error **err)
{
	EB_CLEANUP(pkg_data_free_p) struct pkg_data *d = NULL;
	autofree char *what = eb_xasprintf("codec %s %s (%s)", k->kind, k->version, k->arch);
	autofree char *buf = eb_xmalloc(65536);
	const struct pkg_input in = {
		.kind = PKG_INPUT_DEB, .what = what, .sha256 = k->sha256, .size = k->size
	};
	struct oci_tar_entry e;
	uint32_t member;
	bool found = false;
	int r = pkg_data_open(env->cache, &in, &d, err);

	while (r >= 0 && (r = pkg_data_next(d, &e, &member, err)) > 0) {
		ssize_t got;

		if (e.type != '0' || strcmp(e.path, k->library) != 0)
			continue;
		found = true;
		while ((got = pkg_data_read(d, buf, 65536, err)) > 0)
			eb_buf_add(out, buf, (size_t)got);
		if (got < 0)
			return (int)got;
	}
	if (r < 0)
		return r;
	if (!found)
		return eb_throw(err, EB_E_NOT_FOUND, "%s: has no member %s", what, k->library);
	return eb_buf_check(out, what, err);
}

int img_codec_open(const struct img_env *env, const struct img_chain *c, struct eb_codec **ret,
		   bool *ret_fallback, struct eb_error **err)
{
	const struct rcp_locked_codec *any = img_locked_codec(env, c, NULL);
	const struct rcp_locked_codec *k = img_locked_codec(env, c, env->host_arch);
	int level = any && any->level ? any->level : eb_codec_default_level(env->compression);
	EB_AUTOBUF(image, LIBRARY_MAX_BYTES);
	int r;

	if (env->compression == EB_CODEC_NONE || !k) {
		r = eb_codec_open_system(env->compression, level, ret, err);
		if (r >= 0)
			*ret_fallback = env->compression != EB_CODEC_NONE;
		return r;
	}
	r = read_library(env, k, &image, err);
	if (r < 0)
		return r;
	r = eb_codec_open_image(env->compression, level, image.data, image.len, ret, err);
	if (r < 0)
		return eb_prefix(err, r, "codec %s %s", k->kind, k->version);
	*ret_fallback = false;
	return 0;
}
