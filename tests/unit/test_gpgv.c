#include "pkg/gpgv.h"
#include "testlib.h"
#include "testrepo.h"

enum { CAP = 1 << 20 };

static int run(const char *rel, const char *keyring, struct eb_buf *out, struct eb_error **err)
{
	const char *const keyrings[] = { testrepo_path(keyring), NULL };
	EB_AUTOBUF(text, CAP);
	int r = eb_file_read(testrepo_path(rel), &text, err);

	return r < 0 ? r : pkg_gpgv(keyrings, eb_buf_str(&text), text.len, "InRelease", out, err);
}

TEST(gpgv, good_signature_gives_signed_text_only)
{
	EB_CLEANUP(testrepo_release_p) struct testrepo t;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(out, CAP);

	testrepo_init(&t);
	CHECK_OK(run("debian/dists/demo/InRelease", "keyring-archive.gpg", &out, &e), e);
	CHECK(strncmp(eb_buf_str(&out), "Origin: Example\n", 16) == 0);
	CHECK_HAS(eb_buf_str(&out), "Suite: demo-stable\n");
	CHECK(!strstr(eb_buf_str(&out), "PGP"));
	CHECK(!strstr(eb_buf_str(&out), "GNUPG"));
}

TEST(gpgv, altered_text_is_refused)
{
	EB_CLEANUP(testrepo_release_p) struct testrepo t;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(out, CAP);

	testrepo_init(&t);
	testrepo_edit("debian/dists/demo/InRelease", "demo-stable", "demo-stahle");
	CHECK_FAIL(run("debian/dists/demo/InRelease", "keyring-archive.gpg", &out, &e),
		   EB_E_SIGNATURE, "InRelease: the signature does not fit the text", e);
	CHECK_INT(out.len, 0);
}

TEST(gpgv, altered_signature_is_refused)
{
	static const char mark[] = "BEGIN PGP SIGNATURE-----\n\n";
	EB_CLEANUP(testrepo_release_p) struct testrepo t;
	autoerror struct eb_error *e = NULL;
	const char *path;
	EB_AUTOBUF(text, CAP);
	EB_AUTOBUF(out, CAP);
	char *at;

	testrepo_init(&t);
	path = testrepo_path("debian/dists/demo/InRelease");
	CHECK_OK(eb_file_read(path, &text, &e), e);
	at = strstr(text.data, mark) + sizeof(mark) - 1 + 80;
	*at = *at == 'A' ? 'B' : 'A';
	CHECK_OK(eb_file_write(path, text.data, text.len, 0644, &e), e);
	CHECK_FAIL(run("debian/dists/demo/InRelease", "keyring-archive.gpg", &out, &e),
		   EB_E_SIGNATURE, "InRelease: ", e);
	CHECK_INT(out.len, 0);
}

TEST(gpgv, unknown_key_is_refused)
{
	EB_CLEANUP(testrepo_release_p) struct testrepo t;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(out, CAP);

	testrepo_init(&t);
	CHECK_FAIL(run("debian/dists/demo/InRelease.other-key", "keyring-archive.gpg", &out, &e),
		   EB_E_SIGNATURE, "signed by unknown, expired or revoked keys only", e);
	CHECK_OK(run("debian/dists/demo/InRelease.other-key", "keyring-other.gpg", &out, &e), e);
}

TEST(gpgv, text_around_the_signed_one_is_refused)
{
	EB_CLEANUP(testrepo_release_p) struct testrepo t;
	autoerror struct eb_error *e = NULL;
	const char *const keyrings[] = { test_path("repo/keyring-archive.gpg"), NULL };
	EB_AUTOBUF(text, CAP);
	EB_AUTOBUF(two, CAP);
	EB_AUTOBUF(out, CAP);

	testrepo_init(&t);
	CHECK_OK(eb_file_read(testrepo_path("debian/dists/demo/InRelease"), &text, &e), e);
	eb_buf_adds(&two, "Suite: other\n");
	eb_buf_add(&two, text.data, text.len);
	CHECK_FAIL(pkg_gpgv(keyrings, two.data, two.len, "x", &out, &e), EB_E_SIGNATURE,
		   "x is not signed: expected '-----BEGIN PGP SIGNED MESSAGE-----' at its "
		   "beginning, found 'Suite: other'",
		   e);
	eb_buf_clear(&two);
	eb_buf_add(&two, text.data, text.len);
	eb_buf_add(&two, text.data, text.len);
	CHECK_FAIL(pkg_gpgv(keyrings, two.data, two.len, "x", &out, &e), EB_E_SIGNATURE,
		   "x: holds more than one signed text", e);
	/* What follows is not part of what comes back. */
	eb_buf_clear(&two);
	eb_buf_add(&two, text.data, text.len);
	eb_buf_adds(&two, "Suite: other\n");
	if (pkg_gpgv(keyrings, two.data, two.len, "x", &out, NULL) == 0)
		CHECK(!strstr(eb_buf_str(&out), "Suite: other"));
	CHECK_FAIL(pkg_gpgv(keyrings, "Suite: x\n", 9, "x", &out, &e), EB_E_SIGNATURE,
		   "found 'Suite: x'", e);
	CHECK_FAIL(pkg_gpgv(keyrings, "", 0, "x", &out, &e), EB_E_SIGNATURE, "found ''", e);
}

TEST(gpgv, one_known_key_of_several_is_enough)
{
	EB_CLEANUP(testrepo_release_p) struct testrepo t;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(out, CAP);

	testrepo_init(&t);
	CHECK_OK(run("debian/dists/demo/InRelease.two-keys", "keyring-archive.gpg", &out, &e), e);
	CHECK_HAS(eb_buf_str(&out), "Suite: demo-stable\n");
	eb_buf_clear(&out);
	CHECK_OK(run("debian/dists/demo/InRelease.two-keys", "keyring-other.gpg", &out, &e), e);
	testrepo_edit("debian/dists/demo/InRelease.two-keys", "demo-stable", "demo-stahle");
	CHECK_FAIL(run("debian/dists/demo/InRelease.two-keys", "keyring-archive.gpg", &out, &e),
		   EB_E_SIGNATURE, "the signature does not fit the text", e);
}

TEST(gpgv, missing_program_gives_a_hint)
{
	EB_CLEANUP(testrepo_release_p) struct testrepo t;
	autoerror struct eb_error *e = NULL;
	autofree char *path = eb_xstrdup(getenv("PATH"));
	EB_AUTOBUF(out, CAP);
	int r;

	testrepo_init(&t);
	setenv("PATH", test_dir(), 1);
	r = run("debian/dists/demo/InRelease", "keyring-archive.gpg", &out, &e);
	setenv("PATH", path, 1);
	CHECK_INT(r, -EB_E_NOT_FOUND);
	CHECK_STR(e->message, "InRelease: the program gpgv is not installed");
	CHECK_STR(e->hint, "apt-get install gpgv");
}
