#include "dist/creds.h"

#include <errno.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/span.h"
#include "dist/creds_helper.h"
#include "dist/ref.h"

enum { MAX_FILES = 16 };

#define DOCKER_KEY "https://index.docker.io/v1/"

struct file {
	char *path;
	json_t *doc;
};

struct oci_creds {
	struct file files[MAX_FILES];
	size_t n_files;
	char *const *environ_;
	char *host; /* of what was set */
	struct oci_credential set;
};

void oci_credential_release(struct oci_credential *c)
{
	oci_creds_wipe(c->user);
	oci_creds_wipe(c->password);
	oci_creds_wipe(c->identity_token);
	oci_creds_wipe(c->registry_token);
	*c = (struct oci_credential){ NULL, NULL, NULL, NULL };
}

bool oci_credential_is_empty(const struct oci_credential *c)
{
	return !c->user && !c->password && !c->identity_token && !c->registry_token;
}

static char *dup_or_null(const char *s)
{
	return s && *s ? eb_xstrdup(s) : NULL;
}

/* ---- files ---- */

char *oci_creds_key(const char *key)
{
	struct eb_span s = eb_span_str(key);
	static const char *const fronts[] = { "https://", "http://" };
	static const char *const ends[] = { "/", "/v1", "/v2" };
	char *out;

	for (size_t i = 0; i < EB_ARRAY_LEN(fronts); i++)
		if (eb_span_starts(s, fronts[i])) {
			s.ptr += strlen(fronts[i]);
			s.len -= strlen(fronts[i]);
		}
	for (size_t i = 0; i < EB_ARRAY_LEN(ends); i++)
		if (eb_span_ends(s, ends[i]))
			s.len -= strlen(ends[i]);
	out = eb_span_dup(s);
	if (strcmp(out, "index.docker.io") == 0 || strcmp(out, "registry-1.docker.io") == 0) {
		free(out);
		out = eb_xstrdup(OCI_DOCKER_HOST);
	}
	return out;
}

int oci_creds_parse(const char *text, size_t n, json_t **ret, struct eb_error **err)
{
	autojson json_t *doc = NULL;
	json_t *part = NULL, *value;
	const char *store = NULL, *key;
	int r = eb_json_parse(text, n, OCI_CREDS_MAX_BYTES, &doc, err);

	if (r < 0)
		return r;
	if (!json_is_object(doc))
		return eb_throw(err, EB_E_FORMAT, "expected an object, found %s",
				eb_json_type_name(doc));
	r = eb_json_opt_str(doc, "credsStore", &store, err);
	if (r >= 0)
		r = eb_json_opt_object(doc, "auths", &part, err);
	if (r < 0)
		return r;
	json_object_foreach(part, key, value)
	{
		if (!json_is_object(value))
			return eb_throw(err, EB_E_FORMAT,
					"auths.%.100s: expected an object, found %s", key,
					eb_json_type_name(value));
	}
	part = NULL;
	r = eb_json_opt_object(doc, "credHelpers", &part, err);
	if (r < 0)
		return r;
	json_object_foreach(part, key, value)
	{
		if (!json_is_string(value))
			return eb_throw(err, EB_E_FORMAT,
					"credHelpers.%.100s: expected a string, found %s", key,
					eb_json_type_name(value));
	}
	*ret = EB_TAKE_PTR(doc);
	return 0;
}

static int load(const char *path, json_t **ret, struct eb_error **err)
{
	EB_AUTOBUF(b, OCI_CREDS_MAX_BYTES);
	int r = eb_file_read(path, &b, err);

	if (r < 0)
		return r;
	r = eb_span_trim((struct eb_span){ eb_buf_str(&b), b.len }).len == 0
		    ? oci_creds_parse("{}", 2, ret, err)
		    : oci_creds_parse(eb_buf_str(&b), b.len, ret, err);
	if (b.data)
		explicit_bzero(b.data, b.len);
	return r < 0 ? eb_prefix(err, r, "'%s'", path) : 0;
}

