#include "image/upstream.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/stream.h"
#include "dist/ref.h"
#include "dist/registry.h"
#include "image/upstream_private.h"
#include "pkg/partial.h"
#include "recipe/lock.h"
#include "recipe/recipe.h"

enum { IO_BYTES = 64 * 1024 };

void img_place_release(struct img_place *p)
{
	free(p->host);
	free(p->repo);
	*p = (struct img_place){ NULL, NULL, false };
}

static bool is_loopback(const char *host)
{
	return strncmp(host, "127.", 4) == 0 || strncmp(host, "[::1]", 5) == 0 ||
	       strcmp(host, "localhost") == 0 || strncmp(host, "localhost:", 10) == 0;
}

int img_place_parse(const char *text, struct img_place *ret, struct eb_error **err)
{
	EB_CLEANUP(oci_ref_release_p) struct oci_ref prefix = { .host = NULL };
	bool http = strncmp(text, "http://", 7) == 0, https = strncmp(text, "https://", 8) == 0;
	int r = oci_ref_parse_prefix(text + (http ? 7 : https ? 8 : 0), &prefix, err);

	if (r < 0)
		return r;
	ret->plain_http = http || (!https && is_loopback(prefix.host));
	ret->host = EB_TAKE_PTR(prefix.host);
	ret->repo = EB_TAKE_PTR(prefix.repo);
	return 0;
}

static int to_mirror(const char *mirror, const char *to, const char *repo, struct img_place *ret,
		     struct eb_error **err)
{
	int r = img_place_parse(to, ret, err);
	char *below;

	if (r < 0)
		return eb_prefix(err, r, "--registry-mirror %s", mirror);
	below = *ret->repo ? eb_xasprintf("%s/%s", ret->repo, repo) : eb_xstrdup(repo);
	free(ret->repo);
	ret->repo = below;
	return 0;
}

int img_upstream_place(const struct img_upstream *u, const char *ref, struct img_place *ret,
		       struct eb_error **err)
{
	EB_CLEANUP(oci_ref_release_p) struct oci_ref name = { .host = NULL };
	int r = oci_ref_parse(ref, &name, err);

	if (r < 0)
		return r;
	for (const char *const *m = u ? u->mirrors : NULL; m && *m; m++) {
		const char *equal = strchr(*m, '=');

		if (!equal || equal == *m || !equal[1])
			return eb_throw(err, EB_E_USAGE,
					"--registry-mirror %s: expected HOST=HOST2 or "
					"HOST=HOST2/PREFIX",
					*m);
		if (strncmp(*m, name.host, strlen(name.host)) == 0 &&
		    strlen(name.host) == (size_t)(equal - *m))
			return to_mirror(*m, equal + 1, name.repo, ret, err);
	}
	ret->plain_http = is_loopback(name.host);
	ret->host = EB_TAKE_PTR(name.host);
	ret->repo = EB_TAKE_PTR(name.repo);
	return 0;
}

void img_getter_release(struct img_getter *g)
{
	oci_registry_free(g->registry);
	img_place_release(&g->place);
}

int img_getter_connect(struct img_getter *g, struct eb_error **err)
{
	const struct img_upstream *u = g->env->upstream;
	int r;

	if (g->registry)
		return 0;
	if (!u || g->env->fetch->offline)
		return eb_throw(err, EB_E_OFFLINE, "--offline forbids to ask its registry");
	r = img_upstream_place(u, g->rcp->image.ref, &g->place, err);
	return r < 0 ? r
		     : u->open(u->ctx, g->place.host, g->place.plain_http, false, &g->registry,
			       err);
}

int img_getter_failed(const struct img_getter *g, int r, struct eb_error **err)
{
	r = eb_prefix(err, r, "image '%s' (%s)", g->rcp->name, g->rcp->image.ref);
	if (r == -EB_E_NETWORK || r == -EB_E_NOT_FOUND || r == -EB_E_DIGEST)
		return eb_hint(err, r,
			       "name a registry that has it with --registry-mirror HOST=HOST2, or "
			       "give --sources DIR");
	return r;
}

static struct oci_descriptor described(const char *media_type, const char *sha256, uint64_t size)
{
	struct oci_descriptor d = { .media_type = (char *)(uintptr_t)media_type, .size = size };
	autofree char *text = eb_xasprintf("sha256:%s", sha256);

	eb_ignore(oci_digest_parse(text, &d.digest, NULL));
	return d;
}

static bool is_document(const char *media_type)
{
	return oci_media_type_is_index(media_type) || oci_media_type_is_manifest(media_type);
}

static int get_document(struct img_getter *g, const char *sha256, struct eb_error **err)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { 0 };
	autofree char *version = eb_xasprintf("sha256:%s", sha256), *text = NULL;
	int r = oci_registry_manifest(g->registry, g->place.repo, version, &text, &d, err);

	if (r < 0)
		return r;
	return pkg_cache_store(g->env->cache, sha256, d.size, eb_reader_mem(text, d.size), version,
			       err);
}

