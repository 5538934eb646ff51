/* What a WWW-Authenticate header asks for (RFC 9110, section 11.6.1; RFC 6750, section 3). One
 * header may hold several challenges; parameters may be quoted, with backslash escapes. */
#pragma once

#include "base/cleanup.h"

struct eb_error;

enum { OCI_CHALLENGE_MAX_BYTES = 8192 };

enum oci_challenge_scheme { OCI_CHALLENGE_OTHER, OCI_CHALLENGE_BASIC, OCI_CHALLENGE_BEARER };

struct oci_challenge {
	enum oci_challenge_scheme scheme;
	char *name;			       /* of the scheme, as sent */
	char *realm, *service, *scope, *error; /* NULL = not given */
};

void oci_challenge_release(struct oci_challenge *c);
EB_DEFINE_RELEASE(struct oci_challenge, oci_challenge_release)
/* The challenge of `value` that we can answer: the first Bearer one with a realm, else the first
 * Basic one. Errors: EB_E_FORMAT saying where, EB_E_UNSUPPORTED naming the schemes there are,
 * EB_E_LIMIT. */
int oci_challenge_parse(const char *value, struct oci_challenge *ret,
			struct eb_error **err) EB_MUST_CHECK;
