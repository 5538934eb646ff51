#include "pkg/pip.h"

#include <sys/stat.h>

#include "base/hash.h"
#include "pkg/cache.h"
#include "testlib.h"

/* A python3 that is a shell script: $3 is the markers' environment, $4 the command. It keeps its
 * arguments in args and then does what the test says, with $report, $dest and $list set. */
static const char head[] = "#!/bin/sh\n"
			   "here=$(/usr/bin/dirname \"$0\")\n"
			   "printf '%s\\n' \"$@\" >\"$here/args\"\n"
			   "env=$3\n"
			   "for a; do case $a in\n"
			   "--report=*) report=${a#*=} ;;\n"
			   "--dest=*) dest=${a#*=} ;;\n"
			   "--requirement=*) list=${a#*=} ;;\n"
			   "esac; done\n";

struct fake {
	char *path, *dir;
	struct pkg_pip pip;
};

static const char *const fake_env[] = { "PATH=/usr/bin:/bin", NULL };

static void fake_release(struct fake *f)
{
	setenv("PATH", f->path, 1);
	free(f->path);
	free(f->dir);
}
EB_DEFINE_RELEASE(struct fake, fake_release)

static void fake_python(struct fake *f, const char *does)
{
	autofree char *text = eb_xasprintf("%s%s\n", head, does);
	autoerror struct eb_error *e = NULL;

	f->path = eb_xstrdup(getenv("PATH"));
	f->dir = eb_xstrdup(test_dir());
	f->pip = (struct pkg_pip){ fake_env, f->dir };
	CHECK_OK(eb_file_write(test_path("python3"), text, strlen(text), 0755, &e), e);
	setenv("PATH", f->dir, 1);
}

static const struct pkg_pip_target target = { "amd64", "3.13.5", 41 };

static int resolve(const struct fake *f, struct pkg_pip_set **ret, struct eb_error **err)
{
	static const char *const want[] = { "demo[x]==1.0" };
	static const struct pkg_pip_provided given = { "given", "2.0" };

	return pkg_pip_resolve(&f->pip, &target, want, 1, &given, 1, ret, err);
}

#define HASH "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

TEST(pip, resolve_asks_for_the_target_and_reads_the_report)
{
	EB_CLEANUP(fake_release_p) struct fake f = { 0 };
	EB_CLEANUP(pkg_pip_set_free_p) struct pkg_pip_set *s = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(args, 1 << 16);

	fake_python(&f,
		    "/bin/ls links >>\"$here/links\"; /bin/cat constraints.txt >>\"$here/links\"\n"
		    "printf '{\"version\":\"1\",\"environment\":%s,\"install\":[{\"download_info\":"
		    "{\"url\":\"https://example.org/demo-1.0-py3-none-any.whl\",\"archive_info\":"
		    "{\"hashes\":{\"sha256\":\"" HASH "\"}}},\"metadata\":{\"name\":\"demo\","
		    "\"version\":\"1.0\"}}]}' \"$env\" >\"$report\"");
	CHECK_OK(resolve(&f, &s, &e), e);
	CHECK_INT(s->n, 1);
	CHECK_STR(s->wheels[0].file, "demo-1.0-py3-none-any.whl");
	CHECK_OK(eb_file_read(test_path("args"), &args, &e), e);
	CHECK_HAS(eb_buf_str(&args), "\n--python-version=3.13.5\n--abi=cp313\n"
				     "--platform=manylinux_2_41_x86_64\n");
	CHECK_HAS(eb_buf_str(&args), "\n--platform=manylinux2014_x86_64\n");
	CHECK_HAS(eb_buf_str(&args), "\"platform_machine\":\"x86_64\"");
	CHECK_HAS(eb_buf_str(&args), "\"python_version\":\"3.13\"");
	CHECK_HAS(eb_buf_str(&args), "\ndemo[x]==1.0\n");
	eb_buf_clear(&args);
	CHECK_OK(eb_file_read(test_path("links"), &args, &e), e);
	CHECK_STR(eb_buf_str(&args),
		  "given-2.0-999999-cp313-cp313-manylinux_2_41_x86_64.whl\ngiven==2.0\n");
}

