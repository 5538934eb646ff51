#include "base/json.h"
#include "image/descriptor.h"
#include "testlib.h"

#define D1 "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static int parse(const char *text, struct oci_descriptor *ret, struct eb_error **err)
{
	autojson json_t *j = NULL;
	int r = eb_json_parse(text, strlen(text), 65536, &j, err);

	return r < 0 ? r : oci_descriptor_parse(j, ret, err);
}

TEST(descriptor, parse_and_write_round_trip)
{
	static const char text[] =
		"{\"annotations\":{\"k\":\"v\"},\"artifactType\":\"a/b\",\"digest\":\"" D1
		"\",\"mediaType\":\"application/x+json\",\"platform\":{\"architecture\":\"arm\","
		"\"os\":\"linux\",\"variant\":\"v7\"},\"size\":9007199254740993}";
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = 0 };
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor copy = { .size = 0 };
	autoerror struct eb_error *e = NULL;
	autojson json_t *j = NULL;
	autofree char *out = NULL;

	CHECK_OK(parse(text, &d, &e), e);
	CHECK_STR(oci_descriptor_annotation(&d, "k"), "v");
	CHECK_STR(oci_descriptor_annotation(&d, "other"), NULL);
	oci_descriptor_copy(&d, &copy);
	oci_descriptor_annotate(&d, "k", "changed");
	j = oci_descriptor_json(&copy);
	out = eb_json_canonical(j, NULL);
	CHECK_STR(out, text);
}

TEST(descriptor, parse_drops_data_urls_and_strangers)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = 0 };
	autoerror struct eb_error *e = NULL;
	autojson json_t *j = NULL;
	autofree char *out = NULL;

	CHECK_OK(parse("{\"mediaType\":\"a/b\",\"digest\":\"" D1 "\",\"size\":0,\"data\":\"\","
		       "\"urls\":[\"https://example.org/\"],\"x\":{},\"annotations\":null}",
		       &d, &e),
		 e);
	j = oci_descriptor_json(&d);
	out = eb_json_canonical(j, NULL);
	CHECK_STR(out, "{\"digest\":\"" D1 "\",\"mediaType\":\"a/b\",\"size\":0}");
}

TEST(descriptor, parse_errors_name_the_member)
{
#define BASE "\"mediaType\":\"a/b\",\"digest\":\"" D1 "\",\"size\":1"
	static const struct {
		const char *text;
		int code;
		const char *message;
	} rows[] = {
		{ "{}", EB_E_FORMAT, "mediaType: expected a string, found nothing" },
		{ "[]", EB_E_FORMAT, "mediaType: expected inside an object, found an array" },
		{ "{\"mediaType\":\"a\"}", EB_E_FORMAT, "mediaType: 'a' is not a media type" },
		{ "{\"mediaType\":\"a/b/c\"}", EB_E_FORMAT, "is not a media type" },
		{ "{\"mediaType\":\"a/\"}", EB_E_FORMAT, "is not a media type" },
		{ "{\"mediaType\":\"/b\"}", EB_E_FORMAT, "is not a media type" },
		{ "{\"mediaType\":\"a/b c\"}", EB_E_FORMAT, "is not a media type" },
		{ "{\"mediaType\":\"a/b\",\"digest\":7}", EB_E_FORMAT,
		  "digest: expected a string" },
		{ "{\"mediaType\":\"a/b\",\"digest\":\"sha256:00\"}", EB_E_FORMAT,
		  "digest: digest 'sha256:00'" },
		{ "{\"mediaType\":\"a/b\",\"digest\":\"md5:00\"}", EB_E_UNSUPPORTED, "'md5'" },
		{ "{\"mediaType\":\"a/b\",\"digest\":\"" D1 "\"}", EB_E_FORMAT,
		  "size: expected an integer" },
		{ "{\"mediaType\":\"a/b\",\"digest\":\"" D1 "\",\"size\":-1}", EB_E_FORMAT,
		  "size: expected 0 or more" },
		{ "{" BASE ",\"artifactType\":\"x\"}", EB_E_FORMAT, "artifactType: 'x'" },
		{ "{" BASE ",\"platform\":{\"os\":\"linux\"}}", EB_E_FORMAT,
		  "platform.architecture: expected" },
		{ "{" BASE ",\"platform\":{\"architecture\":\"x\",\"os\":\"y\",\"variant\":1}}",
		  EB_E_FORMAT, "platform.variant: expected" },
		{ "{" BASE ",\"annotations\":{\"k\":1}}", EB_E_FORMAT,
		  "annotations.k: expected a string, found an integer" },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(rows); i++) {
		struct oci_descriptor d = { .size = 77 };
		struct eb_error *e = NULL;

		CHECK_FAIL(parse(rows[i].text, &d, &e), rows[i].code, rows[i].message, e);
		CHECK(d.size == 77 && !d.media_type);
	}
#undef BASE
}

TEST(descriptor, of_bytes)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = 77 };

	oci_descriptor_of("a/b", "", 0, &d);
	CHECK_STR(d.digest.text, D1);
	CHECK_INT(d.size, 0);
	CHECK_STR(d.media_type, "a/b");
}
