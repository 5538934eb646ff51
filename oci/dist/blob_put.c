/* Sending a blob: mounted if another repository has it, small ones in one request, large ones by
 * PATCH, which goes on where the registry says it is after a failure. Registries and proxies that
 * refuse large requests get smaller ones, registries that know no PATCH get the whole in one. */
#include <stdatomic.h>
#include <time.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "dist/transport.h"
#include "dist/upload.h"

enum {
	/* What a run that is killed may have sent for nothing, where the registry (or a proxy that
	 * collects requests before it) keeps whole requests only. */
	CHUNK_BYTES = 16 * 1024 * 1024,
	SMALL_BYTES = 2 * 1024 * 1024,
	FIRST_CHUNK = 8 * 1024 * 1024, /* after a 413 */
	LEAST_CHUNK = 256 * 1024,
	GOOD_PROGRESS_BYTES = 1024 * 1024,
};

enum next { NEXT_DONE, NEXT_GO_ON, NEXT_RESUME, NEXT_RESTART };

static void wait_usec(uint64_t usec)
{
	struct timespec ts = { (time_t)(usec / 1000000), (long)(usec % 1000000) * 1000 };

	while (nanosleep(&ts, &ts) < 0)
		;
}

static void say_retry(const struct oci_upload *u, const struct eb_http_options *o,
		      const struct eb_error *e, uint64_t wait_msec)
{
	autofree char *line = eb_xasprintf("%s: attempt %u of %u; next in %llu ms", e->message,
					   u->attempt, o->attempts, (unsigned long long)wait_msec);

	eb_log(EB_LOG_DEBUG, "%s", line);
	if (o->retrying)
		o->retrying(o->retrying_ctx, line);
}

/* Another try after `e`, or *err = e with how often and how far. e is taken. */
static int try_again(struct oci_upload *u, struct eb_error *e, uint64_t retry_after_usec,
		     struct eb_error **err)
{
	const struct eb_http_options *o = oci_transport_http(u->registry->transport);
	uint64_t wait;

	if (u->at >= u->reached + GOOD_PROGRESS_BYTES) {
		u->reached = u->at;
		u->attempt = 0;
	}
	if (++u->attempt >= o->attempts) {
		int r = eb_error_forward(err, e);

		if (err && *err) {
			char *said = eb_xasprintf("%s (attempt %u of %u; the registry has %llu of "
						  "%llu bytes)",
						  (*err)->message, u->attempt, o->attempts,
						  (unsigned long long)u->at,
						  (unsigned long long)u->d->size);

			free((*err)->message);
			(*err)->message = said;
		}
		return r;
	}
	wait = eb_http_backoff_usec(o->backoff_msec, u->attempt);
	if (wait < retry_after_usec)
		wait = retry_after_usec;
	say_retry(u, o, e, wait / 1000);
	eb_error_free(e);
	wait_usec(wait);
	return 0;
}

/* A request failed without an answer that says anything: what now? */
static int after_failure(struct oci_upload *u, struct oci_request *q, int r, struct eb_error *e,
			 enum next *ret, struct eb_error **err)
{
	*ret = NEXT_RESUME;
	if (u->source_failed || (r != -EB_E_NETWORK && r != -EB_E_NOT_FOUND))
		return eb_error_forward(err, e);
	return try_again(u, e, q->call.retry_after_usec, err);
}

static int shrink(struct oci_upload *u, struct oci_request *q, uint64_t n, enum next *ret,
		  struct eb_error **err)
{
	uint64_t least = u->min_chunk > LEAST_CHUNK ? u->min_chunk : LEAST_CHUNK;
	uint64_t chunk = n > 2 * FIRST_CHUNK ? FIRST_CHUNK : n / 2;

	if (chunk < least)
		chunk = least;
	if (chunk >= n || u->no_patch)
		return oci_request_throw(q, err);
	u->chunk = chunk;
	atomic_store(&u->registry->chunk_bytes, chunk);
	eb_log(EB_LOG_DEBUG, "%s: HTTP 413 for %llu bytes, going on with %llu", q->what,
	       (unsigned long long)n, (unsigned long long)chunk);
	*ret = u->at ? NEXT_RESUME : NEXT_RESTART;
	return 0;
}

