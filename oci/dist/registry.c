#include "dist/registry.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "dist/ref.h"
#include "dist/request.h"
#include "dist/transport.h"
#include "image/mediatype.h"

static const char *const manifest_headers[] = {
	"Accept: " OCI_MT_MANIFEST ", " OCI_MT_INDEX ", " OCI_MT_DOCKER_MANIFEST
	", " OCI_MT_DOCKER_LIST,
	NULL,
};

int oci_registry_new(const char *host, const struct oci_registry_options *o,
		     struct oci_registry **ret, struct eb_error **err)
{
	struct oci_registry *r;
	int e = oci_host_check(host, err);

	if (e < 0)
		return e;
	r = eb_xcalloc(1, sizeof(*r));
	r->host = eb_xstrdup(host);
	r->api_host = eb_xstrdup(oci_ref_api_host(host));
	r->base = eb_xasprintf("%s://%s/v2/", o->plain_http ? "http" : "https", r->api_host);
	r->actions = o->delete ? "pull,push,delete" : o->push ? "pull,push" : "pull";
	r->plain_http = o->plain_http;
	r->notes = o->notes ? eb_xstrdup(o->notes) : NULL;
	r->transport = o->transport;
	r->auth = oci_auth_new(o->transport, o->creds, host, o->plain_http);
	*ret = r;
	return 0;
}

struct oci_registry *oci_registry_free(struct oci_registry *r)
{
	if (!r)
		return NULL;
	oci_auth_free(r->auth);
	free(r->host);
	free(r->api_host);
	free(r->base);
	free(r->notes);
	free(r);
	return NULL;
}

const char *oci_registry_host(const struct oci_registry *r)
{
	return r->host;
}

struct eb_gate *oci_registry_gate(const struct oci_registry *r)
{
	return oci_transport_gate(r->transport);
}

void oci_digest_tag(const struct oci_digest *d, const char *suffix, char out[static 160])
{
	snprintf(out, 160, "%.*s-%s%.12s", (int)strcspn(d->text, ":"), d->text, oci_digest_hex(d),
		 suffix);
}

int oci_registry_ping(struct oci_registry *r, struct eb_error **err)
{
	EB_CLEANUP(oci_request_release_p) struct oci_request q;
	autofree char *what = eb_xasprintf("registry %s", r->host);
	int e;

	oci_request_init(&q, r, "GET", NULL, eb_xstrdup(r->base), what);
	e = oci_request_run(r, &q, err);
	if (e >= 0 && q.get.status != 200)
		e = oci_request_throw(&q, err);
	return e;
}

/* ---- manifests ---- */

static void init_manifest(struct oci_request *q, const struct oci_registry *r, const char *method,
			  const char *repo, const char *version)
{
	autofree char *what = eb_xasprintf("manifest %s", version);

	oci_request_init(q, r, method, repo, eb_xasprintf("%s/manifests/%s", repo, version), what);
	q->headers = manifest_headers;
}

/* The Docker-Content-Digest of the answer; false when there is none that we can use. */
static bool answer_digest(const struct oci_request *q, struct oci_digest *ret)
{
	autofree char *text = eb_http_call_header(&q->call, "Docker-Content-Digest", 0);

	return text && oci_digest_parse(text, ret, NULL) >= 0;
}

/* type/subtype of the answer, without parameters; heap, NULL = none. */
static char *answer_type(const struct oci_request *q)
{
	autofree char *type = eb_http_call_header(&q->call, "Content-Type", 0);

	return type ? eb_span_dup(eb_span_trim((struct eb_span){ type, strcspn(type, ";") }))
		    : NULL;
}

int oci_registry_head(struct oci_registry *r, const char *repo, const char *version,
		      struct oci_descriptor *ret, struct eb_error **err)
{
	EB_CLEANUP(oci_request_release_p) struct oci_request q;
	autofree char *type = NULL, *length = NULL, *text = NULL;
	struct oci_digest digest, wanted;
	uint64_t size = 0;
	int e;

	init_manifest(&q, r, "HEAD", repo, version);
	e = oci_request_run(r, &q, err);
	if (e >= 0 && q.get.status != 200)
		e = oci_request_throw(&q, err);
	if (e < 0)
		return e;
	type = answer_type(&q);
	length = eb_http_call_header(&q.call, "Content-Length", 0);
	if (!type || !oci_media_type_is_valid(type) || !answer_digest(&q, &digest) || !length ||
	    eb_parse_u64(eb_span_str(length), OCI_MANIFEST_MAX_BYTES, &size, NULL) < 0 ||
	    (!oci_media_type_is_index(type) && !oci_media_type_is_manifest(type)))
		return oci_registry_manifest(r, repo, version, &text, ret, err);
	if (oci_digest_parse(version, &wanted, NULL) >= 0 && !oci_digest_eq(&wanted, &digest))
		return eb_throw(err, EB_E_DIGEST, "%s: the registry has %s there", q.what,
				digest.text);
	*ret = (struct oci_descriptor){ .media_type = EB_TAKE_PTR(type),
					.digest = digest,
					.size = size };
	return 0;
}

