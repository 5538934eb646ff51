#include "dist/auth.h"

#include <pthread.h>
#include <time.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/http.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/url.h"
#include "dist/challenge.h"
#include "dist/creds.h"
#include "dist/creds_helper.h"
#include "dist/transport.h"

enum {
	TOKEN_MAX_BYTES = 256 * 1024,
	DEFAULT_LIFE_SEC = 60, /* of the specification */
	MARGIN_SEC = 5,
	MAX_LIFE_SEC = 24 * 3600,
	MAX_BODY_BYTES = 64 * 1024,
	MAX_TOKENS = 4096,
};

#define CLIENT_ID "ess-bundle"

struct token {
	struct token *next;
	char *scopes; /* what it was asked for */
	char *header; /* "Bearer ..." or "Basic ..." */
	int64_t end_sec;
};

struct oci_auth {
	struct oci_transport *transport;
	const struct oci_creds *creds;
	char *host;
	bool plain_http;
	pthread_mutex_t lock; /* held while a token is asked for: others want the same one */
	struct oci_challenge challenge;
	struct token *tokens;
	size_t n_tokens;
};

static int64_t now_sec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec;
}

struct oci_auth *oci_auth_new(struct oci_transport *t, const struct oci_creds *c, const char *host,
			      bool plain_http)
{
	struct oci_auth *a = eb_xcalloc(1, sizeof(*a));

	a->transport = t;
	a->creds = c;
	a->host = eb_xstrdup(host);
	a->plain_http = plain_http;
	pthread_mutex_init(&a->lock, NULL);
	return a;
}

static void token_free(struct token *t)
{
	free(t->scopes);
	oci_creds_wipe(t->header);
	free(t);
}

struct oci_auth *oci_auth_free(struct oci_auth *a)
{
	if (!a)
		return NULL;
	while (a->tokens) {
		struct token *t = a->tokens;

		a->tokens = t->next;
		token_free(t);
	}
	oci_challenge_release(&a->challenge);
	pthread_mutex_destroy(&a->lock);
	free(a->host);
	free(a);
	return NULL;
}

/* ---- the tokens there are ---- */

/* The scopes, parted by blanks; also what a token is found by. */
static char *scopes_of(const struct oci_auth_want *w)
{
	if (w->scope)
		return eb_xstrdup(w->scope);
	if (!w->repo)
		return eb_xstrdup("");
	if (w->from && strcmp(w->from, w->repo) != 0)
		return eb_xasprintf("repository:%s:%s repository:%s:pull", w->repo, w->actions,
				    w->from);
	return eb_xasprintf("repository:%s:%s", w->repo, w->actions);
}

static struct token **find_token(struct oci_auth *a, const char *scopes)
{
	struct token **at = &a->tokens;

	while (*at && strcmp((*at)->scopes, scopes) != 0)
		at = &(*at)->next;
	return at;
}

static void drop_token(struct oci_auth *a, struct token **at)
{
	struct token *t = *at;

	*at = t->next;
	a->n_tokens--;
	token_free(t);
}

/* header is taken. */
static void keep_token(struct oci_auth *a, const char *scopes, char *header, int64_t life_sec)
{
	struct token *t = eb_xcalloc(1, sizeof(*t)), **old = find_token(a, scopes);

	if (*old)
		drop_token(a, old);
	while (a->n_tokens >= MAX_TOKENS)
		drop_token(a, &a->tokens);
	*t = (struct token){ .next = a->tokens,
			     .scopes = eb_xstrdup(scopes),
			     .header = header,
			     .end_sec = now_sec() + life_sec };
	a->tokens = t;
	a->n_tokens++;
}

/* ---- asking for one ---- */

static char *basic_header(const struct oci_credential *c)
{
	autofree char *plain = eb_xasprintf("%s:%s", c->user, c->password);
	EB_AUTOBUF(b, EB_BASE64_MAX_BYTES);
	char *out;

	eb_base64_encode(plain, strlen(plain), &b);
	explicit_bzero(plain, strlen(plain));
	out = eb_xasprintf("Basic %s", eb_buf_str(&b));
	explicit_bzero(b.data, b.len);
	return out;
}

