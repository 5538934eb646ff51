/* The machine's Go and the toolchain that builds. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/remove.h"
#include "base/span.h"
#include "pkg/gobuild_private.h"
#include "pkg/program.h"

#define TOOLCHAIN_MODULE "golang.org/toolchain"

enum { MAX_MESSAGES = 1024 * 1024, MAX_HOSTS = 64, MAX_ENV_TEXT = 64 * 1024 };

static const char install_go[] =
	"install Go (apt-get install golang-go): any version since 1.19 fetches the toolchain that "
	"the recipe names";

/* ---- environment ---- */

static void set(struct go *g, const char *name, const char *value)
{
	size_t n = strlen(name);

	for (size_t i = 0; i + 1 < g->n_env; i++)
		if (strncmp(g->env[i], name, n) == 0 && g->env[i][n] == '=') {
			g->env[i] = eb_arena_printf(g->arena, "%s=%s", name, value);
			return;
		}
	if (g->n_env + 2 > GO_MAX_ENV)
		return;
	g->env[g->n_env++] = eb_arena_printf(g->arena, "%s=%s", name, value);
	g->env[g->n_env] = NULL;
}

/* The client's variables; of Go's own none, or those that find its configuration. */
static void add_client_env(struct go *g, bool config)
{
	const char *const *e = g->o->env;

	for (; e && *e && g->n_env + 40 < GO_MAX_ENV; e++) {
		bool shapes = strncmp(*e, "GOTOOLCHAIN=", 12) == 0 ||
			      strncmp(*e, "GOFLAGS=", 8) == 0 || strncmp(*e, "GOWORK=", 7) == 0;
		bool of_go = strncmp(*e, "GO", 2) == 0 || strncmp(*e, "CGO", 3) == 0;

		if (!of_go || (config && !shapes))
			g->env[g->n_env++] = *e;
	}
	g->env[g->n_env] = NULL;
}

/* Nothing that shapes the program comes from the machine: of Go's variables only those that say
 * where modules come from are kept, the rest is said here. */
static void make_env(struct go *g, json_t *conf)
{
	static const char *const kept[] = { "GOPROXY",	 "GOSUMDB",    "GONOSUMDB", "GONOPROXY",
					    "GOPRIVATE", "GOINSECURE", "GOVCS",	    "GOAUTH" };

	g->n_env = 0;
	add_client_env(g, false);
	for (size_t i = 0; i < EB_ARRAY_LEN(kept); i++) {
		const char *v = json_string_value(json_object_get(conf, kept[i]));

		if (v && v[0])
			set(g, kept[i], v);
	}
	set(g, "LC_ALL", "C");
	set(g, "GOENV", "off");
	set(g, "GOFLAGS", "");
	set(g, "GOWORK", "off");
	set(g, "GO111MODULE", "on");
	set(g, "GOTOOLCHAIN", "local");
	set(g, "GOMODCACHE", eb_arena_printf(g->arena, "%s/mod", g->root));
	set(g, "GOCACHE", eb_arena_printf(g->arena, "%s/build", g->root));
	set(g, "GOPATH", eb_arena_printf(g->arena, "%s/path", g->root));
}

/* The hosts of a list of URLs: "https://user:secret@proxy.example.org:443/path,direct". */
static void hide_hosts(struct go *g, const char *list)
{
	for (const char *p = list; (p = strstr(p, "://")) && g->n_hosts < MAX_HOSTS;) {
		size_t n = strcspn(p + 3, "/,| ?#");
		const char *host = p + 3, *at = memrchr(host, '@', n);

		p = host + n;
		if (at) {
			n -= (size_t)(at + 1 - host);
			host = at + 1;
		}
		if (host[0] != '[' && memchr(host, ':', n))
			n = (size_t)((const char *)memchr(host, ':', n) - host);
		if (n > 3)
			g->hosts[g->n_hosts++] = eb_arena_strndup(g->arena, host, n);
	}
}

