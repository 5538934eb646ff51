/* One suite: from the recipe's words to verified Packages files in the cache. Where InRelease comes
 * from is debrepo_inrelease.c's. */
#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/stream.h"
#include "image/tar_filter.h"
#include "pkg/cache.h"
#include "pkg/debrepo_inrelease.h"
#include "pkg/fetch.h"
#include "pkg/release.h"
#include "pkg/stanza.h"

enum { PACKAGES_MAX_RATIO = 200 };

struct pkg_release *pkg_release_free(struct pkg_release *r)
{
	if (r)
		eb_arena_free(r->arena);
	return NULL;
}

static bool is_listed(const char *word, const char *const *list)
{
	while (*list && strcmp(*list, word) != 0)
		list++;
	return *list != NULL;
}

/* --- the words of the recipe --- */

/* "updates/main" of the security archive is "main" to everybody. */
static bool has_component(const struct pkg_release_text *t, const char *name)
{
	for (size_t i = 0; t->components[i]; i++) {
		const char *slash = strrchr(t->components[i], '/');

		if (strcmp(t->components[i], name) == 0 || (slash && strcmp(slash + 1, name) == 0))
			return true;
	}
	return false;
}

static int throw_unlisted(const struct rcp_suite *s, const char *kind, const char *name,
			  const char *const *known, struct eb_error **err)
{
	EB_AUTOBUF(list, 4096);

	for (size_t i = 0; known[i]; i++)
		eb_buf_addf(&list, "%s%s", i ? ", " : "", known[i]);
	return rcp_throw(&s->pos, err, "%s/%s has no %s '%s'; it has: %s", s->archive, s->name,
			 kind, name, eb_buf_str(&list));
}

static int check_words(const struct pkg_release_text *t, const struct rcp_suite *s,
		       const char *const *arches, size_t n_arches, struct eb_error **err)
{
	bool some = n_arches == 0;

	for (size_t i = 0; i < s->n_components; i++)
		if (!has_component(t, s->components[i]))
			return throw_unlisted(s, "component", s->components[i], t->components, err);
	for (size_t i = 0; i < n_arches; i++)
		some |= is_listed(arches[i], t->architectures);
	return some ? 0 : throw_unlisted(s, "architecture", arches[0], t->architectures, err);
}

/* --- which files --- */

static const struct pkg_release_file *find_in(const struct pkg_release_text *t, const char *prefix,
					      const char *component, const char *arch,
					      const char *suffix)
{
	autofree char *path = eb_xasprintf("%s%s/binary-%s/Packages%s", prefix, component, arch,
					   suffix);

	return pkg_release_find(t, path);
}

/* Compressed best first. A component that Release calls "updates/main" lies in main/ of the
 * security archive, and in updates/main/ of the old ones. */
static int add_file(struct pkg_release *r, const struct pkg_release_text *t, const char *component,
		    const char *arch, struct eb_error **err)
{
	static const char *const suffixes[] = { ".xz", ".gz", "" };
	static const char *const prefixes[] = { "", "updates/" };
	struct pkg_packages_file *f = &r->files[r->n_files];

	for (size_t p = 0; p < EB_ARRAY_LEN(prefixes); p++) {
		const struct pkg_release_file *text = find_in(t, prefixes[p], component, arch, "");

		for (size_t i = 0; i < EB_ARRAY_LEN(suffixes); i++) {
			const struct pkg_release_file *at = find_in(t, prefixes[p], component, arch,
								    suffixes[i]);

			if (!at)
				continue;
			*f = (struct pkg_packages_file){
				.arch = eb_arena_strdup(r->arena, arch),
				.component = eb_arena_strdup(r->arena, component),
				.path = eb_arena_strdup(r->arena, at->path),
				.sha256 = eb_arena_strdup(r->arena, at->sha256),
				.size = at->size,
				.text_sha256 = text ? eb_arena_strdup(r->arena, text->sha256)
						    : NULL,
				.text_size = text ? text->size : UINT64_MAX,
			};
			r->n_files++;
			return 0;
		}
	}
	return eb_throw(err, EB_E_FORMAT, "InRelease of %s/%s lists no Packages of %s for %s",
			r->suite->archive, r->suite->name, component, arch);
}

static char *file_label(const struct pkg_release *r, const struct pkg_packages_file *f)
{
	return eb_xasprintf("Packages of %s/%s/%s (%s)", r->suite->archive, r->suite->name,
			    f->component, f->arch);
}

/* By hash where the archive offers it, as that name stays good while the archive is updated; a copy
 * on disk may have the plain name only. */
static char *fetch_path(const struct pkg_release *r, const struct pkg_packages_file *f,
			bool by_hash)
{
	const char *slash = strrchr(f->path, '/');

	if (!by_hash)
		return eb_xasprintf("dists/%s/%s", r->suite->name, f->path);
	return eb_xasprintf("dists/%s/%.*s/by-hash/SHA256/%s", r->suite->name,
			    (int)(slash - f->path), f->path, f->sha256);
}

