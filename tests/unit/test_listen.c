#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "registry/listen.h"
#include "testlib.h"

TEST(listen, listen_takes_addresses_with_a_port)
{
	static const char *const good[] = { "127.0.0.1:0", "localhost:0", ":0" };
	autoerror struct eb_error *e = NULL;

	for (size_t i = 0; i < EB_ARRAY_LEN(good); i++) {
		autofree char *name = NULL;
		autofd int fd = -1;
		int on = 0;
		socklen_t n = sizeof(on);

		CHECK_OK(reg_listen(good[i], &fd, &e), e);
		CHECK_INT(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &n), 0);
		CHECK_INT(on, 1);
		name = reg_listen_name(fd);
		CHECK(strrchr(name, ':') && strcmp(strrchr(name, ':'), ":0") != 0);
	}
}

TEST(listen, listen_refuses_what_is_no_address)
{
	static const char *const bad[] = { "",		"5000",		"127.0.0.1",
					   "a:b",	"x:70000",	"::1:5000",
					   "[::1:5000", "127.0.0.1:-1", "127.0.0.1:" };
	autoerror struct eb_error *e = NULL;
	int fd = -1;

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++)
		CHECK_FAIL(reg_listen(bad[i], &fd, &e), EB_E_USAGE, "expected ADDRESS:PORT", e);
	CHECK_INT(fd, -1);
}

TEST(listen, listen_says_that_a_port_is_taken)
{
	autoerror struct eb_error *e = NULL;
	autofree char *name = NULL;
	autofd int fd = -1;
	int other = -1;

	CHECK_OK(reg_listen("127.0.0.1:0", &fd, &e), e);
	name = reg_listen_name(fd);
	CHECK_FAIL(reg_listen(name, &other, &e), EADDRINUSE, "listen on '127.0.0.1:", e);
}
