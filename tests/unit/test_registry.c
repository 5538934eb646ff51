#include "dist/registry.h"

#include "base/stream.h"
#include "image/mediatype.h"
#include "registry_client.h"

#define CONFIG                                                                                     \
	"\"config\":{\"mediaType\":\"application/vnd.oci.empty.v1+json\",\"digest\":"              \
	"\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"size\":2}"
#define MANIFEST                                                                                   \
	"{\"schemaVersion\":2,\"mediaType\":\"" OCI_MT_MANIFEST "\"," CONFIG ",\"layers\":[]}"

#define AUTODESC(var)                                                                              \
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor var = { .media_type = NULL }

TEST(registry, ping_says_what_is_there)
{
	autoerror struct eb_error *e = NULL;
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);

	CHECK_OK(oci_registry_ping(c.registry, &e), e);
	httpd_reply(fakereg_httpd(f), "/v2/",
		    &(struct httpd_reply){ .mode = HTTPD_STATUS, .status = 404 });
	CHECK_FAIL(oci_registry_ping(c.registry, &e), EB_E_NOT_FOUND, "HTTP 404 (an error page)",
		   e);
}

TEST(registry, new_needs_a_host)
{
	autoerror struct eb_error *e = NULL;
	struct oci_registry_options o = { .transport = NULL };
	struct oci_registry *r = NULL;

	CHECK_FAIL(oci_registry_new("no/host", &o, &r, &e), EB_E_USAGE, "host 'no/host'", e);
}

TEST(registry, manifest_by_tag_and_digest)
{
	autoerror struct eb_error *e = NULL;
	char digest[80];
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTODESC(d);
	AUTODESC(head);
	AUTODESC(by_digest);
	autofree char *text = NULL, *again = NULL;

	fakereg_add_manifest(f, "a/b", "t", OCI_MT_MANIFEST, MANIFEST, digest);
	CHECK_OK(oci_registry_manifest(c.registry, "a/b", "t", &text, &d, &e), e);
	CHECK_STR(text, MANIFEST);
	CHECK_STR(d.digest.text, digest);
	CHECK_STR(d.media_type, OCI_MT_MANIFEST);
	CHECK_INT(d.size, strlen(MANIFEST));
	CHECK_OK(oci_registry_head(c.registry, "a/b", "t", &head, &e), e);
	CHECK_STR(head.digest.text, digest);
	CHECK_INT(head.size, strlen(MANIFEST));
	CHECK_OK(oci_registry_manifest(c.registry, "a/b", digest, &again, &by_digest, &e), e);
	CHECK_INT(fakereg_count(f, "HEAD", "/v2/a/b/manifests/t"), 1);
	CHECK_HAS(httpd_request(fakereg_httpd(f), 0).headers,
		  "Accept: " OCI_MT_MANIFEST ", " OCI_MT_INDEX);
}

TEST(registry, head_without_headers_reads_the_document)
{
	autoerror struct eb_error *e = NULL;
	char digest[80];
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTODESC(head);

	fakereg_ways(f)->no_digest_header = true;
	fakereg_add_manifest(f, "a", "t", OCI_MT_MANIFEST, MANIFEST, digest);
	CHECK_OK(oci_registry_head(c.registry, "a", "t", &head, &e), e);
	CHECK_STR(head.digest.text, digest);
}

TEST(registry, manifest_wrong_bytes_fail)
{
	autoerror struct eb_error *e = NULL;
	char digest[80];
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTODESC(d);
	autofree char *text = NULL;

	fakereg_add_manifest(f, "a", "t", OCI_MT_MANIFEST, MANIFEST, digest);
	fakereg_ways(f)->wrong_bytes = true;
	CHECK_INT(oci_registry_manifest(c.registry, "a", digest, &text, &d, &e), -EB_E_DIGEST);
	CHECK_HAS(e->message, "manifest sha256:");
	CHECK_HAS(e->message, "of 127.0.0.1:");
	CHECK_HAS(e->message, digest);
	CHECK(text == NULL);
}

struct bad_answer {
	const char *type, *text, *part;
	int code;
};

TEST(registry, manifest_bad_answers_fail)
{
	static const struct bad_answer bad[] = {
		{ OCI_MT_MANIFEST, "{", "manifest t of", EB_E_FORMAT },
		{ OCI_MT_MANIFEST, "", "manifest t of", EB_E_FORMAT },
		{ OCI_MT_MANIFEST, "[]", "manifest t of", EB_E_FORMAT },
		{ OCI_MT_MANIFEST, "{\"schemaVersion\":1,\"fsLayers\":[]}", "found 1",
		  EB_E_UNSUPPORTED },
		{ "text/html", "<html></html>", "is there a registry", EB_E_NETWORK },
		{ OCI_MT_MANIFEST,
		  "{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"a/b\",\"size\":1,"
		  "\"digest\":\"md5:00\"}]}",
		  "layers[0].digest", EB_E_UNSUPPORTED },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++) {
		autoerror struct eb_error *e = NULL;
		char digest[80];
		AUTOREG(f);
		AUTOCLIENT(c, f, NULL, NULL);
		AUTODESC(d);
		autofree char *text = NULL;

		fakereg_add_manifest(f, "a", "t", bad[i].type, bad[i].text, digest);
		CHECK_FAIL(oci_registry_manifest(c.registry, "a", "t", &text, &d, &e), bad[i].code,
			   bad[i].part, e);
	}
}

