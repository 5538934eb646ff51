#include <sys/stat.h>

#include "base/json.h"
#include "recipe/recipe.h"
#include "testlib.h"

static void write_file(const char *path, const char *text)
{
	autoerror struct eb_error *e = NULL;

	CHECK_OK(eb_file_write(path, text, strlen(text), 0644, &e), e);
}

/* recipes/<name>/recipe.yaml in the test's directory. */
static void write_recipe(const char *name, const char *text)
{
	mkdir(test_path("recipes"), 0755);
	CHECK_INT(mkdir(test_path("recipes/%s", name), 0755), 0);
	write_file(test_path("recipes/%s/recipe.yaml", name), text);
}

static int load(const char *name, struct rcp_chain *ret, struct eb_error **err)
{
	return rcp_chain_load(test_path("recipes/%s", name), ret, err);
}

TEST(chain, load_inherits_and_orders)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(rcp_chain_release_p) struct rcp_chain c = { 0 };

	write_recipe("base", "name: base\narchitectures: [amd64]\npath-exclude: [\"/a/*\"]\n"
			     "debian: {suites: [{archive: debian, suite: trixie}]}\n"
			     "codecs: [{kind: zstd, package: libzstd1, library: libzstd.so.1}]\n");
	write_recipe("mid", "name: mid\nfrom: base\npath-exclude: [\"/b/*\"]\n");
	write_recipe("top", "name: top\nfrom: mid\npath-exclude: [\"/c/*\"]\n"
			    "debian: {packages: [foo/trixie]}\n");
	CHECK_OK(load("top", &c, &e), e);
	CHECK_INT(c.n, 3);
	CHECK_STR(c.stage[0]->name, "base");
	CHECK_STR(c.stage[2]->name, "top");
	CHECK_INT(c.stage[2]->n_architectures, 1);
	CHECK_STR(c.stage[2]->suites[0].name, "trixie");
	CHECK_STR(c.stage[2]->codecs[0].kind, "zstd");
	CHECK_INT(c.stage[2]->n_path_exclude, 3);
	CHECK_STR(c.stage[2]->path_exclude[0].text, "/a/*");
	CHECK_STR(c.stage[2]->path_exclude[2].text, "/c/*");
}

TEST(chain, load_cycle_names_all)
{
	autoerror struct eb_error *e = NULL;
	struct rcp_chain c;

	write_recipe("a", "name: a\nfrom: b\n");
	write_recipe("b", "name: b\n\nfrom: c\n");
	write_recipe("c", "name: c\nfrom: b\n");
	CHECK_INT(load("a", &c, &e), -EB_E_RECIPE);
	CHECK_HAS(e->message,
		  "recipes/c/recipe.yaml:2:7: from: recipes build on each other: b -> c -> b");
	eb_error_clear(&e);
	write_recipe("s", "name: s\nfrom: s\n");
	CHECK_FAIL(load("s", &c, &e), EB_E_RECIPE, "s -> s", e);
}

TEST(chain, load_unknown_parent_names_nearest_sibling)
{
	autoerror struct eb_error *e = NULL;
	struct rcp_chain c;

	write_recipe("base", "name: base\n");
	write_recipe("a", "name: a\nfrom: bsae\n");
	write_recipe("b", "name: b\nfrom: something-else\n");
	CHECK_INT(load("a", &c, &e), -EB_E_RECIPE);
	CHECK_HAS(e->message, "a/recipe.yaml:2:7: from: no recipe 'bsae' in directory '");
	CHECK_HAS(e->message, "/recipes'; did you mean 'base'?");
	eb_error_clear(&e);
	CHECK_FAIL(load("b", &c, &e), EB_E_RECIPE, "something-else/recipe.yaml')", e);
}

