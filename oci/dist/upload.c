#include "dist/upload.h"

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/stream.h"
#include "base/url.h"

void oci_upload_release(struct oci_upload *u)
{
	eb_reader_free(u->in);
	eb_hash_free(u->hash);
	oci_session_free(u->session);
	free(u->url);
	*u = (struct oci_upload){ .url = NULL };
}

/* ---- the bytes ---- */

/* Hash what has not been hashed yet. Nothing is skipped: a session starts with no bytes, or with
 * those that oci_upload_catch_up() reads. */
static void hash_new(struct oci_upload *u, uint64_t at, const char *p, size_t n)
{
	uint64_t skip = u->hashed - at;

	if (at > u->hashed || skip >= n)
		return;
	if (!u->hash)
		u->hash = eb_hash_new(oci_digest_alg(&u->d->digest));
	eb_hash_update(u->hash, p + skip, n - (size_t)skip);
	u->hashed += n - skip;
}

/* Before the last byte leaves, the digest has to be right. */
static int check_digest(struct oci_upload *u, struct eb_error **err)
{
	char hex[EB_HASH_MAX_HEX + 1];

	if (u->hashed != u->d->size)
		return 0;
	eb_hash_peek_hex(u->hash, hex);
	if (strcmp(hex, oci_digest_hex(&u->d->digest)) != 0)
		return eb_throw(err, EB_E_DIGEST, "blob %s: its %llu bytes hash to %s",
				u->d->digest.text, (unsigned long long)u->d->size, hex);
	return 0;
}

static ssize_t read_source(struct oci_upload *u, uint64_t at, void *p, size_t n,
			   struct eb_error **err)
{
	ssize_t got;
	int r;

	if (u->in && u->in_at != at)
		u->in = eb_reader_free(u->in);
	if (!u->in) {
		r = u->source->open(u->source->ctx, u->d, at, &u->in, err);
		if (r < 0)
			return r;
		u->in_at = at;
	}
	got = eb_read(u->in, p, n, err);
	if (got < 0)
		return got;
	if (got == 0)
		return eb_throw(err, EB_E_DIGEST, "blob %s ends after %llu of %llu bytes",
				u->d->digest.text, (unsigned long long)at,
				(unsigned long long)u->d->size);
	u->in_at += (uint64_t)got;
	hash_new(u, at, p, (size_t)got);
	r = check_digest(u, err);
	return r < 0 ? r : got;
}

int oci_upload_catch_up(struct oci_upload *u, struct eb_error **err)
{
	enum { IO_BYTES = 256 * 1024 };
	autofree char *buf = eb_xmalloc(IO_BYTES);

	while (u->hashed < u->at) {
		uint64_t left = u->at - u->hashed;
		ssize_t got = read_source(u, u->hashed, buf,
					  left < IO_BYTES ? (size_t)left : IO_BYTES, err);

		if (got < 0)
			return (int)got;
	}
	return 0;
}

static ssize_t on_send(void *ctx, uint64_t at, void *p, size_t n, struct eb_error **err)
{
	struct oci_upload *u = ctx;
	ssize_t got = read_source(u, u->base + at, p, n, err);

	if (got < 0)
		u->source_failed = true;
	else
		u->sent_bytes += (uint64_t)got;
	return got;
}

/* ---- requests ---- */

static char *what_of(const struct oci_upload *u)
{
	return eb_xasprintf("blob %s", u->d->digest.text);
}

void oci_upload_request(struct oci_upload *u, const char *method, bool finish, uint64_t n,
			struct oci_request *q)
{
	autofree char *what = what_of(u), *digest = eb_url_escape(u->d->digest.text);
	char *url = finish ? eb_xasprintf("%s%cdigest=%s", u->url, strchr(u->url, '?') ? '&' : '?',
					  digest)
			   : eb_xstrdup(u->url);

	oci_request_init(q, u->registry, method, u->repo, url, what);
	u->base = u->at;
	q->ctx = u;
	q->call.send = on_send;
	q->call.send_bytes = n;
	q->call.attempts = 1; /* what is left to send is asked for before the next */
}

static void take_min_chunk(struct oci_upload *u, const struct oci_request *q)
{
	autofree char *text = eb_http_call_header(&q->call, "OCI-Chunk-Min-Length", 0);
	uint64_t n;

	if (text && eb_parse_u64(eb_span_str(text), UINT64_MAX, &n, NULL) >= 0)
		u->min_chunk = n;
	if (u->chunk && u->chunk < u->min_chunk)
		u->chunk = u->min_chunk;
}

