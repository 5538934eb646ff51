#include "base/json.h"
#include "image/config.h"
#include "testlib.h"

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HEAD "{\"architecture\":\"amd64\",\"os\":\"linux\","
#define ROOTFS "\"rootfs\":{\"diff_ids\":[\"sha256:" HEX "\"],\"type\":\"layers\"}"

static int parse(const char *text, struct oci_config *ret, struct eb_error **err)
{
	return oci_config_parse(text, strlen(text), ret, err);
}

TEST(config, write_is_canonical_and_read_back)
{
	static const char want[] =
		"{\"architecture\":\"arm\",\"config\":{\"Env\":[\"A=b\"],\"User\":\"10001\"},"
		"\"created\":\"2023-11-14T22:13:20Z\",\"history\":[{\"created\":"
		"\"2023-11-14T22:13:20Z\",\"created_by\":\"base: libc6\"}],\"os\":\"linux\"," ROOTFS
		",\"variant\":\"v7\"}";
	EB_CLEANUP(oci_config_release_p)
	struct oci_config c = {
		.architecture = eb_xstrdup("arm"),
		.os = eb_xstrdup("linux"),
		.variant = eb_xstrdup("v7"),
		.created_sec = 1700000000,
		.config = eb_json_object(),
	};
	EB_CLEANUP(oci_config_release_p) struct oci_config back = { .created_sec = 0 };
	autoerror struct eb_error *e = NULL;
	json_t *env = eb_json_array();
	autofree char *out = NULL;
	autofree char *again = NULL;
	struct oci_digest id;
	size_t n = 0;

	oci_digest_of("", 0, &id);
	oci_config_add_layer(&c, &id, "base: libc6");
	eb_json_push(env, eb_json_str("A=b"));
	eb_json_set_str(c.config, "User", "10001");
	eb_json_set(c.config, "Env", env);
	out = oci_config_write(&c, &n);
	CHECK_STR(out, want);
	CHECK_INT(n, strlen(want));
	CHECK_OK(oci_config_parse(out, n, &back, &e), e);
	CHECK_INT(back.created_sec, 1700000000);
	CHECK_INT(back.n_diff_ids, 1);
	CHECK_STR(back.history[0].created_by, "base: libc6");
	again = oci_config_write(&back, NULL);
	CHECK_STR(again, want);
}

TEST(config, parse_created_forms)
{
	static const struct {
		const char *text;
		int64_t sec;
	} rows[] = {
		{ "\"2023-11-14T22:13:20Z\"", 1700000000 },
		{ "\"2023-11-14T22:13:20.015925234Z\"", 1700000000 },
		{ "\"2023-11-15T00:13:20+02:00\"", 1700000000 },
		{ "\"2023-11-14T16:43:20-05:30\"", 1700000000 },
		{ "\"1970-01-01T00:00:00Z\"", 0 },
		{ "\"0001-01-01T00:00:00Z\"", -1 },
		{ "null", -1 },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(rows); i++) {
		EB_CLEANUP(oci_config_release_p) struct oci_config c = { .created_sec = 7 };
		autofree char *text = eb_xasprintf(HEAD ROOTFS ",\"created\":%s}", rows[i].text);
		autoerror struct eb_error *e = NULL;

		CHECK_OK(parse(text, &c, &e), e);
		CHECK_INT(c.created_sec, rows[i].sec);
	}
}

TEST(config, parse_errors_name_the_member)
{
	static const struct {
		const char *text;
		int code;
		const char *message;
	} rows[] = {
		{ "{}", EB_E_FORMAT, "architecture: expected a string, found nothing" },
		{ "{\"architecture\":\"x\"}", EB_E_FORMAT, "os: expected a string" },
		{ HEAD "\"config\":7," ROOTFS "}", EB_E_FORMAT, "config: expected an object" },
		{ HEAD "\"a\":0}", EB_E_FORMAT, "rootfs: expected an object, found nothing" },
		{ HEAD "\"rootfs\":{}}", EB_E_FORMAT, "rootfs.type: expected a string" },
		{ HEAD "\"rootfs\":{\"type\":\"x\"}}", EB_E_UNSUPPORTED,
		  "rootfs.type: expected 'layers', found 'x'" },
		{ HEAD "\"rootfs\":{\"type\":\"layers\"}}", EB_E_FORMAT,
		  "rootfs.diff_ids: expected an array" },
		{ HEAD "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[1]}}", EB_E_FORMAT,
		  "rootfs.diff_ids[0]: expected a string, found an integer" },
		{ HEAD "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"x\"]}}", EB_E_FORMAT,
		  "rootfs.diff_ids[0]: 'x' is not a digest" },
		{ HEAD ROOTFS ",\"history\":[{},{\"created_by\":1}]}", EB_E_FORMAT,
		  "history[1].created_by: expected" },
		{ HEAD ROOTFS ",\"history\":[7]}", EB_E_FORMAT,
		  "history[0].created_by: expected inside an object" },
		{ HEAD ROOTFS ",\"history\":[{\"empty_layer\":1}]}", EB_E_FORMAT,
		  "history[0].empty_layer: expected a boolean" },
		{ HEAD ROOTFS ",\"created\":\"yesterday\"}", EB_E_FORMAT,
		  "created: 'yesterday' is not a time" },
		{ HEAD ROOTFS ",\"created\":\"2023-13-14T22:13:20Z\"}", EB_E_FORMAT,
		  "is not a time" },
		{ HEAD ROOTFS ",\"created\":\"2023-11-14T22:13:20\"}", EB_E_FORMAT,
		  "is not a time" },
		{ HEAD ROOTFS ",\"created\":\"2023-11-14T22:13:20.Z\"}", EB_E_FORMAT,
		  "is not a time" },
		{ HEAD ROOTFS ",\"created\":\"2023-11-14T22:13:20+0200\"}", EB_E_FORMAT,
		  "is not a time" },
		{ HEAD ROOTFS ",\"created\":\"2023-11-14T22:13:20Zx\"}", EB_E_FORMAT,
		  "is not a time" },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(rows); i++) {
		struct oci_config c = { .n_history = 77 };
		struct eb_error *e = NULL;

		CHECK_FAIL(parse(rows[i].text, &c, &e), rows[i].code, rows[i].message, e);
		CHECK(c.n_history == 77 && !c.os);
	}
}

TEST(config, parse_ignores_strangers_and_keeps_config_object)
{
	EB_CLEANUP(oci_config_release_p) struct oci_config c = { .created_sec = 0 };
	autoerror struct eb_error *e = NULL;
	autofree char *out = NULL;

	CHECK_OK(parse(HEAD ROOTFS ",\"docker_version\":\"1\",\"history\":null,"
				   "\"config\":{\"Healthcheck\":{\"Test\":[\"NONE\"]}}}",
		       &c, &e),
		 e);
	out = oci_config_write(&c, NULL);
	CHECK_STR(out, "{\"architecture\":\"amd64\",\"config\":{\"Healthcheck\":{\"Test\":"
		       "[\"NONE\"]}},\"os\":\"linux\"," ROOTFS "}");
}
