/* Signing keys in cosign's file formats.
 *
 * A private key file is PEM "ENCRYPTED SIGSTORE PRIVATE KEY" (or the older "ENCRYPTED COSIGN
 * PRIVATE KEY") around a JSON object: scrypt parameters and salt, XSalsa20-Poly1305 nonce and
 * ciphertext of the PKCS#8 DER key. Plain PKCS#8 PEM is read too. A public key file is PEM "PUBLIC
 * KEY" (PKIX). Keys are ECDSA P-256 when made here; P-384, P-521, RSA and Ed25519 ones are read.
 * Secret bytes are wiped when freed. A key is immutable and may be shared by threads. */
#pragma once

#include "base/cleanup.h"

struct eb_buf;
struct eb_error;

enum { OCI_KEY_FILE_MAX_BYTES = 64 * 1024, OCI_SIGNATURE_MAX_BYTES = 4096 };

struct oci_key;
struct oci_key *oci_key_free(struct oci_key *k);
EB_DEFINE_CLEANUP(struct oci_key *, oci_key_free)

int oci_key_generate(struct oci_key **ret, struct eb_error **err) EB_MUST_CHECK;
/* password may be NULL for an unencrypted file; an encrypted one then fails with EB_E_AUTH, as does
 * a wrong password. what names the file in messages. */
int oci_key_read_private(const char *pem, size_t n, const char *password, const char *what,
			 struct oci_key **ret, struct eb_error **err) EB_MUST_CHECK;
/* Does this private key file need a password? */
bool oci_key_is_encrypted(const char *pem, size_t n);
/* A public key, or the public half of an unencrypted private key file. */
int oci_key_read_public(const char *pem, size_t n, const char *what, struct oci_key **ret,
			struct eb_error **err) EB_MUST_CHECK;
/* The encrypted file (its caller writes it with mode 0600), and the public one. */
int oci_key_write_private(const struct oci_key *k, const char *password, struct eb_buf *out,
			  struct eb_error **err) EB_MUST_CHECK;
int oci_key_write_public(const struct oci_key *k, struct eb_buf *out,
			 struct eb_error **err) EB_MUST_CHECK;
/* Base64 of the SHA-256 of the PKIX DER public key: names a key, as sigstore's hints do. */
void oci_key_hint(const struct oci_key *k, char out[static 48]);

/* Over SHA-256 of the message (Ed25519: the message itself). sig has OCI_SIGNATURE_MAX_BYTES. */
int oci_key_sign(const struct oci_key *k, const void *msg, size_t n, uint8_t *sig, size_t *ret_n,
		 struct eb_error **err) EB_MUST_CHECK;
/* 0 when the signature is this key's over msg, else EB_E_SIGNATURE. */
int oci_key_verify(const struct oci_key *k, const void *msg, size_t n, const uint8_t *sig,
		   size_t sig_n, struct eb_error **err) EB_MUST_CHECK;
