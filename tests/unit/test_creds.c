#include "dist/creds.h"

#include <sys/stat.h>

#include "testlib.h"

#define AUTOCREDS(name) EB_CLEANUP(oci_creds_free_p) struct oci_creds *name = NULL
#define AUTOCRED(name) EB_CLEANUP(oci_credential_release_p) struct oci_credential name = { 0 }

static void write_file(const char *name, const char *text)
{
	autoerror struct eb_error *e = NULL;

	CHECK_OK(eb_file_write(test_path("%s", name), text, strlen(text), 0600, &e), e);
}

static struct oci_creds *open_one(const char *text)
{
	autoerror struct eb_error *e = NULL;
	const char *const paths[] = { test_path("none.json"), test_path("auth.json") };
	struct oci_creds *c = NULL;

	write_file("auth.json", text);
	CHECK_OK(oci_creds_open(paths, 2, NULL, &c, &e), e);
	return c;
}

/* base64 of "u:p:q" is dTpwOnE=, of "n:m" bjpt */
TEST(creds, find_takes_the_most_specific)
{
	autoerror struct eb_error *e = NULL;
	static const struct {
		const char *host, *repo, *user;
	} want[] = {
		{ "r.example.org", "a/b", "n" },      { "r.example.org", "a/c", "u" },
		{ "r.example.org", "a/b/c", "n" },    { "r.example.org", NULL, "u" },
		{ "other.example.org", "a/b", NULL }, { "docker.io", "library/x", "d" },
		{ "v2.example.org:5000", "x", "v" },
	};
	AUTOCREDS(c);

	c = open_one(
		"{\"auths\":{\"r.example.org\":{\"auth\":\"dTpwOnE=\"},"
		"\"r.example.org/a/b\":{\"auth\":\"bjpt\"},"
		"\"https://index.docker.io/v1/\":{\"username\":\"d\",\"password\":\"e\"},"
		"\"http://v2.example.org:5000/v2/\":{\"username\":\"v\",\"password\":\"e\"}}}");
	for (size_t i = 0; i < EB_ARRAY_LEN(want); i++) {
		AUTOCRED(got);

		CHECK_OK(oci_creds_find(c, want[i].host, want[i].repo, &got, &e), e);
		CHECK_STR(got.user, want[i].user);
	}
	{
		AUTOCRED(got);

		CHECK_OK(oci_creds_find(c, "r.example.org", NULL, &got, &e), e);
		CHECK_STR(got.password, "p:q");
	}
}

TEST(creds, set_wins_over_files)
{
	autoerror struct eb_error *e = NULL;
	AUTOCREDS(c);
	AUTOCRED(got);
	AUTOCRED(other);

	c = open_one("{\"auths\":{\"r.example.org\":{\"auth\":\"bjpt\"}}}");
	oci_creds_set(c, "x.example.org", "me", "secret");
	CHECK_OK(oci_creds_find(c, "x.example.org", "a", &got, &e), e);
	CHECK_STR(got.user, "me");
	CHECK_OK(oci_creds_find(c, "r.example.org", "a", &other, &e), e);
	CHECK_STR(other.user, "n");
}

TEST(creds, open_says_what_is_wrong)
{
	static const struct {
		const char *text, *part;
	} bad[] = {
		{ "[]", "expected an object" },
		{ "{", "auth.json" },
		{ "{\"auths\":[]}", "auths" },
		{ "{\"auths\":{\"h\":1}}", "auths.h: expected an object" },
		{ "{\"credHelpers\":{\"h\":1}}", "credHelpers.h: expected a string" },
		{ "{\"credsStore\":1}", "credsStore" },
	};
	const char *const paths[] = { test_path("auth.json") };

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++) {
		autoerror struct eb_error *e = NULL;
		AUTOCREDS(c);

		write_file("auth.json", bad[i].text);
		CHECK_FAIL(oci_creds_open(paths, 1, NULL, &c, &e), EB_E_FORMAT, bad[i].part, e);
	}
	write_file("auth.json", "\n");
	{
		autoerror struct eb_error *e = NULL;
		AUTOCREDS(c);

		CHECK_OK(oci_creds_open(paths, 1, NULL, &c, &e), e);
	}
}

TEST(creds, find_says_which_entry_is_wrong)
{
	autoerror struct eb_error *e = NULL;
	AUTOCREDS(c);
	AUTOCRED(got);

	c = open_one("{\"auths\":{\"r.example.org\":{\"auth\":\"bm9jb2xvbg==\"},"
		     "\"s.example.org\":{\"auth\":\"?\"}}}");
	CHECK_FAIL(oci_creds_find(c, "r.example.org", "a", &got, &e), EB_E_FORMAT,
		   "auths.r.example.org: auth: expected base64 of user:password", e);
	CHECK_FAIL(oci_creds_find(c, "s.example.org", "a", &got, &e), EB_E_FORMAT,
		   "not base64 text", e);
	CHECK(oci_credential_is_empty(&got));
}

