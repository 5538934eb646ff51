#include "base/base64.h"

#include "testlib.h"

TEST(base64, decode_is_strict)
{
	static const char *const bad[] = {
		"A",	    "AA",   "AAA",    "AA=",  "AAA=A",
		"AA==AA==", "A A=", "AAA=\n", "AA-_", "A\361\377\377wsQ=",
		"AB=="
	};
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(out, 64);

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++)
		if (eb_base64_decode(bad[i], strlen(bad[i]), &out, NULL) != -EB_E_FORMAT)
			test_fail(__FILE__, __LINE__, "'%s' was accepted", bad[i]);
	CHECK_OK(eb_base64_decode("", 0, &out, &e), e);
	CHECK_INT(out.len, 0);
	for (size_t n = 0; n < 40; n++) {
		EB_AUTOBUF(text, 64);
		char data[40];

		memset(data, (int)(n * 37), sizeof(data));
		eb_buf_clear(&out);
		eb_base64_encode(data, n, &text);
		CHECK_OK(eb_base64_decode(eb_buf_str(&text), text.len, &out, &e), e);
		CHECK_INT(out.len, n);
		CHECK(n == 0 || memcmp(out.data, data, n) == 0);
	}
}
