#include "render/jsonnet.h"

#include <errno.h>
#include <fcntl.h>
#include <libjsonnet.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/span.h"
#include "render/fileset.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define NO_MEMORY_LIMIT 1 /* their shadow memory is terabytes of address space */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define NO_MEMORY_LIMIT 1
#endif
#endif

enum { ERROR_MAX_BYTES = 8192 };

/* The whole stack takes under a tenth of each. */
const struct rnd_jsonnet_limits rnd_jsonnet_default_limits = {
	.stack = 500,
	.cpu_sec = 60,
	.memory_bytes = (size_t)512 * 1024 * 1024,
	.output_bytes = (size_t)32 * 1024 * 1024,
};

/* The context comes in as a text to import: parsed JSON is a finished value, while members of an
 * object in Jsonnet code are evaluated anew each time somebody asks (a third of the whole time). */
#define CONTEXT "ctx.json"

struct machine {
	struct JsonnetVm *vm;
	const char *ctx;
	const struct rnd_fileset *files;
};

/* ---- what the program may ask for ---- */

static char *vm_string(struct JsonnetVm *vm, const char *s)
{
	size_t n = strlen(s) + 1;
	char *p = jsonnet_realloc(vm, NULL, n);

	memcpy(p, s, n);
	return p;
}

/* base and rel as one clean path (heap), or NULL when that climbs out of the library. */
static char *join(const char *base, const char *rel)
{
	autofree char *all = eb_xasprintf("%s%s", base, rel);
	autofree char *out = eb_xmalloc(strlen(all) + 2);
	struct eb_span rest = eb_span_str(all), part;
	size_t n = 0;

	out[0] = '\0';
	while (eb_span_next(&rest, '/', &part)) {
		if (part.len == 0 || eb_span_eq(part, "."))
			continue;
		if (eb_span_eq(part, "..")) {
			char *slash = strrchr(out, '/');

			if (n == 0)
				return NULL;
			n = slash ? (size_t)(slash - out) : 0;
		} else {
			if (n)
				out[n++] = '/';
			memcpy(out + n, part.ptr, part.len);
			n += part.len;
		}
		out[n] = '\0';
	}
	return EB_TAKE_PTR(out);
}

/* Beside the file that asks, then at the top of the library. */
static const struct rnd_file *resolve(const struct rnd_fileset *files, const char *base,
				      const char *rel)
{
	autofree char *beside = join(base, rel);
	const struct rnd_file *f = beside ? rnd_fileset_find(files, beside) : NULL;

	return f ? f : rnd_fileset_find(files, rel);
}

/* What `rel` means in a file of directory `base`: its text and *ret_found, or what is wrong (both
 * of the machine's memory). */
static char *import(const struct machine *m, const char *base, const char *rel, char **ret_found,
		    bool *ret_ok)
{
	const struct rnd_file *f = *rel == '/' ? NULL : resolve(m->files, base, rel);
	autofree char *problem = NULL;

	*ret_ok = true;
	if (!f && strcmp(rel, CONTEXT) == 0) {
		*ret_found = vm_string(m->vm, CONTEXT);
		return vm_string(m->vm, m->ctx);
	}
	if (!f) {
		*ret_ok = false;
		problem = eb_xasprintf("import of '%s': the library has no such file; only what is "
				       "in it can be imported",
				       rel);
		return vm_string(m->vm, problem);
	}
	*ret_found = vm_string(m->vm, f->name);
	return vm_string(m->vm, f->text);
}

/* The callback's type changed in 0.19, the library's name did not. */
static char *import_until_018(void *ctx, const char *base, const char *rel, char **found_here,
			      int *success)
{
	bool ok;
	char *text = import(ctx, base, rel, found_here, &ok);

	*success = ok;
	return text;
}

static int import_since_019(void *ctx, const char *base, const char *rel, char **found_here,
			    char **buf, size_t *buflen)
{
	bool ok;

	*buf = import(ctx, base, rel, found_here, &ok);
	*buflen = strlen(*buf);
	return !ok;
}

/* The header that this is built with need not be that of the library it runs with. */
static JsonnetImportCallback *import_callback(void)
{
	struct eb_span rest = eb_span_str(jsonnet_version()), major, minor;
	uint64_t n = 0;

	if (eb_span_next(&rest, '.', &major) && eb_span_next(&rest, '.', &minor) &&
	    eb_span_eq(major, "v0") && eb_parse_u64(minor, 1000, &n, NULL) >= 0 && n < 19)
		return (JsonnetImportCallback *)(void (*)(void))import_until_018;
	return (JsonnetImportCallback *)(void (*)(void))import_since_019;
}

