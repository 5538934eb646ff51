#include <unistd.h>

#include "image/chain.h"
#include "mkdeb.h"
#include "mkdemo.h"
#include "testlib.h"

enum { TAR_BYTES = 8 << 20 };

struct fixture {
	struct demo m;
	struct img_chain chain;
	struct eb_codec *codec;
	bool fallback;
};

static void start(struct fixture *f)
{
	autoerror struct eb_error *e = NULL;

	*f = (struct fixture){ .codec = NULL };
	demo_init(&f->m, 1);
	demo_all(&f->m);
	CHECK_OK(img_chain_load(test_path("recipes/base"), &f->chain, &e), e);
}

static void end(struct fixture *f)
{
	eb_codec_free(f->codec);
	img_chain_release(&f->chain);
	demo_release(&f->m);
}
EB_DEFINE_RELEASE(struct fixture, end)

#define FIXTURE(f)                                                                                 \
	EB_CLEANUP(end_p) struct fixture f;                                                        \
	autoerror struct eb_error *e = NULL;                                                       \
	start(&f)

/* Lists a codec for arch whose package is the first of the lock. */
static void lock_codec(struct fixture *f, const char *arch, const char *library)
{
	struct rcp_lock *l = f->chain.stage[0].lock;
	struct rcp_locked_codec k = { .kind = "zstd",
				      .arch = arch,
				      .version = "1.0-1",
				      .library = library,
				      .path = l->packages[0].path,
				      .archive = "debian",
				      .sha256 = l->packages[0].sha256,
				      .size = l->packages[0].size,
				      .level = 7 };

	rcp_lock_add_codec(l, &k);
}

static int open_codec(struct fixture *f, struct eb_error **err)
{
	return img_codec_open(&f->m.env, &f->chain, &f->codec, &f->fallback, err);
}

TEST(sources, no_codec_in_the_lock_means_the_systems)
{
	FIXTURE(f);

	CHECK_OK(open_codec(&f, &e), e);
	CHECK(!f.fallback); /* nothing is compressed */
	f.codec = eb_codec_free(f.codec);
	f.m.env.compression = EB_CODEC_ZSTD;
	CHECK_OK(open_codec(&f, &e), e);
	CHECK(f.fallback);
	CHECK_INT(eb_codec_level(f.codec), eb_codec_default_level(EB_CODEC_ZSTD));
}

TEST(sources, codec_of_another_machine_gives_its_level)
{
	FIXTURE(f);

	f.m.env.compression = EB_CODEC_ZSTD;
	lock_codec(&f, "arm64", "usr/share/one");
	CHECK_OK(open_codec(&f, &e), e);
	CHECK(f.fallback);
	CHECK_INT(eb_codec_level(f.codec), 7);
	CHECK(img_locked_codec(&f.m.env, &f.chain, "amd64") == NULL);
	CHECK(img_locked_codec(&f.m.env, &f.chain, NULL) != NULL);
}

TEST(sources, codec_that_is_no_library_is_refused)
{
	FIXTURE(f);

	f.m.env.compression = EB_CODEC_ZSTD;
	lock_codec(&f, "amd64", "usr/share/one");
	CHECK_FAIL(open_codec(&f, &e), EB_E_FORMAT, "codec zstd 1.0-1: ", e);
}

TEST(sources, codec_without_its_member_is_refused)
{
	FIXTURE(f);

	f.m.env.compression = EB_CODEC_ZSTD;
	lock_codec(&f, "amd64", "usr/lib/libzstd.so.1");
	CHECK_FAIL(open_codec(&f, &e), EB_E_NOT_FOUND,
		   "codec zstd 1.0-1 (amd64): has no member usr/lib/libzstd.so.1", e);
}

TEST(sources, fetch_names_what_is_missing)
{
	static const char *const arches[] = { "amd64" };
	const struct rcp_locked_package *p;
	struct img_need need = { .arches = arches, .n_arches = 1 };
	FIXTURE(f);

	need.chain = &f.chain;
	CHECK_OK(img_fetch(&f.m.env, &need, 1, &e), e);
	p = &f.chain.stage[0].lock->packages[0];
	CHECK_INT(unlink(test_path("cache/sources/sha256/%s", p->sha256)), 0);
	CHECK_FAIL(img_fetch(&f.m.env, &need, 1, &e), EB_E_OFFLINE, "package demo-data 1.0-1 (all)",
		   e);
	need.n_arches = 0;
	CHECK_OK(img_fetch(&f.m.env, &need, 1, &e), e);
	f.m.env.compression = EB_CODEC_ZSTD;
	lock_codec(&f, "amd64", "x");
	CHECK_FAIL(img_fetch(&f.m.env, &need, 1, &e), EB_E_OFFLINE, "codec zstd 1.0-1 (amd64)", e);
}
