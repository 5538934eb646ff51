/* Runs tests/solver/(name).test. Such a file is made of sections, each begun by a line with "@":
 *
 *   @repo SUITE [priority=N] [archive=A]   stanzas of a Packages file; Filename, Size, SHA256 and
 *                                          Architecture may be left out
 *   @arch ARCH                             default amd64
 *   @want, @exclude, @installed            one word a line
 *   @recommends                            turn them on
 *   @expect                                the whole answer: NAME=VERSION a line, sorted, followed
 *                                          by "(installed)", or the suite if it says so
 *   @fail CODE [WORD]                      the code, the wanted word it is about; each line below
 *                                          must occur in the message
 *
 * Every file runs twice, the second time with the stanzas of each repository in reverse order,
 * which must not change anything. */
#include <dirent.h>

#include "base/span.h"
#include "base/stream.h"
#include "pkg/solver.h"
#include "testlib.h"

enum { MAX_WORDS = 64, MAX_REPOS = 8, MAX_STANZAS = 64 };

struct words {
	const char *v[MAX_WORDS];
	size_t n;
};

struct repo {
	const char *suite, *archive;
	int priority;
	const char *stanzas[MAX_STANZAS];
	size_t n;
};

struct scenario {
	struct eb_arena *arena;
	const char *file, *arch;
	struct repo repos[MAX_REPOS];
	size_t n_repos;
	struct words want, exclude, installed, expect, fail;
	bool recommends, must_fail;
	const char *code, *bad;
};

static const char *option(struct eb_span rest, const char *key, const char *otherwise,
			  struct eb_arena *a)
{
	struct eb_span w;

	while (eb_span_word(&rest, &w))
		if (eb_span_starts(w, key))
			return eb_arena_strndup(a, w.ptr + strlen(key), w.len - strlen(key));
	return otherwise;
}

static const char *word_at(struct eb_span rest, unsigned int n, struct eb_arena *a)
{
	struct eb_span w = { NULL, 0 };

	do {
		if (!eb_span_word(&rest, &w))
			return NULL;
	} while (n--);
	return eb_arena_strndup(a, w.ptr, w.len);
}

static const char *rest_after(struct eb_span rest, unsigned int n, struct eb_arena *a)
{
	struct eb_span w;

	while (n-- && eb_span_word(&rest, &w))
		;
	rest = eb_span_trim(rest);
	return rest.len ? eb_arena_strndup(a, rest.ptr, rest.len) : NULL;
}

static void add_stanza(struct scenario *s, struct repo *repo, const char *text)
{
	static const char hash[] =
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	char *z;

	if (!*text)
		return;
	z = eb_arena_printf(
		s->arena, "%s%s%s%s%s", text,
		strstr(text, "Architecture:") ? "" : "Architecture: amd64\n",
		strstr(text, "Filename:") ? "" : "Filename: pool/x.deb\n",
		strstr(text, "Size:") ? "" : "Size: 1\n",
		strstr(text, "SHA256:") ? "" : eb_arena_printf(s->arena, "SHA256: %s\n", hash));
	CHECK(repo->n < MAX_STANZAS);
	repo->stanzas[repo->n++] = z;
}

static struct words *start_section(struct scenario *s, struct eb_span line, struct repo **repo)
{
	const char *name = word_at(line, 0, s->arena);

	*repo = NULL;
	if (strcmp(name, "@repo") == 0) {
		uint64_t priority = 500;

		CHECK(s->n_repos < MAX_REPOS);
		*repo = &s->repos[s->n_repos++];
		(*repo)->suite = word_at(line, 1, s->arena);
		(*repo)->archive = option(line, "archive=", "debian", s->arena);
		CHECK(eb_parse_u64(eb_span_str(option(line, "priority=", "500", s->arena)), 10000,
				   &priority, NULL) == 0);
		(*repo)->priority = (int)priority;
		return NULL;
	}
	if (strcmp(name, "@arch") == 0)
		s->arch = word_at(line, 1, s->arena);
	else if (strcmp(name, "@want") == 0)
		return &s->want;
	else if (strcmp(name, "@exclude") == 0)
		return &s->exclude;
	else if (strcmp(name, "@installed") == 0)
		return &s->installed;
	else if (strcmp(name, "@expect") == 0)
		return &s->expect;
	else if (strcmp(name, "@recommends") == 0)
		s->recommends = true;
	else if (strcmp(name, "@fail") == 0) {
		s->must_fail = true;
		s->code = word_at(line, 1, s->arena);
		s->bad = rest_after(line, 2, s->arena);
		return &s->fail;
	} else {
		test_fail(__FILE__, __LINE__, "%s: unknown section %s", s->file, name);
	}
	return NULL;
}

