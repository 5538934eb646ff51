#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "tools/address.h"
#include "tools/tool.h"

enum { OPT_ADDRESS, OPT_TIMEOUT, DIAL_SEC = 5 };

int tool_address_parse(const char *text, char **ret_host, char **ret_port, struct eb_error **err)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;
	bool bracket = n > 2 && text[0] == '[' && text[n - 1] == ']';
	autofree char *shown = eb_printable(text, 200);
	uint64_t port = 0;

	if (!colon || n == 0 || (!bracket && memchr(text, ':', n)) ||
	    eb_parse_u64(eb_span_str(colon + 1), 65535, &port, NULL) < 0 || port == 0)
		return eb_throw(err, EB_E_USAGE, "address '%s': expected HOST:PORT", shown);
	*ret_host = bracket ? eb_xstrndup(text + 1, n - 2) : eb_xstrndup(text, n);
	*ret_port = eb_xstrdup(colon + 1);
	return 0;
}

/* 0 or an errno. */
static int try_address(const struct addrinfo *a, unsigned int timeout_sec, int *ret_fd)
{
	autofd int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t n = sizeof(int);
	int problem = 0, ready;

	if (fd < 0)
		return errno;
	if (connect(fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS)
		return errno;
	do
		ready = poll(&p, 1, (int)timeout_sec * 1000);
	while (ready < 0 && errno == EINTR);
	if (ready == 0)
		return ETIMEDOUT;
	if (ready < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &n) < 0)
		return errno;
	if (problem == 0)
		*ret_fd = EB_TAKE_FD(fd);
	return problem;
}

int tool_connect(const char *host, const char *port, unsigned int timeout_sec,
		 struct eb_error **err)
{
	const struct addrinfo want = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
	struct addrinfo *list = NULL;
	int fd = -1, r = getaddrinfo(host, port, &want, &list), problem = 0;

	if (r != 0)
		return eb_throw(err, EB_E_NETWORK, "%s: %s", host, gai_strerror(r));
	for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
		problem = try_address(a, timeout_sec, &fd);
	freeaddrinfo(list);
	if (fd >= 0)
		return fd;
	errno = problem;
	eb_ignore(eb_throw_errno(err, "%s:%s", host, port));
	return -EB_E_NETWORK;
}

static int run(const struct tool_args *a, struct eb_error **err)
{
	autofree char *host = NULL, *port = NULL;
	uint64_t timeout = 0, begin = tool_now_sec();
	int r = tool_address_parse(a->values[OPT_ADDRESS], &host, &port, err);

	if (r >= 0)
		r = tool_seconds(a->values[OPT_TIMEOUT], "timeout", 0, &timeout, err);
	if (r < 0)
		return r;
	for (;;) {
		autoerror struct eb_error *e = NULL;
		autofd int fd = tool_connect(host, port, DIAL_SEC, &e);

		if (fd >= 0) {
			tool_say("%s is there", a->values[OPT_ADDRESS]);
			return 0;
		}
		tool_say("waiting for %s: %s", a->values[OPT_ADDRESS], e->message);
		if (timeout && tool_now_sec() - begin >= timeout)
			return eb_throw(err, EB_E_NETWORK, "not there after %llu s: %s",
					(unsigned long long)timeout, e->message);
		tool_sleep_sec(1);
	}
}

const struct tool tool_tcpwait = {
	.name = "tcpwait",
	.summary = "wait until a TCP address takes connections",
	.options = { [OPT_ADDRESS] = { "address", "HOST:PORT", "where to connect to", true },
		     [OPT_TIMEOUT] = { "timeout", "SECONDS", "give up then; 0, the default: never",
				       false } },
	.run = run,
};
