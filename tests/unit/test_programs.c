/* With a stand-in for Go that "builds" by writing a line; test_gobuild.c has the real one. */
#include "image/programs.h"

#include <sys/stat.h>
#include <unistd.h>

#include "pkg/gobuild.h"
#include "recipe/lock.h"
#include "recipe/recipe.h"
#include "testlib.h"

#define SUM "h1:wzz5v4HVxHfa+XFza2ndHWD8W78pXbuqwJslC0k6aXQ="

static const char fake_go[] =
	"#!/bin/sh\n"
	"case \"$1 $2\" in\n"
	"'env -json') echo '{\"GOVERSION\":\"go1.26.8\",\"GOHOSTARCH\":\"amd64\","
	"\"GOPROXY\":\"off\",\"GOSUMDB\":\"off\"}' ;;\n"
	"'mod download')\n"
	"	d=$GOMODCACHE/example.org/m@v1.0.0; mkdir -p \"$d/sub\"\n"
	"	printf 'module example.org/m\\n' >\"$d/go.mod\"\n"
	"	printf 'package sub\\n' >\"$d/sub/a.go\"\n"
	"	printf 'package m\\n' >\"$d/sub.go\"\n"
	"	printf '{\"Dir\":\"%s\",\"Sum\":\"" SUM "\",\"Version\":\"v1.0.0\"}' \"$d\" ;;\n"
	"'version -m') echo \"$3: go1.26.8\" ;;\n"
	"build*)\n"
	"	echo 1 >>\"$GOMODCACHE/../builds\"\n"
	"	while [ \"$1\" != -o ]; do shift; done\n"
	"	echo \"for $GOARCH$(cat \"$GOMODCACHE/../salt\" 2>/dev/null)\" >\"$2\"\n"
	"	chmod 755 \"$2\" ;;\n"
	"esac\n";

static const char recipe_text[] =
	"name: m\nversion: '1'\narchitectures: [amd64, arm64]\n"
	"debian:\n  suites: [{archive: debian, suite: demo}]\n"
	"go:\n- {module: example.org/m, version: v1.0.0, package: ./cmd/x, path: /usr/bin/x, "
	"toolchain: go1.26.8}\n";

struct fix {
	struct pkg_cache cache;
	struct pkg_fetch_options fetch;
	struct pkg_go_options go;
	struct img_env env;
	struct rcp_recipe *recipe;
	struct rcp_lock *lock;
	const char *client_env[2], *dirs[2];
	char *client, *path;
};

static void fix_release(struct fix *f)
{
	rcp_free(f->recipe);
	rcp_lock_free(f->lock);
	pkg_cache_release(&f->cache);
	free(f->client);
	free(f->path);
}
EB_DEFINE_RELEASE(struct fix, fix_release)

static void fix_init(struct fix *f)
{
	const char *path = getenv("PATH");
	autoerror struct eb_error *e = NULL;

	*f = (struct fix){ .cache = { .dir = { .fd = -1 } } };
	f->path = eb_xasprintf("PATH=%s", path ? path : "/usr/bin:/bin");
	f->client_env[0] = f->path;
	f->client = eb_xstrdup(test_path("go"));
	CHECK_OK(eb_file_write(f->client, fake_go, strlen(fake_go), 0755, &e), e);
	CHECK_OK(pkg_cache_open(test_path("cache"), &f->cache, &e), e);
	CHECK_OK(rcp_parse("m", "m/recipe.yaml", recipe_text, strlen(recipe_text), &f->recipe, &e),
		 e);
	f->lock = rcp_lock_new("m");
	f->fetch = (struct pkg_fetch_options){ .cache = &f->cache };
	f->go = (struct pkg_go_options){ .cache = &f->cache,
					 .client = f->client,
					 .env = f->client_env };
	f->env = (struct img_env){ .cache = &f->cache, .fetch = &f->fetch, .go = &f->go };
}

static unsigned int builds(void)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 1000);

	if (access(test_path("cache/go/builds"), F_OK) < 0)
		return 0;
	CHECK_OK(eb_file_read(test_path("cache/go/builds"), &b, &e), e);
	return (unsigned int)b.len / 2;
}

TEST(programs, lock_says_what_came_out_for_each_architecture)
{
	EB_CLEANUP(fix_release_p) struct fix f;
	autoerror struct eb_error *e = NULL;

	fix_init(&f);
	CHECK_OK(img_programs_lock(&f.env, f.recipe, NULL, f.lock, &e), e);
	CHECK_INT(f.lock->n_programs, 2);
	CHECK_STR(f.lock->programs[0].arch, "amd64");
	CHECK_STR(f.lock->programs[1].arch, "arm64");
	CHECK_STR(f.lock->programs[1].package, "./cmd/x");
	CHECK_STR(f.lock->programs[1].toolchain, "go1.26.8");
	CHECK_INT(f.lock->programs[1].size, strlen("for arm64\n"));
	CHECK(strcmp(f.lock->programs[0].sha256, f.lock->programs[1].sha256) != 0);
	/* The same modules are in both. */
	CHECK_INT(f.lock->n_modules, 1);
	CHECK_STR(f.lock->modules[0].h1, SUM);
	CHECK_INT(builds(), 2);
}

