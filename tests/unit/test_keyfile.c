#include "sign/keyfile.h"

#include "base/json.h"
#include "sign/key.h"
#include "base/base64.h"
#include "testlib.h"

#define BEGIN "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n"
#define END "-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n"

static void wrap(const char *json, struct eb_buf *pem)
{
	eb_buf_clear(pem);
	eb_buf_adds(pem, BEGIN);
	eb_base64_encode(json, strlen(json), pem);
	eb_buf_adds(pem, "\n" END);
}

static int decrypt(struct eb_buf *pem, const char *password, struct eb_error **err)
{
	EB_AUTOBUF(out, OCI_KEY_FILE_MAX_BYTES);

	return oci_keyfile_decrypt(eb_buf_str(pem), pem->len, password, "my.key", &out, err);
}

#define SALT "\"salt\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\""
#define NONCE "\"nonce\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""
#define BOX "\"ciphertext\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""
#define DOC(kdf, params, salt, cipher, nonce, box)                                                 \
	"{\"kdf\":{\"name\":\"" kdf "\",\"params\":{" params "}," salt "},\"cipher\":{\"name\":"   \
	"\"" cipher "\"," nonce "}," box "}"
#define PARAMS "\"N\":32768,\"r\":8,\"p\":1"

TEST(keyfile, encrypt_then_decrypt_gives_the_same)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(pem, OCI_KEY_FILE_MAX_BYTES);
	EB_AUTOBUF(out, OCI_KEY_FILE_MAX_BYTES);

	CHECK_OK(oci_keyfile_encrypt((const uint8_t *)"secret key", 10, "pw", &pem, &e), e);
	CHECK(!memmem(pem.data, pem.len, "secret key", 10));
	CHECK_OK(oci_keyfile_decrypt(pem.data, pem.len, "pw", "k", &out, &e), e);
	CHECK_STR(eb_buf_str(&out), "secret key");
	for (const char *line = pem.data, *next; (next = strchr(line, '\n')); line = next + 1)
		CHECK(next - line <= 64);
	eb_buf_clear(&out);
	/* CRLF, and text around it, do no harm; nor does the older name of the type. */
	{
		EB_AUTOBUF(other, OCI_KEY_FILE_MAX_BYTES);

		eb_buf_adds(&other, "a comment\r\n");
		for (size_t i = 0; i < pem.len; i++) {
			if (pem.data[i] == '\n')
				eb_buf_addc(&other, '\r');
			if (strncmp(pem.data + i, "SIGSTORE", 8) == 0) {
				eb_buf_adds(&other, "COSIGN");
				i += 7;
			} else {
				eb_buf_addc(&other, pem.data[i]);
			}
		}
		CHECK_OK(oci_keyfile_decrypt(other.data, other.len, "pw", "k", &out, &e), e);
		CHECK_STR(eb_buf_str(&out), "secret key");
	}
}

TEST(keyfile, other_parameters_are_refused)
{
	static const char *const params[] = {
		"\"N\":65537,\"r\":8,\"p\":1",	"\"N\":1048576,\"r\":8,\"p\":1",
		"\"N\":1,\"r\":8,\"p\":1",	"\"N\":0,\"r\":8,\"p\":1",
		"\"N\":65536,\"r\":16,\"p\":1", "\"N\":65536,\"r\":8,\"p\":2"
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(params); i++) {
		autofree char *json = eb_xasprintf(
			"{\"kdf\":{\"name\":\"scrypt\",\"params\":{%s}," SALT
			"},\"cipher\":{\"name\":"
			"\"nacl/secretbox\"," NONCE "}," BOX "}",
			params[i]);
		autoerror struct eb_error *e = NULL;
		EB_AUTOBUF(pem, 4096);

		wrap(json, &pem);
		CHECK_FAIL(decrypt(&pem, "", &e), EB_E_UNSUPPORTED,
			   "my.key: scrypt parameters N=", e);
	}
}

TEST(keyfile, malformed_documents_are_refused)
{
	static const struct {
		const char *json;
		int code;
		const char *message;
	} cases[] = {
		{ "", EB_E_FORMAT, "my.key: " },
		{ "{", EB_E_FORMAT, "my.key: " },
		{ "[]", EB_E_FORMAT, "kdf: " },
		{ "{\"kdf\":1}", EB_E_FORMAT, "kdf: expected an object" },
		{ DOC("argon2", PARAMS, SALT, "nacl/secretbox", NONCE, BOX), EB_E_UNSUPPORTED,
		  "found argon2 and nacl/secretbox" },
		{ DOC("scrypt", PARAMS, SALT, "aes", NONCE, BOX), EB_E_UNSUPPORTED,
		  "found scrypt and aes" },
		{ DOC("scrypt", PARAMS, "\"salt\":\"***\"", "nacl/secretbox", NONCE, BOX),
		  EB_E_FORMAT, "salt: not base64 text" },
		{ DOC("scrypt", PARAMS, "\"salt\":\"AAAA\"", "nacl/secretbox", NONCE, BOX),
		  EB_E_FORMAT, "has a wrong length" },
		{ DOC("scrypt", PARAMS, SALT, "nacl/secretbox", "\"nonce\":\"AAAA\"", BOX),
		  EB_E_FORMAT, "has a wrong length" },
		{ DOC("scrypt", PARAMS, SALT, "nacl/secretbox", NONCE, "\"ciphertext\":\"AAAA\""),
		  EB_E_FORMAT, "has a wrong length" },
		{ DOC("scrypt", PARAMS, SALT, "nacl/secretbox", NONCE, BOX), EB_E_AUTH,
		  "my.key: wrong password" },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(cases); i++) {
		autoerror struct eb_error *e = NULL;
		EB_AUTOBUF(pem, 4096);

		wrap(cases[i].json, &pem);
		CHECK_FAIL(decrypt(&pem, "", &e), cases[i].code, cases[i].message, e);
	}
}

TEST(keyfile, truncated_or_damaged_text_is_refused)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(pem, 4096);

	wrap(DOC("scrypt", PARAMS, SALT, "nacl/secretbox", NONCE, BOX), &pem);
	for (size_t n = 0; n < pem.len - 1; n += 7)
		CHECK(!oci_keyfile_find(pem.data, n, NULL, NULL));
	pem.data[strlen(BEGIN) + 5] = '!';
	CHECK_FAIL(decrypt(&pem, "", &e), EB_E_FORMAT, "my.key: not base64 text", e);
	eb_buf_clear(&pem);
	eb_buf_adds(&pem, END BEGIN);
	CHECK_FAIL(decrypt(&pem, "", &e), EB_E_FORMAT, "no encrypted private key inside", e);
}