int oci_creds_open(const char *const *paths, size_t n, char *const *environ_,
		   struct oci_creds **ret, struct eb_error **err)
{
	EB_CLEANUP(oci_creds_free_p) struct oci_creds *c = eb_xcalloc(1, sizeof(*c));

	c->environ_ = environ_;
	for (size_t i = 0; i < n; i++) {
		struct eb_error *e = NULL;
		json_t *doc = NULL;
		int r = load(paths[i], &doc, &e);

		if (r == -ENOENT || r == -ENOTDIR) {
			eb_error_clear(&e);
			continue;
		}
		if (r < 0)
			return eb_error_forward(err, e);
		if (c->n_files == MAX_FILES) {
			json_decref(doc);
			return eb_throw(err, EB_E_LIMIT, "more than %d credential files",
					MAX_FILES);
		}
		c->files[c->n_files++] = (struct file){ eb_xstrdup(paths[i]), doc };
	}
	*ret = EB_TAKE_PTR(c);
	return 0;
}

struct oci_creds *oci_creds_free(struct oci_creds *c)
{
	if (!c)
		return NULL;
	for (size_t i = 0; i < c->n_files; i++) {
		json_decref(c->files[i].doc);
		free(c->files[i].path);
	}
	oci_credential_release(&c->set);
	free(c->host);
	free(c);
	return NULL;
}

void oci_creds_set(struct oci_creds *c, const char *host, const char *user, const char *password)
{
	oci_credential_release(&c->set);
	free(c->host);
	c->host = eb_xstrdup(host);
	c->set.user = eb_xstrdup(user);
	c->set.password = eb_xstrdup(password);
}

/* ---- entries ---- */

/* auth is base64 of "user:password". */
static int split_auth(const char *auth, struct oci_credential *c, struct eb_error **err)
{
	EB_AUTOBUF(b, OCI_CREDS_MAX_BYTES);
	const char *colon;
	int r = eb_base64_decode(auth, strlen(auth), &b, err);

	if (r < 0)
		return eb_prefix(err, r, "auth");
	colon = b.data ? memchr(b.data, ':', b.len) : NULL;
	if (!colon || memchr(b.data, '\0', b.len))
		return eb_throw(err, EB_E_FORMAT, "auth: expected base64 of user:password");
	c->user = eb_xstrndup(b.data, (size_t)(colon - b.data));
	c->password = eb_xstrdup(colon + 1);
	explicit_bzero(b.data, b.len);
	return 0;
}

int oci_creds_entry(const json_t *entry, struct oci_credential *ret, struct eb_error **err)
{
	EB_CLEANUP(oci_credential_release_p) struct oci_credential c = { 0 };
	const char *auth = NULL, *user = NULL, *password = NULL, *identity = NULL, *token = NULL;
	int r = eb_json_opt_str(entry, "auth", &auth, err);

	if (r >= 0)
		r = eb_json_opt_str(entry, "username", &user, err);
	if (r >= 0)
		r = eb_json_opt_str(entry, "password", &password, err);
	if (r >= 0)
		r = eb_json_opt_str(entry, "identitytoken", &identity, err);
	if (r >= 0)
		r = eb_json_opt_str(entry, "registrytoken", &token, err);
	if (r >= 0 && auth && *auth)
		r = split_auth(auth, &c, err);
	if (r < 0)
		return r;
	if (!c.user)
		c.user = dup_or_null(user);
	if (!c.password)
		c.password = dup_or_null(password);
	c.identity_token = dup_or_null(identity);
	c.registry_token = dup_or_null(token);
	*ret = c;
	c = (struct oci_credential){ 0 };
	return 0;
}

/* The member of `object` for that key, however it is written there. */
static json_t *lookup(const json_t *object, const char *want)
{
	json_t *value;
	const char *key;

	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		autofree char *plain = oci_creds_key(key);

		if (strcmp(plain, want) == 0)
			return value;
	}
	return NULL;
}

static int ask_helper(const char *name, const char *host, char *const *environ_,
		      struct oci_credential *ret, struct eb_error **err)
{
	const char *key = strcmp(host, OCI_DOCKER_HOST) == 0 ? DOCKER_KEY : host;
	const char *user = NULL, *secret = NULL;
	autojson json_t *doc = NULL;
	char *out = NULL;
	bool found = false;
	int r = oci_creds_helper(name, "get", key, environ_, &out, &found, err);

