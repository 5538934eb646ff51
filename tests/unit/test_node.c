#include <unistd.h>

#include "testlib.h"
#include "yaml/node.h"

struct doc {
	struct eb_arena *arena;
	struct yml_node *root;
};

static void doc_release(struct doc *d)
{
	eb_arena_free(d->arena);
}
EB_DEFINE_RELEASE(struct doc, doc_release)
#define DOC(name, text)                                                                            \
	EB_CLEANUP(doc_release_p) struct doc name = { .arena = eb_arena_new() };                   \
	struct eb_error *e = NULL;                                                                 \
	CHECK_OK(yml_parse("f.yaml", text, strlen(text), NULL, (name).arena, &(name).root, &e), e)

static const char *text_at(const struct yml_node *n, const char *key)
{
	const struct yml_node *v = yml_get(n, key);

	return v && v->kind == YML_SCALAR ? v->text : NULL;
}

static int parse(const char *text, const struct yml_limits *l, struct eb_error **err)
{
	EB_CLEANUP(doc_release_p) struct doc d = { .arena = eb_arena_new() };

	return yml_parse("f.yaml", text, strlen(text), l, d.arena, &d.root, err);
}

TEST(node, type_follows_the_core_schema)
{
	static const struct {
		const char *text;
		enum yml_type type;
	} cases[] = {
		{ "~", YML_NULL },	  { "null", YML_NULL },
		{ "true", YML_BOOL },	  { "False", YML_BOOL },
		{ "yes", YML_STRING },	  { "8008", YML_INT },
		{ "-3", YML_INT },	  { "0x1F", YML_INT },
		{ "0o17", YML_INT },	  { "1.5", YML_FLOAT },
		{ "1e3", YML_FLOAT },	  { ".inf", YML_FLOAT },
		{ "1.2.3", YML_STRING },  { "0x", YML_STRING },
		{ "1e", YML_STRING },	  { "2026-01-31", YML_STRING },
		{ "'8008'", YML_STRING }, { "!!str 8", YML_STRING },
		{ "!!int '8'", YML_INT }, { ".", YML_STRING },
		{ "-", YML_STRING },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(cases); i++) {
		autofree char *text = eb_xasprintf("a: %s\n", cases[i].text);

		if (strcmp(cases[i].text, "-") == 0)
			continue; /* that is a list */
		DOC(d, text);
		CHECK_INT(yml_type(yml_get(d.root, "a")), cases[i].type);
	}
}

TEST(node, parse_aliases_and_merge_keys_are_written_out)
{
	DOC(d, "base: &b {x: 1, y: 2}\nmore: &m {y: 7, z: 3}\n"
	       "one:\n  <<: *b\n  y: 5\ntwo:\n  <<: [*b, *m]\nthree: *b\n");
	const struct yml_node *one = yml_get(d.root, "one"), *two = yml_get(d.root, "two");

	CHECK_STR(text_at(one, "x"), "1");
	CHECK_STR(text_at(one, "y"), "5");
	CHECK(!yml_get(one, "<<"));
	CHECK_STR(text_at(two, "y"), "2");
	CHECK_STR(text_at(two, "z"), "3");
	CHECK_STR(text_at(yml_get(d.root, "three"), "x"), "1");
}

TEST(node, parse_empty_document_is_null)
{
	static const char *const texts[] = { "", "# nothing\n", "---\n", "null\n", "---\n...\n" };

	for (size_t i = 0; i < EB_ARRAY_LEN(texts); i++) {
		DOC(d, texts[i]);
		CHECK(!d.root);
	}
}

TEST(node, parse_refuses_with_place)
{
	static const struct {
		const char *text, *message;
		int code;
	} cases[] = {
		{ "a: 1\na: 2\n", "f.yaml:2:1: key 'a' was given before, at line 1", EB_E_FORMAT },
		{ "a: *x\n", "f.yaml:1:4: an alias ('*') without its anchor", EB_E_FORMAT },
		{ "a: &a [*a]\n", "f.yaml:1:8: an alias", EB_E_FORMAT },
		{ "[a]: 1\n", "a key is text, this is a list", EB_E_FORMAT },
		{ "a: !secret x\n", "a tag ('!') that is not known", EB_E_FORMAT },
		{ "a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document", EB_E_FORMAT },
		{ "a: [1\n", "not YAML", EB_E_FORMAT },
		{ "a: \"x\\0y\"\n", "NUL", EB_E_FORMAT },
		{ "a: \xff\n", "not UTF-8", EB_E_FORMAT },
		{ "a:\n  <<: 3\n", "'<<' wants a map", EB_E_FORMAT },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(cases); i++) {
		struct eb_error *e = NULL;

		CHECK_FAIL(parse(cases[i].text, NULL, &e), cases[i].code, cases[i].message, e);
	}
}

