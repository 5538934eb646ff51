#include "base/stream.h"
#include "registry_client.h"

enum { SIZE = 3 * 1024 * 1024, SMALL = 5000 };

#define AUTODESC(var)                                                                              \
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor var = { .media_type = NULL }

/* Where blobs come from, and what was read of it. */
struct origin {
	unsigned int opened;
	uint64_t read_bytes;
	size_t cut_at; /* the source ends there; 0 = it does not */
	bool wrong;    /* its last byte is another */
	bool other;    /* all its bytes are, and the last one cannot be read */
};

struct counting {
	struct eb_reader base;
	struct origin *o;
	uint64_t at, size;
};

static ssize_t counting_read(struct eb_reader *r, void *p, size_t n, struct eb_error **err)
{
	struct counting *c = (struct counting *)r;
	uint64_t end = c->o->cut_at ? c->o->cut_at : c->size;

	if (c->at >= end)
		return 0;
	if (n > end - c->at)
		n = (size_t)(end - c->at);
	memcpy(p, client_bytes(SIZE) + c->at, n);
	if (c->o->other && c->at + n == c->size)
		return eb_throw(err, EB_E_NETWORK, "the source broke off");
	if (c->o->other)
		memset(p, '!', n);
	c->at += n;
	c->o->read_bytes += n;
	if (c->o->wrong && c->at == c->size)
		((char *)p)[n - 1] ^= 1;
	return (ssize_t)n;
}

static void counting_free(struct eb_reader *r)
{
	free(r);
}

static int open_origin(void *ctx, const struct oci_descriptor *d, uint64_t offset,
		       struct eb_reader **ret, struct eb_error **err)
{
	static const struct eb_reader_ops ops = { .read = counting_read, .free = counting_free };
	struct counting *c = eb_xcalloc(1, sizeof(*c));

	(void)err;
	*c = (struct counting){ { &ops }, ctx, offset, d->size };
	c->o->opened++;
	*ret = &c->base;
	return 0;
}

static void describe(size_t n, struct oci_descriptor *d)
{
	oci_descriptor_of("application/octet-stream", client_bytes(n), n, d);
}

static int put(struct client *c, const struct oci_descriptor *d, const char *from, struct origin *o,
	       struct oci_upload_result *res, struct eb_error **err)
{
	struct oci_blob_source src = { o, open_origin };

	return oci_registry_put_blob(c->registry, "a/b", d, from, &src, res, err);
}

static void check_there(struct fakereg *f, const struct oci_descriptor *d)
{
	size_t n = 0;
	const char *p = fakereg_blob(f, "a/b", d->digest.text, &n);

	CHECK(p != NULL);
	CHECK_INT(n, d->size);
	CHECK(memcmp(p, client_bytes(n), n) == 0);
}

TEST(blob_put, small_blob_takes_two_requests)
{
	autoerror struct eb_error *e = NULL;
	struct oci_upload_result res = { 0 };
	struct origin o = { 0 };
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTODESC(d);

	describe(SMALL, &d);
	CHECK_OK(put(&c, &d, NULL, &o, &res, &e), e);
	check_there(f, &d);
	CHECK_INT(httpd_n_requests(fakereg_httpd(f)), 2);
	CHECK_INT(res.sent_bytes, SMALL);
	CHECK_INT(o.opened, 1);
}

TEST(blob_put, empty_blob)
{
	autoerror struct eb_error *e = NULL;
	struct oci_upload_result res = { 0 };
	struct origin o = { 0 };
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTODESC(d);

	describe(0, &d);
	CHECK_OK(put(&c, &d, NULL, &o, &res, &e), e);
	check_there(f, &d);
}

