#include "bundle/unpack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/remove.h"
#include "image/digest.h"
#include "mkbundle.h"
#include "tar_build.h"
#include "testlib.h"

static void one_file_bundle(const char *path)
{
	EB_AUTOBUF(tar, 1 << 20);

	tb_file(&tar, "etc/name", "value");
	mkb_one(&tar, path);
}

static size_t entries(const char *dir)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	CHECK(d != NULL);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

TEST(unpack, layout_can_be_opened_again)
{
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 }, again = { 0 };
	struct bnd_unpack_result res;
	struct eb_error *e = NULL;
	EB_AUTOBUF(text, 1 << 20);
	struct stat st;

	one_file_bundle(test_path("b.tar"));
	CHECK_OK(bnd_open(test_path("b.tar"), &b, &e), e);
	CHECK_OK(bnd_unpack_layout(&b, test_path("out/"), NULL, &res, &e), e);
	CHECK_OK(bnd_open(test_path("out"), &again, &e), e);
	CHECK_STR(again.root.digest.text, b.root.digest.text);
	CHECK_STR(again.images[0].name, "ess.internal/one:1");
	CHECK_INT(res.files, oci_archive_count(b.archive));
	CHECK_OK(eb_file_read(test_path("out/index.json"), &text, &e), e);
	CHECK_INT(text.data[text.len - 1], '}');
	CHECK_INT(stat(test_path("out/ess-bundle"), &st), 0);
	CHECK_INT(st.st_mode & 0111, 0111);
}

TEST(unpack, layout_into_full_directory_is_refused)
{
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	struct bnd_unpack_result res;
	struct eb_error *e = NULL;

	one_file_bundle(test_path("b.tar"));
	CHECK_OK(bnd_open(test_path("b.tar"), &b, &e), e);
	CHECK_INT(mkdir(test_path("out"), 0755), 0);
	CHECK_OK(eb_file_write(test_path("out/mine"), "x", 1, 0644, &e), e);
	CHECK_FAIL(bnd_unpack_layout(&b, test_path("out"), NULL, &res, &e), EB_E_CONFLICT,
		   "is not empty", e);
	CHECK_FAIL(bnd_unpack_layout(&b, test_path("b.tar"), NULL, &res, &e), EB_E_CONFLICT,
		   "is not a directory", e);
	CHECK_INT(symlink("out", test_path("link")), 0);
	CHECK_FAIL(bnd_unpack_layout(&b, test_path("link"), NULL, &res, &e), EB_E_CONFLICT,
		   "is not a directory", e);
	CHECK_FAIL(bnd_unpack_layout(&b, test_path("no/such/out"), NULL, &res, &e), ENOENT,
		   "open the directory of", e);
	CHECK_INT(entries(test_dir()), 3);
	CHECK_INT(entries(test_path("out")), 1);
}

TEST(unpack, image_takes_layers_of_every_kind)
{
	EB_CLEANUP(mkb_free_p) struct mkb *m = mkb_new();
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	struct bnd_extract_options o = { 0 };
	struct bnd_extract_result res;
	struct eb_error *e = NULL;
	EB_AUTOBUF(text, 100);

	for (int kind = EB_CODEC_NONE; kind <= EB_CODEC_ZSTD; kind++) {
		autofree char *name = eb_xasprintf("from-%d", kind);
		EB_AUTOBUF(tar, 1 << 20);

		tb_file(&tar, name, "x");
		tb_file(&tar, "last", name);
		mkb_layer(m, &tar, NULL, (enum eb_codec_kind)kind);
	}
	mkb_platform(m, "amd64", NULL);
	mkb_image(m, "ess.internal/three:1");
	mkb_write(m, test_path("b.tar"));
	CHECK_OK(bnd_open(test_path("b.tar"), &b, &e), e);
	CHECK_INT(mkdir(test_path("out"), 0755), 0);
	CHECK_OK(bnd_unpack_image(&b, &b.images[0], 0, test_path("out"), &o, NULL, &res, &e), e);
	CHECK_INT(entries(test_path("out")), 4);
	CHECK_OK(eb_file_read(test_path("out/last"), &text, &e), e);
	CHECK_STR(eb_buf_str(&text), "from-2");
}

