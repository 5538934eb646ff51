#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "image/mediatype.h"
#include "registry/condition.h"
#include "registry/lists.h"
#include "registry/server_internal.h"

enum { TLS_BLOCK_BYTES = 64 * 1024 };

#define RETRY_AFTER_SEC "2"

const char *reg_request_header(const struct reg_request *q, const char *name)
{
	return MHD_lookup_connection_value(q->mhd, MHD_HEADER_KIND, name);
}

static void add(struct MHD_Response *resp, const char *name, const char *value)
{
	eb_ignore(MHD_add_response_header(resp, name, value));
}

/* What every answer says. */
static struct MHD_Response *dress(struct MHD_Response *resp, const char *type)
{
	if (!resp)
		return NULL;
	if (type)
		add(resp, "Content-Type", type);
	add(resp, "Docker-Distribution-Api-Version", "registry/2.0");
	add(resp, "X-Content-Type-Options", "nosniff");
	return resp;
}

static struct MHD_Response *empty(void)
{
	static char nothing[1];

	return MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT);
}

static void add_digest(struct MHD_Response *resp, const struct oci_digest *d)
{
	char etag[OCI_DIGEST_TEXT + 3];

	snprintf(etag, sizeof(etag), "\"%s\"", d->text);
	add(resp, "Docker-Content-Digest", d->text);
	add(resp, "ETag", etag);
}

static enum MHD_Result queue(struct reg_request *q, unsigned int status, struct MHD_Response *resp,
			     uint64_t bytes)
{
	q->conn->status = status;
	q->conn->bytes = q->is_head ? 0 : bytes;
	return MHD_queue_response(q->mhd, status, resp);
}

enum MHD_Result reg_reply(struct reg_request *q, unsigned int status, struct MHD_Response *resp,
			  uint64_t bytes)
{
	enum MHD_Result r;

	if (!resp)
		return MHD_NO;
	if (atomic_load_explicit(&q->server->stopping, memory_order_relaxed))
		add(resp, "Connection", "close");
	r = queue(q, status, resp, bytes);
	MHD_destroy_response(resp);
	return r;
}

static struct MHD_Response *from_text(const char *type, char *text, size_t n)
{
	struct MHD_Response *resp = MHD_create_response_from_buffer(n, text, MHD_RESPMEM_MUST_FREE);

	if (!resp)
		free(text);
	return dress(resp, type);
}

enum MHD_Result reg_reply_text(struct reg_request *q, const char *type, char *text, size_t n)
{
	struct MHD_Response *resp = from_text(type, text, n);

	if (resp && strncmp(type, "text/html", 9) == 0) {
		add(resp, "Content-Security-Policy",
		    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
		    "form-action 'none'; frame-ancestors 'none'");
		add(resp, "Referrer-Policy", "no-referrer");
	}
	return reg_reply(q, MHD_HTTP_OK, resp, n);
}

enum MHD_Result reg_reply_json_page(struct reg_request *q, char *text, size_t n, const char *link)
{
	struct MHD_Response *resp = from_text("application/json", text, n);

	if (resp && link)
		add(resp, "Link", link);
	return reg_reply(q, MHD_HTTP_OK, resp, n);
}

enum MHD_Result reg_reply_error(struct reg_request *q, unsigned int status, const char *code,
				const char *message)
{
	size_t n;
	char *text = reg_error_body(code, message, &n);
	struct MHD_Response *resp = from_text("application/json", text, n);

	if (!resp)
		return MHD_NO;
	if (status == MHD_HTTP_UNAUTHORIZED)
		add(resp, "WWW-Authenticate", "Basic realm=\"ess-bundle\", charset=\"UTF-8\"");
	else if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		add(resp, "Allow", "GET, HEAD");
	else if (status == MHD_HTTP_TOO_MANY_REQUESTS)
		add(resp, "Retry-After", "60");
	else if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
		add(resp, "Retry-After", RETRY_AFTER_SEC);
	return reg_reply(q, status, resp, n);
}

static bool is_known(struct reg_request *q, const struct oci_digest *d)
{
	const char *list = reg_request_header(q, "If-None-Match");
	char etag[OCI_DIGEST_TEXT + 3];

	snprintf(etag, sizeof(etag), "\"%s\"", d->text);
	return list && reg_etag_matches(list, etag);
}

static enum MHD_Result reply_not_modified(struct reg_request *q, const struct oci_digest *d)
{
	struct MHD_Response *resp = dress(empty(), NULL);

	if (resp)
		add_digest(resp, d);
	return reg_reply(q, MHD_HTTP_NOT_MODIFIED, resp, 0);
}

static enum MHD_Result reply_stale(struct reg_request *q)
{
	return reg_reply_error(q, MHD_HTTP_SERVICE_UNAVAILABLE, "UNAVAILABLE",
			       "the file behind this was changed and is being verified again");
}

/* --- bytes straight from the file --- */

/* A part of a source's file, for readers that cannot use sendfile(). */
struct stretch {
	struct reg_served *source;
	uint64_t offset, bytes;
};

