#include "render/values_text.h"

#include "base/json.h"
#include "testlib.h"

static const char schema_text[] =
	"{\"type\": \"object\", \"properties\": {"
	"\"web\": {\"type\": \"string\", \"x-text\": \"json\"},"
	"\"list\": {\"type\": \"array\", \"items\": {\"type\": \"string\", \"x-text\": \"json\"}},"
	"\"more\": {\"type\": \"object\", \"additionalProperties\": {\"type\": \"object\","
	" \"properties\": {\"config\": {\"$ref\": \"#/$defs/yaml\"}, \"name\": {\"type\": "
	"\"string\"}}}}},"
	"\"$defs\": {\"yaml\": {\"type\": \"string\", \"x-text\": \"yaml\"}}}";

static json_t *parse(const char *text)
{
	struct eb_error *e = NULL;
	json_t *j = NULL;

	CHECK_OK(eb_json_parse(text, strlen(text), 100000, &j, &e), e);
	return j;
}

static int check(const char *values, struct eb_error **err)
{
	autojson json_t *schema = parse(schema_text), *v = parse(values);
	autojson json_t *places = parse("{\"more.a.config\": \"v.yaml:7:3\"}");

	return rnd_check_texts(schema, v, places, err);
}

TEST(values_text, documents_with_mappings_are_taken)
{
	struct eb_error *e = NULL;

	CHECK_OK(check("{\"web\": \"{\\\"a\\\": 1}\", \"list\": [\"{}\"], \"more\": {\"a\": "
		       "{\"config\": "
		       "\"x: [1]\\ny: ${Z}\\n\", \"name\": \"not: [yaml\"}, \"b\": {\"config\": "
		       "\"\"}}}",
		       &e),
		 e);
}

static void refuses(const char *values, const char *text)
{
	struct eb_error *e = NULL;

	CHECK_FAIL(check(values, &e), EB_E_FORMAT, text, e);
}

TEST(values_text, broken_documents_are_refused_with_their_place)
{
	refuses("{\"more\": {\"a\": {\"config\": \"x: 1\\ny: [\"}}}",
		"v.yaml:7:3: more.a.config: its text:");
	refuses("{\"more\": {\"b\": {\"config\": \"- 1\\n\"}}}", "more.b.config: its text");
	refuses("{\"web\": \"{\\\"a\\\": \"}", "web: its text:1:");
	refuses("{\"web\": \"\"}", "web: its text:");
	refuses("{\"web\": \"[1]\"}", "web: its text: is no json mapping");
	refuses("{\"list\": [\"{}\", \"{\"]}", "list[1]: its text:1:");
}