static void parse_scenario(struct scenario *s, const char *text)
{
	struct eb_span rest = eb_span_str(text), line;
	struct words *words = NULL;
	struct repo *repo = NULL;
	const char *stanza = "";

	while (eb_span_next(&rest, '\n', &line)) {
		if (eb_span_starts(line, "#"))
			continue;
		if (eb_span_starts(line, "@") || line.len == 0) {
			if (repo)
				add_stanza(s, repo, stanza);
			stanza = "";
			if (line.len)
				words = start_section(s, line, &repo);
		} else if (repo) {
			stanza = eb_arena_printf(s->arena, "%s%.*s\n", stanza, (int)line.len,
						 line.ptr);
		} else if (words) {
			CHECK(words->n < MAX_WORDS);
			words->v[words->n++] = eb_arena_strndup(s->arena, line.ptr, line.len);
		}
	}
	if (repo)
		add_stanza(s, repo, stanza);
}

static int load_repos(const struct scenario *s, struct pkg_solver *solver, bool reverse,
		      struct eb_error **err)
{
	for (size_t i = 0; i < s->n_repos; i++) {
		const struct repo *repo = &s->repos[i];
		EB_AUTOBUF(text, 1 << 20);
		int r;

		for (size_t j = 0; j < repo->n; j++)
			eb_buf_addf(&text, "%s\n", repo->stanzas[reverse ? repo->n - 1 - j : j]);
		r = pkg_solver_add_packages(solver, eb_reader_mem(eb_buf_str(&text), text.len),
					    repo->archive, repo->suite, repo->priority, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static void check_failure(const struct scenario *s, int r, size_t bad, const struct eb_error *e)
{
	static const struct {
		const char *name;
		int code;
	} codes[] = { { "UNSOLVABLE", EB_E_UNSOLVABLE },
		      { "NOT_FOUND", EB_E_NOT_FOUND },
		      { "FORMAT", EB_E_FORMAT },
		      { "LIMIT", EB_E_LIMIT } };

	for (size_t i = 0; i < EB_ARRAY_LEN(codes); i++)
		if (strcmp(codes[i].name, s->code) == 0 && r != -codes[i].code)
			test_fail(s->file, 0, "returned %d (%s), expected %s", r,
				  e ? e->message : "no message", s->code);
	for (size_t i = 0; i < s->fail.n; i++)
		if (!strstr(e->message, s->fail.v[i]))
			test_fail(s->file, 0, "message \"%s\" lacks \"%s\"", e->message,
				  s->fail.v[i]);
	if (s->bad && (bad >= s->want.n || strcmp(s->want.v[bad], s->bad) != 0))
		test_fail(s->file, 0, "blames %s, expected %s: %s",
			  bad < s->want.n ? s->want.v[bad] : "no word", s->bad, e->message);
}

static void check_result(const struct scenario *s, const struct pkg_choice *v, size_t n)
{
	EB_AUTOBUF(got, 1 << 20);
	EB_AUTOBUF(want, 1 << 20);

	for (size_t i = 0; i < s->expect.n; i++)
		eb_buf_addf(&want, "%s\n", s->expect.v[i]);
	for (size_t i = 0; i < n; i++) {
		eb_buf_addf(&got, "%s=%s", v[i].name, v[i].version);
		if (v[i].was_installed)
			eb_buf_adds(&got, " (installed)");
		else if (i < s->expect.n && strchr(s->expect.v[i], ' '))
			eb_buf_addf(&got, " %s", v[i].suite);
		eb_buf_addc(&got, '\n');
	}
	if (strcmp(eb_buf_str(&got), eb_buf_str(&want)) != 0)
		test_fail(s->file, 0, "got:\n%sexpected:\n%s", eb_buf_str(&got), eb_buf_str(&want));
}

static void run_scenario(const struct scenario *s, bool reverse)
{
	EB_CLEANUP(pkg_solver_free_p) struct pkg_solver *solver = pkg_solver_new(s->arch);
	struct pkg_request rq = {
		.want = s->want.v,
		.n_want = s->want.n,
		.exclude = s->exclude.v,
		.n_exclude = s->exclude.n,
		.installed = s->installed.v,
		.n_installed = s->installed.n,
		.recommends = s->recommends,
	};
	autoerror struct eb_error *e = NULL;
	autofree struct pkg_choice *v = NULL;
	size_t n = 0, bad = SIZE_MAX;
	int r;

	r = load_repos(s, solver, reverse, &e);
	if (r == 0) /* twice: a request leaves nothing behind */
		r = pkg_solve(solver, &rq, &v, &n, &bad, NULL);
	if (r == 0 || (!e && s->must_fail)) {
		free(v);
		v = NULL;
		r = pkg_solve(solver, &rq, &v, &n, &bad, &e);
	}
	if (s->must_fail && r < 0)
		check_failure(s, r, bad, e);
	else if (s->must_fail)
		test_fail(s->file, 0, "succeeds, expected %s", s->code);
	else if (r < 0)
		test_fail(s->file, 0, "failed%s: %s", reverse ? " (reverse)" : "",
			  e ? e->message : "no message");
	else
		check_result(s, v, n);
}

static int is_test(const struct dirent *d)
{
	return eb_span_ends(eb_span_str(d->d_name), ".test");
}

TEST(solver, pkg_solve_data_files_hold)
{
	autofree char *dir = eb_xasprintf("%s/tests/solver", test_source_root());
	struct dirent **files = NULL;
	int n = scandir(dir, &files, is_test, alphasort);

	CHECK(n >= 40);
	for (int i = 0; i < n; i++) {
		EB_CLEANUP(eb_arena_free_p) struct eb_arena *arena = eb_arena_new();
		struct scenario s = { .arena = arena, .arch = "amd64" };
		autoerror struct eb_error *e = NULL;
		EB_AUTOBUF(text, 1 << 20);

		s.file = eb_arena_printf(arena, "%s/%s", dir, files[i]->d_name);
		CHECK_OK(eb_file_read(s.file, &text, &e), e);
		parse_scenario(&s, eb_buf_str(&text));
		run_scenario(&s, false);
		run_scenario(&s, true);
		free(files[i]);
		test_pass();
	}
	free(files);
}

/* The second run brings thousands of names into the pool, whose strings move. */
TEST(solver, pkg_solve_answers_stay_good_after_the_next_run)
{
	enum { N = 4000 };
	static const char packages[] =
		"Package: one\nVersion: 1\nArchitecture: amd64\nFilename: a\n"
		"Size: 1\nSHA256: "
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *arena = eb_arena_new();
	EB_CLEANUP(pkg_solver_free_p) struct pkg_solver *s = pkg_solver_new("amd64");
	autofree struct pkg_choice *first = NULL, *second = NULL;
	autoerror struct eb_error *e = NULL;
	autofree const char **installed = eb_xcalloc(N, sizeof(*installed));
	const char *const want[] = { "one" };
	struct pkg_request rq = { .want = want, .n_want = 1 };
	size_t n = 0, n_second = 0;

	CHECK_OK(pkg_solver_add_packages(s, eb_reader_mem(packages, sizeof(packages) - 1), "debian",
					 "demo", 500, &e),
		 e);
	CHECK_OK(pkg_solve(s, &rq, &first, &n, NULL, &e), e);
	for (size_t i = 0; i < N; i++)
		installed[i] = eb_arena_printf(arena, "some-other-package-%zu=1", i);
	rq.installed = installed;
	rq.n_installed = N;
	CHECK_OK(pkg_solve(s, &rq, &second, &n_second, NULL, &e), e);
	CHECK_INT(n, 1);
	CHECK_INT(n_second, N + 1);
	CHECK_STR(first[0].name, "one");
}
