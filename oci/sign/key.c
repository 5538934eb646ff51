#include "sign/key.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "sign/keyfile.h"

struct oci_key {
	EVP_PKEY *pkey;
	bool private;
};

struct oci_key *oci_key_free(struct oci_key *k)
{
	if (k) {
		EVP_PKEY_free(k->pkey); /* OpenSSL wipes the private part */
		free(k);
	}
	return NULL;
}

static struct oci_key *wrap(EVP_PKEY *pkey, bool private)
{
	struct oci_key *k = eb_xcalloc(1, sizeof(*k));

	k->pkey = pkey;
	k->private = private;
	return k;
}

int oci_key_generate(struct oci_key **ret, struct eb_error **err)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");

	if (!pkey)
		return eb_throw(err, EB_E_UNSUPPORTED, "OpenSSL cannot make a P-256 key");
	*ret = wrap(pkey, true);
	return 0;
}

static int supported(EVP_PKEY *pkey, const char *what, struct eb_error **err)
{
	int id = EVP_PKEY_get_base_id(pkey), bits = EVP_PKEY_get_bits(pkey);

	if (id == EVP_PKEY_ED25519 || (id == EVP_PKEY_EC && bits >= 256) ||
	    (id == EVP_PKEY_RSA && bits >= 2048 && bits <= 16384))
		return 0;
	return eb_throw(err, EB_E_UNSUPPORTED,
			"%s: expected an ECDSA key of 256 bits or more, Ed25519 or RSA of 2048 "
			"bits or more",
			what);
}

/* Refuse to ask on the terminal for the password of a PEM file of another kind. */
static int no_password(char *buf, int size, int rwflag, void *ctx)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)ctx;
	return -1;
}

bool oci_key_is_encrypted(const char *pem, size_t n)
{
	return oci_keyfile_find(pem, n, NULL, NULL);
}

static int check_size(size_t n, const char *what, struct eb_error **err)
{
	return n <= OCI_KEY_FILE_MAX_BYTES ? 0
					   : eb_throw(err, EB_E_LIMIT, "%s: larger than %d bytes",
						      what, OCI_KEY_FILE_MAX_BYTES);
}

/* Takes pkey. */
static int wrap_supported(EVP_PKEY *pkey, bool private, const char *what, struct oci_key **ret,
			  struct eb_error **err)
{
	int r = supported(pkey, what, err);

	if (r < 0)
		EVP_PKEY_free(pkey);
	else
		*ret = wrap(pkey, private);
	return r;
}

/* NULL when there is none, and nothing left in OpenSSL's queue, where the next TLS connection would
 * find it. */
static EVP_PKEY *read_pem(const char *pem, size_t n, bool private)
{
	BIO *bio = BIO_new_mem_buf(pem, (int)n);
	EVP_PKEY *pkey = NULL;

	if (bio && private)
		pkey = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	else if (bio)
		pkey = PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL);
	BIO_free(bio);
	ERR_clear_error();
	return pkey;
}

static int from_der(const uint8_t *der, size_t n, const char *what, struct oci_key **ret,
		    struct eb_error **err)
{
	const uint8_t *p = der;
	EVP_PKEY *pkey = n <= OCI_KEY_FILE_MAX_BYTES ? d2i_AutoPrivateKey(NULL, &p, (long)n) : NULL;

	ERR_clear_error();
	if (!pkey)
		return eb_throw(err, EB_E_FORMAT, "%s: holds no PKCS#8 private key", what);
	return wrap_supported(pkey, true, what, ret, err);
}

static int read_encrypted(const char *pem, size_t n, const char *password, const char *what,
			  struct oci_key **ret, struct eb_error **err)
{
	EB_AUTOBUF(der, OCI_KEY_FILE_MAX_BYTES);
	int r;

	if (!password)
		return eb_throw(err, EB_E_AUTH, "%s: needs a password", what);
	r = oci_keyfile_decrypt(pem, n, password, what, &der, err);
	if (r >= 0)
		r = from_der((const uint8_t *)der.data, der.len, what, ret, err);
	if (der.data)
		OPENSSL_cleanse(der.data, der.alloc);
	return r;
}

int oci_key_read_private(const char *pem, size_t n, const char *password, const char *what,
			 struct oci_key **ret, struct eb_error **err)
{
	EVP_PKEY *pkey;
	int r = check_size(n, what, err);