static bool knows_no_patch(const struct oci_upload *u, const struct oci_request *q)
{
	long status = q->get.status;

	return u->at == 0 &&
	       (status == 405 || status == 501 || status == 415 ||
		(status == 404 &&
		 !strstr(q->call.refusal.data ? q->call.refusal.data : "", "BLOB_UPLOAD_UNKNOWN")));
}

/* A part behind the first was not taken. Once may be bad luck; a registry that does so again gets
 * the rest of its blobs in one piece each, if nothing limits its requests. */
static enum next part_refused(struct oci_upload *u)
{
	if (u->base == 0 || u->one_piece || u->parts_refused++ == 0 ||
	    atomic_load(&u->registry->chunk_bytes))
		return u->base ? NEXT_RESUME : NEXT_RESTART;
	eb_log(EB_LOG_DEBUG, "blob %s: no parts for %s, all of it in one", u->d->digest.text,
	       u->registry->host);
	u->one_piece = true;
	u->chunk = 0;
	return NEXT_RESTART;
}

static bool is_part_refused(const struct oci_upload *u, long status)
{
	return status == 404 || status == 416 || (u->base > 0 && (status == 400 || status == 405));
}

static int send_part(struct oci_upload *u, uint64_t n, enum next *ret, struct eb_error **err)
{
	EB_CLEANUP(oci_request_release_p) struct oci_request q;
	autofree char *range = eb_xasprintf("Content-Range: %llu-%llu", (unsigned long long)u->at,
					    (unsigned long long)(u->at + n - 1));
	const char *const headers[] = { "Content-Type: application/octet-stream", range, NULL };
	struct eb_error *e = NULL;
	int r;

	oci_upload_request(u, "PATCH", false, n, &q);
	q.headers = headers;
	r = oci_request_run(u->registry, &q, &e);
	if (r < 0)
		return after_failure(u, &q, r, e, ret, err);
	*ret = NEXT_GO_ON;
	if (oci_request_ok(&q)) {
		r = oci_upload_follow(u, &q, n, err);
		if (r < 0 || u->at > u->base)
			return r;
		eb_ignore(eb_throw(&e, EB_E_NETWORK, "%s: the registry kept none of %llu bytes",
				   q.what, (unsigned long long)n));
		return try_again(u, e, 0, err);
	}
	if (q.get.status == 413)
		return shrink(u, &q, n, ret, err);
	if (knows_no_patch(u, &q)) {
		u->no_patch = true;
		*ret = NEXT_RESTART;
		return 0;
	}
	if (!is_part_refused(u, q.get.status))
		return oci_request_throw(&q, err);
	*ret = part_refused(u);
	eb_ignore(oci_request_throw(&q, &e));
	return try_again(u, e, 0, err);
}

/* PUT with the digest: what is left goes with it. */
static int finish(struct oci_upload *u, uint64_t n, enum next *ret, struct eb_error **err)
{
	static const char *const headers[] = { "Content-Type: application/octet-stream", NULL };
	EB_CLEANUP(oci_request_release_p) struct oci_request q;
	struct eb_error *e = NULL;
	int r;

	oci_upload_request(u, "PUT", true, n, &q);
	q.headers = headers;
	r = oci_request_run(u->registry, &q, &e);
	*ret = NEXT_DONE;
	if (r >= 0 && oci_request_ok(&q))
		return 0;
	if (r < 0) {
		r = after_failure(u, &q, r, e, ret, err);
		/* It may have arrived although the answer did not. */
		if (r >= 0 && oci_registry_has_blob(u->registry, u->repo, u->d, NULL) >= 0)
			*ret = NEXT_DONE;
		else if (r >= 0)
			*ret = NEXT_RESTART;
		return r;
	}
	if (q.get.status == 413 && n)
		return shrink(u, &q, n, ret, err);
	*ret = NEXT_RESTART;
	r = oci_request_throw(&q, &e);
	/* What was sent is right: it is not what arrived, or not what the run before had sent. */
	if (r == -EB_E_DIGEST && !u->again)
		u->again = true;
	else if (q.get.status != 404 && q.get.status != 416)
		return eb_error_forward(err, e);
	return try_again(u, e, 0, err);
}