static struct JsonnetJsonValue *native_sha256(void *ctx, const struct JsonnetJsonValue *const *argv,
					      int *success)
{
	const struct machine *m = ctx;
	const char *text = jsonnet_json_extract_string(m->vm, argv[0]);
	EB_CLEANUP(eb_hash_free_p) struct eb_hash *h = NULL;
	char hex[EB_HASH_MAX_HEX + 1];

	if (!text) {
		*success = 0;
		return jsonnet_json_make_string(m->vm, "sha256 takes a string");
	}
	h = eb_hash_new(EB_SHA256);
	eb_hash_update(h, text, strlen(text));
	eb_hash_final_hex(h, hex);
	*success = 1;
	return jsonnet_json_make_string(m->vm, hex);
}

/* ---- in the child ---- */

static void write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return;
		p += w;
		n -= (size_t)w;
	}
}

static size_t address_space(void)
{
	EB_AUTOBUF(b, 4096);
	struct eb_span rest, word;
	uint64_t pages = 0;

	if (eb_file_read("/proc/self/statm", &b, NULL) < 0)
		return 0;
	rest = (struct eb_span){ eb_buf_str(&b), b.len };
	if (!eb_span_word(&rest, &word) || eb_parse_u64(word, UINT32_MAX, &pages, NULL) < 0)
		return 0;
	return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void limit(__rlimit_resource_t what, rlim_t value)
{
	const struct rlimit l = { value, value };

	eb_ignore(setrlimit(what, &l));
}

static void shut_in(const struct rnd_jsonnet_limits *lim, size_t used)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* What C++ says when it gives up, and std.trace(). */
	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
	}
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_CPU, lim->cpu_sec);
#ifndef NO_MEMORY_LIMIT
	if (used)
		limit(RLIMIT_AS, used + lim->memory_bytes);
#else
	(void)used;
#endif
}

/* Ends the child; atexit() handlers are the parent's. */
static EB_NORETURN void leave(void)
{
	for (;;)
		syscall(SYS_exit_group, 0);
}

/* The first byte of what is written says whether it went well. */
static EB_NORETURN void child(const struct rnd_fileset *files, const struct rnd_file *entry,
			      const char *ctx, const struct rnd_jsonnet_limits *lim, size_t used,
			      int fd)
{
	static const char *const params[] = { "text", NULL };
	struct machine m = { .files = files, .ctx = ctx };
	int failed = 0;
	char *text;

	shut_in(lim, used);
	m.vm = jsonnet_make();
	if (!m.vm)
		leave();
	jsonnet_max_stack(m.vm, lim->stack);
	jsonnet_max_trace(m.vm, 8);
	jsonnet_gc_min_objects(m.vm, 100000);
	jsonnet_import_callback(m.vm, import_callback(), &m);
	jsonnet_native_callback(m.vm, "sha256", native_sha256, &m, params);
	jsonnet_tla_code(m.vm, "ctx", "std.parseJson(importstr '" CONTEXT "')");
	text = jsonnet_evaluate_snippet(m.vm, entry->name, entry->text, &failed);
	write_all(fd, failed ? "1" : "0", 1);
	write_all(fd, text, strlen(text));
	leave();
}

/* ---- in the parent ---- */

static int64_t now_msec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Everything up to the end, or a failure when it takes too long or is too much. */
static int receive(int fd, const struct rnd_jsonnet_limits *lim, struct eb_buf *out,
		   struct eb_error **err)
{
	int64_t end = now_msec() + 5000 * (int64_t)lim->cpu_sec;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = end - now_msec();
		char chunk[16384];
		ssize_t n;

		if (left <= 0)
			return eb_throw(err, EB_E_LIMIT, "took more than %u seconds",
					5 * lim->cpu_sec);
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return eb_throw_errno(err, "pipe");
		if (n == 0)
			return eb_buf_check(out, "the result", err);
		eb_buf_add(out, chunk, (size_t)n);
		if (out->overflow)
			return eb_buf_check(out, "the result", err);
	}
}