/* "Range: 0-END", with END the last byte that the registry has. */
static bool answer_end(const struct oci_request *q, uint64_t *ret)
{
	autofree char *text = eb_http_call_header(&q->call, "Range", 0);
	struct eb_span s = eb_span_str(text ? text : ""), first;
	uint64_t last;

	if (eb_span_starts(s, "bytes=")) {
		s.ptr += 6;
		s.len -= 6;
	}
	if (!eb_span_next(&s, '-', &first) || !eb_span_eq(first, "0") ||
	    eb_parse_u64(s, UINT64_MAX - 1, &last, NULL) < 0)
		return false;
	*ret = last + 1;
	return true;
}

int oci_upload_follow(struct oci_upload *u, const struct oci_request *q, uint64_t n,
		      struct eb_error **err)
{
	autofree char *location = eb_http_call_header(&q->call, "Location", 0);
	uint64_t end = u->base + n;
	char *url = NULL;
	int r;

	if (location) {
		r = oci_request_location(u->registry, q, &url, err);
		if (r < 0)
			return r;
		free(u->url);
		u->url = url;
		oci_session_save(u->session, u->registry->base, url);
	}
	if (answer_end(q, &u->at)) {
		/* distribution says "0-0" of nothing, too. */
		if (u->at == 1 && n != 1)
			u->at = 0;
		if (u->at > end)
			return eb_throw(err, EB_E_NETWORK,
					"%s: the registry has %llu bytes, only %llu were sent",
					q->what, (unsigned long long)u->at,
					(unsigned long long)end);
	} else {
		u->at = end;
	}
	return 0;
}

static char *start_url(const struct oci_upload *u, const char *from)
{
	autofree char *digest = eb_url_escape(u->d->digest.text);
	autofree char *repo = from ? eb_url_escape(from) : NULL;

	return from ? eb_xasprintf("%s/blobs/uploads/?mount=%s&from=%s", u->repo, digest, repo)
		    : eb_xasprintf("%s/blobs/uploads/", u->repo);
}

int oci_upload_start(struct oci_upload *u, const char *from, bool *ret_mounted,
		     struct eb_error **err)
{
	EB_CLEANUP(oci_request_release_p) struct oci_request q;
	autofree char *what = what_of(u);
	struct eb_error *e = NULL;
	int r;

	oci_request_init(&q, u->registry, "POST", u->repo, start_url(u, from), what);
	q.from = from;
	r = oci_request_run(u->registry, &q, &e);
	*ret_mounted = r >= 0 && from && q.get.status == 201;
	if (*ret_mounted)
		return 0;
	/* Not every registry that mounts does so from everywhere. */
	if (from && (r == -EB_E_AUTH || (r >= 0 && q.get.status / 100 == 4))) {
		eb_log(EB_LOG_DEBUG, "%s: not mounted from %s: HTTP %ld", q.what, from,
		       q.get.status);
		eb_error_clear(&e);
		return oci_upload_start(u, NULL, ret_mounted, err);
	}
	if (r < 0)
		return eb_error_forward(err, e);
	if (q.get.status != 202 && q.get.status != 201)
		return oci_request_throw(&q, err);
	free(u->url);
	u->url = NULL;
	u->at = 0;
	r = oci_request_location(u->registry, &q, &u->url, err);
	if (r < 0)
		return r;
	take_min_chunk(u, &q);
	oci_session_save(u->session, u->registry->base, u->url);
	return 0;
}

int oci_upload_ask(struct oci_upload *u, struct eb_error **err)
{
	EB_CLEANUP(oci_request_release_p) struct oci_request q;
	uint64_t had;
	autofree char *what = what_of(u);
	int r;

	oci_request_init(&q, u->registry, "GET", u->repo, eb_xstrdup(u->url), what);
	r = oci_request_run(u->registry, &q, err);
	if (r >= 0 && !oci_request_ok(&q))
		r = oci_request_throw(&q, err);
	if (r < 0)
		return r;
	/* Without a Range nobody knows, so that session is of no use. */
	if (!answer_end(&q, &had))
		return eb_throw(err, EB_E_NOT_FOUND,
				"%s: the registry does not say how much it has", q.what);
	u->base = 0;
	return oci_upload_follow(u, &q, u->d->size, err);
}

void oci_upload_cancel(struct oci_upload *u)
{
	EB_CLEANUP(oci_request_release_p) struct oci_request q = { .url = NULL };
	autofree char *what = what_of(u);

	if (!u->url)
		return;
	oci_request_init(&q, u->registry, "DELETE", u->repo, eb_xstrdup(u->url), what);
	q.call.attempts = 1;
	eb_ignore(oci_request_run(u->registry, &q, NULL));
}