static ssize_t stretch_read(void *cls, uint64_t at, char *buf, size_t max)
{
	const struct stretch *s = cls;
	ssize_t n;

	if (at >= s->bytes)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (!reg_served_is_fresh(s->source))
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (max > s->bytes - at)
		max = (size_t)(s->bytes - at);
	n = pread(s->source->fd, buf, max, (off_t)(s->offset + at));
	return n > 0 ? n : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void stretch_free(void *cls)
{
	struct stretch *s = cls;

	reg_served_unref(s->source);
	free(s);
}

static struct MHD_Response *from_file(const struct reg_request *q, struct reg_served *s,
				      uint64_t offset, uint64_t bytes)
{
	struct MHD_Response *resp;
	struct stretch *cls;
	int fd;

	if (!q->server->tls) {
		fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 3); /* MHD closes it */
		resp = fd < 0 ? NULL : MHD_create_response_from_fd_at_offset64(bytes, fd, offset);
		if (!resp && fd >= 0)
			close(fd);
		return resp;
	}
	cls = eb_xmalloc(sizeof(*cls));
	*cls = (struct stretch){ reg_served_ref(s), offset, bytes };
	resp = MHD_create_response_from_callback(bytes, TLS_BLOCK_BYTES, stretch_read, cls,
						 stretch_free);
	if (!resp)
		stretch_free(cls);
	return resp;
}

static enum MHD_Result reply_file(struct reg_request *q, unsigned int status,
				  struct MHD_Response *resp, uint64_t bytes, struct reg_served *s)
{
	if (!resp)
		return reg_reply_error(q, MHD_HTTP_SERVICE_UNAVAILABLE, "UNAVAILABLE",
				       "too many files are open");
	if (!q->is_head)
		reg_conns_send(q->server->conns, q->conn, s);
	return reg_reply(q, status, resp, bytes);
}

/* The text lives as long as the file, which lives as long as an answer. */
static struct MHD_Response *from_manifest(const struct reg_manifest *m)
{
	struct MHD_Response *resp = dress(
		MHD_create_response_from_buffer((size_t)m->size, m->text, MHD_RESPMEM_PERSISTENT),
		m->media_type);

	if (resp)
		add_digest(resp, &m->digest);
	return resp;
}

enum MHD_Result reg_reply_manifest(struct reg_request *q, const struct reg_manifest *m,
				   struct reg_served *s)
{
	struct MHD_Response *resp;

	if (!reg_served_is_fresh(s))
		return reply_stale(q);
	if (is_known(q, &m->digest))
		return reply_not_modified(q, &m->digest);
	if (m->reply && !atomic_load_explicit(&q->server->stopping, memory_order_relaxed))
		return queue(q, MHD_HTTP_OK, m->reply, m->size);
	if (m->text)
		return reg_reply(q, MHD_HTTP_OK, from_manifest(m), m->size);
	resp = dress(from_file(q, s, m->member->offset, m->size), m->media_type);
	if (resp)
		add_digest(resp, &m->digest);
	return reply_file(q, MHD_HTTP_OK, resp, m->size, s);
}

static enum MHD_Result reply_unsatisfiable(struct reg_request *q, uint64_t size)
{
	char range[64];
	struct MHD_Response *resp = dress(empty(), NULL);

	snprintf(range, sizeof(range), "bytes */%llu", (unsigned long long)size);
	if (resp)
		add(resp, "Content-Range", range);
	return reg_reply(q, MHD_HTTP_RANGE_NOT_SATISFIABLE, resp, 0);
}

/* The Range header, unless If-Range says that the client holds something else. */
static const char *wanted_range(const struct reg_request *q, const struct oci_digest *d)
{
	const char *held = reg_request_header(q, "If-Range");
	char etag[OCI_DIGEST_TEXT + 3];

	snprintf(etag, sizeof(etag), "\"%s\"", d->text);
	return q->is_head || (held && strcmp(held, etag) != 0) ? NULL
							       : reg_request_header(q, "Range");
}

enum MHD_Result reg_reply_blob(struct reg_request *q, const struct oci_digest *d,
			       const struct oci_member *m, struct reg_served *s)
{
	uint64_t first = 0, bytes = m->size;
	unsigned int status = MHD_HTTP_OK;
	struct MHD_Response *resp;
	char range[96];

	if (!reg_served_is_fresh(s))
		return reply_stale(q);
	if (is_known(q, d))
		return reply_not_modified(q, d);
	switch (reg_range_parse(wanted_range(q, d), m->size, &first, &bytes)) {
	case REG_RANGE_ALL:
		break;
	case REG_RANGE_PART:
		status = MHD_HTTP_PARTIAL_CONTENT;
		break;
	case REG_RANGE_UNSATISFIABLE:
		return reply_unsatisfiable(q, m->size);
	}
	resp = dress(from_file(q, s, m->offset + first, bytes), "application/octet-stream");
	if (resp) {
		add_digest(resp, d);
		add(resp, "Accept-Ranges", "bytes");
		add(resp, "Cache-Control", "max-age=31536000, immutable");
	}
	if (resp && status == MHD_HTTP_PARTIAL_CONTENT) {
		snprintf(range, sizeof(range), "bytes %llu-%llu/%llu", (unsigned long long)first,
			 (unsigned long long)(first + bytes - 1), (unsigned long long)m->size);
		add(resp, "Content-Range", range);
	}
	return reply_file(q, status, resp, bytes, s);
}

void reg_reply_prepare(struct reg_served *s)
{
	for (size_t i = 0; i < s->n_manifests; i++) {
		struct reg_manifest *m = &s->manifests[i];

		if (!m->text || m->reply)
			continue;
		m->reply = from_manifest(m);
	}
}
