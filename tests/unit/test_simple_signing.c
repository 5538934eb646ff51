#include "sign/simple_signing.h"

#include "image/mediatype.h"
#include "sign/key.h"
#include "testlib.h"

struct fixture {
	struct oci_key *key, *other;
	struct oci_digest what;
	struct oci_simple_signature s;
	struct oci_manifest m; /* of the signature, read back */
};

static void start(struct fixture *f)
{
	autoerror struct eb_error *e = NULL;

	*f = (struct fixture){ .key = NULL };
	oci_digest_of("x", 1, &f->what);
	CHECK_OK(oci_key_generate(&f->key, &e), e);
	CHECK_OK(oci_key_generate(&f->other, &e), e);
	CHECK_OK(oci_simple_sign(f->key, "example.internal/x", &f->what, &f->s, &e), e);
	CHECK_OK(oci_manifest_parse(f->s.manifest, f->s.manifest_desc.size, &f->m, &e), e);
}

static void end(struct fixture *f)
{
	oci_key_free(f->key);
	oci_key_free(f->other);
	oci_simple_signature_release(&f->s);
	oci_manifest_release(&f->m);
}
EB_DEFINE_RELEASE(struct fixture, end)

static int verify(const struct fixture *f, const struct oci_key *key, const struct oci_digest *what,
		  struct eb_error **err)
{
	return oci_simple_verify(key, &f->m.items[0], f->s.payload, f->s.payload_desc.size, what,
				 err);
}

TEST(simple_signing, sign_has_cosigns_form)
{
	EB_CLEANUP(end_p) struct fixture f;
	autoerror struct eb_error *e = NULL;
	autofree char *reference = NULL;
	struct oci_digest signs;

	start(&f);
	CHECK_INT(f.m.n_items, 1);
	CHECK_STR(f.m.media_type, OCI_MT_MANIFEST);
	CHECK_STR(f.m.config.media_type, OCI_MT_CONFIG);
	CHECK_STR(f.m.items[0].media_type, OCI_MT_SIMPLE_SIGNING);
	CHECK(oci_digest_eq(&f.m.items[0].digest, &f.s.payload_desc.digest));
	CHECK_HAS(f.s.config, f.s.payload_desc.digest.text);
	CHECK_OK(oci_simple_payload_parse(f.s.payload, f.s.payload_desc.size, &signs, &reference,
					  &e),
		 e);
	CHECK_STR(signs.text, f.what.text);
	CHECK_STR(reference, "example.internal/x");
}

TEST(simple_signing, verify_says_what_does_not_hold)
{
	EB_CLEANUP(end_p) struct fixture f;
	autoerror struct eb_error *e = NULL;
	struct oci_digest other;

	start(&f);
	oci_digest_of("y", 1, &other);
	CHECK_OK(verify(&f, f.key, &f.what, &e), e);
	CHECK_FAIL(verify(&f, f.other, &f.what, &e), EB_E_SIGNATURE, "not by this key", e);
	CHECK_FAIL(verify(&f, f.key, &other, &e), EB_E_SIGNATURE,
		   "the signature is over sha256:", e);
	f.s.payload[f.s.payload_desc.size - 1] ^= 1;
	CHECK_FAIL(verify(&f, f.key, &f.what, &e), EB_E_SIGNATURE, "not by this key", e);
	f.s.payload[f.s.payload_desc.size - 1] ^= 1;
	oci_descriptor_annotate(&f.m.items[0], OCI_ANN_COSIGN_SIGNATURE, "???");
	CHECK_FAIL(verify(&f, f.key, &f.what, &e), EB_E_SIGNATURE, "is not base64 text", e);
	oci_descriptor_annotate(&f.m.items[0], OCI_ANN_COSIGN_SIGNATURE, "");
	CHECK_FAIL(verify(&f, f.key, &f.what, &e), EB_E_SIGNATURE, "not by this key", e);
	json_decref(f.m.items[0].annotations);
	f.m.items[0].annotations = NULL;
	CHECK_FAIL(verify(&f, f.key, &f.what, &e), EB_E_SIGNATURE, "carries no signature", e);
}

TEST(simple_signing, payload_of_another_form_is_refused)
{
#define DIGEST "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "", "" },
		{ "[]", "critical" },
		{ "{\"critical\":{}}", "type" },
		{ "{\"critical\":{\"type\":\"atomic container signature\"}}",
		  "payload of type 'atomic container signature'" },
		{ "{\"critical\":{\"type\":\"cosign container image signature\"}}", "image" },
		{ "{\"critical\":{\"type\":\"cosign container image signature\",\"image\":{"
		  "\"docker-manifest-digest\":\"sha256:1\"},\"identity\":{\"docker-reference\":"
		  "\"\"}}}",
		  "" },
		{ "{\"critical\":{\"type\":\"cosign container image signature\",\"image\":{"
		  "\"docker-manifest-digest\":\"" DIGEST "\"}}}",
		  "identity" },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(cases); i++) {
		autoerror struct eb_error *e = NULL;
		struct oci_digest d;

		CHECK_FAIL(oci_simple_payload_parse(cases[i].text, strlen(cases[i].text), &d, NULL,
						    &e),
			   EB_E_FORMAT, cases[i].message, e);
	}
}
