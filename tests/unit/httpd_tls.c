#include "httpd_tls.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/mem.h"

struct httpd_tls_server {
	SSL_CTX *ctx;
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

static X509 *make_cert(EVP_PKEY *key)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	X509_EXTENSION *san;

	must(X509_set_version(cert, 2) && ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) &&
	     X509_gmtime_adj(X509_getm_notBefore(cert), -86400) &&
	     X509_gmtime_adj(X509_getm_notAfter(cert), 86400) && X509_set_pubkey(cert, key) &&
	     X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
					(const unsigned char *)"127.0.0.1", -1, -1, 0) &&
	     X509_set_issuer_name(cert, name));
	san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
	must(san && X509_add_ext(cert, san, -1) && X509_sign(cert, key, EVP_sha256()));
	X509_EXTENSION_free(san);
	return cert;
}

struct httpd_tls_server *httpd_tls_server_new(const char *cert_file)
{
	struct httpd_tls_server *s = eb_xcalloc(1, sizeof(*s));
	EVP_PKEY *key = EVP_EC_gen("P-256");
	FILE *f = fopen(cert_file, "we");
	X509 *cert;

	must(key && f);
	cert = make_cert(key);
	must(PEM_write_X509(f, cert) && fclose(f) == 0);
	s->ctx = SSL_CTX_new(TLS_server_method());
	must(s->ctx && SSL_CTX_use_certificate(s->ctx, cert) == 1 &&
	     SSL_CTX_use_PrivateKey(s->ctx, key) == 1);
	X509_free(cert);
	EVP_PKEY_free(key);
	return s;
}

void httpd_tls_server_free(struct httpd_tls_server *s)
{
	if (s) {
		SSL_CTX_free(s->ctx);
		free(s);
	}
}

struct httpd_tls *httpd_tls_accept(struct httpd_tls_server *s, int fd)
{
	SSL *ssl = SSL_new(s->ctx);

	if (ssl && SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1)
		return (struct httpd_tls *)ssl;
	SSL_free(ssl);
	return NULL;
}

ssize_t httpd_tls_read(struct httpd_tls *t, void *p, size_t n)
{
	return SSL_read((SSL *)t, p, (int)n);
}

bool httpd_tls_pending(struct httpd_tls *t)
{
	return SSL_pending((SSL *)t) > 0;
}

ssize_t httpd_tls_write(struct httpd_tls *t, const void *p, size_t n)
{
	return SSL_write((SSL *)t, p, (int)n);
}

void httpd_tls_close(struct httpd_tls *t)
{
	if (t) {
		SSL_shutdown((SSL *)t);
		SSL_free((SSL *)t);
	}
}
