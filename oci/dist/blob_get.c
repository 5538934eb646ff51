#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/stream.h"
#include "dist/request.h"
#include "dist/transport.h"

enum { MAX_SHORT = 2 };

static void init_blob(struct oci_request *q, const struct oci_registry *r, const char *method,
		      const char *repo, const struct oci_descriptor *d)
{
	autofree char *what = eb_xasprintf("blob %s", d->digest.text);

	oci_request_init(q, r, method, repo, eb_xasprintf("%s/blobs/%s", repo, d->digest.text),
			 what);
}

int oci_registry_has_blob(struct oci_registry *r, const char *repo, const struct oci_descriptor *d,
			  struct eb_error **err)
{
	EB_CLEANUP(oci_request_release_p) struct oci_request q;
	autofree char *length = NULL;
	uint64_t size;
	int e;

	init_blob(&q, r, "HEAD", repo, d);
	e = oci_request_run(r, &q, err);
	if (e >= 0 && q.get.status != 200)
		e = oci_request_throw(&q, err);
	if (e < 0)
		return e;
	length = eb_http_call_header(&q.call, "Content-Length", 0);
	if (length && eb_parse_u64(eb_span_str(length), UINT64_MAX, &size, NULL) >= 0 &&
	    size != d->size)
		return eb_throw(err, EB_E_DIGEST, "%s: has %llu bytes there, expected %llu", q.what,
				(unsigned long long)size, (unsigned long long)d->size);
	return 0;
}

/* ---- a blob as a stream that asks anew for authorisation ---- */

struct blob {
	struct eb_reader base;
	struct oci_registry *registry;
	struct oci_request q;
	char *repo;
	struct eb_reader *in; /* NULL = to be opened at `at` */
	uint64_t at, size;
	unsigned int refused; /* times in a row */
	unsigned int ended;   /* times that an answer was whole and yet too short */
};

static void close_inner(struct blob *b)
{
	b->in = eb_reader_free(b->in);
	if (b->q.http)
		oci_transport_give(b->registry->transport, b->q.http_host, b->q.is_home, b->q.http);
	b->q.http = NULL;
}

static int open_inner(struct blob *b, struct eb_error **err)
{
	int e;

	b->q.get.offset = b->at;
	b->q.get.max_bytes = b->size - b->at;
	e = oci_request_prepare(b->registry, &b->q, err);
	if (e >= 0)
		b->in = eb_http_reader(b->q.http, &b->q.get);
	return e;
}

/* It is not what was asked for: what is it then? e is taken; NULL = it ended too early. */
static int not_the_blob(const struct blob *b, struct eb_error *e, struct eb_error **err)
{
	autofree char *type = eb_http_call_header(&b->q.call, "Content-Type", 0);
	bool is_page = type && strncasecmp(type, "text/html", 9) == 0;
	int code = e ? e->code : EB_E_NETWORK;

	if (e && code != EB_E_LIMIT)
		return eb_error_forward(err, e);
	eb_error_free(e);
	if (is_page)
		return eb_throw(
			err, EB_E_NETWORK,
			"%s: the answer is a web page; is there a registry at that address?",
			b->q.what);
	if (code == EB_E_LIMIT)
		return eb_throw(err, EB_E_DIGEST,
				"%s: the registry has more than the %llu bytes that are listed",
				b->q.what, (unsigned long long)b->size);
	return eb_throw(err, EB_E_NETWORK, "%s: ends after %llu of %llu bytes", b->q.what,
			(unsigned long long)b->at, (unsigned long long)b->size);
}

static ssize_t blob_read(struct eb_reader *r, void *p, size_t n, struct eb_error **err)
{
	struct blob *b = (struct blob *)r;

	for (;;) {
		struct eb_error *e = NULL;
		ssize_t got;
		int code;

		if (b->at == b->size)
			return 0;
		code = b->in ? 0 : open_inner(b, err);
		if (code < 0)
			return code;
		got = eb_read(b->in, p, n, &e);
		if (got > 0) {
			b->at += (uint64_t)got;
			b->refused = 0;
			return got;
		}
		if (got == 0 && b->ended++ < MAX_SHORT) {
			close_inner(b);
			continue;
		}
		if (got == 0)
			return not_the_blob(b, NULL, err);
		/* The token ended before the blob did, or was not there yet. */
		if (b->q.get.status != 401 || b->refused++ > 1)
			return not_the_blob(b, e, err);
		eb_error_free(e);
		b->in = eb_reader_free(b->in);
		code = oci_request_challenged(b->registry, &b->q, err);
		if (code < 0)
			return code;
	}
}

static void blob_free(struct eb_reader *r)
{
	struct blob *b = (struct blob *)r;

	close_inner(b);
	oci_request_release(&b->q);
	free(b->repo);
	free(b);
}

int oci_registry_blob(struct oci_registry *r, const char *repo, const struct oci_descriptor *d,
		      uint64_t offset, struct eb_reader **ret, struct eb_error **err)
{
	static const struct eb_reader_ops ops = { .read = blob_read, .free = blob_free };
	struct blob *b;

	if (offset > d->size)
		return eb_throw(err, EB_E_FORMAT, "blob %s: no byte %llu in %llu", d->digest.text,
				(unsigned long long)offset, (unsigned long long)d->size);
	b = eb_xcalloc(1, sizeof(*b));
	b->base.ops = &ops;
	b->registry = r;
	b->repo = eb_xstrdup(repo);
	b->at = offset;
	b->size = d->size;
	init_blob(&b->q, r, NULL, b->repo, d);
	*ret = &b->base;
	return 0;
}

int oci_registry_blob_verified(struct oci_registry *r, const char *repo,
			       const struct oci_descriptor *d, struct eb_reader **ret,
			       struct eb_error **err)
{
	autofree char *what = eb_xasprintf("blob %s of %s/%s", d->digest.text, r->host, repo);
	struct eb_reader *in = NULL;
	int e = oci_registry_blob(r, repo, d, 0, &in, err);

	if (e >= 0)
		*ret = eb_reader_verify(in, oci_digest_hex(&d->digest), d->size, what);
	return e;
}

int oci_registry_blob_text(struct oci_registry *r, const char *repo, const struct oci_descriptor *d,
			   size_t max, char **ret, struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	EB_AUTOBUF(b, max);
	int e;

	if (d->size > max)
		return eb_throw(err, EB_E_LIMIT,
				"blob %s of %s/%s has %llu bytes, expected at most %zu",
				d->digest.text, r->host, repo, (unsigned long long)d->size, max);
	e = oci_registry_blob_verified(r, repo, d, &in, err);
	if (e >= 0)
		e = eb_read_all(in, &b, d->digest.text, err);
	if (e >= 0)
		*ret = eb_buf_take(&b);
	return e;
}
