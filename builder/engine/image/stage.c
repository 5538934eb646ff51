#include "image/stage.h"

#include <stdatomic.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/progress.h"
#include "base/stream.h"
#include "image/base.h"
#include "image/emit.h"
#include "image/rootfs_build.h"
#include "image/shared.h"
#include "pkg/cache.h"
#include "pkg/once.h"

#define DERIVED_KIND "stage-1"

enum { DERIVED_MAX_BYTES = 1024 * 1024, MAX_STAGES = 4096, LARGE_BYTES = 3 * 1024 * 1024 };

struct img_session {
	const struct img_env *env;
	struct img_layers **known;
	size_t n, alloc;
	bool fallback;
	/* The codec that was loaded last: nearly always the one for all. */
	struct eb_codec *codec;
	char codec_key[80]; /* what decides which one it is */
};

static void drop_items(struct img_layers *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->items[i].name);
		free(l->items[i].by);
	}
	free(l->items);
	json_decref(l->config);
	l->config = NULL;
	l->items = NULL;
	l->n = 0;
}

void img_layers_release(struct img_layers *l)
{
	drop_items(l);
	*l = (struct img_layers){ 0 };
}

static struct img_layers *layers_free(struct img_layers *l)
{
	if (l)
		img_layers_release(l);
	free(l);
	return NULL;
}
EB_DEFINE_CLEANUP(struct img_layers *, layers_free)

struct img_session *img_session_new(const struct img_env *env)
{
	struct img_session *s = eb_xcalloc(1, sizeof(*s));

	s->env = env;
	return s;
}

struct img_session *img_session_free(struct img_session *s)
{
	if (s) {
		for (size_t i = 0; i < s->n; i++)
			layers_free(s->known[i]);
		free(s->known);
		eb_codec_free(s->codec);
		free(s);
	}
	return NULL;
}

const struct img_env *img_session_env(const struct img_session *s)
{
	return s->env;
}

bool img_session_used_fallback(const struct img_session *s)
{
	return s->fallback;
}

/* ---- making layers ---- */

struct run {
	struct img_emit emit;
	const struct img_split *split;
	size_t *order; /* largest group first, so that no long one is left for the end */
	struct oci_layer_result *results;
	const struct img_layers *expect; /* NULL when measuring */
	img_place place;
	void *place_ctx;
	size_t n_large; /* of `order` */
	size_t n_lanes;
	atomic_size_t next; /* large one to be taken */
};

static int check_result(const struct img_layer_info *want, const struct oci_layer_result *got,
			struct eb_error **err)
{
	if (!oci_digest_eq(&want->result.diff_id, &got->diff_id))
		return eb_throw(err, EB_E_DIGEST,
				"layer '%s' has other content: expected diff id %s, came out as %s",
				want->name, want->result.diff_id.text, got->diff_id.text);
	if (!oci_digest_eq(&want->result.digest, &got->digest))
		return eb_throw(err, EB_E_DIGEST,
				"layer '%s' has the right content but other compressed bytes: "
				"expected %s, came out as %s",
				want->name, want->result.digest.text, got->digest.text);
	return 0;
}

static int run_one(struct run *run, size_t k, struct eb_error **err)
{
	size_t i = run->order[k];
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *out = NULL;
	autoerror struct eb_error *e = NULL;
	int r;

	if (run->place) {
		out = run->place(run->place_ctx, i);
		if (!out) {
			eb_progress_advance(run->emit.env->progress, run->emit.task,
					    run->split->groups[i].bytes);
			return 0;
		}
	}
	r = img_emit_layer(&run->emit, &run->split->groups[i], out, &run->results[i], &e);
	/* There is just the space that is expected to be needed: to say what came out instead, it
	 * is made once more without being written. */
	if (r == -EB_E_LIMIT && out && run->expect &&
	    img_emit_layer(&run->emit, &run->split->groups[i], NULL, &run->results[i], NULL) >= 0)
		return check_result(&run->expect->items[i], &run->results[i], err);
	if (r < 0)
		return eb_error_forward(err, EB_TAKE_PTR(e));
	if (run->expect)
		r = check_result(&run->expect->items[i], &run->results[i], err);
	return r;
}