TEST(blob_put, large_blob_is_patched)
{
	autoerror struct eb_error *e = NULL;
	struct oci_upload_result res = { 0 };
	struct origin o = { 0 };
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTODESC(d);

	describe(SIZE, &d);
	CHECK_OK(put(&c, &d, NULL, &o, &res, &e), e);
	check_there(f, &d);
	CHECK_INT(httpd_n_requests(fakereg_httpd(f)), 3);
	CHECK_INT(fakereg_received(f), SIZE);
}

TEST(blob_put, mount_sends_nothing)
{
	autoerror struct eb_error *e = NULL;
	struct oci_upload_result res = { 0 };
	struct origin o = { 0 };
	char digest[80];
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTODESC(d);

	describe(SIZE, &d);
	fakereg_add_blob(f, "other", client_bytes(SIZE), SIZE, digest);
	CHECK_OK(put(&c, &d, "other", &o, &res, &e), e);
	CHECK(res.mounted);
	CHECK_INT(o.opened, 0);
	check_there(f, &d);
	CHECK_INT(httpd_n_requests(fakereg_httpd(f)), 1);
}

TEST(blob_put, mount_refused_is_sent)
{
	autoerror struct eb_error *e = NULL;
	struct oci_upload_result res = { 0 };
	struct origin o = { 0 };
	char digest[80];
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTODESC(d);

	describe(SMALL, &d);
	fakereg_add_blob(f, "other", client_bytes(SMALL), SMALL, digest);
	fakereg_ways(f)->no_mount = true;
	CHECK_OK(put(&c, &d, "other", &o, &res, &e), e);
	CHECK(!res.mounted);
	check_there(f, &d);
	CHECK_INT(httpd_n_requests(fakereg_httpd(f)), 2);
}

struct way {
	const char *name;
	struct fakereg_ways ways;
	size_t size;
	uint64_t most_received;
};

TEST(blob_put, odd_registries_get_it_all_the_same)
{
	static const struct way ways[] = {
		{ "relative", { .relative_location = true }, SIZE, SIZE },
		{ "query", { .location_with_query = true }, SIZE, SIZE },
		{ "relative with query, small",
		  { .relative_location = true, .location_with_query = true },
		  SMALL,
		  SMALL },
		{ "201 on PATCH", { .patch_201 = true }, SIZE, SIZE },
		{ "no Range header", { .no_range_header = true }, SIZE, SIZE },
		{ "no PATCH", { .no_patch = true }, SIZE, 2 * SIZE },
		{ "413 above 1 MiB", { .max_body = 1024 * 1024 }, SIZE, 4 * SIZE },
		{ "413, small blob", { .max_body = 1024 * 1024 }, 1500000, 4 * SIZE },
		{ "least chunk", { .chunk_min = "1000000", .max_body = 1100000 }, SIZE, 8 * SIZE },
		{ "429 first", { .busy_times = 2 }, SIZE, SIZE },
		{ "503 first", { .busy_times = 2, .busy_status = 503 }, SMALL, SMALL },
		{ "cut once", { .cut_times = 1, .cut_after = 1000000 }, SIZE, SIZE },
		{ "cut twice", { .cut_times = 2, .cut_after = 1000000 }, SIZE, SIZE },
		{ "cut at once", { .cut_times = 2, .cut_after = 0 }, SIZE, SIZE },
		{ "cut in the small", { .cut_times = 1, .cut_after = 1000 }, SMALL, 2 * SMALL },
		{ "cut without Range",
		  { .cut_times = 1, .cut_after = 1000000, .no_range_header = true },
		  SIZE,
		  3 * SIZE },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(ways); i++) {
		autoerror struct eb_error *e = NULL;
		struct oci_upload_result res = { 0 };
		struct origin o = { 0 };
		AUTOREG(f);
		AUTOCLIENT(c, f, NULL, NULL);
		AUTODESC(d);

		describe(ways[i].size, &d);
		*fakereg_ways(f) = ways[i].ways;
		if (put(&c, &d, NULL, &o, &res, &e) < 0)
			test_fail(__FILE__, __LINE__, "%s: %s", ways[i].name, e->message);
		check_there(f, &d);
		if (fakereg_received(f) > ways[i].most_received)
			test_fail(__FILE__, __LINE__, "%s: %llu bytes arrived", ways[i].name,
				  (unsigned long long)fakereg_received(f));
	}
}

