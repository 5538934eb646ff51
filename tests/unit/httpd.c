#include "httpd.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/span.h"
#include "httpd_tls.h"
#include "testlib.h"

enum { MAX_ROUTES = 256, MAX_REQUESTS = 4096, MAX_CONNS = 2048, MAX_HEAD = 8192 };

struct route {
	char path[256];
	struct httpd_reply reply;
	unsigned int asked;
};

struct conn {
	struct httpd *h;
	int fd;
	struct httpd_tls *tls; /* NULL = plain */
	pthread_t thread;
};

struct httpd {
	int fd, stop; /* listening; eventfd that becomes readable at the end */
	pthread_t thread;
	pthread_mutex_t lock;
	struct eb_arena *arena;
	struct httpd_tls_server *tls;
	char host[32];
	struct route routes[MAX_ROUTES];
	size_t n_routes;
	struct httpd_request *requests;
	size_t n_requests;
	struct conn conns[MAX_CONNS];
	size_t n_conns;
	uint64_t sent;
	const struct httpd_handler *handler;
};

/* ---- one connection ---- */

/* Wait until fd is readable, or until the time is over; false when the server ends. */
static bool wait_fd(const struct conn *c, int msec, bool *ret_readable)
{
	struct pollfd p[2] = { { c->h->stop, POLLIN, 0 }, { c->fd, POLLIN, 0 } };

	eb_ignore(poll(p, 2, msec));
	*ret_readable = p[1].revents != 0;
	return p[0].revents == 0;
}

static bool pause_conn(const struct conn *c, int msec)
{
	struct pollfd p = { c->h->stop, POLLIN, 0 };

	return poll(&p, 1, msec) == 0;
}

static ssize_t conn_recv(struct conn *c, void *p, size_t n)
{
	return c->tls ? httpd_tls_read(c->tls, p, n) : recv(c->fd, p, n, 0);
}

static bool conn_send(struct conn *c, const void *p, size_t n)
{
	while (n > 0) {
		ssize_t did = c->tls ? httpd_tls_write(c->tls, p, n)
				     : send(c->fd, p, n, MSG_NOSIGNAL);

		if (did <= 0)
			return false;
		p = (const char *)p + did;
		n -= (size_t)did;
	}
	return true;
}

struct answer {
	struct conn *c;
	struct httpd_reply r;
	size_t request; /* its number in the log */
	bool is_head;
};

static bool send_body(struct answer *a, const void *p, size_t n)
{
	struct httpd *h = a->c->h;

	/* Counted first: the client may look at the count as soon as it has the bytes. */
	pthread_mutex_lock(&h->lock);
	h->requests[a->request].sent += n;
	h->sent += n;
	pthread_mutex_unlock(&h->lock);
	return a->is_head || conn_send(a->c, p, n);
}

static bool send_head(struct answer *a, int status, const char *extra, int64_t length)
{
	EB_AUTOBUF(b, 16384);

	eb_buf_addf(&b, "HTTP/1.1 %d Status\r\nServer: test\r\n%s%s", status, extra,
		    a->r.headers ? a->r.headers : "");
	if (a->r.etag)
		eb_buf_addf(&b, "ETag: %s\r\n", a->r.etag);
	if (a->r.last_modified)
		eb_buf_addf(&b, "Last-Modified: %s\r\n", a->r.last_modified);
	if (length >= 0)
		eb_buf_addf(&b, "Content-Length: %lld\r\n", (long long)length);
	else
		eb_buf_adds(&b, "Connection: close\r\n");
	eb_buf_adds(&b, "\r\n");
	return conn_send(a->c, b.data, b.len);
}

static bool send_small(struct answer *a, int status, const char *extra, const char *text)
{
	return send_head(a, status, extra, (int64_t)strlen(text)) &&
	       send_body(a, text, strlen(text));
}

static void stall(const struct conn *c)
{
	bool readable = false;

	while (wait_fd(c, 60000, &readable) && !readable)
		;
}

static bool send_slowly(struct answer *a, const char *p, size_t n)
{
	while (n > 0) {
		size_t part = n < a->r.after ? n : a->r.after;

		if (!send_body(a, p, part) || !pause_conn(a->c, (int)a->r.pause_msec))
			return false;
		p += part;
		n -= part;
	}
	return true;
}