static int by_bytes(const void *pa, const void *pb, void *ctx)
{
	const struct img_split *split = ctx;
	size_t a = *(const size_t *)pa, b = *(const size_t *)pb;
	uint64_t x = split->groups[a].bytes, y = split->groups[b].bytes;

	if (x != y)
		return x < y ? 1 : -1;
	return a < b ? -1 : a > b;
}

/* A lane takes one large layer after the other. */
static int run_lane(struct run *run, struct eb_error **err)
{
	size_t k;

	while ((k = atomic_fetch_add(&run->next, 1)) < run->n_large) {
		int r = run_one(run, k, err);

		if (r < 0) {
			atomic_store(&run->next, run->n_large);
			return r;
		}
	}
	return 0;
}

static int run_unit(void *ctx, size_t i, struct eb_error **err)
{
	struct run *run = ctx;

	if (i < run->n_lanes)
		return run_lane(run, err);
	return run_one(run, run->n_large + i - run->n_lanes, err);
}

/* Memory goes by how many large layers are open at once: each has a decompressor's dictionary and
 * a block being filled. Decompressing takes as long as compressing, so half of the threads and one
 * more are enough lanes for large layers to keep all busy; a thread that finds neither a lane's
 * block nor a lane makes the small layers, each a block or two. */
static int run_order(struct run *run, struct eb_pool *pool, struct eb_error **err)
{
	size_t n = run->split->n;

	while (run->n_large < n &&
	       run->split->groups[run->order[run->n_large]].bytes >= LARGE_BYTES)
		run->n_large++;
	run->n_lanes = eb_pool_size(pool) > 1 ? eb_pool_size(pool) / 2 + 1 : 1;
	return eb_pool_map(pool, run->n_lanes + n - run->n_large, run_unit, run, err);
}

static int run_groups(struct run *run, const struct img_env *env, const char *what,
		      struct eb_error **err)
{
	autofree size_t *order = eb_xcalloc(run->split->n, sizeof(*order));
	uint64_t bytes = 0;
	int r;

	for (size_t i = 0; i < run->split->n; i++) {
		order[i] = i;
		bytes += run->split->groups[i].bytes;
	}
	qsort_r(order, run->split->n, sizeof(*order), by_bytes, (void *)(uintptr_t)run->split);
	run->order = order;
	run->emit.task = eb_progress_start(env->progress, what, EB_UNIT_BYTES, bytes);
	r = run_order(run, env->pool, err);
	eb_progress_finish(env->progress, run->emit.task);
	return r;
}

/* How many layers the stages before the last one have: it decides how many this one may make. */
static int count_inherited(struct img_session *s, const struct img_chain *c, const char *arch,
			   enum img_trust trust, size_t *ret, struct eb_error **err)
{
	size_t n = 0;

	for (size_t i = 0; i + 1 < c->n; i++) {
		struct img_chain upto = img_chain_upto(c, i);
		const struct img_layers *l;
		int r = img_stage_layers(s, &upto, arch, trust, &l, err);

		if (r < 0)
			return r;
		n += l->n;
	}
	*ret = n;
	return 0;
}

struct made {
	struct img_rootfs rootfs;
	struct img_split split;
	const struct eb_codec *codec; /* the session's */
};

static void made_release(struct made *m)
{
	img_split_release(&m->split);
	img_rootfs_release(&m->rootfs);
}
EB_DEFINE_RELEASE(struct made, made_release)

static int find_codec(struct img_session *s, const struct img_chain *c, const struct eb_codec **ret,
		      struct eb_error **err)
{
	const struct rcp_locked_codec *k = img_locked_codec(s->env, c, s->env->host_arch);
	const struct rcp_locked_codec *any = img_locked_codec(s->env, c, NULL);
	struct eb_codec *codec = NULL;
	char key[sizeof(s->codec_key)];
	bool fallback = false;
	int r;

	snprintf(key, sizeof(key), "%d %s", any ? any->level : 0, k ? k->sha256 : "");
	if (!s->codec || strcmp(key, s->codec_key) != 0) {
		r = img_codec_open(s->env, c, &codec, &fallback, err);
		if (r < 0)
			return r;
		s->fallback |= fallback;
		eb_codec_free(s->codec);
		s->codec = codec;
		memcpy(s->codec_key, key, sizeof(key));
	}
	*ret = s->codec;
	return 0;
}