TEST(blob_put, token_that_expires_on_the_way)
{
	autoerror struct eb_error *e = NULL;
	struct oci_upload_result res = { 0 };
	struct origin o = { 0 };
	AUTOREG(f);
	AUTOCLIENT(c, f, "me", "secret");
	AUTODESC(d);

	describe(SIZE, &d);
	*fakereg_ways(f) = (struct fakereg_ways){ .auth = FAKEREG_BEARER,
						  .user = "me",
						  .password = "secret",
						  .token_uses = 1,
						  .cut_times = 1,
						  .cut_after = 1000000 };
	CHECK_OK(put(&c, &d, NULL, &o, &res, &e), e);
	check_there(f, &d);
	CHECK(fakereg_count(f, "GET", "/token") >= 3);
}

TEST(blob_put, location_on_another_host_gets_no_credentials)
{
	autoerror struct eb_error *e = NULL;
	struct oci_upload_result res = { 0 };
	struct origin o = { 0 };
	AUTOREG(f);
	AUTOREG(other);
	AUTOCLIENT(c, f, "me", "secret");
	AUTODESC(d);

	describe(SMALL, &d);
	*fakereg_ways(f) = (struct fakereg_ways){
		.auth = FAKEREG_BASIC,
		.user = "me",
		.password = "secret",
		.location_base = httpd_url(fakereg_httpd(other), ""),
	};
	/* The other one knows nothing of that session; what counts is what it was told. */
	CHECK(put(&c, &d, NULL, &o, &res, &e) < 0);
	CHECK(httpd_n_requests(fakereg_httpd(other)) > 0);
	for (size_t i = 0; i < httpd_n_requests(fakereg_httpd(other)); i++)
		CHECK(!strcasestr(httpd_request(fakereg_httpd(other), i).headers, "Authorization"));
}

TEST(blob_put, failures_say_what_and_how_far)
{
	static const struct {
		struct fakereg_ways ways;
		int code;
		const char *part;
	} bad[] = {
		{ { .no_location = true }, EB_E_NETWORK, "has no Location" },
		{ { .html = true }, EB_E_NETWORK, "HTTP 200" },
		{ { .max_body = 1000 }, EB_E_LIMIT, "HTTP 413" },
		{ { .cut_times = 100, .cut_after = 0 },
		  EB_E_NETWORK,
		  "(attempt 3 of 3; the registry has 0 of 3145728 bytes)" },
		{ { .busy_times = 1000, .busy_status = 502 }, EB_E_NETWORK, "HTTP 502" },
		{ { .chunk_min = "2000000", .max_body = 1500000 }, EB_E_LIMIT, "HTTP 413" },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++) {
		autoerror struct eb_error *e = NULL;
		struct oci_upload_result res = { 0 };
		struct origin o = { 0 };
		AUTOREG(f);
		AUTOCLIENT(c, f, NULL, NULL);
		AUTODESC(d);

		describe(SIZE, &d);
		*fakereg_ways(f) = bad[i].ways;
		CHECK_INT(put(&c, &d, NULL, &o, &res, &e), -bad[i].code);
		CHECK_HAS(e->message, bad[i].part);
		CHECK_HAS(e->message, d.digest.text);
		CHECK_HAS(e->message, fakereg_host(f));
		CHECK(fakereg_blob(f, "a/b", d.digest.text, NULL) == NULL);
	}
}

