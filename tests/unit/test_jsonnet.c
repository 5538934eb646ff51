#include "render/jsonnet.h"

#include "base/json.h"
#include "render/fileset.h"
#include "testlib.h"

struct program {
	struct rnd_fileset files;
	json_t *ctx, *result;
	char *path;
};

static void program_release(struct program *p)
{
	rnd_fileset_release(&p->files);
	json_decref(p->ctx);
	json_decref(p->result);
	free(p->path);
}
EB_DEFINE_RELEASE(struct program, program_release)

static void add(struct program *p, const char *name, const char *text)
{
	struct eb_error *e = NULL;

	CHECK_OK(rnd_fileset_add(&p->files, name, text, strlen(text), &e), e);
}

static int eval(struct program *p, const char *main, const struct rnd_jsonnet_limits *lim,
		struct eb_error **err)
{
	add(p, "main.jsonnet", main);
	CHECK_OK(rnd_fileset_sort(&p->files, err), *err);
	if (!p->ctx)
		p->ctx = eb_json_object();
	return rnd_jsonnet_eval(&p->files, "main.jsonnet", p->ctx, lim, &p->result, &p->path, err);
}

TEST(jsonnet, function_gets_the_context)
{
	EB_CLEANUP(program_release_p) struct program p = { .ctx = eb_json_object() };
	struct eb_error *e = NULL;
	autofree char *text = NULL;

	eb_json_set_str(p.ctx, "a", "x\"y\n\xc3\xa9");
	CHECK_OK(eval(&p, "function(ctx) [ctx.a, std.length(ctx.a)]", NULL, &e), e);
	text = eb_json_canonical(p.result, NULL);
	CHECK_STR(text, "[\"x\\\"y\\n\xc3\xa9\",5]");
}

TEST(jsonnet, imports_come_from_the_set)
{
	EB_CLEANUP(program_release_p) struct program p = { .ctx = NULL };
	struct eb_error *e = NULL;

	add(&p, "lib/a.libsonnet", "import 'b.libsonnet'");
	add(&p, "lib/b.libsonnet", "[import '../c.libsonnet', importstr 'c.libsonnet']");
	add(&p, "c.libsonnet", "7");
	CHECK_OK(eval(&p, "function(ctx) import 'lib/a.libsonnet'", NULL, &e), e);
	CHECK_INT(json_integer_value(json_array_get(p.result, 0)), 7);
	CHECK_STR(json_string_value(json_array_get(p.result, 1)), "7");
}

TEST(jsonnet, imports_from_the_disk_are_refused)
{
	static const char *const bad[] = { "function(ctx) importstr '/etc/passwd'",
					   "function(ctx) importstr '../etc/passwd'",
					   "function(ctx) importstr 'a/../../etc/passwd'" };

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++) {
		EB_CLEANUP(program_release_p) struct program p = { .ctx = NULL };
		struct eb_error *e = NULL;

		CHECK_FAIL(eval(&p, bad[i], NULL, &e), EB_E_FORMAT, "the library has no such file",
			   e);
	}
}

TEST(jsonnet, sha256_is_there)
{
	EB_CLEANUP(program_release_p) struct program p = { .ctx = NULL };
	struct eb_error *e = NULL;

	CHECK_OK(eval(&p, "function(ctx) [std.native('sha256')('abc')]", NULL, &e), e);
	CHECK_STR(json_string_value(json_array_get(p.result, 0)),
		  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(jsonnet, error_about_values_names_the_path)
{
	EB_CLEANUP(program_release_p) struct program p = { .ctx = NULL };
	struct eb_error *e = NULL;
	int r = eval(&p, "function(ctx) error 'values: a.b[0]: is missing: really'", NULL, &e);

	CHECK_INT(r, -EB_E_FORMAT);
	CHECK_STR(e->message, "a.b[0]: is missing: really");
	CHECK_STR(p.path, "a.b[0]");
	eb_error_clear(&e);
}

TEST(jsonnet, other_errors_name_the_place)
{
	EB_CLEANUP(program_release_p) struct program p = { .ctx = NULL };
	struct eb_error *e = NULL;

	CHECK_FAIL(eval(&p, "function(ctx)\n  ctx.nothing", NULL, &e), EB_E_FORMAT,
		   "main.jsonnet:2:3", e);
	CHECK(p.path == NULL);
}

TEST(jsonnet, endless_program_is_stopped)
{
	static const struct rnd_jsonnet_limits lim = { 500, 1, 256 * 1024 * 1024, 1000 };
	EB_CLEANUP(program_release_p) struct program p = { .ctx = NULL };
	struct eb_error *e = NULL;

	CHECK_FAIL(
		eval(&p,
		     "function(ctx) [std.length(std.filter(function(i) std.length(std.range(1, i)) "
		     "== 0, std.range(1, 100000)))]",
		     &lim, &e),
		EB_E_LIMIT, "more than 1 seconds", e);
}

TEST(jsonnet, deep_recursion_is_stopped)
{
	EB_CLEANUP(program_release_p) struct program p = { .ctx = NULL };
	struct eb_error *e = NULL;

	CHECK_FAIL(eval(&p, "local f(x) = 1 + f(x + 1); function(ctx) [f(0)]", NULL, &e),
		   EB_E_FORMAT, "stack", e);
}

TEST(jsonnet, large_result_is_refused)
{
	static const struct rnd_jsonnet_limits lim = { 500, 10, 256 * 1024 * 1024, 1000 };
	EB_CLEANUP(program_release_p) struct program p = { .ctx = NULL };
	struct eb_error *e = NULL;

	CHECK_FAIL(eval(&p, "function(ctx) std.range(1, 1000)", &lim, &e), EB_E_LIMIT, "result", e);
}

TEST(jsonnet, missing_program_is_not_found)
{
	EB_CLEANUP(program_release_p) struct program p = { .ctx = eb_json_object() };
	struct eb_error *e = NULL;

	CHECK_FAIL(rnd_jsonnet_eval(&p.files, "none", p.ctx, NULL, &p.result, &p.path, &e),
		   EB_E_NOT_FOUND, "no file 'none'", e);
}
