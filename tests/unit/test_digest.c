#include "image/digest.h"
#include "testlib.h"

#define HEX64 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

TEST(digest, parse_sha256_and_sha512_accepts)
{
	autoerror struct eb_error *e = NULL;
	struct oci_digest d;

	CHECK_OK(oci_digest_parse("sha256:" HEX64, &d, &e), e);
	CHECK_STR(d.text, "sha256:" HEX64);
	CHECK_STR(oci_digest_hex(&d), HEX64);
	CHECK_INT(oci_digest_alg(&d), EB_SHA256);
	CHECK_OK(oci_digest_parse("sha512:" HEX64 HEX64, &d, &e), e);
	CHECK_STR(oci_digest_hex(&d), HEX64 HEX64);
	CHECK_INT(oci_digest_alg(&d), EB_SHA512);
}

TEST(digest, parse_bad_grammar_is_format)
{
	static const char *const bad[] = {
		"",
		":",
		"sha256",
		"sha256:",
		":" HEX64,
		"SHA256:" HEX64,
		"sha256+:" HEX64,
		"+sha256:" HEX64,
		"sha256:" HEX64 "0",
		"sha256:" HEX64 "\n",
		"sha256: " HEX64,
		"sha512:" HEX64,
		"sha256:E3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"sha256:../../../../../../../../../../../../../../../../../../../../etc/pw",
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++) {
		autoerror struct eb_error *e = NULL;
		struct oci_digest d = { "untouched" };

		CHECK_FAIL(oci_digest_parse(bad[i], &d, &e), EB_E_FORMAT, "expected", e);
		CHECK_STR(d.text, "untouched");
	}
}

TEST(digest, parse_other_algorithm_is_unsupported)
{
	autoerror struct eb_error *e = NULL;
	struct oci_digest d;

	CHECK_FAIL(oci_digest_parse("blake3:00", &d, &e), EB_E_UNSUPPORTED, "'blake3'", e);
	CHECK_FAIL(oci_digest_parse("multihash+base58:QmRZxt2b1FVZ", &d, &e), EB_E_UNSUPPORTED,
		   "sha256 or sha512", e);
}

TEST(digest, of_bytes_gives_sha256_and_blob_path)
{
	struct oci_digest d, same;
	char path[160];

	oci_digest_of("", 0, &d);
	oci_digest_from_hex(HEX64, &same);
	CHECK(oci_digest_eq(&d, &same));
	oci_digest_blob_path(&d, path);
	CHECK_STR(path, "blobs/sha256/" HEX64);
	oci_digest_of("x", 1, &same);
	CHECK(!oci_digest_eq(&d, &same));
}

TEST(digest, blob_path_of_sha512_fits)
{
	autoerror struct eb_error *e = NULL;
	struct oci_digest d;
	char path[160];

	CHECK_OK(oci_digest_parse("sha512:" HEX64 HEX64, &d, &e), e);
	oci_digest_blob_path(&d, path);
	CHECK_STR(path, "blobs/sha512/" HEX64 HEX64);
}
