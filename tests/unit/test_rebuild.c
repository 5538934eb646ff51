#include "bundle/rebuild.h"

#include <sys/stat.h>

#include "base/pool.h"
#include "pkg/cache.h"
#include "testlib.h"

/* A bundle of one image that needs no package: "SIDE/recipes/one" with one file. */
struct side {
	struct pkg_cache cache;
	struct pkg_fetch_options fetch;
	struct img_env env;
	struct img_session *session;
	struct bnd_def *def;
	struct bnd_plan plan;
};

static const struct bnd_plan_options options = { .trust = IMG_TRUST_NOTHING };

static void write_file(const char *path, const char *text)
{
	CHECK_INT(eb_file_write(path, text, strlen(text), 0644, NULL), 0);
}

/* A lock without inputs that answers the recipe. */
static void write_lock(const char *dir)
{
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *lock = rcp_lock_new("one");
	EB_CLEANUP(rcp_chain_release_p) struct rcp_chain chain = { 0 };
	autofree char *text = NULL;
	struct eb_error *e = NULL;
	char hash[65];

	CHECK_OK(rcp_chain_load(dir, &chain, &e), e);
	rcp_lock_inputs_hash(&chain, hash);
	lock->inputs_sha256 = hash;
	lock->epoch_sec = 1000;
	text = rcp_lock_write(lock, NULL);
	write_file(test_path("%s/lock.yaml", dir + strlen(test_dir()) + 1), text);
}

static void write_source(const char *name, const char *content, const char *cmd)
{
	autofree char *recipe = eb_xasprintf("name: one\nsummary: a test\nversion: \"1\"\n"
					     "architectures: [amd64]\nfiles:\n"
					     "- {path: /etc/first, content: same}\n"
					     "- {path: /etc/x, content: \"%s\"}\n"
					     "config: {cmd: [\"%s\"]}\n",
					     content, cmd);

	mkdir(test_path("%s", name), 0755);
	mkdir(test_path("%s/recipes", name), 0755);
	mkdir(test_path("%s/recipes/one", name), 0755);
	mkdir(test_path("%s/elsewhere", name), 0755);
	mkdir(test_path("%s/elsewhere/b", name), 0755);
	write_file(test_path("%s/recipes/one/recipe.yaml", name), recipe);
	write_lock(test_path("%s/recipes/one", name));
	write_file(test_path("%s/elsewhere/b/bundle.yaml", name),
		   "name: b\nversion: \"1\"\nregistry: ess.internal\nimages:\n"
		   "- {recipe: ../../recipes/one}\n");
}

/* Plan what `def` (taken) says. */
static void plan(struct side *s, struct bnd_def *def, struct eb_pool *pool, int64_t epoch_sec)
{
	struct eb_error *e = NULL;

	*s = (struct side){ .def = def };
	CHECK_OK(pkg_cache_open(test_path("cache"), &s->cache, &e), e);
	s->fetch = (struct pkg_fetch_options){ .cache = &s->cache, .offline = true };
	s->env = (struct img_env){ .cache = &s->cache,
				   .fetch = &s->fetch,
				   .pool = pool,
				   .host_arch = "amd64",
				   .compression = EB_CODEC_ZSTD,
				   .epoch_sec = epoch_sec };
	s->session = img_session_new(&s->env);
	CHECK_OK(bnd_plan_load(s->def, s->session, &s->plan, &e), e);
	CHECK_OK(bnd_plan_make(&s->plan, &options, &e), e);
}

static void plan_source(struct side *s, const char *name, struct eb_pool *pool)
{
	struct bnd_def *def;
	struct eb_error *e = NULL;

	CHECK_OK(bnd_def_load(test_path("%s/elsewhere/b", name), &def, &e), e);
	plan(s, def, pool, -1);
}

static void release(struct side *s)
{
	bnd_plan_release(&s->plan);
	img_session_free(s->session);
	pkg_cache_release(&s->cache);
	bnd_def_free(s->def);
}

TEST(rebuild, bundle_comes_out_of_its_own_source)
{
	EB_CLEANUP(eb_pool_free_p) struct eb_pool *pool = eb_pool_new(1);
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	struct bnd_rebuild_difference d = { 0 };
	enum eb_codec_kind compression;
	struct side made, again;
	struct bnd_def *def;
	struct eb_error *e = NULL;
	int64_t epoch = 0;
	size_t n;

	write_source("a", "hello", "/bin/a");
	plan_source(&made, "a", pool);
	CHECK_OK(bnd_plan_write(&made.plan, test_path("a.tar"), &e), e);
	release(&made);
	CHECK_OK(bnd_open(test_path("a.tar"), &b, &e), e);
	CHECK_INT(mkdir(test_path("temp"), 0700), 0);
	CHECK_OK(bnd_rebuild_load(&b, test_path("temp"), &def, &e), e);
	CHECK_STR(def->images[0].dir, test_path("temp/recipes/one"));
	plan(&again, def, pool, -1);
	CHECK_OK(bnd_rebuild_compare(&b, &again.plan, &d, &e), e);
	CHECK_INT(d.kind, BND_SAME);
	CHECK_STR(again.plan.root.digest.text, b.root.digest.text);
	CHECK_OK(bnd_rebuild_epoch(&b, &again.plan, &epoch, &e), e);
	CHECK_INT(epoch, -1);
	CHECK_OK(bnd_rebuild_compression(&b, &compression, &e), e);
	CHECK_INT(compression, EB_CODEC_ZSTD);
	autofree const char **arches = bnd_rebuild_arches(&b, &n);
	CHECK_INT(n, 1);
	CHECK_STR(arches[0], "amd64");
	release(&again);
}

