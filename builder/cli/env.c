#include "cli/env.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/span.h"
#include "base/stream.h"
#include "cli/ui.h"

/* The log has one sink for the whole process; it writes through the display. */
static struct ui *log_ui;

static void log_sink(const char *line)
{
	ui_line(log_ui, UI_DEBUG, line);
}

static const char *non_empty(const char *name)
{
	const char *v = getenv(name);

	return v && *v ? v : NULL;
}

const char *env_programs_dir(struct cmd_env *env)
{
	static const char *const places[] = { "own", "../lib/ess-bundle" };
	autofree char *self = realpath("/proc/self/exe", NULL);
	char *slash = self ? strrchr(self, '/') : NULL;

	if (!slash || env->programs_dir)
		return env->programs_dir;
	*slash = '\0';
	for (size_t i = 0; i < EB_ARRAY_LEN(places) && !env->programs_dir; i++) {
		autofree char *dir = eb_xasprintf("%s/%s", self, places[i]);

		env->programs_dir = realpath(dir, NULL);
	}
	return env->programs_dir;
}

static bool terminal_is_utf8(void)
{
	const char *v = non_empty("LC_ALL");

	if (!v)
		v = non_empty("LC_CTYPE");
	if (!v)
		v = non_empty("LANG");
	return v && (strcasestr(v, "utf-8") || strcasestr(v, "utf8"));
}

/* A display that draws needs a terminal that can move its cursor, asked for or not. */
static enum ui_mode pick_mode(const struct cmd_common *c)
{
	const char *term = non_empty("TERM");
	bool can_draw = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
	enum ui_mode mode = (enum ui_mode)c->progress;

	if (c->quiet)
		return UI_NONE;
	if (mode == UI_AUTO || mode == UI_TTY)
		return can_draw ? UI_TTY : UI_PLAIN;
	return mode;
}

/* stdout as a buffered stream whose first failure is remembered. */
struct out {
	struct eb_writer base;
	struct cmd_env *env;
	size_t n;
	char data[64 * 1024];
};

static void out_drain(struct out *o)
{
	const char *p = o->data;

	while (o->n && !o->env->out_errno) {
		ssize_t k = write(STDOUT_FILENO, p, o->n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0) {
			o->env->out_errno = errno;
			break;
		}
		p += k;
		o->n -= (size_t)k;
	}
	o->n = 0;
}

static int out_failed(const struct cmd_env *env, struct eb_error **err)
{
	if (!env->out_errno)
		return 0;
	errno = env->out_errno;
	return eb_throw_errno(err, "write to standard output");
}

static int out_write(struct eb_writer *w, const void *p, size_t n, struct eb_error **err)
{
	struct out *o = (struct out *)w;
	const char *at = p;

	while (n) {
		size_t k = sizeof(o->data) - o->n;

		k = k < n ? k : n;
		memcpy(o->data + o->n, at, k);
		o->n += k;
		at += k;
		n -= k;
		if (o->n == sizeof(o->data))
			out_drain(o);
	}
	return out_failed(o->env, err);
}

static int out_finish(struct eb_writer *w, struct eb_error **err)
{
	struct out *o = (struct out *)w;

	out_drain(o);
	return out_failed(o->env, err);
}

static void out_free(struct eb_writer *w)
{
	free(w);
}

static const struct eb_writer_ops out_ops = { out_write, out_finish, out_free };

void env_init(struct cmd_env *env)
{
	struct ui_options o = { .mode = pick_mode(&env->common), .fd = STDERR_FILENO };
	struct out *out = eb_xcalloc(1, sizeof(*out));

	o.colour = !non_empty("NO_COLOR");
	o.utf8 = terminal_is_utf8();
	o.ticker = true;
	env->json = env->common.json;
	env->quiet = env->common.quiet;
	env->ui = ui_new(&o);
	env->progress = ui_progress(env->ui);
	out->base.ops = &out_ops;
	out->env = env;
	env->out = &out->base;
	if (env->common.verbose) {
		log_ui = env->ui;
		eb_log_set(env->common.verbose > 1 ? EB_LOG_TRACE : EB_LOG_DEBUG, log_sink);
	}
}

