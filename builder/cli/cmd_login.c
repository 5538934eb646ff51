#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/env_registry.h"
#include "cli/remote.h"
#include "dist/ref.h"

enum { MAX_PASSWORD = 64 * 1024 };

struct args {
	const char *user;
	bool password_stdin;
	struct remote_args remote;
};

/* One line; a line end at its end is not part of it. */
static int read_stdin(char **ret, struct eb_error **err)
{
	char *text = eb_xcalloc(1, MAX_PASSWORD + 1);
	size_t n = 0;
	ssize_t got;

	while (n < MAX_PASSWORD && (got = read(STDIN_FILENO, text + n, MAX_PASSWORD - n)) > 0)
		n += (size_t)got;
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		text[--n] = '\0';
	if (n == 0 || n == MAX_PASSWORD || strlen(text) != n) {
		free(text);
		return eb_throw(err, EB_E_USAGE, "standard input holds no password");
	}
	*ret = text;
	return 0;
}

/* Where login writes and logout looks. */
static const char *auth_file(const struct remote_args *a, const struct env_auth_files *files)
{
	return a->auth_file ? a->auth_file : files->n ? files->paths[0] : NULL;
}

static int check(struct remote *r, const char *host, const char *user, const char *password,
		 struct eb_error **err)
{
	EB_CLEANUP(oci_registry_free_p) struct oci_registry *registry = NULL;
	int e;

	oci_creds_set(r->creds, host, user, password);
	e = remote_registry(r, host, false, false, &registry, err);
	return e < 0 ? e : oci_registry_ping(registry, err);
}

static int run(struct cmd_env *env, void *argp, int argc, char **argv, struct eb_error **err)
{
	const struct args *a = argp;
	EB_CLEANUP(env_auth_files_release_p) struct env_auth_files files = { .n = 0 };
	EB_CLEANUP(oci_ref_release_p) struct oci_ref at = { .host = NULL };
	EB_CLEANUP(remote_release_p) struct remote remote = { .pool = NULL };
	EB_CLEANUP(env_password_free) char *password = NULL;
	autofree char *place = NULL;
	const char *file;
	int r = oci_ref_parse_prefix(argv[0], &at, err);

	(void)argc;
	if (r >= 0)
		r = a->password_stdin ? read_stdin(&password, err)
				      : env_ask_password(at.host, &password, err);
	if (r >= 0)
		r = remote_init(&remote, &a->remote, err);
	if (r >= 0)
		r = check(&remote, at.host, a->user, password, err);
	if (r < 0)
		return r;
	env_auth_files(&files);
	file = auth_file(&a->remote, &files);
	if (!file)
		return eb_throw(err, EB_E_USAGE,
				"no place for credentials: set HOME or --auth-file");
	r = oci_creds_store(file, at.host, a->user, password, env_environ(), &place, err);
	if (r >= 0)
		env_note(env, "logged in to %s as %s; kept in %s", at.host, a->user, place);
	return r;
}

static int run_logout(struct cmd_env *env, void *argp, int argc, char **argv, struct eb_error **err)
{
	const struct args *a = argp;
	EB_CLEANUP(env_auth_files_release_p) struct env_auth_files files = { .n = 0 };
	EB_CLEANUP(oci_ref_release_p) struct oci_ref at = { .host = NULL };
	bool found = false, any = false;
	int r = oci_ref_parse_prefix(argv[0], &at, err);

	(void)argc;
	if (r < 0)
		return r;
	env_auth_files(&files);
	if (a->remote.auth_file)
		r = oci_creds_erase(a->remote.auth_file, at.host, env_environ(), &any, err);
	for (size_t i = 0; i < files.n && r >= 0 && !a->remote.auth_file; i++) {
		r = oci_creds_erase(files.paths[i], at.host, env_environ(), &found, err);
		any |= found;
	}
	if (r >= 0 && !any)
		return eb_throw(err, EB_E_NOT_FOUND, "no credentials for %s", at.host);
	if (r >= 0)
		env_note(env, "logged out of %s", at.host);
	return r;
}

static const struct opt options[] = {
	{ "user", 'u', .required = true, .kind = OPT_STRING, .arg = "NAME",
	  .help = "who to log in as", .offset = offsetof(struct args, user) },
	{ "password-stdin", .kind = OPT_FLAG, .help = "read the password from standard input",
	  .offset = offsetof(struct args, password_stdin) },
	REMOTE_OPTIONS(struct args),
	OPT_END,
};

static const struct opt logout_options[] = {
	{ "auth-file", .kind = OPT_STRING, .arg = "FILE", .help = "take them out of FILE alone",
	  .offset = REMOTE_OFFSET(struct args, auth_file) },
	OPT_END,
};

const struct cmd cmd_login = {
	.name = "login",
	.group = CMD_REGISTRY,
	.summary = "check and keep credentials for a registry",
	.synopsis = "[OPTION]... -u NAME HOST[:PORT]",
	.description =
		"The password is asked for on the terminal or read from standard input. When "
		"the registry accepts it, it is kept in the first of the credential files, "
		"or by the helper program that the file names.",
	.options = options,
	.args_size = sizeof(struct args),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};

const struct cmd cmd_logout = {
	.name = "logout",
	.group = CMD_REGISTRY,
	.summary = "forget the credentials for a registry",
	.synopsis = "[OPTION]... HOST[:PORT]",
	.description = "Takes them out of every credential file and helper that has some.",
	.options = logout_options,
	.args_size = sizeof(struct args),
	.min_args = 1,
	.max_args = 1,
	.run = run_logout,
};
