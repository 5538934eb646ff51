#include "cli/signing.h"

#include <openssl/crypto.h>

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "bundle/sign.h"
#include "sign/key.h"

void signing_release(struct signing *s)
{
	s->key = oci_key_free(s->key);
}

int signing_name(const char *path, char ret[static 65], struct eb_error **err)
{
	EB_AUTOBUF(pem, OCI_KEY_FILE_MAX_BYTES);
	int r = eb_file_read(path, &pem, err);

	if (r < 0)
		return r;
	eb_sha256_hex(eb_buf_str(&pem), pem.len, ret);
	OPENSSL_cleanse(pem.data, pem.alloc);
	return 0;
}

int signing_load(const char *path, struct signing *ret, struct eb_error **err)
{
	EB_AUTOBUF(pem, OCI_KEY_FILE_MAX_BYTES);
	char *password = NULL;
	int r = eb_file_read(path, &pem, err);

	if (r >= 0 && oci_key_is_encrypted(eb_buf_str(&pem), pem.len)) {
		autofree char *what = eb_xasprintf("password of %s", path);

		r = env_password(what, false, &password, err);
	}
	if (r >= 0)
		r = oci_key_read_private(eb_buf_str(&pem), pem.len, password, path, &ret->key, err);
	env_password_free(&password);
	if (pem.data)
		OPENSSL_cleanse(pem.data, pem.alloc);
	if (r >= 0)
		oci_key_hint(ret->key, ret->public_id);
	return r;
}

int signing_load_public(const char *path, struct oci_key **ret, struct eb_error **err)
{
	EB_AUTOBUF(pem, OCI_KEY_FILE_MAX_BYTES);
	int r = eb_file_read(path, &pem, err);

	return r < 0 ? r : oci_key_read_public(eb_buf_str(&pem), pem.len, path, ret, err);
}

int signing_add(void *ctx, const struct oci_descriptor *root, struct bnd_layout *layout,
		struct oci_descriptor *ret_entry, struct eb_error **err)
{
	const struct signing *s = ctx;

	return bnd_sign_layout(s->key, s->reference, root, layout, ret_entry, err);
}
