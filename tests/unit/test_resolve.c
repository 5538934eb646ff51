#include <sys/stat.h>

#include "pkg/resolve.h"
#include "recipe/lock.h"
#include "testlib.h"
#include "testrepo.h"

#define SUITES "  suites: [{archive: debian, suite: demo}]\n"
#define CODECS                                                                                     \
	"codecs:\n"                                                                                \
	"- {kind: zstd, level: 9, package: libzstd1, library: libzstd.so.1}\n"                     \
	"- {kind: gzip, package: zlib1g, library: libz.so.1}\n"

struct world {
	struct testrepo repo;
	struct rcp_chain chain;
	struct rcp_lock *parents[4];
	struct rcp_lock *lock;
};

static void world_release(struct world *w)
{
	for (size_t i = 0; i < EB_ARRAY_LEN(w->parents); i++)
		rcp_lock_free(w->parents[i]);
	rcp_lock_free(w->lock);
	rcp_chain_release(&w->chain);
	testrepo_release(&w->repo);
}
EB_DEFINE_RELEASE(struct world, world_release)
#define AUTOWORLD(w) EB_CLEANUP(world_release_p) struct world w = { 0 }

static void write_recipe(const char *name, const char *text)
{
	autoerror struct eb_error *e = NULL;

	mkdir(test_path("recipes"), 0755);
	mkdir(test_path("recipes/%s", name), 0755);
	CHECK_OK(eb_file_write(test_path("recipes/%s/recipe.yaml", name), text, strlen(text), 0644,
			       &e),
		 e);
}

static void open_world(struct world *w, const char *recipe)
{
	autoerror struct eb_error *e = NULL;

	testrepo_init(&w->repo);
	CHECK_OK(rcp_chain_load(test_path("recipes/%s", recipe), &w->chain, &e), e);
}

static int resolve(struct world *w, const struct rcp_lock *old, struct eb_error **err)
{
	w->lock = rcp_lock_free(w->lock);
	return pkg_resolve(&w->repo.o, &w->chain, w->parents, old, &w->lock, err);
}

static void check_packages(const struct rcp_lock *l, const char *arch, const char *want)
{
	EB_AUTOBUF(got, 1 << 16);

	for (size_t i = 0; i < l->n_packages; i++)
		if (strcmp(l->packages[i].arch, arch) == 0)
			eb_buf_addf(&got, "%s=%s ", l->packages[i].name, l->packages[i].version);
	CHECK_STR(eb_buf_str(&got), want);
}

TEST(resolve, packages_suites_and_codecs_are_locked)
{
	autoerror struct eb_error *e = NULL;
	autofree char *text = NULL;
	AUTOWORLD(w);

	write_recipe("demo", "name: demo\narchitectures: [amd64, arm64]\n"
			     "debian:\n  suites:\n"
			     "  - {archive: debian, suite: demo}\n"
			     "  - {archive: debian-security, suite: demo-security}\n"
			     "  packages: [demo, {name: only-amd64, arch: [amd64]}]\n" CODECS);
	open_world(&w, "demo");
	CHECK_OK(resolve(&w, NULL, &e), e);
	check_packages(w.lock, "amd64",
		       "demo=1.2-3+b1 demo-common=1.2-3 libdemo1=1.0-1+deb1u1 only-amd64=1 ");
	check_packages(w.lock, "arm64", "demo=1.2-3+b1 demo-common=1.2-3 libdemo1=1.0-1+deb1u1 ");
	CHECK_INT(w.lock->epoch_sec, 1770112800);
	text = rcp_lock_write(w.lock, NULL);
	CHECK_HAS(text, "- {archive: debian, suite: demo, date: 1770026400, sha256: ");
	CHECK_HAS(text, "- {archive: debian-security, suite: demo-security, date: 1770112800, ");
	CHECK_HAS(text, "path: pool/libdemo1_1.0-1+deb1u1_arm64.deb, archive: debian-security, "
			"suite: demo-security, source: libdemo");
	CHECK_HAS(text, "source: demo");
	CHECK_HAS(text, "library: usr/lib/x86_64-linux-gnu/libzstd.so.1.5.7");
	CHECK_HAS(text, "library: usr/lib/aarch64-linux-gnu/libz.so.1.3.1");
	CHECK_INT(w.lock->n_codecs, 4);
}

