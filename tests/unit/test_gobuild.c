/* With the machine's Go where there is one, over modules that the test makes. */
#include "pkg/gobuild.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/stream.h"
#include "mkgomod.h"
#include "pkg/program.h"
#include "testlib.h"

enum { CAP = 1 << 20 };

/* A program whose dependency is replaced by another module. */
static const struct mkgomod_file prog[] = {
	{ "go.mod", "module example.org/prog\n\ngo 1.19\n\nrequire example.org/lib v1.0.0\n\n"
		    "replace example.org/lib => example.org/fork v1.1.0\n" },
	{ "go.sum",
	  "example.org/fork v1.1.0 h1:njQuv4gx23roZkPk/eEHlGFXAafjfsWhNvEyalZlbDI=\n"
	  "example.org/fork v1.1.0/go.mod h1:YbOe48e/Kho7urBNLsQwN1WLpUFyyIBJoZWj/vrsXDk=\n" },
	{ "cmd/x/main.go", "package main\n\nimport \"example.org/lib\"\n\nvar Extra string\n\n"
			   "func main() { println(lib.Text + Extra) }\n" },
	{ "cmd/x/tagged.go",
	  "//go:build loud\n\npackage main\n\nfunc init() { Extra += \"!\" }\n" },
	{ "cmd/bad/main.go", "package main\n\nfunc main() { nowhere() }\n" },
	{ "lib.go", "package prog\n" },
};
static const struct mkgomod_file fork_mod[] = {
	{ "go.mod", "module example.org/lib\n\ngo 1.19\n" },
	{ "lib.go", "package lib\n\nconst Text = \"from the fork\"\n" },
};
static const char fork_h1[] = "h1:njQuv4gx23roZkPk/eEHlGFXAafjfsWhNvEyalZlbDI=";
static const char prog_h1[] = "h1:JJ4Nrq29pzVmlUq3iJDBKriIsQDj40BacFZRpIH7ryQ=";

struct fix {
	struct pkg_cache cache;
	struct pkg_go_options o;
	const char *env[8];
	char *proxy, *home, *path;
	char toolchain[64];
};

static void fix_release(struct fix *f)
{
	pkg_cache_release(&f->cache);
	free(f->proxy);
	free(f->home);
	free(f->path);
}
EB_DEFINE_RELEASE(struct fix, fix_release)

/* The Go of this machine, if it is one that can build offline what a test asks for. */
static void find_toolchain(struct fix *f)
{
	const char *const argv[] = { "go", "env", "GOVERSION", NULL };
	const char *const more[] = { f->path, f->home, "GOTOOLCHAIN=local", NULL };
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(out, CAP);
	const struct pkg_program p = { .argv = argv, .env = more, .dir = "/", .out = &out };

	if (pkg_program_run(&p, &e) != 0)
		test_skip("no Go on this machine");
	snprintf(f->toolchain, sizeof(f->toolchain), "%.*s", (int)strcspn(eb_buf_str(&out), " \n"),
		 eb_buf_str(&out));
}

/* Go's build cache is shared by the tests and stays: compiling its runtime takes seconds. */
static void share_build_cache(const char *cache)
{
	autofree char *shared = eb_xasprintf("%s/out/unit-go-build", test_source_root());
	autofree char *link = eb_xasprintf("%s/go/build", cache), *real = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTODIR(a);
	EB_AUTODIR(b);

	CHECK_OK(eb_dir_open(shared, true, &a, &e), e);
	CHECK_OK(eb_dir_open(test_path("cache/go"), true, &b, &e), e);
	real = realpath(shared, NULL);
	CHECK_INT(symlink(real, link), 0);
}

