#include "image/shared.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/progress.h"
#include "base/stream.h"
#include "dist/push.h"
#include "image/mediatype.h"
#include "image/upstream_private.h"

enum { MAX_BLOBS = 400 };

struct place {
	struct img_place at;
	bool push;
	struct oci_registry *registry; /* opened when it is asked for the first time */
	char *complaint;	       /* the first */
	bool dead;		       /* not to be asked again */
};

struct img_shared {
	struct img_shared_options o;
	struct place *places; /* from, then to */
	struct img_shared_counts counts;
	json_t *kept; /* tags that are where they should be */
};

struct img_shared *img_shared_free(struct img_shared *s)
{
	for (size_t i = 0; s && i < s->o.n_from + s->o.n_to; i++) {
		oci_registry_free(s->places[i].registry);
		img_place_release(&s->places[i].at);
		free(s->places[i].complaint);
	}
	if (s) {
		free(s->places);
		json_decref(s->kept);
	}
	free(s);
	return NULL;
}

int img_shared_new(const struct img_shared_options *o, struct img_shared **ret,
		   struct eb_error **err)
{
	EB_CLEANUP(img_shared_free_p) struct img_shared *s = eb_xcalloc(1, sizeof(*s));
	size_t n = o->n_from + o->n_to;

	s->o = *o;
	s->places = eb_xcalloc(n + 1, sizeof(*s->places));
	s->kept = eb_json_object();
	for (size_t i = 0; i < n; i++) {
		struct place *p = &s->places[i];
		const char *text;
		int r;

		p->push = i >= o->n_from;
		text = p->push ? o->to[i - o->n_from] : o->from[i];
		r = img_place_parse(text, &p->at, err);
		if (r >= 0 && !*p->at.repo)
			r = eb_throw(err, EB_E_USAGE, "expected HOST/REPOSITORY");
		if (r < 0)
			return eb_prefix(err, r, "--cache-%s %s", p->push ? "to" : "from", text);
	}
	*ret = EB_TAKE_PTR(s);
	return 0;
}

struct img_shared_counts img_shared_count(const struct img_shared *s)
{
	return s ? s->counts : (struct img_shared_counts){ 0, 0 };
}

const char *img_shared_complaint(const struct img_shared *s, size_t i)
{
	return s && i < s->o.n_from + s->o.n_to ? s->places[i].complaint : NULL;
}

/* ---- places ---- */

/* Takes e. */
static void complain(struct place *p, int code, struct eb_error *e)
{
	if (!p->complaint)
		p->complaint = eb_xasprintf("%s/%s: %s", p->at.host, p->at.repo,
					    e ? e->message : eb_code_text(code));
	/* One blob that is damaged says nothing about the others. */
	p->dead = code != -EB_E_DIGEST && code != -EB_E_NOT_FOUND && code != -EB_E_FORMAT;
	eb_error_free(e);
}

static bool is_open(struct img_shared *s, struct place *p)
{
	const struct img_upstream *u = s->o.upstream;
	struct eb_error *e = NULL;
	int r;

	if (p->dead || p->registry)
		return !p->dead;
	r = u->open(u->ctx, p->at.host, p->at.plain_http, p->push, &p->registry, &e);
	if (r < 0)
		complain(p, r, e);
	return r >= 0;
}

static char *tag_of(const char *kind, const char *key)
{
	return eb_xasprintf("%s-%s", kind, key);
}

/* ---- from ---- */

static bool is_cached(const struct img_shared *s, const struct img_shared_blob *b)
{
	uint64_t size = 0;
	autofd int fd = pkg_cache_find(s->o.cache, oci_digest_hex(b->digest), &size, NULL);

	return fd >= 0 && size == b->size;
}

static bool all_cached(const struct img_shared *s, const struct img_shared_blob *blobs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_cached(s, &blobs[i]))
			return false;
	return true;
}

/* Is it what the lock says? A key stands for one result, unless a tool gives different ones. */
static bool is_same(const struct oci_manifest *m, const struct img_shared_blob *blobs, size_t n)
{
	bool same = !m->is_index && m->artifact_type &&
		    strcmp(m->artifact_type, IMG_MT_SHARED) == 0 && m->n_items == n;

	for (size_t i = 0; i < n && same; i++)
		same = oci_digest_eq(&m->items[i].digest, blobs[i].digest) &&
		       m->items[i].size == blobs[i].size;
	return same;
}

struct job {
	const struct img_shared *s;
	const struct place *p;
	const struct img_shared_blob *blobs;
};

static int fetch_one(void *ctx, size_t i, struct eb_error **err)
{
	const struct job *j = ctx;
	const struct img_shared_blob *b = &j->blobs[i];

	return is_cached(j->s, b) ? 0
				  : img_blob_to_cache(j->p->registry, j->p->at.repo, j->s->o.cache,
						      oci_digest_hex(b->digest), b->size, err);
}

static bool get_from(struct img_shared *s, struct place *p, const char *tag,
		     const struct img_shared_blob *blobs, size_t n)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = 0 };
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { 0 };
	struct job j = { s, p, blobs };
	autofree char *text = NULL;
	struct eb_error *e = NULL;
	int r;

	if (p->push || !is_open(s, p))
		return false;
	r = oci_registry_manifest(p->registry, p->at.repo, tag, &text, &d, &e);
	if (r == -EB_E_NOT_FOUND) {
		eb_error_free(e);
		return false;
	}
	if (r >= 0)
		r = oci_manifest_parse(text, d.size, &m, &e);
	if (r >= 0 && !is_same(&m, blobs, n))
		return false;
	if (r >= 0)
		r = eb_pool_map(s->o.pool, n, fetch_one, &j, &e);
	if (r < 0)
		complain(p, r, e);
	return r >= 0;
}

