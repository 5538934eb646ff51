#include "bundle/pull.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/pool.h"
#include "bundle/push.h"
#include "bundle/sign.h"
#include "mkdemo.h"
#include "registry_client.h"
#include "sign/key.h"

enum { BUNDLE_BYTES = 1 << 20 };

struct fixture {
	struct demo m;
	struct oci_key *key;
	const char *path;
	struct eb_pool *pool;
};

static void start(struct fixture *f)
{
	autoerror struct eb_error *e = NULL;

	*f = (struct fixture){ .path = NULL };
	demo_init(&f->m, 2);
	f->m.small = true;
	CHECK_OK(oci_key_generate(&f->key, &e), e);
	f->path = demo_bundle(&f->m, "demo.tar", f->key);
	f->pool = eb_pool_new(3);
}

static void end(struct fixture *f)
{
	eb_pool_free(f->pool);
	oci_key_free(f->key);
	demo_release(&f->m);
}
EB_DEFINE_RELEASE(struct fixture, end)
#define AUTOFIX(name)                                                                              \
	EB_CLEANUP(end_p) struct fixture name;                                                     \
	start(&name)

static int push(struct fixture *x, struct client *c, const char *prefix, bool plan,
		struct bnd_push_result *res, struct eb_error **err)
{
	const struct oci_push_options o = { .pool = x->pool, .plan = plan };
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	int r = bnd_open(x->path, &b, err);

	return r < 0 ? r : bnd_push(&b, c->registry, prefix, BND_SPARSE_KEEP, &o, res, err);
}

static int pull(struct fixture *x, struct client *c, const char *repo, const struct oci_key *key,
		struct bnd_pull_result *res, struct eb_error **err)
{
	const struct bnd_pull_options o = { .pool = x->pool, .key = key };
	EB_CLEANUP(oci_ref_release_p) struct oci_ref ref = { .host = NULL };
	autofree char *text = eb_xasprintf("%s/%s", oci_registry_host(c->registry), repo);
	int r = oci_ref_parse(text, &ref, err);

	return r < 0 ? r : bnd_pull(c->registry, &ref, test_path("back.tar"), &o, res, err);
}

static void check_same(const struct fixture *x)
{
	EB_AUTOBUF(a, BUNDLE_BYTES);
	EB_AUTOBUF(b, BUNDLE_BYTES);

	demo_read(x->path, &a);
	demo_read(test_path("back.tar"), &b);
	CHECK_INT(b.len, a.len);
	CHECK(memcmp(a.data, b.data, a.len) == 0);
}

/* Where the bundle went: the last target. */
static char *root_ref(const struct bnd_push_result *res)
{
	const struct bnd_push_target *t = &res->targets[res->n_targets - 1];

	return eb_xasprintf("%s:%s", t->repo, t->tag);
}
#define AUTORES(name) EB_CLEANUP(bnd_push_result_release_p) struct bnd_push_result name = { 0 }

TEST(pull, pushed_bundle_comes_back_as_it_was)
{
	static const char *const prefixes[] = { "", "air/gap" };

	for (size_t i = 0; i < EB_ARRAY_LEN(prefixes); i++) {
		autoerror struct eb_error *e = NULL;
		struct bnd_pull_result got;
		autofree char *ref = NULL;
		AUTOFIX(x);
		AUTOREG(f);
		AUTOCLIENT(c, f, NULL, NULL);
		AUTORES(res);

		CHECK_OK(push(&x, &c, prefixes[i], false, &res, &e), e);
		CHECK(strncmp(res.targets[0].repo, prefixes[i], strlen(prefixes[i])) == 0);
		CHECK_INT(res.sum.targets_there, 0);
		ref = root_ref(&res);
		CHECK_OK(pull(&x, &c, ref, x.key, &got, &e), e);
		check_same(&x);
		CHECK_INT(got.signatures, 1);
	}
}