static void hide(struct go *g)
{
	struct eb_span words = eb_span_str(g->sumdb), w;

	g->hosts = eb_arena_alloc(g->arena, (MAX_HOSTS + 1) * sizeof(*g->hosts));
	hide_hosts(g, g->proxy);
	hide_hosts(g, g->sumdb);
	while (eb_span_word(&words, &w) && g->n_hosts < MAX_HOSTS) {
		const char *plus = memchr(w.ptr, '+', w.len);
		size_t n = plus ? (size_t)(plus - w.ptr) : w.len;

		if (n > 3 && memchr(w.ptr, '.', n))
			g->hosts[g->n_hosts++] = eb_arena_strndup(g->arena, w.ptr, n);
	}
	for (const char *const *e = g->o->env; e && *e; e++) {
		size_t n = strcspn(*e, "=");

		if (n > 6 && strncasecmp(*e + n - 6, "_proxy", 6) == 0)
			hide_hosts(g, *e);
	}
}

/* Modules of other caches first; offline nothing else. */
static void choose_proxy(struct go *g)
{
	const char *const *dirs = g->o->source_dirs;
	EB_AUTOBUF(b, MAX_ENV_TEXT);

	for (; dirs && *dirs; dirs++) {
		autofree char *path = eb_xasprintf("%s/go/mod/cache/download", *dirs);
		autofree char *real = realpath(path, NULL);

		if (real && !strpbrk(real, ",|%?# "))
			eb_buf_addf(&b, "file://%s,", real);
	}
	eb_buf_adds(&b, g->o->offline ? "off" : g->proxy);
	set(g, "GOPROXY", eb_buf_str(&b));
	/* What may be used without asking the checksum database is in the lock. */
	if (g->o->offline)
		set(g, "GOSUMDB", "off");
}

/* ---- running ---- */

int go_run(struct go *g, const char *const *argv, const char *dir, const char *const *more,
	   struct eb_buf *out, struct eb_buf *messages, struct eb_error **err)
{
	const char *env[GO_MAX_ENV + 16];
	struct pkg_program p = { .argv = argv,
				 .env = env,
				 .dir = dir,
				 .out = out,
				 .messages = messages,
				 .install = install_go };
	size_t n = 0;

	for (size_t i = 0; i < g->n_env; i++)
		env[n++] = g->env[i];
	for (; more && *more && n < EB_ARRAY_LEN(env) - 1; more++)
		env[n++] = *more;
	env[n] = NULL;
	return pkg_program_run(&p, err);
}

static int read_config(struct go *g, struct eb_error **err)
{
	const char *const argv[] = { g->client,	   "env",	"-json",      "GOVERSION",
				     "GOHOSTARCH", "GOPROXY",	"GOSUMDB",    "GONOSUMDB",
				     "GONOPROXY",  "GOPRIVATE", "GOINSECURE", "GOVCS",
				     "GOAUTH",	   NULL };
	const char *const more[] = { "GOTOOLCHAIN=local", "GOWORK=off", NULL };
	const char *version = NULL, *arch = NULL, *proxy = NULL, *sumdb = NULL;
	autojson json_t *conf = NULL;
	EB_AUTOBUF(out, GO_MAX_OUTPUT);
	EB_AUTOBUF(messages, MAX_MESSAGES);
	int r;

	add_client_env(g, true);
	r = go_run(g, argv, "/", more, &out, &messages, err);
	if (r < 0)
		return r;
	if (r > 0)
		return go_throw(g, eb_buf_str(&messages), "go env", err);
	r = eb_json_parse(eb_buf_str(&out), out.len, GO_MAX_OUTPUT, &conf, err);
	if (r >= 0)
		r = eb_json_get_str(conf, "GOVERSION", &version, err);
	if (r >= 0)
		r = eb_json_get_str(conf, "GOHOSTARCH", &arch, err);
	if (r >= 0)
		r = eb_json_get_str(conf, "GOPROXY", &proxy, err);
	if (r >= 0)
		r = eb_json_get_str(conf, "GOSUMDB", &sumdb, err);
	if (r < 0)
		return eb_prefix(err, r, "go env");
	/* "go1.26.8 X:experiment" */
	g->version = eb_arena_strndup(g->arena, version, strcspn(version, " "));
	g->arch = eb_arena_strdup(g->arena, arch);
	g->proxy = eb_arena_strdup(g->arena, proxy[0] ? proxy : "direct");
	g->sumdb = eb_arena_strdup(g->arena, sumdb);
	hide(g);
	make_env(g, conf);
	choose_proxy(g);
	return 0;
}

