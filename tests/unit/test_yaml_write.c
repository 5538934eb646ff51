#include "render/yaml_write.h"

#include "base/json.h"
#include "render/yaml_read.h"
#include "testlib.h"

static char *write_json(const char *json)
{
	EB_AUTOBUF(out, 100000);
	struct eb_error *e = NULL;
	autojson json_t *j = NULL;

	CHECK_OK(eb_json_parse(json, strlen(json), 100000, &j, &e), e);
	rnd_yaml_write(j, &out);
	return eb_xstrdup(eb_buf_str(&out));
}

TEST(yaml_write, objects_begin_with_their_names)
{
	autofree char *y = write_json(
		"{\"spec\":{\"b\":[1,{\"x\":1,\"z\":[]}],\"a\":{}},\"kind\":"
		"\"K\",\"metadata\":{\"labels\":{\"l\":\"v\"},\"name\":\"nm\"},"
		"\"apiVersion\":\"v1\"}");

	CHECK_STR(y, "apiVersion: v1\nkind: K\nmetadata:\n  name: nm\n  labels:\n    l: v\nspec:\n"
		     "  a: {}\n  b:\n  - 1\n  - x: 1\n    z: []\n");
}

TEST(yaml_write, text_is_quoted_where_it_could_be_something_else)
{
	autofree char *y = write_json(
		"[\"yes\",\"1\",\"1.5\",\"0x1\",\"\",\"~\",\"a b\",\"a: b\",\"#x\",\"12:30\","
		"\"2024-01-02\",\"plain\",\"a/b:c@d\",\"it's\",\"- "
		"x\",\"*a\",\"\\u0001\",\"\\u2028\","
		"\"x:\",\"1_0\",\".5\",\"null\",\"=\",\"<<\"]");

	CHECK_STR(y, "- \"yes\"\n- \"1\"\n- \"1.5\"\n- \"0x1\"\n- \"\"\n- \"~\"\n- \"a b\"\n"
		     "- \"a: b\"\n- \"#x\"\n- \"12:30\"\n- \"2024-01-02\"\n- plain\n- a/b:c@d\n"
		     "- \"it's\"\n- \"- x\"\n- \"*a\"\n- \"\\u0001\"\n- \"\\u2028\"\n- \"x:\"\n"
		     "- \"1_0\"\n- \".5\"\n- \"null\"\n- \"=\"\n- \"<<\"\n");
}

TEST(yaml_write, text_like_a_number_too_large_is_quoted)
{
	autofree char *y = write_json("[\"0xffffffffffffffff\",\"0o7777777777777777777777\","
				      "\"-0b1\",\"+0XFFFFFFFFFFFFFFFFFF\","
				      "\"x0\"]");

	CHECK_STR(y, "- \"0xffffffffffffffff\"\n- \"0o7777777777777777777777\"\n- \"-0b1\"\n"
		     "- \"+0XFFFFFFFFFFFFFFFFFF\"\n- x0\n");
}

TEST(yaml_write, lines_become_a_block)
{
	autofree char *y = write_json(
		"{\"a\":\"x\\n  y\\n\\nz\\n\",\"b\":\"p\\nq\",\"c\":\" lead\\nx\","
		"\"d\":\"x\\n\\n\",\"e\":\"a\\r\\nb\"}");

	CHECK_STR(y, "a: |\n  x\n    y\n\n  z\nb: |-\n  p\n  q\nc: \" lead\\nx\"\nd: \"x\\n\\n\"\n"
		     "e: \"a\\r\\nb\"\n");
}

TEST(yaml_write, what_is_written_reads_back)
{
	static const char json[] =
		"{\"a\":[[1,[2,{\"k\":\"v\"}]],[],{},null,true,-5,1.5,\"t\\tab\",\"x\\n\\ty\\n\","
		"\"\\u00e9\\ud83d\\ude00\"],\"k \\n\":{\"on\":\"off\",\"1\":\"2\"},\"b\":\"tail "
		"\\n x \\n\"}";
	autofree char *y = write_json(json), *again = NULL, *want = NULL;
	autojson json_t *back = NULL, *j = NULL;
	struct eb_error *e = NULL;

	CHECK_OK(rnd_yaml_read("out", y, strlen(y), NULL, &back, &e), e);
	CHECK_OK(eb_json_parse(json, strlen(json), 10000, &j, &e), e);
	again = eb_json_canonical(back, NULL);
	want = eb_json_canonical(j, NULL);
	CHECK_STR(again, want);
}
