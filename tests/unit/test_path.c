#include "render/path.h"

#include "base/json.h"
#include "testlib.h"

TEST(path, steps_are_written_and_read_back)
{
	EB_AUTOBUF(b, 1000);
	const char *at;
	char *key = NULL;
	size_t i = 0;

	rnd_path_key(&b, "a-b");
	rnd_path_index(&b, 12);
	rnd_path_key(&b, "x.y\"z");
	CHECK_STR(eb_buf_str(&b), "a-b[12][\"x.y\\\"z\"]");
	at = eb_buf_str(&b);
	CHECK(rnd_path_step(&at, &key, &i));
	CHECK_STR(key, "a-b");
	free(key);
	CHECK(rnd_path_step(&at, &key, &i));
	CHECK(key == NULL);
	CHECK_INT(i, 12);
	CHECK(rnd_path_step(&at, &key, &i));
	CHECK_STR(key, "x.y\"z");
	free(key);
	CHECK_STR(at, "");
	CHECK(!rnd_path_step(&at, &key, &i));
	rnd_path_cut(&b, 3);
	CHECK_STR(eb_buf_str(&b), "a-b");
}

TEST(path, malformed_paths_have_no_step)
{
	static const char *const bad[] = { "[x]", "[1", "[\"a", "..", ".", "[" };

	for (size_t k = 0; k < EB_ARRAY_LEN(bad); k++) {
		const char *at = bad[k];
		char *key = NULL;
		size_t i;

		CHECK(!rnd_path_step(&at, &key, &i));
		CHECK(key == NULL);
	}
}

TEST(path, get_follows_keys_and_indexes)
{
	struct eb_error *e = NULL;
	autojson json_t *j = NULL;
	static const char text[] = "{\"a\":[{\"b\":5}]}";

	CHECK_OK(eb_json_parse(text, strlen(text), 100, &j, &e), e);
	CHECK_INT(json_integer_value(rnd_path_get(j, "a[0].b")), 5);
	CHECK(rnd_path_get(j, "a[1].b") == NULL);
	CHECK(rnd_path_get(j, "a.b") == NULL);
	CHECK(rnd_path_get(j, "") == j);
}

TEST(path, place_is_that_of_what_holds_it)
{
	autojson json_t *places = eb_json_object();

	eb_json_set_str(places, "a.b", "f:2:3");
	CHECK_STR(rnd_path_place(places, "a.b.c[3].d"), "f:2:3");
	CHECK_STR(rnd_path_place(places, "a.b[0]"), "f:2:3");
	CHECK(rnd_path_place(places, "a.bc") == NULL);
	CHECK(rnd_path_place(places, "a") == NULL);
}
