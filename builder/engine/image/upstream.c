#include "image/upstream.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/stream.h"
#include "dist/ref.h"
#include "dist/registry.h"
#include "image/carried.h"
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

static int to_mirror(const char *mirror, const char *to, const char *repo, struct img_place *ret,
		     struct eb_error **err)
{
	EB_CLEANUP(oci_ref_release_p) struct oci_ref prefix = { .host = NULL };
	bool http = strncmp(to, "http://", 7) == 0, https = strncmp(to, "https://", 8) == 0;
	int r = oci_ref_parse_prefix(to + (http ? 7 : https ? 8 : 0), &prefix, err);

	if (r < 0)
		return eb_prefix(err, r, "--registry-mirror %s", mirror);
	ret->plain_http = http || (!https && is_loopback(prefix.host));
	ret->host = eb_xstrdup(prefix.host);
	ret->repo = *prefix.repo ? eb_xasprintf("%s/%s", prefix.repo, repo) : eb_xstrdup(repo);
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

/* One image under way; the registry is opened when something is not in the cache. */
struct getter {
	const struct img_env *env;
	const struct rcp_recipe *rcp;
	struct img_place place;
	struct oci_registry *registry;
};

static void getter_release(struct getter *g)
{
	oci_registry_free(g->registry);
	img_place_release(&g->place);
}
EB_DEFINE_RELEASE(struct getter, getter_release)

static int connect(struct getter *g, struct eb_error **err)
{
	const struct img_upstream *u = g->env->upstream;
	int r;

	if (g->registry)
		return 0;
	if (!u || g->env->fetch->offline)
		return eb_throw(err, EB_E_OFFLINE, "--offline forbids to ask its registry");
	r = img_upstream_place(u, g->rcp->image.ref, &g->place, err);
	return r < 0 ? r : u->open(u->ctx, g->place.host, g->place.plain_http, &g->registry, err);
}

/* What the user knows: the image, beside what the registry's client says. */
static int of_image(const struct getter *g, int r, struct eb_error **err)
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

static int get_document(struct getter *g, const char *sha256, struct eb_error **err)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { 0 };
	autofree char *version = eb_xasprintf("sha256:%s", sha256), *text = NULL;
	int r = oci_registry_manifest(g->registry, g->place.repo, version, &text, &d, err);

	if (r < 0)
		return r;
	return pkg_cache_store(g->env->cache, sha256, d.size, eb_reader_mem(text, d.size), version,
			       err);
}

