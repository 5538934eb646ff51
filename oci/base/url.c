#include "base/url.h"

#include <curl/curl.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"

EB_DEFINE_CLEANUP(CURLU *, curl_url_cleanup)

static void curl_string_free(char **s)
{
	curl_free(*s);
}

static CURLU *parse(const char *url)
{
	CURLU *u = curl_url();

	if (u && curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
		curl_url_cleanup(u);
		u = NULL;
	}
	return u;
}

/* For what libcurl cannot parse: cut at the query, drop what stands before an @ of the host. */
static char *show_unparsed(const char *url)
{
	const char *start = strstr(url, "://");
	size_t head = start ? (size_t)(start - url) + 3 : 0;
	size_t end = head + strcspn(url + head, "?#");
	size_t host = head;

	for (size_t i = head; i < end && url[i] != '/'; i++)
		if (url[i] == '@')
			host = i + 1;
	return eb_xasprintf("%.*s%.*s", (int)head, url, (int)(end - host), url + host);
}

char *eb_url_show(const char *url)
{
	static const CURLUPart hidden[] = { CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS,
					    CURLUPART_QUERY, CURLUPART_FRAGMENT };
	EB_CLEANUP(curl_url_cleanup_p) CURLU *u = parse(url);
	EB_CLEANUP(curl_string_free) char *s = NULL;

	if (!u)
		return show_unparsed(url);
	for (size_t i = 0; i < EB_ARRAY_LEN(hidden); i++)
		if (curl_url_set(u, hidden[i], NULL, 0) != CURLUE_OK)
			return show_unparsed(url);
	if (curl_url_get(u, CURLUPART_URL, &s, 0) != CURLUE_OK)
		return show_unparsed(url);
	return eb_xstrdup(s);
}

char *eb_url_host(const char *url)
{
	EB_CLEANUP(curl_url_cleanup_p) CURLU *u = parse(url);
	EB_CLEANUP(curl_string_free) char *host = NULL, *port = NULL;

	if (!u || curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK || !*host)
		return eb_url_show(url);
	if (curl_url_get(u, CURLUPART_PORT, &port, 0) != CURLUE_OK)
		return eb_xstrdup(host);
	return eb_xasprintf("%s:%s", host, port);
}

static bool same_part(CURLU *a, CURLU *b, CURLUPart part)
{
	EB_CLEANUP(curl_string_free) char *x = NULL, *y = NULL;

	return curl_url_get(a, part, &x, CURLU_DEFAULT_PORT) == CURLUE_OK &&
	       curl_url_get(b, part, &y, CURLU_DEFAULT_PORT) == CURLUE_OK && strcasecmp(x, y) == 0;
}

bool eb_url_same_origin(const char *a, const char *b)
{
	EB_CLEANUP(curl_url_cleanup_p) CURLU *x = parse(a), *y = parse(b);

	return x && y && same_part(x, y, CURLUPART_SCHEME) && same_part(x, y, CURLUPART_HOST) &&
	       same_part(x, y, CURLUPART_PORT);
}

char *eb_url_resolve(const char *base, const char *ref)
{
	EB_CLEANUP(curl_url_cleanup_p) CURLU *u = parse(base);
	EB_CLEANUP(curl_string_free) char *s = NULL;

	if (!u || curl_url_set(u, CURLUPART_URL, ref, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_URL, &s, 0) != CURLUE_OK)
		return NULL;
	return eb_xstrdup(s);
}

char *eb_url_escape(const char *text)
{
	static const char plain[] = "-._~";
	EB_AUTOBUF(b, 3 * strlen(text) + 1);

	for (; *text; text++) {
		char c = *text;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    strchr(plain, c))
			eb_buf_addc(&b, c);
		else
			eb_buf_addf(&b, "%%%02X", (unsigned int)(unsigned char)c);
	}
	return eb_xstrdup(eb_buf_str(&b));
}
