#include <arpa/inet.h>
#include <crypt.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image/mediatype.h"
#include "registry/htpasswd.h"
#include "registry/listen.h"
#include "registry/metrics.h"
#include "registry/server.h"
#include "reglayout.h"
#include "testlib.h"

enum { REPLY_MAX_BYTES = 4 << 20 };

struct fixture {
	struct reg_server *server;
	struct reg_served *source;
	struct sockaddr_in addr;
	struct oci_digest layer;
	const struct reg_manifest *manifest;
};

static void fixture_release(struct fixture *f)
{
	reg_server_stop(f->server, 1);
	reg_served_unref(f->source);
}

static void serve(struct fixture *f, struct reg_served *s)
{
	struct reg_catalog *c = reg_catalog_new(&s, 1);

	reg_server_serve(f->server, c);
	reg_catalog_unref(c);
}

static void start(struct fixture *f, struct reg_server_options *o, const char *layer)
{
	autoerror struct eb_error *e = NULL;
	socklen_t n = sizeof(f->addr);

	signal(SIGPIPE, SIG_IGN);
	o->threads = o->threads ? o->threads : 2;
	if (!o->limits.connections)
		o->limits = reg_default_limits;
	CHECK_OK(reg_listen("127.0.0.1:0", &o->listen_fd, &e), e);
	CHECK_INT(getsockname(o->listen_fd, (struct sockaddr *)&f->addr, &n), 0);
	CHECK_OK(reg_server_start(o, &f->server, &e), e);
	f->source = rl_one(test_path("a.tar"), "h.x/a/b:1", layer);
	f->manifest = &f->source->manifests[0];
	oci_digest_of(layer, strlen(layer), &f->layer);
	serve(f, f->source);
}

#define FIXTURE(name, ...)                                                                         \
	__attribute__((cleanup(fixture_release))) struct fixture name = { 0 };                     \
	struct reg_server_options name##_options = { __VA_ARGS__ };                                \
	start(&name, &name##_options, "some layer")

static int dial(const struct fixture *f)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK_INT(connect(fd, (const struct sockaddr *)&f->addr, sizeof(f->addr)), 0);
	return fd;
}

/* Everything until the server closes, or nothing comes for so long. */
static void drain(int fd, struct eb_buf *out, int msec)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[65536];
	ssize_t n;

	while (poll(&p, 1, msec) == 1 && (n = read(fd, buf, sizeof(buf))) > 0)
		eb_buf_add(out, buf, (size_t)n);
}

/* One request with more header lines (each with CRLF) on a connection of its own. */
static const char *ask(const struct fixture *f, const char *method, const char *path,
		       const char *more, struct eb_buf *out)
{
	autofree char *text = eb_xasprintf("%s %s HTTP/1.1\r\nHost: reg.test\r\n"
					   "Connection: close\r\n%s\r\n",
					   method, path, more);
	autofd int fd = dial(f);

	eb_buf_clear(out);
	CHECK_INT(write(fd, text, strlen(text)), strlen(text));
	drain(fd, out, 5000);
	return eb_buf_str(out);
}

static const char *body(const char *reply)
{
	const char *p = strstr(reply, "\r\n\r\n");

	CHECK(p != NULL);
	return p + 4;
}

#define STATUS(reply, code) CHECK_INT(strncmp((reply), "HTTP/1.1 " code " ", 13), 0)

static int wait_for_child(void)
{
	int status = -1;

	CHECK(wait(&status) > 0);
	return status;
}

/* "/v2/a/b/<verb>/<reference>" (heap). */
static char *path(const char *verb, const char *reference)
{
	return eb_xasprintf("/v2/a/b/%s/%s", verb, reference);
}

TEST(server, answer_gives_manifests_by_tag_and_digest)
{
	FIXTURE(f, .threads = 2);
	EB_AUTOBUF(b, REPLY_MAX_BYTES);
	autofree char *by_digest = path("manifests", f.manifest->digest.text);
	const char *r = ask(&f, "GET", "/v2/a/b/manifests/1", "", &b);

	STATUS(r, "200");
	CHECK_STR(body(r), f.manifest->text);
	CHECK_HAS(r, "\r\nContent-Type: " OCI_MT_MANIFEST "\r\n");
	CHECK_HAS(r, f.manifest->digest.text);
	CHECK_HAS(r, "\r\nDocker-Distribution-Api-Version: registry/2.0\r\n");
	r = ask(&f, "HEAD", "/v2/h.x/a/b/manifests/1", "", &b);
	STATUS(r, "200");
	CHECK_STR(body(r), "");
	CHECK_HAS(r, "\r\nContent-Length: ");
	r = ask(&f, "GET", by_digest, "", &b);
	CHECK_STR(body(r), f.manifest->text);
	r = ask(&f, "GET", "/v2/a/b/manifests/1?ns=h.x", "", &b);
	STATUS(r, "200");
	r = ask(&f, "GET", "/v2/a/b/manifests/1?ns=h.y", "", &b);
	STATUS(r, "404");
	CHECK_HAS(body(r), "NAME_UNKNOWN");
}

