#include "pkg/fetch.h"

#include <errno.h>
#include <fcntl.h>

#include "base/dir.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/progress.h"
#include "pkg/fetch_job.h"
#include "pkg/mirror.h"
#include "pkg/partial.h"

/* ---- one item ---- */

/* Wrong bytes outweigh a failing network, which outweighs a refusal and a missing file. */
static int weight(int code)
{
	switch (code) {
	case EB_E_DIGEST:
		return 4;
	case EB_E_NETWORK:
		return 3;
	case EB_E_AUTH:
		return 2;
	case EB_E_NOT_FOUND:
		return 1;
	default:
		return code ? 3 : 0;
	}
}

void fetch_cause(struct fetch_item *it, int code, const char *where, const char *why)
{
	if (it->causes.len)
		eb_buf_adds(&it->causes, "; ");
	if (where)
		eb_buf_addf(&it->causes, "%s: ", where);
	eb_buf_adds(&it->causes, why);
	if (weight(code) > weight(it->code))
		it->code = code;
}

void fetch_fail_local(struct fetch_item *it, struct eb_error *e)
{
	const struct pkg_source *s = it->src;
	const char *cache = it->job->o->cache->dir.path;
	int r = -e->code;

	it->state = FETCH_FAILED;
	it->error = e;
	if (r == -ENOSPC || r == -EDQUOT || r == -EFBIG) {
		if (s->size != UINT64_MAX)
			r = eb_prefix(&it->error, r, "%llu bytes are needed in the cache '%s'",
				      (unsigned long long)s->size, cache);
		r = eb_hint(&it->error, r,
			    "free some space there or set ESS_BUNDLE_CACHE to another place; what "
			    "was fetched so far is kept");
	}
	eb_ignore(eb_prefix(&it->error, r, "%s", s->what));
}

static const char *what_to_do(int code)
{
	switch (code) {
	case EB_E_DIGEST:
		return "this is not the file that was asked for: give another mirror with --mirror "
		       "URL, or --sources DIR";
	case EB_E_NOT_FOUND:
		return "give a mirror that has it with --mirror URL, or --sources DIR, or choose "
		       "what mirrors have now with 'ess-bundle lock --update'";
	case EB_E_AUTH:
		return "give a mirror that lets you in with --mirror URL, or --sources DIR";
	default:
		return "run the same command again: what was fetched so far is kept; or give "
		       "--mirror URL or --sources DIR";
	}
}

void fetch_fail(struct fetch_item *it)
{
	const struct pkg_source *s = it->src;
	int r;

	it->state = FETCH_FAILED;
	if (it->causes.len == 0) {
		r = eb_throw(&it->error, EB_E_NOT_FOUND, "%s: no mirror is known for archive '%s'",
			     s->what, s->archive ? s->archive : "(none)");
		eb_ignore(eb_hint(&it->error, r, "give --mirror URL or --sources DIR"));
		return;
	}
	r = eb_throw(&it->error, it->code, "%s: %s", s->what, eb_buf_str(&it->causes));
	eb_ignore(eb_hint(&it->error, r, "%s", what_to_do(it->code)));
}

void fetch_advance(struct fetch_item *it, uint64_t have)
{
	if (have <= it->counted)
		return;
	eb_progress_advance(it->job->o->progress, it->job->task, have - it->counted);
	it->counted = have;
}

void fetch_got(struct fetch_item *it)
{
	const struct pkg_source *s = it->src;
	uint64_t have = s->size != UINT64_MAX ? s->size : it->part ? pkg_partial_have(it->part) : 0;

	it->state = FETCH_HAVE;
	fetch_advance(it, have);
	it->job->n_fetched++;
	it->job->bytes_fetched += have;
	if (it->job->o->got)
		it->job->o->got(it->job->o->got_ctx, s);
}

/* ---- the list ---- */

static int check_source(const struct pkg_source *s, struct eb_error **err)
{
	if (!eb_is_hex(s->sha256, EB_SHA256_HEX))
		return eb_throw(err, EB_E_FORMAT, "%s: '%.80s' is not a SHA-256 in lower-case hex",
				s->what, s->sha256);
	if (!s->url && !s->wheel && (!s->archive || !s->path))
		return eb_throw(err, EB_E_FORMAT, "%s: neither a URL nor a path in an archive",
				s->what);
	if (s->path && !eb_path_is_clean(s->path))
		return eb_throw(err, EB_E_FORMAT, "%s: '%s' is not a path inside an archive",
				s->what, s->path);
	return 0;
}

static bool is_cached(const struct pkg_cache *c, const struct pkg_source *s)
{
	uint64_t size = 0;
	autofd int fd = pkg_cache_find(c, s->sha256, &size, NULL);

	return fd >= 0 && (s->size == UINT64_MAX || s->size == size);
}

static int by_hash(const void *a, const void *b)
{
	const struct pkg_source *x = *(const struct pkg_source *const *)a;
	const struct pkg_source *y = *(const struct pkg_source *const *)b;
	int c = strcmp(x->sha256, y->sha256);

	return c ? c : (x > y) - (x < y);
}

