#include "bundle/select.h"

#include "mkbundle.h"
#include "tar_build.h"
#include "testlib.h"

static void open_three(struct bnd_bundle *b)
{
	EB_CLEANUP(mkb_free_p) struct mkb *m = mkb_new();
	EB_AUTOBUF(tar, 1 << 20);

	tb_file(&tar, "a", "x");
	mkb_layer(m, &tar, NULL, EB_CODEC_NONE);
	mkb_platform(m, "amd64", NULL);
	mkb_layer(m, &tar, NULL, EB_CODEC_NONE);
	mkb_platform(m, "arm64", NULL);
	mkb_image(m, "host:5000/matrix/redis:8.0-1");
	mkb_platform(m, "riscv64", NULL);
	mkb_image(m, "host:5000/matrix/nginx:1");
	mkb_platform(m, "amd64", NULL);
	mkb_image(m, "host:5000/other/nginx:1");
	mkb_write(m, test_path("b.tar"));
	CHECK_INT(bnd_open(test_path("b.tar"), b, NULL), 0);
}

TEST(select, image_answers_to_its_short_names)
{
	static const char *const names[] = { "redis",
					     "redis:8.0-1",
					     "matrix/redis",
					     "matrix/redis:8.0-1",
					     "host:5000/matrix/redis",
					     "host:5000/matrix/redis:8.0-1" };
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	const struct bnd_image *im;
	struct eb_error *e = NULL;

	open_three(&b);
	for (size_t i = 0; i < EB_ARRAY_LEN(names); i++) {
		CHECK_OK(bnd_select_image(&b, names[i], &im, &e), e);
		CHECK(im == &b.images[0]);
	}
	CHECK_FAIL(bnd_select_image(&b, "redis:9", &im, &e), EB_E_NOT_FOUND, "no image 'redis:9'",
		   e);
	CHECK_FAIL(bnd_select_image(&b, "redsi", &im, &e), EB_E_NOT_FOUND, "did you mean 'redis'?",
		   e);
	CHECK_FAIL(bnd_select_image(&b, "nginx", &im, &e), EB_E_USAGE, "give the whole name", e);
	CHECK_OK(bnd_select_image(&b, "other/nginx", &im, &e), e);
	CHECK(im == &b.images[2]);
}

TEST(select, platform_is_asked_for_or_that_of_the_host)
{
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	struct eb_error *e = NULL;
	size_t p = 9;

	open_three(&b);
	CHECK_OK(bnd_select_platform(&b.images[0], NULL, "arm64", &p, &e), e);
	CHECK_INT(p, 1);
	CHECK_OK(bnd_select_platform(&b.images[0], "linux/amd64", "arm64", &p, &e), e);
	CHECK_INT(p, 0);
	CHECK_OK(bnd_select_platform(&b.images[1], NULL, "amd64", &p, &e), e);
	CHECK_INT(p, 0);
	CHECK_FAIL(bnd_select_platform(&b.images[1], "linux/amd64", "amd64", &p, &e),
		   EB_E_NOT_FOUND, "is not there for linux/amd64", e);
	CHECK_FAIL(bnd_select_platform(&b.images[0], NULL, "s390x", &p, &e), EB_E_NOT_FOUND,
		   "is not there for linux/s390x", e);
	CHECK_FAIL(bnd_select_platform(&b.images[0], "linux", "amd64", &p, &e), EB_E_NOT_FOUND,
		   "is not there for linux", e);
}