	if (r >= 0 && found) {
		r = eb_json_parse(out, strlen(out), OCI_CREDS_MAX_BYTES, &doc, err);
		if (r >= 0)
			r = eb_json_get_str(doc, "Username", &user, err);
		if (r >= 0)
			r = eb_json_get_str(doc, "Secret", &secret, err);
		if (r < 0)
			eb_ignore(eb_prefix(err, r, "answer of docker-credential-%s", name));
	}
	oci_creds_wipe(out);
	if (r < 0 || !found)
		return r;
	if (strcmp(user, "<token>") == 0) {
		ret->identity_token = dup_or_null(secret);
	} else {
		ret->user = eb_xstrdup(user);
		ret->password = eb_xstrdup(secret);
	}
	return 0;
}

static int find_in_auths(const struct file *f, const char *host, const char *repo,
			 struct oci_credential *ret, struct eb_error **err)
{
	const json_t *auths = json_object_get(f->doc, "auths");
	autofree char *key = eb_xasprintf("%s/%s", host, repo ? repo : "");
	json_t *entry;
	int r;

	for (;;) {
		char *slash;

		entry = lookup(auths, key);
		if (entry) {
			r = oci_creds_entry(entry, ret, err);
			if (r < 0)
				return eb_prefix(err, r, "'%s': auths.%s", f->path, key);
			if (!oci_credential_is_empty(ret))
				return 0;
		}
		slash = strrchr(key, '/');
		if (!slash)
			return 0;
		*slash = '\0';
	}
}

static int find_in_file(const struct oci_creds *c, const struct file *f, const char *host,
			const char *repo, struct oci_credential *ret, struct eb_error **err)
{
	const json_t *helper = lookup(json_object_get(f->doc, "credHelpers"), host);
	const char *store = json_string_value(json_object_get(f->doc, "credsStore"));
	int r;

	if (helper)
		return ask_helper(json_string_value(helper), host, c->environ_, ret, err);
	r = find_in_auths(f, host, repo, ret, err);
	if (r < 0 || !oci_credential_is_empty(ret) || !store || !*store)
		return r;
	return ask_helper(store, host, c->environ_, ret, err);
}

int oci_creds_find(const struct oci_creds *c, const char *host, const char *repo,
		   struct oci_credential *ret, struct eb_error **err)
{
	EB_CLEANUP(oci_credential_release_p) struct oci_credential found = { 0 };
	int r = 0;

	if (c->host && strcmp(c->host, host) == 0) {
		*ret = (struct oci_credential){ .user = eb_xstrdup(c->set.user),
						.password = eb_xstrdup(c->set.password) };
		return 0;
	}
	for (size_t i = 0; i < c->n_files && r >= 0 && oci_credential_is_empty(&found); i++)
		r = find_in_file(c, &c->files[i], host, repo, &found, err);
	if (r < 0)
		return r;
	*ret = found;
	found = (struct oci_credential){ 0 };
	return 0;
}

/* ---- login and logout ---- */

static int load_or_new(const char *path, json_t **ret, struct eb_error **err)
{
	struct eb_error *e = NULL;
	int r = load(path, ret, &e);

	if (r == -ENOENT) {
		eb_error_clear(&e);
		*ret = eb_json_object();
		return 0;
	}
	return r < 0 ? eb_error_forward(err, e) : 0;
}

static int save(const char *path, const json_t *doc, struct eb_error **err)
{
	autofree char *folder = eb_xstrdup(path);
	char *slash = strrchr(folder, '/'), *text;
	EB_AUTODIR(d);
	int r = 0;

	if (slash && slash != folder) {
		*slash = '\0';
		r = eb_dir_open(folder, true, &d, err);
	}
	if (r < 0)
		return r;
	text = eb_json_pretty(doc);
	r = eb_file_write(path, text, strlen(text), 0600, err);
	oci_creds_wipe(text);
	return r;
}

