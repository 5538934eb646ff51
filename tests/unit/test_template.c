#include "template/template.h"
#include "testlib.h"
#include "yaml/node.h"

static int twice(const struct tpl_call *c, struct tpl_value *ret, struct eb_error **err)
{
	const char *text;
	int r = tpl_text(&c->args[0], c->arena, &text, err);

	if (r >= 0)
		*ret = tpl_string(eb_arena_printf(c->arena, "%s%s", text, text));
	return r;
}

static const struct tpl_function functions[] = { { "twice", 1, 1, twice }, { NULL, 0, 0, NULL } };
static const char doc[] = "name: ess\nport: 8008\nratio: 1.50\non: true\nnone: null\nempty: []\n"
			  "list: [a, b, c]\nmap: {z: 1, a: {deep: down}}\ntext: 'it''s \"x\"'\n";

static int run(const char *text, struct eb_buf *out, struct eb_error **err)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *a = eb_arena_new();
	struct tpl_options o = { .name = "T", .functions = functions };
	struct yml_node *root = NULL;
	struct eb_error *e = NULL;

	CHECK_OK(yml_parse("doc", doc, strlen(doc), NULL, a, &root, &e), e);
	o.dot = root;
	return tpl_run(text, &o, out, err);
}

TEST(template, run_gives_what_go_gives)
{
	static const char *const cases[][2] = {
		{ "plain", "plain" },
		{ "a {{ .name }} b", "a ess b" },
		{ "{{.port}} {{.ratio}} {{.on}}", "8008 1.50 true" },
		{ "{{ .map.a.deep }}", "down" },
		{ "{{ $.name }}{{ $x := .port }}{{ $x }}", "ess8008" },
		{ "{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2" },
		{ "{{ \"a\\tb\\u00e4\\x21\" }}{{ `c\\n` }}", "a\tb\xc3\xa4!c\\n" },
		{ "{{ twice \"ab\" }}", "abab" },
		{ "{{ .name | twice | twice }}", "essessessess" },
		{ "{{ (twice .name) | printf \"%s-%d-%q%%\" .name 7 }}", "ess-7-\"essess\"%" },
		{ "x {{- .name -}} y", "xessy" },
		{ "x {{- /* no\nmore */ -}} y", "xy" },
		{ "{{if .on}}1{{else}}2{{end}}", "1" },
		{ "{{if .none}}1{{else if .empty}}2{{else}}3{{end}}", "3" },
		{ "{{if not .missing}}1{{end}}", "1" },
		{ "{{with .map}}{{.z}}{{end}}", "1" },
		{ "{{with .none}}a{{else}}b{{end}}", "b" },
		{ "{{range .list}}<{{.}}>{{end}}", "<a><b><c>" },
		{ "{{range $i, $v := .list}}{{$i}}{{$v}}{{end}}", "0a1b2c" },
		{ "{{range $k, $v := .map}}{{$k}}{{end}}", "az" },
		{ "{{range .empty}}x{{else}}none{{end}}", "none" },
		{ "{{index .list 1}}{{index .map \"z\"}}{{len .list}}{{len .name}}", "b133" },
		{ "{{eq .port 8008}}{{ne .name \"ess\"}}{{lt 1 2}}{{ge 1.5 2}}",
		  "truefalsetruefalse" },
		{ "{{and .on .name}}{{or .none .port}}", "ess8008" },
		{ "{{eq .name \"a\" \"ess\"}}", "true" },
		{ "{{print 1 2 \"a\" 3}}", "1 2a3" },
		{ "{{urlquery \"a b/\xc3\xa4\"}}", "a+b%2F%C3%A4" },
		{ "{{-3}} {{+4}}", "-3 4" },
		{ "{{ (index .map \"a\").deep }}", "down" },
		{ "{ {.name}} }}", "{ {.name}} }}" },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(cases); i++) {
		EB_AUTOBUF(out, 10000);
		struct eb_error *e = NULL;

		CHECK_OK(run(cases[i][0], &out, &e), e);
		CHECK_STR(eb_buf_str(&out), cases[i][1]);
	}
}