static void make_helper(const char *script)
{
	const char *path = test_path("docker-credential-test");

	write_file("docker-credential-test", script);
	CHECK_INT(chmod(path, 0755), 0);
}

/* posix_spawnp() looks in the PATH of the process, so the helper goes by one of its folders. */
static char *old_path;
static void helper_path(void)
{
	autofree char *path = NULL;

	old_path = eb_xstrdup(getenv("PATH"));
	path = eb_xasprintf("%s:%s", test_dir(), old_path);
	setenv("PATH", path, 1);
}
static void restore_path(void)
{
	setenv("PATH", old_path, 1);
	free(old_path);
}

TEST(creds, find_asks_the_helper)
{
	autoerror struct eb_error *e = NULL;
	char *environment[] = { NULL, NULL };
	AUTOCREDS(c);
	AUTOCRED(got);
	AUTOCRED(token);
	AUTOCRED(none);
	const char *const paths[] = { test_path("auth.json") };

	make_helper("#!/bin/sh\nread host\n[ \"$1\" = get ] || exit 2\n"
		    "case $host in r.example.org) echo '{\"Username\":\"u\",\"Secret\":\"s\"}';;\n"
		    "t.example.org) echo '{\"Username\":\"<token>\",\"Secret\":\"id\"}';;\n"
		    "bad.example.org) echo oops; exit 3;;\n"
		    "*) echo credentials not found in native keychain; exit 1;; esac\n");
	write_file("auth.json",
		   "{\"credsStore\":\"test\",\"credHelpers\":{\"x.example.org\":\"../evil\"}}");
	helper_path();
	CHECK_OK(oci_creds_open(paths, 1, environment, &c, &e), e);
	CHECK_OK(oci_creds_find(c, "r.example.org", "a", &got, &e), e);
	CHECK_STR(got.user, "u");
	CHECK_STR(got.password, "s");
	CHECK_OK(oci_creds_find(c, "t.example.org", "a", &token, &e), e);
	CHECK_STR(token.identity_token, "id");
	CHECK(token.user == NULL);
	CHECK_OK(oci_creds_find(c, "none.example.org", "a", &none, &e), e);
	CHECK(oci_credential_is_empty(&none));
	CHECK_FAIL(oci_creds_find(c, "bad.example.org", "a", &none, &e), EB_E_PROGRAM,
		   "docker-credential-test get' ended with status 3", e);
	CHECK_FAIL(oci_creds_find(c, "x.example.org", "a", &none, &e), EB_E_FORMAT,
		   "'../evil' is no name", e);
	restore_path();
}

TEST(creds, store_and_erase_keep_the_rest)
{
	autoerror struct eb_error *e = NULL;
	const char *const path = test_path("sub/auth.json");
	const char *const paths[] = { path };
	const char *const full = "{\"other\":1,\"auths\":{\"https://r.example.org/v1/\":{},"
				 "\"s.example.org\":{\"auth\":\"bjpt\"}}}";
	autofree char *place = NULL;
	bool found = false;
	struct stat st;
	AUTOCREDS(c);
	AUTOCRED(got);
	EB_AUTOBUF(b, 4096);

	CHECK_OK(oci_creds_store(path, "r.example.org", "me", "pass:word", NULL, &place, &e), e);
	CHECK_STR(place, path);
	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(st.st_mode & 0777, 0600);
	CHECK_OK(oci_creds_open(paths, 1, NULL, &c, &e), e);
	CHECK_OK(oci_creds_find(c, "r.example.org", "x", &got, &e), e);
	CHECK_STR(got.user, "me");
	CHECK_STR(got.password, "pass:word");
	CHECK_OK(eb_file_write(path, full, strlen(full), 0600, &e), e);
	CHECK_OK(oci_creds_erase(path, "r.example.org", NULL, &found, &e), e);
	CHECK(found);
	CHECK_OK(eb_file_read(path, &b, &e), e);
	CHECK_HAS(eb_buf_str(&b), "\"other\"");
	CHECK_HAS(eb_buf_str(&b), "s.example.org");
	CHECK(!strstr(eb_buf_str(&b), "r.example.org"));
	CHECK_OK(oci_creds_erase(path, "r.example.org", NULL, &found, &e), e);
	CHECK(!found);
	free(EB_TAKE_PTR(place));
	CHECK_FAIL(oci_creds_store(path, "r.example.org", "a:b", "x", NULL, &place, &e), EB_E_USAGE,
		   "colon", e);
}
