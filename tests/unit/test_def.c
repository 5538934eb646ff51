#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "bundle/def.h"
#include "testlib.h"

static int parse(const char *text, struct bnd_def **ret, struct eb_error **err)
{
	return bnd_def_parse("b/q/", "b/q/bundle.yaml", text, strlen(text), ret, err);
}

#define HEAD "name: q\nversion: 1.0\nregistry: r.internal\n"

static void check_refused(const char *text, const char *part)
{
	autoerror struct eb_error *e = NULL;
	struct bnd_def *d;

	CHECK_FAIL(parse(text, &d, &e), EB_E_RECIPE, part, e);
}

TEST(def, parse_full_reads_every_key)
{
	autofree char *path = eb_xasprintf("%s/tests/fuzz/corpus/bundle_def/full.yaml",
					   test_source_root());
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(bnd_def_free_p) struct bnd_def *d = NULL;
	EB_AUTOBUF(b, 65536);

	CHECK_OK(eb_file_read(path, &b, &e), e);
	CHECK_OK(parse(eb_buf_str(&b), &d, &e), e);
	CHECK_STR(d->dir, "b/q");
	CHECK_STR(d->name, "quickstart");
	CHECK_STR(d->version, "0.1.0");
	CHECK_STR(d->summary, "a few images");
	CHECK_STR(d->registry, "ess.internal:5000");
	CHECK_INT(d->compression, EB_CODEC_GZIP);
	CHECK_STR(d->tool, "files/launcher.sh");
	CHECK_INT(d->n_images, 2);
	CHECK_STR(d->images[0].dir, "b/q/../../recipes/redis");
	CHECK_STR(d->images[0].name, "element/redis");
	CHECK_STR(d->images[0].tag, "8.0");
	CHECK_STR(d->images[1].name, "nginx");
	CHECK(!d->images[1].tag);
	CHECK_INT(d->images[1].pos.line, 7);
	CHECK_STR(json_string_value(json_object_get(d->annotations, "org.example.a")), "b");
}

TEST(def, parse_minimal_has_defaults)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(bnd_def_free_p) struct bnd_def *d = NULL;

	CHECK_OK(parse(HEAD "images: [{recipe: a}]\n", &d, &e), e);
	CHECK_INT(d->compression, EB_CODEC_ZSTD);
	CHECK(!d->tool && !d->summary && !d->annotations);
	CHECK_STR(d->images[0].dir, "b/q/a");
}

TEST(def, parse_takes_a_recipe_beside_the_definition)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(bnd_def_free_p) struct bnd_def *d = NULL;

	CHECK_OK(parse(HEAD "images: [{recipe: ., name: a}]\n", &d, &e), e);
	CHECK_STR(d->images[0].dir, "b/q");
	CHECK_STR(d->images[0].name, "a");
	check_refused(HEAD "images: [{recipe: .}]\n", "recipe '.': '.' is not");
	check_refused(HEAD "images: [{recipe: ../., name: a}]\n", "it has a '.' component");
}

TEST(def, parse_refuses_by_place)
{
	check_refused("name: q\n", "bundle.yaml:1:1: 'version' is missing");
	check_refused(HEAD, "'images' is missing");
	check_refused(HEAD "images: []\n", "images: expected 1 to 1000 images, found 0");
	check_refused(HEAD "imagse: []\n", "4:1: unknown key 'imagse'; did you mean 'images'?");
	check_refused(HEAD "images: [{name: x}]\n", "4:10: images: 'recipe' is missing");
	check_refused(HEAD "images: [{recipe: /x}]\n", "recipe: '/x' is not a relative path");
	check_refused(HEAD "images: [{recipe: ../a/../b}]\n", "it has a '..' component");
	check_refused(HEAD "images: [{recipe: ..}]\n", "it has a '..' component");
	check_refused(HEAD "images: [{recipe: A}]\n", "recipe 'A': 'A' is not an image name");
	check_refused(HEAD "images: [{recipe: a, name: A/b}]\n", "'A/b' is not a repository name");
	check_refused(HEAD "images: [{recipe: a, name: a//b}]\n", "is not a repository name");
	check_refused(HEAD "images: [{recipe: a, tag: \"1:2\"}]\n", "tag: '1:2' is not a tag");
	check_refused(HEAD "images: [{recipe: a}, {recipe: ../a}]\n",
		      "4:23: image 'a' is given twice; first at b/q/bundle.yaml:4:10");
	check_refused(HEAD "images: [{recipe: a}]\ncompression: lz4\n",
		      "compression: unknown 'lz4'; expected one of zstd, gzip");
	check_refused(HEAD "images: [{recipe: a}]\ntool: ../x\n", "it has a '..' component");
	check_refused("name: q\nversion: \"1+2\"\nregistry: r\n", "version: '1+2' is not a tag");
	check_refused("name: q\nversion: 1\nregistry: https://r\n", "is not a registry host");
	check_refused("name: q\nversion: 1\nregistry: r/path\n", "is not a registry host");
}

static void write_file(const char *path, const char *text)
{
	autoerror struct eb_error *e = NULL;

	CHECK_OK(eb_file_write(path, text, strlen(text), 0644, &e), e);
}

