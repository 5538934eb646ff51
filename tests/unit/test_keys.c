#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/base64.h"
#include "base/secret.h"
#include "secrets/keys.h"
#include "testlib.h"

static EVP_PKEY *read_der(const struct eb_buf *b)
{
	const unsigned char *p = (const unsigned char *)b->data;
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)b->len);
	EVP_PKEY *key = info ? EVP_PKCS82PKEY(info) : NULL;

	CHECK(p == (const unsigned char *)b->data + b->len);
	PKCS8_PRIV_KEY_INFO_free(info);
	return key;
}

TEST(keys, rsa_der_is_pkcs8)
{
	EB_SECRETBUF(out, SEC_KEY_MAX_BYTES);
	struct eb_error *e = NULL;
	EVP_PKEY *key;

	CHECK_OK(sec_key_rsa(2048, SEC_DER, &out, &e), e);
	key = read_der(&out);
	CHECK(key && EVP_PKEY_is_a(key, "RSA"));
	CHECK_INT(EVP_PKEY_get_bits(key), 2048);
	EVP_PKEY_free(key);
}

TEST(keys, rsa_pem_is_pkcs1)
{
	EB_SECRETBUF(out, SEC_KEY_MAX_BYTES);
	struct eb_error *e = NULL;
	EVP_PKEY *key;
	BIO *bio;

	CHECK_OK(sec_key_rsa(2048, SEC_PEM, &out, &e), e);
	CHECK(strncmp(out.data, "-----BEGIN RSA PRIVATE KEY-----\n", 32) == 0);
	bio = BIO_new_mem_buf(out.data, (int)out.len);
	key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	CHECK(key && EVP_PKEY_is_a(key, "RSA"));
	EVP_PKEY_free(key);
	BIO_free(bio);
}

TEST(keys, rsa_of_odd_sizes_is_refused)
{
	EB_SECRETBUF(out, SEC_KEY_MAX_BYTES);
	struct eb_error *e = NULL;

	CHECK_FAIL(sec_key_rsa(1024, SEC_PEM, &out, &e), EB_E_LIMIT, "1024 bits", e);
	CHECK_FAIL(sec_key_rsa(100000, SEC_PEM, &out, &e), EB_E_LIMIT, "100000 bits", e);
}

TEST(keys, ec_der_names_its_curve)
{
	static const struct {
		enum sec_curve curve;
		const char *group;
	} cases[] = { { SEC_PRIME256V1, "prime256v1" },
		      { SEC_SECP256K1, "secp256k1" },
		      { SEC_SECP384R1, "secp384r1" } };

	for (size_t i = 0; i < EB_ARRAY_LEN(cases); i++) {
		EB_SECRETBUF(out, SEC_KEY_MAX_BYTES);
		struct eb_error *e = NULL;
		char group[64] = "";
		EVP_PKEY *key;

		CHECK_OK(sec_key_ec(cases[i].curve, &out, &e), e);
		key = read_der(&out);
		CHECK(key && EVP_PKEY_get_group_name(key, group, sizeof(group), NULL));
		CHECK_STR(group, cases[i].group);
		EVP_PKEY_free(key);
	}
}

TEST(keys, signing_key_is_three_words_and_a_seed)
{
	EB_SECRETBUF(out, SEC_KEY_MAX_BYTES);
	EB_SECRETBUF(seed, 100);
	struct eb_error *e = NULL;
	autofree char *padded = NULL;

	CHECK_OK(sec_key_signing("1", &out, &e), e);
	CHECK_INT(out.len, strlen("ed25519 1 ") + 43 + 1);
	CHECK(strncmp(out.data, "ed25519 1 ", 10) == 0);
	CHECK(out.data[out.len - 1] == '\n');
	padded = eb_xasprintf("%.43s=", out.data + 10);
	CHECK_OK(eb_base64_decode(padded, strlen(padded), &seed, &e), e);
	CHECK_INT(seed.len, 32);
}

TEST(keys, throwaway_public_keys_differ)
{
	EB_SECRETBUF(one, 100);
	EB_SECRETBUF(two, 100);
	struct eb_error *e = NULL;

	CHECK_OK(sec_key_throwaway_public(&one, &e), e);
	CHECK_OK(sec_key_throwaway_public(&two, &e), e);
	CHECK_INT(one.len, 43);
	CHECK(strcmp(eb_buf_str(&one), eb_buf_str(&two)) != 0);
}