static void add_parameter(struct eb_buf *b, char first, const char *name, const char *value)
{
	autofree char *escaped = eb_url_escape(value);

	eb_buf_addf(b, "%c%s=%s", first, name, escaped);
	explicit_bzero(escaped, strlen(escaped));
}

static char *token_url(const struct oci_challenge *ch, const char *scopes)
{
	EB_AUTOBUF(b, MAX_BODY_BYTES);
	struct eb_span rest = eb_span_str(scopes), one;
	char sep = strchr(ch->realm, '?') ? '&' : '?';

	eb_buf_adds(&b, ch->realm);
	if (ch->service) {
		add_parameter(&b, sep, "service", ch->service);
		sep = '&';
	}
	while (eb_span_next(&rest, ' ', &one)) {
		autofree char *scope = eb_span_dup(one);

		add_parameter(&b, sep, "scope", scope);
		sep = '&';
	}
	return eb_buf_take(&b);
}

/* OAuth2: a refresh token, or user and password where the server has no other way. */
static void token_form(const struct oci_challenge *ch, const char *scopes,
		       const struct oci_credential *c, struct eb_buf *b)
{
	eb_buf_adds(b, "client_id=" CLIENT_ID);
	add_parameter(b, '&', "service", ch->service ? ch->service : "");
	if (*scopes)
		add_parameter(b, '&', "scope", scopes);
	if (c->identity_token) {
		eb_buf_adds(b, "&grant_type=refresh_token");
		add_parameter(b, '&', "refresh_token", c->identity_token);
		return;
	}
	eb_buf_adds(b, "&grant_type=password");
	add_parameter(b, '&', "username", c->user);
	add_parameter(b, '&', "password", c->password);
}

struct asking {
	struct eb_http_get get;
	struct eb_http_call call;
	struct eb_buf form, answer;
};

static int on_answer(void *ctx, uint64_t at, const void *p, size_t n, struct eb_error **err)
{
	struct asking *q = ctx;

	if (at == 0)
		eb_buf_clear(&q->answer);
	eb_buf_add(&q->answer, p, n);
	return eb_buf_check(&q->answer, "answer of the token server", err);
}

static ssize_t on_form(void *ctx, uint64_t at, void *p, size_t n, struct eb_error **err)
{
	const struct asking *q = ctx;

	(void)err;
	memcpy(p, q->form.data + at, n);
	return (ssize_t)n;
}

static int parse_token(const struct eb_buf *answer, char **ret, int64_t *ret_life,
		       struct eb_error **err)
{
	autojson json_t *doc = NULL;
	const char *token = NULL, *other = NULL;
	json_t *expires;
	int r = eb_json_parse(answer->data ? answer->data : "", answer->len, TOKEN_MAX_BYTES, &doc,
			      err);

	if (r >= 0)
		r = eb_json_opt_str(doc, "token", &token, err);
	if (r >= 0)
		r = eb_json_opt_str(doc, "access_token", &other, err);
	if (r < 0)
		return r;
	if (!token || !*token)
		token = other;
	if (!token || !*token || strpbrk(token, "\r\n"))
		return eb_throw(err, EB_E_FORMAT, "holds no token");
	expires = json_object_get(doc, "expires_in");
	*ret_life = DEFAULT_LIFE_SEC;
	if (json_is_integer(expires) && json_integer_value(expires) > DEFAULT_LIFE_SEC)
		*ret_life = json_integer_value(expires) < MAX_LIFE_SEC ? json_integer_value(expires)
								       : MAX_LIFE_SEC;
	else if (json_is_integer(expires) && json_integer_value(expires) > 0)
		*ret_life = json_integer_value(expires);
	*ret = eb_xasprintf("Bearer %s", token);
	return 0;
}