static int step(struct oci_upload *u, enum next *ret, struct eb_error **err)
{
	uint64_t left = u->d->size - u->at;
	bool whole = u->no_patch ||
		     (u->at == 0 && left <= SMALL_BYTES && (!u->chunk || left <= u->chunk));

	if (left == 0 || whole)
		return finish(u, left, ret, err);
	return send_part(u, u->chunk && u->chunk < left ? u->chunk : left, ret, err);
}

/* Where is the session? A lost one is begun again. */
static int resume(struct oci_upload *u, enum next *next, struct eb_error **err)
{
	struct eb_error *e = NULL;
	bool mounted;
	int r;

	if (*next == NEXT_RESUME) {
		r = oci_upload_ask(u, &e);
		if (r >= 0)
			return 0;
		if (r == -EB_E_AUTH || r == -EB_E_DIGEST)
			return eb_error_forward(err, e);
		eb_error_free(e);
	}
	return oci_upload_start(u, NULL, &mounted, err);
}

static int send_all(struct oci_upload *u, struct eb_error **err)
{
	enum next next = NEXT_GO_ON;
	int r = 0;

	while (r >= 0 && next != NEXT_DONE) {
		r = step(u, &next, err);
		if (r >= 0 && (next == NEXT_RESUME || next == NEXT_RESTART))
			r = resume(u, &next, err);
	}
	return r;
}

/* The session that an earlier run left, if the registry still knows it: *ret_resumed. */
static int take_up(struct oci_upload *u, bool *ret_resumed, struct eb_error **err)
{
	struct eb_error *e = NULL;
	int r;

	*ret_resumed = false;
	u->url = oci_session_url(u->session, u->registry->base);
	if (!u->url)
		return 0;
	r = oci_upload_ask(u, &e);
	if (r < 0 || u->at == 0 || u->at > u->d->size) {
		eb_log(EB_LOG_DEBUG, "blob %s: from its begin: %s", u->d->digest.text,
		       e ? e->message : "nothing of it is there");
		eb_error_free(e);
		oci_session_forget(u->session);
		free(u->url);
		u->url = NULL;
		u->at = 0;
		return 0;
	}
	eb_log(EB_LOG_DEBUG, "blob %s of %s/%s: going on behind %llu of %llu bytes",
	       u->d->digest.text, u->registry->host, u->repo, (unsigned long long)u->at,
	       (unsigned long long)u->d->size);
	*ret_resumed = u->resumed = true;
	return oci_upload_catch_up(u, err);
}

static int send_blob(struct oci_upload *u, const char *from, bool *ret_mounted,
		     struct eb_error **err)
{
	bool resumed = false;
	int r = u->session ? take_up(u, &resumed, err) : 0;

	if (r >= 0 && !resumed)
		r = oci_upload_start(u, from, ret_mounted, err);
	return r < 0 || *ret_mounted ? r : send_all(u, err);
}

int oci_registry_put_blob(struct oci_registry *r, const char *repo, const struct oci_descriptor *d,
			  const char *from, const struct oci_blob_source *src,
			  struct oci_upload_result *ret, struct eb_error **err)
{
	EB_CLEANUP(oci_upload_release_p)
	struct oci_upload u = { .registry = r, .repo = repo, .d = d, .source = src };
	bool mounted = false;
	int e;

	u.chunk = atomic_load(&r->chunk_bytes);
	if (!u.chunk)
		u.chunk = CHUNK_BYTES;
	if (r->notes && d->size > SMALL_BYTES)
		u.session = oci_session_open(r->notes, r->host, repo, &d->digest);
	e = send_blob(&u, from, &mounted, err);
	/* What only broke off can be taken up by the next run. */
	if (e < 0 && (e != -EB_E_NETWORK || !oci_session_is_kept(u.session)))
		oci_upload_cancel(&u);
	if (e != -EB_E_NETWORK)
		oci_session_forget(u.session);
	if (e < 0)
		return e;
	*ret = (struct oci_upload_result){ .mounted = mounted,
					   .resumed = u.resumed,
					   .sent_bytes = u.sent_bytes };
	return 0;
}
