#include "registry/server.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "registry/htpasswd.h"
#include "registry/server_internal.h"

/* A request's header has to fit into a half of POOL_BYTES. The keeper cuts who is slow; MHD's own
 * timer, which any byte resets, is there for what the keeper could not see. */
enum { MHD_LATER_SEC = 30, POOL_BYTES = 16 * 1024, KEEPER_MSEC = 1000, DRAIN_STEP_MSEC = 20 };

EB_PRINTF(2, 0) static void log_mhd(void *cls EB_UNUSED, const char *fmt, va_list ap)
{
	char line[512];
	size_t n;

	vsnprintf(line, sizeof(line), fmt, ap);
	n = strlen(line);
	if (n && line[n - 1] == '\n')
		line[n - 1] = '\0';
	eb_log(EB_LOG_TRACE, "http: %s", line);
}

static enum MHD_Result may_connect(void *cls, const struct sockaddr *addr, socklen_t n EB_UNUSED)
{
	struct reg_server *s = cls;

	if (reg_conns_admit(s->conns, addr))
		return MHD_YES;
	atomic_fetch_add(&s->metrics.refused, 1);
	return MHD_NO;
}

static void connection_changed(void *cls, struct MHD_Connection *mhd, void **context,
			       enum MHD_ConnectionNotificationCode what)
{
	struct reg_server *s = cls;
	const union MHD_ConnectionInfo *fd, *addr;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*context)
			reg_conns_close(s->conns, *context);
		*context = NULL;
		return;
	}
	fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	addr = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	*context = reg_conns_open(s->conns, fd->connect_fd, addr->client_addr);
}

static void request_completed(void *cls, struct MHD_Connection *mhd EB_UNUSED, void **state,
			      enum MHD_RequestTerminationCode how)
{
	struct reg_server *s = cls;
	struct reg_conn *conn = *state;
	bool whole = how == MHD_REQUEST_TERMINATED_COMPLETED_OK;

	if (!conn)
		return;
	*state = NULL;
	reg_metrics_count(&s->metrics, (enum reg_route_kind)conn->kind, conn->status);
	if (whole)
		atomic_fetch_add_explicit(&s->metrics.bytes, conn->bytes, memory_order_relaxed);
	else
		atomic_fetch_add(&s->metrics.interrupted, 1);
	if (s->log_requests)
		eb_log(EB_LOG_DEBUG, "%s %s %s %u %llu bytes %llu ms%s", conn->peer, conn->method,
		       conn->target, conn->status, (unsigned long long)conn->bytes,
		       (unsigned long long)(reg_now_usec() - conn->asked_usec) / 1000,
		       whole ? "" : " interrupted");
	reg_conns_end(s->conns, conn);
	conn->catalog = reg_catalog_unref(conn->catalog);
}

/* --- the keeper --- */

/* A file that somebody wants to write to, or has written to, is not read from any more. */
static void look_after(struct reg_server *s, struct reg_served *source)
{
	bool wanted = reg_served_is_wanted(source);
	unsigned int n;

	if (!wanted && reg_served_is_fresh(source))
		return;
	n = reg_conns_cut(s->conns, source);
	if (n)
		eb_log(EB_LOG_DEBUG, "%s changes: %u answers interrupted",
		       oci_archive_path(source->archive), n);
	if (wanted)
		reg_served_yield(source);
}

static void *keep(void *cls)
{
	struct reg_server *s = cls;
	struct pollfd p = { .fd = s->wake_fd, .events = POLLIN };
	uint64_t drained;

	while (!atomic_load(&s->stopping)) {
		EB_CLEANUP(reg_catalog_unref_p) struct reg_catalog *c = NULL;
		unsigned int n;

		eb_ignore(poll(&p, 1, KEEPER_MSEC));
		eb_ignore(read(s->wake_fd, &drained, sizeof(drained)));
		n = reg_conns_reap(s->conns);
		atomic_fetch_add(&s->metrics.timeouts, n);
		pthread_mutex_lock(&s->lock);
		c = reg_catalog_ref(s->catalog);
		pthread_mutex_unlock(&s->lock);
		for (size_t i = 0; i < c->n_sources; i++)
			look_after(s, c->sources[i]);
	}
	return NULL;
}

void reg_server_wake(struct reg_server *s)
{
	const uint64_t one = 1;

	eb_ignore(write(s->wake_fd, &one, sizeof(one)));
}

/* --- start and stop --- */

