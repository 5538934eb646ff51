#include "render/schema.h"

#include "base/json.h"
#include "testlib.h"

static json_t *parse(const char *text)
{
	struct eb_error *e = NULL;
	json_t *j = NULL;

	CHECK_OK(eb_json_parse(text, strlen(text), 100000, &j, &e), e);
	return j;
}

static int validate(const char *schema, const char *values, struct eb_error **err)
{
	autojson json_t *s = parse(schema), *v = parse(values);

	CHECK_OK(rnd_schema_check(s, err), *err);
	return rnd_schema_validate(s, v, NULL, err);
}

static void check_fill(const char *schema, const char *values, const char *want)
{
	autojson json_t *s = parse(schema), *v = parse(values);
	struct eb_error *e = NULL;
	autofree char *text = NULL;

	CHECK_OK(rnd_schema_check(s, &e), e);
	rnd_schema_fill(s, v);
	text = eb_json_canonical(v, NULL);
	CHECK_STR(text, want);
}

static const char nested[] =
	"{\"properties\":{\"a\":{\"type\":\"object\",\"default\":{\"free\":{\"x\":1}},"
	"\"properties\":{"
	"\"n\":{\"type\":\"integer\",\"default\":3},\"m\":{\"type\":[\"integer\",\"null\"],"
	"\"default\":4},"
	"\"free\":{\"type\":\"object\"}}},\"b\":{\"$ref\":\"#/$defs/d\",\"default\":{}},"
	"\"l\":{\"items\":{\"$ref\":\"#/$defs/d\"}},\"w\":{\"additionalProperties\":{\"$ref\":\"#/"
	"$defs/d\"}}},"
	"\"$defs\":{\"d\":{\"properties\":{\"k\":{\"type\":\"string\",\"default\":\"v\"}}}}}";

TEST(schema, defaults_are_filled_at_every_level)
{
	check_fill(nested, "{}",
		   "{\"a\":{\"free\":{\"x\":1},\"m\":4,\"n\":3},\"b\":{\"k\":\"v\"}}");
	check_fill(nested,
		   "{\"a\":{\"n\":9,\"free\":{\"y\":2}},\"l\":[{},{\"k\":\"z\"}],\"w\":{\"p\":{}}}",
		   "{\"a\":{\"free\":{\"x\":1,\"y\":2},\"m\":4,\"n\":9},\"b\":{\"k\":\"v\"},"
		   "\"l\":[{\"k\":\"v\"},{\"k\":\"z\"}],\"w\":{\"p\":{\"k\":\"v\"}}}");
}

TEST(schema, null_takes_a_default_away)
{
	check_fill(nested, "{\"a\":{\"n\":null,\"m\":null,\"free\":{\"x\":null}},\"b\":null}",
		   "{\"a\":{\"free\":{\"x\":null},\"m\":null},\"b\":null}");
}

TEST(schema, wrong_values_are_told_with_path_and_expectation)
{
	static const struct {
		const char *schema, *values, *part;
	} bad[] = {
		{ "{\"properties\":{\"a\":{\"type\":\"integer\"}}}", "{\"a\":\"x\"}",
		  "a: expected a whole number, found text of 1 characters" },
		{ "{\"properties\":{\"a\":{\"type\":[\"string\",\"null\"]}}}", "{\"a\":[]}",
		  "a: expected text or nothing (null), found a list" },
		{ "{\"properties\":{\"a\":{\"enum\":[\"x\",\"y\"]}}}", "{\"a\":\"z\"}",
		  "expected one of \"x\", \"y\"; found the text 'z'" },
		{ "{\"properties\":{\"a\":{\"const\":1}}}", "{\"a\":2}", "expected 1, found" },
		{ "{\"properties\":{\"a\":{\"minimum\":1}}}", "{\"a\":0}",
		  "expected at least 1, found 0" },
		{ "{\"properties\":{\"a\":{\"maximum\":1}}}", "{\"a\":2}",
		  "expected at most 1, found 2" },
		{ "{\"properties\":{\"a\":{\"exclusiveMinimum\":1}}}", "{\"a\":1}", "more than 1" },
		{ "{\"properties\":{\"a\":{\"minLength\":2}}}", "{\"a\":\"\\u00e9\"}",
		  "at least 2 characters, found 1" },
		{ "{\"properties\":{\"a\":{\"pattern\":\"^[a-z]+$\"}}}", "{\"a\":\"A\"}",
		  "text of 1 characters does not match ^[a-z]+$" },
		{ "{\"properties\":{\"a\":{\"items\":{\"type\":\"string\"}}}}", "{\"a\":[\"x\",1]}",
		  "a[1]: expected text, found a number" },
		{ "{\"properties\":{\"a\":{\"maxItems\":1}}}", "{\"a\":[1,2]}",
		  "at most 1 items, found 2" },
		{ "{\"properties\":{\"a\":{\"uniqueItems\":true}}}", "{\"a\":[1,2,1]}",
		  "a[2]: is there twice" },
		{ "{\"required\":[\"a\"]}", "{}", "values: key 'a' is missing" },
		{ "{\"maxProperties\":1}", "{\"a\":1,\"b\":2}", "at most 1 keys" },
		{ "{\"additionalProperties\":false,\"properties\":{\"replicas\":{}}}",
		  "{\"replica\":1}", "replica: unknown key; did you mean 'replicas'?" },
		{ "{\"additionalProperties\":{\"type\":\"string\"}}", "{\"x\":1}",
		  "x: expected text" },
		{ "{\"patternProperties\":{\"^x\":{\"type\":\"string\"}}}", "{\"xy\":1}",
		  "xy: expected text" },
		{ "{\"properties\":{\"old\":{\"x-removed\":\"use new\"}}}", "{\"old\":1}",
		  "old: was removed: use new" },
		{ "{\"oneOf\":[{\"required\":[\"value\"]},{\"required\":[\"secret\",\"secretKey\"]}"
		  "]}",
		  "{\"secret\":1}", "expected either value, or secret and secretKey" },
		{ "{\"oneOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}",
		  "{\"a\":1,\"b\":1}", "expected either a, or b" },
		{ "{\"anyOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}", "{}",
		  "either a, or b" },
		{ "{\"not\":{\"required\":[\"a\"]}}", "{\"a\":1}", "may not be here" },
		{ "{\"allOf\":[{\"required\":[\"a\"]}]}", "{}", "'a' is missing" },
		{ "{\"properties\":{\"p\":{\"$ref\":\"#/$defs/"
		  "port\"}},\"$defs\":{\"port\":{\"maximum\":65535}}}",
		  "{\"p\":70000}", "p: expected at most 65535" },
	};
	struct eb_error *e = NULL;

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++)
		CHECK_FAIL(validate(bad[i].schema, bad[i].values, &e), EB_E_FORMAT, bad[i].part, e);
}