static int explain_end(int status, const struct rnd_jsonnet_limits *lim, struct eb_error **err)
{
	if (WIFSIGNALED(status)) {
		int sig = WTERMSIG(status);

		if (sig == SIGXCPU || sig == SIGKILL)
			return eb_throw(err, EB_E_LIMIT,
					"took more than %u seconds of processor time",
					lim->cpu_sec);
		if (sig == SIGABRT)
			return eb_throw(err, EB_E_LIMIT, "needed more than %zu MiB of memory",
					lim->memory_bytes / (1024 * 1024));
		if (sig == SIGSEGV || sig == SIGBUS)
			return eb_throw(err, EB_E_LIMIT, "nested too deeply");
		return eb_throw(err, EB_E_FORMAT, "ended by signal %d", sig);
	}
	return eb_throw(err, EB_E_UNSUPPORTED, "libjsonnet could not be loaded");
}

static int run_child(const struct rnd_fileset *files, const struct rnd_file *entry, const char *ctx,
		     const struct rnd_jsonnet_limits *lim, struct eb_buf *out,
		     struct eb_error **err)
{
	size_t used = address_space();
	int fds[2], status = 0, r;
	autofd int from = -1, to = -1;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return eb_throw_errno(err, "pipe");
	from = fds[0];
	to = fds[1];
	pid = fork();
	if (pid < 0)
		return eb_throw_errno(err, "fork");
	if (pid == 0)
		child(files, entry, ctx, lim, used, to);
	close(EB_TAKE_FD(to));
	r = receive(from, lim, out, err);
	if (r < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (r < 0)
		return r;
	return out->len == 0 ? explain_end(status, lim, err) : 0;
}

/* ---- what it said ---- */

/* "RUNTIME ERROR: values: PATH: text\n\tplace\n..." */
static int throw_said(const char *said, char **ret_path, struct eb_error **err)
{
	static const char mark[] = "RUNTIME ERROR: values: ";
	const char *trace = strstr(said, "\n\t");
	autofree char *text = eb_xstrndup(said, trace ? (size_t)(trace - said) : strlen(said));
	autofree char *shown = NULL, *place = NULL;
	size_t n = strlen(text);

	while (n && text[n - 1] == '\n')
		text[--n] = '\0';
	for (char *p = text; *p; p++)
		if (*p == '\n' || *p == '\t')
			*p = ' ';
	if (strncmp(text, mark, sizeof(mark) - 1) == 0) {
		const char *path = text + sizeof(mark) - 1, *colon = strstr(path, ": ");

		if (colon && ret_path)
			*ret_path = eb_xstrndup(path, (size_t)(colon - path));
		shown = eb_printable(path, ERROR_MAX_BYTES);
		return eb_throw(err, EB_E_FORMAT, "%s", shown);
	}
	shown = eb_printable(text, ERROR_MAX_BYTES);
	if (trace)
		place = eb_xstrndup(trace + 2, strcspn(trace + 2, " \t\n"));
	return eb_throw(err, EB_E_FORMAT, "%s%s%s", place ? place : "", place ? ": " : "", shown);
}

static bool is_there(void)
{
	struct JsonnetVm *vm = jsonnet_make();

	if (vm)
		jsonnet_destroy(vm);
	return vm != NULL;
}

int rnd_jsonnet_eval(const struct rnd_fileset *files, const char *entry, const json_t *ctx,
		     const struct rnd_jsonnet_limits *lim, json_t **ret, char **ret_path,
		     struct eb_error **err)
{
	const struct rnd_jsonnet_limits *l = lim ? lim : &rnd_jsonnet_default_limits;
	const struct rnd_file *f = rnd_fileset_find(files, entry);
	autofree char *code = NULL;
	EB_AUTOBUF(out, l->output_bytes);
	int r;

	if (!f)
		return eb_throw(err, EB_E_NOT_FOUND, "the Jsonnet library has no file '%s'", entry);
	/* Loaded here, not in the child: see above. */
	if (!is_there()) {
		r = eb_throw(err, EB_E_UNSUPPORTED, "libjsonnet.so.0 is not on this machine");
		return eb_hint(err, r, "install it: apt-get install libjsonnet0");
	}
	code = eb_json_canonical(ctx, NULL);
	r = run_child(files, f, code, l, &out, err);
	if (r < 0)
		return eb_prefix(err, r, "Jsonnet program '%s'", entry);
	if (eb_buf_str(&out)[0] != '0')
		return throw_said(eb_buf_str(&out) + 1, ret_path, err);
	r = eb_json_parse(eb_buf_str(&out) + 1, out.len - 1, l->output_bytes, ret, err);
	return r < 0 ? eb_prefix(err, r, "result of '%s'", entry) : 0;
}