TEST(unpack, image_that_fails_leaves_nothing)
{
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	struct bnd_extract_options o = { 0 };
	struct bnd_extract_result res;
	struct eb_error *e = NULL;
	EB_AUTOBUF(tar, 1 << 20);

	tb_file(&tar, "fine/deep/file", "x");
	tb_header(&tar, "../bad", '0', "", 0);
	mkb_one(&tar, test_path("b.tar"));
	CHECK_OK(bnd_open(test_path("b.tar"), &b, &e), e);
	CHECK_FAIL(bnd_unpack_image(&b, &b.images[0], 0, test_path("out"), &o, NULL, &res, &e),
		   EB_E_FORMAT, "image ess.internal/one:1: layer 0 (one): tar, ", e);
	CHECK_INT(entries(test_dir()), 1);
}

TEST(unpack, image_with_wrong_diff_id_is_refused)
{
	EB_CLEANUP(mkb_free_p) struct mkb *m = mkb_new();
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	struct bnd_extract_options o = { 0 };
	struct bnd_extract_result res;
	struct eb_error *e = NULL;
	struct oci_digest wrong;
	EB_AUTOBUF(tar, 1 << 20);

	oci_digest_of("other", 5, &wrong);
	tb_file(&tar, "a", "x");
	mkb_wrong_diff_id(m, &wrong);
	mkb_layer(m, &tar, "one", EB_CODEC_ZSTD);
	mkb_platform(m, "amd64", NULL);
	mkb_image(m, "ess.internal/one:1");
	mkb_write(m, test_path("b.tar"));
	CHECK_OK(bnd_open(test_path("b.tar"), &b, &e), e);
	CHECK_FAIL(bnd_unpack_image(&b, &b.images[0], 0, test_path("out"), &o, NULL, &res, &e),
		   EB_E_DIGEST, "uncompressed layer", e);
	CHECK_INT(entries(test_dir()), 1);
}

/* With as many descriptors as it takes to begin, and not enough to go on. */
TEST(unpack, nothing_is_left_when_no_file_can_be_opened)
{
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	struct bnd_extract_options o = { .same_owner = false };
	struct rlimit whole, few;
	unsigned int failed = 0;
	EB_AUTOBUF(tar, 1 << 20);
	struct eb_error *e = NULL;

	tb_file(&tar, "a/b/c/d/e/f/g", "value");
	tb_file(&tar, "a/b/c/d/e/h/i", "value");
	mkb_one(&tar, test_path("b.tar"));
	CHECK_OK(bnd_open(test_path("b.tar"), &b, &e), e);
	CHECK_INT(getrlimit(RLIMIT_NOFILE, &whole), 0);
	few = whole;
	for (few.rlim_cur = 3; few.rlim_cur < 30; few.rlim_cur++) {
		const char *dir = test_path("out/%u", (unsigned int)few.rlim_cur);
		struct bnd_extract_result image;
		struct bnd_unpack_result layout;
		int r;

		CHECK(mkdir(test_path("out"), 0755) == 0 || errno == EEXIST);
		CHECK_INT(setrlimit(RLIMIT_NOFILE, &few), 0);
		r = few.rlim_cur % 2
			    ? bnd_unpack_layout(&b, dir, NULL, &layout, NULL)
			    : bnd_unpack_image(&b, &b.images[0], 0, dir, &o, NULL, &image, NULL);
		CHECK_INT(setrlimit(RLIMIT_NOFILE, &whole), 0);
		if (r >= 0)
			CHECK_OK(eb_remove_tree(AT_FDCWD, dir, &e), e);
		failed += r < 0;
		CHECK_INT(rmdir(test_path("out")), 0);
	}
	CHECK(failed > 4 && failed < 27);
}

TEST(unpack, tree_of_any_depth_is_removed)
{
	struct eb_error *e = NULL;
	int fd;

	CHECK_INT(mkdir(test_path("deep"), 0700), 0);
	fd = open(test_path("deep"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 3000; i++) {
		int next;

		CHECK_INT(mkdirat(fd, "moved-1", 0700), 0);
		CHECK_INT(mkdirat(fd, "empty", 0), 0);
		next = openat(fd, "moved-1", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (i % 2)
			CHECK_INT(fchmod(fd, 0), 0);
		close(fd);
		fd = next;
	}
	close(fd);
	CHECK_INT(symlink(test_dir(), test_path("deep/link")), 0);
	CHECK_OK(eb_remove_tree(AT_FDCWD, test_path("deep"), &e), e);
	CHECK_INT(entries(test_dir()), 0);
}
