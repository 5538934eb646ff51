#include "base/stream.h"
#include "registry_client.h"

enum { SIZE = 700000 };

#define AUTODESC(var)                                                                              \
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor var = { .media_type = NULL }

static void add(struct fakereg *f, struct oci_descriptor *d)
{
	char digest[80];

	fakereg_add_blob(f, "a/b", client_bytes(SIZE), SIZE, digest);
	client_descriptor(digest, SIZE, d);
}

static int fetch(struct client *c, const struct oci_descriptor *d, struct eb_buf *b,
		 struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	int r = oci_registry_blob_verified(c->registry, "a/b", d, &in, err);

	return r < 0 ? r : eb_read_all(in, b, "blob", err);
}

#define CHECK_WHOLE(b)                                                                             \
	do {                                                                                       \
		CHECK_INT((b).len, SIZE);                                                          \
		CHECK(memcmp((b).data, client_bytes(SIZE), SIZE) == 0);                            \
	} while (0)

TEST(blob_get, whole_blob_is_verified)
{
	autoerror struct eb_error *e = NULL;
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTODESC(d);
	EB_AUTOBUF(b, SIZE);

	add(f, &d);
	CHECK_OK(oci_registry_has_blob(c.registry, "a/b", &d, &e), e);
	CHECK_OK(fetch(&c, &d, &b, &e), e);
	CHECK_WHOLE(b);
	CHECK_INT(fakereg_count(f, "GET", "/blobs/"), 1);
	d.size--;
	CHECK_FAIL(oci_registry_has_blob(c.registry, "a/b", &d, &e), EB_E_DIGEST,
		   "has 700000 bytes there, expected 699999", e);
}

TEST(blob_get, missing_blob)
{
	autoerror struct eb_error *e = NULL;
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTODESC(d);
	EB_AUTOBUF(b, SIZE);

	oci_descriptor_of("a/b", "x", 1, &d);
	CHECK_FAIL(oci_registry_has_blob(c.registry, "a/b", &d, &e), EB_E_NOT_FOUND, "HTTP 404", e);
	CHECK_INT(fetch(&c, &d, &b, &e), -EB_E_NOT_FOUND);
	CHECK_HAS(e->message, d.digest.text);
}

TEST(blob_get, broken_connection_goes_on_where_it_was)
{
	autoerror struct eb_error *e = NULL;
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTODESC(d);
	EB_AUTOBUF(b, SIZE);

	add(f, &d);
	fakereg_ways(f)->drop_after = 300000;
	CHECK_OK(fetch(&c, &d, &b, &e), e);
	CHECK_WHOLE(b);
	CHECK_INT(fakereg_count(f, "GET", "/blobs/"), 3);
	CHECK_INT(httpd_request(fakereg_httpd(f), 1).range, 300000);
	CHECK_INT(httpd_request(fakereg_httpd(f), 2).range, 600000);
	CHECK_INT(httpd_sent(fakereg_httpd(f)), SIZE);
}

TEST(blob_get, dead_connection_fails_with_numbers)
{
	autoerror struct eb_error *e = NULL;
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTODESC(d);
	EB_AUTOBUF(b, SIZE);

	add(f, &d);
	fakereg_ways(f)->drop_after = 1000;
	CHECK_INT(fetch(&c, &d, &b, &e), -EB_E_NETWORK);
	CHECK_HAS(e->message, d.digest.text);
	CHECK_HAS(e->message, "attempt 3 of 3");
	CHECK_HAS(e->message, "3000 of 700000 bytes");
}

TEST(blob_get, from_an_offset)
{
	autoerror struct eb_error *e = NULL;
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTODESC(d);
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	EB_AUTOBUF(b, SIZE);

	add(f, &d);
	CHECK_OK(oci_registry_blob(c.registry, "a/b", &d, 699000, &in, &e), e);
	CHECK_OK(eb_read_all(in, &b, "blob", &e), e);
	CHECK_INT(b.len, 1000);
	CHECK(memcmp(b.data, client_bytes(SIZE) + 699000, 1000) == 0);
}

TEST(blob_get, wrong_bytes_fail)
{
	autoerror struct eb_error *e = NULL;
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTODESC(d);
	EB_AUTOBUF(b, SIZE);

	add(f, &d);
	fakereg_ways(f)->wrong_bytes = true;
	CHECK_FAIL(fetch(&c, &d, &b, &e), EB_E_DIGEST, "of 127.0.0.1:", e);
}

TEST(blob_get, other_size_fails)
{
	autoerror struct eb_error *e = NULL;
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTODESC(d);
	EB_AUTOBUF(b, SIZE + 10);

	add(f, &d);
	d.size = SIZE - 1;
	CHECK_INT(fetch(&c, &d, &b, &e), -EB_E_DIGEST);
	CHECK_HAS(e->message, "more than the 699999 bytes that are listed");
	eb_error_clear(&e);
	d.size = SIZE + 1;
	eb_buf_clear(&b);
	CHECK_INT(fetch(&c, &d, &b, &e), -EB_E_NETWORK);
	CHECK_HAS(e->message, "ends after 700000 of 700001 bytes");
}

TEST(blob_get, token_that_expires_on_the_way)
{
	autoerror struct eb_error *e = NULL;
	AUTOREG(f);
	AUTOCLIENT(c, f, "me", "secret");
	AUTODESC(d);
	EB_AUTOBUF(b, SIZE);

	add(f, &d);
	*fakereg_ways(f) = (struct fakereg_ways){ .auth = FAKEREG_BEARER,
						  .user = "me",
						  .password = "secret",
						  .token_uses = 1,
						  .drop_after = 300000 };
	CHECK_OK(fetch(&c, &d, &b, &e), e);
	CHECK_WHOLE(b);
	CHECK_INT(fakereg_count(f, "GET", "/token"), 3);
}

TEST(blob_get, redirect_takes_no_credentials_along)
{
	autoerror struct eb_error *e = NULL;
	AUTOREG(f);
	AUTOREG(other);
	AUTOCLIENT(c, f, "me", "secret");
	AUTODESC(d);
	struct oci_descriptor ignored;
	EB_AUTOBUF(b, SIZE);

	add(f, &d);
	add(other, &ignored);
	oci_descriptor_release(&ignored);
	*fakereg_ways(
		f) = (struct fakereg_ways){ .auth = FAKEREG_BASIC,
					    .user = "me",
					    .password = "secret",
					    .redirect_blobs = httpd_url(fakereg_httpd(other), "") };
	CHECK_OK(fetch(&c, &d, &b, &e), e);
	CHECK_WHOLE(b);
	CHECK_INT(httpd_n_requests(fakereg_httpd(other)), 1);
	for (size_t i = 0; i < httpd_n_requests(fakereg_httpd(other)); i++) {
		struct httpd_request q = httpd_request(fakereg_httpd(other), i);

		CHECK(!strcasestr(q.headers, "Authorization"));
		CHECK(!strstr(q.headers, "bWU6"));
	}
}

TEST(blob_get, text_has_a_limit)
{
	autoerror struct eb_error *e = NULL;
	autofree char *text = NULL;
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTODESC(d);

	add(f, &d);
	CHECK_FAIL(oci_registry_blob_text(c.registry, "a/b", &d, 1000, &text, &e), EB_E_LIMIT,
		   "expected at most 1000", e);
	CHECK_OK(oci_registry_blob_text(c.registry, "a/b", &d, SIZE, &text, &e), e);
	CHECK_INT(strlen(text), SIZE);
}