static int receive(struct getter *g, const struct oci_descriptor *d, struct pkg_partial *part,
		   struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	autofree char *buf = eb_xmalloc(IO_BYTES);
	uint64_t have = pkg_partial_have(part);
	ssize_t got = 0;
	int r = 0;

	if (have > d->size)
		r = pkg_partial_restart(part, err);
	if (r >= 0 && pkg_partial_have(part) < d->size)
		r = oci_registry_blob(g->registry, g->place.repo, d, pkg_partial_have(part), &in,
				      err);
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

static int get_blob(struct getter *g, const char *sha256, uint64_t size, struct eb_error **err)
{
	const struct oci_descriptor d = described("application/octet-stream", sha256, size);

	for (;;) {
		EB_CLEANUP(pkg_partial_free_p) struct pkg_partial *part = NULL;
		int r = pkg_partial_open(g->env->cache, sha256, size, &part, err);

		if (r < 0 || r == PKG_PARTIAL_STORED)
			return r < 0 ? r : 0;
		if (r == PKG_PARTIAL_MINE)
			return receive(g, &d, part, err);
		r = pkg_partial_wait(g->env->cache, sha256, err);
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
static int from_here(struct getter *g, const struct rcp_locked_blob *blobs, size_t n,
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

static int get_all(struct getter *g, const struct rcp_locked_blob *blobs, size_t n,
		   struct eb_error **err)
{
	int r = from_here(g, blobs, n, err);

	for (size_t i = 0; i < n && r >= 0; i++) {
		const struct rcp_locked_blob *b = &blobs[i];

		if (is_cached(g->env, b->sha256, b->size))
			continue;
		r = connect(g, err);
		if (r >= 0)
			r = is_document(b->media_type) ? get_document(g, b->sha256, err)
						       : get_blob(g, b->sha256, b->size, err);
		if (r < 0)
			return of_image(g, r, err);
	}
	return r;
}

int img_upstream_fetch(const struct img_env *env, const struct rcp_recipe *rcp,
		       const struct rcp_lock *lock, const char *const *arches, size_t n_arches,
		       struct eb_error **err)
{
	EB_CLEANUP(getter_release_p) struct getter g = { .env = env, .rcp = rcp };
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
	return get_all(&g, wanted, n, err);
}

/* ---- locking ---- */

/* A document whose digest is known, through the cache. */
static int read_document(struct getter *g, const char *kind, const char *media_type,
			 const struct oci_digest *digest, struct oci_manifest *ret,
			 uint64_t *ret_size, struct eb_error **err)
{
	struct rcp_locked_blob b = { .kind = kind,
				     .media_type = media_type,
				     .sha256 = oci_digest_hex(digest),
				     .size = UINT64_MAX };
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	EB_AUTOBUF(text, OCI_MANIFEST_MAX_BYTES);
	int r = get_all(g, &b, 1, err);

	if (r < 0)
		return r;
	r = pkg_cache_read(g->env->cache, b.sha256, UINT64_MAX, digest->text, &in, err);
	if (r >= 0)
		r = eb_read_all(in, &text, digest->text, err);
	if (r >= 0)
		r = oci_manifest_parse(eb_buf_str(&text), text.len, ret, err);
	*ret_size = text.len;
	return r < 0 ? of_image(g, r, err) : 0;
}

static void add_blob(struct rcp_lock *l, const char *arch, const char *kind,
		     const struct oci_descriptor *d)
{
	const struct rcp_locked_blob b = { .arch = arch,
					   .kind = kind,
					   .media_type = d->media_type,
					   .sha256 = oci_digest_hex(&d->digest),
					   .size = d->size };

	/* A layer may come twice in an image. */
	for (size_t i = 0; i < l->n_blobs; i++)
		if (strcmp(l->blobs[i].sha256, b.sha256) == 0 &&
		    strcmp(l->blobs[i].kind, kind) == 0 &&
		    strcmp(l->blobs[i].arch ? l->blobs[i].arch : "", arch ? arch : "") == 0)
			return;
	rcp_lock_add_blob(l, &b);
}

/* cosign keeps the signatures of sha256:HEX under the tag sha256-HEX.sig. */
static int lock_signature(struct getter *g, const struct oci_digest *signs, struct rcp_lock *l,
			  struct eb_error **err)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { 0 };
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { 0 };
	autoerror struct eb_error *e = NULL;
	struct rcp_locked_blob b = { .kind = RCP_BLOB_SIGNATURE, .signs = signs->text };
	autofree char *text = NULL;
	char tag[160], hex[65];
	int r = connect(g, err);

	if (r < 0)
		return of_image(g, r, err);
	oci_digest_tag(signs, ".sig", tag);
	r = oci_registry_manifest(g->registry, g->place.repo, tag, &text, &d, &e);
	if (r == -EB_E_NOT_FOUND)
		return 0;
	if (r < 0)
		return of_image(g, eb_error_forward(err, EB_TAKE_PTR(e)), err);
	r = pkg_cache_store_text(g->env->cache, text, d.size, hex, err);
	if (r >= 0)
		r = oci_manifest_parse(text, d.size, &m, err);
	if (r >= 0 && m.is_index)
		r = eb_throw(err, EB_E_FORMAT, "%s is an index, no signature", tag);
	if (r < 0)
		return of_image(g, r, err);
	b.media_type = d.media_type;
	b.sha256 = hex;
	b.size = d.size;
	rcp_lock_add_blob(l, &b);
	add_blob(l, NULL, RCP_BLOB_SIGNATURE, &m.config);
	for (size_t i = 0; i < m.n_items; i++)
		add_blob(l, NULL, RCP_BLOB_SIGNATURE, &m.items[i]);
	return 0;
}

static int throw_platform(const struct getter *g, const struct oci_manifest *index,
			  const char *arch, struct eb_error **err)
{
	const struct rcp_pos *at = &g->rcp->image.pos;
	EB_AUTOBUF(has, 4096);

	for (size_t i = 0; i < index->n_items; i++) {
		const struct oci_platform *p = &index->items[i].platform;
		autofree char *shown = NULL;

		if (!p->architecture || !p->os)
			continue;
		shown = eb_printable(p->architecture, 40);
		eb_buf_addf(&has, "%s%s", has.len ? ", " : "", shown);
	}
	return eb_hint(err,
		       eb_throw(err, EB_E_NOT_FOUND,
				"%s:%u:%u: image: %s is not there for linux/%s; its index lists %s",
				at->file, at->line, at->column, g->rcp->image.ref, arch,
				has.len ? eb_buf_str(&has) : "no platform"),
		       "leave it out of 'architectures'");
}

static int lock_platform(struct getter *g, const struct oci_manifest *index, const char *arch,
			 struct rcp_lock *l, struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { 0 };
	const struct oci_descriptor *d = img_find_platform(index, arch);
	uint64_t size;
	int r;

	if (!d)
		return throw_platform(g, index, arch, err);
	r = read_document(g, RCP_BLOB_MANIFEST, d->media_type, &d->digest, &m, &size, err);
	if (r >= 0 && m.is_index)
		r = of_image(g,
			     eb_throw(err, EB_E_FORMAT, "%s is an index inside an index",
				      d->digest.text),
			     err);
	if (r < 0)
		return r;
	add_blob(l, arch, RCP_BLOB_MANIFEST, d);
	add_blob(l, arch, RCP_BLOB_CONFIG, &m.config);
	for (size_t i = 0; i < m.n_items; i++)
		add_blob(l, arch, RCP_BLOB_LAYER, &m.items[i]);
	return lock_signature(g, &d->digest, l, err);
}

int img_upstream_lock(const struct img_env *env, const struct rcp_recipe *rcp,
		      struct rcp_lock **ret, struct eb_error **err)
{
	EB_CLEANUP(getter_release_p) struct getter g = { .env = env, .rcp = rcp };
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *l = rcp_lock_new(rcp->name);
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest index = { 0 };
	struct rcp_locked_blob b = { .kind = RCP_BLOB_INDEX, .version = rcp->version };
	struct rcp_chain alone = { (struct rcp_recipe *[]){ (struct rcp_recipe *)(uintptr_t)rcp },
				   1 };
	struct oci_digest digest;
	char inputs[65];
	int r = oci_digest_parse(rcp->image.digest, &digest, err);

	if (r >= 0)
		r = read_document(&g, RCP_BLOB_INDEX, "application/vnd.oci.image.index.v1+json",
				  &digest, &index, &b.size, err);
	if (r < 0)
		return r;
	if (!index.is_index)
		return rcp_throw(&rcp->image.pos, err,
				 "image: %s is one platform's manifest; give the digest of the "
				 "image's index",
				 rcp->image.digest);
	b.media_type = index.media_type;
	b.sha256 = oci_digest_hex(&digest);
	rcp_lock_add_blob(l, &b);
	for (size_t i = 0; i < rcp->n_architectures && r >= 0; i++)
		r = lock_platform(&g, &index, rcp->architectures[i], l, err);
	if (r >= 0)
		r = lock_signature(&g, &digest, l, err);
	if (r < 0)
		return r;
	rcp_lock_inputs_hash(&alone, inputs);
	l->inputs_sha256 = eb_arena_strdup(l->arena, inputs);
	rcp_lock_sort(l);
	*ret = EB_TAKE_PTR(l);
	return 0;
}