TEST(server, answer_gives_blobs_and_parts_of_them)
{
	FIXTURE(f, .threads = 1);
	EB_AUTOBUF(b, REPLY_MAX_BYTES);
	autofree char *blob = path("blobs", f.layer.text);
	autofree char *held = eb_xasprintf("Range: bytes=5-\r\nIf-Range: \"%s\"\r\n", f.layer.text);
	autofree char *known = eb_xasprintf("If-None-Match: \"x\", \"%s\"\r\n", f.layer.text);
	const char *r = ask(&f, "GET", blob, "", &b);

	STATUS(r, "200");
	CHECK_STR(body(r), "some layer");
	CHECK_HAS(r, "\r\nAccept-Ranges: bytes\r\n");
	r = ask(&f, "GET", blob, "Range: bytes=2-5\r\n", &b);
	STATUS(r, "206");
	CHECK_STR(body(r), "me l");
	CHECK_HAS(r, "\r\nContent-Range: bytes 2-5/10\r\n");
	r = ask(&f, "GET", blob, held, &b);
	STATUS(r, "206");
	CHECK_STR(body(r), "layer");
	r = ask(&f, "GET", blob, "Range: bytes=5-\r\nIf-Range: \"other\"\r\n", &b);
	STATUS(r, "200");
	r = ask(&f, "GET", blob, "Range: bytes=10-\r\n", &b);
	STATUS(r, "416");
	CHECK_HAS(r, "\r\nContent-Range: bytes */10\r\n");
	r = ask(&f, "GET", blob, known, &b);
	STATUS(r, "304");
	CHECK_STR(body(r), "");
	r = ask(&f, "HEAD", blob, "Range: bytes=2-5\r\n", &b);
	STATUS(r, "200");
	CHECK_HAS(r, "\r\nContent-Length: 10\r\n");
}

TEST(server, answer_refuses_in_the_words_of_the_specification)
{
	FIXTURE(f, .threads = 2);
	EB_AUTOBUF(b, REPLY_MAX_BYTES);
	static const struct {
		const char *method, *path, *status, *code;
	} cases[] = {
		{ "GET", "/v2/none/manifests/1", "404", "NAME_UNKNOWN" },
		{ "GET", "/v2/a/b/manifests/none", "404", "MANIFEST_UNKNOWN" },
		{ "GET", "/v2/a/b/blobs/sha256:00", "400", "DIGEST_INVALID" },
		{ "GET", "/v2/A/manifests/1", "400", "NAME_INVALID" },
		{ "GET", "/v2/a/b/tags/list?n=x", "400", "PAGINATION_NUMBER_INVALID" },
		{ "PUT", "/v2/a/b/manifests/1", "405", "UNSUPPORTED" },
		{ "POST", "/v2/a/b/blobs/uploads/", "405", "UNSUPPORTED" },
		{ "DELETE", "/v2/a/b/manifests/1", "405", "UNSUPPORTED" },
		{ "BREW", "/v2/", "405", "UNSUPPORTED" },
		{ "GET", "/v2/a/b/blobs/uploads/", "405", "UNSUPPORTED" },
		{ "GET", "/metrics", "404", "UNSUPPORTED" },
		{ "GET", "/etc/passwd", "404", "UNSUPPORTED" },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(cases); i++) {
		const char *r = ask(&f, cases[i].method, cases[i].path, "", &b);
		autofree char *first = eb_xasprintf("HTTP/1.1 %s ", cases[i].status);

		if (strncmp(r, first, strlen(first)) != 0)
			test_fail(__FILE__, __LINE__, "%s %s gives %.20s, expected %s",
				  cases[i].method, cases[i].path, r, cases[i].status);
		CHECK_HAS(body(r), cases[i].code);
		CHECK_HAS(r, "\r\nContent-Type: application/json\r\n");
	}
}

