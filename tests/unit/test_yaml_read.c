#include "render/yaml_read.h"

#include "base/json.h"
#include "testlib.h"

static char *read_as_json(const char *text)
{
	struct eb_error *e = NULL;
	autojson json_t *j = NULL;

	CHECK_OK(rnd_yaml_read("v.yaml", text, strlen(text), NULL, &j, &e), e);
	return eb_json_canonical(j, NULL);
}

#define CHECK_READS(text, want)                                                                    \
	do {                                                                                       \
		autofree char *read_ = read_as_json(text);                                         \
		CHECK_STR(read_, want);                                                            \
	} while (0)

static void check_refused(const char *text, int code, const char *part)
{
	struct eb_error *e = NULL;
	json_t *j = NULL;
	int r = rnd_yaml_read("v.yaml", text, strlen(text), NULL, &j, &e);

	CHECK_INT(r, -code);
	CHECK_HAS(e->message, part);
	CHECK(j == NULL);
	eb_error_clear(&e);
}

TEST(yaml_read, scalars_are_what_helm_takes_them_for)
{
	CHECK_READS("a: yes\nb: 'yes'\nc: off\nd: ~\ne:\nf: text",
		    "{\"a\":true,\"b\":\"yes\",\"c\":false,\"d\":null,\"e\":null,\"f\":\"text\"}");
	CHECK_READS("a: 0x1F\nb: 017\nc: 1_000\nd: 0o17\ne: 0b11\nf: -0x10",
		    "{\"a\":31,\"b\":15,\"c\":1000,\"d\":15,\"e\":3,\"f\":-16}");
	CHECK_READS("a: 1e3\nb: 1.5\nc: .5\nd: 1.2.3\ne: 2024-01-02\nf: 12:30",
		    "{\"a\":1000,\"b\":1.5,\"c\":0.5,\"d\":\"1.2.3\",\"e\":\"2024-01-02\","
		    "\"f\":\"12:30\"}");
	CHECK_READS("a: 10Gi\nb: 100m\nc: +5\nd: '08'\n",
		    "{\"a\":\"10Gi\",\"b\":\"100m\",\"c\":5,\"d\":\"08\"}");
}

TEST(yaml_read, empty_file_is_empty_object)
{
	CHECK_READS("", "{}");
	CHECK_READS("# nothing\n", "{}");
	CHECK_READS("---\n", "{}");
	CHECK_READS("{}", "{}");
}

TEST(yaml_read, anchors_and_merge_keys_are_copied)
{
	CHECK_READS("a: &x {p: 1, q: 2}\nb: *x\nc: {<<: *x, q: 3}",
		    "{\"a\":{\"p\":1,\"q\":2},\"b\":{\"p\":1,\"q\":2},\"c\":{\"p\":1,\"q\":3}}");
	check_refused("a: *nothing", EB_E_FORMAT, "v.yaml:1:4: an alias ('*') has no anchor");
	check_refused("a: &x [*x]", EB_E_FORMAT, "no anchor before it");
	check_refused("a: {<<: 5}", EB_E_FORMAT, "'<<' takes an alias");
}

TEST(yaml_read, anchor_bomb_is_refused)
{
	check_refused(
		"a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
		"c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
		"e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]",
		EB_E_LIMIT, "more than 100000 values");
}

TEST(yaml_read, depth_is_limited)
{
	char text[2 * 60 + 4] = "a: ";
	size_t n = 3;

	while (n < 63)
		text[n++] = '[';
	while (n < 123)
		text[n++] = ']';
	text[n] = '\0';
	check_refused(text, EB_E_LIMIT, "nested more than 48 deep");
}

TEST(yaml_read, mistakes_are_named_with_their_place)
{
	check_refused("a: 1\nb: 2\na: 3\n", EB_E_FORMAT, "v.yaml:3:1: key 'a' is given twice");
	check_refused("- a\n", EB_E_FORMAT,
		      "v.yaml:1:1: expected keys with values, found an array");
	check_refused("a: 1\n---\nb: 2\n", EB_E_FORMAT, "v.yaml:2:1: a second document");
	check_refused("a: !!str 1\n", EB_E_FORMAT, "v.yaml:1:4: a tag ('!'): tags are not allowed");
	check_refused("a: .inf\n", EB_E_FORMAT, "v.yaml:1:4: this is no number that can be used");
	check_refused("a: [1\n", EB_E_FORMAT, "not YAML");
	check_refused("a: \"\\0\"\n", EB_E_FORMAT, "NUL");
	check_refused("a: b\xff\n", EB_E_FORMAT, "not UTF-8");
	check_refused("[a]: b\n", EB_E_FORMAT, "a key must be a word");
}

TEST(yaml_read, places_are_noted)
{
	static const char text[] = "a:\n  b:\n  - x: 1\n  \"p.q\": 2\n";
	autojson json_t *places = eb_json_object(), *j = NULL;
	struct eb_error *e = NULL;

	CHECK_OK(rnd_yaml_read("v.yaml", text, strlen(text), places, &j, &e), e);
	CHECK_STR(eb_json_text(places, "a"), "v.yaml:1:1");
	CHECK_STR(eb_json_text(places, "a.b[0].x"), "v.yaml:3:5");
	CHECK_STR(eb_json_text(places, "a[\"p.q\"]"), "v.yaml:4:3");
}

TEST(yaml_read, special_words_are_known)
{
	CHECK(rnd_yaml_is_special("yes"));
	CHECK(rnd_yaml_is_special("1e3"));
	CHECK(rnd_yaml_is_special("0x10"));
	CHECK(rnd_yaml_is_special("12:30"));
	CHECK(rnd_yaml_is_special("2024-01-02"));
	CHECK(rnd_yaml_is_special("<<"));
	CHECK(rnd_yaml_is_special("1."));
	CHECK(!rnd_yaml_is_special("yess"));
	CHECK(!rnd_yaml_is_special("10Gi"));
	CHECK(!rnd_yaml_is_special("v1.2"));
}