/* The body from byte `from` on, in the way of the mode. Whether the connection may go on. */
static bool send_from(struct answer *a, size_t from)
{
	const char *p = (const char *)a->r.body + from;
	size_t n = a->r.size - from, part = n < a->r.after ? n : a->r.after;
	autofree char *copy = NULL;

	switch (a->r.mode) {
	case HTTPD_DROP:
		eb_ignore(send_body(a, p, part));
		return false;
	case HTTPD_STALL:
		if (send_body(a, p, part))
			stall(a->c);
		return false;
	case HTTPD_SLOW:
		return send_slowly(a, p, n);
	case HTTPD_WRONG_BYTES:
		copy = eb_xmemdup(p, n);
		if (n)
			copy[n - 1] ^= 1;
		return send_body(a, copy, n);
	case HTTPD_LONG_LENGTH:
		eb_ignore(send_body(a, p, n));
		return false;
	case HTTPD_SHORT_LENGTH:
		return send_body(a, p, n - part);
	case HTTPD_TRUNCATED:
		eb_ignore(send_body(a, p, n - part));
		return false;
	case HTTPD_NO_LENGTH:
		eb_ignore(send_body(a, p, n));
		return false;
	default:
		return send_body(a, p, n);
	}
}

/* Is the validator of an If-Range header (if there is one) ours? */
static bool if_range_holds(const struct httpd_request *q, const struct httpd_reply *r)
{
	const char *at = strcasestr(q->headers, "If-Range: ");

	if (!at)
		return true;
	at += 10;
	return (r->etag && strncmp(at, r->etag, strlen(r->etag)) == 0) ||
	       (r->last_modified && strncmp(at, r->last_modified, strlen(r->last_modified)) == 0);
}

static bool send_file(struct answer *a, const struct httpd_request *q)
{
	enum httpd_mode m = a->r.mode;
	bool ranges = m != HTTPD_NO_RANGE && m != HTTPD_NO_LENGTH && if_range_holds(q, &a->r);
	size_t from = ranges && q->range > 0 ? (size_t)q->range : 0;
	int64_t length;
	char extra[128] = "Accept-Ranges: bytes\r\n";

	if (from >= a->r.size && from > 0) {
		snprintf(extra, sizeof(extra), "Content-Range: bytes */%zu\r\n", a->r.size);
		return send_small(a, 416, extra, "no such range");
	}
	if (from > 0)
		snprintf(extra, sizeof(extra), "Content-Range: bytes %zu-%zu/%zu\r\n",
			 m == HTTPD_WRONG_RANGE ? from - 1 : from, a->r.size - 1, a->r.size);
	length = (int64_t)(a->r.size - from);
	if (m == HTTPD_LONG_LENGTH)
		length += (int64_t)a->r.after;
	if (m == HTTPD_SHORT_LENGTH)
		length -= (int64_t)a->r.after;
	if (m == HTTPD_TRUNCATED || m == HTTPD_NO_LENGTH)
		length = -1;
	return send_head(a, from > 0 ? 206 : 200, extra, length) && send_from(a, from);
}

static bool answer(struct answer *a, const struct httpd_request *q)
{
	char extra[2048] = "";

	switch (a->r.mode) {
	case HTTPD_STATUS:
		if (a->r.retry_after)
			snprintf(extra, sizeof(extra), "Retry-After: %s\r\n", a->r.retry_after);
		if (a->r.status == 204 || a->r.status == 304)
			return send_head(a, a->r.status, extra, 0);
		if (a->r.body)
			return send_head(a, a->r.status, extra, (int64_t)a->r.size) &&
			       send_body(a, a->r.body, a->r.size);
		return send_small(a, a->r.status, extra, "an error page");
	case HTTPD_REDIRECT:
		snprintf(extra, sizeof(extra), "Location: %s\r\n", a->r.location);
		return send_small(a, a->r.status ? a->r.status : 302, extra, "elsewhere");
	case HTTPD_MUTE:
		stall(a->c);
		return false;
	case HTTPD_HTML:
		return send_small(a, 200, "Content-Type: text/html\r\n",
				  "<html><body>Please log in</body></html>");
	case HTTPD_GARBAGE:
		eb_ignore(conn_send(a->c, "\0\1\2 no such protocol\r\n\r\n", 24));
		return false;
	default:
		return send_file(a, q);
	}
}