static void fix_init(struct fix *f)
{
	autoerror struct eb_error *e = NULL;
	const char *path = getenv("PATH");

	*f = (struct fix){ .cache = { .dir = { .fd = -1 } } };
	f->path = eb_xasprintf("PATH=%s", path ? path : "/usr/bin:/bin");
	f->home = eb_xasprintf("HOME=%s", test_path("home"));
	find_toolchain(f);
	mkgomod(test_path("proxy"), "example.org/prog", "v1.0.0", prog, EB_ARRAY_LEN(prog));
	mkgomod(test_path("proxy"), "example.org/fork", "v1.1.0", fork_mod, EB_ARRAY_LEN(fork_mod));
	f->proxy = eb_xasprintf("GOPROXY=file://%s", test_path("proxy"));
	CHECK_OK(pkg_cache_open(test_path("cache"), &f->cache, &e), e);
	share_build_cache(test_path("cache"));
	f->env[0] = f->path;
	f->env[1] = f->home;
	f->env[2] = f->proxy;
	f->env[3] = "GOSUMDB=off";
	/* What a machine may say and what must not count. */
	f->env[4] = "GOFLAGS=-tags=loud -mod=vendor";
	f->env[5] = "GOAMD64=v3";
	f->o = (struct pkg_go_options){ .cache = &f->cache, .env = f->env, .jobs = 2 };
}

static struct pkg_go_program program(const struct fix *f)
{
	return (struct pkg_go_program){ .module = "example.org/prog",
					.version = "v1.0.0",
					.package = "./cmd/x",
					.toolchain = f->toolchain,
					.arch = "amd64" };
}

static void read_program(const struct fix *f, const struct pkg_go_result *res, struct eb_buf *out)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	autoerror struct eb_error *e = NULL;

	CHECK_OK(pkg_cache_read(&f->cache, res->sha256, res->size, "program", &in, &e), e);
	CHECK_OK(eb_read_all(in, out, "program", &e), e);
}

TEST(gobuild, replaced_module_is_compiled_and_listed)
{
	EB_CLEANUP(fix_release_p) struct fix f;
	EB_CLEANUP(pkg_go_result_release_p) struct pkg_go_result res = { 0 };
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(bytes, 64 * CAP);
	struct pkg_go_program p;
	char sum[65];

	fix_init(&f);
	p = program(&f);
	CHECK_OK(pkg_go_build(&f.o, &p, NULL, &res, &e), e);
	CHECK_INT(res.n_modules, 2);
	CHECK_STR(res.modules[0].module, "example.org/prog");
	CHECK_STR(res.modules[0].version, "v1.0.0");
	CHECK_STR(res.modules[0].h1, prog_h1);
	CHECK_STR(res.modules[1].module, "example.org/fork");
	CHECK_STR(res.modules[1].version, "v1.1.0");
	CHECK_STR(res.modules[1].h1, fork_h1);
	pkg_go_gosum(res.modules, 2, sum);
	CHECK_STR(res.gosum, sum);
	read_program(&f, &res, &bytes);
	CHECK_INT(bytes.len, res.size);
	CHECK(memmem(bytes.data, bytes.len, "from the fork", 13) != NULL);
	/* Neither the place of the build nor that of the cache is in it. */
	CHECK(memmem(bytes.data, bytes.len, test_dir(), strlen(test_dir())) == NULL);
	CHECK_INT(access(test_path("cache/go/work"), F_OK), -1);
}

TEST(gobuild, same_program_from_another_place)
{
	EB_CLEANUP(fix_release_p) struct fix f;
	EB_CLEANUP(pkg_go_result_release_p) struct pkg_go_result a = { 0 }, b = { 0 };
	EB_CLEANUP(pkg_cache_release_p) struct pkg_cache other = { .dir = { .fd = -1 } };
	autoerror struct eb_error *e = NULL;
	struct pkg_go_program p;

	fix_init(&f);
	p = program(&f);
	CHECK_OK(pkg_go_build(&f.o, &p, NULL, &a, &e), e);
	CHECK_OK(pkg_cache_open(test_path("quite/another/cache"), &other, &e), e);
	CHECK_INT(mkdir(test_path("quite/another/cache/go"), 0755), 0);
	CHECK_INT(symlink(test_path("cache/go/build"), test_path("quite/another/cache/go/build")),
		  0);
	f.o.cache = &other;
	f.o.jobs = 0;
	CHECK_OK(pkg_go_build(&f.o, &p, NULL, &b, &e), e);
	CHECK_STR(a.sha256, b.sha256);
	CHECK_STR(a.gosum, b.gosum);
}

