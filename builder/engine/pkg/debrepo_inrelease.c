#include "pkg/debrepo_inrelease.h"

#include <errno.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/http.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/span.h"
#include "base/url.h"
#include "pkg/cache.h"
#include "pkg/gpgv.h"
#include "pkg/mirror.h"
#include "pkg/release.h"

/* Debian's own are below 200 KiB. */
enum { INRELEASE_MAX_BYTES = PKG_RELEASE_MAX_BYTES };

struct load {
	const struct pkg_repo_options *o;
	const struct rcp_suite *suite;
	int64_t min_date_sec;
	const char *what;	/* "InRelease of debian/trixie" */
	struct eb_error *first; /* why the first source that had something did not do */
	struct eb_buf text;	/* the file */
	struct pkg_release_text *release;
};

static void load_release(struct load *l)
{
	free((void *)(uintptr_t)l->what);
	eb_error_free(l->first);
	eb_buf_release(&l->text);
	pkg_release_text_free(l->release);
}
EB_DEFINE_RELEASE(struct load, load_release)

/* --- is it good? --- */

/* On Debian and its derivatives; the second name is that of trixie and later. */
static const char *default_keyring(void)
{
	static const char *const files[] = { "/usr/share/keyrings/debian-archive-keyring.gpg",
					     "/usr/share/keyrings/debian-archive-keyring.pgp" };

	for (size_t i = 0; i < EB_ARRAY_LEN(files); i++)
		if (access(files[i], R_OK) == 0)
			return files[i];
	return NULL;
}

static int verify(struct load *l, struct eb_buf *out, struct eb_error **err)
{
	const char *keyrings[] = { l->o->keyring ? l->o->keyring : default_keyring(), NULL };

	if (!keyrings[0])
		return eb_hint(err,
			       eb_throw(err, EB_E_NOT_FOUND,
					"%s: this machine has no Debian archive keyring", l->what),
			       "apt-get install debian-archive-keyring");
	if (access(keyrings[0], R_OK) != 0)
		return eb_throw_errno(err, "keyring '%s'", keyrings[0]);
	return pkg_gpgv(keyrings, eb_buf_str(&l->text), l->text.len, l->what, out, err);
}

static int check_dates(const struct load *l, const struct pkg_release_text *t,
		       struct eb_error **err)
{
	char a[32], b[32];

	eb_format_time(t->date_sec, a);
	if (t->date_sec < l->min_date_sec) {
		eb_format_time(l->min_date_sec, b);
		return eb_hint(err,
			       eb_throw(err, EB_E_EXPIRED,
					"%s is of %s, but the lock has seen one of %s", l->what, a,
					b),
			       "the mirror is behind; use another one with --mirror");
	}
	if (t->valid_until_sec && t->valid_until_sec < l->o->now_sec) {
		eb_format_time(t->valid_until_sec, a);
		eb_format_time(l->o->now_sec, b);
		return eb_hint(
			err,
			eb_throw(err, EB_E_EXPIRED, "%s expired at %s, now is %s", l->what, a, b),
			"the mirror is behind, or the clock of this machine is wrong");
	}
	return 0;
}

/* Verified and as expected: l->release is set. */
static int accept_text(struct load *l, struct eb_error **err)
{
	EB_CLEANUP(pkg_release_text_free_p) struct pkg_release_text *t = NULL;
	EB_AUTOBUF(body, INRELEASE_MAX_BYTES);
	int r;

	r = verify(l, &body, err);
	if (r < 0)
		return r;
	r = pkg_release_parse(eb_buf_str(&body), body.len, &t, err);
	if (r < 0)
		return eb_prefix(err, r, "%s", l->what);
	if (strcmp(t->suite, l->suite->name) != 0 && strcmp(t->codename, l->suite->name) != 0)
		return eb_throw(err, EB_E_POLICY,
				"%s is that of suite '%s', codename '%s'; expected '%s'", l->what,
				t->suite, t->codename, l->suite->name);
	r = check_dates(l, t, err);
	if (r == 0)
		l->release = EB_TAKE_PTR(t);
	return r;
}

/* --- where it may come from --- */

static void forget_text(struct load *l)
{
	eb_buf_release(&l->text);
	eb_buf_init(&l->text, INRELEASE_MAX_BYTES);
}

/* A source failed with e: keep it if it is the first that says more than "not here". */
static void note(struct load *l, struct eb_error *e, const char *where)
{
	eb_prefix(&e, 0, "%s", where);
	if (!l->first || (l->first->code == EB_E_NOT_FOUND && e->code != EB_E_NOT_FOUND)) {
		eb_error_free(l->first);
		l->first = EB_TAKE_PTR(e);
	}
	eb_error_free(e);
}

/* Judge what is in l->text; a refused one is noted and forgotten. */
static bool consider(struct load *l, const char *where)
{
	struct eb_error *e = NULL;

	if (accept_text(l, &e) == 0)
		return true;
	note(l, e, where);
	forget_text(l);
	return false;
}

static bool try_file(struct load *l, const char *path)
{
	struct eb_error *e = NULL;

	if (access(path, F_OK) != 0)
		return false;
	if (eb_file_read(path, &l->text, &e) == 0)
		return consider(l, path);
	note(l, e, path);
	forget_text(l);
	return false;
}

static bool try_source_dirs(struct load *l, const char *rel)
{
	const char *const *dirs = l->o->source_dirs;

	for (; dirs && *dirs; dirs++) {
		autofree char *a = eb_xasprintf("%s/%s/%s", *dirs, l->suite->archive, rel);
		autofree char *b = eb_xasprintf("%s/%s", *dirs, rel);

		if (try_file(l, a) || try_file(l, b))
			return true;
	}
	return false;
}

