/* What messages need of a URL. */
#pragma once

/* The URL without user, password, query and fragment (these may hold secrets). Heap. */
char *eb_url_show(const char *url);
/* "host" or "host:port"; the whole URL as eb_url_show() gives it when it has no host. Heap. */
char *eb_url_host(const char *url);