static int receive(struct oci_registry *registry, const char *repo, const struct oci_descriptor *d,
		   struct pkg_partial *part, struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	autofree char *buf = eb_xmalloc(IO_BYTES);
	uint64_t have = pkg_partial_have(part);
	ssize_t got = 0;
	int r = 0;

	if (have > d->size)
		r = pkg_partial_restart(part, err);
	if (r >= 0 && pkg_partial_have(part) < d->size)
		r = oci_registry_blob(registry, repo, d, pkg_partial_have(part), &in, err);
	while (r >= 0 && in && (got = eb_read(in, buf, IO_BYTES, err)) > 0)
		r = pkg_partial_add(part, buf, (size_t)got, err);
	if (r < 0 || got < 0)
		return r < 0 ? r : (int)got;
	r = pkg_partial_publish(part, err);
	/* What is wrong is wrong from wherever it came: the next run begins anew. */
	if (r == -EB_E_DIGEST)
		eb_ignore(pkg_partial_restart(part, NULL));
	return r < 0 ? eb_prefix(err, r, "blob %s", d->digest.text) : 0;
}

int img_blob_to_cache(struct oci_registry *registry, const char *repo,
		      const struct pkg_cache *cache, const char *sha256, uint64_t size,
		      struct eb_error **err)
{
	const struct oci_descriptor d = described("application/octet-stream", sha256, size);

	for (;;) {
		EB_CLEANUP(pkg_partial_free_p) struct pkg_partial *part = NULL;
		int r = pkg_partial_open(cache, sha256, size, &part, err);

		if (r < 0 || r == PKG_PARTIAL_STORED)
			return r < 0 ? r : 0;
		if (r == PKG_PARTIAL_MINE)
			return receive(registry, repo, &d, part, err);
		r = pkg_partial_wait(cache, sha256, err);
		if (r < 0)
			return r;
	}
}

static bool is_cached(const struct img_env *env, const char *sha256, uint64_t size)
{
	uint64_t found = 0;
	autofd int fd = pkg_cache_find(env->cache, sha256, &found, NULL);

	return fd >= 0 && (size == UINT64_MAX || size == found);
}

/* From --sources directories, where the files are called by their sums. */
static int from_here(struct img_getter *g, const struct rcp_locked_blob *blobs, size_t n,
		     struct eb_error **err)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *arena = eb_arena_new();
	autofree struct pkg_source *sources = eb_xcalloc(n + 1, sizeof(*sources));
	struct pkg_fetch_options o = *g->env->fetch;
	autoerror struct eb_error *e = NULL;
	int r;

	for (size_t i = 0; i < n; i++)
		sources[i] = (struct pkg_source){
			.what = eb_arena_printf(arena, "image '%s' (%s): %s sha256:%s",
						g->rcp->name, g->rcp->image.ref, blobs[i].kind,
						blobs[i].sha256),
			.url = eb_arena_printf(arena, "https://%s", g->rcp->image.ref),
			.sha256 = blobs[i].sha256,
			.size = blobs[i].size,
		};
	o.offline = true;
	r = pkg_fetch(&o, sources, n, &e);
	if (r >= 0 || (r == -EB_E_OFFLINE && !g->env->fetch->offline))
		return 0;
	return eb_error_forward(err, EB_TAKE_PTR(e));
}

int img_getter_all(struct img_getter *g, const struct rcp_locked_blob *blobs, size_t n,
		   struct eb_error **err)
{
	int r = from_here(g, blobs, n, err);

	for (size_t i = 0; i < n && r >= 0; i++) {
		const struct rcp_locked_blob *b = &blobs[i];

		if (is_cached(g->env, b->sha256, b->size))
			continue;
		r = img_getter_connect(g, err);
		if (r >= 0)
			r = is_document(b->media_type)
				    ? get_document(g, b->sha256, err)
				    : img_blob_to_cache(g->registry, g->place.repo, g->env->cache,
							b->sha256, b->size, err);
		if (r < 0)
			return img_getter_failed(g, r, err);
	}
	return r;
}

int img_upstream_fetch(const struct img_env *env, const struct rcp_recipe *rcp,
		       const struct rcp_lock *lock, const char *const *arches, size_t n_arches,
		       struct eb_error **err)
{
	EB_CLEANUP(img_getter_release_p) struct img_getter g = { .env = env, .rcp = rcp };
	autofree struct rcp_locked_blob *wanted = eb_xcalloc(lock->n_blobs + 1, sizeof(*wanted));
	size_t n = 0;

	if (!rcp->image.ref)
		return 0;
	for (size_t i = 0; i < lock->n_blobs; i++) {
		bool want = !lock->blobs[i].arch;

		for (size_t k = 0; k < n_arches && !want; k++)
			want = strcmp(lock->blobs[i].arch, arches[k]) == 0;
		if (want)
			wanted[n++] = lock->blobs[i];
	}
	return img_getter_all(&g, wanted, n, err);
}