void env_release(struct cmd_env *env)
{
	eb_log_enable(false);
	env->pool = eb_pool_free(env->pool);
	log_ui = NULL;
	env->ui = ui_free(env->ui);
	env->progress = NULL;
	free(env->out);
	env->out = NULL;
	free(env->cache_dir);
	env->cache_dir = NULL;
	free(env->client);
	env->client = NULL;
	free(env->programs_dir);
	env->programs_dir = NULL;
}

int env_cache_dir(struct cmd_env *env, const char **ret, struct eb_error **err)
{
	const char *own = non_empty("ESS_BUNDLE_CACHE"), *xdg = non_empty("XDG_CACHE_HOME");
	const char *home = non_empty("HOME");

	if (!env->cache_dir && own)
		env->cache_dir = eb_xstrdup(own);
	else if (!env->cache_dir && xdg && xdg[0] == '/') /* relative ones are invalid (XDG) */
		env->cache_dir = eb_xasprintf("%s/ess-bundle", xdg);
	else if (!env->cache_dir && home)
		env->cache_dir = eb_xasprintf("%s/.cache/ess-bundle", home);
	if (!env->cache_dir) {
		int r = eb_throw(err, EB_E_USAGE, "no place for the source cache: HOME is not set");

		return eb_hint(err, r, "set ESS_BUNDLE_CACHE to a directory");
	}
	*ret = env->cache_dir;
	return 0;
}

const char *env_temp_dir(void)
{
	const char *dir = non_empty("TMPDIR");

	return dir ? dir : "/tmp";
}

int env_source_date_epoch(int64_t *ret_sec, struct eb_error **err)
{
	/* 9999-12-31T23:59:59Z: what RFC 3339 times can say. */
	static const uint64_t max = 253402300799;
	const char *v = non_empty("SOURCE_DATE_EPOCH");
	autoerror struct eb_error *why = NULL;
	uint64_t sec;

	if (!v) {
		*ret_sec = -1;
		return 0;
	}
	if (eb_parse_u64(eb_span_str(v), max, &sec, &why) < 0)
		return eb_throw(err, EB_E_USAGE, "SOURCE_DATE_EPOCH: %s", why->message);
	*ret_sec = (int64_t)sec;
	return 0;
}

int64_t env_now_sec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec;
}

struct eb_pool *env_pool(struct cmd_env *env)
{
	if (!env->pool)
		env->pool = eb_pool_new((unsigned int)env->common.jobs);
	return env->pool;
}

unsigned int env_jobs(struct cmd_env *env)
{
	return eb_pool_size(env_pool(env));
}

void env_printf(struct cmd_env *env, const char *fmt, ...)
{
	autofree char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = eb_xvasprintf(fmt, ap);
	va_end(ap);
	eb_ignore(out_write(env->out, text, strlen(text), NULL));
}

void env_print_json(struct cmd_env *env, json_t *j)
{
	autofree char *text = NULL;

	if (!j)
		abort();
	text = eb_json_pretty(j);
	json_decref(j);
	env_printf(env, "%s\n", text);
}

void env_note(struct cmd_env *env, const char *fmt, ...)
{
	autofree char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = eb_xvasprintf(fmt, ap);
	va_end(ap);
	ui_line(env->ui, UI_NOTE, text);
}

void env_warn(struct cmd_env *env, const char *fmt, ...)
{
	autofree char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = eb_xvasprintf(fmt, ap);
	va_end(ap);
	ui_line(env->ui, UI_WARNING, text);
}

struct eb_writer *env_stdout(struct cmd_env *env)
{
	return env->out;
}

int env_flush(struct cmd_env *env, struct eb_error **err)
{
	return out_finish(env->out, err);
}