/* Absolute, because go insists on it. */
static int find_root(struct go *g, struct eb_error **err)
{
	autofree char *link = eb_xasprintf("/proc/self/fd/%d", g->o->cache->dir.fd);
	autofree char *real = realpath(link, NULL);
	EB_AUTODIR(dir);
	int r;

	if (!real)
		return eb_throw_errno(err, "path of the cache '%s'", g->o->cache->dir.path);
	g->root = eb_arena_printf(g->arena, "%s/go", real);
	r = eb_dir_sub(&g->o->cache->dir, "go", true, 0700, &dir, err);
	if (r < 0)
		return r;
	g->lock_fd = eb_dir_open_file(&dir, "lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600, err);
	if (g->lock_fd < 0)
		return g->lock_fd;
	while (flock(g->lock_fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return eb_throw_errno(err, "lock '%s/lock'", g->root);
	return 0;
}

int go_open(const struct pkg_go_options *o, struct go *ret, struct eb_error **err)
{
	int r;

	*ret = (struct go){ .o = o,
			    .arena = eb_arena_new(),
			    .lock_fd = -1,
			    .client = o->client ? o->client : "go" };
	r = find_root(ret, err);
	return r < 0 ? r : read_config(ret, err);
}

void go_release(struct go *g)
{
	if (g->lock_fd >= 0)
		close(g->lock_fd);
	eb_arena_free(g->arena);
	*g = (struct go){ .lock_fd = -1 };
}

/* ---- modules ---- */

/* Capital letters are written as "!" and the small one, for file systems that know no difference
 * (golang.org/x/mod/module, EscapePath). */
static void escape(struct eb_buf *b, const char *s)
{
	for (; *s; s++) {
		bool capital = *s >= 'A' && *s <= 'Z';

		if (capital)
			eb_buf_addc(b, '!');
		eb_buf_addc(b, (char)(capital ? *s - 'A' + 'a' : *s));
	}
}

char *go_module_dir(const struct go *g, const char *module, const char *version)
{
	EB_AUTOBUF(b, MAX_ENV_TEXT);

	eb_buf_addf(&b, "%s/mod/", g->root);
	escape(&b, module);
	eb_buf_addc(&b, '@');
	escape(&b, version);
	return eb_buf_take(&b);
}

void go_forget(struct go *g, const char *module, const char *version)
{
	static const char *const parts[] = { ".zip", ".ziphash", ".info", ".mod", ".lock" };
	autofree char *dir = go_module_dir(g, module, version);
	EB_AUTOBUF(b, MAX_ENV_TEXT);

	eb_ignore(eb_remove_tree(AT_FDCWD, dir, NULL));
	eb_buf_addf(&b, "%s/mod/cache/download/", g->root);
	escape(&b, module);
	eb_buf_adds(&b, "/@v/");
	escape(&b, version);
	for (size_t i = 0; i < EB_ARRAY_LEN(parts); i++) {
		autofree char *path = eb_xasprintf("%s%s", eb_buf_str(&b), parts[i]);

		eb_ignore(unlink(path));
	}
}

int go_download(struct go *g, const char *module, const char *version, const char **ret_dir,
		const char **ret_h1, struct eb_error **err)
{
	autofree char *name = eb_xasprintf("%s@%s", module, version);
	const char *const argv[] = { g->client, "mod", "download", "-modcacherw",
				     "-json",	name,  NULL };
	const char *text = NULL, *dir = NULL, *h1 = NULL, *found = NULL;
	autofree char *what = eb_xasprintf("Go module %s %s", module, version);
	autojson json_t *j = NULL;
	EB_AUTOBUF(out, GO_MAX_OUTPUT);
	EB_AUTOBUF(messages, MAX_MESSAGES);
	int r = go_run(g, argv, "/", NULL, &out, &messages, err);

	if (r < 0)
		return r;
	if (eb_json_parse(eb_buf_str(&out), out.len, GO_MAX_OUTPUT, &j, NULL) < 0)
		return go_throw(g, eb_buf_str(&messages), what, err);
	if (eb_json_opt_str(j, "Error", &text, NULL) < 0 || text || r > 0)
		return go_throw(g, text ? text : eb_buf_str(&messages), what, err);
	r = eb_json_get_str(j, "Dir", &dir, err);
	if (r >= 0)
		r = eb_json_get_str(j, "Sum", &h1, err);
	if (r >= 0)
		r = eb_json_get_str(j, "Version", &found, err);
	if (r < 0)
		return eb_prefix(err, r, "%s: go mod download", what);
	/* "master" and "v1" would be answered, too. */
	if (strcmp(found, version) != 0) {
		r = eb_throw(err, EB_E_RECIPE, "%s: '%s' is no complete version", what, version);
		return eb_hint(err, r, "write %s", found);
	}
	*ret_dir = eb_arena_strdup(g->arena, dir);
	*ret_h1 = eb_arena_strdup(g->arena, h1);
	return 0;
}

/* ---- toolchain ---- */

/* What Go since 1.21 does by itself when such a module arrives: archives of modules know no modes,
 * and nothing in them may be called go.mod. */
static int finish_toolchain(struct go *g, const char *dir, struct eb_error **err)
{
	static const char script[] = "set -e; chmod -R u+w .; chmod 755 bin/* pkg/tool/*/*; "
				     "find src -name _go.mod | while read -r f; do mv \"$f\" "
				     "\"${f%_go.mod}go.mod\"; done";
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	EB_AUTOBUF(messages, MAX_MESSAGES);
	int r = go_run(g, argv, dir, NULL, NULL, &messages, err);

	if (r > 0)
		return eb_throw(err, EB_E_PROGRAM, "prepare '%s': %.200s", dir,
				eb_buf_str(&messages));
	return r;
}

static int check_tool(struct go *g, const char *tool, const char *toolchain, struct eb_error **err)
{
	const char *const argv[] = { tool, "env", "GOVERSION", NULL };
	EB_AUTOBUF(out, GO_MAX_OUTPUT);
	EB_AUTOBUF(messages, MAX_MESSAGES);
	struct eb_span found;
	int r = go_run(g, argv, "/", NULL, &out, &messages, err);

	if (r < 0)
		return r;
	found = eb_span_trim(eb_span_str(eb_buf_str(&out)));
	if (r > 0 || !eb_span_eq(found, toolchain))
		return eb_throw(err, EB_E_PROGRAM, "'%s' says '%.*s', expected '%s'", tool,
				(int)(found.len > 80 ? 80 : found.len), found.ptr ? found.ptr : "",
				toolchain);
	return 0;
}

int go_need_toolchain(struct go *g, const char *toolchain, struct eb_error **err)
{
	autofree char *version = NULL, *path = NULL;
	const char *dir = NULL, *h1 = NULL;
	struct stat st;
	int r;

	if (strcmp(g->version, toolchain) == 0) {
		g->tool = g->client;
		return 0;
	}
	version = eb_xasprintf("v0.0.1-%s.linux-%s", toolchain, g->arch);
	r = go_download(g, TOOLCHAIN_MODULE, version, &dir, &h1, err);
	if (r >= 0) {
		path = eb_xasprintf("%s/bin/go", dir);
		if (stat(path, &st) < 0)
			r = eb_throw_errno(err, "'%s'", path);
		else if (!(st.st_mode & S_IXUSR))
			r = finish_toolchain(g, dir, err);
	}
	if (r >= 0)
		r = check_tool(g, path, toolchain, err);
	if (r < 0) {
		if (err && *err) {
			free((*err)->hint);
			(*err)->hint = NULL;
		}
		r = eb_prefix(err, r, "toolchain %s (this machine has %s)", toolchain, g->version);
		return eb_hint(err, r,
			       "install Go %s and put its directory bin first in PATH, or let this "
			       "machine's Go fetch it once (without --offline)",
			       toolchain + 2);
	}
	g->tool = eb_arena_strdup(g->arena, path);
	return 0;
}
