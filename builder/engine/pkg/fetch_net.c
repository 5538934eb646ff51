/* The network part of a fetch. As many items as may run at once are under way: each has its partial
 * file locked and asks one URL after the other, going on at the byte it has. */
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/url.h"
#include "pkg/fetch_job.h"
#include "pkg/mirror.h"
#include "pkg/partial.h"

/* An item of unknown size may have so many bytes: more than any Packages file or tarball. */
static const uint64_t max_unknown_bytes = (uint64_t)8 << 30;

static void fill_window(struct fetch *f);

static struct fetch_host *host_of(struct fetch *f, const char *url)
{
	autofree char *name = eb_url_host(url);
	struct fetch_host *hosts;

	for (size_t i = 0; i < f->n_hosts; i++)
		if (strcmp(f->hosts[i].name, name) == 0)
			return &f->hosts[i];
	hosts = eb_xcalloc(f->n_hosts + 1, sizeof(*hosts));
	if (f->n_hosts)
		memcpy(hosts, f->hosts, f->n_hosts * sizeof(*hosts));
	for (size_t i = 0; i < f->n; i++)
		if (f->items[i].host)
			f->items[i].host = hosts + (f->items[i].host - f->hosts);
	free(f->hosts);
	f->hosts = hosts;
	hosts[f->n_hosts].name = EB_TAKE_PTR(name);
	return &hosts[f->n_hosts++];
}

void fetch_make_urls(struct fetch_item *it)
{
	const struct pkg_source *s = it->src;
	char **mirrored = NULL;
	size_t n = 0, n_more = 0;

	if (it->urls)
		return;
	while (s->more_urls && s->more_urls[n_more])
		n_more++;
	if (s->archive && s->path)
		mirrored = pkg_mirrors_urls(it->job->o->mirrors, s->archive, s->path,
					    s->locked_sec);
	while (mirrored && mirrored[n])
		n++;
	it->urls = eb_xcalloc(n + n_more + 2, sizeof(*it->urls));
	it->tried = eb_xcalloc(n + n_more + 2, sizeof(*it->tried));
	if (s->url)
		it->urls[it->n_urls++] = eb_xstrdup(s->url);
	for (size_t i = 0; i < n_more; i++)
		it->urls[it->n_urls++] = eb_xstrdup(s->more_urls[i]);
	for (size_t i = 0; i < n; i++)
		it->urls[it->n_urls++] = mirrored[i];
	free(mirrored);
}

/* ---- which URL next ---- */

/* The first URL not tried yet; those of hosts that failed last come after the others. */
static bool pick_url(struct fetch_item *it)
{
	for (int late = 0; late < 2; late++)
		for (size_t i = 0; i < it->n_urls; i++) {
			struct fetch_host *host;

			if (it->tried[i])
				continue;
			host = host_of(it->job, it->urls[i]);
			if (!late && host->failures > 0)
				continue;
			it->tried[i] = true;
			if (host->failures >= FETCH_GIVE_UP) {
				fetch_cause(it, EB_E_NETWORK, host->name,
					    "not asked again after failing for other items");
				continue;
			}
			it->now = i;
			it->host = host;
			return true;
		}
	return false;
}

bool fetch_is_page(const char *p, size_t n)
{
	static const char *const tags[] = { "<!doctype html", "<html" };

	for (size_t i = 0; i < EB_ARRAY_LEN(tags); i++)
		if (n >= strlen(tags[i]) && strncasecmp(p, tags[i], strlen(tags[i])) == 0)
			return true;
	return false;
}

static int to_partial(void *ctx, uint64_t at, const void *p, size_t n, struct eb_error **err)
{
	struct fetch_item *it = ctx;
	int r = 0;

	if (at == 0 && pkg_partial_have(it->part) > 0) {
		r = pkg_partial_restart(it->part, err);
		it->fresh = true;
	} else if (at != pkg_partial_have(it->part)) {
		r = eb_throw(err, EB_E_FORMAT, "bytes from %llu on came, expected from %llu on",
			     (unsigned long long)at,
			     (unsigned long long)pkg_partial_have(it->part));
	}
	if (at == 0)
		it->page = fetch_is_page(p, n);
	if (r >= 0)
		r = pkg_partial_add(it->part, p, n, err);
	if (n)
		it->host->failures = 0;
	fetch_advance(it, pkg_partial_have(it->part));
	return r;
}