	if (r < 0)
		return r;
	if (oci_key_is_encrypted(pem, n))
		return read_encrypted(pem, n, password, what, ret, err);
	pkey = read_pem(pem, n, true);
	if (!pkey)
		return eb_throw(err, EB_E_FORMAT, "%s: no private key in PEM form inside", what);
	return wrap_supported(pkey, true, what, ret, err);
}

int oci_key_read_public(const char *pem, size_t n, const char *what, struct oci_key **ret,
			struct eb_error **err)
{
	EVP_PKEY *pkey;
	int r = check_size(n, what, err);

	if (r < 0)
		return r;
	pkey = read_pem(pem, n, false);
	if (!pkey && oci_key_is_encrypted(pem, n)) {
		r = eb_throw(err, EB_E_FORMAT, "%s: is a private key; expected a public one", what);
		return eb_hint(err, r,
			       "use the .pub file that 'ess-bundle keygen' wrote beside it");
	}
	if (!pkey)
		pkey = read_pem(pem, n, true);
	if (!pkey)
		return eb_throw(err, EB_E_FORMAT, "%s: no public key in PEM form inside", what);
	return wrap_supported(pkey, false, what, ret, err);
}

int oci_key_write_private(const struct oci_key *k, const char *password, struct eb_buf *out,
			  struct eb_error **err)
{
	PKCS8_PRIV_KEY_INFO *info = k->private ? EVP_PKEY2PKCS8(k->pkey) : NULL;
	uint8_t *der = NULL;
	int n = info ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : -1;
	int r;

	PKCS8_PRIV_KEY_INFO_free(info);
	if (n < 0)
		return eb_throw(err, EB_E_UNSUPPORTED, "the key has no private part to write");
	r = oci_keyfile_encrypt(der, (size_t)n, password, out, err);
	OPENSSL_cleanse(der, (size_t)n);
	OPENSSL_free(der);
	return r;
}

int oci_key_write_public(const struct oci_key *k, struct eb_buf *out, struct eb_error **err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long n;

	if (!bio || PEM_write_bio_PUBKEY(bio, k->pkey) != 1) {
		BIO_free(bio);
		return eb_throw(err, EB_E_UNSUPPORTED, "OpenSSL cannot write the public key");
	}
	n = BIO_get_mem_data(bio, &text);
	eb_buf_add(out, text, n > 0 ? (size_t)n : 0);
	BIO_free(bio);
	return eb_buf_check(out, "public key", err);
}

void oci_key_hint(const struct oci_key *k, char out[static 48])
{
	EB_AUTOBUF(text, 64);
	uint8_t hash[EB_SHA256_BYTES], *der = NULL;
	int n = i2d_PUBKEY(k->pkey, &der);

	if (n < 0)
		abort();
	eb_sha256(der, (size_t)n, hash);
	OPENSSL_free(der);
	eb_base64_encode(hash, sizeof(hash), &text);
	snprintf(out, 48, "%s", eb_buf_str(&text));
}

static const EVP_MD *digest_of(const struct oci_key *k)
{
	return EVP_PKEY_get_base_id(k->pkey) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
}

int oci_key_sign(const struct oci_key *k, const void *msg, size_t n, uint8_t *sig, size_t *ret_n,
		 struct eb_error **err)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t size = OCI_SIGNATURE_MAX_BYTES;
	bool ok = ctx && k->private &&
		  EVP_DigestSignInit(ctx, NULL, digest_of(k), NULL, k->pkey) == 1 &&
		  EVP_DigestSign(ctx, sig, &size, msg, n) == 1;

	EVP_MD_CTX_free(ctx);
	if (!ok)
		return eb_throw(err, EB_E_UNSUPPORTED, "cannot sign with this key");
	*ret_n = size;
	return 0;
}

int oci_key_verify(const struct oci_key *k, const void *msg, size_t n, const uint8_t *sig,
		   size_t sig_n, struct eb_error **err)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestVerifyInit(ctx, NULL, digest_of(k), NULL, k->pkey) == 1 &&
		  EVP_DigestVerify(ctx, sig, sig_n, msg, n) == 1;

	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	if (!ok)
		return eb_throw(err, EB_E_SIGNATURE, "the signature is not by this key");
	return 0;
}
