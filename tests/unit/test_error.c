#include <errno.h>

#include "testlib.h"

TEST(error, throw_sets_code_and_message)
{
	autoerror struct eb_error *e = NULL;

	CHECK_INT(eb_throw(&e, EB_E_DIGEST, "blob %d", 7), -EB_E_DIGEST);
	CHECK_INT(e->code, EB_E_DIGEST);
	CHECK_STR(e->message, "blob 7");
	CHECK(e->hint == NULL);
	CHECK_INT(eb_throw(NULL, EB_E_LIMIT, "nobody listens"), -EB_E_LIMIT);
}

TEST(error, throw_errno_keeps_code_and_says_why)
{
	autoerror struct eb_error *e = NULL;

	errno = ENOSPC;
	CHECK_INT(eb_throw_errno(&e, "write '%s'", "x"), -ENOSPC);
	CHECK_STR(e->message, "write 'x': No space left on device");
	errno = 0; /* a caller's mistake must not become a success */
	CHECK_INT(eb_throw_errno(NULL, "x"), -EIO);
}

TEST(error, prefix_and_first_hint_stay)
{
	autoerror struct eb_error *e = NULL;
	int r = eb_throw(&e, EB_E_NOT_FOUND, "no such tag");

	r = eb_prefix(&e, r, "image '%s'", "redis");
	r = eb_hint(&e, r, "run %s", "this");
	r = eb_hint(&e, r, "run that");
	CHECK_INT(r, -EB_E_NOT_FOUND);
	CHECK_STR(e->message, "image 'redis': no such tag");
	CHECK_STR(e->hint, "run this");
	CHECK_INT(eb_prefix(NULL, -5, "x"), -5);
	CHECK_INT(eb_hint(NULL, -5, "x"), -5);
}

TEST(error, forward_hands_over)
{
	autoerror struct eb_error *home = NULL;
	struct eb_error *e = NULL;

	eb_ignore(eb_throw(&e, EB_E_AUTH, "x"));
	CHECK_INT(eb_error_forward(&home, e), -EB_E_AUTH);
	CHECK(home == e);
	e = NULL;
	eb_ignore(eb_throw(&e, EB_E_AUTH, "y"));
	CHECK_INT(eb_error_forward(NULL, e), -EB_E_AUTH); /* frees: the leak checker watches */
}

TEST(error, exit_status_follows_the_list)
{
	CHECK_INT(eb_code_exit_status(0), 0);
	CHECK_INT(eb_code_exit_status(-EB_E_USAGE), 2);
	CHECK_INT(eb_code_exit_status(EB_E_SIGNATURE), 3);
	CHECK_INT(eb_code_exit_status(-EB_E_OFFLINE), 4);
	CHECK_INT(eb_code_exit_status(-ENOENT), 4);
	CHECK_INT(eb_code_exit_status(-EACCES), 5);
	CHECK_INT(eb_code_exit_status(-EB_E_NETWORK), 6);
	CHECK_INT(eb_code_exit_status(-ENOSPC), 7);
	CHECK_INT(eb_code_exit_status(-EB_E_PARTIAL), 8);
	CHECK_INT(eb_code_exit_status(-EB_E_CONFLICT), 9);
	CHECK_INT(eb_code_exit_status(-EIO), 1);
}

TEST(error, code_text_and_name)
{
	CHECK_STR(eb_code_text(-EB_E_DIGEST), "digest mismatch");
	CHECK_STR(eb_code_text(ENOENT), "No such file or directory");
	CHECK_STR(eb_code_text(999), "unknown error");
	CHECK_STR(eb_code_name(-EB_E_NOT_FOUND), "NOT_FOUND");
	CHECK_STR(eb_code_name(ENOSPC), "ENOSPC");
	CHECK_STR(eb_code_name(999), "UNKNOWN");
}
