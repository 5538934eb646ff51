/* What is to be in a generated Secret, and values for it. */
#pragma once

#include "base/cleanup.h"
#include "secrets/keys.h"

enum { SEC_MAX_SPECS = 200, SEC_MAX_TEMPLATE = 64 * 1024, SEC_MAX_VALUE = 256 * 1024 };

enum sec_type {
	SEC_RANDOM,	  /* rand32: 32 characters of [a-zA-Z0-9] */
	SEC_HEX,	  /* hex32: 32 bytes as 64 hex digits */
	SEC_SIGNING_KEY,  /* signingkey: Synapse's */
	SEC_EXTRA,	  /* extra[:KEY]: Synapse configuration that belongs to the signing key */
	SEC_RSA,	  /* rsa:BITS:der|pem */
	SEC_EC,		  /* ecdsaprime256v1, ecdsasecp256k1, ecdsasecp384r1: PKCS#8 DER */
	SEC_REGISTRATION, /* registration:FILE: with tokens in the places of AS_TOKEN and HS_TOKEN
			   */
};

struct sec_spec {
	char *secret, *key;
	enum sec_type type;
	unsigned int bits;
	enum sec_encoding encoding;
	enum sec_curve curve;
	char *arg; /* SEC_REGISTRATION: path; SEC_EXTRA: key of the signing key */
};

struct sec_specs {
	struct sec_spec *list;
	size_t n;
};
void sec_specs_release(struct sec_specs *s);
EB_DEFINE_RELEASE(struct sec_specs, sec_specs_release)

/* "NAME:KEY:TYPE[:ARGUMENTS],...". Errors: EB_E_USAGE naming the entry and what was expected. */
int sec_specs_parse(const char *text, struct sec_specs *ret, struct eb_error **err) EB_MUST_CHECK;

/* A new value, appended to out. `template` is the text of the file that SEC_REGISTRATION names.
 * For SEC_EXTRA that is the empty map; see sec_extra_for_rotation(). */
int sec_generate(const struct sec_spec *s, const char *template, struct eb_buf *out,
		 struct eb_error **err) EB_MUST_CHECK;

/* Is it a signing key of version 0? Those could be guessed (CVE-2026-24044) and are replaced. */
bool sec_signing_key_is_compromised(const char *text, size_t n);
/* SEC_EXTRA when such a key is replaced: `old` (NULL or "" = nothing yet) with an entry that
 * retires the key "ed25519:0" as of now. Its public half must not vouch for anything any more, so
 * that of a key that nobody has stands in its place. An entry that is there stays. */
int sec_extra_for_rotation(const char *old, int64_t now_msec, struct eb_buf *out,
			   struct eb_error **err) EB_MUST_CHECK;
