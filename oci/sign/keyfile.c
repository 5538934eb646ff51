#include "sign/keyfile.h"

#include <openssl/evp.h>
#include <sodium.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "sign/key.h"

#define PEM_TYPE "ENCRYPTED SIGSTORE PRIVATE KEY"
#define PEM_TYPE_OLD "ENCRYPTED COSIGN PRIVATE KEY"

enum {
	SCRYPT_N = 65536, /* cosign's own; it refuses other r and p */
	SCRYPT_N_OLD = 32768,
	SCRYPT_N_LARGE = 131072,
	SCRYPT_R = 8,
	SCRYPT_P = 1,
	SALT_BYTES = 32,
	PEM_COLUMNS = 64,
};

/* ---- PEM ---- */

static const char *find(const char *text, size_t n, const char *word)
{
	return memmem(text, n, word, strlen(word));
}

static bool find_type(const char *pem, size_t n, const char *type, const char **ret_body,
		      size_t *ret_n)
{
	autofree char *begin = eb_xasprintf("-----BEGIN %s-----", type);
	autofree char *end = eb_xasprintf("-----END %s-----", type);
	const char *b = find(pem, n, begin), *e;

	if (!b)
		return false;
	b += strlen(begin);
	e = find(b, n - (size_t)(b - pem), end);
	if (!e)
		return false;
	if (ret_body) {
		*ret_body = b;
		*ret_n = (size_t)(e - b);
	}
	return true;
}

bool oci_keyfile_find(const char *pem, size_t n, const char **ret_body, size_t *ret_n)
{
	return find_type(pem, n, PEM_TYPE, ret_body, ret_n) ||
	       find_type(pem, n, PEM_TYPE_OLD, ret_body, ret_n);
}

static int pem_body(const char *pem, size_t n, struct eb_buf *out, struct eb_error **err)
{
	EB_AUTOBUF(text, OCI_KEY_FILE_MAX_BYTES);
	const char *body = NULL;
	size_t size = 0;

	if (!oci_keyfile_find(pem, n, &body, &size))
		return eb_throw(err, EB_E_FORMAT, "no encrypted private key inside");
	for (size_t i = 0; i < size; i++)
		if (body[i] != '\n' && body[i] != '\r')
			eb_buf_addc(&text, body[i]);
	return eb_base64_decode(eb_buf_str(&text), text.len, out, err);
}

/* ---- JSON and the box ---- */

struct sealed {
	uint64_t n;
	struct eb_buf salt, nonce, box;
};

static int get_bytes(const json_t *j, const char *key, struct eb_buf *out, struct eb_error **err)
{
	const char *text;
	int r = eb_json_get_str(j, key, &text, err);

	if (r >= 0) {
		r = eb_base64_decode(text, strlen(text), out, err);
		r = r < 0 ? eb_prefix(err, r, "%s", key) : r;
	}
	return r;
}

static int check_names(const json_t *kdf, const json_t *cipher, struct eb_error **err)
{
	const char *kdf_name, *cipher_name;
	int r = eb_json_get_str(kdf, "name", &kdf_name, err);

	if (r >= 0)
		r = eb_json_get_str(cipher, "name", &cipher_name, err);
	if (r < 0)
		return r;
	if (strcmp(kdf_name, "scrypt") != 0 || strcmp(cipher_name, "nacl/secretbox") != 0)
		return eb_throw(err, EB_E_UNSUPPORTED,
				"expected scrypt and nacl/secretbox, found %s and %s", kdf_name,
				cipher_name);
	return 0;
}

/* Any cost that some cosign wrote, so that a file cannot ask for more memory than that. */
static int parse_params(const json_t *kdf, uint64_t *ret_n, struct eb_error **err)
{
	uint64_t n, r_param, p_param;
	json_t *params;
	int r = eb_json_get_object(kdf, "params", &params, err);

	if (r >= 0)
		r = eb_json_get_u64(params, "N", UINT32_MAX, &n, err);
	if (r >= 0)
		r = eb_json_get_u64(params, "r", 1024, &r_param, err);
	if (r >= 0)
		r = eb_json_get_u64(params, "p", 1024, &p_param, err);
	if (r < 0)
		return r;
	if (r_param != SCRYPT_R || p_param != SCRYPT_P ||
	    (n != SCRYPT_N && n != SCRYPT_N_OLD && n != SCRYPT_N_LARGE))
		return eb_throw(err, EB_E_UNSUPPORTED,
				"scrypt parameters N=%llu r=%llu p=%llu are not cosign's",
				(unsigned long long)n, (unsigned long long)r_param,
				(unsigned long long)p_param);
	*ret_n = n;
	return 0;
}

static int parse_sealed(const char *text, size_t size, struct sealed *ret, struct eb_error **err)
{
	autojson json_t *doc = NULL;
	json_t *kdf, *cipher;
	int r = eb_json_parse(text, size, OCI_KEY_FILE_MAX_BYTES, &doc, err);

	if (r >= 0)
		r = eb_json_get_object(doc, "kdf", &kdf, err);
	if (r >= 0)
		r = eb_json_get_object(doc, "cipher", &cipher, err);
	if (r >= 0)
		r = check_names(kdf, cipher, err);
	if (r >= 0)
		r = parse_params(kdf, &ret->n, err);
	if (r >= 0)
		r = get_bytes(kdf, "salt", &ret->salt, err);
	if (r >= 0)
		r = get_bytes(cipher, "nonce", &ret->nonce, err);
	if (r >= 0)
		r = get_bytes(doc, "ciphertext", &ret->box, err);
	if (r >= 0 && (ret->nonce.len != crypto_secretbox_NONCEBYTES || ret->salt.len < 8 ||
		       ret->box.len <= crypto_secretbox_MACBYTES))
		return eb_throw(err, EB_E_FORMAT, "nonce, salt or ciphertext has a wrong length");
	return r;
}

