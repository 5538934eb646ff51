/* Private keys of the kinds that Synapse, MAS and the bridges want, made with OpenSSL. Everything
 * is appended to a buffer that the caller wipes (EB_SECRETBUF); nothing else keeps it. */
#pragma once

#include "base/cleanup.h"

struct eb_buf;
struct eb_error;

enum { SEC_RSA_MIN_BITS = 2048, SEC_RSA_MAX_BITS = 8192, SEC_KEY_MAX_BYTES = 16 * 1024 };

enum sec_curve { SEC_PRIME256V1, SEC_SECP256K1, SEC_SECP384R1 };
enum sec_encoding { SEC_DER, SEC_PEM };

/* SEC_DER: PKCS#8 (RFC 5958); SEC_PEM: PKCS#1, "BEGIN RSA PRIVATE KEY" (RFC 8017). 4096 bits take
 * about a second. Errors: EB_E_LIMIT for bits, EB_E_PROGRAM when OpenSSL fails. */
int sec_key_rsa(unsigned int bits, enum sec_encoding encoding, struct eb_buf *out,
		struct eb_error **err) EB_MUST_CHECK;
/* PKCS#8 DER. */
int sec_key_ec(enum sec_curve curve, struct eb_buf *out, struct eb_error **err) EB_MUST_CHECK;
/* "ed25519 VERSION SEED\n", SEED being unpadded base64: what Synapse's signedjson reads. */
int sec_key_signing(const char *version, struct eb_buf *out, struct eb_error **err) EB_MUST_CHECK;
/* The public half of a new ed25519 key whose private half nobody has; unpadded base64. */
int sec_key_throwaway_public(struct eb_buf *out, struct eb_error **err) EB_MUST_CHECK;
