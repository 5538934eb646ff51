#include "dist/transport.h"

#include <errno.h>
#include <sys/stat.h>

#include "dist/registry.h"
#include "httpd.h"
#include "testlib.h"

static int ping(const struct oci_transport_options *o, struct httpd *d, struct eb_error **err)
{
	EB_CLEANUP(oci_transport_free_p) struct oci_transport *t = NULL;
	EB_CLEANUP(oci_registry_free_p) struct oci_registry *r = NULL;
	struct oci_registry_options ro = { .transport = NULL };
	int e = oci_transport_new(o, &t, err);

	ro.transport = t;
	if (e >= 0)
		e = oci_registry_new(httpd_host(d), &ro, &r, err);
	return e < 0 ? e : oci_registry_ping(r, err);
}

static void folder_for(struct httpd *d, const char *file, const char *text, size_t n)
{
	autoerror struct eb_error *e = NULL;

	mkdir(test_path("certs.d"), 0700);
	mkdir(test_path("certs.d/%s", httpd_host(d)), 0700);
	CHECK_OK(eb_file_write(test_path("certs.d/%s/%s", httpd_host(d), file), text, n, 0600, &e),
		 e);
}

TEST(transport, trust_comes_from_certs_d_option_or_nowhere)
{
	autoerror struct eb_error *e = NULL;
	const char *cert = test_path("cert.pem"),
		   *dirs[] = { test_path("none"), test_path("certs.d") };
	EB_CLEANUP(httpd_stop_p) struct httpd *d = httpd_start_tls(cert);
	struct oci_transport_options o = { .http = { .attempts = 1 } };
	EB_AUTOBUF(pem, 65536);

	httpd_reply(d, "/v2/", &(struct httpd_reply){ .body = "{}", .size = 2 });
	CHECK_FAIL(ping(&o, d, &e), EB_E_NETWORK, "certificate", e);
	o.insecure = true;
	CHECK_OK(ping(&o, d, &e), e);
	o.insecure = false;
	o.http.ca_file = cert;
	CHECK_OK(ping(&o, d, &e), e);
	o.http.ca_file = NULL;
	CHECK_OK(eb_file_read(cert, &pem, &e), e);
	folder_for(d, "any.crt", pem.data, pem.len);
	o.cert_dirs = dirs;
	o.n_cert_dirs = 2;
	CHECK_OK(ping(&o, d, &e), e);
}

TEST(transport, certificate_without_key_fails)
{
	autoerror struct eb_error *e = NULL;
	const char *dirs[] = { test_path("certs.d") };
	EB_CLEANUP(httpd_stop_p) struct httpd *d = httpd_start();
	struct oci_transport_options o = { .cert_dirs = dirs, .n_cert_dirs = 1 };

	folder_for(d, "client.cert", "x", 1);
	CHECK_FAIL(ping(&o, d, &e), ENOENT, "client.key", e);
}

TEST(transport, clients_are_used_again)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(oci_transport_free_p) struct oci_transport *t = NULL;
	struct oci_transport_options o = { .insecure = false };
	struct eb_http *a = NULL, *b = NULL, *c = NULL;

	CHECK_OK(oci_transport_new(&o, &t, &e), e);
	CHECK_OK(oci_transport_take(t, "h:1", true, &a, &e), e);
	CHECK_OK(oci_transport_take(t, "h:1", true, &b, &e), e);
	CHECK(a != b);
	oci_transport_give(t, "h:1", true, a);
	CHECK_OK(oci_transport_take(t, "h:1", false, &c, &e), e);
	CHECK(c != a);
	oci_transport_give(t, "h:1", false, c);
	CHECK_OK(oci_transport_take(t, "h:1", true, &c, &e), e);
	CHECK(c == a);
	oci_transport_give(t, "h:1", true, c);
	oci_transport_give(t, "h:1", true, b);
}
