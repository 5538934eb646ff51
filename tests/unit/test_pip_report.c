#include "pkg/pip_report.h"

#include "base/json.h"
#include "testlib.h"

#define HASH "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ITEM(file, hash, name)                                                                     \
	"{\"download_info\":{\"url\":\"https://example.org/x/" file "?a#b\",\"archive_info\":"     \
	"{\"hashes\":{\"sha256\":\"" hash "\"}}},\"metadata\":{\"name\":\"" name                   \
	"\",\"version\":\"1.0\"}}"
#define REPORT(items) "{\"version\":\"1\",\"install\":[" items "],\"environment\":{\"a\":\"b\"}}"

static int parse(const char *text, const char *env, struct pkg_pip_set **ret, struct eb_error **err)
{
	static const struct pkg_pip_provided provided = { "Given", "1.0" };
	autojson json_t *j = NULL;

	if (env)
		CHECK_OK(eb_json_parse(env, strlen(env), 1000, &j, err), *err);
	return pkg_pip_report_parse(text, strlen(text), j, &provided, 1, ret, err);
}

TEST(pip_report, wheels_come_sorted_without_hosts_and_provided_ones)
{
	EB_CLEANUP(pkg_pip_set_free_p) struct pkg_pip_set *s = NULL;
	autoerror struct eb_error *e = NULL;

	CHECK_OK(parse(REPORT(ITEM("zz-1.0%2Blocal-py3-none-any.whl", HASH, "ZZ") "," ITEM(
			       "given-1.0-py3-none-any.whl", HASH,
			       "given") "," ITEM("a_b-1.0-py3-none-any.whl", HASH, "A.B")),
		       "{\"a\":\"b\"}", &s, &e),
		 e);
	CHECK_INT(s->n, 2);
	CHECK_STR(s->wheels[0].name, "a-b");
	CHECK_STR(s->wheels[0].file, "a_b-1.0-py3-none-any.whl");
	CHECK_STR(s->wheels[0].sha256, HASH);
	CHECK_STR(s->wheels[1].file, "zz-1.0+local-py3-none-any.whl");
	CHECK_STR(s->wheels[1].version, "1.0");
	CHECK(s->wheels[1].size == UINT64_MAX);
}

TEST(pip_report, other_environment_is_refused)
{
	EB_CLEANUP(pkg_pip_set_free_p) struct pkg_pip_set *s = NULL;
	autoerror struct eb_error *e = NULL;

	CHECK_FAIL(parse(REPORT(""), "{\"a\":\"c\"}", &s, &e), EB_E_UNSUPPORTED,
		   "markers with 'a' of this machine", e);
	CHECK_FAIL(parse(REPORT(""), "{\"z\":\"b\"}", &s, &e), EB_E_UNSUPPORTED, "'z'", e);
}

TEST(pip_report, what_is_no_report_is_refused)
{
	static const struct {
		const char *text;
		int code;
		const char *message;
	} bad[] = {
		{ "", EB_E_FORMAT, "report of pip" },
		{ "{\"version\":\"2\"}", EB_E_UNSUPPORTED, "version 1" },
		{ "{\"version\":\"1\"}", EB_E_FORMAT, "install" },
		{ REPORT("7"), EB_E_FORMAT, "install[0].download_info" },
		{ REPORT(ITEM("a-1.0.tar.gz", HASH, "a")), EB_E_UNSOLVABLE, "is no wheel" },
		{ REPORT(ITEM("b-1.0-py3-none-any.whl", HASH, "a")), EB_E_FORMAT, "no file of" },
		{ REPORT(ITEM("a-1.0-py3-none-any.whl", "AA", "a")), EB_E_FORMAT, "64 hex" },
		{ REPORT(ITEM("a-1.0-py3-none-any.whl", HASH, "a b")), EB_E_FORMAT, "a name" },
		{ REPORT(ITEM("..%2f..%2fa-1.0-py3-none-any.whl", HASH, "a")), EB_E_FORMAT,
		  "NAME-VERSION" },
		{ REPORT(ITEM("a-1.0-py3-none-any.whl", HASH,
			      "a") "," ITEM("a-1.0-py3-none-any.whl", HASH, "A")),
		  EB_E_FORMAT, "'a' is there twice" },
	};
	autoerror struct eb_error *e = NULL;

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++) {
		EB_CLEANUP(pkg_pip_set_free_p) struct pkg_pip_set *s = NULL;

		CHECK_FAIL(parse(bad[i].text, NULL, &s, &e), bad[i].code, bad[i].message, e);
	}
}
