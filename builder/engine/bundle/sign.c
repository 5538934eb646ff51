#include "bundle/sign.h"

#include "base/error.h"
#include "base/mem.h"
#include "image/mediatype.h"

void bnd_sign_entry(const struct oci_descriptor *manifest, const struct oci_digest *signs,
		    struct oci_descriptor *ret)
{
	*ret = (struct oci_descriptor){ .media_type = eb_xstrdup(OCI_MT_MANIFEST),
					.digest = manifest->digest,
					.size = manifest->size };
	oci_descriptor_annotate(ret, BND_ANN_SIGNS, signs->text);
	oci_descriptor_annotate(ret, BND_ANN_COSIGN_KIND, "dev.cosignproject.cosign/sigs");
}

int bnd_sign_layout(const struct oci_key *key, const char *reference,
		    const struct oci_descriptor *root, struct bnd_layout *layout,
		    struct oci_descriptor *ret_entry, struct eb_error **err)
{
	EB_CLEANUP(oci_simple_signature_release_p) struct oci_simple_signature s = { 0 };
	int r = oci_simple_sign(key, reference, &root->digest, &s, err);

	if (r < 0)
		return r;
	r = bnd_layout_add(layout, BND_SIGNATURE, &s.payload_desc.digest, s.payload_desc.size,
			   EB_TAKE_PTR(s.payload), err);
	if (r >= 0)
		r = bnd_layout_add(layout, BND_SIGNATURE, &s.config_desc.digest, s.config_desc.size,
				   EB_TAKE_PTR(s.config), err);
	if (r >= 0)
		r = bnd_layout_add(layout, BND_SIGNATURE, &s.manifest_desc.digest,
				   s.manifest_desc.size, EB_TAKE_PTR(s.manifest), err);
	if (r >= 0)
		bnd_sign_entry(&s.manifest_desc, &root->digest, ret_entry);
	return r;
}
