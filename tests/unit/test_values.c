#include "render/values.h"

#include "base/json.h"
#include "render/path.h"
#include "testlib.h"

static void add(struct rnd_values *v, const char *file, const char *text)
{
	struct eb_error *e = NULL;

	CHECK_OK(rnd_values_add(v, file, text, strlen(text), &e), e);
}

static void set(struct rnd_values *v, const char *expression)
{
	struct eb_error *e = NULL;

	CHECK_OK(rnd_values_set(v, expression, RND_SET_TYPED, &e), e);
}

static void check_tree(const struct rnd_values *v, const char *want)
{
	autofree char *text = eb_json_canonical(v->tree, NULL);

	CHECK_STR(text, want);
}

TEST(values, later_files_win_key_by_key)
{
	EB_CLEANUP(rnd_values_release_p) struct rnd_values v = { .tree = NULL };

	rnd_values_init(&v);
	add(&v, "one", "a: {x: 1, y: 2}\nl: [1, 2]\n");
	add(&v, "two", "a: {y: 3, z: 4}\nl: [9]\nn: {k: null}\n");
	check_tree(&v, "{\"a\":{\"x\":1,\"y\":3,\"z\":4},\"l\":[9],\"n\":{\"k\":null}}");
	CHECK_STR(rnd_path_place(v.places, "a.x"), "one:1:5");
	CHECK_STR(rnd_path_place(v.places, "a.y"), "two:1:5");
}

TEST(values, null_replaces_what_was_there)
{
	EB_CLEANUP(rnd_values_release_p) struct rnd_values v = { .tree = NULL };

	rnd_values_init(&v);
	add(&v, "one", "a: {x: 1}\n");
	add(&v, "two", "a: null\n");
	check_tree(&v, "{\"a\":null}");
}

TEST(values, set_takes_what_helm_takes)
{
	EB_CLEANUP(rnd_values_release_p) struct rnd_values v = { .tree = NULL };

	rnd_values_init(&v);
	set(&v, "a.b=1,a.c=true,d=text");
	set(&v, "l[1].x=0,l[0]=first,l[1].y=007");
	set(&v, "n=null,e=,w={p,2,q r},none={}");
	set(&v, "k\\.x=y\\,z");
	check_tree(&v, "{\"a\":{\"b\":1,\"c\":true},\"d\":\"text\",\"e\":\"\",\"k.x\":\"y,z\","
		       "\"l\":[\"first\",{\"x\":0,\"y\":\"007\"}],\"n\":null,\"none\":[],"
		       "\"w\":[\"p\",2,\"q r\"]}");
	CHECK_STR(rnd_path_place(v.places, "a.b"), "--set");
}

TEST(values, set_string_keeps_text)
{
	EB_CLEANUP(rnd_values_release_p) struct rnd_values v = { .tree = NULL };
	struct eb_error *e = NULL;

	rnd_values_init(&v);
	CHECK_OK(rnd_values_set(&v, "a=1,b=true,c={1}", RND_SET_STRING, &e), e);
	CHECK_OK(rnd_values_set_text(&v, "d.e[0]", "x=1,\ny", &e), e);
	check_tree(&v, "{\"a\":\"1\",\"b\":\"true\",\"c\":[\"1\"],\"d\":{\"e\":[\"x=1,\\ny\"]}}");
}

TEST(values, set_replaces_what_has_another_shape)
{
	EB_CLEANUP(rnd_values_release_p) struct rnd_values v = { .tree = NULL };

	rnd_values_init(&v);
	add(&v, "one", "a: 5\nb: {c: 1}\n");
	set(&v, "a.x=1,b=2");
	check_tree(&v, "{\"a\":{\"x\":1},\"b\":2}");
}

TEST(values, malformed_settings_are_refused)
{
	static const char *const bad[] = { "a",	   "=1",       "a.=1",	    "a[x]=1", "a[0=1",
					   "a={1", "a={1}x=2", "a[1001]=1", ".a=1" };
	EB_CLEANUP(rnd_values_release_p) struct rnd_values v = { .tree = NULL };
	struct eb_error *e = NULL;

	rnd_values_init(&v);
	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++)
		CHECK_FAIL(rnd_values_set(&v, bad[i], RND_SET_TYPED, &e), EB_E_USAGE,
			   ", at character ", e);
	CHECK_FAIL(rnd_values_set(&v, "a\xca=1", RND_SET_TYPED, &e), EB_E_USAGE, "not UTF-8", e);
	CHECK_FAIL(rnd_values_set_text(&v, "a", "\xff", &e), EB_E_USAGE, "not UTF-8", e);
	CHECK_FAIL(rnd_values_set_text(&v, "a,b", "x", &e), EB_E_USAGE, "end of the key", e);
}

TEST(values, malformed_settings_are_named_without_their_values)
{
	static const char *const bad[] = { "a={s3cret", "a={1}s3cret", "a=1,b[x]=s3cret",
					   "a=x,=s3cret", "a=s3,s3cret" };
	EB_CLEANUP(rnd_values_release_p) struct rnd_values v = { .tree = NULL };
	struct eb_error *e = NULL;

	rnd_values_init(&v);
	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++) {
		CHECK_INT(rnd_values_set(&v, bad[i], RND_SET_TYPED, &e), -EB_E_USAGE);
		CHECK(e && !strstr(e->message, "s3"));
		CHECK_HAS(e ? e->message : "", "setting 'a', at character ");
		eb_error_clear(&e);
	}
	CHECK_FAIL(rnd_values_set_text(&v, "a,b", "x", &e), EB_E_USAGE, "setting 'a,b', at", e);
}

TEST(values, broken_file_changes_nothing)
{
	EB_CLEANUP(rnd_values_release_p) struct rnd_values v = { .tree = NULL };
	struct eb_error *e = NULL;

	rnd_values_init(&v);
	add(&v, "one", "a: 1\n");
	CHECK_FAIL(rnd_values_add(&v, "two", "a: [", 4, &e), EB_E_FORMAT, "two:2:1", e);
	check_tree(&v, "{\"a\":1}");
}
