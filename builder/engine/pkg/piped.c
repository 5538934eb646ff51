#include "pkg/piped.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/stream.h"
#include "pkg/program.h"

enum {
	FIRST_FD = 10, /* above the standard streams, so that dup2 never meets its own source */
	MESSAGES_BYTES = 4096,
	SHOWN_BYTES = 400,
	CANNOT_RUN = 127,
};

struct pkg_piped {
	pid_t pid; /* 0 = not running */
	int fd, messages;
	char *name, *install;
};

int pkg_piped_fd(const struct pkg_piped *p)
{
	return p->fd;
}

static void close_end(struct pkg_piped *p)
{
	if (p->fd >= 0)
		close(EB_TAKE_FD(p->fd));
}

struct pkg_piped *pkg_piped_free(struct pkg_piped *p)
{
	if (!p)
		return NULL;
	close_end(p);
	if (p->pid > 0) {
		kill(p->pid, SIGKILL);
		while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (p->messages >= 0)
		close(p->messages);
	free(p->name);
	free(p->install);
	free(p);
	return NULL;
}

/* Above the standard streams; fd is closed. */
static int lift(int fd, struct eb_error **err)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD);

	close(fd);
	return high < 0 ? eb_throw_errno(err, "pipe") : high;
}

static int spawn(const struct pkg_program *p, int end, int messages, enum pkg_pipe which,
		 pid_t *ret)
{
	const int piped = which == PKG_PIPE_IN ? STDIN_FILENO : STDOUT_FILENO;
	const int other = which == PKG_PIPE_IN ? STDOUT_FILENO : STDIN_FILENO;
	posix_spawn_file_actions_t fa;
	int e = posix_spawn_file_actions_init(&fa);

	if (e)
		return e;
	e = posix_spawn_file_actions_adddup2(&fa, end, piped);
	e = e ? e : posix_spawn_file_actions_addopen(&fa, other, "/dev/null", O_RDWR, 0);
	e = e ? e : posix_spawn_file_actions_adddup2(&fa, messages, STDERR_FILENO);
	e = e ? e : posix_spawn_file_actions_addclosefrom_np(&fa, STDERR_FILENO + 1);
	e = e ? e
	      : posix_spawnp(ret, p->argv[0], &fa, NULL, (char *const *)(uintptr_t)p->argv,
			     (char *const *)(uintptr_t)p->env);
	posix_spawn_file_actions_destroy(&fa);
	return e;
}

static int throw_missing(const struct pkg_piped *p, struct eb_error **err)
{
	int r = eb_throw(err, EB_E_NOT_FOUND, "the program %s is not installed", p->name);

	return p->install ? eb_hint(err, r, "%s", p->install) : r;
}

int pkg_piped_start(const struct pkg_program *p, enum pkg_pipe which, struct pkg_piped **ret,
		    struct eb_error **err)
{
	EB_CLEANUP(pkg_piped_free_p) struct pkg_piped *x = eb_xcalloc(1, sizeof(*x));
	const char *slash = strrchr(p->argv[0], '/');
	autofd int end = -1;
	int fds[2], e;

	x->fd = x->messages = -1;
	x->name = eb_xstrdup(slash ? slash + 1 : p->argv[0]);
	x->install = p->install ? eb_xstrdup(p->install) : NULL;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return eb_throw_errno(err, "pipe to %s", x->name);
	x->fd = fds[which == PKG_PIPE_IN];
	end = lift(fds[which != PKG_PIPE_IN], err);
	if (end < 0)
		return end;
	x->messages = memfd_create("messages", MFD_CLOEXEC);
	if (x->messages < 0)
		return eb_throw_errno(err, "file in memory");
	x->messages = lift(x->messages, err);
	if (x->messages < 0)
		return x->messages;
	e = spawn(p, end, x->messages, which, &x->pid);
	if (e == ENOENT)
		return throw_missing(x, err);
	if (e) {
		errno = e;
		return eb_throw_errno(err, "start %s", x->name);
	}
	*ret = EB_TAKE_PTR(x);
	return 0;
}

/* The last line that says something. */
static char *last_words(const struct pkg_piped *p)
{
	char text[MESSAGES_BYTES + 1];
	off_t size = lseek(p->messages, 0, SEEK_END);
	off_t from = size > MESSAGES_BYTES ? size - MESSAGES_BYTES : 0;
	ssize_t n = pread(p->messages, text, MESSAGES_BYTES, from);
	struct eb_span rest = { text, n > 0 ? (size_t)n : 0 }, line, last = { NULL, 0 };
	autofree char *words = NULL;

	while (eb_span_next(&rest, '\n', &line))
		if (eb_span_trim(line).len)
			last = eb_span_trim(line);
	words = eb_xstrndup(last.ptr ? last.ptr : "no message", last.ptr ? last.len : 10);
	return eb_printable(words, SHOWN_BYTES);
}

int pkg_piped_finish(struct pkg_piped *p, struct eb_error **err)
{
	autofree char *words = NULL;
	int status;

	close_end(p);
	while (waitpid(p->pid, &status, 0) < 0)
		if (errno != EINTR)
			return eb_throw_errno(err, "wait for %s", p->name);
	p->pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT_RUN)
		return throw_missing(p, err);
	words = last_words(p);
	if (!WIFEXITED(status))
		return eb_throw(err, EB_E_PROGRAM, "%s ended by signal %d: %s", p->name,
				WTERMSIG(status), words);
	return eb_throw(err, EB_E_PROGRAM, "%s failed (%d): %s", p->name, WEXITSTATUS(status),
			words);
}

struct piped_reader {
	struct eb_reader base;
	struct pkg_piped *program;
	bool end;
};

static ssize_t piped_read(struct eb_reader *base, void *p, size_t n, struct eb_error **err)
{
	struct piped_reader *r = (struct piped_reader *)base;
	ssize_t got;

	if (r->end)
		return 0;
	do {
		got = read(r->program->fd, p, n);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return eb_throw_errno(err, "read from %s", r->program->name);
	if (got > 0)
		return got;
	r->end = true;
	return pkg_piped_finish(r->program, err);
}

static void piped_reader_free(struct eb_reader *base)
{
	struct piped_reader *r = (struct piped_reader *)base;

	pkg_piped_free(r->program);
	free(r);
}

int pkg_piped_reader(const struct pkg_program *p, struct eb_reader **ret, struct eb_error **err)
{
	static const struct eb_reader_ops ops = { piped_read, piped_reader_free };
	struct pkg_piped *program = NULL;
	struct piped_reader *r;
	int e = pkg_piped_start(p, PKG_PIPE_OUT, &program, err);

	if (e < 0)
		return e;
	r = eb_xcalloc(1, sizeof(*r));
	*r = (struct piped_reader){ { &ops }, program, false };
	*ret = &r->base;
	return 0;
}