static void ask(struct fetch_item *it)
{
	uint64_t have = pkg_partial_have(it->part);
	uint64_t size = it->src->size == UINT64_MAX ? max_unknown_bytes : it->src->size;

	it->fresh = have == 0;
	it->page = false;
	it->get = (struct eb_http_get){ .url = it->urls[it->now],
					.offset = have,
					.max_bytes = size > have ? size - have : 0,
					.ctx = it,
					.body = to_partial };
	eb_http_add(it->job->http, &it->get);
}

/* Ends the item's turn: lets go of the partial file, so that another process may go on with it. */
static void settle(struct fetch_item *it)
{
	it->part = pkg_partial_free(it->part);
	if (it->state == FETCH_RUNNING)
		fetch_fail(it);
}

/* Ask the next URL. False when the item is settled instead. */
static bool ask_next(struct fetch_item *it)
{
	while (pick_url(it)) {
		const char *url = it->urls[it->now];

		if (!fetch_is_file_url(url)) {
			ask(it);
			return true;
		}
		if (fetch_from_file_url(it, url)) {
			eb_ignore(pkg_partial_restart(it->part, NULL));
			break;
		}
	}
	settle(it);
	return false;
}

/* ---- the end of a download ---- */

/* Bytes of another run or mirror may be the wrong ones, so the same URL gets a second chance to
 * give everything itself. False when it had that already. */
static bool ask_anew(struct fetch_item *it)
{
	autoerror struct eb_error *e = NULL;

	if (pkg_partial_restart(it->part, &e) < 0) {
		fetch_fail_local(it, EB_TAKE_PTR(e));
		return false;
	}
	if (it->fresh)
		return false;
	eb_log(EB_LOG_DEBUG, "%s: wrong content after going on, starting over", it->src->what);
	ask(it);
	return true;
}

static bool is_local(int code)
{
	return code < EB_E_USAGE;
}

/* The brief cause: what the message says behind "GET <url>: ". */
static const char *brief(const struct eb_error *e, const char *url)
{
	autofree char *shown = eb_url_show(url);
	autofree char *prefix = eb_xasprintf("GET %s: ", shown);
	size_t n = strlen(prefix);

	return strncmp(e->message, prefix, n) == 0 ? e->message + n : e->message;
}

/* One URL did not do. Nobody needs to hear at once that a file is not there. */
static void tell_cause(struct fetch_item *it, int code, const char *why)
{
	autofree char *text = eb_xasprintf("%s%s", why,
					   it->page ? " (what came is a web page)" : "");

	fetch_cause(it, code, it->host->name, text);
	if (code != EB_E_NOT_FOUND)
		eb_progress_message(it->job->o->progress, "%s: %s: %s", it->src->what,
				    it->host->name, text);
}

static void after_failure(struct fetch_item *it)
{
	struct eb_error *e = it->get.error;
	int code = e->code;

	it->get.error = NULL;
	if (is_local(code)) {
		fetch_fail_local(it, e);
		return;
	}
	if (code == EB_E_LIMIT || code == EB_E_FORMAT) {
		/* More bytes than expected: not the file that was asked for. */
		code = EB_E_DIGEST;
		eb_ignore(pkg_partial_restart(it->part, NULL));
	}
	if (code == EB_E_NETWORK)
		it->host->failures++;
	tell_cause(it, code, brief(e, it->get.url));
	eb_error_free(e);
}

/* Returns whether the item goes on with the same URL. */
static bool after_success(struct fetch_item *it)
{
	autoerror struct eb_error *e = NULL;
	int r = pkg_partial_publish(it->part, &e);

	if (r >= 0) {
		fetch_got(it);
		return false;
	}
	if (is_local(-r)) {
		fetch_fail_local(it, EB_TAKE_PTR(e));
		return false;
	}
	if (ask_anew(it))
		return true;
	if (it->state == FETCH_FAILED)
		return false;
	tell_cause(it, e->code, e->message);
	return false;
}