TEST(gobuild, tags_and_ldflags_count)
{
	EB_CLEANUP(fix_release_p) struct fix f;
	EB_CLEANUP(pkg_go_result_release_p) struct pkg_go_result a = { 0 }, b = { 0 };
	const char *const tags[] = { "quiet", "loud" };
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(bytes, 64 * CAP);
	struct pkg_go_program p;

	fix_init(&f);
	p = program(&f);
	p.ldflags = "-X main.Extra=linked-in";
	CHECK_OK(pkg_go_build(&f.o, &p, NULL, &a, &e), e);
	read_program(&f, &a, &bytes);
	CHECK(memmem(bytes.data, bytes.len, "linked-in", 9) != NULL);
	p.tags = tags;
	p.n_tags = 2;
	CHECK_OK(pkg_go_build(&f.o, &p, NULL, &b, &e), e);
	CHECK(strcmp(a.sha256, b.sha256) != 0);
}

TEST(gobuild, what_the_lock_expects_is_compared)
{
	EB_CLEANUP(fix_release_p) struct fix f;
	EB_CLEANUP(pkg_go_result_release_p) struct pkg_go_result res = { 0 };
	struct pkg_go_module main_module = { "example.org/prog", "v1.0.0", prog_h1 };
	autofree char *source = NULL;
	autoerror struct eb_error *e = NULL;
	struct pkg_go_result expect;
	struct pkg_go_program p;
	struct stat st;

	fix_init(&f);
	p = program(&f);
	CHECK_OK(pkg_go_build(&f.o, &p, NULL, &res, &e), e);
	source = eb_xasprintf("%s/sources/sha256/%s", test_path("cache"), res.sha256);
	CHECK_INT(stat(source, &st), 0);
	CHECK_INT(st.st_mode & 0777, 0444);
	expect = res;
	expect.modules = &main_module;
	expect.n_modules = 1;
	CHECK_INT(unlink(source), 0);
	CHECK_OK(pkg_go_build(&f.o, &p, &expect, NULL, &e), e);
	CHECK_INT(unlink(source), 0);

	expect.sha256[0] = res.sha256[0] == '0' ? '1' : '0';
	CHECK_FAIL(pkg_go_build(&f.o, &p, &expect, NULL, &e), EB_E_DIGEST,
		   "Go program ./cmd/x of example.org/prog v1.0.0 (amd64, go", e);
	CHECK_INT(stat(source, &st), -1);
	expect.sha256[0] = res.sha256[0];

	expect.gosum[0] = res.gosum[0] == '0' ? '1' : '0';
	CHECK_FAIL(pkg_go_build(&f.o, &p, &expect, NULL, &e), EB_E_DIGEST,
		   "expected modules with the sum", e);
	expect.gosum[0] = res.gosum[0];

	main_module.h1 = fork_h1;
	CHECK_FAIL(pkg_go_build(&f.o, &p, &expect, NULL, &e), EB_E_DIGEST,
		   "Go module example.org/prog v1.0.0: expected h1:", e);
	CHECK_INT(stat(source, &st), -1);
}

