#include "secrets/keys.h"

#include <openssl/ec.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/secret.h"

enum { ED25519_BYTES = 32, BASE64_BYTES = 64 };

EB_DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
EB_DEFINE_CLEANUP(OSSL_ENCODER_CTX *, OSSL_ENCODER_CTX_free)

static int throw_openssl(const char *what, struct eb_error **err)
{
	char text[256] = "";

	ERR_error_string_n(ERR_get_error(), text, sizeof(text));
	ERR_clear_error();
	return eb_throw(err, EB_E_PROGRAM, "%s: OpenSSL: %s", what, text);
}

static int encode(EVP_PKEY *key, const char *format, const char *structure, struct eb_buf *out,
		  struct eb_error **err)
{
	EB_CLEANUP(OSSL_ENCODER_CTX_free_p)
	OSSL_ENCODER_CTX *ctx = OSSL_ENCODER_CTX_new_for_pkey(key, EVP_PKEY_KEYPAIR, format,
							      structure, NULL);
	unsigned char *text = NULL;
	size_t n = 0;

	if (!ctx || OSSL_ENCODER_CTX_get_num_encoders(ctx) == 0 ||
	    !OSSL_ENCODER_to_data(ctx, &text, &n))
		return throw_openssl("private key", err);
	eb_buf_add(out, text, n);
	OPENSSL_clear_free(text, n);
	return eb_buf_check(out, "private key", err);
}

int sec_key_rsa(unsigned int bits, enum sec_encoding encoding, struct eb_buf *out,
		struct eb_error **err)
{
	EB_CLEANUP(EVP_PKEY_free_p) EVP_PKEY *key = NULL;

	if (bits < SEC_RSA_MIN_BITS || bits > SEC_RSA_MAX_BITS)
		return eb_throw(err, EB_E_LIMIT, "an RSA key of %u bits: expected %d to %d", bits,
				SEC_RSA_MIN_BITS, SEC_RSA_MAX_BITS);
	key = EVP_RSA_gen(bits);
	if (!key)
		return throw_openssl("RSA key", err);
	return encoding == SEC_DER ? encode(key, "DER", "PrivateKeyInfo", out, err)
				   : encode(key, "PEM", "type-specific", out, err);
}

int sec_key_ec(enum sec_curve curve, struct eb_buf *out, struct eb_error **err)
{
	static const char *const names[] = { [SEC_PRIME256V1] = "prime256v1",
					     [SEC_SECP256K1] = "secp256k1",
					     [SEC_SECP384R1] = "secp384r1" };
	EB_CLEANUP(EVP_PKEY_free_p) EVP_PKEY *key = EVP_EC_gen(names[curve]);

	if (!key)
		return throw_openssl("EC key", err);
	return encode(key, "DER", "PrivateKeyInfo", out, err);
}

/* ---- ed25519 ---- */

static EVP_PKEY *new_ed25519(void)
{
	return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

static void add_unpadded(const unsigned char *raw, struct eb_buf *out)
{
	EB_SECRETBUF(text, BASE64_BYTES);

	eb_base64_encode(raw, ED25519_BYTES, &text);
	while (text.len > 0 && text.data[text.len - 1] == '=')
		text.len--;
	eb_buf_add(out, text.data, text.len);
}

int sec_key_signing(const char *version, struct eb_buf *out, struct eb_error **err)
{
	EB_CLEANUP(EVP_PKEY_free_p) EVP_PKEY *key = new_ed25519();
	unsigned char raw[ED25519_BYTES];
	size_t n = sizeof(raw);

	if (!key || !EVP_PKEY_get_raw_private_key(key, raw, &n) || n != sizeof(raw))
		return throw_openssl("ed25519 key", err);
	eb_buf_addf(out, "ed25519 %s ", version);
	add_unpadded(raw, out);
	eb_buf_addc(out, '\n');
	eb_wipe(raw, sizeof(raw));
	return eb_buf_check(out, "signing key", err);
}

int sec_key_throwaway_public(struct eb_buf *out, struct eb_error **err)
{
	EB_CLEANUP(EVP_PKEY_free_p) EVP_PKEY *key = new_ed25519();
	unsigned char raw[ED25519_BYTES];
	size_t n = sizeof(raw);

	if (!key || !EVP_PKEY_get_raw_public_key(key, raw, &n) || n != sizeof(raw))
		return throw_openssl("ed25519 key", err);
	add_unpadded(raw, out);
	return eb_buf_check(out, "public key", err);
}