TEST(blob_put, wrong_source_is_noticed_before_it_is_stored)
{
	static const size_t sizes[] = { SMALL, SIZE };

	for (size_t i = 0; i < EB_ARRAY_LEN(sizes); i++) {
		autoerror struct eb_error *e = NULL;
		struct oci_upload_result res = { 0 };
		struct origin o = { .wrong = true };
		AUTOREG(f);
		AUTOCLIENT(c, f, NULL, NULL);
		AUTODESC(d);

		describe(sizes[i], &d);
		CHECK_INT(put(&c, &d, NULL, &o, &res, &e), -EB_E_DIGEST);
		CHECK_HAS(e->message, "bytes hash to");
		eb_error_clear(&e);
		o = (struct origin){ .cut_at = 1000 };
		CHECK_FAIL(put(&c, &d, NULL, &o, &res, &e), EB_E_DIGEST, "ends after 1000 of", e);
		CHECK_INT(fakereg_count(f, "DELETE", "/uploads/"), 2);
	}
}

TEST(blob_put, trying_leaves_nothing)
{
	autoerror struct eb_error *e = NULL;
	uint64_t usec = 0;
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);

	CHECK_OK(oci_registry_try_push(c.registry, "new/repo", &usec, &e), e);
	CHECK(usec > 0);
	CHECK_INT(fakereg_count(f, "POST", "/v2/new/repo/blobs/uploads/"), 1);
	CHECK_INT(fakereg_count(f, "DELETE", "/uploads/"), 1);
	CHECK_INT(fakereg_received(f), 0);
}

TEST(blob_put, trying_shows_a_refusal)
{
	autoerror struct eb_error *e = NULL;
	uint64_t usec;
	AUTOREG(f);
	AUTOCLIENT(c, f, "me", "wrong");

	*fakereg_ways(f) = (struct fakereg_ways){ .auth = FAKEREG_BASIC,
						  .user = "me",
						  .password = "secret" };
	CHECK_INT(oci_registry_try_push(c.registry, "a/b", &usec, &e), -EB_E_AUTH);
	CHECK_HAS(e->message, "a/b");
}

/* Three times cut off, the first run gives up; the second sends the rest. */
TEST(blob_put, next_run_goes_on)
{
	autoerror struct eb_error *e = NULL;
	struct oci_upload_result res = { 0 };
	struct origin o = { 0 };
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTODESC(d);

	client_keep_notes(&c, f, test_path("notes"));
	*fakereg_ways(f) = (struct fakereg_ways){ .cut_times = 3, .cut_after = 300000 };
	describe(SIZE, &d);
	CHECK_FAIL(put(&c, &d, NULL, &o, &res, &e), EB_E_NETWORK, "attempt 3 of 3", e);
	CHECK_OK(put(&c, &d, NULL, &o, &res, &e), e);
	check_there(f, &d);
	CHECK(res.resumed);
	CHECK_INT(res.sent_bytes, SIZE - 3 * 300000);
	CHECK_INT(fakereg_count(f, "POST", "/uploads/"), 1);
	/* The note went with the upload: another one begins anew. */
	CHECK_OK(put(&c, &d, NULL, &o, &res, &e), e);
	CHECK(!res.resumed);
}

/* What the note leads to is of something else: the registry says so, and it is all sent again. */
TEST(blob_put, resumed_bytes_that_are_wrong_are_sent_again)
{
	autoerror struct eb_error *e = NULL;
	struct oci_upload_result res = { 0 };
	struct origin o = { .other = true }, right = { 0 };
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTODESC(d);

	client_keep_notes(&c, f, test_path("notes"));
	*fakereg_ways(f) = (struct fakereg_ways){ .cut_times = 3, .cut_after = 300000 };
	describe(SIZE, &d);
	CHECK_INT(put(&c, &d, NULL, &o, &res, &e), -EB_E_NETWORK);
	eb_error_clear(&e);
	fakereg_ways(f)->cut_times = 0;
	CHECK_OK(put(&c, &d, NULL, &right, &res, &e), e);
	check_there(f, &d);
	CHECK(res.sent_bytes > SIZE);
}
