#include "bundle/verify.h"

#include <errno.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/progress.h"
#include "base/stream.h"
#include "bundle/canonical.h"
#include "image/mediatype.h"
#include "sign/key.h"
#include "sign/simple_signing.h"

/* Reads of a size that stays in the processor's cache until it is hashed, and below what malloc()
 * maps anew for every blob: with 256 KiB a sixteenth of the time went into page faults. */
enum { IO_BYTES = 64 * 1024, MAX_BLOBS = 400000 };

/* A blob that something reached lists, with the size it is said to have. */
struct wanted {
	const struct oci_descriptor *desc;
	const struct oci_member *member;
	bool layer; /* of an image, and nothing else */
};

struct verifier {
	struct bnd_bundle *b;
	struct wanted *wanted;
	size_t n, alloc;
	bool may_be_dir; /* which has no form of its own */
	struct eb_progress *progress;
	unsigned int task;
};

static int want(struct verifier *v, const struct oci_descriptor *d, bool layer,
		struct eb_error **err)
{
	const struct oci_member *m = oci_archive_find_blob(v->b->archive, &d->digest);
	int r;

	if (!m)
		return eb_throw(err, EB_E_DIGEST, "blob %s is missing", d->digest.text);
	if (m->size != d->size)
		return eb_throw(err, EB_E_DIGEST, "%s: has %llu bytes, %llu are listed", m->name,
				(unsigned long long)m->size, (unsigned long long)d->size);
	r = eb_grow(&v->wanted, &v->alloc, v->n + 1, sizeof(*v->wanted), MAX_BLOBS, "blobs", err);
	if (r >= 0)
		v->wanted[v->n++] = (struct wanted){ d, m, layer };
	return r;
}

/* layers: its parts are an image's layers. */
static int want_manifest(struct verifier *v, const struct oci_descriptor *d,
			 const struct oci_manifest *m, bool layers, struct eb_error **err)
{
	int r = want(v, d, false, err);

	if (r >= 0 && !m->is_index)
		r = want(v, &m->config, false, err);
	for (size_t i = 0; i < m->n_items && r >= 0 && !m->is_index; i++)
		r = want(v, &m->items[i], layers, err);
	return r;
}

static int want_all(struct verifier *v, struct eb_error **err)
{
	struct bnd_bundle *b = v->b;
	int r = want(v, &b->root, false, err);

	if (r >= 0)
		r = want_manifest(v, &b->bundle_desc, &b->bundle_manifest, false, err);
	for (size_t i = 0; i < b->n_images && r >= 0; i++) {
		r = want(v, &b->images[i].desc, false, err);
		for (size_t k = 0; k < b->images[i].index.n_items && r >= 0; k++)
			r = want_manifest(v, &b->images[i].index.items[k],
					  &b->images[i].platforms[k], true, err);
	}
	for (size_t i = 0; i < b->n_signatures && r >= 0; i++)
		r = want_manifest(v, &b->signatures[i].desc, &b->signatures[i].manifest, false,
				  err);
	return r;
}

static int by_member(const void *pa, const void *pb)
{
	const struct wanted *a = pa, *b = pb;

	return a->member < b->member ? -1 : a->member > b->member;
}

static int largest_first(const void *pa, const void *pb)
{
	const struct wanted *a = pa, *b = pb;

	if (a->member->size != b->member->size)
		return a->member->size < b->member->size ? 1 : -1;
	return by_member(pa, pb);
}

/* Each blob once. */
static void drop_doubles(struct verifier *v)
{
	size_t kept = 0;

	qsort(v->wanted, v->n, sizeof(*v->wanted), by_member);
	for (size_t i = 0; i < v->n; i++) {
		if (i > 0 && v->wanted[i].member == v->wanted[kept - 1].member)
			v->wanted[kept - 1].layer &= v->wanted[i].layer;
		else
			v->wanted[kept++] = v->wanted[i];
	}
	v->n = kept;
}

