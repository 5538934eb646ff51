/* Passwords: from the environment variable that cosign uses too, else from the terminal, never from
 * the command line, where other users could read it. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>

#include "base/error.h"
#include "base/mem.h"
#include "cli/env.h"

enum { MAX_PASSWORD = 1024 };

static int read_line(int fd, char *out, size_t size, struct eb_error **err)
{
	size_t n = 0;

	for (;;) {
		char c;
		ssize_t k = read(fd, &c, 1);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return eb_throw_errno(err, "read the password");
		if (k == 0 && n == 0)
			return eb_throw(err, EB_E_INTERRUPTED, "no password was entered");
		if (k == 0 || c == '\n')
			break;
		if (n + 1 >= size)
			return eb_throw(err, EB_E_LIMIT, "the password is longer than %zu bytes",
					size - 1);
		out[n++] = c;
	}
	out[n] = '\0';
	return 0;
}

/* Signals wait until echo is on again, so that ^C leaves a terminal that shows what is typed. ^C
 * itself ends the input: VINTR is off meanwhile and arrives as a byte. */
static int ask(int tty, const char *prompt, char *out, size_t size, struct eb_error **err)
{
	struct termios was, quiet;
	sigset_t all, before;
	int r;

	if (tcgetattr(tty, &was) < 0)
		return eb_throw_errno(err, "read the terminal's settings");
	quiet = was;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	dprintf(tty, "%s: ", prompt);
	tcsetattr(tty, TCSAFLUSH, &quiet);
	r = read_line(tty, out, size, err);
	tcsetattr(tty, TCSAFLUSH, &was);
	dprintf(tty, "\n");
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r == 0 && was.c_cc[VINTR] && strchr(out, (char)was.c_cc[VINTR]))
		return eb_throw(err, EB_E_INTERRUPTED, "no password was entered");
	return r;
}

static int ask_twice(int tty, const char *what, bool confirm, char **ret, struct eb_error **err)
{
	autofree char *prompt = eb_xasprintf("Password for %s", what);
	autofree char *again = eb_xasprintf("%s (again)", prompt);
	char first[MAX_PASSWORD + 1], second[MAX_PASSWORD + 1];
	int r = ask(tty, prompt, first, sizeof(first), err);

	if (r == 0 && confirm) {
		r = ask(tty, again, second, sizeof(second), err);
		if (r == 0 && strcmp(first, second) != 0)
			r = eb_throw(err, EB_E_USAGE, "the two passwords differ");
		OPENSSL_cleanse(second, sizeof(second));
	}
	if (r == 0)
		*ret = eb_xstrdup(first);
	OPENSSL_cleanse(first, sizeof(first));
	return r;
}

int env_ask_password(const char *what, char **ret, struct eb_error **err)
{
	autofd int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (tty < 0)
		return eb_hint(err,
			       eb_throw(err, EB_E_USAGE,
					"no password for %s: there is no terminal to ask on", what),
			       "give it on standard input, with --password-stdin");
	return ask_twice(tty, what, false, ret, err);
}

int env_password(const char *what, bool confirm, char **ret, struct eb_error **err)
{
	const char *v = getenv("COSIGN_PASSWORD");
	autofd int tty = -1;
	int r;

	if (v) {
		*ret = eb_xstrdup(v);
		return 0;
	}
	tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (tty < 0) {
		r = eb_throw(err, EB_E_USAGE, "no password for %s: there is no terminal to ask on",
			     what);
		return eb_hint(err, r, "set COSIGN_PASSWORD (empty for a key without password)");
	}
	return ask_twice(tty, what, confirm, ret, err);
}

void env_password_free(char **password)
{
	if (*password) {
		OPENSSL_cleanse(*password, strlen(*password));
		free(*password);
		*password = NULL;
	}
}
