#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include "registry/conns.h"
#include "reglayout.h"
#include "testlib.h"

static struct sockaddr_in ip4(const char *text)
{
	struct sockaddr_in a = { .sin_family = AF_INET };

	CHECK_INT(inet_pton(AF_INET, text, &a.sin_addr), 1);
	return a;
}

static struct sockaddr_in6 ip6(const char *text)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6 };

	CHECK_INT(inet_pton(AF_INET6, text, &a.sin6_addr), 1);
	return a;
}

static void wait_msec(int n)
{
	usleep((unsigned int)n * 1000);
}

TEST(conns, admit_keeps_to_both_limits)
{
	const struct reg_limits limits = { .connections = 3, .per_address = 2, .wait_sec = 30 };
	struct reg_conns *c = reg_conns_new(&limits);
	const struct sockaddr_in a = ip4("192.0.2.1"), b = ip4("192.0.2.2"), d = ip4("192.0.2.3");
	struct reg_conn *open[3];

	CHECK(reg_conns_admit(c, (const struct sockaddr *)&a));
	open[0] = reg_conns_open(c, -1, (const struct sockaddr *)&a);
	open[1] = reg_conns_open(c, -1, (const struct sockaddr *)&a);
	CHECK_STR(open[1]->peer, "192.0.2.1");
	CHECK(!reg_conns_admit(c, (const struct sockaddr *)&a));
	CHECK(reg_conns_admit(c, (const struct sockaddr *)&b));
	open[2] = reg_conns_open(c, -1, (const struct sockaddr *)&b);
	CHECK_INT(reg_conns_open_count(c), 3);
	CHECK(!reg_conns_admit(c, (const struct sockaddr *)&d));
	reg_conns_close(c, open[0]);
	CHECK(reg_conns_admit(c, (const struct sockaddr *)&a));
	reg_conns_close(c, open[2]);
	reg_conns_close(c, open[1]);
	CHECK_INT(reg_conns_open_count(c), 0);
	reg_conns_free(c);
}

TEST(conns, admit_counts_a_network_of_ipv6_as_one)
{
	const struct reg_limits limits = { .connections = 9, .per_address = 1, .wait_sec = 30 };
	struct reg_conns *c = reg_conns_new(&limits);
	const struct sockaddr_in6 a = ip6("2001:db8::1"), b = ip6("2001:db8::2:3");
	const struct sockaddr_in6 other = ip6("2001:db8:0:1::1");
	struct reg_conn *open = reg_conns_open(c, -1, (const struct sockaddr *)&a);

	CHECK_STR(open->peer, "2001:db8::1");
	CHECK(!reg_conns_admit(c, (const struct sockaddr *)&b));
	CHECK(reg_conns_admit(c, (const struct sockaddr *)&other));
	reg_conns_close(c, open);
	CHECK(reg_conns_admit(c, (const struct sockaddr *)&b));
	reg_conns_free(c);
}

static bool was_cut(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_DONTWAIT) == 0;
}

TEST(conns, reap_cuts_who_does_not_ask)
{
	const struct reg_limits limits = {
		.connections = 9, .per_address = 9, .wait_sec = 0, .window_sec = 3600
	};
	struct reg_conns *c = reg_conns_new(&limits);
	const struct sockaddr_in a = ip4("192.0.2.1");
	struct reg_conn *idle, *busy;
	int one[2], two[2];

	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, one), 0);
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, two), 0);
	idle = reg_conns_open(c, one[0], (const struct sockaddr *)&a);
	busy = reg_conns_open(c, two[0], (const struct sockaddr *)&a);
	reg_conns_begin(c, busy);
	CHECK_INT(reg_conns_busy_count(c), 1);
	wait_msec(30);
	CHECK_INT(reg_conns_reap(c), 1);
	CHECK(was_cut(one[1]) && !was_cut(two[1]));
	reg_conns_end(c, busy);
	CHECK_INT(reg_conns_busy_count(c), 0);
	wait_msec(30);
	CHECK(reg_conns_reap(c) >= 1);
	CHECK(was_cut(two[1]));
	reg_conns_close(c, idle);
	reg_conns_close(c, busy);
	reg_conns_free(c);
	for (int i = 0; i < 2; i++) {
		close(one[i]);
		close(two[i]);
	}
}

TEST(conns, cut_ends_what_is_sent_from_a_source)
{
	const struct reg_limits limits = { .connections = 9, .per_address = 9, .wait_sec = 30 };
	EB_CLEANUP(reg_served_unref_p)
	struct reg_served *s = rl_one(test_path("a.tar"), "h.x/a:1", "layer");
	EB_CLEANUP(reg_served_unref_p)
	struct reg_served *other = rl_one(test_path("b.tar"), "h.x/a:1", "layer");
	struct reg_conns *c = reg_conns_new(&limits);
	const struct sockaddr_in a = ip4("192.0.2.1");
	struct reg_conn *conn;
	int fd[2];

	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	conn = reg_conns_open(c, fd[0], (const struct sockaddr *)&a);
	reg_conns_begin(c, conn);
	reg_conns_send(c, conn, s);
	CHECK_INT(reg_conns_cut(c, other), 0);
	CHECK(!was_cut(fd[1]));
	CHECK_INT(reg_conns_cut(c, s), 1);
	CHECK(was_cut(fd[1]));
	reg_conns_end(c, conn);
	CHECK_INT(reg_conns_cut(c, s), 0);
	reg_conns_close(c, conn);
	reg_conns_free(c);
	close(fd[0]);
	close(fd[1]);
}
