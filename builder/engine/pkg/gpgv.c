/* gpgv reads from and writes to files in memory, so nothing can block, and its standard output,
 * status and messages are looked at when it has ended. */
#include "pkg/gpgv.h"

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

enum { MAX_KEYRINGS = 16, MAX_STATUS_BYTES = 1024 * 1024, STATUS_FD = 3 };

struct run {
	int in, out, status, messages; /* memfds */
};

static void run_release(struct run *r)
{
	const int fds[] = { r->in, r->out, r->status, r->messages };

	for (size_t i = 0; i < EB_ARRAY_LEN(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}
EB_DEFINE_RELEASE(struct run, run_release)

/* Above the numbers that the child gets, so that dup2 there never meets its own source. */
static int memory_file(struct eb_error **err)
{
	autofd int fd = memfd_create("gpgv", MFD_CLOEXEC);
	int high;

	if (fd < 0)
		return eb_throw_errno(err, "file in memory");
	high = fcntl(fd, F_DUPFD_CLOEXEC, 10);
	return high < 0 ? eb_throw_errno(err, "file in memory") : high;
}

static int run_open(struct run *r, const char *text, size_t n, struct eb_error **err)
{
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *w = NULL;
	int *fds[] = { &r->in, &r->out, &r->status, &r->messages };

	for (size_t i = 0; i < EB_ARRAY_LEN(fds); i++) {
		*fds[i] = memory_file(err);
		if (*fds[i] < 0)
			return *fds[i];
	}
	w = eb_writer_region(r->in, 0, n);
	return eb_write(w, text, n, err);
}

static int spawn(const struct run *r, char *const *argv, pid_t *ret)
{
	/* Nothing of the user's own settings. */
	static const char *const env[] = { "LC_ALL=C", "HOME=/nonexistent",
					   "GNUPGHOME=/nonexistent", NULL };
	posix_spawn_file_actions_t fa;
	int e = posix_spawn_file_actions_init(&fa);

	if (e)
		return e;
	e = posix_spawn_file_actions_adddup2(&fa, r->in, STDIN_FILENO);
	e = e ? e : posix_spawn_file_actions_adddup2(&fa, r->out, STDOUT_FILENO);
	e = e ? e : posix_spawn_file_actions_adddup2(&fa, r->messages, STDERR_FILENO);
	e = e ? e : posix_spawn_file_actions_adddup2(&fa, r->status, STATUS_FD);
	e = e ? e : posix_spawnp(ret, argv[0], &fa, NULL, argv, (char *const *)(uintptr_t)env);
	posix_spawn_file_actions_destroy(&fa);
	return e;
}

static int wait_for(pid_t pid, int *ret_status, struct eb_error **err)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return eb_throw_errno(err, "wait for gpgv");
	if (!WIFEXITED(status))
		return eb_throw(err, EB_E_PROGRAM, "gpgv ended by signal %d", WTERMSIG(status));
	*ret_status = WEXITSTATUS(status);
	return 0;
}

static int throw_missing(struct eb_error **err)
{
	return eb_hint(err, eb_throw(err, EB_E_NOT_FOUND, "the program gpgv is not installed"),
		       "apt-get install gpgv");
}

static int run_gpgv(const struct run *r, const char *const *keyrings, int *ret_status,
		    struct eb_error **err)
{
	const char *argv[8 + 2 * MAX_KEYRINGS] = { "gpgv", "--status-fd", "3", "--output", "-" };
	size_t n = 5;
	pid_t pid = -1;
	int e;

	for (size_t i = 0; keyrings[i]; i++) {
		if (i == MAX_KEYRINGS)
			return eb_throw(err, EB_E_LIMIT, "more than %u keyrings",
					(unsigned int)MAX_KEYRINGS);
		argv[n++] = "--keyring";
		argv[n++] = keyrings[i];
	}
	argv[n++] = "-";
	e = spawn(r, (char *const *)(uintptr_t)argv, &pid);
	if (e == ENOENT)
		return throw_missing(err);
	if (e) {
		errno = e;
		return eb_throw_errno(err, "start gpgv");
	}
	e = wait_for(pid, ret_status, err);
	/* Where spawning cannot report that there is nothing to run. */
	return e == 0 && *ret_status == 127 ? throw_missing(err) : e;
}

static int read_back(int fd, struct eb_buf *b, const char *what, struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return eb_throw_errno(err, "%s", what);
	in = eb_reader_region(fd, 0, (uint64_t)st.st_size);
	return eb_read_all(in, b, what, err);
}

struct verdict {
	unsigned int good, weak, bad, other, texts;
};

/* VALIDSIG fingerprint date timestamp expires version reserved key-algorithm hash-algorithm ...:
 * SHA-256, SHA-384 and SHA-512 are 8, 9 and 10 (RFC 4880 9.4). */
static bool is_strong(struct eb_span rest)
{
	struct eb_span w = { NULL, 0 };

	for (unsigned int i = 0; i < 8; i++)
		if (!eb_span_word(&rest, &w))
			return false;
	return eb_span_eq(w, "8") || eb_span_eq(w, "9") || eb_span_eq(w, "10");
}

/* Each signature gives one line that says what it is worth; for one of a known key VALIDSIG follows
 * with the details, also if the key is expired or revoked. */
static struct verdict judge(struct eb_span status)
{
	struct verdict v = { 0 };
	struct eb_span line;
	bool good = false;

	while (eb_span_next(&status, '\n', &line)) {
		struct eb_span w;

		if (!eb_span_word(&line, &w) || !eb_span_eq(w, "[GNUPG:]") ||
		    !eb_span_word(&line, &w))
			continue;
		if (eb_span_eq(w, "VALIDSIG") && good) {
			*(is_strong(line) ? &v.good : &v.weak) += 1;
		} else if (eb_span_eq(w, "BADSIG")) {
			v.bad++;
		} else if (eb_span_eq(w, "ERRSIG") || eb_span_eq(w, "EXPSIG") ||
			   eb_span_eq(w, "EXPKEYSIG") || eb_span_eq(w, "REVKEYSIG")) {
			v.other++;
		} else if (eb_span_eq(w, "PLAINTEXT")) {
			v.texts++;
		}
		good = eb_span_eq(w, "GOODSIG");
	}
	return v;
}

static int check(const struct verdict *v, int exit_status, struct eb_span messages,
		 struct eb_error **err)
{
	struct eb_span line = { NULL, 0 };

	if (v->bad)
		return eb_throw(err, EB_E_SIGNATURE, "the signature does not fit the text");
	if (v->good && v->texts <= 1 && (exit_status == 0 || v->other))
		return 0;
	if (v->weak)
		return eb_throw(err, EB_E_SIGNATURE, "signed with a weak hash only");
	if (v->other)
		return eb_throw(err, EB_E_SIGNATURE,
				"signed by unknown, expired or revoked keys only");
	eb_span_next(&messages, '\n', &line);
	return eb_throw(err, EB_E_SIGNATURE, "no good signature; gpgv says: %.*s",
			(int)(line.len > 200 ? 200 : line.len), line.ptr ? line.ptr : "");
}

static int throw_unsigned(const char *text, size_t n, const char *begin, const char *what,
			  struct eb_error **err)
{
	const char *end = n ? memchr(text, '\n', n) : NULL;
	autofree char *line = eb_xstrndup(text, end ? (size_t)(end - text) : n);
	autofree char *shown = eb_printable(line, 60);
	int r;

	if (eb_span_starts((struct eb_span){ text, n }, begin)) {
		r = eb_throw(err, EB_E_SIGNATURE, "%s: holds more than one signed text", what);
	} else {
		r = eb_throw(err, EB_E_SIGNATURE,
			     "%s is not signed: expected '%s' at its beginning, found '%s'", what,
			     begin, shown);
	}
	return eb_hint(err, r,
		       "the mirror is damaged, or something on the way puts a page of its "
		       "own in its place; use another one with --mirror URL");
}

int pkg_gpgv(const char *const *keyrings, const char *text, size_t n, const char *what,
	     struct eb_buf *signed_text, struct eb_error **err)
{
	static const char begin[] = "-----BEGIN PGP SIGNED MESSAGE-----";
	EB_CLEANUP(run_release_p) struct run run = { -1, -1, -1, -1 };
	EB_AUTOBUF(status, MAX_STATUS_BYTES);
	EB_AUTOBUF(messages, MAX_STATUS_BYTES);
	struct verdict v;
	int r, exit_status = 0;

	if (!eb_span_starts((struct eb_span){ text, n }, begin) ||
	    memmem(text + 1, n - 1, begin, sizeof(begin) - 1))
		return throw_unsigned(text, n, begin, what, err);
	r = run_open(&run, text, n, err);
	if (r == 0)
		r = run_gpgv(&run, keyrings, &exit_status, err);
	if (r == 0)
		r = read_back(run.status, &status, "status of gpgv", err);
	if (r == 0)
		r = read_back(run.messages, &messages, "messages of gpgv", err);
	if (r < 0)
		return eb_prefix(err, r, "%s", what);
	v = judge((struct eb_span){ eb_buf_str(&status), status.len });
	r = check(&v, exit_status, (struct eb_span){ eb_buf_str(&messages), messages.len }, err);
	if (r == 0)
		r = read_back(run.out, signed_text, "signed text", err);
	return r < 0 ? eb_prefix(err, r, "%s", what) : 0;
}
