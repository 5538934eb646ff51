#include "base/secret.h"
#include "secrets/generate.h"
#include "testlib.h"

TEST(generate, specs_parse_reads_all_types)
{
	EB_CLEANUP(sec_specs_release_p) struct sec_specs s = { .n = 0 };
	struct eb_error *e = NULL;

	CHECK_OK(
		sec_specs_parse("r-generated:A:rand32,r-generated:B:hex32,r:C:signingkey,r:D:extra,"
				"r:E:rsa:4096:der,r:F:rsa:2048:pem,r:G:ecdsaprime256v1,"
				"r:H:registration:/t/x:y.yaml,r:I:extra:C",
				&s, &e),
		e);
	CHECK_INT(s.n, 9);
	CHECK_STR(s.list[0].secret, "r-generated");
	CHECK_STR(s.list[0].key, "A");
	CHECK_INT(s.list[4].bits, 4096);
	CHECK_INT(s.list[4].encoding, SEC_DER);
	CHECK_INT(s.list[5].encoding, SEC_PEM);
	CHECK_STR(s.list[7].arg, "/t/x:y.yaml");
	CHECK_STR(s.list[8].arg, "C");
	CHECK(!s.list[3].arg);
}

TEST(generate, specs_parse_refuses)
{
	static const char *const cases[][2] = {
		{ "", "no secret is named" },
		{ "a:b", "expected NAME:KEY:TYPE" },
		{ "a:b:rand33", "a type of rand32" },
		{ "a/b:c:rand32", "expected NAME:KEY:TYPE" },
		{ "a::rand32", "expected NAME:KEY:TYPE" },
		{ "a:b:rand32:7", "nothing behind this type" },
		{ "a:b:rsa", "rsa:BITS:der" },
		{ "a:b:rsa:4096", "rsa:BITS:der" },
		{ "a:b:rsa:1024:der", "at least 2048 bits" },
		{ "a:b:rsa:4096:xyz", "rsa:BITS:der" },
		{ "a:b:registration", "registration:FILE" },
		{ "a:b:rand32,a:b:hex32", "'a:b' is there twice" },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(cases); i++) {
		struct sec_specs s = { .n = 0 };
		struct eb_error *e = NULL;

		CHECK_FAIL(sec_specs_parse(cases[i][0], &s, &e), EB_E_USAGE, cases[i][1], e);
		CHECK(!s.list);
	}
}

static void generated(enum sec_type type, const char *template, struct eb_buf *out)
{
	struct sec_spec s = { .secret = (char *)"s", .key = (char *)"k", .type = type };
	struct eb_error *e = NULL;

	CHECK_OK(sec_generate(&s, template, out, &e), e);
}

TEST(generate, random_values_have_their_alphabets)
{
	bool seen[256] = { false };
	size_t n = 0;

	for (int i = 0; i < 100; i++) {
		EB_SECRETBUF(a, 100);
		EB_SECRETBUF(b, 100);

		generated(SEC_RANDOM, NULL, &a);
		generated(SEC_HEX, NULL, &b);
		CHECK_INT(a.len, 32);
		CHECK_INT(b.len, 64);
		CHECK_INT(strspn(b.data, "0123456789abcdef"), 64);
		for (size_t k = 0; k < a.len; k++)
			seen[(unsigned char)a.data[k]] = true;
	}
	/* 3200 characters: one of 62 is missing with a chance of 1e-21. */
	for (int c = 0; c < 256; c++) {
		bool word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
			    (c >= 'a' && c <= 'z');

		CHECK(seen[c] == word);
		n += seen[c];
	}
	CHECK_INT(n, 62);
}

TEST(generate, registration_gets_two_tokens)
{
	EB_SECRETBUF(out, 1000);
	struct sec_spec s = { .secret = (char *)"s", .key = (char *)"k", .type = SEC_REGISTRATION };
	struct eb_error *e = NULL;

	generated(SEC_REGISTRATION,
		  "as_token: AS_TOKEN\nhs_token: \"${HS_TOKEN}\"\nx: MY_AS_TOKEN\n", &out);
	CHECK_INT(out.len, strlen("as_token: \nhs_token: \"\"\nx: MY_AS_TOKEN\n") + 64);
	CHECK(memcmp(out.data + 10, out.data + 10 + 32 + 12, 32) != 0);
	CHECK_HAS(out.data, "\"\nx: MY_AS_TOKEN\n");
	eb_buf_clear(&out);
	CHECK_FAIL(sec_generate(&s, "as_token: AS_TOKEN\n", &out, &e), EB_E_FORMAT,
		   "s:k: it has no HS_TOKEN", e);
}

TEST(generate, compromised_signing_keys_are_version_0)
{
	CHECK(sec_signing_key_is_compromised("ed25519 0 abc", 13));
	CHECK(!sec_signing_key_is_compromised("ed25519 1 abc", 13));
	CHECK(!sec_signing_key_is_compromised("ed25519 01 abc", 14));
	CHECK(!sec_signing_key_is_compromised("ed25519 0", 9));
}

TEST(generate, extra_for_rotation_retires_the_old_key)
{
	EB_SECRETBUF(out, 1000);
	EB_SECRETBUF(more, 1000);
	EB_SECRETBUF(same, 1000);
	struct eb_error *e = NULL;

	CHECK_OK(sec_extra_for_rotation("{}\n", 1770000000123, &out, &e), e);
	CHECK_HAS(eb_buf_str(&out), "old_signing_keys:\n  \"ed25519:0\":\n    key: \"");
	CHECK_HAS(eb_buf_str(&out), "\"\n    expired_ts: 1770000000123\n");
	CHECK_OK(sec_extra_for_rotation(eb_buf_str(&out), 5, &same, &e), e);
	CHECK_STR(eb_buf_str(&same), eb_buf_str(&out));
	CHECK_OK(sec_extra_for_rotation("a: b", 5, &more, &e), e);
	CHECK(strncmp(eb_buf_str(&more), "a: b\nold_signing_keys:\n", 23) == 0);
	CHECK_FAIL(sec_extra_for_rotation("old_signing_keys: {}", 5, &more, &e), EB_E_CONFLICT,
		   "by hand", e);
}