static int refused(const struct oci_auth *a, const struct asking *q, const char *scopes,
		   const struct oci_credential *c, struct eb_error **err)
{
	autofree char *shown = eb_url_show(q->get.url);
	long status = q->get.status;
	int r;

	if (status >= 500 || status == 404 || status == 405)
		return eb_throw(err, EB_E_NETWORK, "token server %s: HTTP %ld", shown, status);
	r = eb_throw(err, EB_E_AUTH, "token server %s refuses %s for '%s': HTTP %ld", shown,
		     c->user ? c->user : "to let in anybody", scopes, status);
	return eb_hint(err, r, "ess-bundle login %s", a->host);
}

/* One request to the token server. *ret_status is set also when it refuses. */
static int ask(const struct oci_auth *a, const char *scopes, const struct oci_credential *c,
	       bool by_form, char **ret, int64_t *ret_life, long *ret_status, struct eb_error **err)
{
	static const char *const form_headers[] = {
		"Content-Type: application/x-www-form-urlencoded", "Accept: application/json", NULL
	};
	autofree char *url = by_form ? eb_xstrdup(a->challenge.realm)
				     : token_url(&a->challenge, scopes);
	autofree char *host = eb_url_host(url);
	struct asking q = { .get = { .url = url, .max_bytes = TOKEN_MAX_BYTES } };
	struct eb_http *http = NULL;
	char *basic = NULL;
	int r = oci_transport_take(a->transport, host, false, &http, err);

	if (r < 0)
		return r;
	eb_buf_init(&q.form, MAX_BODY_BYTES);
	eb_buf_init(&q.answer, TOKEN_MAX_BYTES);
	q.get.call = &q.call;
	q.get.ctx = &q;
	q.get.body = on_answer;
	q.get.what = "token";
	q.call.headers = form_headers;
	if (by_form) {
		token_form(&a->challenge, scopes, c, &q.form);
		q.call.method = "POST";
		q.call.send_bytes = q.form.len;
		q.call.send = on_form;
	} else {
		q.call.headers = form_headers + 1;
		basic = c->user && c->password ? basic_header(c) : NULL;
		q.call.authorization = basic;
	}
	eb_http_add(http, &q.get);
	r = eb_http_get_all(http, NULL, 0, NULL, NULL, err);
	eb_error_clear(&q.get.error);
	oci_transport_give(a->transport, host, false, http);
	*ret_status = q.get.status;
	if (r >= 0 && q.get.status / 100 != 2)
		r = refused(a, &q, scopes, c, err);
	else if (r >= 0) {
		r = parse_token(&q.answer, ret, ret_life, err);
		if (r < 0)
			eb_ignore(eb_prefix(err, r, "answer of the token server %s", host));
	}
	oci_creds_wipe(basic);
	if (q.form.data)
		explicit_bzero(q.form.data, q.form.len);
	if (q.answer.data)
		explicit_bzero(q.answer.data, q.answer.len);
	eb_buf_release(&q.form);
	eb_buf_release(&q.answer);
	eb_http_call_release(&q.call);
	return r;
}

/* A password must not travel in the clear because a registry says so. */
static int check_realm(const struct oci_auth *a, struct eb_error **err)
{
	const char *realm = a->challenge.realm;
	autofree char *shown = eb_url_show(realm);

	if (strncasecmp(realm, "https://", 8) == 0 ||
	    (a->plain_http && strncasecmp(realm, "http://", 7) == 0))
		return 0;
	return eb_throw(err, EB_E_AUTH, "%s sends us to the token server %s: expected https",
			a->host, shown);
}

static int get_bearer(struct oci_auth *a, const char *scopes, const struct oci_credential *c,
		      char **ret, int64_t *ret_life, struct eb_error **err)
{
	struct eb_error *e = NULL;
	long status = 0;
	int r = check_realm(a, err);

	if (r < 0)
		return r;
	if (c->identity_token)
		return ask(a, scopes, c, true, ret, ret_life, &status, err);
	r = ask(a, scopes, c, false, ret, ret_life, &status, &e);
	if (r < 0 && c->user && c->password && (status == 404 || status == 405)) {
		eb_error_clear(&e);
		return ask(a, scopes, c, true, ret, ret_life, &status, err);
	}
	return r < 0 ? eb_error_forward(err, e) : r;
}

