/* HTTP clients by host: connections are kept and used again, and each host has the trust anchors
 * and client certificate that its folder in certs.d gives (docker's and containers-certs.d(5)):
 * DIR/HOST[:PORT]/ with *.crt (certificate authorities) and NAME.cert with NAME.key (who we are).
 */
#pragma once

#include "base/http.h"

struct eb_gate;
struct oci_transport; /* shared by threads */

struct oci_transport_options {
	struct eb_http_options http; /* for every host; ca_file is trusted for all of them */
	const char *const *cert_dirs;
	size_t n_cert_dirs;
	/* For the registries themselves, not for token servers. */
	const char *client_cert, *client_key; /* PEM files, NULL = what certs.d says */
	bool insecure;			      /* take any certificate */
};

/* Strings are copied. Errors: EB_E_USAGE, -errno of files that cannot be read. */
int oci_transport_new(const struct oci_transport_options *o, struct oci_transport **ret,
		      struct eb_error **err) EB_MUST_CHECK;
struct oci_transport *oci_transport_free(struct oci_transport *t); /* all clients given back */
EB_DEFINE_CLEANUP(struct oci_transport *, oci_transport_free)
/* How much at once: what is brought or sent goes through it one by one, and it gets narrower when a
 * server complains. http.max_rate holds for all clients together, each way. */
struct eb_gate *oci_transport_gate(struct oci_transport *t);
const struct eb_http_options *oci_transport_http(const struct oci_transport *t);
/* A client for one request at a time to host ("name[:port]"); give it back afterwards. */
int oci_transport_take(struct oci_transport *t, const char *host, bool is_registry,
		       struct eb_http **ret, struct eb_error **err) EB_MUST_CHECK;
void oci_transport_give(struct oci_transport *t, const char *host, bool is_registry,
			struct eb_http *h);