/* Nothing in the file may be left over. */
static int match_members(struct verifier *v, struct eb_error **err)
{
	for (size_t i = 0; i < oci_archive_count(v->b->archive); i++) {
		const struct oci_member *m = oci_archive_member(v->b->archive, i);
		struct wanted key = { NULL, m, false };

		if (strncmp(m->name, "blobs/", 6) == 0 &&
		    !bsearch(&key, v->wanted, v->n, sizeof(key), by_member))
			return eb_hint(err,
				       eb_throw(err, EB_E_DIGEST,
						"%s: neither the root nor a signature covers it",
						m->name),
				       BND_HINT_SIGN);
	}
	return 0;
}

static int hash_one(void *ctx, size_t i, struct eb_error **err)
{
	struct verifier *v = ctx;
	const struct wanted *w = &v->wanted[i];
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	autofree char *buf = eb_xmalloc(IO_BYTES);
	ssize_t got;
	/* want() has compared the sizes; the caller's message names the file. */
	int r = oci_archive_member_reader(v->b->archive, w->member, &in, err);

	if (r < 0)
		return r;
	in = eb_reader_verify(in, oci_digest_hex(&w->desc->digest), w->desc->size, w->member->name);
	while ((got = eb_read(in, buf, IO_BYTES, err)) > 0)
		eb_progress_advance(v->progress, v->task, (uint64_t)got);
	return got < 0 ? (int)got : 0;
}

static void drop_layers(struct verifier *v)
{
	size_t kept = 0;

	for (size_t i = 0; i < v->n; i++)
		if (!v->wanted[i].layer)
			v->wanted[kept++] = v->wanted[i];
	v->n = kept;
}

static int hash_all(struct verifier *v, struct eb_pool *pool, struct bnd_verify_result *ret,
		    struct eb_error **err)
{
	int r;

	qsort(v->wanted, v->n, sizeof(*v->wanted), largest_first);
	ret->blobs = v->n;
	for (size_t i = 0; i < v->n; i++)
		ret->bytes += v->wanted[i].member->size;
	v->task = eb_progress_start(v->progress, "verify", EB_UNIT_BYTES, ret->bytes);
	r = eb_pool_map(pool, v->n, hash_one, v, err);
	eb_progress_finish(v->progress, v->task);
	return r;
}

static bool signed_by(const struct bnd_bundle *b, const struct bnd_signature *s,
		      const struct oci_key *key, char **why)
{
	for (size_t i = 0; i < s->manifest.n_items; i++) {
		const struct oci_descriptor *d = &s->manifest.items[i];
		autofree char *payload = NULL;
		autoerror struct eb_error *e = NULL;
		size_t n;
		int r = oci_archive_blob_text(b->archive, d, OCI_PAYLOAD_MAX_BYTES, &payload, &n,
					      &e);

		if (r >= 0)
			r = oci_simple_verify(key, d, payload, n, &b->root.digest, &e);
		if (r >= 0)
			return true;
		free(*why);
		*why = eb_xstrdup(e->message);
	}
	return false;
}

/* Every signature there is has to be about this root, by whomever it is. */
static int check_payloads(const struct bnd_bundle *b, struct eb_error **err)
{
	for (size_t i = 0; i < b->n_signatures; i++) {
		const struct bnd_signature *s = &b->signatures[i];

		for (size_t k = 0; k < s->manifest.n_items; k++) {
			const struct oci_descriptor *d = &s->manifest.items[k];
			autofree char *payload = NULL;
			struct oci_digest signs;
			size_t n;
			int r = oci_archive_blob_text(b->archive, d, OCI_PAYLOAD_MAX_BYTES,
						      &payload, &n, err);

			if (r >= 0)
				r = oci_simple_payload_parse(payload, n, &signs, NULL, err);
			if (r < 0)
				return eb_prefix(err, r, "signature %s", s->desc.digest.text);
			if (!oci_digest_eq(&signs, &b->root.digest))
				return eb_throw(err, EB_E_SIGNATURE,
						"signature %s: is over %s, the root is %s",
						s->desc.digest.text, signs.text,
						b->root.digest.text);
		}
	}
	return 0;
}

static int check_signatures(const struct bnd_bundle *b, const struct oci_key *key,
			    struct bnd_verify_result *ret, struct eb_error **err)
{
	autofree char *why = eb_xstrdup("it holds nothing");
	char id[48];
	int r;

