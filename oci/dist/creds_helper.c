#include "dist/creds_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/stream.h"

enum { HELPER_MAX_BYTES = 256 * 1024, HELPER_NAME_MAX = 64 };

void oci_creds_wipe(char *s)
{
	if (s)
		explicit_bzero(s, strlen(s));
	free(s);
}

/* The name comes out of a file and becomes the name of a program: no path may be in it. */
static int check_name(const char *name, struct eb_error **err)
{
	size_t n = strspn(name,
			  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

	if (n == 0 || name[n] || n > HELPER_NAME_MAX)
		return eb_throw(err, EB_E_FORMAT, "'%.80s' is no name of a credential helper",
				name);
	return 0;
}

static int spawn(const char *program, const char *verb, int in, int out, char *const *environ_,
		 pid_t *ret)
{
	char *const argv[] = { (char *)(uintptr_t)program, (char *)(uintptr_t)verb, NULL };
	static char *const empty[] = { NULL };
	posix_spawn_file_actions_t fa;
	int e = posix_spawn_file_actions_init(&fa);

	if (e)
		return e;
	e = posix_spawn_file_actions_adddup2(&fa, in, STDIN_FILENO);
	e = e ? e : posix_spawn_file_actions_adddup2(&fa, out, STDOUT_FILENO);
	e = e ? e : posix_spawnp(ret, program, &fa, NULL, argv, environ_ ? environ_ : empty);
	posix_spawn_file_actions_destroy(&fa);
	return e;
}

/* Above the standard streams, so that dup2 in the child never meets its own source. */
static int memory_file(struct eb_error **err)
{
	autofd int fd = memfd_create("credential", MFD_CLOEXEC);
	int high = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 10);

	return high < 0 ? eb_throw_errno(err, "file in memory") : high;
}

static int run(const char *program, const char *verb, int in, int out, char *const *environ_,
	       int *ret_status, struct eb_error **err)
{
	pid_t pid = -1;
	int e = spawn(program, verb, in, out, environ_, &pid), status;

	if (e == ENOENT)
		return eb_throw(err, EB_E_NOT_FOUND, "there is no program '%s'", program);
	if (e) {
		errno = e;
		return eb_throw_errno(err, "start '%s'", program);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return eb_throw_errno(err, "wait for '%s'", program);
	if (!WIFEXITED(status))
		return eb_throw(err, EB_E_PROGRAM, "'%s' ended by signal %d", program,
				WTERMSIG(status));
	*ret_status = WEXITSTATUS(status);
	if (*ret_status == 127)
		return eb_throw(err, EB_E_NOT_FOUND, "there is no program '%s'", program);
	return 0;
}

static int read_back(int fd, struct eb_buf *b, struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return eb_throw_errno(err, "its output");
	in = eb_reader_region(fd, 0, (uint64_t)st.st_size);
	return eb_read_all(in, b, "its output", err);
}

/* Helpers say in words of their own that they have nothing, and end with 1. */
static bool says_not_found(const char *text)
{
	return strcasestr(text, "not found") || strcasestr(text, "no credentials");
}

int oci_creds_helper(const char *name, const char *verb, const char *input, char *const *environ_,
		     char **ret_out, bool *ret_found, struct eb_error **err)
{
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *w = NULL;
	autofree char *program = NULL;
	autofd int in = -1, out = -1;
	EB_AUTOBUF(text, HELPER_MAX_BYTES);
	int status = 0, r = check_name(name, err);

	if (r < 0)
		return r;
	program = eb_xasprintf("docker-credential-%s", name);
	in = memory_file(err);
	if (in < 0)
		return in;
	out = memory_file(err);
	if (out < 0)
		return out;
	w = eb_writer_region(in, 0, strlen(input));
	r = eb_write(w, input, strlen(input), err);
	if (r >= 0)
		r = run(program, verb, in, out, environ_, &status, err);
	if (r >= 0)
		r = read_back(out, &text, err);
	if (r < 0)
		return eb_prefix(err, r, "credential helper '%s'", program);
	*ret_found = status == 0;
	if (status != 0 && !says_not_found(eb_buf_str(&text)))
		return eb_throw(err, EB_E_PROGRAM, "credential helper '%s %s' ended with status %d",
				program, verb, status);
	*ret_out = eb_xstrdup(eb_buf_str(&text));
	if (text.data)
		explicit_bzero(text.data, text.len);
	return 0;
}
