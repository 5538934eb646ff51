#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "bundle/verify.h"
#include "cli/cmd.h"
#include "cli/signing.h"
#include "registry/htpasswd.h"
#include "registry/listen.h"
#include "registry/metrics.h"
#include "registry/server.h"
#include "registry/shelf.h"
#include "sign/key.h"

enum { PEM_MAX_BYTES = 1024 * 1024, LOOK_MSEC = 1000, DRAIN_SEC = 20, MIN_THREADS = 4 };

struct args {
	const char *listen, *tls_cert, *tls_key, *htpasswd, *key;
	bool metrics;
	uint64_t connections, per_client, timeout_sec;
};

static const struct args defaults = {
	.listen = "127.0.0.1:5000", .connections = 1024, .per_client = 256, .timeout_sec = 30
};

struct serving {
	struct cmd_env *env;
	const struct args *args;
	struct oci_key *key;
	struct reg_shelf *shelf;
	struct reg_server *server;
};

static void serving_release(struct serving *s)
{
	s->server = reg_server_stop(s->server, 0);
	s->shelf = reg_shelf_free(s->shelf);
	s->key = oci_key_free(s->key);
}
EB_DEFINE_RELEASE(struct serving, serving_release)

/* --- signals: a handler may do next to nothing, so it writes a byte --- */

static int signal_fds[2] = { -1, -1 };
static struct reg_server *volatile leasing;

static void on_signal(int number)
{
	int saved = errno;
	char c = number == SIGHUP ? 'h' : 't';

	eb_ignore(write(signal_fds[1], &c, 1));
	errno = saved;
}

static void on_lease(int number EB_UNUSED)
{
	int saved = errno;

	if (leasing)
		reg_server_wake(leasing);
	errno = saved;
}

static int catch_signals(struct eb_error **err)
{
	struct sigaction stop = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct sigaction lease = { .sa_handler = on_lease, .sa_flags = SA_RESTART };

	if (pipe2(signal_fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return eb_throw_errno(err, "pipe");
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGHUP, &stop, NULL);
	sigaction(SIGRTMIN + 1, &lease, NULL);
	return 0;
}

/* --- what is served --- */

static int open_bundle(void *ctx, const char *path, struct oci_archive **ret, struct eb_error **err)
{
	struct serving *s = ctx;
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	struct bnd_verify_result res;
	int r = bnd_verify(path, s->key, env_pool(s->env), s->env->progress, &b, &res, err);

	if (r >= 0)
		*ret = EB_TAKE_PTR(b.archive);
	return r;
}

static void on_change(void *ctx, enum reg_shelf_event what, const char *path,
		      const struct eb_error *why)
{
	struct serving *s = ctx;
	struct reg_metrics *m = reg_server_metrics(s->server);

	switch (what) {
	case REG_SHELF_CHANGED:
		atomic_fetch_add(&m->reloads, 1);
		env_note(s->env, "%s: changed, verified, served", path);
		break;
	case REG_SHELF_FAILED:
		atomic_fetch_add(&m->reload_failures, 1);
		env_warn(s->env, "%s: changed, but: %s", path, why->message);
		break;
	case REG_SHELF_GONE:
		env_warn(s->env, "%s: gone; what it held is served until the end", path);
		break;
	}
}

static void serve_shelf(struct serving *s)
{
	struct reg_catalog *c = reg_shelf_catalog(s->shelf);
	struct eb_span rest = { c->clashes.data, c->clashes.len }, line;

	while (eb_span_next(&rest, '\n', &line))
		env_warn(s->env, "%.*s: in several files and not the same; the first one has it",
			 (int)line.len, line.ptr);
	reg_server_serve(s->server, c);
	reg_catalog_unref(c);
}

static int read_users(const struct args *a, struct reg_htpasswd **ret, struct eb_error **err)
{
	EB_AUTOBUF(b, REG_HTPASSWD_MAX_BYTES);
	int r;

	if (!a->htpasswd)
		return 0;
	r = eb_file_read(a->htpasswd, &b, err);
	return r < 0 ? r : reg_htpasswd_parse(eb_buf_str(&b), b.len, a->htpasswd, ret, err);
}

static void reload(struct serving *s, bool now)
{
	autoerror struct eb_error *why = NULL;
	struct reg_htpasswd *users = NULL;

	if (now && s->args->htpasswd) {
		if (read_users(s->args, &users, &why) < 0)
			env_warn(s->env, "users stay as they are: %s", why->message);
		else
			reg_server_set_users(s->server, users);
	}
	if (reg_shelf_refresh(s->shelf, now, on_change, s))
		serve_shelf(s);
}

/* --- start --- */

/* Each answer from a file has one more descriptor. */
static void raise_files(uint64_t connections)
{
	struct rlimit lim;
	rlim_t want = (rlim_t)(2 * connections + 256);

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0 || lim.rlim_cur >= want)
		return;
	lim.rlim_cur = want < lim.rlim_max ? want : lim.rlim_max;
	eb_ignore(setrlimit(RLIMIT_NOFILE, &lim));
}

static int check_args(const struct args *a, struct eb_error **err)
{
	if (!a->tls_cert != !a->tls_key)
		return eb_throw(err, EB_E_USAGE, "--tls-cert and --tls-key go together");
	if (a->connections == 0 || a->per_client == 0 || a->timeout_sec == 0)
		return eb_throw(err, EB_E_USAGE, "a limit of 0 would serve nobody");
	return 0;
}

