#include "pkg/gitarchive.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "pkg/cache.h"
#include "pkg/program.h"
#include "testlib.h"

struct fixture {
	struct pkg_cache cache;
	char *dir;
	char commit[41];
};

static void git(const char *dir, const char *const *args, struct eb_buf *out)
{
	static const char *const env[] = { "PATH=/usr/bin:/bin",
					   "HOME=/nonexistent",
					   "GIT_CONFIG_NOSYSTEM=1",
					   "GIT_AUTHOR_NAME=a",
					   "GIT_AUTHOR_EMAIL=a@example.org",
					   "GIT_COMMITTER_NAME=a",
					   "GIT_COMMITTER_EMAIL=a@example.org",
					   "GIT_AUTHOR_DATE=1700000000 +0000",
					   "GIT_COMMITTER_DATE=1700000000 +0000",
					   NULL };
	const char *argv[16] = { "git" };
	const struct pkg_program p = { .argv = argv, .env = env, .dir = dir, .out = out };
	autoerror struct eb_error *e = NULL;

	for (size_t i = 0; args[i]; i++)
		argv[i + 1] = args[i];
	CHECK_INT(pkg_program_run(&p, &e), 0);
}
#define GIT(dir, out, ...) git(dir, (const char *const[]){ __VA_ARGS__, NULL }, out)

static void start(struct fixture *f)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(out, 4096);

	*f = (struct fixture){ .cache = { .dir = { .fd = -1 } },
			       .dir = eb_xstrdup(test_path("repo")) };
	CHECK_OK(pkg_cache_open(test_path("cache"), &f->cache, &e), e);
	CHECK_INT(mkdir(f->dir, 0755), 0);
	GIT(f->dir, NULL, "init", "--quiet");
	CHECK_OK(eb_file_write(test_path("repo/code"), "x\n", 2, 0644, &e), e);
	GIT(f->dir, NULL, "add", "code");
	GIT(f->dir, NULL, "commit", "--quiet", "-m", "one");
	GIT(f->dir, &out, "rev-parse", "HEAD");
	CHECK_INT(out.len, 41);
	snprintf(f->commit, sizeof(f->commit), "%.40s", eb_buf_str(&out));
}

static void end(struct fixture *f)
{
	pkg_cache_release(&f->cache);
	free(f->dir);
}
EB_DEFINE_RELEASE(struct fixture, end)

#define FIXTURE(f)                                                                                 \
	autoerror struct eb_error *e = NULL;                                                       \
	EB_CLEANUP(end_p) struct fixture f;                                                        \
	start(&f)

/* The commit is the same on every machine, and so is its tar: whatever is configured, from a
 * repository or from a bundle. */
TEST(gitarchive, same_commit_gives_the_same_tar)
{
	static const char want[] =
		"8fd31f35c772f43cc9b582c66848f1b7f82b47d6d0e69128c72b1fb35bdbafce";
	char sha[65] = "";
	uint64_t size = 0, there;
	FIXTURE(f);

	CHECK_STR(f.commit, "7459f6c7040ef8aec321301ca3067eceec6a6f63");
	CHECK_OK(pkg_git_archive(&f.cache, f.dir, f.commit, "archive 'x'", sha, &size, &e), e);
	CHECK_STR(sha, want);
	autofd int fd = pkg_cache_find(&f.cache, sha, &there, &e);
	CHECK(fd >= 0);
	CHECK_INT(there, size);
	GIT(f.dir, NULL, "config", "tar.umask", "0077");
	GIT(f.dir, NULL, "bundle", "create", "--quiet", "../it.bundle", "HEAD");
	CHECK_OK(pkg_git_archive(&f.cache, f.dir, f.commit, "archive 'x'", sha, &size, &e), e);
	CHECK_STR(sha, want);
	CHECK_OK(pkg_git_archive(&f.cache, test_path("it.bundle"), f.commit, "archive 'x'", sha,
				 &size, &e),
		 e);
	CHECK_STR(sha, want);
}

TEST(gitarchive, what_is_missing_is_named)
{
	char sha[65] = "";
	uint64_t size = 0;
	FIXTURE(f);

	CHECK_FAIL(pkg_git_archive(&f.cache, test_path("nothing"), f.commit, "archive 'x'", sha,
				   &size, &e),
		   EB_E_NOT_FOUND, "archive 'x': there is no '", e);
	f.commit[0] = f.commit[0] == '0' ? '1' : '0';
	CHECK_FAIL(pkg_git_archive(&f.cache, f.dir, f.commit, "archive 'x'", sha, &size, &e),
		   EB_E_PROGRAM, f.commit, e);
	CHECK_STR(sha, "");
}
