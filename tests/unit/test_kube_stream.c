#include "base/json.h"
#include "fakekube.h"
#include "kube/api.h"
#include "kube/config.h"
#include "kube/stream.h"
#include "testlib.h"

struct client {
	struct fakekube *k;
	struct kube_config *c;
	struct kube_api *api;
	struct eb_buf seen;
	int stop_at, n;
};

static void client_release(struct client *c)
{
	kube_api_free(c->api);
	kube_config_free(c->c);
	fakekube_stop(c->k);
	eb_buf_release(&c->seen);
}
EB_DEFINE_RELEASE(struct client, client_release)

static void open_client(struct client *c)
{
	struct eb_error *e = NULL;
	autofree char *text = NULL;

	eb_buf_init(&c->seen, 1000000);
	c->k = fakekube_start();
	text = fakekube_config(c->k, "tok");
	fakekube_want_token(c->k, "tok");
	CHECK_OK(kube_config_parse("k", text, strlen(text), NULL, &c->c, &e), e);
	CHECK_OK(kube_api_new(c->c, NULL, &c->api, &e), e);
}
#define CLIENT(name)                                                                               \
	EB_CLEANUP(client_release_p) struct client name = { .k = NULL };                           \
	struct eb_error *e = NULL;                                                                 \
	open_client(&(name))

static void serve(struct client *c, const char *path, const char *body, enum httpd_mode mode)
{
	/* In pieces of a few bytes, so that lines are cut anywhere. */
	struct httpd_reply reply = { .body = body, .size = strlen(body), .mode = mode, .after = 7 };

	httpd_reply(fakekube_httpd(c->k), path, &reply);
}

static int on_line(void *ctx, const char *text, size_t n, struct eb_error **err)
{
	struct client *c = ctx;

	(void)err;
	eb_buf_addf(&c->seen, "<%.*s>", (int)n, text);
	return c->stop_at && ++c->n == c->stop_at;
}

TEST(kube_stream, lines_come_whole_whatever_the_pieces)
{
	CLIENT(c);

	serve(&c, "/log", "one\ntwo and more than a piece\n\nlast", HTTPD_SLOW);
	CHECK_OK(kube_api_stream(c.api, "/log", "follow=true", "log", on_line, &c, &e), e);
	CHECK_STR(eb_buf_str(&c.seen), "<one><two and more than a piece><><last>");
	CHECK_HAS(httpd_request(fakekube_httpd(c.k), 0).headers, "Authorization: Bearer tok\r\n");
}

TEST(kube_stream, line_may_end_it)
{
	CLIENT(c);

	c.stop_at = 2;
	serve(&c, "/log", "one\ntwo\nthree\n", HTTPD_NO_RANGE);
	CHECK_OK(kube_api_stream(c.api, "/log", NULL, "log", on_line, &c, &e), e);
	CHECK_STR(eb_buf_str(&c.seen), "<one><two>");
}

TEST(kube_stream, refusals_are_errors)
{
	CLIENT(c);

	CHECK_FAIL(kube_api_stream(c.api, "/api/v1/none", NULL, "log of x", on_line, &c, &e),
		   EB_E_NOT_FOUND, "log of x: there is no such object (NotFound)", e);
	CHECK_INT(c.seen.len, 0);
}

static int on_event(void *ctx, const char *type, const json_t *object, struct eb_error **err)
{
	struct client *c = ctx;

	(void)err;
	eb_buf_addf(&c->seen, "%s %s;", type,
		    eb_json_text(json_object_get(object, "metadata"), "name"));
	return c->stop_at && ++c->n == c->stop_at;
}

#define EVENT(type, name, version)                                                                 \
	"{\"type\":\"" type "\",\"object\":{\"metadata\":{\"name\":\"" name                        \
	"\",\"resourceVersion\":\"" version "\"}}}\n"

TEST(kube_stream, watch_gives_events_and_where_to_go_on)
{
	CLIENT(c);
	struct kube_watch w = {
		.path = "/w", .label_selector = "a=b", .what = "pods", .ctx = &c, .event = on_event
	};
	autofree char *version = eb_xstrdup("5");
	struct httpd_request q;

	serve(&c, "/w",
	      EVENT("ADDED", "x", "6") EVENT("DELETED", "y", "7") EVENT("BOOKMARK", "", "9"),
	      HTTPD_SLOW);
	CHECK_INT(kube_api_watch(c.api, &w, &version, &e), 0);
	CHECK_STR(eb_buf_str(&c.seen), "ADDED x;DELETED y;");
	CHECK_STR(version, "9");
	q = httpd_request(fakekube_httpd(c.k), 0);
	CHECK_STR(q.query,
		  "watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=5"
		  "&labelSelector=a%3Db");
	c.stop_at = 1;
	CHECK_INT(kube_api_watch(c.api, &w, &version, &e), 1);
	CHECK_STR(version, "6");
}

TEST(kube_stream, watch_that_is_too_old_says_so)
{
	CLIENT(c);
	struct kube_watch w = { .path = "/w", .what = "pods", .ctx = &c, .event = on_event };
	autofree char *version = eb_xstrdup("5");

	serve(&c, "/w",
	      EVENT("ADDED", "x",
		    "6") "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,"
			 "\"reason\":\"Expired\",\"message\":\"too old\"}}\n",
	      HTTPD_NO_RANGE);
	CHECK_FAIL(kube_api_watch(c.api, &w, &version, &e), EB_E_EXPIRED, "too old (Expired)", e);
	CHECK_STR(version, "6");
	serve(&c, "/w", "no json\n", HTTPD_NO_RANGE);
	CHECK_FAIL(kube_api_watch(c.api, &w, &version, &e), EB_E_FORMAT, "pods: an event", e);
}
