/* Any text as a Packages file. What is taken is solved for: the last package named in it is wanted,
 * with and without recommendations. An answer holds the wanted package and each name once, sorted;
 * asking again gives the same. A refusal is printable. */
#include "base/error.h"
#include "base/stream.h"
#include "pkg/solver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_message(const struct eb_error *e)
{
	if (!e || !*e->message)
		abort();
	for (const char *p = e->message; *p; p++)
		if (*p < ' ' || *p > '~')
			abort();
}

/* The name after the last "Package: ", or "a". */
static char *last_name(const char *text)
{
	const char *found = NULL;

	for (const char *p = text; (p = strstr(p, "Package: "));)
		found = p += 9;
	return found ? strndup(found, strcspn(found, " \n")) : strdup("a");
}

static int ask(struct pkg_solver *s, const char *name, bool recommends, struct pkg_choice **ret,
	       size_t *ret_n, struct eb_error **err)
{
	static const char *const exclude[] = { "excluded" };
	static const char *const installed[] = { "installed=1" };
	const struct pkg_request rq = { .want = &name,
					.n_want = 1,
					.exclude = exclude,
					.n_exclude = 1,
					.installed = installed,
					.n_installed = 1,
					.recommends = recommends };

	return pkg_solve(s, &rq, ret, ret_n, NULL, err);
}

static void check_answer(const struct pkg_choice *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!v[i].version || (i && strcmp(v[i - 1].name, v[i].name) >= 0) ||
		    strcmp(v[i].name, "excluded") == 0)
			abort();
		if (!v[i].was_installed && (!v[i].path || !v[i].sha256 || !v[i].source))
			abort();
	}
}

static void solve(struct pkg_solver *s, const char *name, bool recommends)
{
	autofree struct pkg_choice *v = NULL, *again = NULL;
	autoerror struct eb_error *e = NULL;
	size_t n = 0, n_again = 0;

	if (ask(s, name, recommends, &v, &n, &e) < 0) {
		check_message(e);
		return;
	}
	check_answer(v, n);
	if (ask(s, name, recommends, &again, &n_again, NULL) < 0 || n != n_again)
		abort();
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].name, again[i].name) != 0 ||
		    strcmp(v[i].version, again[i].version) != 0)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	EB_CLEANUP(pkg_solver_free_p) struct pkg_solver *s = pkg_solver_new("amd64");
	autofree char *text = malloc(size + 1), *name = NULL;
	autoerror struct eb_error *e = NULL;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (pkg_solver_add_packages(s, eb_reader_mem(data, size), "debian", "demo", 500, &e) < 0) {
		check_message(e);
		return 0;
	}
	name = last_name(text);
	solve(s, name, false);
	solve(s, name, true);
	return 0;
}