TEST(server, answer_lists_and_shows)
{
	FIXTURE(f, .metrics = true);
	EB_AUTOBUF(b, REPLY_MAX_BYTES);
	autofree char *referrers = path("referrers", f.manifest->digest.text);
	autofree char *filtered = eb_xasprintf("%s?artifactType=a/b+c", referrers);
	const char *r = ask(&f, "GET", "/v2/a/b/tags/list?n=0", "", &b);

	CHECK_STR(body(r), "{\"name\":\"a/b\",\"tags\":[]}");
	r = ask(&f, "GET", "/v2/_catalog", "", &b);
	CHECK_STR(body(r), "{\"repositories\":[\"a/b\"]}");
	r = ask(&f, "GET", referrers, "", &b);
	CHECK_HAS(r, "\r\nContent-Type: " OCI_MT_INDEX "\r\n");
	CHECK_HAS(body(r), "\"manifests\":[]");
	CHECK(!strstr(r, "OCI-Filters-Applied"));
	r = ask(&f, "GET", filtered, "", &b);
	CHECK_HAS(r, "\r\nOCI-Filters-Applied: artifactType\r\n");
	r = ask(&f, "GET", "/", "", &b);
	CHECK_HAS(r, "\r\nContent-Security-Policy: default-src 'none'");
	CHECK_HAS(body(r), "Images served by reg.test<");
	r = ask(&f, "GET", "/metrics", "", &b);
	CHECK_HAS(body(r), "ess_bundle_http_requests_total{kind=\"referrers\",code=\"200\"} 2\n");
	r = ask(&f, "GET", "/healthz", "", &b);
	STATUS(r, "200");
}

TEST(server, answer_keeps_a_connection_open)
{
	FIXTURE(f, .threads = 2);
	static const char two[] =
		"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n"
		"GET /v2/_catalog HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	EB_AUTOBUF(b, REPLY_MAX_BYTES);
	autofd int fd = dial(&f);

	CHECK_INT(write(fd, two, sizeof(two) - 1), sizeof(two) - 1);
	drain(fd, &b, 5000);
	CHECK_HAS(eb_buf_str(&b), "\r\n\r\n{}HTTP/1.1 200");
	CHECK_HAS(eb_buf_str(&b), "repositories");
}

TEST(server, answer_takes_no_large_header_and_no_body)
{
	FIXTURE(f, .threads = 2);
	EB_AUTOBUF(b, REPLY_MAX_BYTES);
	autofree char *large = eb_xcalloc(1, 40000);
	const char *r;

	memset(large, 'a', 39000);
	memcpy(large, "X: ", 3);
	memcpy(large + 39000, "\r\n", 3);
	r = ask(&f, "GET", "/v2/", large, &b);
	CHECK(strncmp(r, "HTTP/1.1 431 ", 13) == 0 || r[0] == '\0');
	r = ask(&f, "GET", "/v2/", "Content-Length: 3\r\n\r\nabc", &b);
	STATUS(r, "400");
}

TEST(server, answer_asks_for_a_password)
{
	struct reg_htpasswd *users = NULL;
	autoerror struct eb_error *e = NULL;
	struct crypt_data *data = eb_xcalloc(1, sizeof(*data));
	autofree char *text = eb_xasprintf(
		"ann:%s\n", crypt_rn("one", "$2y$04$abcdefghijklmnopqrstuu", data, sizeof(*data)));

	free(data);
	CHECK_OK(reg_htpasswd_parse(text, strlen(text), "users", &users, &e), e);
	FIXTURE(f, .users = users);
	EB_AUTOBUF(b, REPLY_MAX_BYTES);
	const char *r = ask(&f, "GET", "/v2/", "", &b);

	STATUS(r, "401");
	CHECK_HAS(r, "\r\nWWW-Authenticate: Basic realm=");
	CHECK_HAS(body(r), "UNAUTHORIZED");
	r = ask(&f, "GET", "/v2/", "Authorization: Basic YW5uOm9uZQ==\r\n", &b); /* ann:one */
	STATUS(r, "200");
	STATUS(ask(&f, "GET", "/healthz", "", &b), "200");
	STATUS(ask(&f, "GET", "/", "", &b), "401");
	STATUS(ask(&f, "PUT", "/v2/a/b/manifests/1", "", &b), "401");
	/* After some wrong ones nobody looks any more, but who was right before goes on. */
	for (int i = 0; i < 10; i++)
		STATUS(ask(&f, "GET", "/v2/", "Authorization: Basic YW5uOnR3bw==\r\n", &b), "401");
	r = ask(&f, "GET", "/v2/", "Authorization: Basic YW5uOnR3bw==\r\n", &b);
	STATUS(r, "429");
	CHECK_HAS(r, "\r\nRetry-After: ");
	r = ask(&f, "GET", "/v2/", "Authorization: Basic YW5uOm9uZQ==\r\n", &b);
	STATUS(r, "200");
}

