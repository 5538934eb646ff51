#include "image/shared.h"

#include <sys/stat.h>

#include "base/pool.h"
#include "image/digest.h"
#include "pkg/cache.h"
#include "registry_client.h"

#define AUTOCACHE(name)                                                                            \
	EB_CLEANUP(pkg_cache_release_p) struct pkg_cache name = { .dir = { .fd = -1 } }
#define KEY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static int open_fake(void *ctx, const char *host, bool plain_http, bool push,
		     struct oci_registry **ret, struct eb_error **err)
{
	struct client *c = ctx;
	const struct oci_registry_options o = {
		.transport = c->transport, .creds = c->creds, .plain_http = plain_http, .push = push
	};

	return oci_registry_new(host, &o, ret, err);
}

struct fixture {
	struct pkg_cache cache;
	struct eb_pool *pool;
	struct img_upstream upstream;
	struct img_shared *shared;
};

/* A machine of its own: `name` is its cache. */
static void machine(struct fixture *f, struct client *c, const char *name, const char *from,
		    const char *to)
{
	struct img_shared_options o = { .cache = &f->cache,
					.n_from = from != NULL,
					.n_to = to != NULL };
	autoerror struct eb_error *e = NULL;

	*f = (struct fixture){ .cache = { .dir = { .fd = -1 } },
			       .pool = eb_pool_new(2),
			       .upstream = { .ctx = c, .open = open_fake } };
	CHECK_OK(pkg_cache_open(test_path("%s", name), &f->cache, &e), e);
	o.upstream = &f->upstream;
	o.pool = f->pool;
	o.from = &from;
	o.to = &to;
	CHECK_OK(img_shared_new(&o, &f->shared, &e), e);
}

static void machine_release(struct fixture *f)
{
	img_shared_free(f->shared);
	eb_pool_free(f->pool);
	pkg_cache_release(&f->cache);
}
EB_DEFINE_RELEASE(struct fixture, machine_release)
#define MACHINE(name) EB_CLEANUP(machine_release_p) struct fixture name

/* Store a result in f's cache and keep it for others. */
static void keep(struct fixture *f, const char *text, char sha256[static 65])
{
	autoerror struct eb_error *e = NULL;

	CHECK_OK(pkg_cache_store_text(&f->cache, text, strlen(text), sha256, &e), e);
	img_shared_put_file(f->shared, "go", KEY, "a program", sha256, strlen(text));
}

static bool has(const struct fixture *f, const char *sha256)
{
	uint64_t size;
	autofd int fd = pkg_cache_find(&f->cache, sha256, &size, NULL);

	return fd >= 0;
}

TEST(shared, result_of_one_machine_comes_to_another)
{
	AUTOREG(reg);
	AUTOCLIENT(c, reg, NULL, NULL);
	autofree char *place = eb_xasprintf("http://%s/team/cache", fakereg_host(reg));
	char sha256[65], other[65];
	MACHINE(a);
	MACHINE(b);

	machine(&a, &c, "a", NULL, place);
	machine(&b, &c, "b", place, NULL);
	CHECK(!img_shared_get_file(b.shared, "go", KEY, "a program", "0000", 5));
	keep(&a, "a program of ours", sha256);
	CHECK_INT(img_shared_count(a.shared).kept, 1);
	CHECK(fakereg_manifest(reg, "team/cache", "go-" KEY));
	CHECK(img_shared_get_file(b.shared, "go", KEY, "a program", sha256, 17));
	CHECK(has(&b, sha256));
	CHECK_INT(img_shared_count(b.shared).had, 1);
	CHECK_INT(img_shared_count(b.shared).kept, 0);
	/* The lock says another: what is under the key is not taken. */
	eb_sha256_hex("another program..", 17, other);
	CHECK(!img_shared_get_file(b.shared, "go", KEY, "a program", other, 17));
	CHECK(!has(&b, other));
	/* Other kinds have other tags. */
	CHECK(!img_shared_get_file(b.shared, "bytecode", KEY, "it", other, 17));
	CHECK(!img_shared_complaint(b.shared, 0));
}

TEST(shared, what_is_there_is_not_sent_again)
{
	AUTOREG(reg);
	AUTOCLIENT(c, reg, NULL, NULL);
	autofree char *place = eb_xasprintf("%s/team/cache", fakereg_host(reg));
	char sha256[65];
	size_t puts;
	MACHINE(a);
	MACHINE(b);

	machine(&a, &c, "a", NULL, place);
	machine(&b, &c, "b", NULL, place);
	keep(&a, "a program", sha256);
	puts = fakereg_count(reg, "PUT", "");
	keep(&a, "a program", sha256);
	keep(&b, "a program", sha256);
	CHECK_INT(fakereg_count(reg, "PUT", ""), puts);
	CHECK_INT(img_shared_count(b.shared).kept, 0);
}

TEST(shared, altered_blob_is_refused)
{
	AUTOREG(reg);
	AUTOCLIENT(c, reg, NULL, NULL);
	autofree char *place = eb_xasprintf("%s/team/cache", fakereg_host(reg));
	char sha256[65];
	MACHINE(a);
	MACHINE(b);

	machine(&a, &c, "a", NULL, place);
	machine(&b, &c, "b", place, NULL);
	keep(&a, "a program", sha256);
	fakereg_ways(reg)->drop_after = 3;
	fakereg_ways(reg)->wrong_bytes = true;
	CHECK(!img_shared_get_file(b.shared, "go", KEY, "a program", sha256, 9));
	CHECK(!has(&b, sha256));
	CHECK(img_shared_complaint(b.shared, 0));
}

TEST(shared, place_that_refuses_is_asked_once)
{
	AUTOREG(reg);
	AUTOCLIENT(c, reg, NULL, NULL);
	autofree char *place = eb_xasprintf("%s/team/cache", fakereg_host(reg));
	char sha256[65];
	size_t asked;
	MACHINE(b);

	fakereg_ways(reg)->auth = FAKEREG_BASIC;
	fakereg_ways(reg)->user = "me";
	fakereg_ways(reg)->password = "secret";
	machine(&b, &c, "b", place, place);
	eb_sha256_hex("a program", 9, sha256);
	CHECK(!img_shared_get_file(b.shared, "go", KEY, "a program", sha256, 9));
	CHECK(img_shared_complaint(b.shared, 0));
	CHECK_HAS(img_shared_complaint(b.shared, 0), "team/cache");
	asked = fakereg_count(reg, "GET", "");
	CHECK(!img_shared_get_file(b.shared, "go", KEY, "a program", sha256, 9));
	CHECK_INT(fakereg_count(reg, "GET", ""), asked);
}

TEST(shared, places_that_are_none_are_named)
{
	static const char *const bad[] = { "reg.example", "reg.example/cache:tag", "UPPER/x/Y" };

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++) {
		const struct img_shared_options o = { .to = &bad[i], .n_to = 1 };
		struct img_shared *s = NULL;
		autoerror struct eb_error *e = NULL;

		CHECK_FAIL(img_shared_new(&o, &s, &e), EB_E_USAGE, "--cache-to", e);
	}
	/* Without any, nothing is there and nothing is done. */
	CHECK(!img_shared_get_file(NULL, "go", KEY, "it", KEY, 1));
	img_shared_put_file(NULL, "go", KEY, "it", KEY, 1);
}
