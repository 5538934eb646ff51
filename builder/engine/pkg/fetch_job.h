/* Inside pkg/fetch: the items of one pkg_fetch() and what is known about hosts. */
#pragma once

#include "base/buf.h"
#include "base/http.h"
#include "pkg/fetch.h"

struct pkg_partial;

enum {
	FETCH_GIVE_UP = 6, /* failures of a host in a row, without a byte, until it is left alone */
	FETCH_MAX_CAUSES = 8000 /* bytes of text about one item */
};

enum fetch_state {
	FETCH_MISSING,
	FETCH_RUNNING,
	FETCH_BUSY, /* another process has it */
	FETCH_HAVE,
	FETCH_FAILED,
};

struct fetch_host {
	char *name;
	unsigned int failures; /* in a row, since its last byte */
};

struct fetch_item {
	struct fetch *job;
	const struct pkg_source *src;
	enum fetch_state state;
	char **urls; /* NULL-terminated; NULL until needed */
	bool *tried; /* per URL */
	size_t n_urls, now;
	struct fetch_host *host; /* of urls[now] */
	struct pkg_partial *part;
	bool fresh; /* all bytes of part came from urls[now] */
	bool page;  /* it begins like a web page: a login or an error instead of the file */
	struct eb_http_get get;
	uint64_t counted;     /* bytes told to the progress */
	struct eb_buf causes; /* "host: why; host: why" */
	int code;	      /* the one that best describes the causes, 0 = none */
	struct eb_error *error;
};

struct fetch {
	const struct pkg_fetch_options *o;
	struct fetch_item *items;
	size_t n, next; /* next item to start */
	unsigned int parallel, in_flight;
	struct eb_http *http;
	struct fetch_host *hosts;
	size_t n_hosts;
	unsigned int task;
	size_t n_fetched;
	uint64_t bytes_fetched;
};

/* Wheels that are still missing, by pip. A failure is that of the whole fetch. */
int fetch_from_pip(struct fetch *f, struct eb_error **err) EB_MUST_CHECK;
/* Note that one place failed for the item: code is positive. */
void fetch_cause(struct fetch_item *it, int code, const char *where, const char *why);
/* The item failed for good by an error of this machine; takes e. */
void fetch_fail_local(struct fetch_item *it, struct eb_error *e);
/* The item failed for good by its causes. */
void fetch_fail(struct fetch_item *it);
void fetch_got(struct fetch_item *it);
/* Tell the progress that the item's first `have` bytes are there. */
void fetch_advance(struct fetch_item *it, uint64_t have);

/* Look in the --sources directories. True when the item is settled (got or failed). */
bool fetch_from_dirs(struct fetch_item *it);
/* Does a file that begins so look like a web page? */
bool fetch_is_page(const char *p, size_t n);
bool fetch_is_file_url(const char *url);
/* The path that a file URL means. */
const char *fetch_file_path(const char *url);
/* The path of a URL, without its query (heap); NULL when there is none. */
char *fetch_url_path(const char *url);
/* The same for one file: or copy: URL. */
bool fetch_from_file_url(struct fetch_item *it, const char *url);
/* Fill it->urls, unless that was done. */
void fetch_make_urls(struct fetch_item *it);

/* Everything that is missing, over the network. */
int fetch_from_network(struct fetch *f, struct eb_error **err) EB_MUST_CHECK;