static int take_body(void *ctx, uint64_t at, const void *p, size_t n, struct eb_error **err)
{
	struct load *l = ctx;

	if (at < l->text.len)
		l->text.len = (size_t)at;
	eb_buf_add(&l->text, p, n);
	return eb_buf_check(&l->text, "InRelease", err);
}

static bool try_url(struct load *l, struct eb_http *h, const char *url)
{
	struct eb_http_get get = { .url = url,
				   .max_bytes = INRELEASE_MAX_BYTES,
				   .what = l->what,
				   .ctx = l,
				   .body = take_body };
	struct eb_http_get *const gets[] = { &get };
	autofree char *host = eb_url_host(url);

	if (eb_http_get_all(h, gets, 1, NULL, NULL, NULL) == 0) {
		eb_error_free(get.error);
		return consider(l, host);
	}
	note(l, EB_TAKE_PTR(get.error), host);
	forget_text(l);
	return false;
}

/* file: and copy: URLs of apt are directories of this machine. */
static const char *local_path(const char *url)
{
	const char *p = NULL;

	if (strncmp(url, "file:", 5) == 0 || strncmp(url, "copy:", 5) == 0)
		p = url + 5;
	if (p && strncmp(p, "//", 2) == 0)
		p += 2;
	return p;
}

static int try_mirrors(struct load *l, const char *rel, struct eb_error **err)
{
	EB_CLEANUP(eb_http_free_p) struct eb_http *h = NULL;
	char **urls = pkg_mirrors_urls(l->o->mirrors, l->suite->archive, rel, l->o->now_sec);
	bool found = false;
	int r = 0;

	for (size_t i = 0; r == 0 && urls[i] && !found; i++) {
		const char *path = local_path(urls[i]);

		if (path) {
			found = try_file(l, path);
			continue;
		}
		if (l->o->offline)
			continue;
		if (!h)
			r = eb_http_new(l->o->http, &h, err);
		if (r == 0)
			found = try_url(l, h, urls[i]);
	}
	pkg_mirrors_urls_free(urls);
	return r < 0 ? r : found;
}

static char *cache_key(const struct rcp_suite *s)
{
	char *key = eb_xasprintf("%s_%s", s->archive, s->name);

	for (char *p = key; (p = strchr(p, '/'));)
		*p = '_';
	return key;
}

static bool try_cache(struct load *l)
{
	autofree char *key = cache_key(l->suite);
	char date[32];

	if (pkg_cache_derived_get(l->o->cache, "inrelease", key, &l->text, NULL) < 0) {
		forget_text(l);
		return false;
	}
	if (!consider(l, "cache"))
		return false;
	eb_format_time(l->release->date_sec, date);
	eb_progress_message(l->o->progress, "offline: using the %s that the cache has, of %s",
			    l->what, date);
	return true;
}

static int hint(const struct load *l, int r, struct eb_error **err)
{
	switch (-r) {
	case EB_E_SIGNATURE:
		return eb_hint(err, r,
			       "%s; name the file of the archive's own keys with --keyring FILE",
			       l->o->keyring ? "the keys of --keyring may not have signed this"
					     : "only Debian's own keys are known");
	case EB_E_POLICY:
		return eb_hint(err, r,
			       "the mirror mixes suites up, or %s:%u names it in another way than "
			       "the archive does",
			       l->suite->pos.file, l->suite->pos.line);
	case EB_E_NOT_FOUND:
		return eb_hint(err, r,
			       "look whether %s:%u names a suite that the archive has, or give "
			       "another mirror with --mirror URL",
			       l->suite->pos.file, l->suite->pos.line);
	default:
		return eb_hint(err, r,
			       "run the same command again, or give another mirror with --mirror "
			       "URL");
	}
}

static int find(struct load *l, struct eb_error **err)
{
	autofree char *rel = eb_xasprintf("dists/%s/InRelease", l->suite->name);
	autofree char *key = cache_key(l->suite);
	int r;

	if (try_source_dirs(l, rel))
		return 0;
	r = try_mirrors(l, rel, err);
	if (r > 0 && !l->o->offline)
		r = pkg_cache_derived_put(l->o->cache, "inrelease", key, eb_buf_str(&l->text),
					  l->text.len, err);
	if (r < 0)
		return r;
	if (l->release || (l->o->offline && try_cache(l)))
		return 0;
	if (l->first)
		return hint(l, eb_error_forward(err, EB_TAKE_PTR(l->first)), err);
	if (l->o->offline)
		return eb_throw(err, EB_E_OFFLINE,
				"%s is not in the cache and --offline forbids the network",
				l->what);
	return eb_hint(err,
		       rcp_throw(&l->suite->pos, err, "no mirror of the archive '%s' is known",
				 l->suite->archive),
		       "give one with --mirror URL");
}

int pkg_inrelease_load(const struct pkg_repo_options *o, const struct rcp_suite *suite,
		       int64_t min_date_sec, char sha256[static 65], struct pkg_release_text **ret,
		       struct eb_error **err)
{
	EB_CLEANUP(load_release_p)
	struct load l = {
		.o = o,
		.suite = suite,
		.min_date_sec = min_date_sec,
		.what = eb_xasprintf("InRelease of %s/%s", suite->archive, suite->name),
		.text = { .cap = INRELEASE_MAX_BYTES },
	};
	int r = find(&l, err);

	if (r < 0)
		return r;
	eb_sha256_hex(eb_buf_str(&l.text), l.text.len, sha256);
	*ret = EB_TAKE_PTR(l.release);
	return 0;
}
