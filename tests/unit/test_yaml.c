#include "recipe/yaml.h"
#include "testlib.h"

/* The tree of a text, in an arena that the test frees. */
#define PARSE(a, text, ret, e) rcp_yaml_parse("f.yaml", text, strlen(text), a, ret, e)
#define CHECK_YAML_FAILS(text, part)                                                               \
	do {                                                                                       \
		EB_CLEANUP(eb_arena_free_p) struct eb_arena *a_ = eb_arena_new();                  \
		autoerror struct eb_error *e_ = NULL;                                              \
		struct rcp_yaml *y_;                                                               \
		CHECK_FAIL(PARSE(a_, text, &y_, &e_), EB_E_RECIPE, part, e_);                      \
	} while (0)

TEST(yaml, parse_block_and_flow_keeps_places)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *a = eb_arena_new();
	autoerror struct eb_error *e = NULL;
	struct rcp_yaml *y, *list;

	CHECK_OK(PARSE(a, "a: 1\nb:\n- x\n- {k: \"true\"}\n", &y, &e), e);
	CHECK_INT(y->kind, RCP_YAML_MAP);
	CHECK_INT(y->n, 2);
	CHECK_STR(rcp_yaml_get(y, "a")->text, "1");
	CHECK(rcp_yaml_get(y, "a")->plain);
	CHECK(!rcp_yaml_get(y, "c"));
	list = rcp_yaml_get(y, "b");
	CHECK_INT(list->kind, RCP_YAML_LIST);
	CHECK_INT(list->n, 2);
	CHECK_INT(list->items[0]->line, 3);
	CHECK_INT(list->items[0]->column, 3);
	CHECK_STR(list->items[1]->keys[0]->text, "k");
	CHECK(!list->items[1]->items[0]->plain);
	CHECK_INT(list->items[1]->items[0]->column, 7);
}

TEST(yaml, parse_refuses_what_expands_or_hides)
{
	CHECK_YAML_FAILS("a: &x 1\nb: *x\n", "f.yaml:1:4: anchor '&x'");
	CHECK_YAML_FAILS("a: 1\nb: *x\n", "f.yaml:2:4: alias '*x'");
	CHECK_YAML_FAILS("a: !!binary aGk=\n", "f.yaml:1:4: tag 'tag:yaml.org,2002:binary'");
	CHECK_YAML_FAILS("a: !x [b]\n", "f.yaml:1:4: tag '!x'");
	CHECK_YAML_FAILS("a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document starts here");
	CHECK_YAML_FAILS("a: \"x\\0y\"\n", "f.yaml:1:4: a value may not contain a NUL");
	CHECK_YAML_FAILS("[a]: b\n", "f.yaml:1:1: a key must be a word, found a list");
}

TEST(yaml, parse_duplicate_key_names_both_lines)
{
	CHECK_YAML_FAILS("b: 1\na: 1\nc: 1\na: 2\n",
			 "f.yaml:4:1: key 'a' is given twice; first at line 2");
}

TEST(yaml, parse_broken_text_gives_place)
{
	CHECK_YAML_FAILS("", "f.yaml:1:1: the file is empty");
	CHECK_YAML_FAILS("# nothing\n", "the file is empty");
	CHECK_YAML_FAILS("a: [b\nc: d\n", "f.yaml:2:");
	CHECK_YAML_FAILS("a:\n\t- b\n", "f.yaml:2:1: not YAML");
	CHECK_YAML_FAILS("a: \xff\n", "not UTF-8 text");
	/* UTF-16 is not taken, even with its mark */
	CHECK_YAML_FAILS("\xff\xfe\x61", "not UTF-8 text");
}

TEST(yaml, parse_limits_are_named)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *a = eb_arena_new();
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 2 * RCP_YAML_MAX_BYTES);
	struct rcp_yaml *y;

	for (int i = 0; i < 31; i++)
		eb_buf_addc(&b, '[');
	eb_buf_addc(&b, 'x');
	for (int i = 0; i < 31; i++)
		eb_buf_addc(&b, ']');
	CHECK_OK(PARSE(a, eb_buf_str(&b), &y, &e), e);
	eb_buf_clear(&b);
	for (int i = 0; i < 100; i++)
		eb_buf_addc(&b, '[');
	CHECK_FAIL(PARSE(a, eb_buf_str(&b), &y, &e), EB_E_RECIPE, "f.yaml:1:33: nested more than",
		   e);
	eb_buf_clear(&b);
	for (int i = 0; i < RCP_YAML_MAX_NODES; i++)
		eb_buf_adds(&b, "- a\n");
	CHECK_FAIL(PARSE(a, eb_buf_str(&b), &y, &e), EB_E_RECIPE, "more than 200000 values", e);
	CHECK_FAIL(rcp_yaml_parse("f.yaml", "a", RCP_YAML_MAX_BYTES + 1u, a, &y, &e), EB_E_RECIPE,
		   "larger than 4194304 bytes", e);
}

TEST(yaml, check_keys_names_nearest)
{
	static const char *const known[] = { "summary", "name", NULL };
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *a = eb_arena_new();
	autoerror struct eb_error *e = NULL;
	struct rcp_yaml *y;

	CHECK_OK(PARSE(a, "name: x\nsumary: y\n", &y, &e), e);
	CHECK_FAIL(rcp_yaml_check_keys(y, known, &e), EB_E_RECIPE,
		   "f.yaml:2:1: unknown key 'sumary'; did you mean 'summary'?", e);
	CHECK_OK(PARSE(a, "zzzzzz: x\n", &y, &e), e);
	CHECK_FAIL(rcp_yaml_check_keys(y, known, &e), EB_E_RECIPE,
		   "unknown key 'zzzzzz'; known here: summary, name", e);
	CHECK_OK(PARSE(a, "name: x\n", &y, &e), e);
	CHECK_OK(rcp_yaml_check_keys(y, known, &e), e);
}

TEST(yaml, messages_quote_input_as_printable_text)
{
	static const char *const known[] = { "name", NULL };
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *a = eb_arena_new();
	autoerror struct eb_error *e = NULL;
	struct rcp_yaml *y;

	CHECK_OK(PARSE(a, "\"a\\e[31m\\n\\u00e4\": x\n", &y, &e), e);
	CHECK_FAIL(rcp_yaml_check_keys(y, known, &e), EB_E_RECIPE, "unknown key 'a?[31m?\xc3\xa4'",
		   e);
	/* cut after 60 bytes, in the middle of a character */
	CHECK_OK(PARSE(a,
		       "\"xaaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeefffffffff\\u20ac\\u20a"
		       "c\": x\n",
		       &y, &e),
		 e);
	CHECK_FAIL(rcp_yaml_check_keys(y, known, &e), EB_E_RECIPE, "f'; known here", e);
	CHECK_OK(
		PARSE(a,
		      "\"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeefffffffff\\u20ac\": x\n",
		      &y, &e),
		e);
	CHECK_FAIL(rcp_yaml_check_keys(y, known, &e), EB_E_RECIPE, "fffffffff?'; known here", e);
}