TEST(programs, what_was_built_is_not_built_again)
{
	EB_CLEANUP(fix_release_p) struct fix f;
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *again = rcp_lock_new("m");
	autoerror struct eb_error *e = NULL;

	fix_init(&f);
	CHECK_OK(img_programs_lock(&f.env, f.recipe, NULL, f.lock, &e), e);
	CHECK_OK(img_programs_lock(&f.env, f.recipe, NULL, again, &e), e);
	CHECK_INT(builds(), 2);
	CHECK_STR(again->programs[1].sha256, f.lock->programs[1].sha256);
	CHECK_STR(again->programs[1].gosum, f.lock->programs[1].gosum);
	CHECK_INT(again->n_modules, 1);
	CHECK_OK(img_programs_remake(&f.env, f.recipe, f.lock, "amd64", &e), e);
	CHECK_INT(builds(), 2);
	/* Gone from the cache: made again, and only what is gone. */
	CHECK_INT(unlink(test_path("cache/sources/sha256/%s", f.lock->programs[1].sha256)), 0);
	CHECK_OK(img_programs_remake(&f.env, f.recipe, f.lock, "amd64", &e), e);
	CHECK_INT(builds(), 2);
	CHECK_OK(img_programs_remake(&f.env, f.recipe, f.lock, "arm64", &e), e);
	CHECK_INT(builds(), 3);
}

TEST(programs, lock_that_answers_is_taken_over)
{
	EB_CLEANUP(fix_release_p) struct fix f;
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *now = rcp_lock_new("m");
	autoerror struct eb_error *e = NULL;
	char hash[65];

	fix_init(&f);
	CHECK_OK(img_programs_lock(&f.env, f.recipe, NULL, f.lock, &e), e);
	rcp_lock_others_hash(f.recipe, hash);
	f.lock->others_sha256 = hash;
	pkg_cache_derived_drop(&f.cache, "go-1");
	CHECK_OK(img_programs_lock(&f.env, f.recipe, f.lock, now, &e), e);
	CHECK_INT(builds(), 2);
	CHECK_INT(now->n_programs, 2);
	CHECK_INT(now->n_modules, 1);
	/* One that answers another question is not. */
	f.lock->others_sha256 = "0";
	CHECK_OK(img_programs_lock(&f.env, f.recipe, f.lock, now, &e), e);
	CHECK_INT(builds(), 4);
}

TEST(programs, another_result_is_refused)
{
	EB_CLEANUP(fix_release_p) struct fix f;
	autoerror struct eb_error *e = NULL;

	fix_init(&f);
	CHECK_OK(img_programs_lock(&f.env, f.recipe, NULL, f.lock, &e), e);
	CHECK_INT(unlink(test_path("cache/sources/sha256/%s", f.lock->programs[1].sha256)), 0);
	CHECK_OK(eb_file_write(test_path("cache/go/salt"), "!", 1, 0644, &e), e);
	CHECK_INT(img_programs_remake(&f.env, f.recipe, f.lock, "arm64", &e), -EB_E_DIGEST);
	CHECK_HAS(e->message, "Go program ./cmd/x of example.org/m v1.0.0 (arm64, go1.26.8): "
			      "expected sha256:");
	CHECK_HAS(e->message, f.lock->programs[1].sha256);
}

TEST(programs, directories_are_looked_at_first)
{
	EB_CLEANUP(fix_release_p) struct fix f;
	autoerror struct eb_error *e = NULL;
	autofree char *dir = NULL;

	fix_init(&f);
	CHECK_OK(img_programs_lock(&f.env, f.recipe, NULL, f.lock, &e), e);
	CHECK_INT(mkdir(test_path("dir"), 0755), 0);
	CHECK_INT(rename(test_path("cache/sources/sha256/%s", f.lock->programs[1].sha256),
			 eb_arena_strdup(f.lock->arena,
					 test_path("dir/%s", f.lock->programs[1].sha256))),
		  0);
	f.dirs[0] = dir = eb_xstrdup(test_path("dir"));
	f.fetch.source_dirs = f.dirs;
	CHECK_OK(img_programs_remake(&f.env, f.recipe, f.lock, "arm64", &e), e);
	CHECK_INT(builds(), 2);
	CHECK_INT(access(test_path("cache/sources/sha256/%s", f.lock->programs[1].sha256), F_OK),
		  0);
}

TEST(programs, lock_that_the_recipe_does_not_ask_for_is_refused)
{
	EB_CLEANUP(fix_release_p) struct fix f;
	const struct rcp_locked_program other = { .arch = "amd64",
						  .module = "example.org/m",
						  .version = "v1.0.1",
						  .package = "./cmd/x",
						  .toolchain = "go1.26.8",
						  .gosum = "0",
						  .sha256 = "0000000000000000000000000000000000000"
							    "000000000000000000000000000" };
	autoerror struct eb_error *e = NULL;

	fix_init(&f);
	rcp_lock_add_program(f.lock, &other);
	CHECK_FAIL(img_programs_remake(&f.env, f.recipe, f.lock, "amd64", &e), EB_E_CONFLICT,
		   "'m/lock.yaml': example.org/m v1.0.1 ./cmd/x is not in the recipe", e);
	f.env.go = NULL;
	CHECK_FAIL(img_programs_lock(&f.env, f.recipe, NULL, f.lock, &e), EB_E_UNSUPPORTED,
		   "no Go to build it with", e);
}