TEST(pull, two_signatures_come_back_in_their_order)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(oci_key_free_p) struct oci_key *second = NULL;
	struct bnd_pull_result got;
	struct oci_digest root;
	autofree char *ref = NULL;
	bool added;
	AUTOFIX(x);
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTORES(res);

	CHECK_OK(oci_key_generate(&second, &e), e);
	CHECK_OK(bnd_sign_file(x.path, second, x.pool, NULL, &added, &root, &e), e);
	CHECK_OK(push(&x, &c, "p", false, &res, &e), e);
	ref = root_ref(&res);
	CHECK_OK(pull(&x, &c, ref, second, &got, &e), e);
	CHECK_INT(got.signatures, 2);
	check_same(&x);
}

TEST(push, signatures_of_others_stay)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(oci_key_free_p) struct oci_key *second = NULL;
	struct bnd_pull_result got;
	struct oci_digest root;
	autofree char *ref = NULL;
	bool added;
	AUTOFIX(x);
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTORES(one);
	AUTORES(two);
	EB_AUTOBUF(once, BUNDLE_BYTES);

	/* The file before somebody else signed it is pushed after the one that has both. */
	demo_read(x.path, &once);
	CHECK_OK(oci_key_generate(&second, &e), e);
	CHECK_OK(bnd_sign_file(x.path, second, x.pool, NULL, &added, &root, &e), e);
	CHECK_OK(push(&x, &c, "p", false, &one, &e), e);
	demo_write(x.path, once.data, once.len);
	CHECK_OK(push(&x, &c, "p", false, &two, &e), e);
	CHECK_INT(two.sum.targets_there, two.n_targets);
	ref = root_ref(&two);
	CHECK_OK(pull(&x, &c, ref, second, &got, &e), e);
	CHECK_INT(got.signatures, 2);
}

TEST(push, second_push_asks_once_per_target)
{
	autoerror struct eb_error *e = NULL;
	AUTOFIX(x);
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTORES(res);
	AUTORES(again);
	size_t before;

	CHECK_OK(push(&x, &c, "p", false, &res, &e), e);
	before = httpd_n_requests(fakereg_httpd(f));
	CHECK_OK(push(&x, &c, "p", false, &again, &e), e);
	CHECK_INT(again.sum.targets_there, again.n_targets);
	CHECK_INT(again.sum.bytes_sent, 0);
	/* And one for what others may have signed there. */
	CHECK_INT(httpd_n_requests(fakereg_httpd(f)) - before, again.n_targets + 1);
}

TEST(push, blobs_are_sent_once_and_mounted)
{
	autoerror struct eb_error *e = NULL;
	AUTOFIX(x);
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTORES(res);
	AUTORES(elsewhere);

	CHECK_OK(push(&x, &c, "p", false, &res, &e), e);
	CHECK(res.sum.blobs_mounted > 0);
	/* What the blobs have, and the documents. */
	CHECK(fakereg_received(f) >= res.sum.bytes_sent);
	CHECK_INT(fakereg_count(f, "PUT", "/blobs/uploads/"), res.sum.blobs_sent);
	/* A registry that does not mount gets them one by one. */
	fakereg_ways(f)->no_mount = true;
	CHECK_OK(push(&x, &c, "q", false, &elsewhere, &e), e);
	CHECK_INT(elsewhere.sum.blobs_mounted, 0);
}

TEST(push, root_comes_last)
{
	autoerror struct eb_error *e = NULL;
	AUTOFIX(x);
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTORES(res);
	struct httpd_request last;
	autofree char *path = NULL;
	const struct bnd_push_target *root;

	CHECK_OK(push(&x, &c, "p", false, &res, &e), e);
	root = &res.targets[res.n_targets - 1];
	last = httpd_request(fakereg_httpd(f), httpd_n_requests(fakereg_httpd(f)) - 1);
	path = eb_xasprintf("/v2/%s/manifests/%s", root->repo, root->tag);
	CHECK_STR(last.method, "PUT");
	CHECK_STR(last.path, path);
}

TEST(push, plan_writes_nothing)
{
	autoerror struct eb_error *e = NULL;
	AUTOFIX(x);
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTORES(res);

	CHECK_OK(push(&x, &c, "p", true, &res, &e), e);
	CHECK(res.sum.blobs_sent > 0);
	CHECK(res.sum.bytes_sent > 0);
	CHECK_INT(fakereg_count(f, "POST", "/"), 0);
	CHECK_INT(fakereg_count(f, "PUT", "/"), 0);
}

