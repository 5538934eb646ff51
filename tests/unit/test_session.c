#include "dist/session.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/dir.h"
#include "testlib.h"

#define BASE "https://r.invalid:5000/v2/"
#define URL BASE "a/b/blobs/uploads/1?_state=x"

static struct oci_digest digest;

static struct oci_session *reopen(struct oci_session *s)
{
	oci_session_free(s);
	oci_digest_of("x", 1, &digest);
	return oci_session_open(test_path("uploads"), "r.invalid:5000", "a/b", &digest);
}

/* The only note there is. */
static void note_path(char *out, size_t n)
{
	char hex[EB_SHA256_HEX + 1];
	autofree char *key = eb_xasprintf("r.invalid:5000/a/b@%s", digest.text);

	eb_sha256_hex(key, strlen(key), hex);
	snprintf(out, n, "%s/%s", test_path("uploads"), hex);
}

TEST(session, url_is_kept_until_forgotten)
{
	EB_CLEANUP(oci_session_free_p) struct oci_session *s = reopen(NULL);
	autofree char *none = oci_session_url(s, BASE), *url = NULL, *gone = NULL;
	char path[4096];
	struct stat st;

	CHECK(s != NULL);
	CHECK(none == NULL);
	oci_session_save(s, BASE, URL "&long=yes");
	oci_session_save(s, BASE, URL);
	CHECK(oci_session_is_kept(s));
	s = reopen(s);
	url = oci_session_url(s, BASE);
	CHECK_STR(url, URL);
	note_path(path, sizeof(path));
	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(st.st_mode & 0777, 0600);
	oci_session_forget(s);
	CHECK(stat(path, &st) < 0);
	s = reopen(s);
	gone = oci_session_url(s, BASE);
	CHECK(gone == NULL);
}

TEST(session, damaged_note_counts_as_none)
{
	EB_CLEANUP(oci_session_free_p) struct oci_session *s = reopen(NULL);
	char path[4096];

	note_path(path, sizeof(path));
	for (int i = 0; i < 3; i++) {
		EB_AUTOBUF(b, 10000);
		autofree char *url = NULL;

		oci_session_save(s, BASE, URL);
		CHECK_INT(eb_file_read(path, &b, NULL), 0);
		if (i == 0)
			b.data[b.len - 5] ^= 1;
		CHECK_INT(truncate(path, 0), 0);
		CHECK_INT(eb_file_write(path, b.data,
					i == 1	 ? b.len / 2
					: i == 2 ? 0
						 : b.len,
					0600, NULL),
			  0);
		s = reopen(s);
		url = oci_session_url(s, BASE);
		CHECK(url == NULL);
	}
}

TEST(session, other_hosts_and_credentials_are_not_kept)
{
	static const char *const urls[] = {
		"https://storage.invalid/put?signature=1",
		"http://r.invalid:5000/v2/a/b",
		"https://me:secret@r.invalid:5000/v2/a/b",
		"/v2/a/b",
		"",
	};
	char path[4096];
	struct stat st;

	for (size_t i = 0; i < EB_ARRAY_LEN(urls); i++) {
		EB_CLEANUP(oci_session_free_p) struct oci_session *s = reopen(NULL);

		oci_session_save(s, BASE, URL);
		oci_session_save(s, BASE, urls[i]);
		CHECK(!oci_session_is_kept(s));
		note_path(path, sizeof(path));
		CHECK(stat(path, &st) < 0);
	}
}

TEST(session, another_base_gets_nothing)
{
	EB_CLEANUP(oci_session_free_p) struct oci_session *s = reopen(NULL);
	autofree char *url = NULL;

	oci_session_save(s, BASE, URL);
	url = oci_session_url(s, "http://r.invalid:5000/v2/");
	CHECK(url == NULL);
}

TEST(session, one_process_at_a_time)
{
	EB_CLEANUP(oci_session_free_p) struct oci_session *s = reopen(NULL);
	EB_CLEANUP(oci_session_free_p) struct oci_session *two = reopen(NULL);
	autofree char *url = NULL;

	CHECK(s != NULL);
	CHECK(two == NULL);
	oci_session_save(two, BASE, URL);
	oci_session_forget(two);
	CHECK(!oci_session_is_kept(two));
	oci_session_save(s, BASE, URL);
	s = reopen(s);
	url = oci_session_url(s, BASE);
	CHECK_STR(url, URL);
}

TEST(session, old_notes_are_swept)
{
	static const char *const old =
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	EB_CLEANUP(oci_session_free_p) struct oci_session *s = reopen(NULL);
	autofree char *stale = eb_xasprintf("%s/%s", test_path("uploads"), old);
	const struct timespec times[2] = { { 1000000, 0 }, { 1000000, 0 } };
	struct stat st;

	CHECK_INT(eb_file_write(stale, "x", 1, 0600, NULL), 0);
	CHECK_INT(utimensat(-1, stale, times, 0), 0);
	oci_session_forget(s);
	s = reopen(s);
	CHECK(stat(stale, &st) < 0);
}