TEST(pip, resolve_explains_what_pip_says)
{
	static const struct {
		const char *does;
		int code;
		const char *message;
	} bad[] = {
		{ "[ $4 = index ] && exit 0\necho 'ERROR: Could not find a version (from versions: "
		  "none)\nERROR: No matching distribution found for lib>=2 ; extra == \"x\"' >&2; "
		  "exit 1",
		  EB_E_UNSOLVABLE,
		  "'lib>=2' has no wheel for Python 3.13 on amd64 with glibc 2.41, only a source" },
		{ "echo 'ERROR: No matching distribution found for lib' >&2; exit 1",
		  EB_E_UNSOLVABLE, "has no 'lib'" },
		{ "echo 'ERROR: Could not find (from versions: 1.0, 1.1)\n"
		  "ERROR: No matching distribution found for lib==9' >&2; exit 1",
		  EB_E_UNSOLVABLE,
		  "no version with a wheel satisfies 'lib==9'; the newest one is 1.1" },
		{ "echo \"WARNING: Retrying (Retry(total=4)) https://user:pw@host.invalid/\nERROR: "
		  "No "
		  "matching distribution found for lib\" >&2; exit 1",
		  EB_E_NETWORK, "pip cannot reach the package index" },
		{ "echo 'ERROR: HTTP error 401 while getting https://host.invalid/' >&2; exit 1",
		  EB_E_AUTH, "refuses access" },
		{ "echo 'The conflict is caused by:\n    The user requested a==1\n    b 2 depends "
		  "on "
		  "a<1\n\nTo fix this'; echo 'ERROR: ResolutionImpossible: for help' >&2; exit 1",
		  EB_E_UNSOLVABLE, "The user requested a==1; b 2 depends on a<1" },
		{ "echo 'ERROR: odd https://host.invalid/x happened' >&2; exit 1", EB_E_PROGRAM,
		  "odd <address> happened" },
		{ "exit 97", EB_E_NOT_FOUND, "has no pip" },
		{ "exit 0", 2, "report.json" },
		{ "printf '{\"version\":\"1\",\"environment\":{},\"install\":[]}' >\"$report\"",
		  EB_E_UNSUPPORTED, "of this machine" },
	};
	autoerror struct eb_error *e = NULL;

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++) {
		EB_CLEANUP(fake_release_p) struct fake f = { 0 };
		EB_CLEANUP(pkg_pip_set_free_p) struct pkg_pip_set *s = NULL;
		int r;

		fake_python(&f, bad[i].does);
		r = resolve(&f, &s, &e);
		CHECK(!e || !strstr(e->message, "host.invalid"));
		CHECK_FAIL(r, bad[i].code, bad[i].message, e);
	}
}

TEST(pip, resolve_without_python_gives_a_hint)
{
	EB_CLEANUP(fake_release_p) struct fake f = { 0 };
	EB_CLEANUP(pkg_pip_set_free_p) struct pkg_pip_set *s = NULL;
	autoerror struct eb_error *e = NULL;

	fake_python(&f, "");
	CHECK_INT(unlink(test_path("python3")), 0);
	CHECK_INT(resolve(&f, &s, &e), -EB_E_NOT_FOUND);
	CHECK_STR(e->hint, "apt-get install python3-pip");
}

TEST(pip, requirement_is_a_name_with_versions)
{
	static const char *const good[] = { "six",
					    "matrix-synapse[postgres,redis]==1.160.0",
					    "a.b_c >= 1, < 2",
					    "x~=1.0",
					    "x===1+y",
					    "x==1.*" };
	static const char *const bad[] = { "",
					   "-r x",
					   "./x",
					   "a @ https://example.org/a.whl",
					   "a/b",
					   "a; python_version > '3'",
					   "a\nb",
					   "git+ssh:x",
					   "[x]",
					   "a[x",
					   "--index-url=x",
					   "a]" };
	autoerror struct eb_error *e = NULL;

	for (size_t i = 0; i < EB_ARRAY_LEN(good); i++)
		CHECK_OK(pkg_pip_check_requirement(good[i], &e), e);
	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++)
		CHECK_FAIL(pkg_pip_check_requirement(bad[i], &e), EB_E_FORMAT, "expected a", e);
}