static int fetch_files(const struct pkg_repo_options *o, const struct pkg_release *r, bool by_hash,
		       struct eb_error **err)
{
	const struct pkg_fetch_options options = { .cache = o->cache,
						   .mirrors = o->mirrors,
						   .source_dirs = o->source_dirs,
						   .offline = o->offline,
						   .http = o->http,
						   .progress = o->progress };
	struct pkg_source *s = eb_xcalloc(r->n_files + 1, sizeof(*s));
	int rc;

	for (size_t i = 0; i < r->n_files; i++)
		s[i] = (struct pkg_source){ .what = file_label(r, &r->files[i]),
					    .archive = r->suite->archive,
					    .path = fetch_path(r, &r->files[i], by_hash),
					    .sha256 = r->files[i].sha256,
					    .size = r->files[i].size,
					    .locked_sec = o->now_sec };
	rc = pkg_fetch(&options, s, r->n_files, err);
	for (size_t i = 0; i < r->n_files; i++) {
		free((void *)(uintptr_t)s[i].what);
		free((void *)(uintptr_t)s[i].path);
	}
	free(s);
	return rc;
}

static int fetch(const struct pkg_repo_options *o, const struct pkg_release *r, bool by_hash,
		 struct eb_error **err)
{
	autoerror struct eb_error *first = NULL;
	int rc;

	if (!by_hash)
		return fetch_files(o, r, false, err);
	rc = fetch_files(o, r, true, &first);
	if (rc == -EB_E_NOT_FOUND || rc == -EB_E_OFFLINE)
		if (fetch_files(o, r, false, NULL) == 0)
			return 0;
	return rc < 0 ? eb_error_forward(err, EB_TAKE_PTR(first)) : 0;
}

/* --- the whole --- */

static int fill(struct pkg_release *r, const struct pkg_release_text *t, const char *const *arches,
		size_t n_arches, struct eb_error **err)
{
	const struct rcp_suite *s = r->suite;
	int rc = check_words(t, s, arches, n_arches, err);

	if (rc < 0)
		return rc;
	r->date_sec = t->date_sec;
	r->valid_until_sec = t->valid_until_sec;
	r->files = eb_arena_alloc(r->arena, (n_arches * s->n_components + 1) * sizeof(*r->files));
	for (size_t i = 0; rc == 0 && i < n_arches; i++)
		for (size_t j = 0;
		     is_listed(arches[i], t->architectures) && rc == 0 && j < s->n_components; j++)
			rc = add_file(r, t, s->components[j], arches[i], err);
	return rc;
}

int pkg_release_load(const struct pkg_repo_options *o, const struct rcp_suite *suite,
		     const char *const *arches, size_t n_arches, int64_t min_date_sec,
		     struct pkg_release **ret, struct eb_error **err)
{
	EB_CLEANUP(pkg_release_text_free_p) struct pkg_release_text *t = NULL;
	EB_CLEANUP(pkg_release_free_p) struct pkg_release *r = NULL;
	struct eb_arena *arena = eb_arena_new();
	int rc;

	r = eb_arena_alloc(arena, sizeof(*r));
	r->arena = arena;
	r->suite = suite;
	rc = pkg_inrelease_load(o, suite, min_date_sec, r->sha256, &t, err);
	if (rc == 0)
		rc = fill(r, t, arches, n_arches, err);
	if (rc == 0)
		rc = fetch(o, r, t->by_hash, err);
	if (rc == 0)
		*ret = EB_TAKE_PTR(r);
	return rc;
}

static enum oci_tar_filter filter_of(const char *path)
{
	struct eb_span p = eb_span_str(path);

	if (eb_span_ends(p, ".xz"))
		return OCI_TAR_XZ;
	return eb_span_ends(p, ".gz") ? OCI_TAR_GZIP : OCI_TAR_PLAIN;
}

int pkg_release_open(const struct pkg_repo_options *o, const struct pkg_release *r, size_t i,
		     struct eb_reader **ret, struct eb_error **err)
{
	const struct pkg_packages_file *f = &r->files[i];
	autofree char *what = file_label(r, f);
	struct eb_reader *in = NULL;
	int rc;

	rc = pkg_cache_read(o->cache, f->sha256, f->size, what, &in, err);
	if (rc < 0)
		return rc;
	rc = oci_tar_filter_open(in, filter_of(f->path), PACKAGES_MAX_RATIO, &in, err);
	if (rc < 0)
		return eb_prefix(err, rc, "%s", what);
	in = eb_reader_limit(in, PKG_PACKAGES_MAX_BYTES, what);
	if (f->text_sha256)
		in = eb_reader_verify(in, f->text_sha256, f->text_size, what);
	*ret = in;
	return 0;
}