TEST(rebuild, bundle_made_from_another_brings_both_definitions)
{
	EB_CLEANUP(eb_pool_free_p) struct eb_pool *pool = eb_pool_new(1);
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	struct side made, again;
	struct bnd_def *def;
	struct eb_error *e = NULL;

	write_source("a", "hello", "/bin/a");
	CHECK_INT(mkdir(test_path("a/elsewhere/c"), 0755), 0);
	write_file(test_path("a/elsewhere/c/bundle.yaml"), "name: c\nversion: 2\nfrom: b\n");
	CHECK_OK(bnd_def_load(test_path("a/elsewhere/c"), &def, &e), e);
	plan(&made, def, pool, -1);
	CHECK_OK(bnd_plan_write(&made.plan, test_path("c.tar"), &e), e);
	release(&made);
	CHECK_OK(bnd_open(test_path("c.tar"), &b, &e), e);
	CHECK_INT(mkdir(test_path("temp"), 0700), 0);
	CHECK_OK(bnd_rebuild_load(&b, test_path("temp"), &def, &e), e);
	CHECK_STR(def->base->file, test_path("temp/bundles/b/bundle.yaml"));
	plan(&again, def, pool, -1);
	CHECK_STR(again.plan.root.digest.text, b.root.digest.text);
	release(&again);
}

TEST(rebuild, other_clock_is_read_from_the_bundle)
{
	EB_CLEANUP(eb_pool_free_p) struct eb_pool *pool = eb_pool_new(1);
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	struct eb_error *e = NULL;
	struct side made, again;
	struct bnd_def *def;
	int64_t epoch = 0;

	write_source("a", "hello", "/bin/a");
	CHECK_OK(bnd_def_load(test_path("a/elsewhere/b"), &def, &e), e);
	plan(&made, def, pool, 77);
	CHECK_OK(bnd_plan_write(&made.plan, test_path("a.tar"), &e), e);
	release(&made);
	CHECK_OK(bnd_open(test_path("a.tar"), &b, &e), e);
	plan_source(&again, "a", pool);
	CHECK_OK(bnd_rebuild_epoch(&b, &again.plan, &epoch, &e), e);
	CHECK_INT(epoch, 77);
	release(&again);
}

/* The bundle of source "a" against the plan of source "b". */
static void compare(const char *content, const char *cmd, struct bnd_rebuild_difference *d)
{
	EB_CLEANUP(eb_pool_free_p) struct eb_pool *pool = eb_pool_new(1);
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	struct eb_error *e = NULL;
	struct side made, other;

	write_source("a", "hello", "/bin/a");
	write_source("b", content, cmd);
	plan_source(&made, "a", pool);
	CHECK_OK(bnd_plan_write(&made.plan, test_path("a.tar"), &e), e);
	release(&made);
	CHECK_OK(bnd_open(test_path("a.tar"), &b, &e), e);
	plan_source(&other, "b", pool);
	CHECK_OK(bnd_rebuild_compare(&b, &other.plan, d, &e), e);
	if (d->kind == BND_DIFF_CONTENT)
		CHECK_OK(bnd_rebuild_look_closer(&b, &other.plan, d, &e), e);
	release(&other);
}

TEST(rebuild, other_content_is_named_to_the_byte)
{
	EB_CLEANUP(bnd_rebuild_difference_release_p) struct bnd_rebuild_difference d = { 0 };

	compare("help!", "/bin/a", &d);
	CHECK_STR(bnd_rebuild_kind_name(d.kind), "content");
	CHECK_STR(d.image, "ess.internal/one:1");
	CHECK_STR(d.platform, "linux/amd64");
	CHECK_STR(d.what, "image");
	CHECK_STR(d.member, "etc/x");
	CHECK_HAS(d.detail, "content: the first differing byte is at offset 3");
}

TEST(rebuild, other_configuration_is_told_from_content)
{
	EB_CLEANUP(bnd_rebuild_difference_release_p) struct bnd_rebuild_difference d = { 0 };

	compare("hello", "/bin/b", &d);
	CHECK_STR(bnd_rebuild_kind_name(d.kind), "document");
	CHECK_STR(d.what, "configuration");
	CHECK_STR(d.platform, "linux/amd64");
	CHECK(strcmp(d.expected, d.made) != 0);
}
