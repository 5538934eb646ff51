#include "base/hash.h"

#include <openssl/evp.h>

#include "base/mem.h"

struct eb_hash {
	EVP_MD_CTX *ctx;
	const EVP_MD *md;
};

struct eb_hash *eb_hash_new(enum eb_hash_alg alg)
{
	struct eb_hash *h = eb_xcalloc(1, sizeof(*h));

	h->md = alg == EB_SHA512 ? EVP_sha512() : EVP_sha256();
	h->ctx = EVP_MD_CTX_new();
	if (!h->ctx || EVP_DigestInit_ex(h->ctx, h->md, NULL) != 1)
		abort();
	return h;
}

void eb_hash_update(struct eb_hash *h, const void *p, size_t n)
{
	if (n && EVP_DigestUpdate(h->ctx, p, n) != 1)
		abort();
}

void eb_hash_final_hex(struct eb_hash *h, char out[static EB_HASH_MAX_HEX + 1])
{
	uint8_t raw[EVP_MAX_MD_SIZE];
	unsigned int n = 0;

	if (EVP_DigestFinal_ex(h->ctx, raw, &n) != 1 || EVP_DigestInit_ex(h->ctx, h->md, NULL) != 1)
		abort();
	eb_hex(raw, n, out);
}

void eb_hash_peek_hex(const struct eb_hash *h, char out[static EB_HASH_MAX_HEX + 1])
{
	EVP_MD_CTX *copy = EVP_MD_CTX_new();
	uint8_t raw[EVP_MAX_MD_SIZE];
	unsigned int n = 0;

	if (!copy || EVP_MD_CTX_copy_ex(copy, h->ctx) != 1 ||
	    EVP_DigestFinal_ex(copy, raw, &n) != 1)
		abort();
	EVP_MD_CTX_free(copy);
	eb_hex(raw, n, out);
}

struct eb_hash *eb_hash_free(struct eb_hash *h)
{
	if (h) {
		EVP_MD_CTX_free(h->ctx);
		free(h);
	}
	return NULL;
}

void eb_sha256(const void *p, size_t n, uint8_t out[static EB_SHA256_BYTES])
{
	if (EVP_Digest(p, n, out, NULL, EVP_sha256(), NULL) != 1)
		abort();
}

void eb_sha256_hex(const void *p, size_t n, char out[static EB_SHA256_HEX + 1])
{
	uint8_t raw[EB_SHA256_BYTES];

	eb_sha256(p, n, raw);
	eb_hex(raw, sizeof(raw), out);
}

void eb_hex(const uint8_t *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * n] = '\0';
}

bool eb_is_hex(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!(s[i] >= '0' && s[i] <= '9') && !(s[i] >= 'a' && s[i] <= 'f'))
			return false;
	return s[n] == '\0';
}