static void parse_request(char *head, struct httpd_request *q)
{
	char *line_end = strstr(head, "\r\n"), *path = strchr(head, ' '), *end;
	const char *range;

	*q = (struct httpd_request){ .range = -1 };
	if (!path || !line_end || path > line_end)
		return;
	*line_end = '\0';
	path++;
	end = path + strcspn(path, " ?");
	snprintf(q->method, sizeof(q->method), "%.*s", (int)(path - 1 - head), head);
	if (*end == '?')
		snprintf(q->query, sizeof(q->query), "%.*s", (int)strcspn(end + 1, " "), end + 1);
	snprintf(q->path, sizeof(q->path), "%.*s", (int)(end - path), path);
	snprintf(q->headers, sizeof(q->headers), "%s", line_end + 2);
	range = strcasestr(q->headers, "Range: bytes=");
	if (range) {
		struct eb_span digits = { range + 13, strspn(range + 13, "0123456789") };
		uint64_t v = 0;

		if (eb_parse_u64(digits, INT64_MAX, &v, NULL) >= 0)
			q->range = (int64_t)v;
	}
}

/* Log the request and pick its reply. */
static void take_request(struct httpd *h, const struct httpd_request *q, struct answer *a)
{
	pthread_mutex_lock(&h->lock);
	a->request = h->n_requests < MAX_REQUESTS ? h->n_requests++ : MAX_REQUESTS - 1;
	h->requests[a->request] = *q;
	a->r = (struct httpd_reply){ .mode = HTTPD_STATUS, .status = 404 };
	a->is_head = strcmp(q->method, "HEAD") == 0;
	if (h->handler)
		h->handler->reply(h->handler->ctx, q, &a->r);
	for (size_t i = 0; i < h->n_routes; i++) {
		struct route *r = &h->routes[i];

		if (strcmp(r->path, q->path) != 0)
			continue;
		a->r = r->reply;
		if (r->reply.times && r->asked++ >= r->reply.times)
			a->r.mode = HTTPD_NORMAL;
	}
	pthread_mutex_unlock(&h->lock);
}

/* One request's head into buf; false when the connection is over. */
static bool read_head(struct conn *c, char buf[static MAX_HEAD])
{
	size_t n = 0;

	while (n < MAX_HEAD - 1) {
		bool readable = c->tls && httpd_tls_pending(c->tls);
		ssize_t got;

		if (!readable && (!wait_fd(c, 60000, &readable) || !readable))
			return false;
		got = conn_recv(c, buf + n, 1);
		if (got <= 0)
			return false;
		buf[++n] = '\0';
		if (n >= 4 && strcmp(buf + n - 4, "\r\n\r\n") == 0)
			return true;
	}
	return false;
}

/* The body of the request, as far as it is wanted. */
static bool read_body(struct conn *c, struct httpd_request *q)
{
	const char *at = strcasestr(q->headers, "Content-Length: ");
	struct eb_span digits = { at ? at + 16 : "", at ? strspn(at + 16, "0123456789") : 0 };
	struct httpd *h = c->h;
	uint64_t size = 0;
	size_t room = SIZE_MAX;
	char *body;

	if (!at || eb_parse_u64(digits, 1u << 30, &size, NULL) < 0 || size == 0)
		return true;
	pthread_mutex_lock(&h->lock);
	if (h->handler && h->handler->room)
		room = h->handler->room(h->handler->ctx, q);
	body = eb_arena_alloc(h->arena, (size_t)size + 1);
	pthread_mutex_unlock(&h->lock);
	q->body = body;
	q->cut = room < size;
	if (strcasestr(q->headers, "Expect: 100-continue") &&
	    !conn_send(c, "HTTP/1.1 100 Continue\r\n\r\n", 25))
		return false;
	while (q->body_size < size && q->body_size < room) {
		bool readable = c->tls && httpd_tls_pending(c->tls);
		size_t want = (size_t)size - q->body_size;
		ssize_t got;

		if (want > room - q->body_size)
			want = room - q->body_size;
		if (!readable && (!wait_fd(c, 60000, &readable) || !readable))
			return false;
		got = conn_recv(c, body + q->body_size, want);
		if (got <= 0)
			return false;
		q->body_size += (size_t)got;
	}
	return true;
}

static void *serve_conn(void *arg)
{
	struct conn *c = arg;
	char head[MAX_HEAD];
	bool more = true;

	if (c->h->tls)
		c->tls = httpd_tls_accept(c->h->tls, c->fd);
	more = !c->h->tls || c->tls;
	while (more && read_head(c, head)) {
		struct answer a = { .c = c };
		struct httpd_request q;

		parse_request(head, &q);
		more = read_body(c, &q);
		if (!more)
			break;
		take_request(c->h, &q, &a);
		more = !q.cut && answer(&a, &q);
	}
	httpd_tls_close(c->tls);
	shutdown(c->fd, SHUT_RDWR);
	close(c->fd);
	return NULL;
}

/* ---- the server ---- */

