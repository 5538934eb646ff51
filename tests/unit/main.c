/* Runs the registered tests: unit-tests [PATTERN]. PATTERN is a substring of "suite.name". The last
 * line counts tests, not assertions. */
#include <CUnit/Basic.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "testlib.h"

static struct test_case *cases;
static struct test_case *current;
static jmp_buf leave;
static char dir[4096];
static struct eb_arena *arena;
static unsigned int passed, failed, skipped;

void test_register(struct test_case *t)
{
	struct test_case **at = &cases;

	while (*at && (strcmp((*at)->suite, t->suite) < 0 ||
		       (strcmp((*at)->suite, t->suite) == 0 && (*at)->line < t->line)))
		at = &(*at)->next;
	t->next = *at;
	*at = t;
}

void test_pass(void)
{
	CU_assertImplementation(CU_TRUE, 0, "", "", "", CU_FALSE);
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
	char text[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printf("FAIL %s.%s\n     %s:%d: %s\n", current->suite, current->name, file, line, text);
	CU_assertImplementation(CU_FALSE, (unsigned int)line, text, file, "", CU_FALSE);
	longjmp(leave, 1);
}

void test_skip(const char *why)
{
	printf("SKIP %s.%s: %s\n", current->suite, current->name, why);
	longjmp(leave, 2);
}

const char *test_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	if (!dir[0]) {
		snprintf(dir, sizeof(dir), "%s/ess-unit-XXXXXX", tmp ? tmp : "/tmp");
		if (!mkdtemp(dir))
			test_fail(__FILE__, __LINE__, "cannot make %s", dir);
	}
	return dir;
}

const char *test_path(const char *fmt, ...)
{
	char rel[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(rel, sizeof(rel), fmt, ap);
	va_end(ap);
	return eb_arena_printf(arena, "%s/%s", test_dir(), rel);
}

const char *test_source_root(void)
{
	const char *root = getenv("ESS_SOURCE_ROOT");

	return root ? root : ".";
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void run_current(void)
{
	int how = setjmp(leave);

	if (how == 0) {
		current->run();
		passed++;
	} else if (how == 1) {
		failed++;
	} else {
		skipped++;
	}
	if (dir[0])
		nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	dir[0] = '\0';
	arena = eb_arena_free(arena);
}

static void run_one(void)
{
	arena = eb_arena_new();
	run_current();
	current = current->next;
}

int main(int argc, char **argv)
{
	const char *pattern = argc > 1 ? argv[1] : "";
	struct test_case *kept = NULL, **tail = &kept, *next;
	CU_pSuite suite;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (struct test_case *t = cases; t; t = next) {
		char full[256];

		next = t->next;
		snprintf(full, sizeof(full), "%s.%s", t->suite, t->name);
		if (!strstr(full, pattern))
			continue;
		t->next = NULL;
		*tail = t;
		tail = &t->next;
	}
	if (CU_initialize_registry() != CUE_SUCCESS || !(suite = CU_add_suite("unit", NULL, NULL)))
		return 2;
	for (struct test_case *t = kept; t; t = t->next)
		CU_ADD_TEST(suite, run_one);
	current = kept;
	CU_set_error_action(CUEA_IGNORE);
	CU_basic_set_mode(CU_BRM_SILENT);
	CU_basic_run_tests();
	CU_cleanup_registry();
	if (skipped)
		printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
	else
		printf("%u passed, %u failed\n", passed, failed);
	return failed || passed + skipped == 0 ? 1 : 0;
}
