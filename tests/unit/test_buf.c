#include "testlib.h"

TEST(buf, add_over_cap_is_sticky)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 8);

	eb_buf_adds(&b, "12345");
	eb_buf_adds(&b, "6789");
	eb_buf_adds(&b, "x");
	CHECK_STR(eb_buf_str(&b), "12345");
	CHECK_FAIL(eb_buf_check(&b, "header", &e), EB_E_LIMIT, "header is larger than 8 bytes", e);
}

TEST(buf, addf_appends)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 100);

	eb_buf_addf(&b, "%d-%s", 42, "x");
	eb_buf_addc(&b, '!');
	CHECK_OK(eb_buf_check(&b, "text", &e), e);
	CHECK_STR(eb_buf_str(&b), "42-x!");
	CHECK_INT(b.len, 5);
}

TEST(buf, reserve_filled_space_ends_with_a_nul)
{
	EB_AUTOBUF(b, 1000);
	char *to;

	eb_buf_adds(&b, "some text that is longer than what follows");
	eb_buf_clear(&b);
	to = eb_buf_reserve(&b, 4);
	CHECK(to);
	memcpy(to, "four", 4);
	b.len += 4;
	CHECK_STR(eb_buf_str(&b), "four");
}