TEST(def, load_checks_recipes_and_tool)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(bnd_def_free_p) struct bnd_def *d = NULL;

	CHECK_INT(bnd_def_load(test_path("q"), &d, &e), -EB_E_NOT_FOUND);
	CHECK_HAS(e->message, "/q/bundle.yaml");
	CHECK_HAS(e->hint, "bundle.yaml");
	eb_error_clear(&e);
	CHECK_INT(mkdir(test_path("q"), 0755) + mkdir(test_path("redis"), 0755), 0);
	write_file(test_path("redis/recipe.yaml"), "name: redis\n");
	write_file(test_path("q/bundle.yaml"), HEAD "images: [{recipe: ../reids}]\n");
	CHECK_FAIL(bnd_def_load(test_path("q"), &d, &e), EB_E_RECIPE,
		   "bundle.yaml:4:10: images: no recipe 'reids'", e);
	write_file(test_path("q/bundle.yaml"), HEAD "images: [{recipe: ../redis}]\ntool: t\n");
	CHECK_FAIL(bnd_def_load(test_path("q"), &d, &e), EB_E_RECIPE, "bundle.yaml:5:7: tool: ", e);
	write_file(test_path("q/t"), "#!/bin/sh\n");
	CHECK_OK(bnd_def_load(test_path("q"), &d, &e), e);
	CHECK_STR(d->images[0].dir, test_path("q/../redis"));
}

static void write_bundle(const char *name, const char *text)
{
	CHECK(mkdir(test_path("%s", name), 0755) == 0 || errno == EEXIST);
	write_file(test_path("%s/bundle.yaml", name), text);
}

/* Two recipes, and a bundle "all" of both that says everything. */
static void make_base(void)
{
	static const char *const recipes[] = { "redis", "nginx" };

	for (size_t i = 0; i < 2; i++) {
		CHECK_INT(mkdir(test_path("%s", recipes[i]), 0755), 0);
		write_file(test_path("%s/recipe.yaml", recipes[i]), "name: x\n");
	}
	write_bundle("all", "name: all\nversion: 1\nsummary: everything\nregistry: r.internal\n"
			    "images: [{recipe: ../redis}, {recipe: ../nginx, tag: v1}]\n"
			    "compression: gzip\ntool: t\nannotations: {a: one, b: two}\n"
			    "render: {library: m, profiles: {default: p.yaml}}\n");
	write_file(test_path("all/t"), "#!/bin/sh\n");
}

TEST(def, load_from_takes_over_what_is_not_said)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(bnd_def_free_p) struct bnd_def *d = NULL;

	make_base();
	write_bundle("some", "name: some\nversion: 2\nfrom: all\nexclude: [redis]\n"
			     "annotations: {b: three}\n");
	CHECK_OK(bnd_def_load(test_path("some"), &d, &e), e);
	CHECK_STR(d->name, "some");
	CHECK_STR(d->version, "2");
	CHECK_STR(d->summary, "everything");
	CHECK_STR(d->registry, "r.internal");
	CHECK_INT(d->compression, EB_CODEC_GZIP);
	CHECK_INT(d->n_images, 1);
	CHECK_STR(d->images[0].name, "nginx");
	CHECK_STR(d->images[0].tag, "v1");
	CHECK_STR(d->tool_dir, test_path("all"));
	CHECK(d->render.library == NULL);
	CHECK_STR(json_string_value(json_object_get(d->annotations, "a")), "one");
	CHECK_STR(json_string_value(json_object_get(d->annotations, "b")), "three");
}

TEST(def, load_from_own_words_win)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(bnd_def_free_p) struct bnd_def *d = NULL;

	make_base();
	write_bundle("some", "name: some\nversion: 2\nsummary: mine\nfrom: all\n"
			     "registry: s.internal\nexclude: [nginx]\n"
			     "images: [{recipe: ../nginx, tag: v2}]\ncompression: zstd\n");
	CHECK_OK(bnd_def_load(test_path("some"), &d, &e), e);
	CHECK_STR(d->summary, "mine");
	CHECK_STR(d->registry, "s.internal");
	CHECK_INT(d->compression, EB_CODEC_ZSTD);
	CHECK_INT(d->n_images, 2);
	CHECK_STR(d->images[0].name, "redis");
	CHECK_STR(d->images[1].tag, "v2");
}

static void check_some(const char *text, const char *part)
{
	autoerror struct eb_error *e = NULL;
	struct bnd_def *d;

	write_bundle("some", text);
	CHECK_FAIL(bnd_def_load(test_path("some"), &d, &e), EB_E_RECIPE, part, e);
}

TEST(def, load_from_wrong_is_refused_with_its_place)
{
	make_base();
	check_some("name: some\nversion: 2\nfrom: al\n", "some/bundle.yaml:3:7: from: no bundle");
	check_some("name: some\nversion: 2\nfrom: some\n", "from: more than 8 bundles in a row");
	check_some("name: some\nversion: 2\nfrom: ../all\n", "some/bundle.yaml:3:7: from: ");
	check_some(
		"name: some\nversion: 2\nfrom: all\nexclude: [ngnix]\n",
		"some/bundle.yaml:4:11: exclude: bundle 'all' has no image 'ngnix'; did you mean "
		"'nginx'?");
	check_some("name: some\nversion: 2\nfrom: all\nimages: [{recipe: ../redis}]\n",
		   "some/bundle.yaml:4:10: images: bundle 'all' has an image 'redis'");
	check_some("name: some\nversion: 2\nfrom: all\nexclude: [redis, nginx]\n",
		   "some/bundle.yaml:3:7: from: expected 1 to 1000 images, found 0");
	check_some("name: some\nversion: 2\nregistry: r\nimages: [{recipe: ../redis}]\n"
		   "exclude: [redis]\n",
		   "some/bundle.yaml:5:11: exclude: nothing to exclude from");
	CHECK_INT(rename(test_path("all"), test_path("every")), 0);
	check_some("name: some\nversion: 2\nfrom: every\n", "calls itself 'all'");
}
