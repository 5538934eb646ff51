#include "image/manifest.h"
#include "image/mediatype.h"
#include "testlib.h"

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define DESC(type) "{\"digest\":\"sha256:" HEX "\",\"mediaType\":\"" type "\",\"size\":3}"
#define MANIFEST                                                                                   \
	"{\"annotations\":{\"a\":\"b\"},\"artifactType\":\"x/y\",\"config\":" DESC(                \
		"c/c") ",\"layers\":[" DESC("l/1") "," DESC("l/2") "],\"mediaType\":"              \
								   "\"" OCI_MT_MANIFEST            \
								   "\",\"schemaVersion\":2,"       \
								   "\"subject\":" DESC("s/s") "}"
#define INDEX                                                                                      \
	"{\"manifests\":[" DESC("m/1") "],\"mediaType\":\"" OCI_MT_INDEX "\",\"schemaVersion\":2}"

static int parse(const char *text, struct oci_manifest *ret, struct eb_error **err)
{
	return oci_manifest_parse(text, strlen(text), ret, err);
}

TEST(manifest, image_round_trip_is_canonical)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .n_items = 0 };
	autoerror struct eb_error *e = NULL;
	autofree char *out = NULL;
	size_t n = 0;

	CHECK_OK(parse(MANIFEST, &m, &e), e);
	CHECK(!m.is_index);
	CHECK_INT(m.n_items, 2);
	CHECK_STR(m.items[1].media_type, "l/2");
	CHECK_STR(m.config.media_type, "c/c");
	CHECK_STR(m.subject->media_type, "s/s");
	CHECK_STR(oci_manifest_annotation(&m, "a"), "b");
	out = oci_manifest_write(&m, &n);
	CHECK_STR(out, MANIFEST);
	CHECK_INT(n, strlen(MANIFEST));
}

TEST(manifest, index_built_is_read_back)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .n_items = 0 };
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest back = { .n_items = 0 };
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = 0 };
	autoerror struct eb_error *e = NULL;
	autofree char *out = NULL;
	autofree char *again = NULL;
	size_t n = 0;

	oci_manifest_init(&m, true);
	oci_descriptor_of(OCI_MT_MANIFEST, "abc", 3, &d);
	for (int i = 0; i < 40; i++)
		oci_manifest_add(&m, &d);
	oci_manifest_annotate(&m, "k", "v");
	out = oci_manifest_write(&m, &n);
	CHECK_OK(oci_index_json_parse(out, n, &back, &e), e);
	CHECK_INT(back.n_items, 40);
	CHECK(oci_digest_eq(&back.items[39].digest, &d.digest));
	again = oci_manifest_write(&back, NULL);
	CHECK_STR(again, out);
}

TEST(manifest, parse_without_media_type_goes_by_members)
{
	static const char image[] = "{\"schemaVersion\":2,\"config\":" DESC(
		"c/c") ",\"layers\":[]}";
	static const char index[] = "{\"schemaVersion\":2,\"manifests\":null,\"x\":1} \n  ";
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .n_items = 0 };
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest i = { .n_items = 0 };
	autoerror struct eb_error *e = NULL;

	CHECK_OK(parse(image, &m, &e), e);
	CHECK(!m.is_index);
	CHECK_STR(m.media_type, OCI_MT_MANIFEST);
	CHECK_OK(oci_index_json_parse(index, strlen(index), &i, &e), e);
	CHECK(i.is_index && i.n_items == 0);
	CHECK_STR(i.media_type, OCI_MT_INDEX);
}

TEST(manifest, parse_docker_types)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .n_items = 0 };
	autoerror struct eb_error *e = NULL;

	CHECK_OK(parse("{\"schemaVersion\":2,\"mediaType\":\"" OCI_MT_DOCKER_LIST
		       "\",\"manifests\":[" DESC("m/1") "]}",
		       &m, &e),
		 e);
	CHECK(m.is_index);
	CHECK(oci_media_type_is_manifest(OCI_MT_DOCKER_MANIFEST));
	CHECK(!oci_media_type_is_manifest(OCI_MT_DOCKER_LIST));
}