TEST(push, failure_names_image_and_blob)
{
	autoerror struct eb_error *e = NULL;
	AUTOFIX(x);
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTORES(res);

	fakereg_ways(f)->no_location = true;
	CHECK_INT(push(&x, &c, "p", false, &res, &e), -EB_E_NETWORK);
	CHECK_HAS(e->message, "image example.internal/base:");
	CHECK_HAS(e->message, "blob sha256:");
	CHECK_HAS(e->message, fakereg_host(f));
	eb_error_clear(&e);
	CHECK_FAIL(push(&x, &c, "Upper", false, &res, &e), EB_E_USAGE, "repository 'Upper/", e);
}

TEST(push, damaged_blob_is_not_stored)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	const struct oci_member *m;
	AUTOFIX(x);
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTORES(res);
	autofd int fd = open(x.path, O_RDWR | O_CLOEXEC);
	char byte;

	CHECK_OK(bnd_open(x.path, &b, &e), e);
	m = oci_archive_find_blob(b.archive, &b.images[0].platforms[0].items[0].digest);
	CHECK_INT(pread(fd, &byte, 1, (off_t)m->offset), 1);
	byte ^= 1;
	CHECK_INT(pwrite(fd, &byte, 1, (off_t)m->offset), 1);
	CHECK_INT(push(&x, &c, "p", false, &res, &e), -EB_E_DIGEST);
	CHECK_INT(fakereg_count(f, "PUT", "/manifests/"), 0);
}

TEST(pull, wrong_bytes_fail)
{
	autoerror struct eb_error *e = NULL;
	struct bnd_pull_result got;
	autofree char *ref = NULL;
	struct stat st;
	AUTOFIX(x);
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTORES(res);

	CHECK_OK(push(&x, &c, "p", false, &res, &e), e);
	ref = root_ref(&res);
	fakereg_ways(f)->wrong_bytes = true;
	CHECK(pull(&x, &c, ref, NULL, &got, &e) < 0);
	CHECK(stat(test_path("back.tar"), &st) < 0);
}

TEST(pull, other_key_fails)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(oci_key_free_p) struct oci_key *other = NULL;
	struct bnd_pull_result got;
	autofree char *ref = NULL;
	struct stat st;
	AUTOFIX(x);
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTORES(res);

	CHECK_OK(oci_key_generate(&other, &e), e);
	CHECK_OK(push(&x, &c, "p", false, &res, &e), e);
	ref = root_ref(&res);
	CHECK_FAIL(pull(&x, &c, ref, other, &got, &e), EB_E_SIGNATURE, "by that key", e);
	CHECK(stat(test_path("back.tar"), &st) < 0);
}

/* One blob that cannot be had; the next run fetches that one. */
TEST(pull, goes_on_where_it_was)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	struct bnd_pull_result got;
	autofree char *ref = NULL, *path = NULL;
	const struct oci_descriptor *missing;
	uint64_t whole;
	struct stat st;
	AUTOFIX(x);
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTORES(res);

	CHECK_OK(push(&x, &c, "p", false, &res, &e), e);
	ref = root_ref(&res);
	CHECK_OK(pull(&x, &c, ref, NULL, &got, &e), e);
	whole = got.fetched_bytes;
	CHECK_INT(unlink(test_path("back.tar")), 0);
	CHECK_OK(bnd_open(x.path, &b, &e), e);
	missing = &b.images[0].platforms[0].items[0];
	for (size_t i = 0; i < b.images[0].platforms[0].n_items; i++)
		if (b.images[0].platforms[0].items[i].size < missing->size)
			missing = &b.images[0].platforms[0].items[i];
	path = eb_xasprintf("/v2/%s/blobs/%s", res.targets[res.n_targets - 1].repo,
			    missing->digest.text);
	httpd_reply(fakereg_httpd(f), path,
		    &(struct httpd_reply){ .mode = HTTPD_STATUS, .status = 404 });
	CHECK_INT(pull(&x, &c, ref, NULL, &got, &e), -EB_E_NOT_FOUND);
	CHECK_HAS(e->message, missing->digest.text);
	CHECK_HAS(e->hint, "back.tar.part");
	eb_error_clear(&e);
	CHECK_INT(stat(test_path("back.tar.part"), &st), 0);
	CHECK(stat(test_path("back.tar"), &st) < 0);
	{
		size_t n;
		const char *data = fakereg_blob(f, res.targets[res.n_targets - 1].repo,
						missing->digest.text, &n);

		httpd_reply(fakereg_httpd(f), path,
			    &(struct httpd_reply){ .body = data, .size = n });
	}
	CHECK_OK(pull(&x, &c, ref, x.key, &got, &e), e);
	check_same(&x);
	CHECK(stat(test_path("back.tar.part"), &st) < 0);
	CHECK(got.fetched_bytes >= missing->size);
	CHECK(got.fetched_bytes < whole);
}