TEST(gobuild, offline_uses_the_cache_and_nothing_else)
{
	EB_CLEANUP(fix_release_p) struct fix f;
	EB_CLEANUP(pkg_go_result_release_p) struct pkg_go_result a = { 0 }, b = { 0 };
	autoerror struct eb_error *e = NULL;
	struct pkg_go_program p;

	fix_init(&f);
	p = program(&f);
	f.o.offline = true;
	CHECK_FAIL(pkg_go_build(&f.o, &p, NULL, &a, &e), EB_E_OFFLINE,
		   "Go module example.org/prog v1.0.0", e);
	f.o.offline = false;
	CHECK_OK(pkg_go_build(&f.o, &p, NULL, &a, &e), e);
	f.o.offline = true;
	CHECK_OK(pkg_go_build(&f.o, &p, NULL, &b, &e), e);
	CHECK_STR(a.sha256, b.sha256);
}

TEST(gobuild, modules_of_another_cache_are_used_offline)
{
	EB_CLEANUP(fix_release_p) struct fix f;
	EB_CLEANUP(pkg_go_result_release_p) struct pkg_go_result a = { 0 }, b = { 0 };
	EB_CLEANUP(pkg_cache_release_p) struct pkg_cache other = { .dir = { .fd = -1 } };
	autofree char *dir = NULL;
	autoerror struct eb_error *e = NULL;
	const char *dirs[2] = { NULL };
	struct pkg_go_program p;

	fix_init(&f);
	p = program(&f);
	CHECK_OK(pkg_go_build(&f.o, &p, NULL, &a, &e), e);
	CHECK_OK(pkg_cache_open(test_path("other"), &other, &e), e);
	CHECK_INT(mkdir(test_path("other/go"), 0755), 0);
	CHECK_INT(symlink(test_path("cache/go/build"), test_path("other/go/build")), 0);
	dirs[0] = dir = eb_xstrdup(test_path("cache"));
	f.o.cache = &other;
	f.o.offline = true;
	f.o.source_dirs = dirs;
	CHECK_OK(pkg_go_build(&f.o, &p, NULL, &b, &e), e);
	CHECK_STR(a.sha256, b.sha256);
}

static void tamper(const char *path)
{
	autoerror struct eb_error *e = NULL;

	CHECK_INT(unlink(path), 0);
	CHECK_OK(eb_file_write(path, "package lib\n\nconst Text = \"evil\"\n", 33, 0444, &e), e);
}

TEST(gobuild, module_changed_in_the_cache_is_refused_and_fetched_anew)
{
	EB_CLEANUP(fix_release_p) struct fix f;
	EB_CLEANUP(pkg_go_result_release_p) struct pkg_go_result a = { 0 }, b = { 0 };
	autoerror struct eb_error *e = NULL;
	struct pkg_go_program p;

	fix_init(&f);
	p = program(&f);
	CHECK_OK(pkg_go_build(&f.o, &p, NULL, &a, &e), e);
	tamper(test_path("cache/go/mod/example.org/fork@v1.1.0/lib.go"));
	CHECK_FAIL(pkg_go_build(&f.o, &p, NULL, &b, &e), EB_E_DIGEST,
		   "Go module example.org/fork v1.1.0: expected h1:", e);
	CHECK_OK(pkg_go_build(&f.o, &p, NULL, &b, &e), e);
	CHECK_STR(a.sha256, b.sha256);
	pkg_go_result_release(&b);
	tamper(test_path("cache/go/mod/example.org/prog@v1.0.0/lib.go"));
	CHECK_FAIL(pkg_go_build(&f.o, &p, NULL, &b, &e), EB_E_DIGEST,
		   "Go module example.org/prog v1.0.0: expected h1:", e);
	CHECK_OK(pkg_go_build(&f.o, &p, NULL, &b, &e), e);
	CHECK_STR(a.sha256, b.sha256);
}

