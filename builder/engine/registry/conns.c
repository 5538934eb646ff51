#include "registry/conns.h"

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/ioctl.h>

#include "base/mem.h"
#include "registry/served.h"

/* 256 from one address: a cluster behind one gateway pulls with a few per node. 1 KiB/s is a tenth
 * of the slowest link that anybody would pull an image over. */
const struct reg_limits reg_default_limits = { .connections = 1024,
					       .per_address = 256,
					       .wait_sec = 30,
					       .window_sec = 30,
					       .min_per_sec = 1024 };

enum { BUCKETS = 1024, USEC = 1000000 };

/* How many are open from the addresses that fall into a bucket: two addresses that share one share
 * the limit too, which can only happen to very many. */
struct reg_conns {
	struct reg_limits limits;
	pthread_mutex_t lock;
	struct reg_conn *first;
	atomic_uint open, busy;
	unsigned int buckets[BUCKETS];
};

uint64_t reg_now_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * USEC + (uint64_t)ts.tv_nsec / 1000;
}

struct reg_conns *reg_conns_new(const struct reg_limits *limits)
{
	struct reg_conns *c = eb_xcalloc(1, sizeof(*c));

	c->limits = *limits;
	pthread_mutex_init(&c->lock, NULL);
	return c;
}

struct reg_conns *reg_conns_free(struct reg_conns *c)
{
	if (!c)
		return NULL;
	pthread_mutex_destroy(&c->lock);
	free(c);
	return NULL;
}

static unsigned int *bucket_of(struct reg_conns *c, const struct sockaddr *addr)
{
	uint8_t bytes[16] = { 0 };
	uint32_t h = 2166136261u; /* FNV-1a */

	if (addr->sa_family == AF_INET)
		memcpy(bytes, &((const struct sockaddr_in *)addr)->sin_addr, 4);
	else if (addr->sa_family == AF_INET6) /* a /64 is one customer */
		memcpy(bytes, &((const struct sockaddr_in6 *)addr)->sin6_addr,
		       IN6_IS_ADDR_V4MAPPED(&((const struct sockaddr_in6 *)addr)->sin6_addr) ? 16
											     : 8);
	for (size_t i = 0; i < sizeof(bytes); i++)
		h = (h ^ bytes[i]) * 16777619u;
	return &c->buckets[(h ^ h >> 16) % BUCKETS];
}

bool reg_conns_admit(struct reg_conns *c, const struct sockaddr *addr)
{
	bool room;

	pthread_mutex_lock(&c->lock);
	room = atomic_load(&c->open) < c->limits.connections &&
	       *bucket_of(c, addr) < c->limits.per_address;
	pthread_mutex_unlock(&c->lock);
	return room;
}

static void format_peer(const struct sockaddr *addr, char *out, size_t n)
{
	const void *p = addr->sa_family == AF_INET6
				? (const void *)&((const struct sockaddr_in6 *)addr)->sin6_addr
				: (const void *)&((const struct sockaddr_in *)addr)->sin_addr;

	if ((addr->sa_family != AF_INET && addr->sa_family != AF_INET6) ||
	    !inet_ntop(addr->sa_family, p, out, (socklen_t)n))
		snprintf(out, n, "unknown");
}

/* What is sent from a file stays in it until it leaves: the less waits in the kernel, the less has
 * to be taken back when the file changes. A megabyte keeps a fast line busy. */
static void keep_queue_short(int fd)
{
	const unsigned int bytes = 1024 * 1024;

	eb_ignore(setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof(bytes)));
}

struct reg_conn *reg_conns_open(struct reg_conns *c, int fd, const struct sockaddr *addr)
{
	struct reg_conn *conn = eb_xcalloc(1, sizeof(*conn));

	conn->fd = fd;
	keep_queue_short(fd);
	conn->since_usec = reg_now_usec();
	format_peer(addr, conn->peer, sizeof(conn->peer));
	pthread_mutex_lock(&c->lock);
	conn->next = c->first;
	if (c->first)
		c->first->prev = conn;
	c->first = conn;
	atomic_fetch_add(&c->open, 1);
	*bucket_of(c, addr) += 1;
	pthread_mutex_unlock(&c->lock);
	return conn;
}

/* The bucket is found again by the address as text: MHD has forgotten it by then. */
static void leave_bucket(struct reg_conns *c, const struct reg_conn *conn)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };
	unsigned int *b;

	if (inet_pton(AF_INET, conn->peer, &four.sin_addr) == 1)
		b = bucket_of(c, (const struct sockaddr *)&four);
	else if (inet_pton(AF_INET6, conn->peer, &six.sin6_addr) == 1)
		b = bucket_of(c, (const struct sockaddr *)&six);
	else
		return;
	*b -= *b > 0 ? 1 : 0;
}