/* The helper that the file names for the host, NULL = none. */
static const char *helper_of(const json_t *doc, const char *host)
{
	const json_t *h = lookup(json_object_get(doc, "credHelpers"), host);
	const char *name = json_string_value(h ? h : json_object_get(doc, "credsStore"));

	return name && *name ? name : NULL;
}

static int store_by_helper(const char *helper, const char *host, const char *user,
			   const char *password, char *const *environ_, struct eb_error **err)
{
	autojson json_t *j = eb_json_object();
	char *text, *out = NULL;
	bool found = false;
	int r;

	eb_json_set_str(j, "ServerURL", strcmp(host, OCI_DOCKER_HOST) == 0 ? DOCKER_KEY : host);
	eb_json_set_str(j, "Username", user);
	eb_json_set_str(j, "Secret", password);
	text = eb_json_canonical(j, NULL);
	r = oci_creds_helper(helper, "store", text, environ_, &out, &found, err);
	oci_creds_wipe(text);
	oci_creds_wipe(out);
	if (r >= 0 && !found)
		r = eb_throw(err, EB_E_PROGRAM, "credential helper '%s' did not store it", helper);
	return r;
}

/* As Docker and Podman spell the key of a host. */
static const char *file_key(const char *host)
{
	return strcmp(host, OCI_DOCKER_HOST) == 0 ? DOCKER_KEY : host;
}

static void remove_key(json_t *auths, const char *host)
{
	json_t *value;
	const char *key;
	void *next;

	json_object_foreach_safe(auths, next, key, value)
	{
		autofree char *plain = oci_creds_key(key);

		if (strcmp(plain, host) == 0)
			json_object_del(auths, key);
	}
}

static json_t *auths_of(json_t *doc)
{
	json_t *auths = json_object_get(doc, "auths");

	if (!json_is_object(auths)) {
		auths = eb_json_object();
		eb_json_set(doc, "auths", auths);
	}
	return auths;
}

int oci_creds_store(const char *path, const char *host, const char *user, const char *password,
		    char *const *environ_, char **ret_place, struct eb_error **err)
{
	autofree char *plain = eb_xasprintf("%s:%s", user, password);
	EB_AUTOBUF(auth, OCI_CREDS_MAX_BYTES);
	autojson json_t *doc = NULL;
	json_t *entry, *auths;
	const char *helper;
	int r = load_or_new(path, &doc, err);

	if (r < 0)
		return r;
	helper = helper_of(doc, host);
	if (helper) {
		r = store_by_helper(helper, host, user, password, environ_, err);
		if (r >= 0)
			*ret_place = eb_xasprintf("docker-credential-%s", helper);
		return r;
	}
	if (strchr(user, ':'))
		return eb_throw(err, EB_E_USAGE, "a user name cannot hold a colon");
	eb_base64_encode(plain, strlen(plain), &auth);
	entry = eb_json_object();
	eb_json_set_str(entry, "auth", eb_buf_str(&auth));
	explicit_bzero(plain, strlen(plain));
	explicit_bzero(auth.data, auth.len);
	auths = auths_of(doc);
	remove_key(auths, host);
	eb_json_set(auths, file_key(host), entry);
	r = save(path, doc, err);
	if (r >= 0)
		*ret_place = eb_xstrdup(path);
	return r;
}

int oci_creds_erase(const char *path, const char *host, char *const *environ_, bool *ret_found,
		    struct eb_error **err)
{
	autojson json_t *doc = NULL;
	const char *helper;
	json_t *auths;
	char *out = NULL;
	bool found = false;
	int r = load_or_new(path, &doc, err);

	if (r < 0)
		return r;
	helper = helper_of(doc, host);
	if (helper) {
		r = oci_creds_helper(helper, "erase", file_key(host), environ_, &out, &found, err);
		oci_creds_wipe(out);
		if (r < 0)
			return r;
	}
	auths = json_object_get(doc, "auths");
	if (lookup(auths, host)) {
		found = true;
		remove_key(auths, host);
		r = save(path, doc, err);
	}
	if (r >= 0)
		*ret_found = found;
	return r;
}