static int prepare(struct img_session *s, const struct img_chain *c, const char *arch,
		   enum img_trust trust, struct made *m, struct eb_error **err)
{
	size_t inherited;
	int r = count_inherited(s, c, arch, trust, &inherited, err);

	if (r >= 0)
		r = find_codec(s, c, &m->codec, err);
	if (r >= 0)
		r = img_rootfs_build(s->env, c, arch, &m->rootfs, err);
	if (r >= 0)
		r = img_split_tree(m->rootfs.tree, m->rootfs.inputs.items, img_recipe(c)->name,
				   inherited, &m->split, err);
	return r;
}

static void run_init(struct run *run, const struct img_session *s, const struct img_chain *c,
		     const struct made *m)
{
	*run = (struct run){ .emit = { .env = s->env,
				       .tree = m->rootfs.tree,
				       .inputs = m->rootfs.inputs.items,
				       .codec = m->codec,
				       .epoch_sec = img_epoch(s->env, c) },
			     .split = &m->split };
}

static int measure(struct img_session *s, const struct img_chain *c, const char *arch,
		   enum img_trust trust, struct img_layers *l, struct eb_error **err)
{
	EB_CLEANUP(made_release_p) struct made m = { 0 };
	autofree char *what = eb_xasprintf("%s (%s)", img_recipe(c)->name, arch);
	autofree struct oci_layer_result *results = NULL;
	struct run run;
	int r = prepare(s, c, arch, trust, &m, err);

	if (r < 0)
		return r;
	run_init(&run, s, c, &m);
	results = eb_xcalloc(m.split.n, sizeof(*results));
	run.results = results;
	r = run_groups(&run, s->env, what, err);
	if (r < 0)
		return r;
	l->items = eb_xcalloc(m.split.n, sizeof(*l->items));
	l->n = m.split.n;
	for (size_t i = 0; i < l->n; i++) {
		l->items[i].name = eb_xstrdup(m.split.groups[i].name);
		l->items[i].result = results[i];
	}
	return 0;
}

/* ---- knowing them already ---- */

static const char *layer_media_type(enum eb_codec_kind kind)
{
	switch (kind) {
	case EB_CODEC_NONE:
		return "application/vnd.oci.image.layer.v1.tar";
	case EB_CODEC_GZIP:
		return "application/vnd.oci.image.layer.v1.tar+gzip";
	case EB_CODEC_ZSTD:
		return "application/vnd.oci.image.layer.v1.tar+zstd";
	}
	return "";
}

/* Whether only the clock makes l's key differ: the results were made by the locks' own, this build
 * has been given another. */
static bool differs_by_clock(const struct img_session *s, const struct img_chain *c,
			     const char *arch, const char *locked_key)
{
	struct img_env own = *s->env;
	char key[65];

	if (own.epoch_sec < 0)
		return false;
	own.epoch_sec = -1;
	return img_stage_key(&own, c, arch, key, NULL) >= 0 && strcmp(key, locked_key) == 0;
}

