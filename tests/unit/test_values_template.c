#include "render/values_template.h"

#include "base/json.h"
#include "testlib.h"

static json_t *parse(const char *text)
{
	struct eb_error *e = NULL;
	json_t *j = NULL;

	CHECK_OK(eb_json_parse(text, strlen(text), 100000, &j, &e), e);
	return j;
}

static int eval(const char *values, const char *text, char **ret, struct eb_error **err)
{
	autojson json_t *v = parse(values);
	const struct rnd_template t = { .values = v, .release = "rel", .namespace_ = "ns" };

	return rnd_template_text(&t, text, ret, err);
}

static void check(const char *values, const char *text, const char *want)
{
	struct eb_error *e = NULL;
	autofree char *got = NULL;

	CHECK_OK(eval(values, text, &got, &e), e);
	CHECK_STR(got, want);
}

TEST(values_template, expressions_are_evaluated)
{
	check("{}", "no template", "no template");
	check("{}", "{{ .Release.Name }}-{{$.Release.Namespace}}", "rel-ns");
	check("{\"a\":{\"b\":\"x\"},\"n\":8008,\"t\":true}",
	      "{{ $.Values.a.b }}.{{.Values.n}}.{{ .Values.t }}", "x.8008.true");
	check("{\"a\":\"x\\\"y\"}", "{{ .Values.a | quote }}{{ quote .Values.a }}",
	      "\"x\\\"y\"\"x\\\"y\"");
	check("{}", "a {{- .Release.Name -}} b", "arelb");
	check("{}", "a{{/* a comment */}}b{{- /* another */ -}} c", "abc");
	check("{}", "{{ \"{{\" }}{{ `}}` }}", "{{}}");
	check("{\"a\":null}", "<{{ .Values.a }}>", "<>");
	check("{\"a\":\"{{ .Values.b }}!\",\"b\":\"{{ .Release.Name }}\"}", "{{ .Values.a }}",
	      "rel!");
}

TEST(values_template, everything_else_is_refused)
{
	static const char *const bad[] = { "{{ lookup \"v1\" }}",
					   "{{ .Values.none }}",
					   "{{ .Values.a }}",
					   "{{ include \"x\" . }}",
					   "{{ .Release.Name | upper }}",
					   "{{ .Release.Name extra }}",
					   "{{ }}",
					   "{{ quote }}",
					   "{{ .Chart.Name }}",
					   "{{ .Release.Name",
					   "{{ if true }}x{{ end }}",
					   "{{ \"open }}",
					   "{{ .Values.x | }}" };

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++) {
		struct eb_error *e = NULL;
		char *got = NULL;

		CHECK_INT(eval("{\"a\":{},\"x\":1}", bad[i], &got, &e), -EB_E_FORMAT);
		CHECK_HAS(e->message, "template");
		eb_error_clear(&e);
		CHECK(got == NULL);
	}
}

TEST(values_template, loops_and_growth_end)
{
	struct eb_error *e = NULL;
	EB_AUTOBUF(text, 100000);
	char *got = NULL;
	int r;

	CHECK_FAIL(eval("{\"a\":\"{{ .Values.b }}\",\"b\":\"{{ .Values.a }}\"}", "{{ .Values.a }}",
			&got, &e),
		   EB_E_FORMAT, "in a circle", e);
	for (int i = 0; i < 5; i++) {
		eb_buf_addf(&text, "%s\"v%d\":\"", i ? "," : "{", i);
		for (int k = 0; k < 50; k++)
			eb_buf_addf(&text, "{{ .Values.v%d }}", i + 1);
		eb_buf_adds(&text, "\"");
	}
	eb_buf_adds(&text, ",\"v5\":\"x\"}");
	r = eval(eb_buf_str(&text), "{{ .Values.v0 }}", &got, &e);
	CHECK(r < 0);
	CHECK_HAS(e->message, "too many others");
	eb_error_clear(&e);
}

TEST(values_template, only_what_the_schema_calls_a_template_is_one)
{
	autojson json_t *schema = parse("{\"properties\":{\"host\":{\"type\":\"string\",\"x-"
					"templated\":true},\"raw\":{\"type\":"
					"\"string\"},\"vols\":{\"type\":\"array\",\"x-templated\":"
					"true,\"items\":{\"type\":\"object\"}}}}");
	autojson json_t *values = parse(
		"{\"host\":\"{{ .Release.Name }}.x\",\"raw\":\"{{ raw }}\","
		"\"vols\":[{\"deep\":{\"name\":\"{{ .Release.Namespace }}\"}}]}");
	struct eb_error *e = NULL;
	autofree char *text = NULL;

	CHECK_OK(rnd_template_values(schema, values, NULL, "rel", "ns", &e), e);
	text = eb_json_canonical(values, NULL);
	CHECK_STR(text, "{\"host\":\"rel.x\",\"raw\":\"{{ raw "
			"}}\",\"vols\":[{\"deep\":{\"name\":\"ns\"}}]}");
}

TEST(values_template, mistake_is_told_with_its_place)
{
	autojson json_t *schema = parse("{\"properties\":{\"host\":{\"x-templated\":true}}}");
	autojson json_t *values = parse("{\"host\":\"{{ upper }}\"}");
	autojson json_t *places = parse("{\"host\":\"v.yaml:3:1\"}");
	struct eb_error *e = NULL;

	CHECK_FAIL(rnd_template_values(schema, values, places, "rel", "ns", &e), EB_E_FORMAT,
		   "v.yaml:3:1: host: template '{{ upper }}': is not understood", e);
}
