#include "pkg/release.h"
#include "testlib.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static int parse(const char *text, struct pkg_release_text **ret, struct eb_error **err)
{
	return pkg_release_parse(text, strlen(text), ret, err);
}

TEST(release, parse_fields_and_files)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(pkg_release_text_free_p) struct pkg_release_text *t = NULL;

	CHECK_OK(parse("Origin: Debian\nSuite: stable\nCodename: trixie\n"
		       "Date: Sat, 21 Nov 2026 09:15:44 UTC\n"
		       "Valid-Until: Sat, 28 Nov 2026 00:53:03 UTC\nAcquire-By-Hash: yes\n"
		       "Architectures: all amd64 arm64\nComponents: updates/main contrib\n"
		       "MD5Sum:\n nonsense\nSHA256:\n " HASH "  12 main/z\n " HASH " 0 main/a\n"
		       "Description: text\n continued\n",
		       &t, &e),
		 e);
	CHECK_STR(t->origin, "Debian");
	CHECK_STR(t->suite, "stable");
	CHECK_STR(t->codename, "trixie");
	CHECK_INT(t->date_sec, 1795252544);
	CHECK_INT(t->valid_until_sec, 1795827183);
	CHECK(t->by_hash);
	CHECK_STR(t->architectures[2], "arm64");
	CHECK(!t->architectures[3]);
	CHECK_STR(t->components[0], "updates/main");
	CHECK_INT(t->n_files, 2);
	CHECK_INT(pkg_release_find(t, "main/z")->size, 12);
	CHECK_INT(pkg_release_find(t, "main/a")->size, 0);
	CHECK(!pkg_release_find(t, "main/b"));
}

TEST(release, parse_malformed_names_line)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "Origin: x\n", "no Date" },
		{ "Date: Sat, 21 Nov 2026 09:15:44 UTC\n", "no SHA256 list" },
		{ "Date: tomorrow\n", "line 1: Date is 'tomorrow'" },
		{ "Suite: x\nwhat\n", "line 2: expected 'Field: value'" },
		{ "SHA256:\n 00 1 a\n", "line 2: '00' is not a SHA-256" },
		{ "SHA256:\n " HASH " 1\n", "line 2: expected 'HASH SIZE PATH'" },
		{ "SHA256:\n " HASH " 1 a b\n", "line 2: expected 'HASH SIZE PATH'" },
		{ "SHA256:\n " HASH " x a\n", "line 2: 'x' is not a size" },
		{ "SHA256:\n " HASH " 1 ../a\n", "line 2: '../a' is not a clean path" },
		{ "SHA256:\n " HASH " 1 /a\n", "line 2: '/a' is not a clean path" },
		{ "Date: Sat, 21 Nov 2026 09:15:44 UTC\nSHA256:\n " HASH " 1 a\n 1" HASH " 1 a\n",
		  "line 4: '1" },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(rows); i++) {
		autoerror struct eb_error *e = NULL;
		struct pkg_release_text *t = NULL;

		CHECK_FAIL(parse(rows[i].text, &t, &e), EB_E_FORMAT, rows[i].message, e);
		CHECK(!t);
	}
}

TEST(release, parse_same_file_with_two_hashes_is_refused)
{
	autoerror struct eb_error *e = NULL;
	struct pkg_release_text *t = NULL;

	CHECK_FAIL(parse("Date: Sat, 21 Nov 2026 09:15:44 UTC\nSHA256:\n " HASH " 1 a\n"
			 " 1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef 1 a\n",
			 &t, &e),
		   EB_E_FORMAT, "'a' is listed twice", e);
}

TEST(release, parse_nul_byte_is_refused)
{
	autoerror struct eb_error *e = NULL;
	struct pkg_release_text *t = NULL;

	CHECK_FAIL(pkg_release_parse("Suite: \0x\n", 10, &t, &e), EB_E_FORMAT, "NUL byte", e);
}

TEST(release, date_forms)
{
	int64_t at = 0;

	CHECK(pkg_release_date("Thu, 01 Jan 1970 00:00:01 UTC", &at));
	CHECK_INT(at, 1);
	CHECK(pkg_release_date("Thu,  1 Jan 1970 00:01:00 +0000", &at));
	CHECK_INT(at, 60);
	CHECK(pkg_release_date("Tue, 29 Feb 2028 23:59:59 GMT", &at));
	CHECK_INT(at, 1835481599);
	CHECK(!pkg_release_date("Thu, 01 Jan 1970 00:00:01 CET", &at));
	CHECK(!pkg_release_date("Thu, 01 Jan 1970 24:00:01 UTC", &at));
	CHECK(!pkg_release_date("Thu, 01 anF 1970 00:00:01 UTC", &at));
	CHECK(!pkg_release_date("Thu, 32 Jan 1970 00:00:01 UTC", &at));
	CHECK(!pkg_release_date("Thu, 01 Jan 1970 00:00:01 UTC more", &at));
	CHECK(!pkg_release_date("Thu, 01 Jan 1970", &at));
	CHECK(!pkg_release_date("", &at));
}
