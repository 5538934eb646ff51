#include "sign/simple_signing.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/config.h"
#include "image/mediatype.h"
#include "sign/key.h"

#define PAYLOAD_TYPE "cosign container image signature"

void oci_simple_signature_release(struct oci_simple_signature *s)
{
	free(s->payload);
	free(s->config);
	free(s->manifest);
	oci_descriptor_release(&s->payload_desc);
	oci_descriptor_release(&s->config_desc);
	oci_descriptor_release(&s->manifest_desc);
	*s = (struct oci_simple_signature){ 0 };
}

static char *make_payload(const char *reference, const struct oci_digest *what, size_t *ret_n)
{
	autojson json_t *doc = eb_json_object();
	json_t *critical = eb_json_object(), *identity = eb_json_object();
	json_t *image = eb_json_object();

	eb_json_set_str(identity, "docker-reference", reference);
	eb_json_set_str(image, "docker-manifest-digest", what->text);
	eb_json_set(critical, "identity", identity);
	eb_json_set(critical, "image", image);
	eb_json_set_str(critical, "type", PAYLOAD_TYPE);
	eb_json_set(doc, "critical", critical);
	eb_json_set(doc, "optional", json_null());
	return eb_json_canonical(doc, ret_n);
}

void oci_simple_combine(const struct oci_descriptor *layers, size_t n,
			struct oci_simple_signature *ret)
{
	EB_CLEANUP(oci_config_release_p) struct oci_config c = { .created_sec = -1 };
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m;
	size_t bytes;

	c.architecture = eb_xstrdup("");
	c.os = eb_xstrdup("");
	for (size_t i = 0; i < n; i++)
		oci_config_add_layer(&c, &layers[i].digest, NULL);
	ret->config = oci_config_write(&c, &bytes);
	oci_descriptor_of(OCI_MT_CONFIG, ret->config, bytes, &ret->config_desc);
	oci_manifest_init(&m, false);
	oci_descriptor_copy(&ret->config_desc, &m.config);
	for (size_t i = 0; i < n; i++)
		oci_manifest_add(&m, &layers[i]);
	ret->manifest = oci_manifest_write(&m, &bytes);
	oci_descriptor_of(OCI_MT_MANIFEST, ret->manifest, bytes, &ret->manifest_desc);
}

void oci_simple_from_layer(const struct oci_descriptor *layer, const char *payload, size_t n,
			   struct oci_simple_signature *ret)
{
	*ret = (struct oci_simple_signature){ .payload = eb_xstrndup(payload, n) };
	oci_descriptor_copy(layer, &ret->payload_desc);
	oci_simple_combine(layer, 1, ret);
}

int oci_simple_sign(const struct oci_key *key, const char *reference, const struct oci_digest *what,
		    struct oci_simple_signature *ret, struct eb_error **err)
{
	EB_CLEANUP(oci_simple_signature_release_p) struct oci_simple_signature s = { 0 };
	uint8_t sig[OCI_SIGNATURE_MAX_BYTES];
	EB_AUTOBUF(text, 2 * OCI_SIGNATURE_MAX_BYTES);
	size_t n, sig_n;
	int r;

	s.payload = make_payload(reference, what, &n);
	r = oci_key_sign(key, s.payload, n, sig, &sig_n, err);
	if (r < 0)
		return r;
	eb_base64_encode(sig, sig_n, &text);
	oci_descriptor_of(OCI_MT_SIMPLE_SIGNING, s.payload, n, &s.payload_desc);
	oci_descriptor_annotate(&s.payload_desc, OCI_ANN_COSIGN_SIGNATURE, eb_buf_str(&text));
	oci_simple_combine(&s.payload_desc, 1, &s);
	*ret = s;
	s = (struct oci_simple_signature){ 0 };
	return 0;
}

int oci_simple_payload_parse(const char *text, size_t n, struct oci_digest *ret_digest,
			     char **ret_reference, struct eb_error **err)
{
	autojson json_t *doc = NULL;
	json_t *critical, *identity, *image;
	const char *digest, *reference, *type;
	int r = eb_json_parse(text, n, OCI_PAYLOAD_MAX_BYTES, &doc, err);

	if (r >= 0)
		r = eb_json_get_object(doc, "critical", &critical, err);
	if (r >= 0)
		r = eb_json_get_str(critical, "type", &type, err);
	if (r >= 0 && strcmp(type, PAYLOAD_TYPE) != 0)
		return eb_throw(err, EB_E_FORMAT, "payload of type '%s', expected '%s'", type,
				PAYLOAD_TYPE);
	if (r >= 0)
		r = eb_json_get_object(critical, "image", &image, err);
	if (r >= 0)
		r = eb_json_get_object(critical, "identity", &identity, err);
	if (r >= 0)
		r = eb_json_get_str(image, "docker-manifest-digest", &digest, err);
	if (r >= 0)
		r = eb_json_get_str(identity, "docker-reference", &reference, err);
	if (r >= 0)
		r = oci_digest_parse(digest, ret_digest, err);
	if (r >= 0 && ret_reference)
		*ret_reference = eb_xstrdup(reference);
	return r;
}

int oci_simple_verify(const struct oci_key *key, const struct oci_descriptor *d,
		      const char *payload, size_t n, const struct oci_digest *what,
		      struct eb_error **err)
{
	const char *text = oci_descriptor_annotation(d, OCI_ANN_COSIGN_SIGNATURE);
	EB_AUTOBUF(sig, OCI_SIGNATURE_MAX_BYTES);
	struct oci_digest signs;
	int r;

	if (!text)
		return eb_throw(err, EB_E_SIGNATURE, "the layer carries no signature");
	if (eb_base64_decode(text, strlen(text), &sig, NULL) < 0)
		return eb_throw(err, EB_E_SIGNATURE, "the signature is not base64 text");
	r = oci_key_verify(key, payload, n, (const uint8_t *)eb_buf_str(&sig), sig.len, err);
	if (r < 0)
		return r;
	if (oci_simple_payload_parse(payload, n, &signs, NULL, NULL) < 0)
		return eb_throw(err, EB_E_SIGNATURE, "the signed payload is malformed");
	if (!oci_digest_eq(&signs, what))
		return eb_throw(err, EB_E_SIGNATURE, "the signature is over %s, not over %s",
				signs.text, what->text);
	return 0;
}
