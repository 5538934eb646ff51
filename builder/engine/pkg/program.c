#include "pkg/program.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/stream.h"

/* The numbers of the files in memory are above those that the child gets, so that dup2 there never
 * meets its own source. */
enum { FIRST_FD = 10, CANNOT_RUN = 127 };

struct run {
	int in, out, messages, status; /* -1 = nothing */
};

static void run_release(struct run *r)
{
	const int fds[] = { r->in, r->out, r->messages, r->status };

	for (size_t i = 0; i < EB_ARRAY_LEN(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}
EB_DEFINE_RELEASE(struct run, run_release)

static int memory_file(struct eb_error **err)
{
	autofd int fd = memfd_create("stream", MFD_CLOEXEC);
	int high;

	if (fd < 0)
		return eb_throw_errno(err, "file in memory");
	high = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD);
	return high < 0 ? eb_throw_errno(err, "file in memory") : high;
}

static int run_open(struct run *r, const struct pkg_program *p, struct eb_error **err)
{
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *w = NULL;
	const struct {
		int *fd;
		bool wanted;
	} files[] = { { &r->in, p->in },
		      { &r->out, p->out },
		      { &r->messages, p->messages },
		      { &r->status, p->status } };

	for (size_t i = 0; i < EB_ARRAY_LEN(files); i++) {
		if (!files[i].wanted)
			continue;
		*files[i].fd = memory_file(err);
		if (*files[i].fd < 0)
			return *files[i].fd;
	}
	if (!p->in)
		return 0;
	w = eb_writer_region(r->in, 0, p->n_in);
	return eb_write(w, p->in, p->n_in, err);
}

/* fd of the child is `file` if there is one, else `from`, else /dev/null. */
static int put(posix_spawn_file_actions_t *fa, int from, const char *file, int fd)
{
	if (file)
		return posix_spawn_file_actions_addopen(
			fa, fd, file, fd == STDIN_FILENO ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC,
			0600);
	if (from >= 0)
		return posix_spawn_file_actions_adddup2(fa, from, fd);
	return posix_spawn_file_actions_addopen(fa, fd, "/dev/null",
						fd == STDIN_FILENO ? O_RDONLY : O_WRONLY, 0);
}

static int spawn(const struct run *r, const struct pkg_program *p, pid_t *ret)
{
	posix_spawn_file_actions_t fa;
	int e = posix_spawn_file_actions_init(&fa);

	if (e)
		return e;
	e = put(&fa, r->in, p->in_file, STDIN_FILENO);
	e = e ? e : put(&fa, r->out, p->out_file, STDOUT_FILENO);
	e = e ? e : put(&fa, r->messages, NULL, STDERR_FILENO);
	if (r->status >= 0)
		e = e ? e : put(&fa, r->status, NULL, PKG_PROGRAM_STATUS_FD);
	e = e ? e
	      : posix_spawn_file_actions_addclosefrom_np(
			&fa, r->status >= 0 ? PKG_PROGRAM_STATUS_FD + 1 : PKG_PROGRAM_STATUS_FD);
	if (p->dir)
		e = e ? e : posix_spawn_file_actions_addchdir_np(&fa, p->dir);
	e = e ? e
	      : posix_spawnp(ret, p->argv[0], &fa, NULL, (char *const *)(uintptr_t)p->argv,
			     (char *const *)(uintptr_t)p->env);
	posix_spawn_file_actions_destroy(&fa);
	return e;
}

static int wait_for(pid_t pid, const char *name, struct eb_error **err)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return eb_throw_errno(err, "wait for %s", name);
	if (!WIFEXITED(status))
		return eb_throw(err, EB_E_PROGRAM, "%s ended by signal %d", name, WTERMSIG(status));
	return WEXITSTATUS(status);
}

static int throw_missing(const struct pkg_program *p, struct eb_error **err)
{
	int r = eb_throw(err, EB_E_NOT_FOUND, "the program %s is not installed", p->argv[0]);

	return p->install ? eb_hint(err, r, "%s", p->install) : r;
}

static int read_back(int fd, struct eb_buf *b, const char *name, const char *stream,
		     struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	struct stat st;
	int r;

	if (fd < 0)
		return 0;
	if (fstat(fd, &st) < 0)
		return eb_throw_errno(err, "%s of %s", stream, name);
	in = eb_reader_region(fd, 0, (uint64_t)st.st_size);
	r = eb_read_all(in, b, stream, err);
	return r < 0 ? eb_prefix(err, r, "%s", name) : 0;
}

int pkg_program_run(const struct pkg_program *p, struct eb_error **err)
{
	EB_CLEANUP(run_release_p) struct run run = { -1, -1, -1, -1 };
	const char *slash = strrchr(p->argv[0], '/');
	const char *name = slash ? slash + 1 : p->argv[0];
	pid_t pid = -1;
	int status, e, r = run_open(&run, p, err);

	if (r < 0)
		return eb_prefix(err, r, "run %s", name);
	e = spawn(&run, p, &pid);
	if (e == ENOENT && (!p->dir || access(p->dir, F_OK) == 0))
		return throw_missing(p, err);
	if (e) {
		errno = e;
		return eb_throw_errno(err, "start %s", name);
	}
	status = wait_for(pid, name, err);
	/* Where spawning cannot report that there is nothing to run, or nowhere. */
	if (status == CANNOT_RUN && p->dir && access(p->dir, F_OK) < 0)
		return eb_throw_errno(err, "start %s", name);
	if (status == CANNOT_RUN)
		return throw_missing(p, err);
	if (status < 0)
		return status;
	r = read_back(run.out, p->out, name, "standard output", err);
	if (r >= 0)
		r = read_back(run.messages, p->messages, name, "messages", err);
	if (r >= 0)
		r = read_back(run.status, p->status, name, "status", err);
	return r < 0 ? r : status;
}
