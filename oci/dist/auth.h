/* How to prove to a registry who we are: nothing, Basic, or Bearer tokens of the server that the
 * registry names (distribution's token and OAuth2 specifications). Tokens are kept until they
 * expire. A password goes to the registry's own host or to the token server that it names, by https
 * unless the registry itself was asked for by http. */
#pragma once

#include "base/cleanup.h"

struct eb_error;
struct oci_creds;
struct oci_transport;

struct oci_auth; /* of one registry; shared by threads */

/* What a request needs to be allowed to do. */
struct oci_auth_want {
	const char *repo;    /* NULL = no repository */
	const char *actions; /* "pull", "pull,push", "delete" */
	const char *from;    /* repository to mount from: pull there as well; NULL = none */
	const char *scope;   /* instead of a repository: "registry:catalog:*"; NULL = none */
};

/* All borrowed. */
struct oci_auth *oci_auth_new(struct oci_transport *t, const struct oci_creds *c, const char *host,
			      bool plain_http) EB_MALLOC;
struct oci_auth *oci_auth_free(struct oci_auth *a);
EB_DEFINE_CLEANUP(struct oci_auth *, oci_auth_free)

/* The value of Authorization as far as is known (heap, NULL = none yet). May ask the token server,
 * others wait meanwhile. Errors: EB_E_AUTH, EB_E_NETWORK. */
int oci_auth_header(struct oci_auth *a, const struct oci_auth_want *want, char **ret,
		    struct eb_error **err) EB_MUST_CHECK;
/* A request was answered with 401 and this WWW-Authenticate: what to send next (heap). `sent` is
 * what was sent, NULL = nothing; EB_E_AUTH when there is nothing else to try. */
int oci_auth_challenged(struct oci_auth *a, const struct oci_auth_want *want, const char *challenge,
			const char *sent, char **ret, struct eb_error **err) EB_MUST_CHECK;
