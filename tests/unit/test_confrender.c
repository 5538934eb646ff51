#include "template/confrender.h"
#include "testlib.h"

/* Files and variables as name, value pairs. */
struct world {
	const char *const (*files)[2];
	const char *const (*env)[2];
};

static const char *find(const char *const (*list)[2], const char *name)
{
	for (; list && (*list)[0]; list++)
		if (strcmp((*list)[0], name) == 0)
			return (*list)[1];
	return NULL;
}

static const char *env(void *ctx, const char *name)
{
	return find(((struct world *)ctx)->env, name);
}

static int read_(void *ctx, const char *path, struct eb_buf *out, struct eb_error **err)
{
	const char *text = find(((struct world *)ctx)->files, path);

	if (!text)
		return eb_throw(err, 2, "open '%s'", path);
	eb_buf_adds(out, text);
	return 0;
}

static int render(const char *const (*files)[2], const char *const (*vars)[2],
		  const char *const *overwrite, struct eb_buf *out, struct eb_error **err)
{
	static const char *const names[] = { "a", "b", "c" };
	struct world w = { files, vars };
	const char *list[4] = { NULL };
	struct tpl_config c = { .files = list,
				.overwrite = overwrite,
				.ctx = &w,
				.env = env,
				.read = read_,
				.hostname = "pod-0" };

	for (size_t i = 0; i < 3 && find(files, names[i]); i++)
		list[i] = names[i];
	return tpl_render_config(&c, out, err);
}

TEST(confrender, merges_maps_adds_lists_and_lets_later_win)
{
	static const char *const files[][2] = {
		{ "a", "m: {x: 1, y: {p: 1}}\nl: [1, 2]\ns: old\nk: [1]\nt: {a: b}\n" },
		{ "b", "# nothing\n" },
		{ "c", "m: {y: {q: 2}, z: 3}\nl: [3]\ns: new\nk: text\nt: null\nn: yes\n" },
		{ NULL, NULL }
	};
	EB_AUTOBUF(out, 10000);
	struct eb_error *e = NULL;

	CHECK_OK(render(files, NULL, NULL, &out, &e), e);
	CHECK_STR(eb_buf_str(&out), "k: text\nl:\n  - 1\n  - 2\n  - 3\nm:\n  x: 1\n  y:\n    p: 1\n"
				    "    q: 2\n  z: 3\nn: yes\ns: new\nt: null\n");
}

TEST(confrender, overwrite_keys_count_at_the_top_level)
{
	static const char *const files[][2] = { { "a", "l: [1]\nm: {l: [1]}\n" },
						{ "b", "l: [2]\nm: {l: [2]}\n" },
						{ NULL, NULL } };
	static const char *const keys[] = { "l", NULL };
	EB_AUTOBUF(out, 10000);
	struct eb_error *e = NULL;

	CHECK_OK(render(files, NULL, keys, &out, &e), e);
	CHECK_STR(eb_buf_str(&out), "l:\n  - 2\nm:\n  l:\n    - 1\n    - 2\n");
}

TEST(confrender, substitutes_values_as_they_are)
{
	static const char *const files[][2] = {
		{ "a", "p: ${PASS}\nu: x${URL}y\nh: ${HOST}\nr: '\\${PASS} $x ${a b} $PASS'\n"
		       "i:\n${BLOCK}\n" },
		{ "b", "again: ${DOT}\n" },
		{ "/s/p", "it's $1 ${HOST} \"q\"\\" },
		{ "/s/m", "k: 1\nl: 2" },
		{ NULL, NULL }
	};
	static const char *const vars[][2] = {
		{ "PASS", "{{ readfile \"/s/p\" | quote }}" },
		{ "URL", "{{ readfile \"/s/p\" | replace \" \" \"_\" | urlencode }}" },
		{ "HOST", "{{ hostname }}" },
		{ "BLOCK", "{{ readfile \"/s/m\" | indent 2 }}" },
		{ "DOT", "{{ .i.l }}-{{ .h }}" },
		{ NULL, NULL }
	};
	EB_AUTOBUF(out, 10000);
	struct eb_error *e = NULL;

	CHECK_OK(render(files, vars, NULL, &out, &e), e);
	CHECK_STR(eb_buf_str(&out), "again: \"2-pod-0\"\nh: pod-0\ni:\n  k: 1\n  l: 2\n"
				    "p: \"it's $1 ${HOST} \\\"q\\\"\\\\\"\n"
				    "r: \"${PASS} $x ${a b} $PASS\"\n"
				    "u: \"xit%27s_%241_%24%7BHOST%7D_%22q%22%5Cy\"\n");
}

TEST(confrender, refuses_with_file_and_line_and_without_values)
{
	static const struct {
		const char *file, *value, *message;
		int code;
	} cases[] = {
		{ "a: 1\nb: ${MISSING}\n", "", "a:2: variable 'MISSING' is not set",
		  EB_E_NOT_FOUND },
		{ "b: ${V}\n", "{{ nosuch }}", "a:1: variable: V:1: there is no function",
		  EB_E_FORMAT },
		{ "b: ${V}\n", "{{ readfile \"/none\" }}", "V:1: readfile: open '/none'", 2 },
		{ "b: ${V}\n", "*hush", "a:1:4: an alias", EB_E_FORMAT },
		{ "b: ${V}\n", "!hush", "a:1:4: a tag", EB_E_FORMAT },
		{ "b: ${V}\n", "[hush", "not YAML", EB_E_FORMAT },
		{ "- 1\n", "", "a:1:1: expected a map, found a list", EB_E_FORMAT },
		{ "b: ${V}\n", "{{ indent 900 \"x\" }}", "0 to 200", EB_E_FORMAT },
		{ "b: ${V}\n", "{{ replace \"\" \"x\" \"y\" }}", "is empty", EB_E_FORMAT },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(cases); i++) {
		const char *const files[][2] = { { "a", cases[i].file }, { NULL, NULL } };
		const char *const vars[][2] = { { "V", cases[i].value }, { NULL, NULL } };
		EB_AUTOBUF(out, 10000);
		struct eb_error *e = NULL;

		CHECK_INT(render(files, vars, NULL, &out, &e), -cases[i].code);
		CHECK_HAS(e->message, cases[i].message);
		CHECK(!strstr(e->message, "hush"));
		eb_error_clear(&e);
	}
}

TEST(confrender, nothing_gives_an_empty_map)
{
	static const char *const files[][2] = { { "a", "" }, { NULL, NULL } };
	EB_AUTOBUF(out, 100);
	struct eb_error *e = NULL;

	CHECK_OK(render(files, NULL, NULL, &out, &e), e);
	CHECK_STR(eb_buf_str(&out), "{}\n");
}