TEST(pull, image_is_no_bundle)
{
	autoerror struct eb_error *e = NULL;
	struct bnd_pull_result got;
	autofree char *ref = NULL;
	AUTOFIX(x);
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTORES(res);

	CHECK_OK(push(&x, &c, "p", false, &res, &e), e);
	ref = eb_xasprintf("%s:%s", res.targets[0].repo, res.targets[0].tag);
	CHECK_FAIL(pull(&x, &c, ref, NULL, &got, &e), EB_E_FORMAT, "is an image, no bundle", e);
	CHECK_FAIL(pull(&x, &c, "p/nothing:1", NULL, &got, &e), EB_E_NOT_FOUND, "p/nothing", e);
}

/* Half a blob is there: the other half is fetched. */
TEST(pull, half_a_blob_is_kept)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	struct bnd_pull_result got;
	autofree char *ref = NULL;
	const struct oci_member *m;
	const struct oci_descriptor *d;
	uint64_t half;
	AUTOFIX(x);
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTORES(res);

	CHECK_OK(push(&x, &c, "p", false, &res, &e), e);
	ref = root_ref(&res);
	CHECK_OK(bnd_open(x.path, &b, &e), e);
	d = &b.images[0].platforms[0].items[0];
	m = oci_archive_find_blob(b.archive, &d->digest);
	half = d->size / 2;
	{
		EB_AUTOBUF(all, 1 << 30);
		autofree char *zeros = eb_xcalloc(1, d->size);

		CHECK_OK(eb_file_read(x.path, &all, &e), e);
		memcpy(all.data + m->offset + half, zeros, d->size - half);
		CHECK_OK(eb_file_write(test_path("back.tar.part"), all.data, all.len, 0666, &e), e);
	}
	CHECK_OK(pull(&x, &c, ref, x.key, &got, &e), e);
	check_same(&x);
	CHECK(got.fetched_bytes >= d->size - half);
	CHECK(got.fetched_bytes < d->size - half + 1024);
}

/* What is there is of no use: all of it is fetched. */
TEST(pull, damaged_part_is_fetched_anew)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	struct bnd_pull_result got;
	autofree char *ref = NULL;
	const struct oci_member *m;
	const struct oci_descriptor *d;
	AUTOFIX(x);
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTORES(res);

	CHECK_OK(push(&x, &c, "p", false, &res, &e), e);
	ref = root_ref(&res);
	CHECK_OK(bnd_open(x.path, &b, &e), e);
	d = &b.images[0].platforms[0].items[0];
	m = oci_archive_find_blob(b.archive, &d->digest);
	{
		EB_AUTOBUF(all, 1 << 30);

		CHECK_OK(eb_file_read(x.path, &all, &e), e);
		all.data[m->offset] = (char)(all.data[m->offset] ^ 1);
		CHECK_OK(eb_file_write(test_path("back.tar.part"), all.data, all.len, 0666, &e), e);
	}
	CHECK_OK(pull(&x, &c, ref, x.key, &got, &e), e);
	check_same(&x);
	CHECK(got.fetched_bytes >= d->size); /* and perhaps zeros at its end before */
	CHECK(got.fetched_bytes < 2 * d->size);
}