static void on_done(void *ctx, struct eb_http_get *g)
{
	struct fetch_item *it = g->ctx;
	struct fetch *f = ctx;

	if (g->result < 0)
		after_failure(it);
	else if (after_success(it))
		return;
	if (it->state == FETCH_RUNNING && ask_next(it))
		return;
	settle(it);
	f->in_flight--;
	fill_window(f);
}

/* ---- starting items ---- */

/* A whole partial file needs no network, only its check. */
static bool publish_whole(struct fetch_item *it)
{
	autoerror struct eb_error *e = NULL;
	int r;

	if (pkg_partial_have(it->part) != it->src->size)
		return false;
	r = pkg_partial_publish(it->part, &e);
	if (r >= 0) {
		fetch_got(it);
		return true;
	}
	if (is_local(-r) || pkg_partial_restart(it->part, NULL) < 0) {
		fetch_fail_local(it, EB_TAKE_PTR(e));
		return true;
	}
	return false;
}

static void start(struct fetch_item *it)
{
	struct fetch *f = it->job;
	autoerror struct eb_error *e = NULL;
	int r = pkg_partial_open(f->o->cache, it->src->sha256, it->src->size, &it->part, &e);

	if (r == PKG_PARTIAL_BUSY) {
		it->state = FETCH_BUSY;
		return;
	}
	if (r == PKG_PARTIAL_STORED) {
		fetch_got(it);
		return;
	}
	if (r < 0) {
		fetch_fail_local(it, EB_TAKE_PTR(e));
		return;
	}
	it->state = FETCH_RUNNING;
	fetch_make_urls(it);
	if (publish_whole(it)) {
		settle(it);
		return;
	}
	fetch_advance(it, pkg_partial_have(it->part));
	if (ask_next(it))
		f->in_flight++;
}

static void fill_window(struct fetch *f)
{
	while (f->in_flight < f->parallel && f->next < f->n) {
		struct fetch_item *it = &f->items[f->next++];

		if (it->state == FETCH_MISSING)
			start(it);
	}
}

/* Returns whether there is more to do. Items that other processes have are left for the next round;
 * the first of them is waited for only when this process holds nothing itself, so that two
 * processes never wait for each other. */
static int wait_for_others(struct fetch *f, size_t n_before, struct eb_error **err)
{
	const struct pkg_source *first = NULL;
	size_t n = 0;
	int r;

	for (size_t i = 0; i < f->n; i++) {
		if (f->items[i].state != FETCH_BUSY)
			continue;
		f->items[i].state = FETCH_MISSING;
		if (n++ == 0)
			first = f->items[i].src;
	}
	if (!first || n < n_before)
		return (int)(n > 0);
	eb_progress_message(f->o->progress, "waiting for another process that fetches %s",
			    first->what);
	r = pkg_partial_wait(f->o->cache, first->sha256, err);
	return r < 0 ? eb_prefix(err, r, "%s", first->what) : 1;
}

static size_t count(const struct fetch *f, enum fetch_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		n += f->items[i].state == state;
	return n;
}

int fetch_from_network(struct fetch *f, struct eb_error **err)
{
	struct eb_http_options o = f->o->http ? *f->o->http : (struct eb_http_options){ 0 };
	int r = 0;

	/* Making the client opens sockets, if only to wake itself. */
	if (count(f, FETCH_MISSING) == 0 && count(f, FETCH_BUSY) == 0)
		return 0;
	if (f->o->parallel)
		o.parallel = f->o->parallel;
	if (!o.parallel)
		o.parallel = 6;
	f->parallel = o.parallel;
	r = eb_http_new(&o, &f->http, err);
	while (r >= 0) {
		size_t n_before = count(f, FETCH_MISSING);

		f->next = 0;
		fill_window(f);
		/* Each item keeps its own error. */
		eb_ignore(eb_http_get_all(f->http, NULL, 0, on_done, f, NULL));
		r = wait_for_others(f, n_before, err);
		if (r == 0)
			break;
	}
	f->http = eb_http_free(f->http);
	return r < 0 ? r : 0;
}