TEST(server, serve_changes_over_to_another_catalog)
{
	FIXTURE(f, .threads = 2);
	EB_CLEANUP(reg_served_unref_p)
	struct reg_served *s = rl_one(test_path("b.tar"), "h.x/other:2", "layer b");
	EB_AUTOBUF(b, REPLY_MAX_BYTES);

	STATUS(ask(&f, "GET", "/v2/a/b/tags/list", "", &b), "200");
	serve(&f, s);
	STATUS(ask(&f, "GET", "/v2/a/b/tags/list", "", &b), "404");
	STATUS(ask(&f, "GET", "/v2/other/manifests/2", "", &b), "200");
}

TEST(server, answer_gives_nothing_from_a_file_that_was_written_to)
{
	FIXTURE(f, .threads = 2);
	EB_AUTOBUF(b, REPLY_MAX_BYTES);
	autofree char *blob = path("blobs", f.layer.text);
	const char *r;

	STATUS(ask(&f, "GET", blob, "", &b), "200");
	CHECK_INT(truncate(test_path("a.tar"), 100), 0);
	r = ask(&f, "GET", blob, "", &b);
	STATUS(r, "503");
	CHECK_HAS(r, "\r\nRetry-After: ");
	STATUS(ask(&f, "GET", "/v2/a/b/manifests/1", "", &b), "503");
	STATUS(ask(&f, "GET", "/healthz", "", &b), "503");
}

TEST(server, limits_refuse_too_many_and_cut_the_slow)
{
	FIXTURE(f,
		.limits = { .connections = 2, .per_address = 9, .wait_sec = 1, .window_sec = 1 });
	static const char drip[] = "GET /v2/ HTTP/1.1\r\nX-";
	EB_AUTOBUF(b, REPLY_MAX_BYTES);
	autofd int one = dial(&f);
	autofd int two = dial(&f);
	autofd int three = -1;
	struct pollfd p = { .events = POLLIN };

	CHECK_INT(write(one, drip, sizeof(drip) - 1), sizeof(drip) - 1);
	usleep(100000);
	three = dial(&f);
	drain(three, &b, 5000); /* closed at once */
	CHECK_INT(b.len, 0);
	CHECK_INT(atomic_load(&reg_server_metrics(f.server)->refused), 1);
	/* A byte now and then does not help. */
	p.fd = one;
	for (int i = 0; i < 60 && poll(&p, 1, 100) == 0; i++)
		eb_ignore(write(one, "a", 1));
	drain(one, &b, 100);
	drain(two, &b, 5000);
	for (int i = 0; i < 100 && atomic_load(&reg_server_metrics(f.server)->timeouts) < 2; i++)
		usleep(10000); /* they are counted after they were cut */
	CHECK(atomic_load(&reg_server_metrics(f.server)->timeouts) >= 2);
	STATUS(ask(&f, "GET", "/v2/", "", &b), "200");
}

TEST(server, stop_lets_an_answer_go_out)
{
	__attribute__((cleanup(fixture_release))) struct fixture f = { 0 };
	struct reg_server_options o = { .threads = 2, .listen_fd = -1 };
	enum { LAYER = 3 << 20 };
	autofree char *layer = eb_xmalloc(LAYER + 1);
	EB_AUTOBUF(b, LAYER + 65536);
	autofree char *text = NULL;
	autofd int fd = -1;
	char first[1000];
	ssize_t n;

	memset(layer, 'x', LAYER);
	layer[LAYER] = '\0';
	start(&f, &o, layer);
	text = eb_xasprintf("GET /v2/a/b/blobs/%s HTTP/1.1\r\nHost: x\r\n\r\n", f.layer.text);
	fd = dial(&f);
	CHECK_INT(write(fd, text, strlen(text)), strlen(text));
	n = read(fd, first, sizeof(first));
	CHECK(n > 0);
	eb_buf_add(&b, first, (size_t)n);
	if (fork() == 0) { /* reads the rest while this process waits in stop */
		drain(fd, &b, 5000);
		_exit(strlen(body(eb_buf_str(&b))) == LAYER ? 0 : 1);
	}
	f.server = reg_server_stop(f.server, 10);
	CHECK_INT(wait_for_child(), 0);
}