static struct reg_served *take_sending(struct reg_conn *conn)
{
	return EB_TAKE_PTR(conn->sending);
}

void reg_conns_close(struct reg_conns *c, struct reg_conn *conn)
{
	struct reg_served *was;

	pthread_mutex_lock(&c->lock);
	if (conn->prev)
		conn->prev->next = conn->next;
	else
		c->first = conn->next;
	if (conn->next)
		conn->next->prev = conn->prev;
	was = take_sending(conn);
	atomic_fetch_sub(&c->open, 1);
	if (conn->busy)
		atomic_fetch_sub(&c->busy, 1);
	leave_bucket(c, conn);
	pthread_mutex_unlock(&c->lock);
	reg_served_unref(was);
	free(conn);
}

/* All bytes that the other side has confirmed so far; UINT64_MAX where nobody counts them. */
static uint64_t confirmed(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t n = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) < 0)
		return UINT64_MAX;
	return info.tcpi_bytes_acked;
}

void reg_conns_begin(struct reg_conns *c, struct reg_conn *conn)
{
	uint64_t now = reg_now_usec();
	struct reg_served *was;

	conn->asked_usec = now;
	pthread_mutex_lock(&c->lock);
	was = take_sending(conn);
	conn->since_usec = now;
	conn->window_usec = 0;
	if (!conn->busy)
		atomic_fetch_add(&c->busy, 1);
	conn->busy = true;
	pthread_mutex_unlock(&c->lock);
	reg_served_unref(was);
}

void reg_conns_send(struct reg_conns *c, struct reg_conn *conn, struct reg_served *source)
{
	pthread_mutex_lock(&c->lock);
	conn->sending = reg_served_ref(source);
	pthread_mutex_unlock(&c->lock);
}

void reg_conns_end(struct reg_conns *c, struct reg_conn *conn)
{
	pthread_mutex_lock(&c->lock);
	conn->since_usec = reg_now_usec();
	if (conn->busy)
		atomic_fetch_sub(&c->busy, 1);
	conn->busy = false;
	pthread_mutex_unlock(&c->lock);
}

/* Has this one had its time? */
static bool is_over(const struct reg_conns *c, struct reg_conn *conn, uint64_t now)
{
	uint64_t got;

	if (!conn->busy)
		return now - conn->since_usec > (uint64_t)c->limits.wait_sec * USEC;
	if (conn->window_usec == 0) {
		conn->window_usec = now;
		conn->window_bytes = confirmed(conn->fd);
		return false;
	}
	if (now - conn->window_usec < (uint64_t)c->limits.window_sec * USEC)
		return false;
	got = confirmed(conn->fd);
	if (got != UINT64_MAX &&
	    got < conn->window_bytes + (uint64_t)c->limits.min_per_sec * c->limits.window_sec)
		return true;
	conn->window_usec = now;
	conn->window_bytes = got;
	return false;
}

/* The thread that has the connection sees its end and closes it. What waits to be sent is dropped
 * then: a client that does not read would keep it for ever, and bytes of a file that changes must
 * not go out any more. */
static void cut(const struct reg_conn *conn)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	eb_ignore(setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)));
	eb_ignore(shutdown(conn->fd, SHUT_RDWR));
}

unsigned int reg_conns_reap(struct reg_conns *c)
{
	uint64_t now = reg_now_usec();
	unsigned int n = 0;

	pthread_mutex_lock(&c->lock);
	for (struct reg_conn *conn = c->first; conn; conn = conn->next)
		if (is_over(c, conn, now)) {
			cut(conn);
			conn->since_usec = now; /* once is enough to count it */
			conn->window_usec = 0;
			n++;
		}
	pthread_mutex_unlock(&c->lock);
	return n;
}

/* Bytes of the last answer may still be on their way out of the kernel. */
static bool has_unsent(int fd)
{
	int n = 0;

	return ioctl(fd, SIOCOUTQ, &n) == 0 && n > 0;
}

unsigned int reg_conns_cut(struct reg_conns *c, const struct reg_served *source)
{
	unsigned int n = 0;

	pthread_mutex_lock(&c->lock);
	for (struct reg_conn *conn = c->first; conn; conn = conn->next)
		if (conn->sending == source && (conn->busy || has_unsent(conn->fd))) {
			cut(conn);
			n++;
		}
	pthread_mutex_unlock(&c->lock);
	return n;
}

unsigned int reg_conns_open_count(const struct reg_conns *c)
{
	return atomic_load(&c->open);
}

unsigned int reg_conns_busy_count(const struct reg_conns *c)
{
	return atomic_load(&c->busy);
}