TEST(schema, values_that_may_be_secrets_are_not_shown)
{
	static const struct {
		const char *schema, *values;
	} bad[] = {
		{ "{\"properties\":{\"a\":{\"type\":\"object\"}}}", "{\"a\":\"73577357\"}" },
		{ "{\"properties\":{\"a\":{\"type\":\"string\"}}}", "{\"a\":73577357}" },
		{ "{\"properties\":{\"a\":{\"type\":[\"string\",\"null\"]}}}",
		  "{\"a\":73577357.5}" },
		{ "{\"properties\":{\"a\":{\"pattern\":\"^[a-z]+$\"}}}", "{\"a\":\"73577357\"}" },
		{ "{\"properties\":{\"a\":{\"maxLength\":3}}}", "{\"a\":\"73577357\"}" },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++) {
		autoerror struct eb_error *e = NULL;

		CHECK_INT(validate(bad[i].schema, bad[i].values, &e), -EB_E_FORMAT);
		CHECK(e && !strstr(e->message, "7357"));
	}
}

TEST(schema, right_values_pass)
{
	struct eb_error *e = NULL;

	CHECK_OK(validate("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"number\","
			  "\"minimum\":0},"
			  "\"b\":{\"pattern\":\"^x\",\"x-templated\":true,\"type\":\"string\"}},"
			  "\"anyOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}",
			  "{\"a\":1.5,\"b\":\"{{ .Values.x }}\",\"c\":null}", &e),
		 e);
}

TEST(schema, place_in_the_file_is_named)
{
	autojson json_t *s = parse(
		"{\"properties\":{\"a\":{\"properties\":{\"b\":{\"type\":\"string\"}}}}}");
	autojson json_t *v = parse("{\"a\":{\"b\":1}}"),
			*places = parse("{\"a.b\":\"v.yaml:2:3\"}");
	struct eb_error *e = NULL;

	CHECK_FAIL(rnd_schema_validate(s, v, places, &e), EB_E_FORMAT,
		   "v.yaml:2:3: a.b: expected text", e);
}

TEST(schema, malformed_schemas_are_refused)
{
	static const char *const bad[] = {
		"{\"if\":{}}",
		"{\"properties\":{\"a\":{\"typ\":\"string\"}}}",
		"{\"type\":\"text\"}",
		"{\"properties\":[]}",
		"{\"pattern\":\"(\"}",
		"{\"minimum\":\"1\"}",
		"{\"$ref\":\"other.json\"}",
		"{\"$ref\":\"#/$defs/none\"}",
		"{\"$defs\":{\"a\":{\"$ref\":\"#/$defs/a\"}}}",
		"{\"oneOf\":{}}",
		"{\"items\":[]}",
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++) {
		autojson json_t *s = parse(bad[i]);
		struct eb_error *e = NULL;

		CHECK_INT(rnd_schema_check(s, &e), -EB_E_FORMAT);
		eb_error_clear(&e);
	}
}

TEST(schema, member_is_found_by_path)
{
	autojson json_t *s = parse(nested);

	CHECK_STR(json_string_value(rnd_schema_keyword(s, rnd_schema_find(s, "l[5].k"), "default")),
		  "v");
	CHECK_STR(json_string_value(rnd_schema_keyword(s, rnd_schema_find(s, "w.any.k"), "type")),
		  "string");
	CHECK(rnd_schema_find(s, "a.none") == NULL);
	CHECK(rnd_schema_allows(s, rnd_schema_find(s, "a.m"), "null"));
	CHECK(!rnd_schema_allows(s, rnd_schema_find(s, "a.n"), "null"));
}
