#include "render/explain.h"

#include "base/json.h"
#include "render/yaml_read.h"
#include "testlib.h"

static const char schema_text[] = "{\"properties\":{\"host\":{\"type\":\"string\",\"description\":"
				  "\"Where it is.\",\"x-templated\":true},"
				  "\"db\":{\"type\":\"object\",\"default\":{},\"description\":"
				  "\"The database.\",\"properties\":{"
				  "\"port\":{\"type\":\"integer\",\"minimum\":1,\"default\":5432,"
				  "\"description\":\"A port.\"},"
				  "\"old\":{\"x-removed\":\"use "
				  "port\"},\"tags\":{\"type\":\"array\",\"default\":[\"a\"]}}}}}";

static json_t *schema(void)
{
	struct eb_error *e = NULL;
	json_t *j = NULL;

	CHECK_OK(eb_json_parse(schema_text, strlen(schema_text), 10000, &j, &e), e);
	return j;
}

TEST(explain, value_is_told_with_type_and_default)
{
	autojson json_t *s = schema();
	EB_AUTOBUF(out, 10000);
	struct eb_error *e = NULL;

	CHECK_OK(rnd_explain(s, "db.port", &out, &e), e);
	CHECK_STR(eb_buf_str(&out), "db.port\n  A port.\n\n  type      integer\n  minimum   1\n"
				    "  default   5432\n");
	eb_buf_clear(&out);
	CHECK_OK(rnd_explain(s, "db", &out, &e), e);
	CHECK_HAS(eb_buf_str(&out), "  keys\n    port\n    tags\n");
	eb_buf_clear(&out);
	CHECK_OK(rnd_explain(s, "db.old", &out, &e), e);
	CHECK_HAS(eb_buf_str(&out), "was removed: use port");
}

TEST(explain, unknown_value_is_answered_with_the_nearest)
{
	autojson json_t *s = schema();
	EB_AUTOBUF(out, 10000);
	struct eb_error *e = NULL;
	int r = rnd_explain(s, "db.prot", &out, &e);

	CHECK_INT(r, -EB_E_NOT_FOUND);
	CHECK_HAS(e->hint, "did you mean 'db.port'?");
	eb_error_clear(&e);
}

TEST(explain, defaults_are_yaml_with_comments)
{
	autojson json_t *s = schema(), *back = NULL;
	EB_AUTOBUF(out, 10000);
	struct eb_error *e = NULL;
	autofree char *json = NULL;

	rnd_explain_defaults(s, &out);
	CHECK_STR(eb_buf_str(&out),
		  "# The database.\ndb:\n  # A port.\n  port: 5432\n  tags:\n  - a\n"
		  "# Where it is.\n# host:\n");
	CHECK_OK(rnd_yaml_read("d", out.data, out.len, NULL, &back, &e), e);
	json = eb_json_canonical(back, NULL);
	CHECK_STR(json, "{\"db\":{\"port\":5432,\"tags\":[\"a\"]}}");
}
