#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "image/chain.h"
#include "image/fetching.h"
#include "mkdemo.h"
#include "testlib.h"

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* The first package of recipe "base" is taken out of the cache and fetched again. */
static void fetch_again(unsigned int jobs, const char *path, bool want_index)
{
	EB_CLEANUP(demo_release_p) struct demo m;
	EB_CLEANUP(img_chain_release_p) struct img_chain chain = { 0 };
	const char *dirs[] = { test_path("elsewhere"), NULL };
	const struct rcp_locked_package *p;
	struct pkg_source s;
	autoerror struct eb_error *e = NULL;

	demo_init(&m, jobs);
	demo_all(&m);
	CHECK_OK(img_chain_load(test_path("recipes/base"), &chain, &e), e);
	p = &chain.stage[0].lock->packages[0];
	s = (struct pkg_source){ .what = p->name,
				 .archive = "debian",
				 .path = path,
				 .sha256 = p->sha256,
				 .size = p->size };
	CHECK(mkdir(dirs[0], 0700) == 0 || exists(dirs[0]));
	m.fetch.source_dirs = dirs;
	for (int again = 0; again < 2; again++) {
		unlink(test_path("cache/derived/debindex-1/%s", p->sha256));
		if (!again)
			CHECK_INT(rename(test_path("cache/sources/sha256/%s", p->sha256),
					 test_path("elsewhere/%s", p->sha256)),
				  0);
		CHECK_OK(img_fetch_sources(&m.env, &s, 1, &e), e);
		CHECK(exists(test_path("cache/sources/sha256/%s", p->sha256)));
		/* What was there already is left for whoever needs it. */
		CHECK(exists(test_path("cache/derived/debindex-1/%s", p->sha256)) ==
		      (want_index && !again));
	}
}

TEST(fetching, package_that_came_has_its_index)
{
	fetch_again(3, "pool/d/demo.deb", true);
}

TEST(fetching, package_has_its_index_with_one_thread_too)
{
	fetch_again(1, "pool/d/demo.deb", true);
}

TEST(fetching, what_is_no_package_has_none)
{
	fetch_again(2, "pool/d/demo.tar", false);
}

TEST(fetching, package_that_cannot_be_read_is_left_to_the_build)
{
	EB_CLEANUP(demo_release_p) struct demo m;
	const char *dirs[] = { test_path("elsewhere"), NULL };
	struct pkg_source s = {
		.what = "bad", .archive = "debian", .path = "pool/bad.deb", .size = 3
	};
	autoerror struct eb_error *e = NULL;
	char hex[65];

	demo_init(&m, 2);
	eb_sha256_hex("bad", 3, hex);
	s.sha256 = hex;
	CHECK_INT(mkdir(dirs[0], 0700), 0);
	demo_file("elsewhere/bad.deb", "bad");
	m.fetch.source_dirs = dirs;
	CHECK_OK(img_fetch_sources(&m.env, &s, 1, &e), e);
	CHECK(exists(test_path("cache/sources/sha256/%s", hex)));
}

TEST(fetching, failure_of_the_fetch_is_reported)
{
	EB_CLEANUP(demo_release_p) struct demo m;
	static const char none[] = "00000000000000000000000000000000"
				   "00000000000000000000000000000000";
	const struct pkg_source s = { .what = "package none",
				      .archive = "debian",
				      .path = "none.deb",
				      .sha256 = none,
				      .size = 3 };
	autoerror struct eb_error *e = NULL;

	demo_init(&m, 2);
	CHECK_FAIL(img_fetch_sources(&m.env, &s, 1, &e), EB_E_OFFLINE, "package none", e);
}