TEST(template, run_refuses_with_place)
{
	static const struct {
		const char *text, *message;
		int code;
	} cases[] = {
		{ "a\n{{ .name", "T:2: an action does not end", EB_E_FORMAT },
		{ "{{ nosuch 1 }}", "T:1: there is no function 'nosuch'", EB_E_FORMAT },
		{ "{{ .missing }}", "T:1: a value that is not there cannot be printed",
		  EB_E_FORMAT },
		{ "{{ .missing.more }}", "nothing is there to have field 'more'", EB_E_FORMAT },
		{ "{{ .name.more }}", "what is no map has no field 'more'", EB_E_FORMAT },
		{ "{{ .list }}", "a list cannot be printed", EB_E_FORMAT },
		{ "{{ $y }}", "there is no variable 'y'", EB_E_FORMAT },
		{ "{{ if .on }}", "found the end, expected {{else}} or {{end}}", EB_E_FORMAT },
		{ "{{ end }}", "without its begin", EB_E_FORMAT },
		{ "{{ twice }}", "'twice' got 0 arguments, expected 1", EB_E_FORMAT },
		{ "{{ .name .port }}", "expected a function in front", EB_E_FORMAT },
		{ "{{ .name | .port }}", "a function behind '|'", EB_E_FORMAT },
		{ "{{ \"a }}", "a quoted text does not end", EB_E_FORMAT },
		{ "{{ \"\\q\" }}", "escape '\\q'", EB_E_FORMAT },
		{ "{{ 'a' }}", "character '''", EB_E_FORMAT },
		{ "{{ (.name }}", "expected ')'", EB_E_FORMAT },
		{ "{{ template \"x\" }}", "'template' is not supported", EB_E_UNSUPPORTED },
		{ "{{/* x }}", "a comment does not end", EB_E_FORMAT },
		{ "{{ lt 1 \"a\" }}", "two kinds", EB_E_FORMAT },
		{ "{{ index .list 9 }}", "argument 1 leads nowhere", EB_E_FORMAT },
		{ "{{ printf \"%d\" .name }}", "%d does not fit", EB_E_FORMAT },
		{ "{{ printf \"%s\" }}", "fewer arguments", EB_E_FORMAT },
		{ "{{ range .name }}{{end}}", "range wants a list or a map", EB_E_FORMAT },
		{ "{{ }}", "found }}, expected a value", EB_E_FORMAT },
		{ "{{ else }}", "without its begin", EB_E_FORMAT },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(cases); i++) {
		EB_AUTOBUF(out, 10000);
		struct eb_error *e = NULL;

		CHECK_FAIL(run(cases[i].text, &out, &e), cases[i].code, cases[i].message, e);
	}
}

TEST(template, run_stops_at_limits)
{
	struct eb_error *e = NULL;
	EB_AUTOBUF(out, 10 * 1024 * 1024);
	EB_AUTOBUF(deep, 100000);
	EB_AUTOBUF(wide, 100000);

	for (int i = 0; i < 100; i++)
		eb_buf_adds(&deep, "{{if true}}");
	CHECK_FAIL(run(eb_buf_str(&deep), &out, &e), EB_E_LIMIT, "nested too deep", e);
	eb_buf_clear(&deep);
	eb_buf_adds(&deep, "{{");
	for (int i = 0; i < 100; i++)
		eb_buf_adds(&deep, "(");
	CHECK_FAIL(run(eb_buf_str(&deep), &out, &e), EB_E_FORMAT, "does not end", e);
	eb_buf_adds(&deep, "}}");
	CHECK_FAIL(run(eb_buf_str(&deep), &out, &e), EB_E_LIMIT, "nested too deep", e);
	for (int i = 0; i < 20; i++)
		eb_buf_adds(&wide, "{{range $.list}}");
	eb_buf_adds(&wide, "x");
	for (int i = 0; i < 20; i++)
		eb_buf_adds(&wide, "{{end}}");
	CHECK_FAIL(run(eb_buf_str(&wide), &out, &e), EB_E_LIMIT, "it takes too many steps", e);
}

TEST(template, quote_is_gos)
{
	static const char *const cases[][2] = {
		{ "", "\"\"" },
		{ "a\"b\\c\n\t", "\"a\\\"b\\\\c\\n\\t\"" },
		{ "\x01\x7f\xc3\xa4\xff", "\"\\x01\\x7f\xc3\xa4\\xff\"" },
		{ "\xc2\x85\xe2\x80\xa8\xef\xbb\xbf", "\"\\u0085\\u2028\\ufeff\"" },
		{ "$1 ${x}", "\"$1 ${x}\"" },
		{ "\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\"" },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(cases); i++) {
		EB_AUTOBUF(out, 1000);

		tpl_quote(cases[i][0], &out);
		CHECK_STR(eb_buf_str(&out), cases[i][1]);
	}
}
