#include <crypt.h>

#include "registry/htpasswd.h"
#include "testlib.h"

static int parse(const char *text, struct reg_htpasswd **ret, struct eb_error **err)
{
	return reg_htpasswd_parse(text, strlen(text), "users", ret, err);
}

/* crypt's own word for it, with few rounds. */
static char *hashed(const char *setting, const char *password)
{
	struct crypt_data *data = eb_xcalloc(1, sizeof(*data));
	char *out = eb_xstrdup(crypt_rn(password, setting, data, sizeof(*data)));

	free(data);
	return out;
}

TEST(htpasswd, check_knows_bcrypt_and_sha_crypt)
{
	EB_CLEANUP(reg_htpasswd_free_p) struct reg_htpasswd *h = NULL;
	autofree char *bcrypt = hashed("$2y$04$abcdefghijklmnopqrstuu", "one");
	autofree char *sha = hashed("$6$rounds=1000$salt", "two:2");
	autofree char *text = eb_xasprintf("# users\n\nann:%s\r\nbob:%s", bcrypt, sha);
	autoerror struct eb_error *e = NULL;

	CHECK_OK(parse(text, &h, &e), e);
	CHECK(!reg_htpasswd_knows(h, "ann", "one"));
	CHECK(reg_htpasswd_check(h, "ann", "one"));
	CHECK(reg_htpasswd_knows(h, "ann", "one"));
	CHECK(reg_htpasswd_check(h, "bob", "two:2"));
	CHECK(!reg_htpasswd_check(h, "ann", "two:2") && !reg_htpasswd_check(h, "ann", ""));
	CHECK(!reg_htpasswd_check(h, "eve", "one") && !reg_htpasswd_check(h, "", ""));
	CHECK(!reg_htpasswd_knows(h, "eve", "one") && !reg_htpasswd_knows(h, "bob", "one"));
}

TEST(htpasswd, parse_refuses_weak_and_broken_lines)
{
	static const struct {
		const char *text;
		int code;
		const char *says;
	} cases[] = {
		{ "ann:$apr1$x$y", EB_E_UNSUPPORTED, "users:1: not a bcrypt" },
		{ "ann:{SHA}x", EB_E_UNSUPPORTED, "users:1: not a bcrypt" },
		{ "ann:secret", EB_E_UNSUPPORTED, "users:1: not a bcrypt" },
		{ "#\nann", EB_E_FORMAT, "users:2: expected USER:HASH" },
		{ ":x", EB_E_FORMAT, "users:1: expected USER:HASH" },
		{ "ann:$6$a$b:c", EB_E_FORMAT, "and nothing else" },
		{ "ann:$2y$10$short", EB_E_FORMAT, "malformed bcrypt" },
		{ "ann:$2y$20$1234567890123456789012345678901234567890123456789012345678901",
		  EB_E_FORMAT, "malformed bcrypt" },
		{ "ann:$2y$20$12345678901234567890123456789012345678901234567890123", EB_E_LIMIT,
		  "bcrypt cost 20" },
		{ "", EB_E_FORMAT, "no users in it" },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(cases); i++) {
		struct reg_htpasswd *h = NULL;
		autoerror struct eb_error *e = NULL;

		CHECK_FAIL(parse(cases[i].text, &h, &e), cases[i].code, cases[i].says, e);
	}
}
