#include "bundle/paths.h"

#include "testlib.h"

struct record {
	struct bnd_path base;
	int n;
};

TEST(paths, add_finds_what_was_added)
{
	EB_CLEANUP(bnd_paths_free_p) struct bnd_paths *p = bnd_paths_new(sizeof(struct record));
	struct eb_error *e = NULL;
	void *a, *b;

	CHECK(bnd_paths_find(p, "a") == NULL);
	CHECK_OK(bnd_paths_add(p, "a", &a, &e), e);
	CHECK_INT(((struct record *)a)->n, 0);
	((struct record *)a)->n = 7;
	CHECK_OK(bnd_paths_add(p, "a/b", &b, &e), e);
	CHECK_OK(bnd_paths_add(p, "a", &b, &e), e);
	CHECK(a == b);
	CHECK_INT(bnd_paths_count(p), 2);
	CHECK_INT(((struct record *)bnd_paths_find(p, "a"))->n, 7);
}

TEST(paths, sorted_puts_content_behind_its_directory)
{
	static const char *const in[] = { "a-b", "a/b", "", "a", "z", "a/b/c" };
	static const char *const out[] = { "", "a", "a-b", "a/b", "a/b/c", "z" };
	EB_CLEANUP(bnd_paths_free_p) struct bnd_paths *p = bnd_paths_new(sizeof(struct record));
	autofree void **all = NULL;
	void *n;

	for (size_t i = 0; i < EB_ARRAY_LEN(in); i++)
		CHECK_INT(bnd_paths_add(p, in[i], &n, NULL), 0);
	all = bnd_paths_sorted(p);
	for (size_t i = 0; i < EB_ARRAY_LEN(out); i++)
		CHECK_STR(((struct record *)all[i])->base.path, out[i]);
}

TEST(paths, copy_is_bounded)
{
	EB_CLEANUP(bnd_paths_free_p) struct bnd_paths *p = bnd_paths_new(sizeof(struct record));
	struct eb_error *e = NULL;
	void *n;

	CHECK_OK(bnd_paths_copy(p, "abc", 4, &n, &e), e);
	CHECK_STR((char *)n, "abc");
	CHECK_FAIL(bnd_paths_copy(p, "", BND_MAX_PATH_MEMORY, &n, &e), EB_E_LIMIT, "more than", e);
}