TEST(registry, manifest_too_large_fails)
{
	autoerror struct eb_error *e = NULL;
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTODESC(d);
	autofree char *text = NULL, *huge = eb_xcalloc(1, OCI_MANIFEST_MAX_BYTES + 2);
	char digest[80];

	memset(huge, ' ', OCI_MANIFEST_MAX_BYTES + 1);
	fakereg_add_manifest(f, "a", "t", OCI_MT_MANIFEST, huge, digest);
	CHECK_FAIL(oci_registry_manifest(c.registry, "a", "t", &text, &d, &e), EB_E_LIMIT,
		   "expected at most 4194304", e);
}

TEST(registry, web_page_instead_of_a_registry)
{
	autoerror struct eb_error *e = NULL;
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTODESC(d);
	autofree char *text = NULL;

	fakereg_ways(f)->html = true;
	CHECK_FAIL(oci_registry_manifest(c.registry, "a", "t", &text, &d, &e), EB_E_NETWORK,
		   "the answer is a web page", e);
	e = eb_error_free(e);
	CHECK_FAIL(oci_registry_manifest(c.registry, "a",
					 "sha256:0123456789abcdef0123456789abcdef0123456789abcdef01"
					 "23456789abcdef",
					 &text, &d, &e),
		   EB_E_NETWORK, "the answer is a web page", e);
}

TEST(registry, busy_registry_is_asked_again)
{
	autoerror struct eb_error *e = NULL;
	char digest[80];
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTODESC(d);
	autofree char *text = NULL;

	fakereg_add_manifest(f, "a", "t", OCI_MT_MANIFEST, MANIFEST, digest);
	fakereg_ways(f)->busy_times = 2;
	CHECK_OK(oci_registry_manifest(c.registry, "a", "t", &text, &d, &e), e);
	oci_descriptor_release(&d);
	free(EB_TAKE_PTR(text));
	fakereg_ways(f)->busy_times = 3;
	fakereg_ways(f)->busy_status = 503;
	CHECK_FAIL(oci_registry_manifest(c.registry, "a", "t", &text, &d, &e), EB_E_NETWORK,
		   "attempt 3 of 3: HTTP 503", e);
}

TEST(registry, put_manifest_sends_its_type)
{
	autoerror struct eb_error *e = NULL;
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);
	AUTODESC(d);
	bool subject = true;

	oci_descriptor_of(OCI_MT_MANIFEST, MANIFEST, strlen(MANIFEST), &d);
	CHECK_OK(oci_registry_put_manifest(c.registry, "a", "t", &d, MANIFEST, &subject, &e), e);
	CHECK(!subject);
	CHECK_STR(fakereg_manifest(f, "a", "t"), MANIFEST);
	CHECK_STR(fakereg_manifest(f, "a", d.digest.text), MANIFEST);
	CHECK_HAS(httpd_request(fakereg_httpd(f), 0).headers,
		  "Content-Type: " OCI_MT_MANIFEST "\r\n");
}

TEST(registry, delete_by_tag_may_be_unsupported)
{
	autoerror struct eb_error *e = NULL;
	char digest[80];
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);

	fakereg_add_manifest(f, "a", "t", OCI_MT_MANIFEST, MANIFEST, digest);
	fakereg_ways(f)->no_tag_delete = true;
	CHECK_INT(oci_registry_delete(c.registry, "a", "t", &e), -EB_E_UNSUPPORTED);
	CHECK_HAS(e->hint, "give the digest");
	eb_error_clear(&e);
	CHECK_OK(oci_registry_delete(c.registry, "a", digest, &e), e);
	CHECK(fakereg_manifest(f, "a", digest) == NULL);
	CHECK_FAIL(oci_registry_delete(c.registry, "a", digest, &e), EB_E_NOT_FOUND,
		   "MANIFEST_UNKNOWN", e);
}

TEST(registry, digest_tag)
{
	struct oci_digest d;
	char tag[160];

	oci_digest_of("", 0, &d);
	oci_digest_tag(&d, ".sig", tag);
	CHECK_STR(tag,
		  "sha256-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.sig");
}