TEST(gobuild, proxy_that_gives_something_else_is_refused)
{
	EB_CLEANUP(fix_release_p) struct fix f;
	EB_CLEANUP(pkg_go_result_release_p) struct pkg_go_result res = { 0 };
	static const struct mkgomod_file other[] = {
		{ "go.mod", "module example.org/lib\n\ngo 1.19\n" },
		{ "lib.go", "package lib\n\nconst Text = \"another\"\n" },
	};
	autoerror struct eb_error *e = NULL;
	struct pkg_go_program p;

	fix_init(&f);
	p = program(&f);
	mkgomod(test_path("proxy"), "example.org/fork", "v1.1.0", other, EB_ARRAY_LEN(other));
	CHECK_FAIL(pkg_go_build(&f.o, &p, NULL, &res, &e), EB_E_DIGEST, "checksum mismatch", e);
}

TEST(gobuild, what_is_not_there_is_named)
{
	EB_CLEANUP(fix_release_p) struct fix f;
	EB_CLEANUP(pkg_go_result_release_p) struct pkg_go_result res = { 0 };
	autoerror struct eb_error *e = NULL;
	struct pkg_go_program p;

	fix_init(&f);
	p = program(&f);
	p.module = "example.org/nothing";
	CHECK_FAIL(pkg_go_build(&f.o, &p, NULL, &res, &e), EB_E_NOT_FOUND,
		   "Go module example.org/nothing v1.0.0", e);
	p = program(&f);
	p.version = "v1.0.9";
	CHECK_FAIL(pkg_go_build(&f.o, &p, NULL, &res, &e), EB_E_NOT_FOUND,
		   "Go module example.org/prog v1.0.9", e);
	p = program(&f);
	p.package = "./cmd/none";
	CHECK_FAIL(pkg_go_build(&f.o, &p, NULL, &res, &e), EB_E_NOT_FOUND, "./cmd/none", e);
	p.package = ".";
	CHECK_FAIL(pkg_go_build(&f.o, &p, NULL, &res, &e), EB_E_RECIPE, "is no program", e);
	p.package = "./cmd/bad";
	CHECK_FAIL(pkg_go_build(&f.o, &p, NULL, &res, &e), EB_E_PROGRAM, "nowhere", e);
}

TEST(gobuild, missing_toolchain_says_what_to_install)
{
	EB_CLEANUP(fix_release_p) struct fix f;
	EB_CLEANUP(pkg_go_result_release_p) struct pkg_go_result res = { 0 };
	autoerror struct eb_error *e = NULL;
	struct pkg_go_program p;

	fix_init(&f);
	p = program(&f);
	p.toolchain = "go1.99.1";
	CHECK_INT(pkg_go_build(&f.o, &p, NULL, &res, &e), -EB_E_NOT_FOUND);
	CHECK_HAS(e->message, "toolchain go1.99.1 (this machine has go");
	CHECK_HAS(e->hint, "install Go 1.99.1");
	eb_error_clear(&e);
	f.o.offline = true;
	CHECK_FAIL(pkg_go_build(&f.o, &p, NULL, &res, &e), EB_E_OFFLINE, "toolchain go1.99.1", e);
	f.o.client = "no-go-at-all";
	CHECK_INT(pkg_go_build(&f.o, &p, NULL, &res, &e), -EB_E_NOT_FOUND);
	CHECK_HAS(e->message, "the program no-go-at-all is not installed");
	CHECK_HAS(e->hint, "apt-get install golang-go");
}

TEST(gobuild, hosts_of_the_configuration_stay_out_of_messages)
{
	EB_CLEANUP(fix_release_p) struct fix f;
	EB_CLEANUP(pkg_go_result_release_p) struct pkg_go_result res = { 0 };
	autoerror struct eb_error *e = NULL;
	struct pkg_go_program p;

	fix_init(&f);
	p = program(&f);
	f.env[2] = "GOPROXY=https://user:secret@localhost:1/modules";
	CHECK_INT(pkg_go_build(&f.o, &p, NULL, &res, &e), -EB_E_NETWORK);
	CHECK_HAS(e->message, "Go module example.org/prog v1.0.0");
	CHECK(!strstr(e->message, "127.0.0.1"));
	CHECK(!strstr(e->message, "localhost"));
	CHECK(!strstr(e->message, "secret"));
}
