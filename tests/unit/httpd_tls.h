/* TLS for the test server: a key and a self-signed certificate made at start. */
#pragma once

struct httpd_tls_server;
struct httpd_tls;

/* Writes the certificate (PEM) to cert_file; aborts when it cannot. */
struct httpd_tls_server *httpd_tls_server_new(const char *cert_file);
void httpd_tls_server_free(struct httpd_tls_server *s);
/* NULL when the client does not agree. */
struct httpd_tls *httpd_tls_accept(struct httpd_tls_server *s, int fd);
ssize_t httpd_tls_read(struct httpd_tls *t, void *p, size_t n);
bool httpd_tls_pending(struct httpd_tls *t); /* bytes are there without reading the socket */
ssize_t httpd_tls_write(struct httpd_tls *t, const void *p, size_t n);
void httpd_tls_close(struct httpd_tls *t);
