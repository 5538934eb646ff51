/* What messages need of a URL. */
#pragma once

/* The URL without user, password, query and fragment (these may hold secrets). Heap. */
char *eb_url_show(const char *url);
/* "host" or "host:port"; the whole URL as eb_url_show() gives it when it has no host. Heap. */
char *eb_url_host(const char *url);
/* Do both have the same scheme, host and port? False for what is no URL. */
bool eb_url_same_origin(const char *a, const char *b);
/* What `ref` (absolute or relative) means in a document at `base`; heap, NULL when it is no URL. */
char *eb_url_resolve(const char *base, const char *ref);
/* `text` with everything but unreserved characters as %XX; heap. */
char *eb_url_escape(const char *text);