static int start(struct serving *s, struct eb_error **err)
{
	const struct args *a = s->args;
	unsigned int jobs = env_jobs(s->env);
	struct reg_server_options o = {
		.listen_fd = -1,
		.threads = jobs > MIN_THREADS ? jobs : MIN_THREADS,
		.metrics = a->metrics,
		.log_requests = s->env->common.verbose > 0,
		.limits = reg_default_limits,
		.lease_signal = SIGRTMIN + 1,
	};
	EB_AUTOBUF(cert, PEM_MAX_BYTES);
	EB_AUTOBUF(key, PEM_MAX_BYTES);
	int r = 0;

	o.limits.connections = (unsigned int)a->connections;
	o.limits.per_address = (unsigned int)a->per_client;
	o.limits.wait_sec = o.limits.window_sec = (unsigned int)a->timeout_sec;
	if (a->tls_cert)
		r = eb_file_read(a->tls_cert, &cert, err);
	if (r >= 0 && a->tls_key)
		r = eb_file_read(a->tls_key, &key, err);
	o.tls_cert = a->tls_cert ? eb_buf_str(&cert) : NULL;
	o.tls_key = a->tls_key ? eb_buf_str(&key) : NULL;
	if (r >= 0)
		r = read_users(a, &o.users, err);
	if (r >= 0) {
		r = reg_listen(a->listen, &o.listen_fd, err);
		if (r < 0)
			reg_htpasswd_free(o.users);
	}
	if (r >= 0) {
		autofree char *name = reg_listen_name(o.listen_fd);

		r = reg_server_start(&o, &s->server, err);
		if (r >= 0) {
			leasing = s->server;
			serve_shelf(s);
			env_printf(s->env, "http%s://%s\n", a->tls_cert ? "s" : "", name);
			r = env_flush(s->env, err);
		}
	}
	if (a->tls_key && key.data)
		explicit_bzero(key.data, key.len);
	return r;
}

static void loop(struct serving *s)
{
	struct pollfd p = { .fd = signal_fds[0], .events = POLLIN };
	bool now;

	for (;;) {
		char c = 0;

		now = false;
		eb_ignore(poll(&p, 1, LOOK_MSEC));
		while (read(signal_fds[0], &c, 1) == 1) {
			if (c == 't')
				return;
			now = true;
		}
		reload(s, now);
	}
}

static int run(struct cmd_env *env, void *argp, int argc, char **argv, struct eb_error **err)
{
	const struct args *a = argp;
	EB_CLEANUP(serving_release_p) struct serving s = { .env = env, .args = a };
	int r = check_args(a, err);

	if (r >= 0 && a->key)
		r = signing_load_public(a->key, &s.key, err);
	if (r < 0)
		return r;
	if (!a->key)
		env_warn(env, "no --key given: checked for damage, not for who signed");
	s.shelf = reg_shelf_new((const char *const *)argv, (size_t)argc, open_bundle, &s);
	raise_files(a->connections);
	r = reg_shelf_open(s.shelf, err);
	if (r >= 0)
		r = catch_signals(err);
	if (r >= 0)
		r = start(&s, err);
	if (r < 0)
		return r;
	loop(&s);
	leasing = NULL;
	env_note(env, "stopping: answers under way have %d s", DRAIN_SEC);
	s.server = reg_server_stop(s.server, DRAIN_SEC);
	return 0;
}

static const struct opt options[] = {
	{ "listen", 'l', .kind = OPT_STRING, .arg = "ADDRESS:PORT",
	  .help = "where to listen, by default 127.0.0.1:5000; port 0: any free one",
	  .offset = offsetof(struct args, listen) },
	{ "key", 'k', .kind = OPT_STRING, .arg = "PUB",
	  .help = "public key that must have signed each bundle",
	  .offset = offsetof(struct args, key) },
	{ "tls-cert", .kind = OPT_STRING, .arg = "FILE",
	  .help = "HTTPS with this certificate chain (PEM)",
	  .offset = offsetof(struct args, tls_cert) },
	{ "tls-key", .kind = OPT_STRING, .arg = "FILE", .help = "and this private key (PEM)",
	  .offset = offsetof(struct args, tls_key) },
	{ "htpasswd", .kind = OPT_STRING, .arg = "FILE",
	  .help = "only for the users in FILE, made by 'htpasswd -B'",
	  .offset = offsetof(struct args, htpasswd) },
	{ "metrics", .kind = OPT_FLAG, .help = "counters for Prometheus at /metrics",
	  .offset = offsetof(struct args, metrics) },
	{ "max-connections", .kind = OPT_U64, .arg = "N", .max = 65536,
	  .help = "refuse more connections, by default 1024",
	  .offset = offsetof(struct args, connections) },
	{ "max-per-client", .kind = OPT_U64, .arg = "N", .max = 65536,
	  .help = "refuse more from one address, by default 256",
	  .offset = offsetof(struct args, per_client) },
	{ "timeout", .kind = OPT_U64, .arg = "SEC", .max = 3600,
	  .help = "cut who takes longer to ask, or takes nothing, by default 30",
	  .offset = offsetof(struct args, timeout_sec) },
	OPT_END,
};

const struct cmd cmd_serve = {
	.name = "serve",
	.group = CMD_LOOK,
	.summary = "serve bundles as a read-only registry",
	.synopsis = "[OPTION]... FILE...",
	.description =
		"Verifies each bundle and answers registry clients straight from the file: nothing "
		"is unpacked or copied. Images are there by their names, with the host they came "
		"from and without, and for mirrors by ?ns=; each bundle by its own name. A page "
		"for "
		"people is at /.\n\n"
		"A file that changes is verified and served anew by itself; SIGHUP hurries that. "
		"Ends on SIGTERM or SIGINT.",
	.options = options,
	.args_size = sizeof(struct args),
	.defaults = &defaults,
	.uses = CMD_JOBS,
	.min_args = 1,
	.max_args = CMD_ANY_ARGS,
	.run = run,
};
