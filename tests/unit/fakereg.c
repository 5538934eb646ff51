#include "fakereg.h"

#include "base/base64.h"
#include "base/hash.h"
#include "base/span.h"
#include "testlib.h"

enum { MAX_THINGS = 1024 };

struct thing {
	char repo[128], key[160]; /* digest, tag or id of an upload */
	char type[128];
	const char *data;
	size_t n;
	bool is_blob, is_upload;
};

struct fakereg {
	struct httpd *d;
	struct httpd_handler handler;
	struct fakereg_ways ways;
	struct thing things[MAX_THINGS];
	size_t n;
	unsigned int uploads, token, uses;
	uint64_t received;
};

/* ---- what it holds ---- */

static struct thing *find(struct fakereg *f, bool blob, bool upload, const char *repo,
			  const char *key)
{
	for (size_t i = 0; i < f->n; i++) {
		struct thing *t = &f->things[i];

		if (t->is_blob == blob && t->is_upload == upload && strcmp(t->repo, repo) == 0 &&
		    strcmp(t->key, key) == 0)
			return t;
	}
	return NULL;
}

static struct thing *put(struct fakereg *f, bool blob, bool upload, const char *repo,
			 const char *key, const void *p, size_t n)
{
	struct thing *t = find(f, blob, upload, repo, key);
	char *copy = eb_arena_alloc(httpd_arena(f->d), n + 1);

	if (!t && f->n == MAX_THINGS)
		abort();
	if (!t)
		t = &f->things[f->n++];
	if (n)
		memcpy(copy, p, n);
	*t = (struct thing){ .data = copy, .n = n, .is_blob = blob, .is_upload = upload };
	snprintf(t->repo, sizeof(t->repo), "%s", repo);
	snprintf(t->key, sizeof(t->key), "%s", key);
	return t;
}

static void digest_of(const void *p, size_t n, char out[static 80])
{
	memcpy(out, "sha256:", 7);
	eb_sha256_hex(p, n, out + 7);
}

void fakereg_add_blob(struct fakereg *f, const char *repo, const void *p, size_t n,
		      char out[static 80])
{
	digest_of(p, n, out);
	put(f, true, false, repo, out, p, n);
}

void fakereg_add_manifest(struct fakereg *f, const char *repo, const char *tag, const char *type,
			  const char *text, char out[static 80])
{
	digest_of(text, strlen(text), out);
	snprintf(put(f, false, false, repo, out, text, strlen(text))->type, 128, "%s", type);
	if (tag)
		snprintf(put(f, false, false, repo, tag, text, strlen(text))->type, 128, "%s",
			 type);
}

const char *fakereg_blob(struct fakereg *f, const char *repo, const char *digest, size_t *ret_n)
{
	struct thing *t = find(f, true, false, repo, digest);

	if (t && ret_n)
		*ret_n = t->n;
	return t ? t->data : NULL;
}

const char *fakereg_manifest(struct fakereg *f, const char *repo, const char *version)
{
	struct thing *t = find(f, false, false, repo, version);

	return t ? t->data : NULL;
}

/* ---- answering ---- */

static void status(struct httpd_reply *r, int code)
{
	r->mode = HTTPD_STATUS;
	r->status = code;
}

static void error(struct httpd_reply *r, int code, const char *name)
{
	static const char *const codes[] = {
		("{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"authentication "
		 "required\"}]}"),
		"{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"manifest unknown\"}]}",
		"{\"errors\":[{\"code\":\"BLOB_UNKNOWN\",\"message\":\"blob unknown\"}]}",
		"{\"errors\":[{\"code\":\"DIGEST_INVALID\",\"message\":\"digest invalid\"}]}",
		"{\"errors\":[{\"code\":\"BLOB_UPLOAD_UNKNOWN\",\"message\":\"no upload\"}]}",
		"{\"errors\":[{\"code\":\"UNSUPPORTED\",\"message\":\"not here\"}]}",
	};

	status(r, code);
	for (size_t i = 0; i < EB_ARRAY_LEN(codes); i++)
		if (strstr(codes[i], name)) {
			r->body = codes[i];
			r->size = strlen(codes[i]);
		}
}