static int from_lock(const struct img_session *s, const struct img_chain *c, const char *arch,
		     struct img_layers *l, struct eb_error **err)
{
	const struct rcp_lock *lock = c->stage[c->n - 1].lock;
	const char *codec = eb_codec_name(s->env->compression);
	const struct rcp_locked_result *res = NULL;
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < lock->n_results; i++)
		if (strcmp(lock->results[i].arch, arch) == 0 &&
		    strcmp(lock->results[i].codec, codec) == 0)
			res = &lock->results[i];
	if (!res)
		return eb_throw(err, EB_E_NOT_FOUND, "no result");
	if (strcmp(res->key, l->key) != 0) {
		if (differs_by_clock(s, c, arch, res->key))
			return eb_throw(err, EB_E_NOT_FOUND, "no result for this clock");
		r = eb_throw(err, EB_E_CONFLICT, "%s was changed since %s was made",
			     img_recipe(c)->dir, lock->file);
		return eb_hint(err, r, "run 'ess-bundle lock %s' and review the diff",
			       img_recipe(c)->dir);
	}
	l->items = eb_xcalloc(lock->n_layers, sizeof(*l->items));
	for (size_t i = 0; i < lock->n_layers && r >= 0; i++) {
		const struct rcp_locked_layer *y = &lock->layers[i];
		struct img_layer_info *info = &l->items[n];

		if (strcmp(y->arch, arch) != 0 || strcmp(y->codec, codec) != 0)
			continue;
		if (y->n != n)
			return eb_throw(err, EB_E_FORMAT, "%s: layer %zu of %s is missing",
					lock->file, n, arch);
		info->name = eb_xstrdup(y->name);
		info->result.size = y->size;
		info->result.diff_size = y->diff_size;
		snprintf(info->result.media_type, sizeof(info->result.media_type), "%s",
			 layer_media_type(s->env->compression));
		l->n = ++n;
		r = oci_digest_parse(y->diff_id, &info->result.diff_id, err);
		if (r >= 0)
			r = oci_digest_parse(y->digest, &info->result.digest, err);
	}
	return r;
}

static int layer_from_json(const json_t *j, const struct img_session *s, struct img_layer_info *ret,
			   struct eb_error **err)
{
	const char *name, *diff_id, *digest;
	int r = eb_json_get_str(j, "name", &name, err);

	if (r >= 0)
		r = eb_json_get_str(j, "diff_id", &diff_id, err);
	if (r >= 0)
		r = eb_json_get_str(j, "digest", &digest, err);
	if (r >= 0)
		r = eb_json_get_u64(j, "size", UINT64_MAX / 2, &ret->result.size, err);
	if (r >= 0)
		r = eb_json_get_u64(j, "diff_size", UINT64_MAX / 2, &ret->result.diff_size, err);
	if (r >= 0)
		r = oci_digest_parse(diff_id, &ret->result.diff_id, err);
	if (r >= 0)
		r = oci_digest_parse(digest, &ret->result.digest, err);
	if (r < 0)
		return r;
	ret->name = eb_xstrdup(name);
	snprintf(ret->result.media_type, sizeof(ret->result.media_type), "%s",
		 layer_media_type(s->env->compression));
	return 0;
}

/* What a note is filed under: the stage's key, and the system's library where it does the work, as
 * the key only says that it does. */
static int note_key(const struct img_session *s, const struct img_chain *c, const char *key,
		    char ret[static 65], struct eb_error **err)
{
	EB_CLEANUP(eb_codec_free_p) struct eb_codec *codec = NULL;
	const struct rcp_locked_codec *any = img_locked_codec(s->env, c, NULL);
	autofree char *text = NULL;
	int r;

	memcpy(ret, key, 65);
	if (s->env->compression == EB_CODEC_NONE || img_locked_codec(s->env, c, s->env->host_arch))
		return 0;
	r = eb_codec_open_system(s->env->compression,
				 any && any->level ? any->level
						   : eb_codec_default_level(s->env->compression),
				 &codec, err);
	if (r < 0)
		return r;
	text = eb_xasprintf("%s %s", key, eb_codec_version(codec));
	eb_sha256_hex(text, strlen(text), ret);
	return 0;
}

static int from_cache(const struct img_session *s, const struct img_chain *c, struct img_layers *l,
		      struct eb_error **err)
{
	char key[65];
	EB_AUTOBUF(b, DERIVED_MAX_BYTES);
	autojson json_t *doc = NULL;
	int r = note_key(s, c, l->key, key, err);

	if (r >= 0)
		r = pkg_cache_derived_get(s->env->cache, DERIVED_KIND, key, &b, err);
	if (r >= 0)
		r = eb_json_parse(eb_buf_str(&b), b.len, DERIVED_MAX_BYTES, &doc, err);
	if (r < 0)
		return r;
	if (!json_is_array(doc))
		return eb_throw(err, EB_E_FORMAT, "expected an array");
	l->items = eb_xcalloc(json_array_size(doc), sizeof(*l->items));
	for (size_t i = 0; i < json_array_size(doc); i++) {
		r = layer_from_json(json_array_get(doc, i), s, &l->items[i], err);
		if (r < 0)
			return r;
		l->n = i + 1;
	}
	l->from_note = true;
	return 0;
}

