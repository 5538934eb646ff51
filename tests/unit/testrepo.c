#include "testrepo.h"

#include <errno.h>
#include <ftw.h>
#include <sys/stat.h>

#include "testlib.h"

enum { MAX_FILE = 1 << 20 };

static size_t source_len;

static void put(const char *path, const struct eb_buf *b)
{
	autoerror struct eb_error *e = NULL;

	CHECK_OK(eb_file_write(path, b->data ? b->data : "", b->len, 0644, &e), e);
}

static void get(const char *path, struct eb_buf *b)
{
	autoerror struct eb_error *e = NULL;

	CHECK_OK(eb_file_read(path, b, &e), e);
}

static int copy_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	const char *to = testrepo_path(strlen(path) > source_len ? path + source_len : "");

	(void)st;
	(void)ftw;
	if (flag == FTW_D) {
		CHECK_INT(mkdir(to, 0755) == 0 || errno == EEXIST, 1);
	} else if (flag != FTW_F) {
		test_fail(__FILE__, __LINE__, "cannot read %s", path);
	} else {
		EB_AUTOBUF(b, MAX_FILE);

		get(path, &b);
		put(to, &b);
	}
	return 0;
}

const char *testrepo_path(const char *rel)
{
	return test_path("repo/%s", rel);
}

void testrepo_init(struct testrepo *t)
{
	autofree char *source = eb_xasprintf("%s/tests/repo", test_source_root());
	autoerror struct eb_error *e = NULL;

	*t = (struct testrepo){ 0 };
	source_len = strlen(source) + 1;
	mkdir(test_path("repo"), 0755);
	if (nftw(source, copy_entry, 16, FTW_PHYS) != 0)
		test_fail(__FILE__, __LINE__, "cannot copy %s", source);
	CHECK_OK(pkg_cache_open(test_path("cache"), &t->cache, &e), e);
	t->dirs[0] = test_path("repo");
	t->o = (struct pkg_repo_options){ .cache = &t->cache,
					  .keyring = testrepo_path("keyring-archive.gpg"),
					  .now_sec = TESTREPO_NOW,
					  .offline = true,
					  .source_dirs = t->dirs };
}

void testrepo_release(struct testrepo *t)
{
	pkg_cache_release(&t->cache);
}

void testrepo_replace(const char *rel, const char *by)
{
	EB_AUTOBUF(b, MAX_FILE);

	get(testrepo_path(by), &b);
	put(testrepo_path(rel), &b);
}

void testrepo_edit(const char *rel, const char *from, const char *to)
{
	EB_AUTOBUF(b, MAX_FILE);
	char *at;

	get(testrepo_path(rel), &b);
	at = memmem(b.data, b.len, from, strlen(from));
	CHECK(at && strlen(from) == strlen(to));
	memcpy(at, to, strlen(to));
	put(testrepo_path(rel), &b);
}
