#include "kube/auth.h"

#include <time.h>

#include "base/base64.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/span.h"
#include "kube/config.h"

enum {
	MAX_CREDENTIAL = 256 * 1024,
	/* Tokens of pods are renewed in their file when 80 % of an hour is over; client-go looks
	 * once a minute. */
	TOKEN_FILE_SEC = 60,
	BEFORE_EXPIRY_SEC = 10
};

struct kube_auth {
	const struct kube_config *c;
	kube_exec_fn run;
	void *ctx;
	char *header;
	char *cert, *key; /* of the plugin */
	int64_t fresh_until;
	bool prepared;
};

struct kube_auth *kube_auth_new(const struct kube_config *c, kube_exec_fn run, void *ctx)
{
	struct kube_auth *a = eb_xcalloc(1, sizeof(*a));

	a->c = c;
	a->run = run;
	a->ctx = ctx;
	return a;
}

struct kube_auth *kube_auth_free(struct kube_auth *a)
{
	if (!a)
		return NULL;
	eb_wipe_str(a->header);
	eb_wipe_str(a->key);
	free(a->cert);
	free(a);
	return NULL;
}

const char *kube_auth_header(const struct kube_auth *a)
{
	return a->header;
}

const char *kube_auth_cert(const struct kube_auth *a)
{
	return a->cert ? a->cert : a->c->cert_pem;
}

const char *kube_auth_key(const struct kube_auth *a)
{
	return a->cert ? a->key : a->c->key_pem;
}

bool kube_auth_can_renew(const struct kube_auth *a)
{
	return a->c->exec || a->c->token_file;
}

static int64_t now_sec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec;
}

static void set_bearer(struct kube_auth *a, const char *token)
{
	eb_wipe_str(a->header);
	a->header = eb_xasprintf("Bearer %s", token);
}

static int check_token(const char *token, const char *from, struct eb_error **err)
{
	for (const char *p = token; *p; p++)
		if (*p <= ' ' || *p == 0x7f)
			return eb_throw(err, EB_E_AUTH,
					"the token of %s has a character that no "
					"token has",
					from);
	return *token ? 0 : eb_throw(err, EB_E_AUTH, "the token of %s is empty", from);
}

static int read_token_file(struct kube_auth *a, struct eb_error **err)
{
	EB_SECRETBUF(b, MAX_CREDENTIAL);
	autowipe char *token = NULL;
	int r = eb_file_read(a->c->token_file, &b, err);

	if (r < 0)
		return eb_prefix(err, r, "%s", a->c->origin);
	token = eb_span_dup(eb_span_trim((struct eb_span){ eb_buf_str(&b), b.len }));
	r = check_token(token, a->c->token_file, err);
	if (r < 0)
		return r;
	set_bearer(a, token);
	a->fresh_until = now_sec() + TOKEN_FILE_SEC;
	return 0;
}

static void basic(struct kube_auth *a)
{
	autowipe char *plain = eb_xasprintf("%s:%s", a->c->username,
					    a->c->password ? a->c->password : "");
	EB_SECRETBUF(b, MAX_CREDENTIAL);

	eb_base64_encode(plain, strlen(plain), &b);
	a->header = eb_xasprintf("Basic %s", eb_buf_str(&b));
}

/* ---- plugins ---- */

