#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/stream.h"
#include "image/carried.h"
#include "image/config.h"
#include "image/mediatype.h"
#include "image/upstream_private.h"
#include "recipe/lock.h"
#include "recipe/recipe.h"

static int read_cached(const struct img_getter *g, const struct oci_digest *digest,
		       struct eb_buf *out, struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	int r = pkg_cache_read(g->env->cache, oci_digest_hex(digest), UINT64_MAX, digest->text, &in,
			       err);

	return r < 0 ? r : eb_read_all(in, out, digest->text, err);
}

int img_getter_document(struct img_getter *g, const char *kind, const char *media_type,
			const struct oci_digest *digest, struct oci_manifest *ret,
			uint64_t *ret_size, struct eb_error **err)
{
	const struct rcp_locked_blob b = { .kind = kind,
					   .media_type = media_type,
					   .sha256 = oci_digest_hex(digest),
					   .size = UINT64_MAX };
	EB_AUTOBUF(text, OCI_MANIFEST_MAX_BYTES);
	int r = img_getter_all(g, &b, 1, err);

	if (r < 0)
		return r;
	r = read_cached(g, digest, &text, err);
	if (r >= 0)
		r = oci_manifest_parse(eb_buf_str(&text), text.len, ret, err);
	*ret_size = text.len;
	return r < 0 ? img_getter_failed(g, r, err) : 0;
}

