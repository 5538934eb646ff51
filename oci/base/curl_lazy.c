/* libcurl, loaded at the first call: see lazy.h. */
#define CURL_DISABLE_TYPECHECK 1
#include <curl/curl.h>
#include <stdarg.h>

#include "base/lazy.h"

#if EB_LAZY
#undef curl_easy_getinfo
#undef curl_easy_setopt
#undef curl_multi_setopt

/* clang-format off */
#define FUNCTIONS(X) \
	X(curl_easy_cleanup) X(curl_easy_getinfo) X(curl_easy_init) X(curl_easy_pause) \
	X(curl_easy_reset) X(curl_easy_setopt) X(curl_easy_strerror) X(curl_free) \
	X(curl_global_init) X(curl_multi_add_handle) X(curl_multi_cleanup) \
	X(curl_multi_info_read) X(curl_multi_init) X(curl_multi_perform) X(curl_multi_poll) \
	X(curl_multi_remove_handle) X(curl_multi_setopt) X(curl_multi_strerror) \
	X(curl_multi_wakeup) X(curl_slist_append) X(curl_slist_free_all) X(curl_url) \
	X(curl_url_cleanup) X(curl_url_get) X(curl_url_set)
/* clang-format on */

EB_LAZY_LIBRARY("libcurl.so.4")

/* Without the library there are no handles, so what takes one is never called then. */
EB_LAZY_FORWARD(CURLcode, curl_global_init, (long flags), (flags), CURLE_FAILED_INIT)
EB_LAZY_FORWARD(const char *, curl_easy_strerror, (CURLcode c), (c), lazy.problem)
EB_LAZY_FORWARD(const char *, curl_multi_strerror, (CURLMcode c), (c), lazy.problem)
EB_LAZY_FORWARD_VOID(curl_free, (void *p), (p))

EB_LAZY_FORWARD(CURL *, curl_easy_init, (void), (), NULL)
EB_LAZY_FORWARD_VOID(curl_easy_cleanup, (CURL * c), (c))
EB_LAZY_FORWARD_VOID(curl_easy_reset, (CURL * c), (c))
EB_LAZY_FORWARD(CURLcode, curl_easy_pause, (CURL * c, int mask), (c, mask), CURLE_FAILED_INIT)

EB_LAZY_FORWARD(CURLM *, curl_multi_init, (void), (), NULL)
EB_LAZY_FORWARD(CURLMcode, curl_multi_cleanup, (CURLM * m), (m), CURLM_OK)
EB_LAZY_FORWARD(CURLMcode, curl_multi_add_handle, (CURLM * m, CURL *c), (m, c), CURLM_BAD_HANDLE)
EB_LAZY_FORWARD(CURLMcode, curl_multi_remove_handle, (CURLM * m, CURL *c), (m, c), CURLM_BAD_HANDLE)
EB_LAZY_FORWARD(CURLMsg *, curl_multi_info_read, (CURLM * m, int *left), (m, left), NULL)
EB_LAZY_FORWARD(CURLMcode, curl_multi_perform, (CURLM * m, int *n), (m, n), CURLM_BAD_HANDLE)
EB_LAZY_FORWARD(CURLMcode, curl_multi_poll,
		(CURLM * m, struct curl_waitfd fds[], unsigned int n, int msec, int *ret),
		(m, fds, n, msec, ret), CURLM_BAD_HANDLE)
EB_LAZY_FORWARD(CURLMcode, curl_multi_wakeup, (CURLM * m), (m), CURLM_BAD_HANDLE)

EB_LAZY_FORWARD(struct curl_slist *, curl_slist_append, (struct curl_slist * l, const char *s),
		(l, s), NULL)
EB_LAZY_FORWARD_VOID(curl_slist_free_all, (struct curl_slist * l), (l))

/* Newer headers have const there. */
#define URL_READ                                                                                   \
	__typeof__(_Generic(&curl_url_get,                                                         \
			    CURLUcode(*)(const CURLU *, CURLUPart, char **, unsigned int)          \
			    : (const CURLU *)NULL, default                                         \
			    : (CURLU *)NULL))

EB_LAZY_FORWARD(CURLU *, curl_url, (void), (), NULL)
EB_LAZY_FORWARD_VOID(curl_url_cleanup, (CURLU * u), (u))
EB_LAZY_FORWARD(CURLUcode, curl_url_get,
		(URL_READ u, CURLUPart what, char **ret, unsigned int flags), (u, what, ret, flags),
		CURLUE_BAD_HANDLE)
EB_LAZY_FORWARD(CURLUcode, curl_url_set,
		(CURLU * u, CURLUPart what, const char *part, unsigned int flags),
		(u, what, part, flags), CURLUE_BAD_HANDLE)

/* Options and what they take: their numbers say the type of the argument. */
enum { OPTION_GROUP = CURLOPTTYPE_OBJECTPOINT - CURLOPTTYPE_LONG };

CURLcode curl_easy_setopt(CURL *c, CURLoption option, ...)
{
	CURLcode r = CURLE_FAILED_INIT;
	va_list ap;

	if (!ready())
		return r;
	va_start(ap, option);
	switch ((int)option / OPTION_GROUP * OPTION_GROUP) {
	case CURLOPTTYPE_LONG:
		r = real.curl_easy_setopt_(c, option, va_arg(ap, long));
		break;
	case CURLOPTTYPE_OFF_T:
		r = real.curl_easy_setopt_(c, option, va_arg(ap, curl_off_t));
		break;
	default: /* pointers, to objects and to functions */
		r = real.curl_easy_setopt_(c, option, va_arg(ap, void *));
		break;
	}
	va_end(ap);
	return r;
}

CURLMcode curl_multi_setopt(CURLM *m, CURLMoption option, ...)
{
	CURLMcode r = CURLM_BAD_HANDLE;
	va_list ap;

	if (!ready())
		return r;
	va_start(ap, option);
	switch ((int)option / OPTION_GROUP * OPTION_GROUP) {
	case CURLOPTTYPE_LONG:
		r = real.curl_multi_setopt_(m, option, va_arg(ap, long));
		break;
	case CURLOPTTYPE_OFF_T:
		r = real.curl_multi_setopt_(m, option, va_arg(ap, curl_off_t));
		break;
	default:
		r = real.curl_multi_setopt_(m, option, va_arg(ap, void *));
		break;
	}
	va_end(ap);
	return r;
}

CURLcode curl_easy_getinfo(CURL *c, CURLINFO info, ...)
{
	CURLcode r = CURLE_FAILED_INIT;
	va_list ap;

	if (!ready())
		return r;
	va_start(ap, info);
	r = real.curl_easy_getinfo_(c, info, va_arg(ap, void *));
	va_end(ap);
	return r;
}
#endif
