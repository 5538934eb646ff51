#include "bundle/verify.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/pool.h"
#include "mkdemo.h"
#include "sign/key.h"
#include "testlib.h"

enum { BUNDLE_BYTES = 1 << 20, STEP = 512 };

struct fixture {
	struct demo m;
	struct oci_key *key;
	const char *path;
	struct eb_buf good; /* the bytes of a signed bundle */
};

static void start(struct fixture *f, bool small, bool sign)
{
	autoerror struct eb_error *e = NULL;

	*f = (struct fixture){ .path = NULL };
	demo_init(&f->m, 1);
	f->m.small = small;
	CHECK_OK(oci_key_generate(&f->key, &e), e);
	f->path = demo_bundle(&f->m, "demo.tar", sign ? f->key : NULL);
	eb_buf_init(&f->good, BUNDLE_BYTES);
	demo_read(f->path, &f->good);
}

static void end(struct fixture *f)
{
	eb_buf_release(&f->good);
	oci_key_free(f->key);
	demo_release(&f->m);
}
EB_DEFINE_RELEASE(struct fixture, end)

static int verify(struct fixture *f, const struct oci_key *key, struct eb_error **err)
{
	struct bnd_verify_result res;

	return bnd_verify(f->path, key, f->m.pool, NULL, NULL, &res, err);
}

TEST(verify, signed_bundle_is_accepted)
{
	EB_CLEANUP(end_p) struct fixture f;
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	autoerror struct eb_error *e = NULL;
	struct bnd_verify_result res;

	start(&f, true, true);
	CHECK(f.good.len < 100 * 1024);
	CHECK_OK(bnd_verify(f.path, f.key, f.m.pool, NULL, &b, &res, &e), e);
	CHECK_INT(res.signatures, 1);
	CHECK_INT(res.valid, 1);
	CHECK_INT(b.n_images, 1);
	CHECK(bnd_signed_by(&b, f.key));
	CHECK_OK(bnd_verify(f.path, NULL, f.m.pool, NULL, NULL, &res, &e), e);
	CHECK_INT(res.valid, 0);
}

/* In long runs of one byte (padding) every 32nd stands for the others, unless ESS_TEST_ALL is set.
 */
static bool worth_testing(const struct eb_buf *b, size_t i)
{
	if (i < 16 || i % 32 == 0 || getenv("ESS_TEST_ALL"))
		return true;
	for (size_t k = 1; k < 16; k++)
		if (b->data[i - k] != b->data[i])
			return true;
	return false;
}

TEST(verify, any_flipped_bit_is_refused)
{
	EB_CLEANUP(end_p) struct fixture f;
	autofd int fd = -1;

	start(&f, true, true);
	fd = open(f.path, O_RDWR | O_CLOEXEC);
	for (size_t i = 0; i < f.good.len; i++) {
		autoerror struct eb_error *e = NULL;
		char c = (char)(f.good.data[i] ^ 1 << i % 8);
		int r;

		if (!worth_testing(&f.good, i))
			continue;
		CHECK_INT(pwrite(fd, &c, 1, (off_t)i), 1);
		r = verify(&f, f.key, &e);
		if (r >= 0 || eb_code_exit_status(r) != 3)
			test_fail(__FILE__, __LINE__, "bit %zu of byte %zu: %d %s", i % 8, i, r,
				  e ? e->message : "accepted");
		CHECK_HAS(e->message, f.path);
		CHECK_INT(pwrite(fd, &f.good.data[i], 1, (off_t)i), 1);
	}
	CHECK_INT(verify(&f, f.key, NULL), 0);
}

TEST(verify, truncation_is_refused)
{
	EB_CLEANUP(end_p) struct fixture f;

	start(&f, true, true);
	for (size_t n = f.good.len; n > 0; n = n > STEP ? n - STEP : 0) {
		autoerror struct eb_error *e = NULL;
		int r;

		CHECK_INT(truncate(f.path, (off_t)(n - 1)), 0);
		r = verify(&f, f.key, &e);
		if (r >= 0 || eb_code_exit_status(r) != 3)
			test_fail(__FILE__, __LINE__, "%zu bytes: %d %s", n - 1, r,
				  e ? e->message : "accepted");
		CHECK_HAS(e->message, f.path);
		CHECK_INT(truncate(f.path, (off_t)(n - n % STEP - (n % STEP ? 0 : STEP))), 0);
		if (n > STEP)
			CHECK_INT(eb_code_exit_status(verify(&f, f.key, NULL)), 3);
	}
}

TEST(verify, trailing_data_is_refused)
{
	static const size_t sizes[] = { 1, 512, 1024, 10240 };
	EB_CLEANUP(end_p) struct fixture f;

	start(&f, true, true);
	for (size_t i = 0; i < EB_ARRAY_LEN(sizes) * 2; i++) {
		autoerror struct eb_error *e = NULL;
		autofree char *more = eb_xcalloc(1, f.good.len + sizes[i / 2]);

		memcpy(more, f.good.data, f.good.len);
		memset(more + f.good.len, i % 2 ? 'x' : 0, sizes[i / 2]);
		demo_write(f.path, more, f.good.len + sizes[i / 2]);
		CHECK_FAIL(verify(&f, f.key, &e), EB_E_DIGEST, "a bundle of this content has", e);
	}
}
