#include "sign/key.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/wait.h>

#include "base/span.h"
#include "testlib.h"

enum { PEM_BYTES = OCI_KEY_FILE_MAX_BYTES };

static void read_data(const char *name, struct eb_buf *b)
{
	autofree char *path = eb_xasprintf("%s/tests/unit/data/%s", test_source_root(), name);
	autoerror struct eb_error *e = NULL;

	eb_buf_clear(b);
	CHECK_OK(eb_file_read(path, b, &e), e);
}

/* Takes pkey; PEM of both halves. */
static void write_pems(EVP_PKEY *pkey, struct eb_buf *private, struct eb_buf *public)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;

	CHECK(pkey && bio);
	CHECK_INT(PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
	eb_buf_add(private, "", 0);
	eb_buf_add(private, (BIO_get_mem_data(bio, &text), text),
		   (size_t)BIO_get_mem_data(bio, &text));
	BIO_free(bio);
	bio = BIO_new(BIO_s_mem());
	CHECK_INT(PEM_write_bio_PUBKEY(bio, pkey), 1);
	eb_buf_add(public, (BIO_get_mem_data(bio, &text), text),
		   (size_t)BIO_get_mem_data(bio, &text));
	BIO_free(bio);
	EVP_PKEY_free(pkey);
}

/* Sign with the private half as it was read, verify with the public one. */
static void check_pair(EVP_PKEY *pkey)
{
	EB_AUTOBUF(private, PEM_BYTES);
	EB_AUTOBUF(public, PEM_BYTES);
	EB_CLEANUP(oci_key_free_p) struct oci_key *a = NULL, *b = NULL;
	autoerror struct eb_error *e = NULL;
	uint8_t sig[OCI_SIGNATURE_MAX_BYTES];
	char hint_a[48], hint_b[48];
	size_t n = 0;

	write_pems(pkey, &private, &public);
	CHECK_OK(oci_key_read_private(private.data, private.len, NULL, "a.key", &a, &e), e);
	CHECK_OK(oci_key_read_public(public.data, public.len, "a.pub", &b, &e), e);
	CHECK_OK(oci_key_sign(a, "hello", 5, sig, &n, &e), e);
	CHECK_OK(oci_key_verify(b, "hello", 5, sig, n, &e), e);
	CHECK_FAIL(oci_key_verify(b, "hellO", 5, sig, n, &e), EB_E_SIGNATURE, "not by this key", e);
	CHECK_FAIL(oci_key_verify(b, "hello", 5, sig, n - 1, &e), EB_E_SIGNATURE, "not by this key",
		   e);
	sig[n / 2] ^= 1;
	CHECK_FAIL(oci_key_verify(b, "hello", 5, sig, n, &e), EB_E_SIGNATURE, "not by this key", e);
	oci_key_hint(a, hint_a);
	oci_key_hint(b, hint_b);
	CHECK_STR(hint_a, hint_b);
	CHECK_INT(strlen(hint_a), 44);
	CHECK_FAIL(oci_key_sign(b, "hello", 5, sig, &n, &e), EB_E_UNSUPPORTED, "cannot sign", e);
}