static bool is_same(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

void img_lock_blob(struct rcp_lock *l, const char *arch, const char *kind, const char *signs,
		   const struct oci_descriptor *d)
{
	const struct rcp_locked_blob b = { .arch = arch,
					   .kind = kind,
					   .signs = signs,
					   .media_type = d->media_type,
					   .sha256 = oci_digest_hex(&d->digest),
					   .size = d->size };

	for (size_t i = 0; i < l->n_blobs; i++)
		if (is_same(l->blobs[i].sha256, b.sha256) && is_same(l->blobs[i].kind, kind) &&
		    is_same(l->blobs[i].arch, arch))
			return;
	rcp_lock_add_blob(l, &b);
}

static int throw_platform(const struct img_getter *g, const struct oci_manifest *index,
			  const char *arch, struct eb_error **err)
{
	const struct rcp_pos *at = &g->rcp->image.pos;
	EB_AUTOBUF(has, 4096);

	for (size_t i = 0; i < index->n_items; i++) {
		const struct oci_platform *p = &index->items[i].platform;
		autofree char *shown = NULL;

		if (!p->architecture || !p->os || oci_descriptor_attests(&index->items[i]))
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

static int read_config(struct img_getter *g, const struct oci_descriptor *d, struct oci_config *ret,
		       struct eb_error **err)
{
	const struct rcp_locked_blob b = { .kind = RCP_BLOB_CONFIG,
					   .media_type = d->media_type,
					   .sha256 = oci_digest_hex(&d->digest),
					   .size = d->size };
	EB_AUTOBUF(text, OCI_MANIFEST_MAX_BYTES);
	int r = img_getter_all(g, &b, 1, err);

	if (r < 0)
		return r;
	r = read_cached(g, &d->digest, &text, err);
	if (r >= 0)
		r = oci_config_parse(eb_buf_str(&text), text.len, ret, err);
	return r < 0 ? img_getter_failed(g, r, err) : 0;
}

/* When the image was made is the clock of what is built on it, unless something newer goes in. What
 * is in the place of an image may have another configuration. */
static int note_time(struct img_getter *g, const struct oci_descriptor *config, struct rcp_lock *l,
		     struct eb_error **err)
{
	EB_CLEANUP(oci_config_release_p) struct oci_config cfg = { .created_sec = -1 };
	int r = strcmp(config->media_type, OCI_MT_CONFIG) == 0 ||
				strcmp(config->media_type, OCI_MT_DOCKER_CONFIG) == 0
			? read_config(g, config, &cfg, err)
			: 0;

	if (r >= 0 && cfg.created_sec > l->epoch_sec)
		l->epoch_sec = cfg.created_sec;
	return r;
}

/* Read a manifest that the index lists, and list what it consists of. */
static int lock_manifest(struct img_getter *g, const char *arch, const struct oci_descriptor *d,
			 bool attestation, struct rcp_lock *l, struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { 0 };
	const char *kind = attestation ? RCP_BLOB_ATTESTATION : RCP_BLOB_MANIFEST;
	uint64_t size;
	int r = img_getter_document(g, kind, d->media_type, &d->digest, &m, &size, err);

	if (r >= 0 && m.is_index)
		r = img_getter_failed(g,
				      eb_throw(err, EB_E_FORMAT, "%s is an index inside an index",
					       d->digest.text),
				      err);
	if (r < 0)
		return r;
	if (!attestation) {
		r = note_time(g, &m.config, l, err);
		if (r < 0)
			return r;
	}
	img_lock_blob(l, arch, kind, NULL, d);
	img_lock_blob(l, arch, attestation ? kind : RCP_BLOB_CONFIG, NULL, &m.config);
	for (size_t i = 0; i < m.n_items; i++)
		img_lock_blob(l, arch, attestation ? kind : RCP_BLOB_LAYER, NULL, &m.items[i]);
	return img_lock_hangers(g, &d->digest, l, err);
}

/* A platform, and what the index lists about it. */
static int lock_platform(struct img_getter *g, const struct oci_manifest *index, const char *arch,
			 struct rcp_lock *l, struct eb_error **err)
{
	const struct oci_descriptor *d = img_find_platform(index, arch);
	int r;

	if (!d)
		return throw_platform(g, index, arch, err);
	r = lock_manifest(g, arch, d, false, l, err);
	for (size_t i = 0; i < index->n_items && r >= 0; i++)
		if (is_same(oci_descriptor_attests(&index->items[i]), d->digest.text))
			r = lock_manifest(g, arch, &index->items[i], true, l, err);
	return r;
}

/* The digest of the recipe names one platform's manifest: which, its configuration says. */
static int lock_single(struct img_getter *g, const struct oci_digest *digest,
		       const struct oci_manifest *m, struct rcp_lock *l, struct eb_error **err)
{
	EB_CLEANUP(oci_config_release_p) struct oci_config cfg = { 0 };
	const char *arch = g->rcp->architectures[0];
	int r = read_config(g, &m->config, &cfg, err);

	if (r < 0)
		return r;
	if (cfg.created_sec > l->epoch_sec)
		l->epoch_sec = cfg.created_sec;
	if (g->rcp->n_architectures != 1 || !is_same(cfg.architecture, arch))
		return eb_hint(err,
			       rcp_throw(&g->rcp->image.pos, err,
					 "image: %s is the manifest of %s alone, 'architectures' "
					 "asks for more or for others",
					 g->rcp->image.digest, cfg.architecture),
			       "say 'architectures: [%s]', or give the digest of the image's index",
			       cfg.architecture);
	img_lock_blob(l, arch, RCP_BLOB_CONFIG, NULL, &m->config);
	for (size_t i = 0; i < m->n_items; i++)
		img_lock_blob(l, arch, RCP_BLOB_LAYER, NULL, &m->items[i]);
	return img_lock_hangers(g, digest, l, err);
}

static int lock_index(struct img_getter *g, const struct oci_digest *digest,
		      const struct oci_manifest *index, struct rcp_lock *l, struct eb_error **err)
{
	int r = 0;

	for (size_t i = 0; i < g->rcp->n_architectures && r >= 0; i++)
		r = lock_platform(g, index, g->rcp->architectures[i], l, err);
	return r < 0 ? r : img_lock_hangers(g, digest, l, err);
}

int img_upstream_lock(const struct img_env *env, const struct rcp_recipe *rcp,
		      struct rcp_lock **ret, struct eb_error **err)
{
	EB_CLEANUP(img_getter_release_p) struct img_getter g = { .env = env, .rcp = rcp };
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *l = rcp_lock_new(rcp->name);
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest top = { 0 };
	struct rcp_locked_blob b = { .version = rcp->version };
	struct rcp_chain alone = { (struct rcp_recipe *[]){ (struct rcp_recipe *)(uintptr_t)rcp },
				   1 };
	struct oci_digest digest;
	char inputs[65];
	int r = oci_digest_parse(rcp->image.digest, &digest, err);

	if (r >= 0)
		r = img_getter_document(&g, RCP_BLOB_INDEX,
					"application/vnd.oci.image.index.v1+json", &digest, &top,
					&b.size, err);
	if (r < 0)
		return r;
	b.kind = top.is_index ? RCP_BLOB_INDEX : RCP_BLOB_MANIFEST;
	b.arch = top.is_index ? NULL : rcp->architectures[0];
	b.media_type = top.media_type;
	b.sha256 = oci_digest_hex(&digest);
	rcp_lock_add_blob(l, &b);
	r = top.is_index ? lock_index(&g, &digest, &top, l, err)
			 : lock_single(&g, &digest, &top, l, err);
	if (r < 0)
		return r;
	rcp_lock_inputs_hash(&alone, inputs);
	l->inputs_sha256 = eb_arena_strdup(l->arena, inputs);
	rcp_lock_sort(l);
	*ret = EB_TAKE_PTR(l);
	return 0;
}
