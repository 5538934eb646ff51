#include "render/chart.h"

#include "base/json.h"
#include "testlib.h"

static void check_version(const char *version, const char *want)
{
	autofree char *v = rnd_chart_version(version);

	CHECK_STR(v, want);
}

TEST(chart, versions_become_semver)
{
	check_version("1.2.3", "1.2.3");
	check_version("v1.2.3-rc.1", "1.2.3-rc.1");
	check_version("1.2", "1.2.0");
	check_version("7", "7.0.0");
	check_version("2026_11", "0.0.0-v2026-11");
	check_version("01.2.3", "0.0.0-v01-2-3");
	check_version("1.", "0.0.0-v1-");
}

static char *read_file(const char *name)
{
	autofree char *path = eb_xasprintf("%s/chart/%s", test_dir(), name);
	EB_AUTOBUF(text, 10000);
	struct eb_error *e = NULL;

	CHECK_OK(eb_file_read(path, &text, &e), e);
	return eb_xstrdup(eb_buf_str(&text));
}

TEST(chart, templates_are_escaped_and_guarded)
{
	static const struct rnd_chart c = { "demo", "1.0", "rel", "ns" };
	static const char text[] = "[{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{"
				   "\"name\":\"a\"},\"data\":{\"x\":"
				   "\"p {{{ y }}\"}}]";
	EB_CLEANUP(rnd_objects_release_p) struct rnd_objects o = { 0 };
	autofree char *dir = eb_xasprintf("%s/chart", test_dir()), *map = NULL, *chart = NULL,
		      *guard = NULL;
	autojson json_t *j = NULL;
	struct eb_error *e = NULL;

	CHECK_OK(eb_json_parse(text, strlen(text), 10000, &j, &e), e);
	CHECK_OK(rnd_objects_collect(j, "ns", &o, &e), e);
	CHECK_OK(rnd_write_chart(&c, &o, dir, &e), e);
	map = read_file("templates/0001-configmap-a.yaml");
	CHECK_HAS(map, "x: \"p {{ \"{{\" }}{ y }}\"");
	chart = read_file("Chart.yaml");
	CHECK_HAS(chart, "apiVersion: v2\nname: demo\n");
	CHECK_HAS(chart, "version: \"1.0.0\"\n");
	CHECK_HAS(chart, "appVersion: \"1.0\"\n");
	guard = read_file("templates/guard.yaml");
	CHECK_HAS(guard, "if ne .Release.Name \"rel\"");
}
