#include "dist/challenge.h"

#include "testlib.h"

#define AUTOCHALLENGE(var)                                                                         \
	EB_CLEANUP(oci_challenge_release_p) struct oci_challenge var = { .name = NULL }

TEST(challenge, parse_bearer)
{
	autoerror struct eb_error *e = NULL;
	AUTOCHALLENGE(c);

	CHECK_OK(oci_challenge_parse("Bearer realm=\"https://auth.example.org/token\","
				     "service=\"registry\\\"x\", scope=\"repository:a:pull\","
				     "error=invalid_token",
				     &c, &e),
		 e);
	CHECK_INT(c.scheme, OCI_CHALLENGE_BEARER);
	CHECK_STR(c.realm, "https://auth.example.org/token");
	CHECK_STR(c.service, "registry\"x");
	CHECK_STR(c.scope, "repository:a:pull");
	CHECK_STR(c.error, "invalid_token");
}

TEST(challenge, parse_picks_what_we_can_answer)
{
	static const struct {
		const char *text;
		enum oci_challenge_scheme scheme;
		const char *realm;
	} good[] = {
		{ "Basic", OCI_CHALLENGE_BASIC, NULL },
		{ "basic REALM = \"x, y\"", OCI_CHALLENGE_BASIC, "x, y" },
		{ "Basic realm=a, Bearer realm=\"https://b\"", OCI_CHALLENGE_BEARER, "https://b" },
		{ "Bearer realm=\"https://b\", Basic realm=a", OCI_CHALLENGE_BEARER, "https://b" },
		{ "Negotiate, Basic realm=a", OCI_CHALLENGE_BASIC, "a" },
		{ "Negotiate YWJj==, Basic realm=a", OCI_CHALLENGE_BASIC, "a" },
		{ "Digest realm=\"d\", nonce=\"n\", , Basic realm=a", OCI_CHALLENGE_BASIC, "a" },
		{ "Bearer service=\"x\", Basic realm=a", OCI_CHALLENGE_BASIC, "a" },
		{ "Bearer realm=https://b/token,service=x", OCI_CHALLENGE_BEARER,
		  "https://b/token" },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(good); i++) {
		autoerror struct eb_error *e = NULL;
		AUTOCHALLENGE(c);

		CHECK_OK(oci_challenge_parse(good[i].text, &c, &e), e);
		CHECK_INT(c.scheme, good[i].scheme);
		CHECK_STR(c.realm, good[i].realm);
	}
}

TEST(challenge, parse_refuses_bad_ones)
{
	static const struct {
		const char *text;
		int code;
		const char *part;
	} bad[] = {
		{ "", EB_E_UNSUPPORTED, "authentication by ''" },
		{ "Negotiate", EB_E_UNSUPPORTED, "'Negotiate'" },
		{ "NTLM, Digest realm=x", EB_E_UNSUPPORTED, "'NTLM, Digest'" },
		{ "Bearer service=x", EB_E_UNSUPPORTED, "'Bearer'" },
		{ "Basic realm=\"x", EB_E_FORMAT, "closing quote" },
		{ "Basic realm=\"x\\", EB_E_FORMAT, "closing quote" },
		{ "Basic realm=", EB_E_FORMAT, "character 13: expected a value" },
		{ "=x", EB_E_FORMAT, "character 1: expected the name" },
		{ "Basic realm=\"a\nb\"", EB_E_FORMAT, "no control character" },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++) {
		autoerror struct eb_error *e = NULL;
		AUTOCHALLENGE(c);

		CHECK_FAIL(oci_challenge_parse(bad[i].text, &c, &e), bad[i].code, bad[i].part, e);
	}
}

TEST(challenge, parse_has_limits)
{
	autoerror struct eb_error *e = NULL;
	autofree char *many = eb_xcalloc(1, 9000);
	AUTOCHALLENGE(c);

	for (int i = 0; i < 20; i++)
		memcpy(many + 3 * i, "x, ", 3);
	CHECK_FAIL(oci_challenge_parse(many, &c, &e), EB_E_LIMIT, "more than 16", e);
	memset(many, 'a', 8999);
	CHECK_FAIL(oci_challenge_parse(many, &c, &e), EB_E_LIMIT, "8192 bytes", e);
}