TEST(chain, load_checks_across_stages)
{
	autoerror struct eb_error *e = NULL;
	struct rcp_chain c;

	write_recipe("base", "name: base\narchitectures: [amd64]\nusers: [{name: u, uid: 5}]\n"
			     "debian: {suites: [{archive: debian, suite: trixie}]}\n");
	write_recipe("a", "name: a\nfrom: base\narchitectures: [arm64]\n");
	CHECK_FAIL(load("a", &c, &e), EB_E_RECIPE, "'base' is not built for arm64", e);
	write_recipe("b", "name: b\nfrom: base\ndebian: {packages: [xx/trixei]}\n");
	CHECK_FAIL(load("b", &c, &e), EB_E_RECIPE, "did you mean 'trixie'?", e);
	write_recipe("d", "name: d\nfrom: base\nusers: [{name: u, uid: 6}]\n");
	CHECK_FAIL(load("d", &c, &e), EB_E_RECIPE, "contradicts user 'u' (uid 5)", e);
	write_recipe("f", "name: f\nfrom: base\ndebian: {packages: [{name: x, arch: [arm64]}]}\n");
	CHECK_FAIL(load("f", &c, &e), EB_E_RECIPE, "'x' is not a Debian package name", e);
	write_recipe("g", "name: g\nfrom: base\ndebian: {packages: [{name: xx, arch: [arm64]}]}\n");
	CHECK_FAIL(load("g", &c, &e), EB_E_RECIPE, "package 'xx' is for arm64", e);
	write_recipe("h", "name: h\ndebian: {packages: [xx]}\n");
	CHECK_FAIL(load("h", &c, &e), EB_E_RECIPE, "recipe.yaml:2:21: there are packages, but no",
		   e);
}

TEST(chain, load_too_long_is_refused)
{
	autoerror struct eb_error *e = NULL;
	struct rcp_chain c;

	for (int i = 0; i < 17; i++) {
		autofree char *name = eb_xasprintf("r%d", i);
		autofree char *text = eb_xasprintf("name: r%d\nfrom: r%d\n", i, i + 1);

		write_recipe(name, text);
	}
	CHECK_FAIL(load("r0", &c, &e), EB_E_RECIPE, "more than 16 recipes", e);
}

TEST(chain, config_merge_replaces_keys_and_merges_env)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(rcp_chain_release_p) struct rcp_chain c = { 0 };
	autojson json_t *merged = NULL;
	autofree char *text = NULL;

	write_recipe("base", "name: base\nconfig: {env: {PATH: /bin, A: 1, AB: 2}, cmd: [x, y], "
			     "user: \"1:1\"}\n");
	write_recipe("top", "name: top\nfrom: base\nconfig: {env: {A: 9, B: c}, cmd: [z]}\n");
	CHECK_OK(load("top", &c, &e), e);
	merged = rcp_config_merge(&c, NULL);
	text = eb_json_canonical(merged, NULL);
	CHECK_STR(text, "{\"Cmd\":[\"z\"],\"Env\":[\"A=9\",\"AB=2\",\"B=c\",\"PATH=/bin\"],"
			"\"User\":\"1:1\"}");
}

TEST(chain, config_merge_starts_from_that_of_the_image_below)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(rcp_chain_release_p) struct rcp_chain c = { 0 };
	autojson json_t *merged = NULL, *base = NULL;
	autofree char *text = NULL, *kept = NULL;
	static const char theirs[] = "{\"Cmd\":[\"-x\"],\"Entrypoint\":[\"/a\"],"
				     "\"Env\":[\"Z=1\",\"A=1\"],\"Labels\":{\"l\":\"1\"}}";

	CHECK_OK(eb_json_parse(theirs, strlen(theirs), 1000, &base, &e), e);
	write_recipe("theirs", "name: theirs\nimage: {ref: \"up.example/a:1\", digest: \"sha256:"
			       "0000000000000000000000000000000000000000000000000000000000000000"
			       "\"}\narchitectures: [amd64]\n");
	write_recipe("top", "name: top\nfrom: theirs\nconfig: {env: {A: 9}, entrypoint: [/b]}\n");
	CHECK_OK(load("top", &c, &e), e);
	merged = rcp_config_merge(&c, base);
	text = eb_json_canonical(merged, NULL);
	/* Their arguments were for their entry point. */
	CHECK_STR(text, "{\"Entrypoint\":[\"/b\"],\"Env\":[\"A=9\",\"Z=1\"],"
			"\"Labels\":{\"l\":\"1\"}}");
	kept = eb_json_canonical(base, NULL);
	CHECK_STR(kept, theirs);
}
