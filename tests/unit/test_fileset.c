#include "render/fileset.h"

#include <sys/stat.h>
#include <unistd.h>

#include "testlib.h"

static void put(const char *name, const char *text)
{
	autofree char *path = eb_xasprintf("%s/%s", test_dir(), name);
	struct eb_error *e = NULL;

	CHECK_OK(eb_file_write(path, text, strlen(text), 0644, &e), e);
}

TEST(fileset, directory_is_read_with_what_is_below)
{
	EB_CLEANUP(rnd_fileset_release_p) struct rnd_fileset f = { 0 };
	autofree char *sub = eb_xasprintf("%s/lib", test_dir());
	autofree char *link = eb_xasprintf("%s/link", test_dir());
	struct eb_error *e = NULL;

	CHECK_INT(mkdir(sub, 0755), 0);
	CHECK_INT(symlink("/etc/passwd", link), 0);
	put("main.jsonnet", "1");
	put("lib/a.libsonnet", "22");
	put(".hidden", "x");
	CHECK_OK(rnd_fileset_add_dir(&f, test_dir(), "p/", &e), e);
	CHECK_OK(rnd_fileset_sort(&f, &e), e);
	CHECK_INT(f.n, 2);
	CHECK_STR(f.items[0].name, "p/lib/a.libsonnet");
	CHECK_STR(rnd_fileset_find(&f, "p/main.jsonnet")->text, "1");
	CHECK(rnd_fileset_find(&f, "p/none") == NULL);
}

TEST(fileset, bad_names_and_texts_are_refused)
{
	EB_CLEANUP(rnd_fileset_release_p) struct rnd_fileset f = { 0 };
	struct eb_error *e = NULL;

	CHECK_FAIL(rnd_fileset_add(&f, "../x", "", 0, &e), EB_E_FORMAT, "../x", e);
	CHECK_FAIL(rnd_fileset_add(&f, "/x", "", 0, &e), EB_E_FORMAT, "/x", e);
	CHECK_FAIL(rnd_fileset_add(&f, "x", "a\0b", 3, &e), EB_E_FORMAT, "NUL", e);
	CHECK_OK(rnd_fileset_add(&f, "x", "a", 1, &e), e);
	CHECK_OK(rnd_fileset_add(&f, "x", "b", 1, &e), e);
	CHECK_FAIL(rnd_fileset_sort(&f, &e), EB_E_CONFLICT, "'x' is there twice", e);
}

TEST(fileset, size_is_limited)
{
	EB_CLEANUP(rnd_fileset_release_p) struct rnd_fileset f = { 0 };
	autofree char *large = eb_xcalloc(RND_FILE_MAX_BYTES + 1, 1);
	struct eb_error *e = NULL;

	memset(large, 'x', RND_FILE_MAX_BYTES + 1);
	CHECK_FAIL(rnd_fileset_add(&f, "x", large, RND_FILE_MAX_BYTES + 1, &e), EB_E_LIMIT,
		   "more than", e);
}
