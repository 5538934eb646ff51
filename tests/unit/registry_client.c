#include "registry_client.h"

struct client client_new(struct fakereg *f, const char *user, const char *password)
{
	struct oci_transport_options t = {
		.http = { .attempts = 3, .backoff_msec = 2, .stall_timeout_sec = 5 }
	};
	autoerror struct eb_error *e = NULL;
	struct client c = { NULL, NULL, NULL };
	struct oci_registry_options o = { .plain_http = true, .push = true };

	CHECK_OK(oci_transport_new(&t, &c.transport, &e), e);
	CHECK_OK(oci_creds_open(NULL, 0, NULL, &c.creds, &e), e);
	if (user)
		oci_creds_set(c.creds, fakereg_host(f), user, password);
	o.transport = c.transport;
	o.creds = c.creds;
	CHECK_OK(oci_registry_new(fakereg_host(f), &o, &c.registry, &e), e);
	return c;
}

void client_keep_notes(struct client *c, struct fakereg *f, const char *folder)
{
	autoerror struct eb_error *e = NULL;
	const struct oci_registry_options o = { .transport = c->transport,
						.creds = c->creds,
						.plain_http = true,
						.push = true,
						.notes = folder };

	c->registry = oci_registry_free(c->registry);
	CHECK_OK(oci_registry_new(fakereg_host(f), &o, &c->registry, &e), e);
}

void client_release(struct client *c)
{
	oci_registry_free(c->registry);
	oci_creds_free(c->creds);
	oci_transport_free(c->transport);
}

const char *client_bytes(size_t n)
{
	static char bytes[4 * 1024 * 1024 + 1];

	for (size_t i = 0; !bytes[sizeof(bytes) - 2] && i < sizeof(bytes) - 1; i++)
		bytes[i] = (char)('a' + (i * 7 + i / 1000) % 26);
	CHECK(n < sizeof(bytes));
	return bytes;
}

void client_descriptor(const char *digest, uint64_t size, struct oci_descriptor *ret)
{
	autoerror struct eb_error *e = NULL;

	*ret = (struct oci_descriptor){ .media_type = eb_xstrdup("application/octet-stream"),
					.size = size };
	CHECK_OK(oci_digest_parse(digest, &ret->digest, &e), e);
}
