#include "dist/auth.h"

#include "base/log.h"
#include "registry_client.h"

#define MANIFEST                                                                                   \
	"{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","       \
	"\"config\":{\"mediaType\":\"application/vnd.oci.empty.v1+json\",\"digest\":"              \
	"\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"size\":2}," \
	"\"layers\":[]}"
#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"

static int get(struct client *c, const char *repo, struct eb_error **err)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .media_type = NULL };
	autofree char *text = NULL;

	return oci_registry_manifest(c->registry, repo, "t", &text, &d, err);
}

TEST(auth, basic_is_asked_for_once)
{
	autoerror struct eb_error *e = NULL;
	char digest[80];
	AUTOREG(f);
	AUTOCLIENT(c, f, "me", "secret");

	*fakereg_ways(f) = (struct fakereg_ways){ .auth = FAKEREG_BASIC,
						  .user = "me",
						  .password = "secret" };
	fakereg_add_manifest(f, "a", "t", MANIFEST_TYPE, MANIFEST, digest);
	for (int i = 0; i < 3; i++)
		CHECK_OK(get(&c, "a", &e), e);
	CHECK_INT(httpd_n_requests(fakereg_httpd(f)), 4); /* one of them without it */
}

TEST(auth, basic_wrong_password_fails)
{
	autoerror struct eb_error *e = NULL;
	AUTOREG(f);
	AUTOCLIENT(c, f, "me", "wrong");
	AUTOCLIENT(nobody, f, NULL, NULL);

	*fakereg_ways(f) = (struct fakereg_ways){ .auth = FAKEREG_BASIC,
						  .user = "me",
						  .password = "secret" };
	CHECK_INT(get(&c, "a", &e), -EB_E_AUTH);
	CHECK_HAS(e->message, "does not accept our credentials");
	CHECK_HAS(e->hint, "ess-bundle login 127.0.0.1:");
	CHECK(!strstr(e->message, "wrong"));
	eb_error_clear(&e);
	CHECK_FAIL(get(&nobody, "a", &e), EB_E_AUTH, "wants to know who we are", e);
}

TEST(auth, bearer_token_is_used_again)
{
	autoerror struct eb_error *e = NULL;
	char digest[80];
	AUTOREG(f);
	AUTOCLIENT(c, f, "me", "secret");

	*fakereg_ways(f) = (struct fakereg_ways){ .auth = FAKEREG_BEARER,
						  .user = "me",
						  .password = "secret" };
	fakereg_add_manifest(f, "a", "t", MANIFEST_TYPE, MANIFEST, digest);
	for (int i = 0; i < 3; i++)
		CHECK_OK(get(&c, "a", &e), e);
	CHECK_INT(fakereg_count(f, "GET", "/token"), 1);
	CHECK_INT(fakereg_count(f, "GET", "/v2/a/"), 4);
}

TEST(auth, bearer_asks_for_scopes)
{
	autoerror struct eb_error *e = NULL;
	bool seen = false;
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);

	*fakereg_ways(f) = (struct fakereg_ways){ .auth = FAKEREG_BEARER };
	CHECK_FAIL(get(&c, "x/y", &e), EB_E_NOT_FOUND, "MANIFEST_UNKNOWN: manifest unknown", e);
	for (size_t i = 0; i < httpd_n_requests(fakereg_httpd(f)); i++) {
		struct httpd_request q = httpd_request(fakereg_httpd(f), i);

		if (strcmp(q.path, "/token") != 0)
			continue;
		seen = true;
		CHECK_STR(q.query, "service=test&scope=repository%3Ax%2Fy%3Apull%2Cpush");
		CHECK(!strstr(q.headers, "Authorization"));
	}
	CHECK(seen);
}

TEST(auth, bearer_expired_token_is_renewed)
{
	autoerror struct eb_error *e = NULL;
	char digest[80];
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);

	*fakereg_ways(f) = (struct fakereg_ways){ .auth = FAKEREG_BEARER, .token_uses = 2 };
	fakereg_add_manifest(f, "a", "t", MANIFEST_TYPE, MANIFEST, digest);
	for (int i = 0; i < 6; i++)
		CHECK_OK(get(&c, "a", &e), e);
	CHECK_INT(fakereg_count(f, "GET", "/token"), 3);
}

