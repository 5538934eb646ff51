/* The key config of a recipe: written in our words, kept as the "config" object of an image
 * configuration (image-spec, config.md). Healthcheck is not in image-spec, but Docker and Podman
 * read it there. */
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/span.h"
#include "recipe/recipe_parse.h"

static int read_texts(struct rcp_reader *rd, const struct rcp_yaml *v, json_t **ret,
		      struct eb_error **err)
{
	const char **texts = NULL;
	size_t n = 0;
	int r = rcp_read_list(rd, v, sizeof(*texts), rcp_read_text, &texts, &n, err);

	if (r < 0)
		return r;
	*ret = eb_json_array();
	for (size_t i = 0; i < n; i++)
		eb_json_push(*ret, json_string(texts[i]));
	return 0;
}

static int set_texts(struct rcp_reader *rd, const struct rcp_yaml *v, json_t *config,
		     const char *key, struct eb_error **err)
{
	json_t *list;
	int r = read_texts(rd, v, &list, err);

	if (r >= 0)
		eb_json_set(config, key, list);
	return r;
}

static int read_entrypoint(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			   struct eb_error **err)
{
	return set_texts(rd, v, to, "Entrypoint", err);
}

static int read_cmd(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		    struct eb_error **err)
{
	return set_texts(rd, v, to, "Cmd", err);
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int read_env(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		    struct eb_error **err)
{
	autojson json_t *object = NULL;
	const char *name, **lines;
	json_t *value, *list;
	size_t n = 0;
	int r = rcp_read_strings(rd, v, rcp_check_env_name, &object, err);

	if (r < 0)
		return r;
	lines = eb_arena_alloc(rd->arena, json_object_size(object) * sizeof(*lines));
	json_object_foreach(object, name, value)
		lines[n++] = eb_arena_printf(rd->arena, "%s=%s", name, json_string_value(value));
	if (n)
		qsort(lines, n, sizeof(*lines), by_bytes);
	list = eb_json_array();
	for (size_t i = 0; i < n; i++)
		eb_json_push(list, json_string(lines[i]));
	eb_json_set(to, "Env", list);
	return 0;
}

static int read_user(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		     struct eb_error **err)
{
	struct rcp_owner o;
	int r = rcp_read_run_as(rd, v, &o, err);

	if (r < 0)
		return r;
	eb_json_set_str(to, "User",
			o.has_gid ? eb_arena_printf(rd->arena, "%u:%u", o.uid, o.gid)
				  : eb_arena_printf(rd->arena, "%u", o.uid));
	return 0;
}

static int read_workdir(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	const char *path = NULL;
	int r = rcp_read_path(rd, v, &path, err);

	if (r >= 0)
		eb_json_set_str(to, "WorkingDir", path);
	return r;
}

static int read_port(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		     struct eb_error **err)
{
	static const char *const protocols[] = { "tcp", "udp", "sctp", NULL };
	struct eb_span number = { 0 }, protocol = EB_SPAN("tcp"), rest;
	const char *text = NULL;
	uint64_t n = 0;
	int r = rcp_read_text(rd, v, &text, err);

	if (r < 0)
		return r;
	rest = eb_span_str(text);
	if (!eb_span_next(&rest, '/', &number) || eb_parse_u64(number, 65535, &n, NULL) < 0 ||
	    n == 0)
		n = 0;
	if (text[number.len] == '/')
		protocol = rest;
	for (size_t i = 0; n && protocols[i]; i++)
		if (eb_span_eq(protocol, protocols[i])) {
			*(const char **)to = eb_arena_printf(rd->arena, "%u/%s", (unsigned int)n,
							     protocols[i]);
			return 0;
		}
	return rcp_read_throw(
		rd, v, err,
		"expected a port such as 6379/tcp (1 to 65535; tcp, udp, sctp), found "
		"'%s'",
		rcp_read_show(rd, text));
}

/* A list of words becomes an object whose members are them, with empty objects as values. */
static int set_members(struct rcp_reader *rd, const struct rcp_yaml *v, rcp_read_fn item,
		       json_t *config, const char *key, struct eb_error **err)
{
	autojson json_t *object = eb_json_object();
	const char **words = NULL;
	size_t n = 0;
	int r = rcp_read_list(rd, v, sizeof(*words), item, &words, &n, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (json_object_get(object, words[i]))
			return rcp_read_throw(rd, v->items[i], err, "'%s' is given twice",
					      words[i]);
		eb_json_set(object, words[i], eb_json_object());
	}
	eb_json_set(config, key, EB_TAKE_PTR(object));
	return 0;
}

static int read_ports(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		      struct eb_error **err)
{
	return set_members(rd, v, read_port, to, "ExposedPorts", err);
}

static int read_volumes(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	return set_members(rd, v, rcp_read_path_below, to, "Volumes", err);
}

static int read_labels(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		       struct eb_error **err)
{
	json_t *labels = NULL;
	int r = rcp_read_strings(rd, v, rcp_check_key, &labels, err);

	if (r >= 0)
		eb_json_set(to, "Labels", labels);
	return r;
}

static int read_stop_signal(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			    struct eb_error **err)
{
	static const char *const signals[] = {
		"SIGHUP",  "SIGINT",	"SIGQUIT", "SIGILL",  "SIGTRAP", "SIGABRT",  "SIGBUS",
		"SIGFPE",  "SIGKILL",	"SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE",  "SIGALRM",
		"SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP",  "SIGTTIN",
		"SIGTTOU", "SIGURG",	"SIGXCPU", "SIGXFSZ", "SIGPROF", "SIGWINCH", "SIGIO",
		"SIGPWR",  "SIGSYS",	NULL
	};
	const char *name = NULL;
	int r = rcp_read_one_of(rd, v, signals, &name, err);

	if (r >= 0)
		eb_json_set_str(to, "StopSignal", name);
	return r;
}

/* "1m30s": numbers with a unit, largest first or not, at most a day; 0 when it is none. */
static uint64_t parse_duration_ns(const char *s)
{
	static const struct {
		const char *unit;
		uint64_t ns;
	} units[] = {
		{ "ms", 1000000 }, { "s", 1000000000 }, { "m", 60000000000 }, { "h", 3600000000000 }
	};
	const uint64_t day = 24 * 3600000000000;
	uint64_t total = 0;

	while (*s) {
		size_t digits = strspn(s, "0123456789"), letters = strspn(s + digits, "mhs"), i = 0;
		struct eb_span unit = { s + digits, letters };
		uint64_t n;

		while (i < EB_ARRAY_LEN(units) && !eb_span_eq(unit, units[i].unit))
			i++;
		if (i == EB_ARRAY_LEN(units) ||
		    eb_parse_u64((struct eb_span){ s, digits }, 86400000, &n, NULL) < 0 ||
		    n > day / units[i].ns || total + n * units[i].ns > day)
			return 0;
		total += n * units[i].ns;
		s += digits + letters;
	}
	return total;
}

static int read_duration(struct rcp_reader *rd, const struct rcp_yaml *v, json_t *check,
			 const char *key, struct eb_error **err)
{
	const char *text = NULL;
	uint64_t ns;
	int r = rcp_read_text(rd, v, &text, err);

	if (r < 0)
		return r;
	ns = parse_duration_ns(text);
	if (ns == 0)
		return rcp_read_throw(
			rd, v, err,
			"expected a duration such as 10s or 1m30s (units ms, s, m, h; "
			"at most 24h), found '%s'",
			rcp_read_show(rd, text));
	eb_json_set_u64(check, key, ns);
	return 0;
}

static int read_interval(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			 struct eb_error **err)
{
	return read_duration(rd, v, to, "Interval", err);
}

static int read_timeout(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	return read_duration(rd, v, to, "Timeout", err);
}

static int read_start_period(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			     struct eb_error **err)
{
	return read_duration(rd, v, to, "StartPeriod", err);
}

static int read_retries(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	uint64_t n = 0;
	int r = rcp_read_number(rd, v, 1000, &n, err);

	if (r >= 0)
		eb_json_set_u64(to, "Retries", n);
	return r;
}

static int read_test(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		     struct eb_error **err)
{
	static const char *const kinds[] = { "CMD", "CMD-SHELL", "NONE", NULL };
	autojson json_t *list = NULL;
	const char *kind = NULL;
	bool good;
	int r = read_texts(rd, v, &list, err);

	if (r < 0)
		return r;
	if (v->n == 0)
		return rcp_read_throw(rd, v, err, "expected [CMD, program, argument, ...]");
	r = rcp_read_one_of(rd, v->items[0], kinds, &kind, err);
	if (r < 0)
		return r;
	good = strcmp(kind, "NONE") == 0	? v->n == 1
	       : strcmp(kind, "CMD-SHELL") == 0 ? v->n == 2
						: v->n >= 2;
	if (!good)
		return rcp_read_throw(
			rd, v, err,
			"expected [CMD, program, argument, ...], [CMD-SHELL, command] "
			"or [NONE]");
	eb_json_set(to, "Test", EB_TAKE_PTR(list));
	return 0;
}

static int read_healthcheck(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			    struct eb_error **err)
{
	static const struct rcp_field fields[] = {
		{ "test", read_test, 0, true },
		{ "interval", read_interval, 0, false },
		{ "timeout", read_timeout, 0, false },
		{ "start-period", read_start_period, 0, false },
		{ "retries", read_retries, 0, false },
	};
	autojson json_t *check = eb_json_object();
	int r = rcp_read_map(rd, v, fields, EB_ARRAY_LEN(fields), check, err);

	if (r >= 0)
		eb_json_set(to, "Healthcheck", EB_TAKE_PTR(check));
	return r;
}

int rcp_read_config(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		    struct eb_error **err)
{
	static const struct rcp_field fields[] = {
		{ "entrypoint", read_entrypoint, 0, false },
		{ "cmd", read_cmd, 0, false },
		{ "env", read_env, 0, false },
		{ "user", read_user, 0, false },
		{ "workdir", read_workdir, 0, false },
		{ "ports", read_ports, 0, false },
		{ "volumes", read_volumes, 0, false },
		{ "labels", read_labels, 0, false },
		{ "stop-signal", read_stop_signal, 0, false },
		{ "healthcheck", read_healthcheck, 0, false },
	};
	struct rcp_recipe *r = to;

	return rcp_read_map(rd, v, fields, EB_ARRAY_LEN(fields), r->config, err);
}

int rcp_read_annotations(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			 struct eb_error **err)
{
	struct rcp_recipe *r = to;

	return rcp_read_strings(rd, v, rcp_check_key, &r->annotations, err);
}