/* In one array: the library is loaded at need, by functions that can pass on no other options. */
static struct MHD_Daemon *start_daemon(struct reg_server *s, const struct reg_server_options *o)
{
	unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG |
			     MHD_USE_TURBO;
	/* The limit is kept by may_connect(); MHD's own is by thread, and these are not filled
	 * evenly. */
	unsigned int most = (o->limits.connections + 16) * (o->threads ? o->threads : 1);
	struct MHD_OptionItem options[12] = {
		{ MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)log_mhd, NULL },
		{ MHD_OPTION_LISTEN_SOCKET, o->listen_fd, NULL },
		{ MHD_OPTION_CONNECTION_MEMORY_LIMIT, POOL_BYTES, NULL },
		{ MHD_OPTION_CONNECTION_LIMIT, (intptr_t)most, NULL },
		{ MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)(o->limits.wait_sec + MHD_LATER_SEC),
		  NULL },
		{ MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)connection_changed, s },
		{ MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)request_completed, s },
		{ MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, NULL },
	};
	size_t n = 8;

	if (o->threads > 1)
		options[n++] = (struct MHD_OptionItem){ MHD_OPTION_THREAD_POOL_SIZE,
							(intptr_t)o->threads, NULL };
	if (o->tls_cert) {
		flags |= MHD_USE_TLS;
		options[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_CERT, 0, s->tls_cert };
		options[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_KEY, 0, s->tls_key };
	}
	options[n] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
	return MHD_start_daemon(flags, 0, may_connect, s, reg_answer, s, MHD_OPTION_ARRAY, options,
				MHD_OPTION_END);
}

static struct reg_server *server_new(const struct reg_server_options *o)
{
	struct reg_server *s = eb_xcalloc(1, sizeof(*s));

	pthread_mutex_init(&s->lock, NULL);
	pthread_rwlock_init(&s->users_lock, NULL);
	reg_throttle_init(&s->throttle);
	s->conns = reg_conns_new(&o->limits);
	s->catalog = reg_catalog_new(NULL, 0);
	s->users = o->users;
	s->tls = o->tls_cert != NULL;
	s->tls_cert = o->tls_cert ? eb_xstrdup(o->tls_cert) : NULL;
	s->tls_key = o->tls_key ? eb_xstrdup(o->tls_key) : NULL;
	s->metrics_on = o->metrics;
	s->log_requests = o->log_requests;
	s->lease_signal = o->lease_signal;
	s->started_usec = reg_now_usec();
	s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return s;
}

static void server_free(struct reg_server *s)
{
	reg_conns_free(s->conns);
	reg_catalog_unref(s->catalog);
	reg_htpasswd_free(s->users);
	reg_throttle_release(&s->throttle);
	if (s->tls_key)
		explicit_bzero(s->tls_key, strlen(s->tls_key));
	free(s->tls_key);
	free(s->tls_cert);
	if (s->wake_fd >= 0)
		close(s->wake_fd);
	pthread_mutex_destroy(&s->lock);
	pthread_rwlock_destroy(&s->users_lock);
	free(s);
}

int reg_server_start(const struct reg_server_options *o, struct reg_server **ret,
		     struct eb_error **err)
{
	struct reg_server *s = server_new(o);

	errno = 0;
	s->daemon = s->wake_fd < 0 ? NULL : start_daemon(s, o);
	if (s->daemon && pthread_create(&s->keeper, NULL, keep, s) == 0) {
		s->has_keeper = true;
		*ret = s;
		return 0;
	}
	if (s->daemon)
		MHD_stop_daemon(s->daemon); /* closes the socket */
	else
		close(o->listen_fd);
	server_free(s);
	if (o->tls_cert && errno == 0)
		return eb_throw(err, EB_E_USAGE,
				"the certificate and the key are not PEM or do not fit together");
	return eb_throw_errno(err, "start the server");
}

void reg_server_serve(struct reg_server *s, struct reg_catalog *c)
{
	struct reg_catalog *was;

	for (size_t i = 0; i < c->n_sources; i++)
		reg_reply_prepare(c->sources[i]);
	pthread_mutex_lock(&s->lock);
	was = s->catalog;
	s->catalog = reg_catalog_ref(c);
	pthread_mutex_unlock(&s->lock);
	for (size_t i = 0; i < c->n_sources && s->lease_signal; i++)
		if (!c->sources[i]->leased && !reg_served_lease(c->sources[i], s->lease_signal))
			eb_log(EB_LOG_TRACE, "%s: no lease",
			       oci_archive_path(c->sources[i]->archive));
	reg_catalog_unref(was);
}

void reg_server_set_users(struct reg_server *s, struct reg_htpasswd *users)
{
	struct reg_htpasswd *was;

	pthread_rwlock_wrlock(&s->users_lock);
	was = s->users;
	s->users = users;
	pthread_rwlock_unlock(&s->users_lock);
	reg_htpasswd_free(was);
}

struct reg_metrics *reg_server_metrics(struct reg_server *s)
{
	return &s->metrics;
}

struct reg_server *reg_server_stop(struct reg_server *s, unsigned int drain_sec)
{
	const struct timespec step = { .tv_nsec = DRAIN_STEP_MSEC * 1000000L };
	uint64_t end = reg_now_usec() + (uint64_t)drain_sec * 1000000;
	int fd;

	if (!s)
		return NULL;
	atomic_store(&s->stopping, true);
	fd = MHD_quiesce_daemon(s->daemon);
	if (fd >= 0)
		close(fd);
	while (reg_conns_busy_count(s->conns) > 0 && reg_now_usec() < end)
		nanosleep(&step, NULL);
	reg_server_wake(s);
	if (s->has_keeper)
		pthread_join(s->keeper, NULL);
	MHD_stop_daemon(s->daemon);
	server_free(s);
	return NULL;
}
