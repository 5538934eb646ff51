#include "bundle/keep.h"

#include <errno.h>
#include <sys/stat.h>

#include "recipe/lock.h"
#include "testlib.h"

static const char hash_a[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
static const char hash_b[] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

static void write_recipe(const char *name, const char *from, const char *sha256)
{
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *lock = rcp_lock_new(name);
	const struct rcp_locked_package p = { .arch = "amd64",
					      .name = "pp",
					      .version = "1",
					      .path = "pool/p.deb",
					      .archive = "debian",
					      .suite = "s",
					      .source = "pp",
					      .sha256 = sha256,
					      .size = 1 };
	autofree char *text = NULL;
	autofree char *recipe = eb_xasprintf("name: %s\nsummary: a test\n%s%s\n", name,
					     from ? "from: " : "architectures: [amd64]\n",
					     from ? from : "");

	mkdir(test_path("recipes"), 0755);
	CHECK_INT(mkdir(test_path("recipes/%s", name), 0755), 0);
	CHECK_INT(eb_file_write(test_path("recipes/%s/recipe.yaml", name), recipe, strlen(recipe),
				0644, NULL),
		  0);
	if (!sha256)
		return;
	lock->inputs_sha256 = hash_a; /* of whatever: a stale lock counts too */
	rcp_lock_add_package(lock, &p);
	text = rcp_lock_write(lock, NULL);
	CHECK_INT(eb_file_write(test_path("recipes/%s/lock.yaml", name), text, strlen(text), 0644,
				NULL),
		  0);
}

TEST(keep, add_takes_recipes_bundles_and_their_parents)
{
	static const char bundle[] = "name: b\nversion: \"1\"\nregistry: ess.internal\nimages:\n"
				     "- {recipe: ../recipes/child}\n";
	const char *dirs[] = { "recipes/child", "recipes", "b" };
	struct eb_error *e = NULL;

	write_recipe("base", NULL, hash_b);
	write_recipe("child", "base", hash_a);
	CHECK_INT(mkdir(test_path("b"), 0755), 0);
	CHECK_OK(eb_file_write(test_path("b/bundle.yaml"), bundle, strlen(bundle), 0644, &e), e);
	for (size_t i = 0; i < EB_ARRAY_LEN(dirs); i++) {
		EB_CLEANUP(bnd_keep_release_p) struct bnd_keep k = { 0 };

		CHECK_OK(bnd_keep_add(&k, test_path("%s", dirs[i]), &e), e);
		bnd_keep_finish(&k);
		CHECK_INT(k.n, 2);
		CHECK_STR(k.hashes[0], hash_a);
		CHECK_STR(k.hashes[1], hash_b);
	}
}

TEST(keep, add_passes_over_recipes_without_lock)
{
	EB_CLEANUP(bnd_keep_release_p) struct bnd_keep k = { 0 };
	struct eb_error *e = NULL;

	write_recipe("base", NULL, NULL);
	CHECK_OK(bnd_keep_add(&k, test_path("recipes"), &e), e);
	CHECK_INT(k.n, 0);
	CHECK_INT(k.recipes, 0);
}

TEST(keep, add_refuses_other_directories)
{
	EB_CLEANUP(bnd_keep_release_p) struct bnd_keep k = { 0 };
	struct eb_error *e = NULL;

	CHECK_INT(mkdir(test_path("empty"), 0755), 0);
	CHECK_FAIL(bnd_keep_add(&k, test_path("empty"), &e), EB_E_NOT_FOUND,
		   "holds neither recipe.yaml nor bundle.yaml", e);
	CHECK_FAIL(bnd_keep_add(&k, test_path("missing"), &e), ENOENT, "open directory", e);
}