/* The items that the cache lacks, each hash once (where it stands first), in the given order. */
static void list_items(struct fetch *f, const struct pkg_source *sources, size_t n)
{
	autofree const struct pkg_source **sorted = eb_xcalloc(n, sizeof(struct pkg_source *));
	autofree bool *wanted = eb_xcalloc(n, sizeof(*wanted));

	for (size_t i = 0; i < n; i++)
		sorted[i] = &sources[i];
	if (n)
		qsort(sorted, n, sizeof(*sorted), by_hash);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || strcmp(sorted[i]->sha256, sorted[i - 1]->sha256) != 0)
			wanted[sorted[i] - sources] = true;
	f->items = eb_xcalloc(n, sizeof(*f->items));
	for (size_t i = 0; i < n; i++) {
		struct fetch_item *it = &f->items[f->n];

		if (!wanted[i] || is_cached(f->o->cache, &sources[i]))
			continue;
		it->job = f;
		it->src = &sources[i];
		it->state = FETCH_MISSING;
		eb_buf_init(&it->causes, FETCH_MAX_CAUSES);
		f->n++;
	}
}

static void fetch_release(struct fetch *f)
{
	for (size_t i = 0; i < f->n; i++) {
		struct fetch_item *it = &f->items[i];

		pkg_mirrors_urls_free(it->urls);
		free(it->tried);
		pkg_partial_free(it->part);
		eb_buf_release(&it->causes);
		eb_error_free(it->error);
	}
	for (size_t i = 0; i < f->n_hosts; i++)
		free(f->hosts[i].name);
	free(f->hosts);
	free(f->items);
	eb_http_free(f->http);
}

static int check_dirs(const struct pkg_fetch_options *o, struct eb_error **err)
{
	for (const char *const *dir = o->source_dirs; dir && *dir; dir++) {
		EB_AUTODIR(d);
		int r = eb_dir_open(*dir, false, &d, err);

		if (r < 0)
			return eb_prefix(err, r, "--sources");
	}
	return 0;
}

static uint64_t total_bytes(const struct fetch *f)
{
	uint64_t total = 0;

	for (size_t i = 0; i < f->n; i++)
		if (f->items[i].src->size != UINT64_MAX &&
		    !eb_add_u64(total, f->items[i].src->size, &total))
			return 0;
	return total;
}

/* What needs no socket: directories, and mirrors in file: URLs when there is nothing else. */
static void from_this_machine(struct fetch *f)
{
	for (size_t i = 0; i < f->n; i++) {
		struct fetch_item *it = &f->items[i];

		if (fetch_from_dirs(it) || !f->o->offline)
			continue;
		fetch_make_urls(it);
		for (size_t k = 0; k < it->n_urls && it->state == FETCH_MISSING; k++)
			if (fetch_is_file_url(it->urls[k]))
				eb_ignore(fetch_from_file_url(it, it->urls[k]));
	}
}

static int throw_offline(const struct fetch *f, struct eb_error **err)
{
	const struct fetch_item *first = NULL;
	size_t n = 0;
	int r;

	for (size_t i = f->n; i-- > 0;)
		if (f->items[i].state == FETCH_MISSING) {
			first = &f->items[i];
			n++;
		}
	if (!first)
		return 0;
	r = eb_throw(err, EB_E_OFFLINE,
		     "%s is not in the cache '%s' (%zu missing), and --offline forbids the "
		     "network%s%s",
		     first->src->what, f->o->cache->dir.path, n, first->causes.len ? "; " : "",
		     first->causes.len ? first->causes.data : "");
	return eb_hint(err, r,
		       "run the same command once without --offline, or give --sources DIR");
}

static int first_failure(struct fetch *f, struct eb_error **err)
{
	struct eb_error *first = NULL;
	size_t n = 0;
	int r;

	for (size_t i = 0; i < f->n; i++)
		if (f->items[i].state == FETCH_FAILED && n++ == 0)
			first = EB_TAKE_PTR(f->items[i].error);
	if (!first)
		return 0;
	r = eb_error_forward(err, first);
	return n > 1 ? eb_prefix(err, r, "%zu sources could not be fetched, the first", n) : r;
}

static int run(struct fetch *f, struct eb_error **err)
{
	int r = 0;

	from_this_machine(f);
	if (!f->o->offline)
		r = fetch_from_pip(f, err);
	if (r >= 0 && !f->o->offline)
		r = fetch_from_network(f, err);
	if (r >= 0)
		r = first_failure(f, err);
	if (r >= 0 && f->o->offline)
		r = throw_offline(f, err);
	return r;
}

int pkg_fetch(const struct pkg_fetch_options *o, const struct pkg_source *sources, size_t n,
	      struct eb_error **err)
{
	EB_CLEANUP(fetch_release) struct fetch f = { .o = o };
	int r = check_dirs(o, err);

	for (size_t i = 0; i < n && r >= 0; i++)
		r = check_source(&sources[i], err);
	if (r < 0)
		return r;
	list_items(&f, sources, n);
	if (f.n == 0)
		return 0;
	f.task = eb_progress_start(o->progress, "fetch", EB_UNIT_BYTES, total_bytes(&f));
	r = run(&f, err);
	eb_progress_finish(o->progress, f.task);
	if (r >= 0)
		eb_progress_message(o->progress, "fetched %zu %s, %.1f MiB", f.n_fetched,
				    f.n_fetched == 1 ? "file" : "files",
				    (double)f.bytes_fetched / (1024 * 1024));
	return r;
}