	ret->signatures = b->n_signatures;
	if (!key)
		return 0;
	if (b->n_signatures == 0) {
		r = eb_throw(err, EB_E_SIGNATURE, "the bundle is not signed");
		return eb_hint(err, r,
			       "sign it with 'ess-bundle sign', or check the digests alone with "
			       "--digests-only");
	}
	for (size_t i = 0; i < b->n_signatures; i++)
		ret->valid += signed_by(b, &b->signatures[i], key, &why);
	if (ret->valid)
		return 0;
	oci_key_hint(key, id);
	r = eb_throw(err, EB_E_SIGNATURE, "none of %zu signatures is by the key %s: %s",
		     b->n_signatures, id, why);
	return eb_hint(err, r, "get the public key of whoever made this bundle");
}

bool bnd_signed_by(const struct bnd_bundle *b, const struct oci_key *key)
{
	autofree char *why = NULL;

	for (size_t i = 0; i < b->n_signatures; i++)
		if (signed_by(b, &b->signatures[i], key, &why))
			return true;
	return false;
}

int bnd_verify_content(struct bnd_bundle *b, struct eb_pool *pool, struct eb_progress *progress,
		       struct eb_error **err)
{
	struct verifier v = { .b = b, .progress = progress };
	struct bnd_verify_result res = { 0 };
	int r = want_all(&v, err);

	if (r >= 0) {
		drop_doubles(&v);
		r = hash_all(&v, pool, &res, err);
	}
	free(v.wanted);
	return r;
}

/* Whatever is wrong with the file's content is a failed verification, not a failed program. */
int bnd_as_verification(int r, struct eb_error **err)
{
	switch (-r) {
	case EB_E_FORMAT:
	case EB_E_LIMIT:
	case EB_E_NOT_FOUND:
	case EB_E_UNSUPPORTED:
	case EB_E_CONFLICT:
		if (err && *err)
			(*err)->code = EB_E_DIGEST;
		return -EB_E_DIGEST;
	default:
		return r;
	}
}

static int check_all(struct verifier *v, enum bnd_depth depth, struct eb_pool *pool,
		     struct bnd_verify_result *ret, struct eb_error **err)
{
	int r = want_all(v, err);

	if (r >= 0) {
		drop_doubles(v);
		r = match_members(v, err);
	}
	if (r >= 0 && (!v->may_be_dir || !oci_archive_is_dir(v->b->archive)))
		r = bnd_check_canonical(v->b, err);
	if (depth == BND_DOCUMENTS)
		drop_layers(v);
	if (r >= 0)
		r = hash_all(v, pool, ret, err);
	return r < 0 ? r : check_payloads(v->b, err);
}

int bnd_open_checked(const char *path, enum bnd_depth depth, struct eb_pool *pool,
		     struct eb_progress *progress, struct bnd_bundle *ret, struct eb_error **err)
{
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	struct verifier v = { .b = &b, .may_be_dir = true, .progress = progress };
	struct bnd_verify_result res = { 0 };
	int r = bnd_open(path, &b, err);

	if (r == -ENOENT)
		return r;
	if (r >= 0) {
		r = check_all(&v, depth, pool, &res, err);
		free(v.wanted);
		r = r < 0 ? eb_prefix(err, r, "'%s'", path) : r;
	}
	if (r < 0)
		return bnd_as_verification(r, err);
	*ret = b;
	b = (struct bnd_bundle){ 0 };
	return 0;
}

int bnd_verify(const char *path, const struct oci_key *key, struct eb_pool *pool,
	       struct eb_progress *progress, struct bnd_bundle *ret_bundle,
	       struct bnd_verify_result *ret, struct eb_error **err)
{
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	struct bnd_verify_result res = { 0 };
	struct verifier v = { .b = &b, .progress = progress };
	int r = bnd_open(path, &b, err);

	if (r == -ENOENT)
		return r;
	if (r >= 0) {
		r = check_all(&v, BND_EVERY_BYTE, pool, &res, err);
		free(v.wanted);
		if (r >= 0)
			r = check_signatures(&b, key, &res, err);
		r = r < 0 ? eb_prefix(err, r, "'%s'", path) : r;
	}
	if (r < 0)
		return bnd_as_verification(r, err);
	*ret = res;
	if (ret_bundle) {
		*ret_bundle = b;
		b = (struct bnd_bundle){ 0 };
	}
	return 0;
}
