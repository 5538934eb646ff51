/* A read-only registry over HTTP or HTTPS: serves a catalog until it is stopped. It has threads of
 * its own: some that answer (epoll, so a slow client costs memory and no thread), and one that
 * looks after the time that connections take and after files that change. */
#pragma once

#include "registry/catalog.h"
#include "registry/conns.h"

struct eb_error;
struct reg_htpasswd;
struct reg_metrics;

struct reg_server_options {
	int listen_fd;			/* taken over, on failure too */
	unsigned int threads;		/* that answer; at least 1 */
	const char *tls_cert, *tls_key; /* PEM text, both or none; copied */
	struct reg_htpasswd *users;	/* taken over, on failure too; NULL = everybody */
	bool metrics;			/* answer /metrics */
	bool log_requests;		/* a debug line for each */
	struct reg_limits limits;
	/* Real-time signal by which the kernel says that somebody wants to write to a served file;
	 * its handler has to call reg_server_wake(). 0 = do without. */
	int lease_signal;
};

struct reg_server;

/* Starts with a catalog without sources: 404 for everything. Errors: EB_E_USAGE (certificate and
 * key do not fit), -errno. */
int reg_server_start(const struct reg_server_options *o, struct reg_server **ret,
		     struct eb_error **err) EB_MUST_CHECK;
/* What is answered from now on; takes a reference. Answers under way go on with what they began. */
void reg_server_serve(struct reg_server *s, struct reg_catalog *c);
/* Other users from now on; taken over. Only for a server that has some. */
void reg_server_set_users(struct reg_server *s, struct reg_htpasswd *users);
/* No new connections, wait at most so long for answers under way, then end. Returns NULL. */
struct reg_server *reg_server_stop(struct reg_server *s, unsigned int drain_sec);
/* Look at leases now. Safe in a signal handler. */
void reg_server_wake(struct reg_server *s);
struct reg_metrics *reg_server_metrics(struct reg_server *s);