TEST(key, kinds_of_keys_sign_and_verify)
{
	check_pair(EVP_EC_gen("P-256"));
	check_pair(EVP_EC_gen("P-384"));
	check_pair(EVP_EC_gen("P-521"));
	check_pair(EVP_RSA_gen(2048));
	check_pair(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
}

TEST(key, weak_and_odd_keys_are_refused)
{
	EVP_PKEY *keys[] = { EVP_RSA_gen(1024), EVP_EC_gen("P-192"),
			     EVP_PKEY_Q_keygen(NULL, NULL, "X25519") };

	for (size_t i = 0; i < EB_ARRAY_LEN(keys); i++) {
		EB_AUTOBUF(private, PEM_BYTES);
		EB_AUTOBUF(public, PEM_BYTES);
		autoerror struct eb_error *e = NULL;
		struct oci_key *k = NULL;

		write_pems(keys[i], &private, &public);
		CHECK_FAIL(oci_key_read_private(private.data, private.len, NULL, "weak", &k, &e),
			   EB_E_UNSUPPORTED, "weak: expected an ECDSA key of 256 bits", e);
		CHECK_FAIL(oci_key_read_public(public.data, public.len, "weak", &k, &e),
			   EB_E_UNSUPPORTED, "weak: expected an ECDSA key of 256 bits", e);
		CHECK(k == NULL);
	}
}

TEST(key, generated_key_survives_its_files)
{
	EB_CLEANUP(oci_key_free_p) struct oci_key *key = NULL, *private = NULL, *public = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(text, PEM_BYTES);
	EB_AUTOBUF(open, PEM_BYTES);
	uint8_t sig[OCI_SIGNATURE_MAX_BYTES];
	size_t n;

	CHECK_OK(oci_key_generate(&key, &e), e);
	CHECK_OK(oci_key_write_private(key, "pass word", &text, &e), e);
	CHECK_OK(oci_key_write_public(key, &open, &e), e);
	CHECK_HAS(eb_buf_str(&text), "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n");
	CHECK_HAS(eb_buf_str(&open), "-----BEGIN PUBLIC KEY-----\n");
	CHECK(oci_key_is_encrypted(text.data, text.len));
	CHECK(!oci_key_is_encrypted(open.data, open.len));
	CHECK_OK(oci_key_read_private(text.data, text.len, "pass word", "k", &private, &e), e);
	CHECK_OK(oci_key_read_public(open.data, open.len, "k", &public, &e), e);
	CHECK_OK(oci_key_sign(private, "x", 1, sig, &n, &e), e);
	CHECK_OK(oci_key_verify(public, "x", 1, sig, n, &e), e);
	eb_buf_clear(&text);
	CHECK_FAIL(oci_key_write_private(public, "", &text, &e), EB_E_UNSUPPORTED,
		   "no private part", e);
}

TEST(key, cosigns_files_are_read)
{
	static const struct {
		const char *name, *password;
	} files[] = { { "cosign-empty", "" }, { "cosign-secret", "secret" } };

	for (size_t i = 0; i < EB_ARRAY_LEN(files); i++) {
		EB_CLEANUP(oci_key_free_p) struct oci_key *private = NULL, *public = NULL;
		autofree char *key = eb_xasprintf("%s.key", files[i].name);
		autofree char *pub = eb_xasprintf("%s.pub", files[i].name);
		autoerror struct eb_error *e = NULL;
		EB_AUTOBUF(text, PEM_BYTES);
		uint8_t sig[OCI_SIGNATURE_MAX_BYTES];
		size_t n;

		read_data(key, &text);
		CHECK_FAIL(oci_key_read_private(text.data, text.len, NULL, key, &private, &e),
			   EB_E_AUTH, ".key: needs a password", e);
		CHECK_FAIL(oci_key_read_private(text.data, text.len, "wrong", key, &private, &e),
			   EB_E_AUTH, ".key: wrong password", e);
		CHECK_OK(oci_key_read_private(text.data, text.len, files[i].password, key, &private,
					      &e),
			 e);
		CHECK_INT(oci_key_read_public(text.data, text.len, key, &public, &e), -EB_E_FORMAT);
		CHECK_HAS(e->message, "is a private key; expected a public one");
		CHECK_HAS(e->hint, ".pub");
		eb_error_clear(&e);
		read_data(pub, &text);
		CHECK_OK(oci_key_read_public(text.data, text.len, pub, &public, &e), e);
		CHECK_OK(oci_key_sign(private, "x", 1, sig, &n, &e), e);
		CHECK_OK(oci_key_verify(public, "x", 1, sig, n, &e), e);
	}
}

TEST(key, public_half_of_an_open_private_file_is_read)
{
	EB_CLEANUP(oci_key_free_p) struct oci_key *k = NULL;
	EB_AUTOBUF(private, PEM_BYTES);
	EB_AUTOBUF(public, PEM_BYTES);
	autoerror struct eb_error *e = NULL;
	uint8_t sig[OCI_SIGNATURE_MAX_BYTES];
	size_t n;

	write_pems(EVP_EC_gen("P-256"), &private, &public);
	CHECK_OK(oci_key_read_public(private.data, private.len, "k", &k, &e), e);
	CHECK_FAIL(oci_key_sign(k, "x", 1, sig, &n, &e), EB_E_UNSUPPORTED, "cannot sign", e);
}

TEST(key, what_is_no_key_is_refused)
{
	static const char *const texts[] = {
		"", "hello\n", "-----BEGIN PUBLIC KEY-----\n",
		"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC "
		"KEY-----\n",
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END "
		"ENCRYPTED PRIVATE KEY-----\n"
	};
	autofree char *large = eb_xcalloc(1, OCI_KEY_FILE_MAX_BYTES + 1);
	autoerror struct eb_error *e = NULL;
	struct oci_key *k;

	for (size_t i = 0; i < EB_ARRAY_LEN(texts); i++) {
		CHECK_FAIL(oci_key_read_private(texts[i], strlen(texts[i]), "", "f", &k, &e),
			   EB_E_FORMAT, "f: no private key in PEM form inside", e);
		CHECK_FAIL(oci_key_read_public(texts[i], strlen(texts[i]), "f", &k, &e),
			   EB_E_FORMAT, "f: no public key in PEM form inside", e);
	}
	CHECK_FAIL(oci_key_read_private(large, OCI_KEY_FILE_MAX_BYTES + 1, "", "f", &k, &e),
		   EB_E_LIMIT, "f: larger than", e);
	CHECK_FAIL(oci_key_read_public(large, OCI_KEY_FILE_MAX_BYTES + 1, "f", &k, &e), EB_E_LIMIT,
		   "f: larger than", e);
}

TEST(key, openssl_verifies_our_signature)
{
	EB_CLEANUP(oci_key_free_p) struct oci_key *key = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(open, PEM_BYTES);
	uint8_t sig[OCI_SIGNATURE_MAX_BYTES];
	size_t n;
	int status;
	pid_t pid;

	CHECK_OK(oci_key_generate(&key, &e), e);
	CHECK_OK(oci_key_write_public(key, &open, &e), e);
	CHECK_OK(oci_key_sign(key, "message", 7, sig, &n, &e), e);
	CHECK_OK(eb_file_write(test_path("k.pub"), open.data, open.len, 0644, &e), e);
	CHECK_OK(eb_file_write(test_path("sig"), sig, n, 0644, &e), e);
	CHECK_OK(eb_file_write(test_path("message"), "message", 7, 0644, &e), e);
	pid = fork();
	if (pid == 0) {
		if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
			_exit(1);
		execlp("openssl", "openssl", "dgst", "-sha256", "-verify", test_path("k.pub"),
		       "-signature", test_path("sig"), test_path("message"), NULL);
		_exit(127);
	}
	CHECK_INT(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		test_skip("no openssl program");
	CHECK_INT(status, 0);
}