/* Wheels "one" for any and "two" for amd64 and arm64, whose texts are their names. */
static void wheels(struct pkg_pip_wheel v[static 3], char hashes[static 3][65])
{
	static const char *const files[] = { "one-1-py3-none-any.whl",
					     "two-1-cp313-cp313-manylinux_2_28_x86_64.whl",
					     "two-1-cp311-abi3-manylinux_2_17_aarch64.whl" };

	for (size_t i = 0; i < 3; i++) {
		eb_sha256_hex(files[i], strlen(files[i]), hashes[i]);
		v[i] = (struct pkg_pip_wheel){ i ? "two" : "one", "1", files[i], hashes[i],
					       strlen(files[i]) };
	}
}

/* Gives for each line of the list the file whose hash it has. */
#define DOWNLOAD                                                                                   \
	"/bin/cat \"$list\" >>\"$here/lists\"; echo -- >>\"$here/lists\"\n"                        \
	"for a; do case $a in --platform=*|--abi=*|--python-version=*) echo \"$a\" "               \
	">>\"$here/lists\" ;; esac; done\n"                                                        \
	"/bin/mkdir \"$dest\"; for f in one-1-py3-none-any.whl "                                   \
	"two-1-cp313-cp313-manylinux_2_28_x86_64.whl "                                             \
	"two-1-cp311-abi3-manylinux_2_17_aarch64.whl; do\n"                                        \
	"h=$(printf %s \"$f\" | /usr/bin/sha256sum); h=${h%% *}\n"                                 \
	"if /bin/grep -q \"$h\" \"$list\"; then printf %s \"$f\" >\"$dest/$f\"; fi; done"

TEST(pip, download_stores_what_has_the_right_hash)
{
	EB_CLEANUP(pkg_cache_release_p) struct pkg_cache c = { 0 };
	EB_CLEANUP(fake_release_p) struct fake f = { 0 };
	struct pkg_pip_wheel v[3];
	char hashes[3][65];
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(lists, 1 << 16);

	wheels(v, hashes);
	fake_python(&f, DOWNLOAD);
	CHECK_OK(pkg_cache_open(test_path("cache"), &c, &e), e);
	CHECK_OK(pkg_pip_download(&f.pip, v, 3, &c, &e), e);
	for (size_t i = 0; i < 3; i++) {
		uint64_t size = 0;
		autofd int fd = pkg_cache_find(&c, hashes[i], &size, &e);

		CHECK_OK(fd, e);
		CHECK_INT(size, v[i].size);
	}
	CHECK_OK(eb_file_read(test_path("lists"), &lists, &e), e);
	/* Two machines, two runs. */
	CHECK_HAS(eb_buf_str(&lists), "one==1 --hash=sha256:");
	CHECK_HAS(eb_buf_str(&lists), "--abi=cp313\n--python-version=3.13\n"
				      "--platform=manylinux_2_28_x86_64\ntwo==1 --hash");
	CHECK_HAS(eb_buf_str(&lists),
		  "--\n--python-version=3.11\n--platform=manylinux_2_17_aarch64\n");
	/* All there: pip is not asked again. */
	CHECK_INT(unlink(test_path("python3")), 0);
	CHECK_OK(pkg_pip_download(&f.pip, v, 3, &c, &e), e);
}

TEST(pip, download_of_another_file_is_refused_and_not_kept)
{
	EB_CLEANUP(pkg_cache_release_p) struct pkg_cache c = { 0 };
	EB_CLEANUP(fake_release_p) struct fake f = { 0 };
	struct pkg_pip_wheel v[3];
	char hashes[3][65];
	uint64_t size = 0;
	autoerror struct eb_error *e = NULL;

	wheels(v, hashes);
	fake_python(&f, "/bin/mkdir \"$dest\"; echo evil >\"$dest/one-1-py3-none-any.whl\"");
	CHECK_OK(pkg_cache_open(test_path("cache"), &c, &e), e);
	CHECK_FAIL(pkg_pip_download(&f.pip, v, 1, &c, &e), EB_E_DIGEST,
		   "wheel one-1-py3-none-any.whl", e);
	CHECK_INT(pkg_cache_find(&c, hashes[0], &size, NULL), -EB_E_NOT_FOUND);
	fake_release(&f);
	fake_python(&f, "echo 'ERROR: THESE PACKAGES DO NOT MATCH THE HASHES' >&2; exit 1");
	CHECK_FAIL(pkg_pip_download(&f.pip, v, 1, &c, &e), EB_E_DIGEST,
		   "wheel one-1-py3-none-any.whl: the package index has another file", e);
}
