/* A client for the registry of fakereg.h. */
#pragma once

#include "dist/creds.h"
#include "dist/registry.h"
#include "dist/transport.h"
#include "fakereg.h"
#include "testlib.h"

struct client {
	struct oci_transport *transport;
	struct oci_creds *creds;
	struct oci_registry *registry;
};

/* user may be NULL. */
struct client client_new(struct fakereg *f, const char *user, const char *password);
/* Half-sent uploads are noted in that folder from now on. */
void client_keep_notes(struct client *c, struct fakereg *f, const char *folder);
void client_release(struct client *c);
EB_DEFINE_RELEASE(struct client, client_release)
#define AUTOREG(name) EB_CLEANUP(fakereg_stop_p) struct fakereg *name = fakereg_start()
#define AUTOCLIENT(name, f, user, password)                                                        \
	EB_CLEANUP(client_release_p) struct client name = client_new(f, user, password)
/* n bytes that are the same every time; lives on. */
const char *client_bytes(size_t n);
void client_descriptor(const char *digest, uint64_t size, struct oci_descriptor *ret);