TEST(auth, bearer_by_form_when_there_is_no_other_way)
{
	autoerror struct eb_error *e = NULL;
	char digest[80];
	bool seen = false;
	AUTOREG(f);
	AUTOCLIENT(c, f, "me", "p&w d");

	*fakereg_ways(f) = (struct fakereg_ways){
		.auth = FAKEREG_BEARER, .user = "me", .password = "p&w d", .form_only = true
	};
	fakereg_add_manifest(f, "a", "t", MANIFEST_TYPE, MANIFEST, digest);
	CHECK_OK(get(&c, "a", &e), e);
	for (size_t i = 0; i < httpd_n_requests(fakereg_httpd(f)); i++) {
		struct httpd_request q = httpd_request(fakereg_httpd(f), i);

		if (strcmp(q.method, "POST") != 0)
			continue;
		seen = true;
		CHECK_HAS(q.body, "grant_type=password&username=me&password=p%26w%20d");
		CHECK_HAS(q.body, "&scope=repository%3Aa%3Apull%2Cpush");
	}
	CHECK(seen);
}

TEST(auth, bearer_bad_answers_fail)
{
	static const struct {
		const char *answer, *part;
		int code;
	} bad[] = {
		{ "{}", "holds no token", EB_E_FORMAT },
		{ "<html>", "answer of the token server", EB_E_FORMAT },
		{ "{\"token\":\"a\\r\\nX-Evil: 1\"}", "holds no token", EB_E_FORMAT },
		{ "{\"token\":7}", "token", EB_E_FORMAT },
		/* never good: no endless loop */
		{ "{\"token\":\"other\"}", "HTTP 401", EB_E_AUTH },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++) {
		autoerror struct eb_error *e = NULL;
		AUTOREG(f);
		AUTOCLIENT(c, f, NULL, NULL);

		*fakereg_ways(f) = (struct fakereg_ways){ .auth = FAKEREG_BEARER,
							  .token_answer = bad[i].answer };
		CHECK_FAIL(get(&c, "a", &e), bad[i].code, bad[i].part, e);
		CHECK(httpd_n_requests(fakereg_httpd(f)) < 10);
	}
}

TEST(auth, bearer_wrong_password_names_the_server)
{
	autoerror struct eb_error *e = NULL;
	AUTOREG(f);
	AUTOCLIENT(c, f, "me", "wrong");

	*fakereg_ways(f) = (struct fakereg_ways){ .auth = FAKEREG_BEARER,
						  .user = "me",
						  .password = "secret" };
	CHECK_INT(get(&c, "a", &e), -EB_E_AUTH);
	CHECK_HAS(e->message, "/token refuses me for 'repository:a:pull,push': HTTP 401");
	CHECK(!strstr(e->message, "wrong"));
}

TEST(auth, bearer_realm_must_be_https_for_https)
{
	autoerror struct eb_error *e = NULL;
	struct oci_auth_want want = { .repo = "a", .actions = "pull" };
	autofree char *header = NULL;
	AUTOREG(f);
	AUTOCLIENT(c, f, "me", "secret");
	EB_CLEANUP(oci_auth_free_p)
	struct oci_auth *a = oci_auth_new(c.transport, c.creds, fakereg_host(f), false);
	autofree char *challenge = eb_xasprintf("Bearer realm=\"%s\"",
						httpd_url(fakereg_httpd(f), "/token"));

	CHECK_FAIL(oci_auth_challenged(a, &want, challenge, NULL, &header, &e), EB_E_AUTH,
		   "expected https", e);
	CHECK_INT(httpd_n_requests(fakereg_httpd(f)), 0);
}

/* What is logged must never hold a secret. */
static char logged[65536];
static void keep_log(const char *line)
{
	snprintf(logged + strlen(logged), sizeof(logged) - strlen(logged), "%s\n", line);
}

TEST(auth, log_holds_no_secret)
{
	autoerror struct eb_error *e = NULL;
	char digest[80];
	AUTOREG(f);
	AUTOCLIENT(c, f, "me", "hunter2");

	*fakereg_ways(f) = (struct fakereg_ways){
		.auth = FAKEREG_BEARER, .user = "me", .password = "hunter2", .busy_times = 1
	};
	fakereg_add_manifest(f, "a", "t", MANIFEST_TYPE, MANIFEST, digest);
	logged[0] = '\0';
	eb_log_set(EB_LOG_TRACE, keep_log);
	CHECK_OK(get(&c, "a", &e), e);
	eb_log_set(EB_LOG_DEBUG, NULL);
	CHECK_HAS(logged, "authorisation for 'repository:a:pull,push'");
	CHECK(!strstr(logged, "hunter2"));
	CHECK(!strstr(logged, "token-1"));
	CHECK(!strstr(logged, "bWU6")); /* base64 of "me:" */
}