TEST(resolve, same_inputs_give_the_same_lock)
{
	autoerror struct eb_error *e = NULL;
	autofree char *first = NULL, *second = NULL;
	AUTOWORLD(w);

	write_recipe("demo", "name: demo\narchitectures: [amd64, arm64]\ndebian:\n" SUITES
			     "  packages: [demo]\n" CODECS);
	open_world(&w, "demo");
	CHECK_OK(resolve(&w, NULL, &e), e);
	first = rcp_lock_write(w.lock, NULL);
	CHECK_OK(resolve(&w, NULL, &e), e);
	second = rcp_lock_write(w.lock, NULL);
	CHECK_STR(second, first);
}

TEST(resolve, child_adds_to_what_the_parent_has)
{
	autoerror struct eb_error *e = NULL;
	AUTOWORLD(base);
	AUTOWORLD(w);

	write_recipe("base", "name: base\narchitectures: [amd64]\ndebian:\n" SUITES
			     "  packages: [libdemo1]\n");
	write_recipe("demo", "name: demo\nfrom: base\ndebian:\n  packages: [demo]\n");
	open_world(&base, "base");
	CHECK_OK(resolve(&base, NULL, &e), e);
	check_packages(base.lock, "amd64", "libdemo1=1.0-1 ");
	open_world(&w, "demo");
	w.parents[0] = EB_TAKE_PTR(base.lock);
	CHECK_OK(resolve(&w, NULL, &e), e);
	check_packages(w.lock, "amd64", "demo=1.2-3+b1 demo-common=1.2-3 ");
}

TEST(resolve, excludes_of_the_parent_hold_unless_wanted)
{
	autoerror struct eb_error *e = NULL;
	AUTOWORLD(base);
	AUTOWORLD(w);
	AUTOWORLD(wants);

	write_recipe("base", "name: base\narchitectures: [amd64]\ndebian:\n" SUITES
			     "  exclude: [demo-common]\n");
	write_recipe("demo", "name: demo\nfrom: base\ndebian:\n  packages: [demo]\n");
	write_recipe("wants", "name: wants\nfrom: base\ndebian:\n"
			      "  packages: [demo, demo-common]\n");
	open_world(&base, "base");
	CHECK_OK(resolve(&base, NULL, &e), e);
	CHECK_INT(base.lock->n_packages, 0);
	open_world(&w, "demo");
	w.parents[0] = EB_TAKE_PTR(base.lock);
	CHECK_OK(resolve(&w, NULL, &e), e);
	check_packages(w.lock, "amd64", "demo=1.2-3+b1 libdemo1=1.0-1 ");
	open_world(&wants, "wants");
	wants.parents[0] = EB_TAKE_PTR(w.parents[0]);
	CHECK_OK(resolve(&wants, NULL, &e), e);
	check_packages(wants.lock, "amd64", "demo=1.2-3+b1 demo-common=1.2-3 libdemo1=1.0-1 ");
}

TEST(resolve, recommends_on_request)
{
	autoerror struct eb_error *e = NULL;
	AUTOWORLD(w);

	write_recipe("demo", "name: demo\narchitectures: [arm64]\ndebian:\n" SUITES
			     "  packages: [demo]\n  recommends: true\n");
	open_world(&w, "demo");
	CHECK_OK(resolve(&w, NULL, &e), e);
	check_packages(w.lock, "arm64",
		       "demo=1.2-3+b1 demo-common=1.2-3 demo-docs=1.2-3 libdemo1=1.0-1 ");
}