bool kube_parse_time(const char *text, int64_t *ret)
{
	struct tm tm = { .tm_isdst = 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int hours, minutes, used = 0;
	int64_t t;

	if (!rest)
		return false;
	if (*rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	t = timegm(&tm);
	if (strcmp(rest, "Z") != 0) {
		if (sscanf(rest, "%3d:%2d%n", &hours, &minutes, &used) != 2 || rest[used] ||
		    (rest[0] != '+' && rest[0] != '-'))
			return false;
		t -= hours * 3600 + (rest[0] == '-' ? -minutes : minutes) * 60;
	}
	*ret = t;
	return true;
}

static const char *has(const json_t *status, const char *key)
{
	const char *text = json_string_value(json_object_get(status, key));

	return text && *text ? text : NULL;
}

int kube_exec_parse(const char *text, size_t n, const char *api_version, char **ret_token,
		    char **ret_cert, char **ret_key, int64_t *ret_expires, struct eb_error **err)
{
	autojson json_t *j = NULL;
	json_t *status = NULL;
	const char *expires = NULL;
	int64_t t = 0;
	int r = eb_json_parse(text, n, MAX_CREDENTIAL, &j, err);

	if (r < 0)
		return r;
	if (strcmp(eb_json_text(j, "kind"), "ExecCredential") != 0)
		return eb_throw(err, EB_E_FORMAT, "it printed no ExecCredential");
	if (strcmp(eb_json_text(j, "apiVersion"), api_version) != 0)
		return eb_throw(err, EB_E_FORMAT, "it answered in another version than %s",
				api_version);
	r = eb_json_get_object(j, "status", &status, err);
	if (r >= 0)
		r = eb_json_opt_str(status, "expirationTimestamp", &expires, err);
	if (r < 0)
		return r;
	if (expires && !kube_parse_time(expires, &t))
		return eb_throw(err, EB_E_FORMAT, "its expirationTimestamp is no time");
	if (!has(status, "clientCertificateData") != !has(status, "clientKeyData"))
		return eb_throw(err, EB_E_FORMAT, "it printed a certificate or a key alone");
	if (!has(status, "token") && !has(status, "clientCertificateData"))
		return eb_throw(err, EB_E_AUTH, "it printed neither token nor certificate");
	if (has(status, "token")) {
		r = check_token(has(status, "token"), "that program", err);
		if (r < 0)
			return r;
		*ret_token = eb_xstrdup(has(status, "token"));
	}
	if (has(status, "clientCertificateData")) {
		*ret_cert = eb_xstrdup(has(status, "clientCertificateData"));
		*ret_key = eb_xstrdup(has(status, "clientKeyData"));
	}
	*ret_expires = t;
	return 0;
}

static char *exec_info(const struct kube_config *c)
{
	autojson json_t *j = eb_json_object();
	json_t *spec = eb_json_object(), *cluster = eb_json_object();

	eb_json_set_str(j, "apiVersion", c->exec->api_version);
	eb_json_set_str(j, "kind", "ExecCredential");
	eb_json_set(spec, "interactive", json_false());
	if (c->exec->cluster_info) {
		eb_json_set_str(cluster, "server", c->server);
		eb_json_set_str(cluster, "tls-server-name", c->server_name);
		if (c->insecure)
			eb_json_set(cluster, "insecure-skip-tls-verify", json_true());
		if (c->ca_pem) {
			EB_AUTOBUF(b, EB_BASE64_MAX_BYTES);

			eb_base64_encode(c->ca_pem, strlen(c->ca_pem), &b);
			eb_json_set_str(cluster, "certificate-authority-data", eb_buf_str(&b));
		}
		eb_json_set(spec, "cluster", json_incref(cluster));
	}
	json_decref(cluster);
	eb_json_set(j, "spec", spec);
	return eb_json_canonical(j, NULL);
}

static int run_plugin(struct kube_auth *a, bool *ret_changed, struct eb_error **err)
{
	const struct kube_exec *e = a->c->exec;
	EB_SECRETBUF(out, MAX_CREDENTIAL);
	autofree char *info = exec_info(a->c);
	autowipe char *token = NULL, *key = NULL;
	autofree char *cert = NULL;
	int64_t expires = 0;
	int r;

	if (!a->run)
		return eb_throw(err, EB_E_UNSUPPORTED,
				"%s asks a program ('%s'), and none may be run here", a->c->origin,
				e->command);
	r = a->run(a->ctx, e, info, &out, err);
	if (r >= 0)
		r = kube_exec_parse(eb_buf_str(&out), out.len, e->api_version, &token, &cert, &key,
				    &expires, err);
	if (r < 0) {
		eb_ignore(eb_prefix(err, r, "%s: '%s'", a->c->origin, e->command));
		return e->install_hint ? eb_hint(err, r, "%s", e->install_hint) : r;
	}
	*ret_changed = (!a->cert != !cert) || (cert && strcmp(a->cert, cert) != 0);
	free(a->cert);
	eb_wipe_str(a->key);
	a->cert = EB_TAKE_PTR(cert);
	a->key = EB_TAKE_PTR(key);
	if (token)
		set_bearer(a, token);
	a->fresh_until = expires ? expires - BEFORE_EXPIRY_SEC : INT64_MAX;
	return 0;
}

int kube_auth_prepare(struct kube_auth *a, bool anew, bool *ret_changed_cert, struct eb_error **err)
{
	bool changed = false;
	int r = 0;

	if (a->prepared && !anew && (!kube_auth_can_renew(a) || now_sec() < a->fresh_until)) {
		*ret_changed_cert = false;
		return 0;
	}
	if (a->c->exec)
		r = run_plugin(a, &changed, err);
	else if (a->c->token_file)
		r = read_token_file(a, err);
	else if (a->c->token && !a->header)
		set_bearer(a, a->c->token);
	else if (a->c->username && !a->header)
		basic(a);
	if (r < 0)
		return r;
	a->prepared = true;
	*ret_changed_cert = changed;
	return 0;
}