/* A result that cannot be kept costs time later, no more. */
static void to_cache(const struct img_session *s, const struct img_chain *c,
		     const struct img_layers *l)
{
	char key[65];
	autojson json_t *doc = eb_json_array();
	autofree char *text = NULL;
	size_t n;

	for (size_t i = 0; i < l->n; i++) {
		json_t *j = eb_json_object();

		eb_json_set_str(j, "name", l->items[i].name);
		eb_json_set_str(j, "diff_id", l->items[i].result.diff_id.text);
		eb_json_set_str(j, "digest", l->items[i].result.digest.text);
		eb_json_set_u64(j, "size", l->items[i].result.size);
		eb_json_set_u64(j, "diff_size", l->items[i].result.diff_size);
		eb_json_push(doc, j);
	}
	text = eb_json_canonical(doc, &n);
	if (note_key(s, c, l->key, key, NULL) >= 0)
		eb_ignore(pkg_cache_derived_put(s->env->cache, DERIVED_KIND, key, text, n, NULL));
}

/* What was made is not what a note says, so the note is wrong: it was altered, or is of a program
 * that made other bytes. Then the others are no better. */
static int forget_notes(const struct img_session *s, int code, struct eb_error **err)
{
	pkg_cache_derived_drop(s->env->cache, DERIVED_KIND);
	return eb_hint(
		err, code,
		"the cache had a wrong note of what comes out; such notes are removed now: run "
		"the same command again");
}

static int find_known(const struct img_session *s, const struct img_chain *c, const char *arch,
		      enum img_trust trust, struct img_layers *l, struct eb_error **err)
{
	autoerror struct eb_error *e = NULL;
	int r;

	if (trust == IMG_TRUST_NOTHING)
		return 0;
	r = from_lock(s, c, arch, l, &e);
	if (r >= 0)
		return 1;
	if (r != -EB_E_NOT_FOUND)
		return eb_error_forward(err, EB_TAKE_PTR(e));
	if (from_cache(s, c, l, NULL) >= 0)
		return 1;
	drop_items(l);
	return 0;
}

static int measure_once(struct img_session *s, const struct img_chain *c, const char *arch,
			enum img_trust trust, struct img_layers *l, struct eb_error **err)
{
	autofree char *what = eb_xasprintf("%s (%s)", img_recipe(c)->name, arch);
	EB_CLEANUP(pkg_once_end_p) struct pkg_once *once = NULL;
	int r;

	if (trust != IMG_TRUST_NOTHING) {
		once = pkg_once_begin(s->env->cache, DERIVED_KIND, l->key, what, s->env->progress);
		if (from_cache(s, c, l, NULL) >= 0)
			return 0;
		drop_items(l);
	}
	r = measure(s, c, arch, trust, l, err);
	if (r >= 0)
		to_cache(s, c, l);
	return r;
}

/* Takes l. */
static int keep(struct img_session *s, struct img_layers *l, const struct img_layers **ret,
		struct eb_error **err)
{
	EB_CLEANUP(layers_free_p) struct img_layers *mine = l;
	int r = eb_grow(&s->known, &s->alloc, s->n + 1, sizeof(*s->known), MAX_STAGES, "stages",
			err);

	if (r < 0)
		return r;
	s->known[s->n] = EB_TAKE_PTR(mine);
	*ret = s->known[s->n++];
	return 0;
}

int img_stage_layers(struct img_session *s, const struct img_chain *c, const char *arch,
		     enum img_trust trust, const struct img_layers **ret, struct eb_error **err)
{
	EB_CLEANUP(layers_free_p) struct img_layers *l = eb_xcalloc(1, sizeof(*l));
	int r = img_stage_key(s->env, c, arch, l->key, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->known[i]->key, l->key) == 0) {
			*ret = s->known[i];
			return 0;
		}
	}
	if (img_recipe(c)->image.ref) {
		r = img_base_layers(s->env, c, arch, l, err);
		return r < 0 ? r : keep(s, EB_TAKE_PTR(l), ret, err);
	}
	r = find_known(s, c, arch, trust, l, err);
	if (r == 0)
		r = measure_once(s, c, arch, trust, l, err);
	if (r < 0)
		return eb_prefix(err, r, "image '%s' (%s)", img_recipe(c)->name, arch);
	return keep(s, EB_TAKE_PTR(l), ret, err);
}