static void hash_as(const struct oci_digest *like, const struct eb_buf *b, struct oci_digest *ret)
{
	char hex[EB_HASH_MAX_HEX + 1];
	EB_CLEANUP(eb_hash_free_p)
	struct eb_hash *h = eb_hash_new(oci_digest_alg(like));

	eb_hash_update(h, b->data, b->len);
	eb_hash_final_hex(h, hex);
	snprintf(ret->text, sizeof(ret->text), "%.*s:%s", (int)strcspn(like->text, ":"), like->text,
		 hex);
}

/* Before its bytes are compared with anything: a page of a login or a proxy is no damaged image. */
static int refuse_page(const struct oci_request *q, const char *type, struct eb_error **err)
{
	if (!type || strcasecmp(type, "text/html") != 0)
		return 0;
	return eb_throw(err, EB_E_NETWORK,
			"%s: the answer is a web page; is there a registry at that address?",
			q->what);
}

/* The bytes must have the digest that was asked for, or that the registry names. */
static int check_digest(const struct oci_request *q, const char *version, const struct eb_buf *b,
			struct oci_digest *ret, struct eb_error **err)
{
	struct oci_digest wanted;

	oci_digest_of(b->data ? b->data : "", b->len, ret);
	if (oci_digest_parse(version, &wanted, NULL) < 0 && !answer_digest(q, &wanted))
		return 0;
	hash_as(&wanted, b, ret);
	if (!oci_digest_eq(ret, &wanted))
		return eb_throw(err, EB_E_DIGEST, "%s: its %zu bytes are %s, expected %s", q->what,
				b->len, ret->text, wanted.text);
	return 0;
}

static int check_kind(const struct oci_request *q, const struct eb_buf *b, char **ret_type,
		      struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .media_type = NULL };
	int e = oci_manifest_parse(b->data ? b->data : "", b->len, &m, err);

	if (e < 0)
		return eb_prefix(err, e, "%s", q->what);
	*ret_type = EB_TAKE_PTR(m.media_type);
	return 0;
}

int oci_registry_manifest(struct oci_registry *r, const char *repo, const char *version,
			  char **ret_text, struct oci_descriptor *ret, struct eb_error **err)
{
	EB_CLEANUP(oci_request_release_p) struct oci_request q;
	EB_AUTOBUF(b, OCI_MANIFEST_MAX_BYTES);
	autofree char *type = NULL, *media_type = NULL;
	struct oci_digest digest;
	int e;

	init_manifest(&q, r, "GET", repo, version);
	q.ctx = &b;
	q.get.body = oci_request_to_buf;
	e = oci_request_run(r, &q, err);
	if (e >= 0 && q.get.status != 200)
		e = oci_request_throw(&q, err);
	if (e < 0)
		return e;
	type = answer_type(&q);
	e = refuse_page(&q, type, err);
	if (e >= 0)
		e = check_digest(&q, version, &b, &digest, err);
	if (e >= 0)
		e = check_kind(&q, &b, &media_type, err);
	if (e < 0)
		return e;
	*ret = (struct oci_descriptor){ .media_type = EB_TAKE_PTR(media_type),
					.digest = digest,
					.size = b.len };
	*ret_text = eb_buf_take(&b);
	return 0;
}

struct text {
	const char *p;
};

static ssize_t send_text(void *ctx, uint64_t at, void *p, size_t n, struct eb_error **err)
{
	const struct text *t = ctx;

	(void)err;
	memcpy(p, t->p + at, n);
	return (ssize_t)n;
}

int oci_registry_put_manifest(struct oci_registry *r, const char *repo, const char *version,
			      const struct oci_descriptor *d, const char *text, bool *ret_subject,
			      struct eb_error **err)
{
	EB_CLEANUP(oci_request_release_p) struct oci_request q;
	autofree char *type = eb_xasprintf("Content-Type: %s", d->media_type), *subject = NULL;
	const char *const headers[] = { type, NULL };
	struct text t = { text };
	struct oci_digest got;
	int e;

	init_manifest(&q, r, "PUT", repo, version);
	q.headers = headers;
	q.ctx = &t;
	q.call.send = send_text;
	q.call.send_bytes = d->size;
	e = oci_request_run(r, &q, err);
	if (e >= 0 && !oci_request_ok(&q))
		e = oci_request_throw(&q, err);
	if (e < 0)
		return e;
	if (answer_digest(&q, &got) && oci_digest_alg(&got) == oci_digest_alg(&d->digest) &&
	    !oci_digest_eq(&got, &d->digest))
		return eb_throw(err, EB_E_DIGEST, "%s: the registry stored it as %s", q.what,
				got.text);
	subject = eb_http_call_header(&q.call, "OCI-Subject", 0);
	if (ret_subject)
		*ret_subject = subject != NULL;
	return 0;
}

int oci_registry_delete(struct oci_registry *r, const char *repo, const char *version,
			struct eb_error **err)
{
	EB_CLEANUP(oci_request_release_p) struct oci_request q;
	int e;

	init_manifest(&q, r, "DELETE", repo, version);
	e = oci_request_run(r, &q, err);
	if (e < 0 || oci_request_ok(&q))
		return e;
	e = oci_request_throw(&q, err);
	return q.get.status == 405
		       ? eb_hint(err, e, "this registry does not delete by %s",
				 strchr(version, ':') ? "digest" : "tag; give the digest")
		       : e;
}