/* Get a header for scopes and keep it; the lock is held. *ret stays NULL when there is none. */
static int obtain(struct oci_auth *a, const struct oci_auth_want *w, const char *scopes, char **ret,
		  struct eb_error **err)
{
	EB_CLEANUP(oci_credential_release_p) struct oci_credential c = { 0 };
	int64_t life = MAX_LIFE_SEC;
	char *header = NULL;
	int r = 0;

	if (a->creds)
		r = oci_creds_find(a->creds, a->host, w->repo, &c, err);
	if (r < 0)
		return eb_prefix(err, r, "credentials for %s", a->host);
	if (c.registry_token)
		header = eb_xasprintf("Bearer %s", c.registry_token);
	else if (a->challenge.scheme == OCI_CHALLENGE_BEARER)
		r = get_bearer(a, scopes, &c, &header, &life, err);
	else if (c.user && c.password)
		header = basic_header(&c);
	if (r < 0 || !header)
		return r;
	eb_log(EB_LOG_DEBUG, "%s: authorisation for '%s', good for %lld s", a->host, scopes,
	       (long long)life);
	*ret = eb_xstrdup(header);
	keep_token(a, scopes, header, life);
	return 0;
}

int oci_auth_header(struct oci_auth *a, const struct oci_auth_want *want, char **ret,
		    struct eb_error **err)
{
	autofree char *scopes = scopes_of(want);
	struct token **t;
	int r = 0;

	*ret = NULL;
	pthread_mutex_lock(&a->lock);
	t = find_token(a, scopes);
	if (*t && (*t)->end_sec - MARGIN_SEC <= now_sec())
		drop_token(a, t);
	else if (*t)
		*ret = eb_xstrdup((*t)->header);
	if (!*ret && a->challenge.scheme != OCI_CHALLENGE_OTHER)
		r = obtain(a, want, scopes, ret, err);
	pthread_mutex_unlock(&a->lock);
	return r;
}

static int throw_refused(const struct oci_auth *a, const struct oci_auth_want *want, bool known,
			 struct eb_error **err)
{
	const char *repo = want->repo ? want->repo : "";
	int r;

	if (known)
		r = eb_throw(err, EB_E_AUTH, "%s/%s: the registry does not accept our credentials",
			     a->host, repo);
	else
		r = eb_throw(err, EB_E_AUTH, "%s/%s: the registry wants to know who we are",
			     a->host, repo);
	return eb_hint(err, r, "ess-bundle login %s", a->host);
}

static int answer(struct oci_auth *a, const struct oci_auth_want *want, const char *scopes,
		  const char *challenge, const char *sent, char **ret, struct eb_error **err)
{
	EB_CLEANUP(oci_challenge_release_p) struct oci_challenge ch = { .name = NULL };
	struct token **t = find_token(a, scopes);
	int r;

	/* Another thread may have got a newer one meanwhile. */
	if (*t && (!sent || strcmp((*t)->header, sent) != 0)) {
		*ret = eb_xstrdup((*t)->header);
		return 0;
	}
	if (*t)
		drop_token(a, t);
	r = oci_challenge_parse(challenge, &ch, err);
	if (r < 0)
		return eb_prefix(err, r, "%s", a->host);
	if (sent && ch.scheme == OCI_CHALLENGE_BASIC)
		return throw_refused(a, want, true, err);
	oci_challenge_release(&a->challenge);
	a->challenge = ch;
	ch = (struct oci_challenge){ .name = NULL };
	r = obtain(a, want, scopes, ret, err);
	return r < 0 || *ret ? r : throw_refused(a, want, false, err);
}

int oci_auth_challenged(struct oci_auth *a, const struct oci_auth_want *want, const char *challenge,
			const char *sent, char **ret, struct eb_error **err)
{
	autofree char *scopes = scopes_of(want);
	int r;

	*ret = NULL;
	pthread_mutex_lock(&a->lock);
	r = answer(a, want, scopes, challenge, sent, ret, err);
	pthread_mutex_unlock(&a->lock);
	return r;
}
