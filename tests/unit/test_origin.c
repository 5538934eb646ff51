#include "dist/origin.h"

#include <sys/stat.h>

#include "base/stream.h"
#include "image/mediatype.h"
#include "testlib.h"

#define A "sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb" /* "a" */
#define B "sha256:3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d" /* "b" */

static void make_layout(const char *index)
{
	autoerror struct eb_error *e = NULL;
	autofree char *blob = eb_xasprintf("blobs/sha256/%s", &A[7]);

	mkdir(test_path("l"), 0700);
	mkdir(test_path("l/blobs"), 0700);
	mkdir(test_path("l/blobs/sha256"), 0700);
	CHECK_OK(eb_file_write(test_path("l/oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}", 30,
			       0600, &e),
		 e);
	CHECK_OK(eb_file_write(test_path("l/index.json"), index, strlen(index), 0600, &e), e);
	CHECK_OK(eb_file_write(test_path("l/%s", blob), "a", 1, 0600, &e), e);
}

#define ENTRY(digest, names)                                                                       \
	"{\"mediaType\":\"" OCI_MT_MANIFEST "\",\"digest\":\"" digest                              \
	"\",\"size\":1,\"annotations\":{" names "}}"
#define INDEX(entries) "{\"schemaVersion\":2,\"manifests\":[" entries "]}"
#define NAME_A "\"" OCI_ANN_REF_NAME "\":\"h.example.org/x/one:1.0\""
#define NAME_B "\"" OCI_ANN_REF_NAME "\":\"two\""

TEST(origin, resolve_by_name_tag_or_digest)
{
	static const struct {
		const char *name, *digest;
	} good[] = {
		{ "h.example.org/x/one:1.0", A }, { "1.0", A }, { "two", B }, { A, A }, { B, B },
	};
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(oci_archive_free_p) struct oci_archive *a = NULL;
	const struct oci_descriptor *d = NULL;

	make_layout(INDEX(ENTRY(A, NAME_A) "," ENTRY(B, NAME_B)));
	CHECK_OK(oci_archive_open(test_path("l"), &a, &e), e);
	for (size_t i = 0; i < EB_ARRAY_LEN(good); i++) {
		CHECK_OK(oci_archive_resolve(a, good[i].name, &d, &e), e);
		CHECK_STR(d->digest.text, good[i].digest);
	}
	CHECK_INT(oci_archive_resolve(a, NULL, &d, &e), -EB_E_USAGE);
	CHECK_HAS(e->hint, "h.example.org/x/one:1.0, two");
	eb_error_clear(&e);
	CHECK_INT(oci_archive_resolve(a, "three", &d, &e), -EB_E_NOT_FOUND);
	CHECK_HAS(e->hint, "there are: h.example.org/x/one:1.0, two");
}

TEST(origin, blob_from_an_offset)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(oci_archive_free_p) struct oci_archive *a = NULL;
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *whole = NULL;
	const struct oci_descriptor *d = NULL;
	struct oci_descriptor other;
	struct oci_source src;
	char byte;

	make_layout(INDEX(ENTRY(A, NAME_A)));
	CHECK_OK(oci_archive_open(test_path("l"), &a, &e), e);
	CHECK_OK(oci_archive_resolve(a, NULL, &d, &e), e);
	src = oci_source_archive(a);
	CHECK_OK(src.blob(src.ctx, d, 1, &in, &e), e);
	CHECK_INT(eb_read(in, &byte, 1, &e), 0);
	CHECK_OK(oci_source_verified(&src, d, &whole, &e), e);
	CHECK_INT(eb_read(whole, &byte, 1, &e), 1);
	oci_descriptor_copy(d, &other);
	other.size = 2;
	CHECK_FAIL(src.blob(src.ctx, &other, 0, &in, &e), EB_E_DIGEST, "has 1 bytes, expected 2",
		   e);
	oci_digest_of("c", 1, &other.digest);
	CHECK_FAIL(src.blob(src.ctx, &other, 0, &in, &e), EB_E_NOT_FOUND, "is not in it", e);
	oci_descriptor_release(&other);
}