/* ---- made elsewhere ---- */

#define SHARED_KIND "layers"

static struct img_shared_blob *list_blobs(const struct img_layers *l)
{
	struct img_shared_blob *blobs = eb_xcalloc(l->n + 1, sizeof(*blobs));

	for (size_t i = 0; i < l->n; i++)
		blobs[i] = (struct img_shared_blob){ l->items[i].result.media_type,
						     &l->items[i].result.digest,
						     l->items[i].result.size };
	return blobs;
}

bool img_stage_is_made(struct img_session *s, const struct img_chain *c, const char *arch)
{
	autofree char *what = eb_xasprintf("%s (%s)", img_recipe(c)->name, arch);
	EB_CLEANUP(img_layers_release_p) struct img_layers l = { .n = 0 };
	autofree struct img_shared_blob *blobs = NULL;

	if (img_recipe(c)->image.ref)
		return true;
	if (!s->env->shared || img_stage_key(s->env, c, arch, l.key, NULL) < 0 ||
	    from_lock(s, c, arch, &l, NULL) < 0)
		return false;
	blobs = list_blobs(&l);
	return img_shared_get(s->env->shared, SHARED_KIND, l.key, what, blobs, l.n);
}

void img_stage_share(struct img_session *s, const struct img_chain *c, const char *arch,
		     const struct img_layers *l, const struct oci_source *blobs_of)
{
	autofree char *what = eb_xasprintf("%s (%s)", img_recipe(c)->name, arch);
	autofree struct img_shared_blob *blobs = list_blobs(l);

	img_shared_put(s->env->shared, SHARED_KIND, l->key, what, blobs, l->n, blobs_of);
}

/* Layers lie in the source cache only if a shared one gave them. */
static bool is_made(const struct img_env *env, const struct img_layers *l)
{
	bool made = env->shared != NULL;

	for (size_t i = 0; i < l->n && made; i++) {
		uint64_t size = 0;
		autofd int fd = pkg_cache_find(
			env->cache, oci_digest_hex(&l->items[i].result.digest), &size, NULL);

		made = fd >= 0 && size == l->items[i].result.size;
	}
	return made;
}

static int check_shape(const struct img_split *split, const struct img_layers *expect,
		       struct eb_error **err)
{
	if (split->n != expect->n)
		return eb_throw(err, EB_E_DIGEST, "expected %zu layers, %zu came out", expect->n,
				split->n);
	for (size_t i = 0; i < split->n; i++)
		if (strcmp(split->groups[i].name, expect->items[i].name) != 0)
			return eb_throw(err, EB_E_DIGEST,
					"expected layer %zu to be '%s', it came out as '%s'", i,
					expect->items[i].name, split->groups[i].name);
	return 0;
}

int img_stage_write(struct img_session *s, const struct img_chain *c, const char *arch,
		    const struct img_layers *expect, img_place place, void *ctx,
		    struct eb_error **err)
{
	EB_CLEANUP(made_release_p) struct made m = { 0 };
	autofree char *what = eb_xasprintf("%s (%s)", img_recipe(c)->name, arch);
	autofree struct oci_layer_result *results = eb_xcalloc(expect->n, sizeof(*results));
	struct run run;
	int r;

	if (img_recipe(c)->image.ref || is_made(s->env, expect))
		return img_base_write(s->env, c, expect, place, ctx, err);
	r = prepare(s, c, arch, IMG_TRUST_LOCK, &m, err);
	if (r >= 0)
		r = check_shape(&m.split, expect, err);
	if (r >= 0) {
		run_init(&run, s, c, &m);
		run.results = results;
		run.expect = expect;
		run.place = place;
		run.place_ctx = ctx;
		r = run_groups(&run, s->env, what, err);
	}
	if (r == -EB_E_DIGEST && expect->from_note)
		r = forget_notes(s, r, err);
	if (r < 0)
		return eb_prefix(err, r, "image '%s' (%s)", img_recipe(c)->name, arch);
	return 0;
}