bool img_shared_get(struct img_shared *s, const char *kind, const char *key, const char *what,
		    const struct img_shared_blob *blobs, size_t n)
{
	autofree char *tag = tag_of(kind, key), *shown = NULL;
	bool had = false;
	unsigned int task;

	if (!s || n > MAX_BLOBS)
		return false;
	if (all_cached(s, blobs, n))
		return true;
	if (s->o.n_from == 0)
		return false;
	shown = eb_xasprintf("shared cache: %s", what);
	task = eb_progress_start(s->o.progress, shown, EB_UNIT_ITEMS, 0);
	for (size_t i = 0; i < s->o.n_from && !had; i++)
		had = get_from(s, &s->places[i], tag, blobs, n);
	eb_progress_finish(s->o.progress, task);
	s->counts.had += had;
	return had;
}

/* ---- to ---- */

struct result {
	const struct img_shared *s;
	const struct oci_source *blobs_of;
	char *text; /* of the manifest */
};

static int give_text(void *ctx, const struct oci_descriptor *d, char **ret, struct eb_error **err)
{
	const struct result *x = ctx;

	(void)d;
	(void)err;
	*ret = eb_xstrdup(x->text);
	return 0;
}

static int give_blob(void *ctx, const struct oci_descriptor *d, uint64_t offset,
		     struct eb_reader **ret, struct eb_error **err)
{
	const struct result *x = ctx;
	uint64_t size = 0;
	autofd int fd = -1;

	if (strcmp(d->media_type, OCI_MT_EMPTY) == 0) {
		*ret = eb_reader_mem(&"{}"[offset], 2 - (size_t)offset);
		return 0;
	}
	if (x->blobs_of)
		return x->blobs_of->blob(x->blobs_of->ctx, d, offset, ret, err);
	fd = pkg_cache_find(x->s->o.cache, oci_digest_hex(&d->digest), &size, err);
	if (fd < 0)
		return fd;
	if (size != d->size)
		return eb_throw(err, EB_E_DIGEST, "expected %llu bytes, found %llu",
				(unsigned long long)d->size, (unsigned long long)size);
	if (lseek(fd, (off_t)offset, SEEK_SET) < 0)
		return eb_throw_errno(err, "seek");
	*ret = eb_reader_fd(EB_TAKE_FD(fd), true);
	return 0;
}

static char *describe(const char *what, const struct img_shared_blob *blobs, size_t n,
		      struct oci_descriptor *ret)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m;
	char *text;
	size_t size;

	oci_manifest_init(&m, false);
	m.artifact_type = eb_xstrdup(IMG_MT_SHARED);
	oci_descriptor_of(OCI_MT_EMPTY, "{}", 2, &m.config);
	oci_manifest_annotate(&m, OCI_ANN_TITLE, what);
	for (size_t i = 0; i < n; i++) {
		EB_CLEANUP(oci_descriptor_release_p)
		struct oci_descriptor d = { .media_type = eb_xstrdup(blobs[i].media_type),
					    .digest = *blobs[i].digest,
					    .size = blobs[i].size };

		oci_manifest_add(&m, &d);
	}
	text = oci_manifest_write(&m, &size);
	oci_descriptor_of(OCI_MT_MANIFEST, text, size, ret);
	return text;
}

static bool put_to(struct img_shared *s, struct place *p, const char *tag,
		   const struct oci_source *src, const struct oci_descriptor *d, const char *what)
{
	struct oci_push_target t = { .repo = p->at.repo, .tag = tag, .root = *d, .name = what };
	const struct oci_push_options o = { .pool = s->o.pool, .progress = s->o.progress };
	struct oci_push_result res;
	struct eb_error *e = NULL;
	int r;

	if (!is_open(s, p))
		return false;
	r = oci_push(p->registry, src, &t, 1, &o, &res, &e);
	if (r < 0)
		complain(p, r, e);
	return r >= 0 && !t.there;
}

void img_shared_put(struct img_shared *s, const char *kind, const char *key, const char *what,
		    const struct img_shared_blob *blobs, size_t n,
		    const struct oci_source *blobs_of)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = 0 };
	struct result x = { .s = s, .blobs_of = blobs_of };
	const struct oci_source src = { &x, give_text, give_blob };
	autofree char *tag = tag_of(kind, key);
	bool kept = false;

	if (!s || s->o.n_to == 0 || n > MAX_BLOBS || json_object_get(s->kept, tag))
		return;
	x.text = describe(what, blobs, n, &d);
	for (size_t i = s->o.n_from; i < s->o.n_from + s->o.n_to; i++)
		kept |= put_to(s, &s->places[i], tag, &src, &d, what);
	free(x.text);
	s->counts.kept += kept;
	eb_json_set(s->kept, tag, json_true());
}

/* ---- one file ---- */

bool img_shared_get_file(struct img_shared *s, const char *kind, const char *key, const char *what,
			 const char *sha256, uint64_t size)
{
	autofree char *text = eb_xasprintf("sha256:%s", sha256);
	struct oci_digest digest;
	const struct img_shared_blob b = { "application/octet-stream", &digest, size };

	return oci_digest_parse(text, &digest, NULL) >= 0 &&
	       img_shared_get(s, kind, key, what, &b, 1);
}

void img_shared_put_file(struct img_shared *s, const char *kind, const char *key, const char *what,
			 const char *sha256, uint64_t size)
{
	autofree char *text = eb_xasprintf("sha256:%s", sha256);
	struct oci_digest digest;
	const struct img_shared_blob b = { "application/octet-stream", &digest, size };

	if (oci_digest_parse(text, &digest, NULL) >= 0)
		img_shared_put(s, kind, key, what, &b, 1, NULL);
}
