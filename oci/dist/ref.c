#include "dist/ref.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"

#define DOCKER_API_HOST "registry-1.docker.io"

void oci_ref_release(struct oci_ref *r)
{
	free(r->host);
	free(r->repo);
	free(r->tag);
	*r = (struct oci_ref){ .host = NULL };
}

static bool is_lower(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_word(char c)
{
	return is_lower(c) || (c >= 'A' && c <= 'Z') || c == '_';
}

/* ---- the parts ---- */

static int bad(struct eb_error **err, const char *what, const char *text, size_t at,
	       const char *expected)
{
	autofree char *shown = eb_printable(text, 300);

	if (text[at] == '\0')
		return eb_throw(err, EB_E_USAGE, "%s '%s' ends after '%.*s', expected %s", what,
				shown, at > 60 ? 60 : (int)at, text, expected);
	return eb_throw(err, EB_E_USAGE, "%s '%s': character %zu cannot stand there, expected %s",
			what, shown, at + 1, expected);
}

/* component ::= alphanumeric (separator alphanumeric)*, separator ::= "." | "_" | "__" | "-"+ */
static size_t component_end(const char *p)
{
	size_t i = 0, last = 0;

	while (is_lower(p[i])) {
		while (is_lower(p[i]))
			i++;
		last = i;
		if (p[i] == '-')
			i += strspn(p + i, "-");
		else if (p[i] == '_')
			i += p[i + 1] == '_' ? 2 : 1;
		else if (p[i] == '.')
			i++;
	}
	return last;
}

int oci_repo_check(const char *repo, struct eb_error **err)
{
	const char *expected = "lower-case letters and digits, parted by '.', '_', '__' or '-'";
	size_t at = 0, n;

	if (strlen(repo) > OCI_REPO_MAX_BYTES)
		return eb_throw(err, EB_E_USAGE, "repository '%.60s...' is longer than %d bytes",
				repo, OCI_REPO_MAX_BYTES);
	for (;; at++) {
		n = component_end(repo + at);
		if (n == 0)
			return bad(err, "repository", repo, at, expected);
		at += n;
		if (repo[at] == '\0')
			return 0;
		if (repo[at] != '/')
			return bad(err, "repository", repo, at, expected);
	}
}

int oci_tag_check(const char *tag, struct eb_error **err)
{
	size_t n = 0;

	while (is_word(tag[n]) || (n > 0 && (tag[n] == '.' || tag[n] == '-')))
		n++;
	if (tag[n] || n == 0)
		return bad(err, "tag", tag, n, "letters, digits, '_', '.' and '-'");
	if (n > OCI_TAG_MAX_BYTES)
		return eb_throw(err, EB_E_USAGE, "tag '%.60s...' is longer than %d bytes", tag,
				OCI_TAG_MAX_BYTES);
	return 0;
}

static size_t host_name_end(const char *h)
{
	size_t n = 0;

	if (h[0] == '[') {
		n = 1 + strspn(h + 1, "0123456789abcdefABCDEF:.");
		return h[n] == ']' && n > 2 ? n + 1 : 0;
	}
	while (is_lower(h[n]) || (h[n] >= 'A' && h[n] <= 'Z') ||
	       (n > 0 && (h[n] == '-' || (h[n] == '.' && h[n - 1] != '.'))))
		n++;
	return n && (h[n - 1] == '-' || h[n - 1] == '.') ? 0 : n;
}

int oci_host_check(const char *host, struct eb_error **err)
{
	size_t n = host_name_end(host), digits;
	uint64_t port;

	if (strlen(host) > OCI_REPO_MAX_BYTES)
		return eb_throw(err, EB_E_USAGE, "host '%.60s...' is longer than %d bytes", host,
				OCI_REPO_MAX_BYTES);
	if (n == 0)
		return bad(err, "host", host, 0, "a name or an address");
	if (host[n] == '\0')
		return 0;
	digits = strlen(host + n + 1);
	if (host[n] != ':' ||
	    eb_parse_u64((struct eb_span){ host + n + 1, digits }, 65535, &port, NULL) < 0 ||
	    port == 0)
		return bad(err, "host", host, host[n] == ':' ? n + 1 : n, "':' and a port");
	return 0;
}

/* ---- whole references ---- */

static bool looks_like_host(struct eb_span s)
{
	return memchr(s.ptr, '.', s.len) || memchr(s.ptr, ':', s.len) ||
	       eb_span_eq(s, "localhost") || s.ptr[0] == '[';
}

/* Docker's other names for its registry. */
static char *known_host(char *host)
{
	if (strcmp(host, "index." OCI_DOCKER_HOST) == 0 || strcmp(host, DOCKER_API_HOST) == 0) {
		free(host);
		return eb_xstrdup(OCI_DOCKER_HOST);
	}
	return host;
}

/* Cut "@digest" and ":tag" off the end of text. */
static int cut_version(char *text, struct oci_ref *r, struct eb_error **err)
{
	char *at = strchr(text, '@'), *colon, *slash;
	int e;

	if (at) {
		*at = '\0';
		e = oci_digest_parse(at + 1, &r->digest, err);
		if (e < 0) {
			if (e == -EB_E_FORMAT && err && *err)
				(*err)->code = EB_E_USAGE;
			return e == -EB_E_FORMAT ? -EB_E_USAGE : e;
		}
	}
	slash = strrchr(text, '/');
	colon = strrchr(text, ':');
	if (!colon || (slash && colon < slash))
		return 0;
	/* "host:5000" alone is no repository with a tag, but that is for the caller to say. */
	*colon = '\0';
	r->tag = eb_xstrdup(colon + 1);
	return oci_tag_check(r->tag, err);
}

static int split(const char *text, struct oci_ref *r, struct eb_error **err)
{
	autofree char *copy = eb_xstrdup(text);
	const char *slash;
	struct eb_span first;
	int e = cut_version(copy, r, err);

	if (e < 0)
		return e;
	slash = strchr(copy, '/');
	first = (struct eb_span){ copy, slash ? (size_t)(slash - copy) : 0 };
	if (slash && first.len && looks_like_host(first)) {
		r->host = known_host(eb_xstrndup(copy, first.len));
		r->repo = eb_xstrdup(slash + 1);
	} else {
		r->host = eb_xstrdup(OCI_DOCKER_HOST);
		r->repo = eb_xstrdup(copy);
	}
	if (strcmp(r->host, OCI_DOCKER_HOST) == 0 && *r->repo && !strchr(r->repo, '/')) {
		char *full = eb_xasprintf("library/%s", r->repo);

		free(r->repo);
		r->repo = full;
	}
	e = oci_host_check(r->host, err);
	return e < 0 ? e : oci_repo_check(r->repo, err);
}

static int check_size(const char *text, struct eb_error **err)
{
	if (strlen(text) > OCI_REF_MAX_BYTES)
		return eb_throw(err, EB_E_USAGE, "longer than %d bytes", OCI_REF_MAX_BYTES);
	return 0;
}

int oci_ref_parse(const char *text, struct oci_ref *ret, struct eb_error **err)
{
	EB_CLEANUP(oci_ref_release_p) struct oci_ref r = { .host = NULL };
	autofree char *shown = eb_printable(text, 300);
	int e = check_size(text, err);

	if (e >= 0)
		e = split(text, &r, err);
	if (e < 0) {
		eb_ignore(eb_prefix(err, e, "reference '%s'", shown));
		return eb_hint(err, e, "references look like registry.example.org/path/name:tag");
	}
	*ret = r;
	r = (struct oci_ref){ .host = NULL };
	return 0;
}

int oci_ref_parse_prefix(const char *text, struct oci_ref *ret, struct eb_error **err)
{
	const char *slash = strchr(text, '/');
	EB_CLEANUP(oci_ref_release_p) struct oci_ref r = { .host = NULL };
	int e = check_size(text, err);

	if (e >= 0) {
		r.host = known_host(slash ? eb_xstrndup(text, (size_t)(slash - text))
					  : eb_xstrdup(text));
		r.repo = eb_xstrdup(slash ? slash + 1 : "");
		while (*r.repo && r.repo[strlen(r.repo) - 1] == '/')
			r.repo[strlen(r.repo) - 1] = '\0';
		e = oci_host_check(r.host, err);
	}
	if (e >= 0 && *r.repo)
		e = oci_repo_check(r.repo, err);
	if (e < 0) {
		autofree char *shown = eb_printable(text, 300);

		eb_ignore(eb_prefix(err, e, "'%s'", shown));
		return eb_hint(err, e, "a place looks like registry.example.org:5000/path");
	}
	*ret = r;
	r = (struct oci_ref){ .host = NULL };
	return 0;
}

const char *oci_ref_version(const struct oci_ref *r)
{
	return r->digest.text[0] ? r->digest.text : r->tag ? r->tag : "latest";
}

char *oci_ref_text(const struct oci_ref *r)
{
	return eb_xasprintf("%s/%s%s%s%s%s", r->host, r->repo, r->tag ? ":" : "",
			    r->tag ? r->tag : "", r->digest.text[0] ? "@" : "", r->digest.text);
}

void oci_ref_copy(const struct oci_ref *from, struct oci_ref *to)
{
	*to = (struct oci_ref){ .host = eb_xstrdup(from->host),
				.repo = eb_xstrdup(from->repo),
				.tag = from->tag ? eb_xstrdup(from->tag) : NULL,
				.digest = from->digest };
}

const char *oci_ref_api_host(const char *host)
{
	return strcmp(host, OCI_DOCKER_HOST) == 0 ? DOCKER_API_HOST : host;
}