TEST(resolve, unknown_package_names_place_and_nearest)
{
	autoerror struct eb_error *e = NULL;
	AUTOWORLD(w);

	write_recipe("demo", "name: demo\narchitectures: [amd64]\ndebian:\n" SUITES
			     "  packages:\n  - demo\n  - libdem1\n");
	open_world(&w, "demo");
	CHECK_FAIL(resolve(&w, NULL, &e), EB_E_NOT_FOUND,
		   "recipes/demo/recipe.yaml:7:5: no package is called 'libdem1' (amd64); the "
		   "nearest name is 'libdemo1'",
		   e);
	CHECK(!w.lock);
}

TEST(resolve, package_of_another_architecture_is_told)
{
	autoerror struct eb_error *e = NULL;
	AUTOWORLD(w);

	write_recipe("demo", "name: demo\narchitectures: [amd64, arm64]\ndebian:\n" SUITES
			     "  packages: [only-amd64]\n");
	open_world(&w, "demo");
	CHECK_INT(resolve(&w, NULL, &e), -EB_E_NOT_FOUND);
	CHECK_HAS(e->message, "recipe.yaml:5:14: package 'only-amd64' is not there for arm64, only "
			      "for amd64 (1)");
	CHECK_STR(e->hint, "{name: only-amd64, arch: [amd64]}");
}

TEST(resolve, unsolvable_names_the_word)
{
	autoerror struct eb_error *e = NULL;
	AUTOWORLD(w);

	write_recipe("demo", "name: demo\narchitectures: [amd64]\ndebian:\n" SUITES
			     "  packages: [demo, needs-missing]\n");
	open_world(&w, "demo");
	CHECK_FAIL(resolve(&w, NULL, &e), EB_E_UNSOLVABLE,
		   "recipe.yaml:5:20: nothing provides not-there, needed by needs-missing", e);
}

TEST(resolve, architecture_that_no_suite_has)
{
	autoerror struct eb_error *e = NULL;
	AUTOWORLD(w);

	write_recipe("demo", "name: demo\narchitectures: [amd64, arm64]\ndebian:\n" SUITES
			     "  packages: [demo]\n");
	open_world(&w, "demo");
	w.chain.stage[0]->architectures[1] = "mips64el";
	CHECK_FAIL(resolve(&w, NULL, &e), EB_E_RECIPE,
		   "recipe.yaml:4:12: none of the suites has architecture 'mips64el'", e);
}

TEST(resolve, missing_codec_library_is_told)
{
	autoerror struct eb_error *e = NULL;
	AUTOWORLD(w);

	write_recipe("demo", "name: demo\narchitectures: [amd64]\ndebian:\n" SUITES
			     "codecs: [{kind: zstd, package: libzstd1, library: libzstd.so.2}]\n");
	open_world(&w, "demo");
	CHECK_FAIL(resolve(&w, NULL, &e), EB_E_RECIPE,
		   "recipe.yaml:5:10: package libzstd1 1.5.7-1 (amd64) has no library "
		   "'libzstd.so.2'",
		   e);
}

TEST(resolve, suites_do_not_go_back_behind_the_locks)
{
	autoerror struct eb_error *e = NULL;
	AUTOWORLD(w);
	struct rcp_lock *old;

	write_recipe("demo",
		     "name: demo\narchitectures: [amd64]\ndebian:\n" SUITES "  packages: [demo]\n");
	open_world(&w, "demo");
	CHECK_OK(resolve(&w, NULL, &e), e);
	old = EB_TAKE_PTR(w.lock);
	w.parents[3] = old; /* to be freed */
	CHECK_OK(resolve(&w, old, &e), e);
	testrepo_replace("debian/dists/demo/InRelease", "debian/dists/demo/InRelease.older");
	CHECK_FAIL(resolve(&w, old, &e), EB_E_EXPIRED,
		   "is of 2026-01-01T10:00:00Z, but the lock has seen one of 2026-02-02", e);
}
