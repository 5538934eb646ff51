/* Who we are to which registry: the credential files of Docker (config.json) and Podman (auth.json)
 * and the helper programs that they name (containers-auth.json(5); docker login's credential
 * store). Which files there are is for the program to say. */
#pragma once

#include <jansson.h>

#include "base/cleanup.h"

struct eb_error;

enum { OCI_CREDS_MAX_BYTES = 1024 * 1024 };

/* All NULL = nobody in particular. Wiped when released. */
struct oci_credential {
	char *user, *password;
	char *identity_token; /* to be exchanged for access tokens (OAuth2 refresh token) */
	char *registry_token; /* to be sent as it is */
};
void oci_credential_release(struct oci_credential *c);
EB_DEFINE_RELEASE(struct oci_credential, oci_credential_release)
bool oci_credential_is_empty(const struct oci_credential *c);

struct oci_creds; /* immutable but for oci_creds_set(); shared by threads */

/* Read the files that exist, earlier ones win. environ is for the helper programs (borrowed, NULL
 * = empty). Errors: EB_E_FORMAT naming file and member, EB_E_LIMIT, -errno. */
int oci_creds_open(const char *const *paths, size_t n, char *const *environ_,
		   struct oci_creds **ret, struct eb_error **err) EB_MUST_CHECK;
struct oci_creds *oci_creds_free(struct oci_creds *c);
EB_DEFINE_CLEANUP(struct oci_creds *, oci_creds_free)
/* What was said on the command line: counts for that host before all files. */
void oci_creds_set(struct oci_creds *c, const char *host, const char *user, const char *password);
/* The most specific entry for host/repo: "host/a/b", then "host/a", then "host". *ret is empty when
 * there is none. Runs a helper where the file says so. Errors: EB_E_PROGRAM naming the helper. */
int oci_creds_find(const struct oci_creds *c, const char *host, const char *repo,
		   struct oci_credential *ret, struct eb_error **err) EB_MUST_CHECK;

/* login: write an entry into the file (made with mode 0600 if need be; everything else in it stays)
 * or give it to the helper that the file names. *ret_place (heap) says where it went. */
int oci_creds_store(const char *path, const char *host, const char *user, const char *password,
		    char *const *environ_, char **ret_place, struct eb_error **err) EB_MUST_CHECK;
/* logout: *ret_found says whether there was one. */
int oci_creds_erase(const char *path, const char *host, char *const *environ_, bool *ret_found,
		    struct eb_error **err) EB_MUST_CHECK;

/* One credential file, checked; for tests and fuzzing. *ret is a new reference. */
int oci_creds_parse(const char *text, size_t n, json_t **ret, struct eb_error **err) EB_MUST_CHECK;
/* A key of such a file as we compare it: without scheme, API version and slash at its end, and
 * Docker's registry by its name. Heap. */
char *oci_creds_key(const char *key);
/* An "auths" entry. Errors: EB_E_FORMAT naming the member. */
int oci_creds_entry(const json_t *entry, struct oci_credential *ret,
		    struct eb_error **err) EB_MUST_CHECK;