TEST(node, parse_stops_at_limits)
{
	static const struct yml_limits small = { 1000, 50, 5 };
	struct eb_error *e = NULL;

	CHECK_FAIL(parse("a: &a [1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a]\nc: [*b,*b,*b]\n", &small, &e),
		   EB_E_LIMIT, "f.yaml:3:", e);
	CHECK_FAIL(parse("[[[[[[1]]]]]]", &small, &e), EB_E_LIMIT, "nested more than 5 deep", e);
	EB_AUTOBUF(big, 2000);
	for (int i = 0; i < 1001; i++)
		eb_buf_addc(&big, ' ');
	CHECK_FAIL(parse(eb_buf_str(&big), &small, &e), EB_E_LIMIT, "1001 bytes", e);
}

TEST(node, opt_members_check_their_kind)
{
	const char *text = "kept";
	struct yml_node *list = NULL;
	bool flag = false;
	DOC(d, "t: word\nl: [1]\nb: true\nn: null\n");

	CHECK_OK(yml_opt_text(d.root, "t", &text, &e), e);
	CHECK_STR(text, "word");
	CHECK_OK(yml_opt_text(d.root, "n", &text, &e), e);
	CHECK_STR(text, "word");
	CHECK_FAIL(yml_opt_text(d.root, "l", &text, &e), EB_E_FORMAT,
		   "f.yaml:2:4: 'l' is a list, expected text", e);
	CHECK_OK(yml_opt_bool(d.root, "b", &flag, &e), e);
	CHECK(flag);
	CHECK_FAIL(yml_opt_bool(d.root, "t", &flag, &e), EB_E_FORMAT, "'t' is not true or false",
		   e);
	CHECK_OK(yml_opt_list(d.root, "missing", &list, &e), e);
	CHECK(!list);
	CHECK_FAIL(yml_opt_map(d.root, "l", &list, &e), EB_E_FORMAT, "expected a map", e);
}

TEST(node, write_keeps_what_was_written)
{
	EB_AUTOBUF(out, 10000);
	DOC(d, "z: yes\nb: 0777\na: '0777'\nf: 1.0\nq: \"true\"\nt: 2026-01-31\nn:\nw: a word\n"
	       "p: ~\nc: 'x: y'\nl: [1, [2], {k: v}, [], {}]\nm: |\n  one\n  two\nu: "
	       "\"\\u2028\xc3\xa4\"\n");

	yml_write(d.root, &out);
	CHECK_STR(eb_buf_str(&out), "a: \"0777\"\nb: 0777\nc: \"x: y\"\nf: 1.0\nl:\n  - 1\n  -\n"
				    "    - 2\n  -\n    k: v\n  - []\n  - {}\nm: \"one\\ntwo\\n\"\n"
				    "n: null\np: ~\nq: \"true\"\nt: 2026-01-31\n"
				    "u: \"\\u2028\xc3\xa4\"\nw: \"a word\"\nz: yes\n");
}

TEST(node, write_then_parse_is_the_same)
{
	EB_AUTOBUF(first, 10000);
	EB_AUTOBUF(second, 10000);
	DOC(d, "a: [x, {b: 'it''s', c: \"\\t\\x01\\\\\"}, '', ' ', '#', '- a', '? b', '*c', '&d', "
	       "'!e',"
	       " '@f', '`g', '%h', 'k: ', '0x1', 'NULL', 'On', '~', '=', '<<', '1_000', '12e03', "
	       "'2026-01-31', '1:30', '...', '---']\n'<<': 1\n'': 2\n'y': 3\n");

	yml_write(d.root, &first);
	EB_CLEANUP(doc_release_p) struct doc again = { .arena = eb_arena_new() };
	CHECK_OK(yml_parse("g", first.data, first.len, NULL, again.arena, &again.root, &e), e);
	yml_write(again.root, &second);
	CHECK_STR(eb_buf_str(&second), eb_buf_str(&first));
	CHECK_INT(yml_get(again.root, "a")->n, yml_get(d.root, "a")->n);
	for (size_t i = 0; i < yml_get(d.root, "a")->n; i++) {
		const struct yml_node *x = yml_get(d.root, "a")->items[i];
		const struct yml_node *y = yml_get(again.root, "a")->items[i];

		CHECK_INT(x->kind, y->kind);
		if (x->kind != YML_SCALAR)
			continue;
		CHECK_STR(y->text, x->text);
		CHECK_INT(yml_type(y), yml_type(x));
	}
}
