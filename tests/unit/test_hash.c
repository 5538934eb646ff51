#include "base/hash.h"

#include "testlib.h"

/* FIPS 180-4 examples */
#define ABC_256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define EMPTY_256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC_512                                                                                    \
	"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"                         \
	"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"

TEST(hash, known_values)
{
	char hex[EB_HASH_MAX_HEX + 1];
	EB_CLEANUP(eb_hash_free_p) struct eb_hash *h = eb_hash_new(EB_SHA512);

	eb_sha256_hex("abc", 3, hex);
	CHECK_STR(hex, ABC_256);
	eb_sha256_hex("", 0, hex);
	CHECK_STR(hex, EMPTY_256);
	eb_hash_update(h, "abc", 3);
	eb_hash_final_hex(h, hex);
	CHECK_STR(hex, ABC_512);
}

TEST(hash, peek_does_not_end_and_final_starts_anew)
{
	char hex[EB_HASH_MAX_HEX + 1];
	EB_CLEANUP(eb_hash_free_p) struct eb_hash *h = eb_hash_new(EB_SHA256);

	eb_hash_peek_hex(h, hex);
	CHECK_STR(hex, EMPTY_256);
	eb_hash_update(h, "a", 1);
	eb_hash_peek_hex(h, hex);
	eb_hash_update(h, "bc", 2);
	eb_hash_final_hex(h, hex);
	CHECK_STR(hex, ABC_256);
	eb_hash_final_hex(h, hex);
	CHECK_STR(hex, EMPTY_256);
}

TEST(hash, is_hex_takes_lower_case_digits_only)
{
	CHECK(eb_is_hex("00ff", 4));
	CHECK(!eb_is_hex("00FF", 4));
	CHECK(!eb_is_hex("00f", 4));
	CHECK(!eb_is_hex("00fff", 4));
	CHECK(!eb_is_hex("00fg", 4));
}