/* Value of a parameter of the query, unescaped as far as digests and names need; heap. */
static char *parameter(const struct httpd_request *q, const char *name)
{
	struct eb_span rest = eb_span_str(q->query), one;
	char *out = NULL, *w;

	while (eb_span_next(&rest, '&', &one)) {
		if (!eb_span_starts(one, name) || one.ptr[strlen(name)] != '=')
			continue;
		one.ptr += strlen(name) + 1;
		one.len -= strlen(name) + 1;
		free(out);
		out = w = eb_span_dup(one);
		for (char *p = out; *p; p++)
			if (strncasecmp(p, "%3A", 3) == 0) {
				*w++ = ':';
				p += 2;
			} else if (strncasecmp(p, "%2F", 3) == 0) {
				*w++ = '/';
				p += 2;
			} else {
				*w++ = *p;
			}
		*w = '\0';
	}
	return out;
}

static const char *location(struct fakereg *f, const struct httpd_request *q, const char *repo,
			    const char *id, uint64_t have)
{
	struct eb_arena *a = httpd_arena(f->d);
	const char *path = eb_arena_printf(a, "/v2/%s/blobs/uploads/%s%s", repo, id,
					   f->ways.location_with_query ? "?state=a%20b" : "");
	const char *base = f->ways.relative_location ? "" : httpd_url(f->d, "");
	const char *range = "", *min = "";

	(void)q;
	if (f->ways.location_base)
		base = f->ways.location_base;
	if (have && !f->ways.no_range_header)
		range = eb_arena_printf(a, "Range: 0-%llu\r\n", (unsigned long long)have - 1);
	if (f->ways.chunk_min)
		min = eb_arena_printf(a, "OCI-Chunk-Min-Length: %s\r\n", f->ways.chunk_min);
	if (f->ways.no_location)
		return range;
	return eb_arena_printf(a, "Location: %s%s\r\n%s%s", base, path, range, min);
}

static void finish_upload(struct fakereg *f, const struct httpd_request *q, const char *repo,
			  struct thing *up, struct httpd_reply *r)
{
	autofree char *want = parameter(q, "digest");
	char got[80];

	digest_of(up->data, up->n, got);
	if (!want || strcmp(want, got) != 0) {
		error(r, 400, "DIGEST_INVALID");
		return;
	}
	put(f, true, false, repo, got, up->data, up->n);
	up->is_upload = false;
	up->key[0] = '\0';
	status(r, 201);
}

static void append(struct fakereg *f, struct thing *up, const struct httpd_request *q)
{
	char *both = eb_arena_alloc(httpd_arena(f->d), up->n + q->body_size + 1);

	memcpy(both, up->data, up->n);
	if (q->body_size)
		memcpy(both + up->n, q->body, q->body_size);
	up->data = both;
	up->n += q->body_size;
}

/* "Content-Range: A-B" must go on where we are. */
static bool range_fits(const struct httpd_request *q, const struct thing *up)
{
	const char *at = strcasestr(q->headers, "Content-Range: ");
	uint64_t first = 0;

	if (!at)
		return true;
	at += 15;
	return eb_parse_u64((struct eb_span){ at, strspn(at, "0123456789") }, INT64_MAX, &first,
			    NULL) >= 0 &&
	       first == up->n;
}

