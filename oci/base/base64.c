#include "base/base64.h"

#include <openssl/evp.h>
#include <sodium.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"

void eb_base64_encode(const void *p, size_t n, struct eb_buf *out)
{
	size_t size = (n + 2) / 3 * 4;
	autofree char *text = eb_xmalloc(size + 1);

	EVP_EncodeBlock((unsigned char *)text, p, (int)n);
	eb_buf_add(out, text, size);
	sodium_memzero(text, size);
}

int eb_base64_decode(const char *text, size_t n, struct eb_buf *out, struct eb_error **err)
{
	autofree uint8_t *raw = NULL;
	size_t got = 0;
	const char *end = NULL;
	bool known = true;

	if (n > EB_BASE64_MAX_BYTES)
		return eb_throw(err, EB_E_LIMIT, "base64 text of more than %d bytes",
				EB_BASE64_MAX_BYTES);
	/* libsodium takes some bytes above 0x7f for letters. */
	for (size_t i = 0; i < n; i++)
		known &= (unsigned char)text[i] < 0x80;
	raw = eb_xmalloc(n / 4 * 3 + 1);
	if (!known ||
	    sodium_base642bin(raw, n / 4 * 3 + 1, text, n, NULL, &got, &end,
			      sodium_base64_VARIANT_ORIGINAL) != 0 ||
	    end != text + n)
		return eb_throw(err, EB_E_FORMAT, "not base64 text");
	eb_buf_add(out, raw, got);
	sodium_memzero(raw, got);
	return eb_buf_check(out, "base64 text", err);
}