static int derive(const char *password, const void *salt, size_t salt_n, uint64_t n,
		  uint8_t key[static crypto_secretbox_KEYBYTES], struct eb_error **err)
{
	if (EVP_PBE_scrypt(password, strlen(password), salt, salt_n, n, SCRYPT_R, SCRYPT_P,
			   256ull * 1024 * 1024, key, crypto_secretbox_KEYBYTES) != 1)
		return eb_throw(err, EB_E_UNSUPPORTED, "OpenSSL cannot run scrypt");
	return 0;
}

static int open_box(const struct sealed *s, const char *password, struct eb_buf *out,
		    struct eb_error **err)
{
	uint8_t key[crypto_secretbox_KEYBYTES];
	size_t n = s->box.len - crypto_secretbox_MACBYTES;
	char *to = eb_buf_reserve(out, n);
	int r = derive(password, s->salt.data, s->salt.len, s->n, key, err);

	if (r < 0)
		return r;
	if (!to)
		r = eb_throw(err, EB_E_LIMIT, "the key is too large");
	else if (crypto_secretbox_open_easy((uint8_t *)to, (const uint8_t *)s->box.data, s->box.len,
					    (const uint8_t *)s->nonce.data, key) != 0)
		r = eb_throw(err, EB_E_AUTH, "wrong password");
	if (r >= 0) {
		out->len += n;
		to[n] = '\0';
	}
	sodium_memzero(key, sizeof(key));
	return r;
}

int oci_keyfile_decrypt(const char *pem, size_t n, const char *password, const char *what,
			struct eb_buf *out, struct eb_error **err)
{
	struct sealed s = { 0 };
	EB_AUTOBUF(text, OCI_KEY_FILE_MAX_BYTES);
	int r;

	if (sodium_init() < 0)
		return eb_throw(err, EB_E_UNSUPPORTED, "libsodium cannot start");
	eb_buf_init(&s.salt, 1024);
	eb_buf_init(&s.nonce, 1024);
	eb_buf_init(&s.box, OCI_KEY_FILE_MAX_BYTES);
	r = pem_body(pem, n, &text, err);
	if (r >= 0)
		r = parse_sealed(eb_buf_str(&text), text.len, &s, err);
	if (r >= 0)
		r = open_box(&s, password, out, err);
	eb_buf_release(&s.salt);
	eb_buf_release(&s.nonce);
	eb_buf_release(&s.box);
	return r < 0 ? eb_prefix(err, r, "%s", what) : 0;
}

static void set_bytes(json_t *j, const char *key, const void *p, size_t n)
{
	EB_AUTOBUF(text, OCI_KEY_FILE_MAX_BYTES);

	eb_base64_encode(p, n, &text);
	eb_json_set_str(j, key, eb_buf_str(&text));
}

static char *sealed_json(const uint8_t *salt, const uint8_t *nonce, const uint8_t *box,
			 size_t box_n, size_t *ret_n)
{
	autojson json_t *doc = eb_json_object();
	json_t *kdf = eb_json_object(), *params = eb_json_object(), *cipher = eb_json_object();

	eb_json_set_u64(params, "N", SCRYPT_N);
	eb_json_set_u64(params, "r", SCRYPT_R);
	eb_json_set_u64(params, "p", SCRYPT_P);
	eb_json_set_str(kdf, "name", "scrypt");
	eb_json_set(kdf, "params", params);
	set_bytes(kdf, "salt", salt, SALT_BYTES);
	eb_json_set_str(cipher, "name", "nacl/secretbox");
	set_bytes(cipher, "nonce", nonce, crypto_secretbox_NONCEBYTES);
	eb_json_set(doc, "kdf", kdf);
	eb_json_set(doc, "cipher", cipher);
	set_bytes(doc, "ciphertext", box, box_n);
	return eb_json_canonical(doc, ret_n);
}

static void write_pem(const char *json, size_t n, struct eb_buf *out)
{
	EB_AUTOBUF(text, OCI_KEY_FILE_MAX_BYTES);

	eb_base64_encode(json, n, &text);
	eb_buf_adds(out, "-----BEGIN " PEM_TYPE "-----\n");
	for (size_t i = 0; i < text.len; i += PEM_COLUMNS) {
		size_t part = text.len - i < PEM_COLUMNS ? text.len - i : PEM_COLUMNS;

		eb_buf_add(out, text.data + i, part);
		eb_buf_addc(out, '\n');
	}
	eb_buf_adds(out, "-----END " PEM_TYPE "-----\n");
}

int oci_keyfile_encrypt(const uint8_t *der, size_t n, const char *password, struct eb_buf *out,
			struct eb_error **err)
{
	uint8_t salt[SALT_BYTES], nonce[crypto_secretbox_NONCEBYTES];
	uint8_t key[crypto_secretbox_KEYBYTES];
	autofree uint8_t *box = eb_xmalloc(n + crypto_secretbox_MACBYTES);
	autofree char *json = NULL;
	size_t json_n;
	int r;

	if (sodium_init() < 0)
		return eb_throw(err, EB_E_UNSUPPORTED, "libsodium cannot start");
	randombytes_buf(salt, sizeof(salt));
	randombytes_buf(nonce, sizeof(nonce));
	r = derive(password, salt, sizeof(salt), SCRYPT_N, key, err);
	if (r < 0)
		return r;
	crypto_secretbox_easy(box, der, n, nonce, key);
	sodium_memzero(key, sizeof(key));
	json = sealed_json(salt, nonce, box, n + crypto_secretbox_MACBYTES, &json_n);
	write_pem(json, json_n, out);
	return eb_buf_check(out, "private key", err);
}