static void on_upload(struct fakereg *f, const struct httpd_request *q, const char *repo,
		      const char *id, struct httpd_reply *r)
{
	struct thing *up = find(f, true, true, repo, id);
	bool patch = strcmp(q->method, "PATCH") == 0;

	if (!up) {
		error(r, 404, "BLOB_UPLOAD_UNKNOWN");
		return;
	}
	if (f->ways.no_patch && patch) {
		error(r, 405, "UNSUPPORTED");
		return;
	}
	if (f->ways.max_body && q->body_size > f->ways.max_body) {
		status(r, 413);
		return;
	}
	if (strcmp(q->method, "DELETE") == 0) {
		up->is_upload = false;
		status(r, 204);
		return;
	}
	if (q->body_size && !range_fits(q, up)) {
		status(r, 416);
		r->headers = location(f, q, repo, id, up->n);
		return;
	}
	append(f, up, q);
	if (strcmp(q->method, "GET") == 0)
		status(r, 204);
	else if (patch)
		status(r, f->ways.patch_201 ? 201 : 202);
	if (strcmp(q->method, "PUT") == 0)
		finish_upload(f, q, repo, up, r);
	r->headers = location(f, q, repo, id, up->n);
}

static void on_start(struct fakereg *f, const struct httpd_request *q, const char *repo,
		     struct httpd_reply *r)
{
	autofree char *mount = parameter(q, "mount"), *from = parameter(q, "from");
	struct thing *t = mount && from ? find(f, true, false, from, mount) : NULL;
	char id[32];

	if (t && !f->ways.no_mount) {
		put(f, true, false, repo, mount, t->data, t->n);
		status(r, 201);
		return;
	}
	snprintf(id, sizeof(id), "upload-%u", ++f->uploads);
	put(f, true, true, repo, id, "", 0);
	status(r, 202);
	r->headers = location(f, q, repo, id, 0);
}

static void give(struct fakereg *f, const struct thing *t, struct httpd_reply *r)
{
	struct eb_arena *a = httpd_arena(f->d);

	r->mode = f->ways.wrong_bytes ? HTTPD_WRONG_BYTES : HTTPD_NORMAL;
	if (t->is_blob && f->ways.drop_after) {
		r->mode = HTTPD_DROP;
		r->after = f->ways.drop_after;
	}
	r->body = t->data;
	r->size = t->n;
	r->headers = eb_arena_printf(a, "Content-Type: %s\r\n",
				     t->type[0] ? t->type : "application/octet-stream");
	if (!f->ways.no_digest_header && !f->ways.wrong_bytes) {
		char digest[80];

		digest_of(t->data, t->n, digest);
		r->headers = eb_arena_printf(a, "%sDocker-Content-Digest: %s\r\n", r->headers,
					     digest);
	}
}

static void on_blob(struct fakereg *f, const struct httpd_request *q, const char *repo,
		    const char *digest, struct httpd_reply *r)
{
	struct thing *t = find(f, true, false, repo, digest);

	if (!t) {
		error(r, 404, "BLOB_UNKNOWN");
	} else if (f->ways.redirect_blobs) {
		r->mode = HTTPD_REDIRECT;
		r->status = 307;
		r->location = eb_arena_printf(httpd_arena(f->d), "%s%s", f->ways.redirect_blobs,
					      q->path);
	} else {
		give(f, t, r);
	}
}

static void put_manifest(struct fakereg *f, const struct httpd_request *q, const char *repo,
			 const char *version, struct httpd_reply *r)
{
	const char *at = strcasestr(q->headers, "Content-Type: ");
	char type[128] = "", digest[80];
	const char *text = q->body ? q->body : "";

	if (at)
		snprintf(type, sizeof(type), "%.*s", (int)strcspn(at + 14, "\r"), at + 14);
	fakereg_add_manifest(f, repo, strchr(version, ':') ? NULL : version, type, text, digest);
	status(r, 201);
	r->headers = eb_arena_printf(
		httpd_arena(f->d), "Docker-Content-Digest: %s\r\n%s", digest,
		f->ways.subject && strstr(text, "\"subject\"") ? "OCI-Subject: sha256:aa\r\n" : "");
}

/* By digest, with all its tags. */
static void drop(struct fakereg *f, struct thing *t, bool tags)
{
	for (size_t i = 0; i < f->n && tags; i++) {
		struct thing *o = &f->things[i];

		if (!o->is_blob && o != t && strcmp(o->repo, t->repo) == 0 && o->n == t->n &&
		    memcmp(o->data, t->data, t->n) == 0)
			o->key[0] = '\0';
	}
	t->key[0] = '\0';
}