static void *serve(void *arg)
{
	struct httpd *h = arg;

	for (;;) {
		struct pollfd p[2] = { { h->stop, POLLIN, 0 }, { h->fd, POLLIN, 0 } };
		struct conn *c;
		int fd, one = 1;

		eb_ignore(poll(p, 2, -1));
		if (p[0].revents)
			return NULL;
		fd = accept4(h->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		if (h->n_conns == MAX_CONNS) {
			close(fd);
			continue;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		c = &h->conns[h->n_conns];
		*c = (struct conn){ .h = h, .fd = fd };
		if (pthread_create(&c->thread, NULL, serve_conn, c) == 0)
			h->n_conns++;
		else
			close(fd);
	}
}

static struct httpd *start(const char *cert_file)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	struct httpd *h = eb_xcalloc(1, sizeof(*h));
	socklen_t len = sizeof(a);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
	h->arena = eb_arena_new();
	h->requests = eb_xcalloc(MAX_REQUESTS, sizeof(*h->requests));
	pthread_mutex_init(&h->lock, NULL);
	h->tls = cert_file ? httpd_tls_server_new(cert_file) : NULL;
	h->stop = eventfd(0, EFD_CLOEXEC);
	h->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (h->fd < 0 || bind(h->fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(h->fd, 64) < 0 || getsockname(h->fd, (struct sockaddr *)&a, &len) < 0 ||
	    pthread_create(&h->thread, NULL, serve, h) != 0)
		test_fail(__FILE__, __LINE__, "cannot serve on the loopback: %s", strerror(errno));
	snprintf(h->host, sizeof(h->host), "127.0.0.1:%u", (unsigned int)ntohs(a.sin_port));
	return h;
}

struct httpd *httpd_start(void)
{
	return start(NULL);
}

struct httpd *httpd_start_tls(const char *cert_file)
{
	return start(cert_file);
}

struct httpd *httpd_stop(struct httpd *h)
{
	uint64_t one = 1;

	if (!h)
		return NULL;
	eb_ignore(write(h->stop, &one, sizeof(one)));
	pthread_join(h->thread, NULL);
	for (size_t i = 0; i < h->n_conns; i++)
		pthread_join(h->conns[i].thread, NULL);
	close(h->fd);
	close(h->stop);
	httpd_tls_server_free(h->tls);
	pthread_mutex_destroy(&h->lock);
	eb_arena_free(h->arena);
	free(h->requests);
	free(h);
	return NULL;
}

const char *httpd_url(struct httpd *h, const char *path)
{
	return eb_arena_printf(h->arena, "%s://%s%s", h->tls ? "https" : "http", h->host, path);
}

const char *httpd_host(struct httpd *h)
{
	return h->host;
}

void httpd_reply(struct httpd *h, const char *path, const struct httpd_reply *reply)
{
	size_t i = 0;

	pthread_mutex_lock(&h->lock);
	while (i < h->n_routes && strcmp(h->routes[i].path, path) != 0)
		i++;
	if (i < MAX_ROUTES) {
		snprintf(h->routes[i].path, sizeof(h->routes[i].path), "%s", path);
		h->routes[i].reply = *reply;
		h->routes[i].asked = 0;
		if (i == h->n_routes)
			h->n_routes++;
	}
	pthread_mutex_unlock(&h->lock);
	CHECK(i < MAX_ROUTES);
}

void httpd_handle(struct httpd *h, const struct httpd_handler *handler)
{
	pthread_mutex_lock(&h->lock);
	h->handler = handler;
	pthread_mutex_unlock(&h->lock);
}

struct eb_arena *httpd_arena(struct httpd *h)
{
	return h->arena;
}

size_t httpd_n_requests(struct httpd *h)
{
	size_t n;

	pthread_mutex_lock(&h->lock);
	n = h->n_requests;
	pthread_mutex_unlock(&h->lock);
	return n;
}

size_t httpd_n_requests_of(struct httpd *h, const char *path)
{
	size_t n = 0;

	pthread_mutex_lock(&h->lock);
	for (size_t i = 0; i < h->n_requests; i++)
		n += strcmp(h->requests[i].path, path) == 0;
	pthread_mutex_unlock(&h->lock);
	return n;
}

struct httpd_request httpd_request(struct httpd *h, size_t i)
{
	struct httpd_request q = { .range = -1 };

	pthread_mutex_lock(&h->lock);
	if (i < h->n_requests)
		q = h->requests[i];
	pthread_mutex_unlock(&h->lock);
	return q;
}

uint64_t httpd_sent(struct httpd *h)
{
	uint64_t n;

	pthread_mutex_lock(&h->lock);
	n = h->sent;
	pthread_mutex_unlock(&h->lock);
	return n;
}
