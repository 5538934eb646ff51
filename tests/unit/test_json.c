#include "base/json.h"
#include "testlib.h"

static int parse(const char *text, json_t **ret, struct eb_error **err)
{
	return eb_json_parse(text, strlen(text), 4096, ret, err);
}

TEST(json, parse_rejects_with_line_and_column)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "", "1:1: invalid JSON" },
		{ "{", "invalid JSON" },
		{ "{\n \"a\": 1,\n \"a\": 2}", "3:4: invalid JSON: duplicate" },
		{ "{} x", "1:4: invalid JSON: end of file expected" },
		{ "[1,]", "1:4: invalid JSON" },
		{ "[\"\xff\"]", "1:2: invalid JSON" },
		{ "[\"\\u0000\"]", "invalid JSON" },
		{ "[99999999999999999999]", "too big integer" },
		{ "\"text\"", "'[' or '{' expected" },
		{ "[\"a\x01\"]", "control character" },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(rows); i++) {
		autoerror struct eb_error *e = NULL;
		json_t *j = NULL;

		CHECK_FAIL(parse(rows[i].text, &j, &e), EB_E_FORMAT, rows[i].message, e);
		CHECK(j == NULL);
	}
}

TEST(json, parse_too_long_or_deep_is_limit)
{
	autoerror struct eb_error *e = NULL;
	json_t *j = NULL;
	char deep[EB_JSON_MAX_DEPTH + 2];

	CHECK_FAIL(eb_json_parse("[1]", 3, 2, &j, &e), EB_E_LIMIT, "3 bytes is larger than 2", e);
	memset(deep, '[', sizeof(deep));
	deep[0] = '\n';
	deep[sizeof(deep) - 1] = '\0';
	CHECK_FAIL(parse(deep, &j, &e), EB_E_FORMAT, "", e); /* at the limit: only unclosed */
	deep[0] = '[';
	CHECK_FAIL(parse(deep, &j, &e), EB_E_LIMIT, "1:65: nested deeper than 64 levels", e);
}

TEST(json, parse_brackets_in_strings_do_not_nest)
{
	autoerror struct eb_error *e = NULL;
	autojson json_t *j = NULL;
	char text[300] = "[\"\\\"";

	memset(text + 4, '[', 200);
	memcpy(text + 204, "\"]", 3);
	CHECK_OK(parse(text, &j, &e), e);
	CHECK_INT(json_array_size(j), 1);
}

TEST(json, canonical_is_sorted_and_compact)
{
	autoerror struct eb_error *e = NULL;
	autojson json_t *j = NULL;
	autofree char *text = NULL;
	autofree char *pretty = NULL;
	size_t n = 0;

	CHECK_OK(parse(" {\"b\": [1, true, null], \"a\": \"\\u00e9/\\u007f\", \"B\": {}, \"\": 0}",
		       &j, &e),
		 e);
	text = eb_json_canonical(j, &n);
	CHECK_STR(text, "{\"\":0,\"B\":{},\"a\":\"\xc3\xa9/\x7f\",\"b\":[1,true,null]}");
	CHECK_INT(n, strlen(text));
	pretty = eb_json_pretty(j);
	CHECK_HAS(pretty, "{\n  \"\": 0,\n  \"B\": {},\n");
}

TEST(json, getters_name_member_and_type)
{
	autoerror struct eb_error *e = NULL;
	autojson json_t *j = NULL;
	const char *s = "kept";
	uint64_t u = 7;
	json_t *v = NULL;

	CHECK_OK(parse("{\"s\":\"x\",\"n\":5,\"neg\":-1,\"f\":1.5,\"a\":[],\"o\":{},\"z\":null}",
		       &j, &e),
		 e);
	CHECK_FAIL(eb_json_get_str(j, "n", &s, &e), EB_E_FORMAT,
		   "n: expected a string, found an integer", e);
	CHECK_FAIL(eb_json_get_str(j, "none", &s, &e), EB_E_FORMAT,
		   "none: expected a string, found nothing", e);
	CHECK_FAIL(eb_json_get_u64(j, "neg", 10, &u, &e), EB_E_FORMAT, "found -1", e);
	CHECK_FAIL(eb_json_get_u64(j, "f", 10, &u, &e), EB_E_FORMAT, "found a fraction", e);
	CHECK_FAIL(eb_json_get_u64(j, "n", 4, &u, &e), EB_E_LIMIT, "n: 5 is larger than 4", e);
	CHECK_FAIL(eb_json_get_array(j, "o", &v, &e), EB_E_FORMAT, "an array, found an object", e);
	CHECK_FAIL(eb_json_get_object(j, "z", &v, &e), EB_E_FORMAT, "an object, found null", e);
	CHECK_FAIL(eb_json_opt_str(j, "a", &s, &e), EB_E_FORMAT, "a string, found an array", e);
	CHECK_FAIL(eb_json_get_str(NULL, "k", &s, &e), EB_E_FORMAT, "k: expected inside an object",
		   e);
	CHECK_OK(eb_json_opt_str(j, "z", &s, &e), e);
	CHECK_OK(eb_json_opt_str(j, "none", &s, &e), e);
	CHECK_STR(s, "kept");
	CHECK_INT(u, 7);
	CHECK_OK(eb_json_get_u64(j, "n", 5, &u, &e), e);
	CHECK_INT(u, 5);
}

TEST(json, inside_puts_place_before_member)
{
	autoerror struct eb_error *e = NULL;
	int r = eb_throw(&e, EB_E_FORMAT, "digest: bad");

	CHECK_INT(eb_json_inside(&e, r, "layers[%d]", 3), -EB_E_FORMAT);
	CHECK_STR(e->message, "layers[3].digest: bad");
}

TEST(json, set_str_replaces_what_is_not_utf8)
{
	autojson json_t *j = eb_json_object();
	autofree char *text = NULL;

	eb_json_set_str(j, "k", "a\xff\xc3\xa9\xed\xa0\x80\xf4\x90z\xe2\x82");
	eb_json_set_str(j, "null", NULL);
	text = eb_json_canonical(j, NULL);
	CHECK_STR(text, "{\"k\":\"a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
			"\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd\"}");
}

TEST(json, text_and_number_are_empty_for_what_is_not_there)
{
	autojson json_t *j = json_pack("{s:s, s:i, s:i, s:n}", "s", "x", "n", 7, "m", -7, "z");

	CHECK_STR(eb_json_text(j, "s"), "x");
	CHECK_STR(eb_json_text(j, "n"), "");
	CHECK_STR(eb_json_text(j, "z"), "");
	CHECK_STR(eb_json_text(NULL, "s"), "");
	CHECK_INT(eb_json_number(j, "n"), 7);
	CHECK_INT(eb_json_number(j, "m"), 0);
	CHECK_INT(eb_json_number(j, "s"), 0);
	CHECK_INT(eb_json_number(j, "none"), 0);
}