static void on_manifest(struct fakereg *f, const struct httpd_request *q, const char *repo,
			const char *version, struct httpd_reply *r)
{
	struct thing *t = find(f, false, false, repo, version);

	if (strcmp(q->method, "PUT") == 0) {
		put_manifest(f, q, repo, version, r);
	} else if (!t) {
		error(r, 404, "MANIFEST_UNKNOWN");
	} else if (strcmp(q->method, "DELETE") == 0) {
		if (f->ways.no_tag_delete && !strchr(version, ':')) {
			error(r, 405, "UNSUPPORTED");
			return;
		}
		drop(f, t, strchr(version, ':') != NULL);
		status(r, 202);
	} else {
		give(f, t, r);
	}
}

static void on_tags(struct fakereg *f, const struct httpd_request *q, const char *repo,
		    struct httpd_reply *r)
{
	EB_AUTOBUF(b, 65536);
	struct eb_arena *a = httpd_arena(f->d);
	autofree char *last = parameter(q, "last");
	bool behind = !last;
	size_t n = 0;

	eb_buf_addf(&b, "{\"name\":\"%s\",\"tags\":[", repo);
	for (size_t i = 0; i < f->n; i++) {
		const struct thing *t = &f->things[i];

		if (t->is_blob || strcmp(t->repo, repo) != 0 || strchr(t->key, ':') || !t->key[0])
			continue;
		if (behind && f->ways.page && n == f->ways.page) {
			r->headers = eb_arena_printf(
				a, "Link: </v2/%s/tags/list?last=%s>; rel=\"next\"\r\n", repo,
				last ? last : "");
			break;
		}
		if (behind) {
			eb_buf_addf(&b, "%s\"%s\"", n++ ? "," : "", t->key);
			free(last);
			last = eb_xstrdup(t->key);
		} else {
			behind = strcmp(t->key, last) == 0;
		}
	}
	eb_buf_adds(&b, "]}");
	r->mode = HTTPD_NORMAL;
	r->body = eb_arena_strdup(a, eb_buf_str(&b));
	r->size = b.len;
}

static void on_token(struct fakereg *f, const struct httpd_request *q, struct httpd_reply *r)
{
	EB_AUTOBUF(basic, 1024);
	autofree char *plain = eb_xasprintf("%s:%s", f->ways.user ? f->ways.user : "",
					    f->ways.password ? f->ways.password : "");
	const char *text;
	bool post = strcmp(q->method, "POST") == 0;

	eb_base64_encode(plain, strlen(plain), &basic);
	if (f->ways.form_only && !post) {
		status(r, 405);
		return;
	}
	if (f->ways.user && !post && !strstr(q->headers, eb_buf_str(&basic))) {
		error(r, 401, "UNAUTHORIZED");
		return;
	}
	f->token++;
	f->uses = 0;
	text = f->ways.token_answer
		       ? f->ways.token_answer
		       : eb_arena_printf(httpd_arena(f->d), "{\"token\":\"token-%u\"}", f->token);
	r->mode = HTTPD_NORMAL;
	r->body = text;
	r->size = strlen(text);
}

static bool may(struct fakereg *f, const struct httpd_request *q, struct httpd_reply *r)
{
	EB_AUTOBUF(want, 1024);
	autofree char *plain = NULL;
	struct eb_arena *a = httpd_arena(f->d);

	if (f->ways.auth == FAKEREG_OPEN)
		return true;
	if (f->ways.auth == FAKEREG_BASIC) {
		plain = eb_xasprintf("%s:%s", f->ways.user, f->ways.password);
		eb_buf_adds(&want, "Authorization: Basic ");
		eb_base64_encode(plain, strlen(plain), &want);
	} else {
		eb_buf_addf(&want, "Authorization: Bearer token-%u\r", f->token);
		if (f->token && f->ways.token_uses && ++f->uses > f->ways.token_uses)
			eb_buf_adds(&want, "expired");
	}
	if (strstr(q->headers, eb_buf_str(&want)))
		return true;
	error(r, 401, "UNAUTHORIZED");
	r->headers = f->ways.auth == FAKEREG_BASIC
			     ? "WWW-Authenticate: Basic realm=\"test\"\r\n"
			     : eb_arena_printf(a,
					       "WWW-Authenticate: Bearer "
					       "realm=\"%s\",service=\"test\"\r\n",
					       f->ways.realm ? f->ways.realm
							     : httpd_url(f->d, "/token"));
	return false;
}

