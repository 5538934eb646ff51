#include "registry/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"

enum { BACKLOG = 512 };

static int bad_address(const char *address, struct eb_error **err)
{
	return eb_throw(err, EB_E_USAGE,
			"'%s': expected ADDRESS:PORT, like 127.0.0.1:5000, [::1]:5000 or :5000",
			address);
}

/* The two halves; *ret_host is NULL for every address. */
static int split(const char *address, char **ret_host, const char **ret_port, struct eb_error **err)
{
	const char *colon = strrchr(address, ':');
	size_t n = colon ? (size_t)(colon - address) : 0;
	uint64_t port;

	if (!colon || eb_parse_u64(eb_span_str(colon + 1), 65535, &port, NULL) < 0)
		return bad_address(address, err);
	*ret_port = colon + 1;
	if (n >= 2 && address[0] == '[' && address[n - 1] == ']')
		*ret_host = eb_xstrndup(address + 1, n - 2);
	else if (memchr(address, ':', n) || memchr(address, '[', n))
		return bad_address(address, err);
	else if (n)
		*ret_host = eb_xstrndup(address, n);
	return 0;
}

static int try_one(const struct addrinfo *a, bool every)
{
	autofd int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
			       a->ai_protocol);
	const int on = 1, off = 0;

	if (fd < 0)
		return -errno;
	eb_ignore(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)));
	if (a->ai_family == AF_INET6 && every) /* IPv4 too */
		eb_ignore(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)));
	if (bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	return EB_TAKE_FD(fd);
}

int reg_listen(const char *address, int *ret_fd, struct eb_error **err)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
				  .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_PASSIVE | AI_NUMERICSERV },
			*list = NULL;
	autofree char *host = NULL;
	const char *port;
	int r = split(address, &host, &port, err), fd = -EADDRNOTAVAIL;

	if (r < 0)
		return r;
	r = getaddrinfo(host, port, &hints, &list);
	if (r != 0)
		return eb_throw(err, EB_E_USAGE, "'%s': %s", address, gai_strerror(r));
	/* IPv6 first when every address is meant: that socket takes IPv4 as well. */
	for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
		if (host || a->ai_family == AF_INET6)
			fd = try_one(a, !host);
	for (struct addrinfo *a = list; a && fd < 0 && !host; a = a->ai_next)
		fd = try_one(a, true);
	freeaddrinfo(list);
	if (fd < 0) {
		errno = -fd;
		return eb_throw_errno(err, "listen on '%s'", address);
	}
	*ret_fd = fd;
	return 0;
}

char *reg_listen_name(int fd)
{
	struct sockaddr_storage addr;
	socklen_t n = sizeof(addr);
	char host[NI_MAXHOST], port[NI_MAXSERV];

	if (getsockname(fd, (struct sockaddr *)&addr, &n) < 0 ||
	    getnameinfo((struct sockaddr *)&addr, n, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return eb_xstrdup("unknown");
	return strchr(host, ':') ? eb_xasprintf("[%s]:%s", host, port)
				 : eb_xasprintf("%s:%s", host, port);
}