TEST(manifest, parse_errors_name_the_member)
{
#define V2 "{\"schemaVersion\":2,"
	static const struct {
		const char *text;
		int code;
		const char *message;
	} rows[] = {
		{ "[]", EB_E_FORMAT, "schemaVersion: expected inside an object, found an array" },
		{ "{}", EB_E_FORMAT, "schemaVersion: expected an integer, found nothing" },
		{ "{\"schemaVersion\":1}", EB_E_UNSUPPORTED, "schemaVersion: only 2" },
		{ V2 "\"mediaType\":\"text/plain\"}", EB_E_UNSUPPORTED, "mediaType: 'text/plain'" },
		{ V2 "\"manifests\":[],\"layers\":[]}", EB_E_FORMAT, "two different images" },
		{ V2 "\"manifests\":[],\"config\":{}}", EB_E_FORMAT, "two different images" },
		{ V2 "\"manifests\":[],\"mediaType\":\"" OCI_MT_MANIFEST "\"}", EB_E_FORMAT,
		  "does not fit" },
		{ V2 "\"layers\":[],\"mediaType\":\"" OCI_MT_INDEX "\"}", EB_E_FORMAT,
		  "does not fit" },
		{ V2 "\"layers\":[]}", EB_E_FORMAT, "config: expected an object, found nothing" },
		{ V2 "\"config\":" DESC("c/c") "}", EB_E_FORMAT, "layers: expected an array" },
		{ V2 "\"config\":{\"mediaType\":\"a/b\"}}", EB_E_FORMAT,
		  "config.digest: expected" },
		{ V2 "\"config\":" DESC("c/c") ",\"layers\":[" DESC(
			  "l/1") ",{\"mediaType\":\"a/b\",\"digest\":\"x\"}]}",
		  EB_E_FORMAT, "layers[1].digest: 'x' is not a digest" },
		{ V2 "\"manifests\":[7]}", EB_E_FORMAT,
		  "manifests[0].mediaType: expected inside an object, found an integer" },
		{ V2 "\"manifests\":[],\"subject\":{}}", EB_E_FORMAT,
		  "subject.mediaType: expected" },
		{ V2 "\"manifests\":[],\"artifactType\":\"?\"}", EB_E_FORMAT, "artifactType: '?'" },
		{ V2 "\"manifests\":[],\"annotations\":[]}", EB_E_FORMAT,
		  "annotations: expected an object" },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(rows); i++) {
		struct oci_manifest m = { .n_items = 77 };
		struct eb_error *e = NULL;

		CHECK_FAIL(parse(rows[i].text, &m, &e), rows[i].code, rows[i].message, e);
		CHECK(m.n_items == 77 && !m.media_type);
	}
}

TEST(manifest, parse_every_truncation_fails)
{
	for (size_t n = 0; n < strlen(MANIFEST); n++) {
		autoerror struct eb_error *e = NULL;
		struct oci_manifest m;

		CHECK_INT(oci_manifest_parse(MANIFEST, n, &m, &e), -EB_E_FORMAT);
	}
}

TEST(manifest, parse_too_many_or_too_large_is_limit)
{
	EB_AUTOBUF(b, OCI_MANIFEST_MAX_BYTES + 100);
	autoerror struct eb_error *e = NULL;
	struct oci_manifest m;

	eb_buf_adds(&b, V2 "\"config\":" DESC("c/c") ",\"layers\":[");
	for (int i = 0; i <= OCI_MAX_LAYERS; i++)
		eb_buf_addf(&b, "%s%s", i ? "," : "", DESC("l/1"));
	eb_buf_adds(&b, "]}");
	CHECK_FAIL(parse(eb_buf_str(&b), &m, &e), EB_E_LIMIT,
		   "layers: more than 512 entries, found 513", e);
	while (b.len <= OCI_MANIFEST_MAX_BYTES)
		eb_buf_addc(&b, ' ');
	CHECK_FAIL(parse(eb_buf_str(&b), &m, &e), EB_E_LIMIT, "is larger than 4194304", e);
}

TEST(manifest, index_json_refuses_an_image)
{
	autoerror struct eb_error *e = NULL;
	struct oci_manifest m;

	CHECK_FAIL(oci_index_json_parse(MANIFEST, strlen(MANIFEST), &m, &e), EB_E_FORMAT,
		   "expected an index", e);
}

TEST(manifest, index_padded_with_blanks_parses)
{
	static const char text[] = INDEX "          \n\n";
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .n_items = 0 };
	autoerror struct eb_error *e = NULL;

	CHECK_OK(oci_index_json_parse(text, strlen(text), &m, &e), e);
	CHECK_INT(m.n_items, 1);
}