static bool is_busy(struct fakereg *f, struct httpd_reply *r)
{
	if (!f->ways.busy_times)
		return false;
	f->ways.busy_times--;
	status(r, f->ways.busy_status ? f->ways.busy_status : 429);
	r->retry_after = "0";
	return true;
}

/* /v2/REPO/KIND/REST */
static void route(struct fakereg *f, const struct httpd_request *q, struct httpd_reply *r)
{
	static const char *const kinds[] = { "/blobs/uploads/", "/blobs/", "/manifests/",
					     "/tags/list", "/referrers/" };
	char repo[128];

	for (size_t i = 0; i < EB_ARRAY_LEN(kinds); i++) {
		const char *at = strstr(q->path, kinds[i]), *rest = at ? at + strlen(kinds[i]) : "";

		if (!at)
			continue;
		snprintf(repo, sizeof(repo), "%.*s", (int)(at - q->path - 4), q->path + 4);
		if (i == 0 && strcmp(q->method, "POST") == 0)
			on_start(f, q, repo, r);
		else if (i == 0)
			on_upload(f, q, repo, rest, r);
		else if (i == 1)
			on_blob(f, q, repo, rest, r);
		else if (i == 2)
			on_manifest(f, q, repo, rest, r);
		else if (i == 3)
			on_tags(f, q, repo, r);
		else if (f->ways.referrers && find(f, false, false, repo, q->path))
			give(f, find(f, false, false, repo, q->path), r);
		return;
	}
}

static void reply(void *ctx, const struct httpd_request *q, struct httpd_reply *r)
{
	struct fakereg *f = ctx;

	f->received += q->body_size;
	if (f->ways.html) {
		r->mode = HTTPD_HTML;
	} else if (is_busy(f, r)) {
		;
	} else if (strcmp(q->path, "/token") == 0) {
		on_token(f, q, r);
	} else if (may(f, q, r)) {
		if (strcmp(q->path, "/v2/") == 0)
			status(r, 200);
		else
			route(f, q, r);
	}
}

static size_t room(void *ctx, const struct httpd_request *q)
{
	struct fakereg *f = ctx;

	if (!f->ways.cut_times || !strstr(q->path, "/uploads/") || strcmp(q->method, "POST") == 0)
		return SIZE_MAX;
	f->ways.cut_times--;
	return f->ways.cut_after;
}

struct fakereg *fakereg_start(void)
{
	struct fakereg *f = eb_xcalloc(1, sizeof(*f));

	f->d = httpd_start();
	f->handler = (struct httpd_handler){ f, room, reply };
	httpd_handle(f->d, &f->handler);
	return f;
}

struct fakereg *fakereg_stop(struct fakereg *f)
{
	if (f) {
		httpd_stop(f->d);
		free(f);
	}
	return NULL;
}

struct fakereg_ways *fakereg_ways(struct fakereg *f)
{
	return &f->ways;
}

struct httpd *fakereg_httpd(struct fakereg *f)
{
	return f->d;
}

const char *fakereg_host(struct fakereg *f)
{
	return httpd_host(f->d);
}

size_t fakereg_count(struct fakereg *f, const char *method, const char *part)
{
	size_t n = httpd_n_requests(f->d), count = 0;

	for (size_t i = 0; i < n; i++) {
		struct httpd_request q = httpd_request(f->d, i);

		count += strcmp(q.method, method) == 0 && strstr(q.path, part) != NULL;
	}
	return count;
}

uint64_t fakereg_received(struct fakereg *f)
{
	return f->received;
}
